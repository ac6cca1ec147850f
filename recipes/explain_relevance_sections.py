"""What the report of `recipes.explain` says about relevance."""

from fdin_tf.explain.html_report import Section
from recipes.explain_output import file_name

HEADING = "Which pixels and which motions (relevance)"
_WHAT = (
    "Relevance shares the score of a clip among what it was computed from: "
    "layer by layer backwards, every neuron hands on what it has to its "
    "inputs, in proportion to what they contributed, R_i = sum_j z_ij / "
    "(sum_i z_ij + b_j) R_j with z_ij = x_i w_ij (Bach et al., PLOS ONE 2015; "
    "Arbabzadah et al., GCPR 2016, equations 1 to 3). Here it followed the "
    "rules {composite!r}. Red speaks for the score{unit}, blue against it. In "
    "a product with a gate or an attention the signal takes all."
)
_SINKS = (
    "Relevance and what the sinks took on the way (biases, locations of "
    "regions, stabilisers of divisions) sum to the score. {shares} The bias "
    "of the last layer, what the network answers before it has seen anything, "
    "is a part of it. Where sinks take most of the score, the picture is "
    "partial; where |R| sums to many times the score, relevance for and "
    "against it cancels out, and single places mean little."
)
_LIMITS = (
    "Relevance is about this network, not about people: another training may "
    "answer as well from elsewhere, and a place without relevance may matter "
    "for a face."
)
_NO_FACES = (
    "Relevance of pixels is not shown, as it has the outlines of faces "
    "(--show-faces)."
)
_KEPT = {
    "pairs": "pairs of regions",
    "regions": "motions of regions",
    "frames": "frames",
    "pixels": "pixels",
}
_TAKERS = {"bias": "biases", "location": "locations"}


def section_of_relations(tables, summary, figures, videos, shown, unit, config):
    """The section on relevance, of a model of relations.

    Args:
        tables: Tables of `relevance_of_relations`.
        summary: As of `sink_summary`.
        figures: Dict from a file's name to a `Figure`.
        videos: Dict from a clip id to the path of its video.
        shown: Ids of the clips that are shown.
        unit: Unit of the score.
        config: `recipes.explain.Config`.
    """
    by_region = tables["relevance_by_region"]
    for name in ("share", "low", "high", "importance"):
        by_region = by_region.assign(**{name: 100 * by_region[name]})
    by_region = by_region.assign(
        region=by_region.region.str.replace("_", " ")
    ).rename(
        columns={
            "relevance": "relevance, mean R",
            "absolute": "mean |R|",
            "share": "share of |R| (%)",
            "low": "low (%)",
            "high": "high (%)",
            "importance": "importance (%)",
            "rise": "rise of the error",
        }
    )
    compared = (
        "A region has the relevance of its motion in all frames; its "
        "importance is that of all pairs that hold it. Relevance counts what "
        "a region brought into the score, importance how much the network "
        "weighted its pairs, the rise of the error what is lost without it: "
        "they need not agree. Intervals: 95 %, clustered by subject."
    )
    return _section(
        compared,
        {
            "Relevance by region (clip by clip in relevance_regions.csv, "
            "pairs in relevance_pairs.csv)": by_region,
            "Do they agree? Rank correlation over the nine regions":
                _printed(tables["relevance_agreement"]),
        },
        {
            "Relevance by region, mean over all clips":
                figures["relevance_regions"],
            **clip_figures(figures, shown),
        },
        summary, videos, unit, config,
    )  # fmt: skip


def section_of_attention(tables, summary, figures, videos, shown, unit, config):
    """The section on relevance, of a model of attention.

    Args:
        tables: Tables of `relevance_of_attention`.
        summary: As of `sink_summary`.
        figures: Dict from a file's name to a `Figure`.
        videos: Dict from a clip id to the path of its video.
        shown: Ids of the clips that are shown.
        unit: Unit of the score.
        config: `recipes.explain.Config`.
    """
    means = tables["relevance_means"]
    clips = len(tables["relevance_parts"])
    about = (
        f"Measured in {clips} clips, spread evenly over the table, as the "
        "relevance of pixels takes as long as many estimates. |R| of parts of "
        "the face is per pixel, in multiples of the mean over the picture, "
        "that of phases per frame, in multiples of the clip's mean: 1 is what "
        "all would have if they were alike. The attention is measured in the "
        "same way. Attention says how much of a place or frame is let "
        "through, relevance what that brought into the score. Intervals: "
        "95 %, clustered by subject."
    )
    pictures = {}
    if "relevance" in figures:
        caption = (
            "Relevance over the face, mean over these clips and their frames: "
            "with its sign, and |R|"
        )
        pictures[caption] = figures["relevance"]
    return _section(
        about,
        {
            "Relevance by part of the face and by phase (clip by clip in "
            "relevance_parts.csv)": means.assign(name=_in_words(means.name)),
        },
        {**pictures, **clip_figures(figures, shown)},
        summary, videos, unit, config,
    )  # fmt: skip


def _section(about, tables, figures, summary, videos, unit, config):
    """The section: what relevance is, what it sums to, what it is of here."""
    limits = _LIMITS if videos else f"{_LIMITS} {_NO_FACES}"
    sums = {
        "What sums to the score, in % of its mean (clip by clip in "
        "relevance_sinks.csv)": _printed(summary)
    }
    return Section(
        HEADING,
        "\n\n".join([_what(unit, config), _sinks(summary), about, limits]),
        {**tables, **sums},
        figures,
        clip_videos(videos),
    )


def clip_figures(figures, shown):
    """Dict from captions to the pictures of relevance of single clips."""
    captions = {
        "relevance_regions": "relevance of regions over time",
        "relevance_frames": "relevance and attention of every frame",
        "relevance_cells": "relevance of nine parts of the picture over time",
        "relevance_pixels": "relevance of pixels in a few frames",
    }
    return {
        f"{clip_id}: {words}": figures[f"clip_{file_name(clip_id)}_{kind}"]
        for clip_id in shown
        for kind, words in captions.items()
        if f"clip_{file_name(clip_id)}_{kind}" in figures
    }


def clip_videos(videos):
    """Dict from captions to the paths of videos."""
    return {
        f"{clip_id}: the clip, and beside it its relevance over the grey "
        "frames, red for the score and blue against it; one scale for all "
        "frames": path
        for clip_id, path in videos.items()
    }


def _what(unit, config):
    words = f" ({unit})" if unit else ""
    return _WHAT.format(composite=config.composite, unit=words)


def _sinks(summary):
    sentences = []
    for row in summary.to_dict("records"):
        clips = "1 clip" if row["clips"] == 1 else f"{row['clips']} clips"
        parts = [f"{row['relevance']:.0f} % reach the {_KEPT[row['level']]}"]
        parts += [
            f"{words} take {row[name]:.0f} %"
            for name, words in _TAKERS.items()
            if row.get(name, 0.0) != 0
        ]
        sentences.append(
            f"Of the mean score of {clips}, {row['score']:.3g}, "
            f"{', '.join(parts)}; |R| sums to {row['absolute']:.0f} %."
        )
    return _SINKS.format(shares=" ".join(sentences))


def _printed(table):
    """Columns in words."""
    names = {"absolute": "|R|", "rank_correlation": "rank correlation"}
    return table.rename(columns=names)


def _in_words(names):
    words = {
        "in_face": "share of |R| inside the face",
        "at_background": "around the face",
        "with_attention": "rank correlation with the temporal attention, "
        "over frames",
    }
    return [words.get(name, name.removeprefix("at_")) for name in names]
