"""Relevance of the pixels that a model of attention sees."""

import numpy as np
import pandas as pd

from fdin_tf.data.crops import warp_clips
from fdin_tf.explain import upsample
from fdin_tf.explain.attention_tables import attention_by_part
from fdin_tf.explain.attention_tables import clustered_table
from fdin_tf.explain.attention_tables import phase_weights
from fdin_tf.explain.clip_relevance import predict_relevance
from fdin_tf.explain.relevance_curves import plot_relevance_over_time
from fdin_tf.explain.relevance_plots import plot_heatmaps
from fdin_tf.progress import console
from recipes.explain_output import file_name
from recipes.explain_output import second_line
from recipes.explain_output import shows_faces
from recipes.explain_output import synthetic_label
from recipes.explain_relevance import Relevances
from recipes.explain_relevance import unit_of
from recipes.explain_relevance_pictures import ShownClip
from recipes.explain_relevance_pictures import clip_pictures
from recipes.explain_relevance_pictures import plot_frame_relevance
from recipes.explain_relevance_sections import section_of_attention
from recipes.explain_relevance_tables import rank_correlation
from recipes.explain_relevance_tables import sink_numbers
from recipes.explain_relevance_tables import sink_summary
from recipes.explain_relevance_tables import sink_table

_MOST_CLIPS = 24  # relevance of pixels costs several estimates per clip
_NOBODY = 5  # subjects whose mean map shows none of them
_CELLS = tuple(
    f"{row} {column}".replace("middle middle", "middle")
    for row in ("upper", "middle", "lower")
    for column in ("left", "middle", "right")
)


def relevance_of_attention(model, cropped, clips, looks, shown, config):
    """Relevance of pixels and frames, in some of the clips.

    Args:
        model: `Exported`, with a warp.
        cropped: `CroppedClips`.
        clips: Clip table of the clips that are looked at.
        looks: `Looks` by clip id, of these and of the clips to show.
        shown: Ids of the clips to show.
        config: `recipes.explain.Config`.

    Returns:
        `Relevances`.
    """
    measured = spread(clips.clip_id, _MOST_CLIPS)
    clip_ids = list(dict.fromkeys([*measured, *shown]))
    console.print(f"Relevance: {len(clip_ids)} clips")
    data = warp_clips(cropped, model.warp, clip_ids)
    found = predict_relevance(
        model.network, data, clip_ids, None, config.composite, batch_size=1
    )
    of_measured = {c: found[c] for c in measured}
    subjects = clips.set_index("clip_id").subject[measured]
    parts = pd.DataFrame(
        [of_clip(found[c].pixels, looks[c], model.warp) for c in measured],
        index=pd.Index(measured, name="clip_id"),
    )
    attention = pd.DataFrame(
        [attention_of(looks[c], model.warp) for c in measured]
    )
    means = clustered_table(parts, subjects)
    means["attention"] = attention.mean().reindex(means.name).to_numpy()
    sinks = sink_table(of_measured, ("frames", "pixels"))
    tables = {
        "relevance_parts": parts.reset_index(),
        "relevance_means": means,
        "relevance_frames": pd.concat(
            _of_frames(c, found[c], looks[c]) for c in clip_ids
        ),
        "relevance_sinks": sinks,
    }
    label = synthetic_label(model, cropped)
    figures, videos = {}, {}
    if shows_faces(config) or subjects.nunique() >= _NOBODY:
        figures["relevance"] = _over_the_face(of_measured, label)
    for clip_id in shown:
        name = f"clip_{file_name(clip_id)}_relevance"
        pixels, of = found[clip_id].pixels, looks[clip_id]
        title = f"{clip_id}{second_line(label)}"
        figures[f"{name}_frames"] = plot_frame_relevance(
            np.abs(pixels).sum(axis=(1, 2)), of.weights, of.seconds, of.phases,
            title,
        )  # fmt: skip
        figures[f"{name}_cells"] = plot_relevance_over_time(
            in_cells(pixels), of.seconds, _CELLS, title
        )
        if shows_faces(config):
            clip = ShownClip(data.load(clip_id), pixels, of.seconds)
            videos[clip_id] = clip_pictures(
                clip_id, clip, figures, config.output_dir, label
            )
    summary = sink_summary(sinks)
    section = section_of_attention(
        tables, summary, figures, videos, shown, unit_of(model), config
    )
    numbers = {
        f"relevance_{name}": mean
        for name, mean in zip(means.name, means["mean"])
    }
    return Relevances(
        tables, figures, list(videos.values()),
        {**sink_numbers(summary), **numbers}, section,
    )  # fmt: skip


