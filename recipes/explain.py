"""What a trained model answers from: one report on relations of regions.

    python -m recipes.explain saved_models/demo_age               # embedded
    python -m recipes.explain saved_models/fdin my_clips.csv
    python -m recipes.explain saved_models/fdin UvA-NEMO --perturb-ages 37 66

Importance of the relations per clip and by group (with bootstrap intervals),
relations of --num-regions regions (Algorithm 1 of Kim and Ro, ECCV 2018),
symmetry, and what becomes of the error where the dynamics of regions are
replaced. Writes to --output-dir `report.html`, which opens without network,
tables as CSV, and pictures as PNG and SVG; and a run to MLflow.

Faces are drawn schematically unless --show-faces is given (the embedded
clips are drawn people anyway): give it only where the people agreed.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import pandas as pd
import tyro
from tyro.conf import Positional

from fdin_tf.data.encode import FoldClips
from fdin_tf.data.encode import encode_clips
from fdin_tf.data.sources import load_clips
from fdin_tf.explain import age_groups
from fdin_tf.explain import explained
from fdin_tf.explain import group_importance
from fdin_tf.explain import of_group
from fdin_tf.explain import predict_importance
from fdin_tf.explain import relations
from fdin_tf.explain.groups import AGE_EDGES
from fdin_tf.explain.perturbation import important_regions
from fdin_tf.explain.perturbation import perturbation_errors
from fdin_tf.explain.perturbation import perturbation_table
from fdin_tf.explain.region_effects import region_effects
from fdin_tf.progress import console
from fdin_tf.regions import REGIONS
from fdin_tf.regions import region_number
from recipes.cli import run_recipe
from recipes.explain_report import Findings
from recipes.explain_report import write_explanation
from recipes.exported import load_exported

GROUPINGS = ("age", "gender", "spontaneity")


@dataclasses.dataclass(frozen=True)
class Config:
    """Explains a trained model.

    Attributes:
        model: Folder of an exported model; its highest version is used.
        data: CSV file with a clip table, or folder in the layout of the
            UvA-NEMO Smile database; omitted: the embedded synthetic clips.
        embedded: Which embedded set.
        landmarks_dir: Folder of `<clip_id>.csv` or `.npz` landmark files,
            taken instead of detection.
        num_regions: Regions of a relation beside pairs, 2 to 9.
        group_by: What clips are grouped by; omitted: all that is labelled.
        age_edges: First age of every age group, years.
        group: Look at the clips of one group only, such as `37-65`, `female`
            or `posed`.
        perturb_ages: Youngest and oldest age of the clips whose dynamics are
            replaced, both included; omitted: all clips.
        replace_by: What comes in place of the dynamics: `zeros`, or the id of
            the clip whose dynamics are taken.
        important: Regions replaced as important; omitted: the one with the
            highest importance.
        less_important: Regions replaced as less important; omitted: the three
            with the lowest importance.
        clips: Ids of clips to draw one by one.
        show_faces: Draw on the faces of the people in the clips.
        output_dir: Folder for report, tables and pictures.
        cache_dir: Folder of embedded clips, face tracks and features; None
            for the user's cache folder.
        seed: Seed of the bootstrap.
    """

    model: Positional[Path]
    data: Positional[Path | None] = None
    embedded: str = "natural"
    landmarks_dir: Path | None = None
    num_regions: int = 3
    group_by: tuple[Literal["age", "gender", "spontaneity"], ...] | None = None
    age_edges: tuple[int, ...] = AGE_EDGES
    group: str | None = None
    perturb_ages: tuple[float, float] | None = None
    replace_by: str = "zeros"
    important: tuple[str, ...] = ()
    less_important: tuple[str, ...] = ()
    clips: tuple[str, ...] = ()
    show_faces: bool = False
    output_dir: Path = Path("results/explain")
    cache_dir: Path | None = None
    seed: int = 0


def run(config):
    """Explains a model; returns the path of the report."""
    relations(config.num_regions)
    for region in (*config.important, *config.less_important):
        region_number(region)
    model = load_exported(config.model)
    explained(model.network)  # refuses a network without importance
    clips = load_clips(config.data, config.embedded, config.cache_dir)
    # Mistakes show before hours of encoding.
    group_clips(clips, config)
    check_clip_ids(clips, config)
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
    found = Findings(
        clips=clips,
        importance=importance.loc[clips.clip_id],
        of_clips=importance.loc[list(config.clips)],
        groups=group_tables(importance.loc[clips.clip_id], clips, groupings,
                            config),
        groupings=groupings,
        **perturbations(model, data, clips, importance, config),
    )  # fmt: skip
    report = write_explanation(found, model, encoded, config)
    console.print(f"Report: {report}", soft_wrap=True)
    return report


def group_clips(clips, config):
    """The clips to look at, and the group of each by every grouping.

    Raises:
        ValueError: If there are no labels for a grouping that was asked for,
            or no such group.
    """
    groupings = {
        "age": age_groups(clips.age, config.age_edges),
        "gender": clips.gender,
        "spontaneity": clips.spontaneity,
    }
    for name in config.group_by or ():
        if clips[name].isna().all():
            raise ValueError(
                f"Expected clips with a `{name}` to group by; none has one. "
                f"Received: group_by={' '.join(config.group_by)}"
            )
    asked = GROUPINGS if config.group_by is None else config.group_by
    groupings = {
        name: groupings[name] for name in asked if clips[name].notna().any()
    }
    if config.group is not None:
        there = [
            group
            for of in groupings.values()
            for group in of.dropna().sort_values().unique()
        ]
        holding = [of for of in groupings.values() if config.group in set(of)]
        if not holding:
            raise ValueError(
                f"Expected one of the groups {', '.join(map(repr, there))}. "
                f"Received: group={config.group!r}"
            )
        clips = of_group(clips, holding[0], config.group)
        groupings = {name: of[clips.index] for name, of in groupings.items()}
    return clips, groupings


def check_clip_ids(clips, config, source="the clip table"):
    """Checks that the clips that were named are there."""
    named = {"clips": config.clips}
    if config.replace_by != "zeros":
        named["replace_by"] = (config.replace_by,)
    for option, ids in named.items():
        for clip_id in ids:
            if clip_id not in set(clips.clip_id):
                raise ValueError(
                    f"Expected the id of a clip of {source}, such as "
                    f"{clips.clip_id.iloc[0]!r}. Received: {option}={clip_id!r}"
                )


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


if __name__ == "__main__":
    run_recipe(run, tyro.cli(Config, description=__doc__))
