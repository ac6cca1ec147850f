"""What the report of the face-attribute study says about explanations."""

from fdin_tf.data.synthetic.photographs import PLANTS
from fdin_tf.explain.html_report import Section
from fdin_tf.explain.lrp import COMPOSITES
from fdin_tf.training.attribute_networks import RETRAINED
from recipes.attribute_measures import available_methods
from recipes.attribute_tables import NETWORK
from recipes.attribute_tables import number_of_images

_DRAWN = (
    "The faces are drawn, and their ratings follow planted rules: nothing "
    "here is about people."
)
_HEATMAP = (
    "A heatmap shares a score among the pixels (relevance propagation, "
    "equations 1 to 3 of Arbabzadah et al., 2016; composite {composite}): red "
    "speaks for the score, blue against it. The score of a base network is "
    "that of its most probable class, before the softmax."
)
_HIDDEN = (
    "Single faces are not shown, nor their heatmaps, which show outlines: "
    "only the mean heatmap of many faces."
)
_INSIDE = (
    "Where a rating is planted, the place is known that a network must look "
    "at. The share is that of the positive relevance inside this place, mean "
    "over {images} and the networks of an attribute, with the standard error "
    "over images; the area is the place's share of the image, which relevance "
    "spread evenly would have. The best composite is the best on these very "
    "images. Gradient x input, integrated gradients and occlusion maps start "
    "from the network's mean."
)
_PARTS = (
    "Share of the positive relevance inside of parts of the face (composite "
    "{composite}), in brackets the part's share of the image. Both eyes "
    "contain each eye; left and right are those of the image."
)
_OCCLUSION = (
    "Parts of the face are covered in the colour of the skin around them "
    "(section 3.7), of the {images} highest rated of the images that were "
    "measured: a low score has nowhere to fall. The drop is the mean of the "
    "score before less the score after; errors and tests are clustered by "
    "subject, and the tests are not adjusted for their number. A covered face "
    "is unlike any that the network has learnt from."
)
_FLIPPING = (
    "Patches of the image are blurred, the most relevant first, and the score "
    "of {focus} is watched (Samek et al., 2017, who put noise in their place; "
    "faces with noise are unlike any that were learnt from): the larger the "
    "area over the curve (AOPC), the better the explanation found what "
    "matters; with the least relevant first, the smaller. The {images} highest "
    "rated of the images that were measured; scores and areas are means over "
    "the networks of {focus}."
)
_PAIRS = (
    "The same people, happy and sad, in one session (KDEF, section 3.4). No "
    "network was trained on these photographs. `happier` is the share of pairs "
    "whose happy face has the higher score."
)
_CONSERVATION = (
    "Relevance that reaches the pixels (`inputs`) and what biases and "
    "stabilisers took sum to the score; `lost` met no contribution, or is "
    "rounding. Means over the images, in the unit of the score: ratings from "
    "0 to 1, or what goes into the softmax of a base network. The smaller "
    "`inputs` beside the score, the less of it a heatmap tells."
)


def sections_of(study, measured, pairs, focus, tables, figures, config):
    """The report's sections on explanations.

    Args:
        study: `AttributeStudy`.
        measured: `Measured`.
        pairs: `Pairs`, or None.
        focus: The attribute that is looked at most closely.
        tables: Dict by file name.
        figures: Dict by file name.
        config: Config of `recipes.attributes`.

    Returns:
        List of `Section`s.
    """
    whose = "drawn faces" if study.is_synthetic else "faces"
    sections = [
        _base_section(study, whose, figures, config),
        _rating_section(study, measured, whose, figures, config),
    ]
    if "relevance_inside" in tables or "relevance_parts" in tables:
        sections.append(_place_section(measured, tables, config))
    if "occlusion" in tables:
        sections.append(_occlusion_section(whose, focus, tables, figures))
    sections.append(_flipping_section(measured, focus, tables, figures))
    if pairs is not None:
        sections.append(_pairs_section(pairs, tables, figures))
    sections.append(_conservation_section(tables, config))
    return [section for section in sections if section is not None]


def _base_section(study, whose, figures, config):
    if "heatmaps_bases" not in figures:
        return None
    return Section(
        "What the base networks look at",
        _HEATMAP.format(composite=config.composite)
        + (f"\n\n{_DRAWN}" if study.is_synthetic else ""),
        figures={
            f"Figure 2: {whose} and heatmaps of the networks for age group and "
            "for gender, on one scale per face; on the left the most probable "
            "classes, whose scores are explained. One pixel in 200 exceeds its "
            "scale, as in all such pictures.": figures["heatmaps_bases"]
        },
    )


def _rating_section(study, measured, whose, figures, config):
    shown = {
        f"Figures 5 and 6: {whose} with the highest ratings of {name}, and "
        "heatmaps of the networks by base network and retrained layers; the "
        "faces of a network share a scale.": figures[f"heatmaps_{name}"]
        for name in dict.fromkeys(key[0] for key in study.networks)
        if f"heatmaps_{name}" in figures
    }
    mean = {}
    if "heatmaps_mean" in figures:
        mean = {
            f"Mean of {len(measured.rows)} test images of {whose} and of "
            "their heatmaps, each on a scale of its own.":
                figures["heatmaps_mean"]
        }  # fmt: skip
    return Section(
        "What the ratings rest on",
        # Where single faces are shown, the section before has said it.
        ""
        if shown
        else f"{_HEATMAP.format(composite=config.composite)}\n\n{_HIDDEN}",
        figures=shown | mean,
    )


