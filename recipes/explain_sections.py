"""What the HTML report of `recipes.explain` says."""

from fdin_tf.explain import symmetry
from fdin_tf.explain.face_drawing import in_words
from fdin_tf.explain.html_report import Section
from recipes.explain_output import file_name

_IMPORTANCE = (
    "Every pair of regions has an importance between 0 and 1 that sums to 1 "
    "over the 36 pairs of a clip (Kim and Ro, ECCV 2018, equation 4); if all "
    "were alike, each would have 2.8 %. A relation of more regions has the sum "
    "of its pairs (Algorithm 1). Left and right are those of the image."
)


def ages_of(config):
    """Whose dynamics are replaced, in words."""
    if config.perturb_ages is None:
        return "people of all ages"
    return "people of {:g} to {:g} years".format(*config.perturb_ages)


def sections_of(found, model, encoded, tables, figures, sizes):
    """The report's sections."""
    agreement = symmetry(found.importance)
    sections = [
        Section(
            "Most important relations",
            f"{_IMPORTANCE}\n\nAgreement of left and right: {agreement:.2f}, "
            "the rank correlation between every pair and its mirror image (1: "
            "the same ranking; about 0: none).",
            {
                f"Top relations of {n} regions (all in relations_{n}.csv)":
                    _printed(tables[f"relations_{n}"].head(10))
                for n in sizes
            },
            {
                **{
                    f"Relations of {n} regions with the highest importance, "
                    "averaged over all clips": figures[f"relations_{n}"]
                    for n in sizes
                },
                "Importance of every pair, averaged over all clips":
                    figures["matrix"],
            },
        )
    ]  # fmt: skip
    for name in found.groupings if found.groups is not None else ():
        of = found.groups[found.groups.grouped_by == name]
        top = of[of["rank"] <= 3].drop(columns=["grouped_by", "num_regions"])
        sections.append(
            Section(
                f"By {name}",
                "Means over the clips of a group. Intervals: 95 %, bootstrap "
                "over subjects; they are about this network, another training "
                "may differ by more. A face is that of the clip closest to "
                "the mean of its group, or nobody's.",
                {"Top relations by group (all in groups.csv)": _printed(top)},
                {
                    f"Most important relations by {name}":
                        figures[f"groups_{name}"],
                    f"Importance by {name}, with intervals":
                        figures[f"groups_{name}_intervals"],
                },
            )
        )  # fmt: skip
    sections.append(_perturbation_section(found, figures))
    sections.append(found.relevance.section)
    if len(found.of_clips):
        sections.append(
            Section(
                "Single clips",
                "What the answer to one clip rests on most.",
                figures={
                    f"{clip_id}: relations of {n} regions":
                        figures[f"clip_{file_name(clip_id)}_{n}"]
                    for clip_id in found.of_clips.index
                    for n in sizes
                },
            )
        )  # fmt: skip
    if len(encoded.left_out):
        sections.append(
            Section(
                "Clips that were left out",
                tables={"Clips without enough usable frames": encoded.left_out},
            )
        )
    sections.append(Section("Limits", model.card.get("limits", "")))
    return sections


def _perturbation_section(found, figures):
    heading = "Does the importance tell the truth?"
    if found.perturbation is None:
        return Section(
            heading,
            "The clips have no labels of what the model estimates, so that "
            "its errors cannot be measured.",
        )
    return Section(
        heading,
        "If it does, replacing the dynamics of regions in important relations "
        "harms the estimate more than replacing others (Kim and Ro, Table 1). "
        "Standard errors and tests are clustered by subject; the tests of the "
        "nine single regions are not adjusted for their number. Three regions "
        "replaced at once can harm more than one, whichever they are.",
        {
            "Errors under perturbation": found.perturbation,
            "One region replaced at a time": found.effects,
        },
        {
            "Error where the dynamics of regions are replaced":
                figures["perturbation"],
            "Rise of the error where one region is replaced":
                figures["region_effects"],
        },
    )  # fmt: skip


def _printed(table):
    """Names in words, shares in %."""
    table = table.assign(relation=table.relation.map(in_words))
    shares = [c for c in ("importance", "low", "high") if c in table]
    for name in shares:
        table[name] = (100 * table[name]).round(2)
    return table.rename(columns={name: f"{name} (%)" for name in shares})