def spread(items, most):
    """At most so many items, evenly spread.

    Example:

    >>> spread([*"abcde"], 3)
    ['a', 'c', 'e']
    """
    items = list(items)
    places = np.linspace(0, len(items) - 1, min(most, len(items)))
    return [items[k] for k in places.round().astype(int)]


def of_clip(pixels, looks, warp):
    """The relevance of a clip in numbers: a row of the table of clips.

    Args:
        pixels: `R`, `(t, size, size)`.
        looks: `Looks` of the clip.
        warp: `FaceWarp`.
    """
    absolute = np.abs(pixels).astype(float)
    per_frame = absolute.sum(axis=(1, 2))
    row = in_numbers(absolute.mean(axis=0), per_frame, looks.phases, warp)
    if looks.weights is not None:
        row["with_attention"] = rank_correlation(per_frame, looks.weights)
    return row


def attention_of(looks, warp):
    """The attention of a clip in the same numbers."""
    places = looks.places
    if places is not None:
        places = upsample(places, warp.size)
    return in_numbers(places, looks.weights, looks.phases, warp)


def in_numbers(places, weights, phases, warp):
    """Where and when something is that is 0 or more, 1 being the mean.

    Args:
        places: `(size, size)`, or None.
        weights: `(t,)`, or None.
        phases: Dict from a phase to its frames, `(t,)` bool.
        warp: `FaceWarp`.

    Returns:
        Dict of `in_face`, the share inside of the mask, of `at_<part>`, the
        mean there in multiples of that of the picture, and of the mean in
        every phase, in multiples of that of the clip.
    """
    row = {}
    if places is not None and places.sum() > 0:
        row["in_face"] = float(places[warp.mask].sum() / places.sum())
        parts = attention_by_part(
            places / places.mean(), warp.points, warp.mask
        )
        row |= {f"at_{name}": float(mean) for name, mean in parts.items()}
    if weights is not None and weights.sum() > 0:
        row |= phase_weights(weights / weights.sum(), phases)
    return row


def in_cells(pixels):
    """Sums over a grid of three by three, row-major.

    Args:
        pixels: `(t, size, size)`.

    Returns:
        `(t, 9)`; each row sums to that of all pixels.

    Example:

    >>> in_cells(np.arange(18.0).reshape(2, 3, 3))[0].tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    """
    size = pixels.shape[1]
    starts = [0, size // 3, 2 * size // 3]
    cells = np.add.reduceat(pixels, starts, axis=1)
    cells = np.add.reduceat(cells, starts, axis=2)
    return cells.reshape(len(pixels), 9)


def _over_the_face(relevance, label):
    """Mean over clips and frames, with its sign and without."""
    mean = [clip.pixels.mean(axis=0) for clip in relevance.values()]
    size = [np.abs(clip.pixels).mean(axis=0) for clip in relevance.values()]
    return plot_heatmaps(
        None,
        {"R": np.mean(mean, axis=0)[None], "|R|": np.mean(size, axis=0)[None]},
        scale="each",
        title=f"Mean over clips and frames{second_line(label)}",
    )


def _of_frames(clip_id, relevance, looks):
    """The frames of a clip: time, and relevance with its sign and without."""
    return pd.DataFrame({
        "clip_id": clip_id, "frame": np.arange(len(looks.seconds)),
        "seconds": looks.seconds, "relevance": relevance.frames,
        "absolute": np.abs(relevance.pixels).sum(axis=(1, 2)),
    })  # fmt: skip
