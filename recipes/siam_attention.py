"""Where and when SIAM looks: Table I, Figures 3 and 4 of Pei et al. (2020).

    python -m recipes.siam_attention                      # embedded clips
    python -m recipes.siam_attention --positions 1 2 3    # Figure 4 as well
    python -m recipes.siam_attention paper --data-dir D --landmarks-dir csv
    python -m recipes.siam_attention smoke                # for the tests

Four mechanisms of spatial attention, and the attention behind each of the
convolutions, with several seeds. On unseen subjects: the mean absolute error
beside the paper's, how much more temporal weight an apex frame has than a
neutral one, and how well the spatial attention tells the face from the
background. The embedded clips are of the set `expressive`, in which age shows
in the smile alone and every clip begins and ends at rest.

Writes tables as CSV and pictures to --output-dir, and a run to MLflow. People
are drawn only where --show-faces is given (the embedded clips are drawn
people anyway): give it only where they agreed. An interrupted run continues
with the same command; a finished one prints its result again.
"""

import dataclasses
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.explain.attention import predict_attention
from fdin_tf.explain.attention_plots import plot_spatial_attention
from fdin_tf.explain.attention_plots import plot_temporal_attention
from fdin_tf.training.attention_folds import ALL_SEEDS
from fdin_tf.training.attention_folds import attention_table
from fdin_tf.training.attention_folds import clip_phases
from fdin_tf.training.attention_folds import fold_warp
from fdin_tf.training.attention_folds import measure_attention
from fdin_tf.training.attention_folds import print_attention
from fdin_tf.training.compare_networks import publish
from fdin_tf.training.paper import network_title
from fdin_tf.training.perturbed_folds import load_fold
from fdin_tf.training.report import whose
from fdin_tf.training.seeded_networks import run_seeds
from fdin_tf.training.siam_paper import MECHANISM_TITLES
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.siam_networks import CROP
from recipes.siam_networks import DEMO
from recipes.siam_networks import PAPER
from recipes.siam_networks import SMOKE
from recipes.siam_networks import Mechanism
from recipes.siam_networks import SiamConfig
from recipes.siam_networks import builder
from recipes.siam_networks import frontend_of
from recipes.siam_networks import with_landmarks

_NUM_FACES = 2
_HEADLINES = {
    "figure_3": "Mechanisms of spatial attention, at the apex",
    "figure_4": "Places of spatial attention, at the apex",
}


@dataclasses.dataclass(frozen=True)
class Config(SiamConfig):
    """Mechanisms and positions of SIAM's spatial attention.

    Attributes:
        mechanisms: Mechanisms of the spatial attention (Table I, Figure 3),
            at --spatial-position.
        positions: After which convolutions --spatial-attention is placed
            (Figure 4).
        seeds: Seeds of folds, weights, order and dropout; --seed is not used.
        tested_folds: Number of folds of each seed that are trained and
            tested; omitted: all.
        show_faces: Draw the faces of the people in the clips.
        output_dir: Folder of tables and pictures.
    """

    mechanisms: tuple[Mechanism, ...] = tuple(MECHANISM_TITLES)
    positions: tuple[Literal[1, 2, 3], ...] = ()
    seeds: tuple[int, ...] = (3, 4, 5)
    tested_folds: int | None = None
    show_faces: bool = False
    output_dir: Path = Path("results/siam_attention")


#: Clips whose age shows in the smile alone, half an hour on two cores. The
#: penalties, which set in when the network has learnt, close attention where
#: it does no good; small kernels and a margin keep what a place of attention
#: sees small, and beside the face; recurrent layers whose memory fades make a
#: frame speak for itself.
DEMO_ATTENTION = {
    **DEMO,
    "embedded": "expressive",
    "tested_folds": 1,
    "face": dataclasses.replace(CROP, frames_per_second=8.0, size=128),
    "image_size": 76,
    "margin": 0.1,
    "kernel_sizes": (3, 3, 3),
    "padding": ("same", "same", "valid"),
    "cnn_dropout": 0.4,
    "l2": 1e-3,
    "recurrent_gain": 0.5,
    "spatial_penalty": 0.3,
    "temporal_penalty": 0.3,
    "penalty_delay": 650,
    "penalty_ramp": 370,
    "fit": dataclasses.replace(
        DEMO["fit"], epochs=24, batch_size=4, learning_rate=1e-3, patience=24
    ),
}

PRESETS = {
    "demo": (
        "Embedded clips whose age shows in the smile alone.",
        Config(name="embedded", **DEMO_ATTENTION),
    ),
    "paper": (
        "Pei et al. (2020), section V-A: needs --data-dir.",
        Config(name="paper", positions=(1, 2, 3), seeds=(0,), **PAPER),
    ),
    "smoke": (
        "Sixteen tiny clips, two mechanisms and two seeds, for the tests.",
        Config(
            name="smoke",
            mechanisms=("spatially_agnostic", "spatially_indexed"),
            positions=(2,),
            seeds=(0, 1),
            tested_folds=1,
            **SMOKE,
        ),
    ),
}


