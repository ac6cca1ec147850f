"""Tables, pictures and the HTML report of `recipes.explain`."""

import dataclasses

import numpy as np
import pandas as pd

from fdin_tf.explain import rank_relations
from fdin_tf.explain import symmetry
from fdin_tf.explain.face_drawing import middle_of_motion
from fdin_tf.explain.plots import plot_perturbation
from fdin_tf.explain.plots import plot_region_effects
from fdin_tf.explain.relation_plots import plot_group_intervals
from fdin_tf.explain.relation_plots import plot_group_relations
from fdin_tf.explain.relation_plots import plot_importance_matrix
from fdin_tf.explain.relation_plots import plot_relations_on_face
from recipes.explain_output import facts_of
from recipes.explain_output import file_name
from recipes.explain_output import second_line
from recipes.explain_output import shows_faces
from recipes.explain_output import synthetic_label
from recipes.explain_output import write_results
from recipes.explain_relevance import Relevances
from recipes.explain_sections import ages_of
from recipes.explain_sections import sections_of

_ALL = "all clips"


@dataclasses.dataclass(frozen=True)
class Findings:
    """What was found out about a model.

    Attributes:
        clips: Clip table of the clips that were looked at.
        importance: Their importance table.
        of_clips: Importance table of the clips to draw one by one.
        groups: Tables of `group_importance` below one another, with
            `grouped_by` and `num_regions`; None where nothing is labelled.
        groupings: Dict from a grouping to the group of each clip.
        perturbation: Table of `perturbation_table`; None without labels.
        effects: Table of `region_effects`, or None.
        estimates: Table of `perturbation_errors`, or None.
        relevance: `Relevances`.
    """

    clips: pd.DataFrame
    importance: pd.DataFrame
    of_clips: pd.DataFrame
    groups: pd.DataFrame | None
    groupings: dict[str, pd.Series]
    relevance: Relevances
    perturbation: pd.DataFrame | None = None
    effects: pd.DataFrame | None = None
    estimates: pd.DataFrame | None = None


def write_explanation(found, model, encoded, config):
    """Writes tables, pictures and the report, to disk and to MLflow.

    Returns:
        Path of the report.
    """
    sizes = list(dict.fromkeys((2, config.num_regions)))
    label = synthetic_label(model, encoded)
    frames = example_faces(found, encoded, model, config)
    figures = draw(found, sizes, frames, label, ages_of(config))
    figures |= found.relevance.figures
    tables = {
        "importance": found.importance.reset_index(),
        **{
            f"relations_{n}": rank_relations(found.importance, n)
            for n in sizes
        },
        "groups": found.groups,
        "perturbation": found.perturbation,
        "region_effects": found.effects,
        "estimates": found.estimates,
        **found.relevance.tables,
    }  # fmt: skip
    tables = {name: of for name, of in tables.items() if of is not None}
    facts = {
        **facts_of(found.clips, model, encoded, config),
        "dynamics replaced by": config.replace_by,
        "dynamics replaced in": ages_of(config),
    }
    sections = sections_of(found, model, encoded, tables, figures, sizes)
    return write_results(
        model, encoded, config, facts, tables, figures, sections,
        {**_numbers(found), **found.relevance.numbers}, found.relevance.videos,
    )  # fmt: skip


def example_faces(found, encoded, model, config):
    """A face to draw on for all clips, every group and every single clip.

    That of the clip whose importance is closest to the mean; an empty dict
    where faces are not to be shown.
    """
    if not shows_faces(config):
        return {}
    typical = {_ALL: _typical(found.importance)}
    for name, groups in found.groupings.items():
        for group in groups.dropna().unique():
            of = found.importance[(groups == group).to_numpy(bool)]
            typical[name, group] = _typical(of)
    typical |= {clip_id: clip_id for clip_id in found.of_clips.index}
    shown = encoded.clips[encoded.clips.clip_id.isin(typical.values())]
    faces = {
        clip_id: middle_of_motion(frames)
        for clip_id, frames in model.aligned_faces(
            shown, config.cache_dir, config.landmarks_dir
        )
    }
    return {name: faces[clip_id] for name, clip_id in typical.items()}


def draw(found, sizes, frames, label, whose):
    """All pictures, a dict by file name."""
    figures = {}
    for n in sizes:
        figures[f"relations_{n}"] = plot_relations_on_face(
            found.importance, frames.get(_ALL), n,
            title=f"All clips{second_line(label)}",
        )  # fmt: skip
    figures["matrix"] = plot_importance_matrix(
        found.importance, f"Importance of all pairs{label}"
    )
    for name in found.groupings if found.groups is not None else ():
        of = found.groups[found.groups.grouped_by == name]
        tables = [of[of.num_regions == n] for n in sizes]
        faces = {key[1]: frame for key, frame in frames.items()
                 if key[0] == name}  # fmt: skip
        figures[f"groups_{name}"] = plot_group_relations(
            faces or None, tables, title=f"By {name}{second_line(label)}"
        )
        figures[f"groups_{name}_intervals"] = plot_group_intervals(
            tables[0], title=f"By {name}, 95 % intervals{second_line(label)}"
        )
    if found.perturbation is not None:
        figures["perturbation"] = plot_perturbation(
            found.perturbation,
            f"Dynamics of regions replaced: {whose}{second_line(label)}",
        )
        figures["region_effects"] = plot_region_effects(
            found.effects, frames.get(_ALL),
            f"One region replaced: {whose}{second_line(label)}",
        )  # fmt: skip
    for clip_id in found.of_clips.index:
        for n in sizes:
            figures[f"clip_{file_name(clip_id)}_{n}"] = plot_relations_on_face(
                found.of_clips.loc[[clip_id]], frames.get(clip_id), n,
                title=f"{clip_id}{second_line(label)}",
            )  # fmt: skip
    return figures


def _numbers(found):
    """What MLflow shows as metrics."""
    numbers = {"symmetry": symmetry(found.importance)}
    for row in rank_relations(found.importance).head(3).itertuples():
        numbers[f"importance_of_rank_{row.rank}"] = row.importance
    if found.perturbation is not None:
        for name, row in found.perturbation.iterrows():
            key = ("not_contaminated", "less_important", "important")[name]
            numbers[f"error_{key}"] = row.error
    return numbers


def _typical(importance):
    """Id of the clip closest to the mean."""
    away = (importance - importance.mean()).abs().sum(axis=1)
    return away.index[int(np.argmin(away))]
