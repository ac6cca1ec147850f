"""Tables and pictures of attention, for `recipes.explain`."""

import dataclasses

import numpy as np
import pandas as pd

from fdin_tf.explain.attention_plots import plot_first_layer
from fdin_tf.explain.attention_plots import plot_spatial_attention
from fdin_tf.explain.attention_plots import plot_temporal_attention
from fdin_tf.explain.attention_tables import PHASE_NAMES
from fdin_tf.explain.attention_tables import clustered_ratio
from fdin_tf.explain.attention_tables import clustered_table
from recipes.explain_attention_sections import sections_of
from recipes.explain_output import facts_of
from recipes.explain_output import file_name
from recipes.explain_output import second_line
from recipes.explain_output import shows_faces
from recipes.explain_output import synthetic_label
from recipes.explain_output import write_results
from recipes.explain_relevance import Relevances

ALL = "all clips"


@dataclasses.dataclass(frozen=True)
class Looks:
    """Where and when a network looked in one clip of `t` frames.

    Attributes:
        places: Spatial attention, mean over the frames, `(h, w)`; or None.
        weights: Temporal attention, `(t,)`; or None.
        phases: Dict from `PHASE_NAMES` to the frames, `(t,)` bool.
        seconds: Time of every usable frame, `(t,)`, at the clip's rate.
        face: The face with the most weight (else the middle one),
            `(size, size, 1)`.
        sample: Some faces, evenly spaced, `(n, size, size, 1)`.
    """

    places: np.ndarray | None
    weights: np.ndarray | None
    phases: dict[str, np.ndarray]
    seconds: np.ndarray
    face: np.ndarray
    sample: np.ndarray


@dataclasses.dataclass(frozen=True)
class Findings:
    """What was found out about a model.

    Attributes:
        clips: Clip table of the clips that were looked at.
        groupings: Dict from a grouping to the group of each clip.
        looks: `Looks` by clip id, of these and of the clips to show.
        of_clips: One row of numbers per clip, by clip id.
        shown: Frames and `ClipAttention` of the clips to show, by clip id.
        first_layer: Components and their shares, see
            `first_layer_components`; or None.
        relevance: `Relevances`.
    """

    clips: pd.DataFrame
    groupings: dict[str, pd.Series]
    looks: dict[str, Looks]
    of_clips: pd.DataFrame
    shown: dict[str, tuple]
    first_layer: tuple | None
    relevance: Relevances

    def groups(self):
        """Triples of grouping, group and its clips' ids; first all clips."""
        yield "all", ALL, self.clips.clip_id
        for name, of in self.groupings.items():
            for group in of.dropna().sort_values().unique():
                yield name, str(group), self.clips.clip_id[of == group]

    def mean_places(self, clip_ids):
        """Mean spatial attention of clips, `(h, w)`."""
        return np.mean([self.looks[c].places for c in clip_ids], axis=0)


def write_explanation(found, model, cropped, config):
    """Writes tables, pictures and the report, to disk and to MLflow.

    Returns:
        Path of the report.
    """
    label = synthetic_label(model, cropped)
    tables = tables_of(found)
    numbers = {**_numbers(tables), **found.relevance.numbers}
    tables |= found.relevance.tables
    figures = draw(found, model.warp.points, shows_faces(config), label)
    figures |= found.relevance.figures
    facts = {
        **facts_of(found.clips, model, cropped, config),
        "faces shown": "yes" if shows_faces(config) else "no",
    }
    sections = sections_of(found, model, cropped, tables, figures)
    return write_results(
        model, cropped, config, facts, tables, figures, sections,
        numbers, found.relevance.videos,
    )  # fmt: skip


def tables_of(found):
    """All tables, a dict by file name."""
    subjects = found.clips.set_index("clip_id").subject
    tables = {"clips": found.of_clips.reset_index()}
    means, ratios = [], []
    for grouping, group, clip_ids in found.groups():
        of, by = found.of_clips.loc[clip_ids], subjects[clip_ids]
        about = {"grouped_by": grouping, "group": group}
        means.append(
            clustered_table(
                of.drop(columns=["apex_to_neutral", "largest_at_seconds"],
                        errors="ignore"), by
            ).assign(**about)
        )  # fmt: skip
        if "apex" in of:
            both = of[["apex", "neutral"]].notna().all(axis=1).to_numpy()
            if both.any():
                of, by = of[both], by[both]
                ratio, low, high = clustered_ratio(of.apex, of.neutral, by)
                ratios.append({**about, "clips": len(of),
                               "subjects": by.nunique(), "ratio": ratio,
                               "low": low, "high": high})  # fmt: skip
    means = pd.concat(means, ignore_index=True)
    means = means[["grouped_by", "group", *means.columns[:-2]]]
    is_phase = means.name.isin(PHASE_NAMES)
    first = found.looks[found.clips.clip_id.iloc[0]]
    if first.places is not None:
        tables["places"] = means[~is_phase].reset_index(drop=True)
        tables["maps"] = pd.concat(
            _long(found.mean_places(ids), grouped_by=name, group=group)
            for name, group, ids in found.groups()
        )
        components, shares = found.first_layer
        tables["first_layer"] = pd.concat(
            _long(of, "value", component=number, share=share)
            for number, (of, share) in enumerate(zip(components, shares), 1)
        )
    if first.weights is not None:
        tables["phases"] = means[is_phase].reset_index(drop=True)
        tables["apex_to_neutral"] = pd.DataFrame(
            ratios, columns=["grouped_by", "group", "clips", "subjects",
                             "ratio", "low", "high"],
        )  # fmt: skip
        tables["frames"] = pd.concat(
            _of_frames(clip_id, found.looks[clip_id])
            for clip_id in found.clips.clip_id
        )
    return tables