def _place_section(measured, tables, config):
    words, shown = [], {}
    if "relevance_inside" in tables:
        inside = tables["relevance_inside"]
        count = number_of_images(inside, len(measured.rows))
        words.append(_INSIDE.format(images=count))
        planted = "; ".join(
            f"{name}: {', '.join(PLANTS[name]).replace('_', ' ')}"
            for name in inside.attribute.unique()
        )
        words.append(f"Planted are {planted}.")
        if "integrated_gradients" not in available_methods():
            words.append(
                "Integrated gradients are left out: they need the extra "
                "`attributions`."
            )
        shown["The composite with the most relevance inside (%)"] = _percent(
            tables["best_composites"]
        )
        shown[
            "Share of positive relevance inside of the planted place (%, by "
            "network in relevance_inside_networks.csv)"
        ] = inside_by_attribute(inside)
    if "relevance_parts" in tables:
        words.append(_PARTS.format(composite=config.composite))
        shown[
            "Share of positive relevance by part of the face (%, by network in "
            "relevance_parts_networks.csv)"
        ] = parts_by_attribute(tables["relevance_parts"])
    return Section("Where the relevance is", "\n\n".join(words), shown)


def inside_by_attribute(inside):
    """A column per attribute: area, then shares with standard errors, %."""
    texts = inside.assign(
        text=[
            f"{100 * share:.1f} ± {100 * error:.1f}"
            for share, error in zip(inside.share, inside.standard_error)
        ]
    )
    table = _wide(texts, "explanation")
    areas = inside.groupby("attribute", sort=False).area.mean()
    table.loc["area of the place"] = [f"{100 * a:.1f}" for a in areas]
    order = [table.index[-1], *table.index[:-1]]
    return table.loc[order].rename_axis("explanation").reset_index()


def parts_by_attribute(parts):
    """A column per attribute: share of relevance and, in brackets, area, %."""
    texts = parts.assign(
        part=parts.part.str.replace("_", " "),
        text=[
            f"{100 * share:.1f} ({100 * area:.1f})"
            for share, area in zip(parts.share, parts.area)
        ],
    )
    return _wide(texts, "part").reset_index()


def _occlusion_section(whose, focus, tables, figures):
    every = tables["occlusion_networks"]
    of_focus = every[(every.attribute == focus) & (every["rank"] <= 3)]
    others = tables["occlusion"]
    others = others[others["rank"] <= 3].dropna(axis=1, how="all")
    others = others[[c for c in others if "relevance" not in c]]
    shown = {
        "Parts whose occlusion lowers the score the most, mean of the networks "
        "of an attribute (all in occlusion.csv)": _in_words(others),
        f"The same for every network of {focus}, with the relevance inside of "
        "the part before and after (all in occlusion_networks.csv)":
            _in_words(of_focus).drop(columns=["attribute"]),
    }  # fmt: skip
    pictured = {}
    if "occlusion" in figures:
        pictured = {
            f"Figure 7: the highest rated of the {whose} that were measured, "
            "as it is and with parts covered; below it heatmaps and scores of "
            f"the networks of {focus}, in brackets the change.":
                figures["occlusion"]
        }  # fmt: skip
    return Section(
        "Parts of the face covered",
        _OCCLUSION.format(images=others.images.max()),
        shown,
        pictured,
    )


def _flipping_section(measured, focus, tables, figures):
    return Section(
        "Which explanation finds the pixels that matter",
        _FLIPPING.format(focus=focus, images=len(measured.subjects_flipped)),
        {
            "Areas over the curves (every network in "
            "pixel_flipping_networks.csv)": tables["pixel_flipping"]
        },
        {
            "Score over the number of blurred patches, for some explanations "
            "and a random order.": figures["pixel_flipping"]
        },
    )


def _pairs_section(pairs, tables, figures):
    shown = {}
    if "expression_pairs" in figures:
        shown = {
            "Figure 4: people who are happy and sad, with heatmaps; the faces "
            "of a network share a scale.": figures["expression_pairs"]
        }
    return Section(
        "Happy and sad faces of the same people",
        _PAIRS,
        {
            f"Scores of {len(pairs.table)} pairs": _in_words(
                tables["expression_pairs"]
            )
        },
        shown,
    )


def _conservation_section(tables, config):
    table = tables["conservation"]
    numbers = [c for c in table if c not in (*NETWORK, "composite")]
    ratings = table[table.layers.isin(RETRAINED)]
    means = ratings.groupby("composite", sort=False)[numbers].mean()
    of_one = table[table.composite == config.composite]
    return Section(
        "What biases took",
        _CONSERVATION,
        {
            "Mean of the networks of ratings, by composite (every network in "
            "conservation.csv)": means.reindex(list(COMPOSITES)).reset_index(),
            f"Every network, composite {config.composite}": _in_words(
                of_one.drop(columns="composite")
            ),
        },
    )


def _wide(texts, index):
    return texts.pivot(index=index, columns="attribute", values="text").loc[
        texts[index].unique(), texts.attribute.unique()
    ]


def _percent(table):
    shares = table.select_dtypes("floating").columns
    return table.assign(**{name: 100 * table[name] for name in shares})


def _in_words(table):
    """Names of layers and parts in words."""
    words = {}
    if "layers" in table:
        words["layers"] = table.layers.replace(RETRAINED)
    if "part" in table:
        words["part"] = table.part.str.replace("_", " ")
    return table.assign(**words)