def run(config):
    """Runs all networks with all seeds; returns the tables by name."""
    config = with_landmarks(config)
    found = run_seeds(
        config,
        "siam_attention",
        "age",
        networks(config),
        frontend_of(config),
        config.seeds,
        config.tested_folds,
    )
    clips = kept_measures(found)
    table = attention_table(clips, found.predictions)
    tables = {"table_1": table, "clips": clips}
    overall = table[table.seed == ALL_SEEDS].set_index("network")
    publish(
        found,
        tables,
        pictures(found, config),
        {
            f"{network}_{measure}": overall.loc[network, measure]
            for network in overall.index
            for measure in ("mae_years", "apex_to_neutral", "face_auc")
        },
    )
    print_attention(table, found.data)
    return tables


def places(config):
    """Mechanism and position of every network, by figure."""
    return {
        "figure_3": [
            (name, config.spatial_position) for name in config.mechanisms
        ],
        "figure_4": [
            (config.spatial_attention, place) for place in config.positions
        ],
    }


def network_name(mechanism, position):
    """Name of a network in tables; SIAM as published is `siam`.

    Example:

    >>> network_name("spatially_agnostic", 2)
    'siam_spatially_agnostic'
    """
    if (mechanism, position) == ("spatially_indexed", 2):
        return "siam"
    where = "" if position == 2 else f"_after_{position}"
    return f"siam_{mechanism}{where}"


def networks(config):
    """Dict from a network's name to its `builder`.

    Raises:
        ValueError: If there is neither a mechanism nor a position.
    """
    found = {}
    for mechanism, position in chain(*places(config).values()):
        of = dataclasses.replace(
            config, spatial_attention=mechanism, spatial_position=position
        )
        found[network_name(mechanism, position)] = builder("siam", "age", of)
    if not found:
        raise ValueError(
            "Expected at least one mechanism or position. Received: "
            "mechanisms=(), positions=()"
        )
    return found


def kept_measures(found):
    """Attention of all clips in numbers, kept with the run."""
    path = found.run_dir / "attention.csv"
    if not path.is_file():
        measured = pd.concat(
            [
                measure_attention(ready, network, found.folds[seed])
                for seed, ready in found.by_seed.items()
                for network in ready.networks
            ],
            ignore_index=True,
        )
        with atomic_path(path) as temporary:
            measured.to_csv(temporary, index=False)
    return pd.read_csv(
        path,
        dtype={"clip_id": str},
        keep_default_na=False,  # a clip may be called "NA"
        na_values={"apex_weight": [""], "neutral_weight": [""]},
    )


def pictures(found, config):
    """Figures 3 and 4, and the temporal attention of one clip per network."""
    has_faces = config.show_faces or config.data_dir is None
    ready = found.prepared
    fold = found.folds[ready.config.seed][0]
    subjects = ready.encoded.clips.set_index("clip_id").subject[list(fold.test)]
    chosen = list(subjects.drop_duplicates().index[:_NUM_FACES])
    rows, figures = {}, {}
    for network in ready.networks:
        rows[network], figures[f"temporal_{network}"] = draw_network(
            ready, network, fold, chosen, has_faces
        )
    points = fold_warp(ready, network, fold).points
    for name, of in places(config).items():
        drawn = {}
        for mechanism, position in of:
            title = MECHANISM_TITLES[mechanism]
            if name == "figure_4":
                title = f"After convolution {position}"
            drawn[title] = rows[network_name(mechanism, position)]
        if drawn:
            figures[name] = plot_spatial_attention(
                drawn,
                points,
                title=f"{_HEADLINES[name]}\n{whose(ready.encoded)}",
            )
    return figures


def draw_network(ready, network, fold, clip_ids, has_faces):
    """Faces with their attention at the apex; the first clip over time."""
    model, data = load_fold(ready, network, fold, clip_ids)
    attention = predict_attention(model, data, clip_ids)
    faces = []
    for clip_id, of in attention.items():
        apex = np.flatnonzero(clip_phases(ready, clip_id).mask("apex"))
        middle = apex[len(apex) // 2]
        frame = data.load(clip_id)[middle] if has_faces else None
        faces.append((frame, of.spatial[middle]))
    clip_id = clip_ids[0]
    clips = data.clips.set_index("clip_id")
    phases = clip_phases(ready, clip_id)
    weights = attention[clip_id].temporal
    curve = plot_temporal_attention(
        data.load(clip_id) if has_faces else None,
        weights,
        np.arange(len(weights)) / clips.frames_per_second[clip_id],
        {"apex": phases.mask("apex"), "neutral": phases.neutral},
        title=f"{network_title(network)}: temporal attention\n"
        f"{whose(ready.encoded)}",
    )
    return faces, curve


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
