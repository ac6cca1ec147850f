"""What a trained model answers from: one report with tables and pictures.

    python -m recipes.explain saved_models/demo_age               # embedded
    python -m recipes.explain saved_models/fdin my_clips.csv
    python -m recipes.explain saved_models/fdin UvA-NEMO --perturb-ages 37 66
    python -m recipes.explain saved_models/siam UvA-NEMO --landmarks-dir csv

Of a model of relations (FDIN): importance of the relations per clip and by
group (with bootstrap intervals), relations of --num-regions regions
(Algorithm 1 of Kim and Ro, ECCV 2018), symmetry, and what becomes of the error
where the dynamics of regions are replaced.

Of a model of attention (SIAM): attention over the face per clip and by group,
against the outline of the face and by its parts, the first layer of the
attention, weight of the frames over time and in the phases of the expression
(Pei et al., 2020, Figures 5, 9 and 10). It needs 68 landmarks in every frame:
a file per clip in --landmarks-dir, or --mesh; embedded clips have them.

Of both: which regions, frames and pixels the score came from, by layer-wise
relevance propagation (Arbabzadah et al., GCPR 2016).

Writes to --output-dir `report.html`, which opens without network, tables as
CSV, pictures as PNG and SVG, and videos; and a run to MLflow.

Faces are drawn schematically, and relevance of pixels is not shown, unless
--show-faces is given (the embedded clips are drawn people anyway): give it
only where the people agreed.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import tyro
from tyro.conf import Positional

from fdin_tf.data.sources import load_clips
from fdin_tf.explain.groups import AGE_EDGES
from fdin_tf.explain.lrp import COMPOSITES
from fdin_tf.progress import console
from recipes.cli import run_recipe
from recipes.explain_attention import check_attention
from recipes.explain_attention import explain_attention
from recipes.explain_clips import check_clip_ids
from recipes.explain_clips import group_clips
from recipes.explain_relations import check_relations
from recipes.explain_relations import explain_relations
from recipes.exported import load_exported


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
        mesh: Attention: find landmarks by the face mesh, where there is no
            file of them (needs the extra `mesh`).
        num_regions: Relations: regions of one beside pairs, 2 to 9.
        composite: Rules by which relevance is propagated, see
            `fdin_tf.explain.lrp.COMPOSITES`.
        group_by: What clips are grouped by; omitted: all that is labelled.
        age_edges: First age of every age group, years.
        group: Look at the clips of one group only, such as `37-65`, `female`
            or `posed`.
        perturb_ages: Relations: youngest and oldest age of the clips whose
            dynamics are replaced, both included; omitted: all clips.
        replace_by: Relations: what comes in place of the dynamics: `zeros`,
            or the id of the clip whose dynamics are taken.
        important: Relations: regions replaced as important; omitted: the one
            with the highest importance.
        less_important: Relations: regions replaced as less important;
            omitted: the three with the lowest importance.
        clips: Ids of clips to draw one by one; omitted: none for relations,
            for attention three that are typical and less so.
        show_faces: Draw on the faces of the people in the clips.
        output_dir: Folder for report, tables and pictures.
        cache_dir: Folder of embedded clips, face tracks and features; None
            for the user's cache folder.
        seed: Relations: seed of the bootstrap.
    """

    model: Positional[Path]
    data: Positional[Path | None] = None
    embedded: str = "natural"
    landmarks_dir: Path | None = None
    mesh: bool = False
    num_regions: int = 3
    composite: Literal[*COMPOSITES] = "epsilon_plus"
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
    model = load_exported(config.model)
    check, explain = check_relations, explain_relations
    if model.warp is not None:
        check, explain = check_attention, explain_attention
    check(model, config)
    clips = load_clips(config.data, config.embedded, config.cache_dir)
    # Mistakes show before hours of encoding.
    group_clips(clips, config)
    check_clip_ids(clips, config)
    report = explain(model, clips, config)
    console.print(f"Report: {report}", soft_wrap=True)
    return report


if __name__ == "__main__":
    run_recipe(run, tyro.cli(Config, description=__doc__))