def draw(found, points, is_shown, label):
    """All pictures, a dict by file name."""
    figures = {}
    first = found.looks[found.clips.clip_id.iloc[0]]
    if first.places is not None:
        rows = {}
        for grouping, group, clip_ids in found.groups():
            mean = found.mean_places(clip_ids)
            face = None
            if is_shown:
                face = _nearest(found, clip_ids, mean).face
            rows.setdefault(grouping, {})[group] = [(face, mean)]
        everyone = rows.pop("all")
        figures["attention"] = _places(everyone, points, "All clips", label)
        for grouping, of in rows.items():
            figures[f"attention_{file_name(grouping)}"] = _places(
                {**everyone, **of}, points, f"By {grouping}", label
            )
        figures["first_layer"] = plot_first_layer(
            *found.first_layer, f"First layer{label}"
        )
    for clip_id, (frames, seen) in found.shown.items():
        looks = found.looks[clip_id]
        name = file_name(clip_id)
        if seen.spatial is not None:
            figures[f"clip_{name}_attention"] = _places(
                _of_phases(frames, seen.spatial, looks, is_shown),
                points, clip_id, label,
            )  # fmt: skip
        if seen.temporal is not None:
            figures[f"clip_{name}_frames"] = plot_temporal_attention(
                frames if is_shown else None,
                seen.temporal,
                looks.seconds,
                looks.phases,
                title=f"{clip_id}{second_line(label)}",
            )
    return figures


def _places(rows, points, title, label):
    return plot_spatial_attention(
        rows, points, limits=None, title=f"{title}{second_line(label)}"
    )


def _nearest(found, clip_ids, mean):
    """`Looks` of the clip closest to the mean."""
    looks = [found.looks[c] for c in clip_ids]
    return min(looks, key=lambda of: np.abs(of.places - mean).sum())


def _of_phases(frames, spatial, looks, is_shown):
    """A row per phase: its frame of most weight, or the one in its middle."""
    rows = {}
    for phase, where in looks.phases.items():
        if where.any():
            of = np.flatnonzero(where)
            chosen = of[len(of) // 2]
            if looks.weights is not None:
                chosen = of[looks.weights[of].argmax()]
            face = frames[chosen] if is_shown else None
            title = f"{phase}, {looks.seconds[chosen]:.2f} s"
            rows[title] = [(face, spatial[chosen])]
    return rows


def _long(values, name="attention", **about):
    """A map as a table of one row per place."""
    rows, columns = np.indices(values.shape)
    return pd.DataFrame({
        **about, "row": rows.ravel(), "column": columns.ravel(),
        name: values.ravel(),
    })  # fmt: skip


def _of_frames(clip_id, looks):
    """The frames of a clip: time, phase, weight."""
    names = np.array(list(looks.phases))
    phase = np.stack(list(looks.phases.values())).argmax(axis=0)
    return pd.DataFrame({
        "clip_id": clip_id, "frame": np.arange(len(looks.weights)),
        "seconds": looks.seconds, "phase": names[phase],
        "weight": looks.weights,
    })  # fmt: skip


def _numbers(tables):
    """What MLflow shows as metrics."""
    numbers = {}
    for name in ("places", "phases"):
        if name in tables:
            of = tables[name][tables[name].group == ALL]
            numbers |= {
                row.name if row.name == "face_auc"
                else f"attention_{row.name}": row.mean
                for row in of.itertuples(index=False, name="Row")
            }  # fmt: skip
    ratios = tables.get("apex_to_neutral")
    if ratios is not None and len(ratios) and np.isfinite(ratios.ratio[0]):
        numbers["apex_to_neutral"] = ratios.ratio[0]
    return numbers
