"""Which motions and which pixels a score comes from, for `recipes.explain`."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

from fdin_tf.data.clips import TARGET_UNITS
from fdin_tf.data.encode import FoldClips
from fdin_tf.explain.clip_relevance import pair_relevance
from fdin_tf.explain.clip_relevance import predict_relevance
from fdin_tf.explain.clip_relevance import region_relevance
from fdin_tf.explain.html_report import Section
from fdin_tf.explain.lrp import ClipPropagator
from fdin_tf.explain.lrp.composites import get_composite
from fdin_tf.explain.relevance_curves import plot_relevance_over_time
from fdin_tf.progress import console
from fdin_tf.regions import REGIONS
from layers.pairwise_relation import region_pairs
from recipes.explain_output import file_name
from recipes.explain_output import second_line
from recipes.explain_output import shows_faces
from recipes.explain_output import synthetic_label
from recipes.explain_relevance_pictures import ShownClip
from recipes.explain_relevance_pictures import clip_pictures
from recipes.explain_relevance_pictures import plot_region_shares
from recipes.explain_relevance_sections import section_of_relations
from recipes.explain_relevance_tables import agreement
from recipes.explain_relevance_tables import region_table
from recipes.explain_relevance_tables import sink_numbers
from recipes.explain_relevance_tables import sink_summary
from recipes.explain_relevance_tables import sink_table


@dataclasses.dataclass(frozen=True)
class Relevances:
    """What was found out about a model's relevance.

    Attributes:
        tables: Dict from a file's name to a DataFrame.
        figures: Dict from a file's name to a matplotlib `Figure`.
        videos: Paths of videos.
        numbers: Dict of what MLflow shows as metrics.
        section: Section of the report.
    """

    tables: dict[str, pd.DataFrame]
    figures: dict
    videos: list[Path]
    numbers: dict[str, float]
    section: Section


def check_relevance(model, config):
    """Finds out whether relevance can pass a model, before hours of work.

    Raises:
        ValueError: If it cannot pass some layer by the rules asked for.
    """
    ClipPropagator(model.network, composite=rules_behind_encoder(config, model))
    if model.encoder is not None and shows_faces(config):
        ClipPropagator(model.joined, composite=config.composite)


def rules_behind_encoder(config, model):
    """The composite for a network alone: on features, none of pixels."""
    composite = get_composite(config.composite)
    if model.encoder is None:
        return composite
    return dataclasses.replace(composite, first=None)


def relevance_of_relations(
    model, data, encoded, clips, importance, effects, config
):
    """Relevance of pairs and regions; of pixels, where faces are shown.

    Args:
        model: `Exported`, with an encoder.
        data: Features of the clips as the network takes them.
        encoded: `EncodedClips`.
        clips: Clip table of the clips that are looked at.
        importance: Their importance table.
        effects: Table of `region_effects`, or None.
        config: `recipes.explain.Config`.

    Returns:
        `Relevances`.
    """
    console.print(f"Relevance: {len(clips)} clips")
    clip_ids = list(dict.fromkeys([*clips.clip_id, *config.clips]))
    found = predict_relevance(
        model.network,
        data,
        clip_ids,
        composite=rules_behind_encoder(config, model),
        batch_size=16,
    )
    looked_at = {c: found[c] for c in clips.clip_id}
    by_region = region_table(looked_at, clips, importance, effects)
    tables = {
        "relevance_regions": region_relevance(looked_at).reset_index(),
        "relevance_pairs": pair_relevance(
            looked_at, region_pairs(len(REGIONS))
        ).reset_index(),
        "relevance_by_region": by_region,
        "relevance_agreement": agreement(by_region),
    }
    sinks = [sink_table(looked_at, ("pairs", "regions"))]
    label = synthetic_label(model, encoded)
    figures = {
        "relevance_regions": plot_region_shares(
            by_region, f"Relevance by region{second_line(label)}"
        )
    }
    shown = config.clips or (typical_clip(looked_at),)
    times = seconds_of(encoded, shown, found)
    for clip_id in shown:
        name = f"clip_{file_name(clip_id)}_relevance_regions"
        figures[name] = plot_relevance_over_time(
            found[clip_id].regions.T, times[clip_id],
            title=f"{clip_id}{second_line(label)}",
        )  # fmt: skip
    videos = {}
    if shows_faces(config):
        chosen = encoded.clips[encoded.clips.clip_id.isin(shown)]
        faces = dict(
            model.aligned_faces(chosen, config.cache_dir, config.landmarks_dir)
        )
        pixels = FoldClips(
            chosen, model.joined.input["frames"].shape[2:], faces, "frames"
        )
        of_pixels = predict_relevance(
            model.joined, pixels, shown, None, config.composite, batch_size=1
        )
        sinks.append(sink_table(of_pixels, ("pixels",)))
        for clip_id in shown:
            heatmaps = of_pixels[clip_id].pixels
            clip = ShownClip(faces[clip_id], heatmaps, times[clip_id])
            videos[clip_id] = clip_pictures(
                clip_id, clip, figures, config.output_dir, label
            )
    tables["relevance_sinks"] = pd.concat(sinks, ignore_index=True).fillna(0.0)
    summary = sink_summary(tables["relevance_sinks"])
    section = section_of_relations(
        tables, summary, figures, videos, shown, unit_of(model), config
    )
    return Relevances(
        tables, figures, list(videos.values()),
        {**sink_numbers(summary), **_numbers(tables)}, section,
    )  # fmt: skip


def typical_clip(relevance):
    """Id of the clip whose regions share `|R|` most as in the mean."""
    absolute = region_relevance(relevance)
    shares = absolute.div(absolute.sum(axis=1), axis=0).fillna(0)
    return (shares - shares.mean()).abs().sum(axis=1).idxmin()


def seconds_of(stored, clip_ids, relevance):
    """Dict from a clip id to the times of its usable frames, `(t,)`."""
    rates = stored.clips.set_index("clip_id").frames_per_second
    return {c: np.arange(len(relevance[c].frames)) / rates[c] for c in clip_ids}


def unit_of(model):
    """The unit of the score, in words."""
    target = model.card["target"]
    return TARGET_UNITS.get(target, "before the softmax")


def _numbers(tables):
    numbers = {
        f"relevance_share_{row.region}": row.share
        for row in tables["relevance_by_region"].itertuples()
    }
    for row in tables["relevance_agreement"].itertuples():
        if row.one == "relevance":
            name = row.other.replace(" ", "_")
            numbers[f"relevance_agrees_with_{name}"] = row.rank_correlation
    return numbers
