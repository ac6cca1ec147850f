"""What a model of relations answers from: importance, perturbation, motion."""

import pandas as pd

from fdin_tf.data.encode import FoldClips
from fdin_tf.data.encode import encode_clips
from fdin_tf.explain import explained
from fdin_tf.explain import group_importance
from fdin_tf.explain import predict_importance
from fdin_tf.explain import relations
from fdin_tf.explain.perturbation import important_regions
from fdin_tf.explain.perturbation import perturbation_errors
from fdin_tf.explain.perturbation import perturbation_table
from fdin_tf.explain.region_effects import region_effects
from fdin_tf.progress import console
from fdin_tf.regions import REGIONS
from fdin_tf.regions import region_number
from recipes.explain_clips import check_clip_ids
from recipes.explain_clips import group_clips
from recipes.explain_relevance import check_relevance
from recipes.explain_relevance import relevance_of_relations
from recipes.explain_report import Findings
from recipes.explain_report import write_explanation


def explain_relations(model, clips, config):
    """Explains a model of relations; returns the path of the report.

    Args:
        model: `Exported`, with an encoder.
        clips: Clip table.
        config: `recipes.explain.Config`.
    """
    encoded = encode_clips(
        clips,
        model.encoder,
        config.cache_dir,
        model.face,
        config.landmarks_dir,
    )
    clips, groupings = group_clips(encoded.clips, config)
    check_clip_ids(encoded.clips, config, "the usable clips")
    needed = [*clips.clip_id, *config.clips]
    if config.replace_by != "zeros":
        needed.append(config.replace_by)
    needed = list(dict.fromkeys(needed))
    data = encoded
    if model.fitted is not None:
        data = FoldClips.encode(encoded, model.fitted, needed)
    console.print(f"Importance and perturbation: {len(clips)} clips")
    importance = predict_importance(model.network, data, needed)
    of_these = importance.loc[clips.clip_id]
    perturbed = perturbations(model, data, clips, importance, config)
    found = Findings(
        clips=clips,
        importance=of_these,
        of_clips=importance.loc[list(config.clips)],
        groups=group_tables(of_these, clips, groupings, config),
        groupings=groupings,
        relevance=relevance_of_relations(
            model,
            data,
            encoded,
            clips,
            of_these,
            perturbed.get("effects"),
            config,
        ),
        **perturbed,
    )
    return write_explanation(found, model, encoded, config)


def check_relations(model, config):
    """Finds mistakes before hours of encoding.

    Raises:
        ValueError: If the network is without importance, there is no such
            region or number of regions, an option is not for relations, or
            relevance cannot pass the model.
    """
    if config.mesh:
        raise ValueError(
            "`mesh` is not an option for a model of relations, "
            f"{model.card['name']!r}. Received: mesh=True"
        )
    relations(config.num_regions)
    for region in (*config.important, *config.less_important):
        region_number(region)
    explained(model.network)
    check_relevance(model, config)


def group_tables(importance, clips, groupings, config):
    """One table: every grouping, for pairs and for the larger relations."""
    tables = [
        group_importance(
            importance, of, clips.subject, num_regions, seed=config.seed
        ).assign(grouped_by=name, num_regions=num_regions)
        for name, of in groupings.items()
        if of.notna().any()
        for num_regions in dict.fromkeys((2, config.num_regions))
    ]
    return pd.concat(tables, ignore_index=True) if tables else None


def perturbations(model, data, clips, importance, config):
    """Table 1 and the effect of every region; nothing without labels."""
    target = model.card["target"]
    clips = clips[clips[target].notna()]
    if config.perturb_ages is not None:
        youngest, oldest = config.perturb_ages
        clips = clips[clips.age.between(youngest, oldest)]
        if clips.empty:
            raise ValueError(
                f"Expected clips with `{target}` of people of these ages. "
                f"Received: perturb_ages={youngest:g} {oldest:g}"
            )
    if clips.empty:
        return {}
    most, least = important_regions(importance.loc[clips.clip_id])
    most = config.important or most
    least = config.less_important or least
    names = [
        f"{kind}: {', '.join(regions).replace('_', ' ')}"
        for kind, regions in (("important", most), ("less important", least))
    ]
    estimates = perturbation_errors(
        model.network,
        data,
        clips.clip_id,
        target,
        {names[0]: most, names[1]: least, **{r: [r] for r in REGIONS}},
        None if config.replace_by == "zeros" else config.replace_by,
    )
    return {
        "perturbation": perturbation_table(estimates, clips, target, *names),
        "effects": region_effects(estimates, clips, target),
        "estimates": estimates,
    }
