"""What the networks of the face-attribute study rest on.

Sections 3.2 and 3.4 to 3.7 of Arbabzadah et al. (GCPR 2016,
https://arxiv.org/abs/1606.07285), the explanations of `recipes.attributes`.
"""

from fdin_tf.explain import compare_explanations
from fdin_tf.explain.lrp.composites import get_composite
from recipes import attribute_pictures as pictures
from recipes.attribute_faces import faces_with_all_parts
from recipes.attribute_faces import load_pairs
from recipes.attribute_faces import occlusion_tables
from recipes.attribute_faces import pairs_table
from recipes.attribute_measures import measure
from recipes.attribute_sections import sections_of
from recipes.attribute_tables import NETWORK
from recipes.attribute_tables import best_composites
from recipes.attribute_tables import flipping_table
from recipes.attribute_tables import mean_curves
from recipes.attribute_tables import mean_shares

FOCUS = "happiness"
# Faces of people that a mean must be of for nobody to be recognised.
_LEAST_FACES = 10


def explain_attributes(study, config):
    """Explains the networks of a study, in tables, pictures and words.

    - Heatmaps of the base networks on a common scale (Figure 2), and of the
      highest rated faces of every attribute (Figures 5 and 6).
    - Where relevance lies: inside of the planted places, by every composite
      and by other explanations; by part of the face where landmarks are known.
    - Parts of the face in skin colour (section 3.7, Figure 7).
    - Pixel flipping, of the networks of happiness.
    - Happy and sad faces of the same people (section 3.4, Figure 4), with a
      folder of the KDEF.
    - What biases and stabilisers took of the scores.

    Faces of people are shown only where `config.show_faces`. Heatmaps show
    outlines, so that without it there is but their mean over ten faces or
    more.

    Args:
        study: `AttributeStudy`; every attribute has networks of the same bases
            and layers.
        config: Config of `recipes.attributes`: `composite`, `show_faces`,
            `num_shown`, `kdef_dir` and `crop_from` are read.

    Returns:
        Dict of tables and dict of figures by file name, list of `Section`s,
        and dict of numbers for MLflow.

    Raises:
        FileNotFoundError: If there is no such folder of the KDEF.
        ValueError: If the folder holds no pairs of expressions, or the
            composite is unknown.
    """
    # First what can fail by a user's mistake.
    get_composite(config.composite)
    focus = _focus(study)
    pairs = _load_pairs(study, focus, config)
    measured = measure(study, focus, config.composite)
    tables = _tables(study, measured, pairs, focus, config)
    figures = _figures(study, measured, pairs, focus, config)
    sections = sections_of(
        study, measured, pairs, focus, tables, figures, config
    )
    return tables, figures, sections, _numbers(tables, focus, config)


def _focus(study):
    """The attribute that is looked at most closely."""
    attributes = [attribute for attribute, _, _ in study.networks]
    return FOCUS if FOCUS in attributes else attributes[0]


def _load_pairs(study, focus, config):
    if config.kdef_dir is None:
        return None
    networks = {k: m for k, m in study.networks.items() if k[0] == focus}
    size = study.pixels.shape[1]
    return load_pairs(config.kdef_dir, networks, size, config.crop_from)


def _tables(study, measured, pairs, focus, config):
    """All tables, by file name."""
    tables = {}
    for name, shares, place in (
        ("relevance_inside", measured.inside, "explanation"),
        ("relevance_parts", measured.parts, "part"),
    ):
        if len(shares):
            by = [*NETWORK, place]
            tables[f"{name}_networks"] = mean_shares(shares, by)
            tables[name] = mean_shares(shares, ["attribute", place])
    if "relevance_inside" in tables:
        tables["best_composites"] = best_composites(
            tables["relevance_inside"], config.composite
        )
    rows = _whole_faces(study, measured)
    if len(rows):
        tables["occlusion_networks"], tables["occlusion"] = occlusion_tables(
            study, rows, focus, config.composite
        )
    tables["pixel_flipping_networks"] = flipping_table(
        measured.curves, measured.subjects_flipped
    )
    tables["pixel_flipping"] = compare_explanations(
        mean_curves(measured.curves), measured.subjects_flipped
    )
    if pairs is not None:
        tables["expression_pairs"] = pairs_table(pairs)
    tables["conservation"] = measured.conservation
    return tables


def _figures(study, measured, pairs, focus, config):
    """All figures, by file name."""
    figures = {}
    is_shown = study.is_synthetic or config.show_faces
    if is_shown or len(measured.rows) >= _LEAST_FACES:
        figures["heatmaps_mean"] = pictures.draw_means(study, measured)
    if is_shown:
        figures["heatmaps_bases"] = pictures.draw_bases(study, config)
        for attribute in dict.fromkeys(key[0] for key in study.networks):
            figures[f"heatmaps_{attribute}"] = pictures.draw_attribute(
                study, attribute, config
            )
        rows = _whole_faces(study, measured)
        if len(rows):
            figures["occlusion"] = pictures.draw_occlusion(
                study, focus, rows, config
            )
    figures["pixel_flipping"] = pictures.draw_flipping(
        study, measured, focus, config
    )
    if pairs is not None and config.show_faces:
        figures["expression_pairs"] = pictures.draw_pairs(
            study, pairs, focus, config
        )
    return figures


def _whole_faces(study, measured):
    if study.landmarks is None:
        return []
    return faces_with_all_parts(study, measured.rows)


def _numbers(tables, focus, config):
    """What MLflow shows as metrics."""
    numbers = {}
    if "best_composites" in tables:
        for row in tables["best_composites"].itertuples():
            numbers[f"relevance_inside_{row.attribute}"] = row.share
    if "occlusion" in tables:
        table = tables["occlusion"]
        for row in table[table.attribute == focus].itertuples():
            numbers[f"occlusion_drop_{row.part}"] = row.drop
    table = tables["pixel_flipping"]
    for row in table[table.order == "most"].itertuples():
        numbers[f"aopc_{row.explanation}"] = row.aopc
    if "expression_pairs" in tables:
        numbers["happier_share"] = tables["expression_pairs"].happier.mean()
    return {name: float(number) for name, number in numbers.items()}
