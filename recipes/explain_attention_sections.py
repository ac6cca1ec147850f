"""What the report on attention says, for `recipes.explain`."""

from fdin_tf.explain.attention_tables import BACKGROUND
from fdin_tf.explain.html_report import Section
from recipes.explain_output import file_name

_PLACES = (
    "At every place of every frame the network computes an attention between "
    "0 and 1 that multiplies what it sees there (Pei et al., 2020, equations 1 "
    "and 2). A map is the mean over the frames of a clip; pictures show it at "
    "the size of the face, with one colour scale from the least to the "
    "greatest attention. The area under the ROC curve is the probability that "
    "a pixel of the face has more attention than one around it (0.5: chance). "
    "Attention says where the network looked, not that looking elsewhere would "
    "have harmed its answer."
)
_FRAMES = (
    "The network sums a clip up with a weight per frame; the weights sum to 1 "
    "(equations 4 to 6). Here they are multiplied by the number of frames, so "
    "that 1 is what every frame has where weights are uniform. Onset, apex and "
    "offset are found by the corners of the lips; neutral are the frames "
    "before the rise and after the fall. Times count the usable frames at the "
    "clip's rate."
)
_INTERVALS = (
    "Intervals: 95 %, clustered by subject; they are about this network, "
    "another training may differ by more."
)


def sections_of(found, model, cropped, tables, figures):
    """The report's sections."""
    sections = []
    if "places" in tables:
        sections += _of_places(found, tables, figures)
    if "phases" in tables:
        sections += _of_frames(tables)
    sections.append(_of_clips(found, figures))
    sections.append(found.relevance.section)
    if len(cropped.left_out):
        sections.append(
            Section(
                "Clips that were left out",
                tables={"Clips without enough usable frames": cropped.left_out},
            )
        )
    return [*sections, Section("Limits", model.card.get("limits", ""))]


def _of_places(found, tables, figures):
    places = tables["places"]
    yield Section(
        "Where the network looks",
        f"{_PLACES}\n\n{_INTERVALS}",
        {"Attention by part of the face, all clips (all in places.csv)":
            _one_group(places[places.grouped_by == "all"])},
        {"Attention over the face, mean over all clips": figures["attention"]},
    )  # fmt: skip
    for name in found.groupings:
        if f"attention_{name}" in figures:
            yield Section(
                f"Places by {name}",
                "Means over the clips of a group. A face is that of the clip "
                "closest to the mean of its group, or nobody's.",
                {f"Attention by {name}, means and 95 % intervals":
                    _side_by_side(places[places.grouped_by == name])},
                {f"Attention over the face by {name}":
                    figures[f"attention_{name}"]},
            )  # fmt: skip
    yield Section(
        "The first layer of the attention",
        "Principal components, over places, of what the first layer of the "
        "attention computes there (mean over frames): what it tells places "
        "apart by (Figure 5).",
        figures={"Principal components of the first layer":
                 figures["first_layer"]},
    )  # fmt: skip


def _of_frames(tables):
    phases = tables["phases"]
    by_grouping = {
        f"Weight per frame by {name}, means and 95 % intervals": _side_by_side(
            phases[phases.grouped_by == name]
        )
        for name in phases.grouped_by.unique()
        if name != "all"
    }
    yield Section(
        "When the network looks",
        f"{_FRAMES}\n\n{_INTERVALS} The ratio is that of the mean weight per "
        "frame at the apex to the one in neutral frames, over the clips that "
        "have both.",
        {
            "Weight per frame by phase, all clips (all in phases.csv)":
                _one_group(phases[phases.grouped_by == "all"]),
            "Weight per frame, apex to neutral": tables["apex_to_neutral"],
            **by_grouping,
        },
    )  # fmt: skip


def _of_clips(found, figures):
    captions = {
        "attention": "attention in the frame of most weight of every phase",
        "frames": "weight of every frame",
    }
    return Section(
        "Single clips",
        "Those that were asked for; or else those at the quartiles of the "
        "weight per frame at the apex (of the area under the ROC curve, "
        "without such weights).",
        figures={
            f"{clip_id}: {words}": figures[f"clip_{file_name(clip_id)}_{kind}"]
            for clip_id in found.shown
            for kind, words in captions.items()
            if f"clip_{file_name(clip_id)}_{kind}" in figures
        },
    )


def _one_group(table):
    """Names in words; what says the same in every row is left out."""
    table = table.drop(columns=["grouped_by", "group"])
    return table.assign(name=_in_words(table.name))


def _side_by_side(table):
    """A column per group: means with their intervals."""
    cells = [
        f"{row.mean:.3f}"
        + ("" if row.low != row.low else f" ({row.low:.3f} to {row.high:.3f})")
        for row in table.itertuples(index=False, name="Row")
    ]
    table = table.assign(name=_in_words(table.name), cell=cells)
    wide = table.pivot(index="name", columns="group", values="cell")
    wide = wide.reindex(index=table.name.unique(), columns=table.group.unique())
    return wide.reset_index().rename_axis(columns=None)


def _in_words(names):
    words = {
        "face_auc": "area under the ROC curve, face to background",
        f"at_{BACKGROUND}": "around the face",
    }
    return [words.get(name, name.removeprefix("at_")) for name in names]
