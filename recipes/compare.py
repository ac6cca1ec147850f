"""FDIN beside other networks: Tables 3 and 5 of Kim and Ro (ECCV 2018).

    python -m recipes.compare                               # embedded clips
    python -m recipes.compare paper --data-dir UvA-NEMO
    python -m recipes.compare paper --data-dir UvA-NEMO --handcrafted all \
        --landmarks-dir csv
    python -m recipes.compare --targets gender --edges 12 19
    python -m recipes.compare smoke                         # for the tests

FDIN, the holistic dynamic approach (LSTMs on the whole face) and an
image-based network (frame by frame, averaged): all on the same clips,
encoder, folds and seeds, beside the paper's numbers, with paired tests
(Table 3: age, Table 5: gender). So are the handcrafted methods of
--handcrafted, re-implemented (`docs/handcrafted.md` says how, row by row): of
age VLBP, LBP-TOP, displacement, deformation, LBP, BIF and IEF, and the last
three with dynamics; of gender smile dynamics with trees and an SVM, LBP, and
both. Without the option these are all on the embedded clips, and none with
--data-dir. They take 68 landmarks from a file per clip in --landmarks-dir
(OpenFace, py-feat or .npz) or by --mesh. On the embedded clips the landmarks of
the rows are the renderer's, while the faces of the networks are detected; with
--landmarks-dir both take the files. Of other methods the paper's numbers are
listed.

Writes tables as CSV to --output-dir, and a run per target to MLflow. An
interrupted run continues with the same command; a finished one prints its
result again.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import pandas as pd

from fdin_tf.faces import mesh_landmarks
from fdin_tf.training.compare_networks import run_comparison
from fdin_tf.training.comparison import NETWORK_TITLES
from fdin_tf.training.comparison import PAPER as IN_PRINT
from fdin_tf.training.comparison import print_comparison
from fdin_tf.training.handcrafted_comparison import Handcrafted
from fdin_tf.training.handcrafted_rows import ROWS
from fdin_tf.training.handcrafted_rows import printed_row
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.networks import DEMO_COMPARISON
from recipes.networks import PAPER
from recipes.networks import SMOKE_CLASSES
from recipes.networks import NetworkConfig
from recipes.networks import builders
from recipes.networks import frontend_of
from recipes.siam_networks import with_landmarks

TITLES = {
    "age": "Table 3: mean absolute error of age in years",
    "gender": "Table 5: accuracy of gender in %",
}
NUMBERS = {"age": 3, "gender": 5}


@dataclasses.dataclass(frozen=True)
class Config(NetworkConfig):
    """FDIN beside other networks.

    Attributes:
        targets: What is estimated.
        networks: Names of the networks; `fdin` among them.
        edges: Last year of every age group but the oldest, for gender.
        per: Whether one decision about gender is made per video, as in the
            paper's own rows, or per subject and smile type.
        handcrafted: Names of handcrafted rows beside the networks, or `all`;
            None for all on the embedded clips and none with --data-dir.
        mesh: Find landmarks for these by the face mesh where there is no file
            of them (needs the extra `mesh`).
        output_dir: Folder of the tables.
    """

    targets: tuple[Literal["age", "gender"], ...] = ("age", "gender")
    networks: tuple[str, ...] = ("image_cnn", "holistic", "fdin")
    edges: tuple[int, ...] = (19,)
    per: Literal["video", "subject"] = "video"
    handcrafted: tuple[Literal[*ROWS, "all"], ...] | None = None
    mesh: bool = False
    output_dir: Path = Path("results/compare")


PRESETS = {
    "demo": (
        "The embedded clips, minutes on two cores.",
        Config(**DEMO_COMPARISON),
    ),
    "paper": (
        "Kim and Ro (ECCV 2018), section 4.1: needs --data-dir.",
        Config(name="paper", **PAPER),
    ),
    "smoke": (
        "Sixteen tiny clips and four folds, for the tests.",
        Config(name="smoke", handcrafted=(), **SMOKE_CLASSES),
    ),
}


def run(config):
    """Runs all networks; returns the tables by name."""
    networks = {
        target: builders(config.networks, target, config)
        for target in config.targets
    }
    handcrafted = rows_beside(config)
    tables, printed = {}, []
    for target in config.targets:
        comparison = run_comparison(
            config,
            "compare",
            target,
            networks[target],
            frontend_of(config),
            edges=config.edges,
            per=config.per,
            handcrafted=handcrafted,
        )
        table = with_printed(comparison.table, NUMBERS[target])
        name = f"table_{NUMBERS[target]}"
        comparison.publish({name: table}, {})
        tables[name] = table
        data = comparison.data
        if not ROWS.keys().isdisjoint(comparison.found):
            data += whose_landmarks(config)
        printed.append((table, TITLES[target], data))
    for about in printed:
        print_comparison(*about)
    return tables


def rows_beside(config):
    """The handcrafted rows of a config, with their landmarks.

    Args:
        config: `Config`.

    Returns:
        `Handcrafted`.

    Raises:
        ValueError: If a row is about none of the targets, or landmarks of the
            mesh are asked for and there are no rows.
    """
    names = config.handcrafted
    if names is None:
        names = () if config.data_dir is not None else ("all",)
    for name in names:
        if name in ROWS and ROWS[name].target not in config.targets:
            raise ValueError(
                f"Expected handcrafted rows of {' and '.join(config.targets)}. "
                f"Received: handcrafted={name!r}, a row of "
                f"{ROWS[name].target}"
            )
    if config.mesh and not names:
        raise ValueError(
            "Expected --handcrafted with --mesh, whose landmarks are for "
            "handcrafted rows alone. Received: mesh=True without rows"
        )
    return Handcrafted(
        names,
        with_landmarks(config).landmarks_dir if names else None,
        mesh_landmarks if config.mesh else None,
    )


def whose_landmarks(config):
    """Where rows and networks have other landmarks, in words; else nothing."""
    if config.data_dir is None and config.landmarks_dir is None:
        rows = "the renderer's"
    elif config.mesh:
        rows = "the face mesh's where there is no file"
    else:
        return ""
    return f"; landmarks of the rows are {rows}, those of the networks detected"


def with_printed(table, number):
    """A comparison, and below it the methods of which we have numbers only.

    Args:
        table: What `compare_age` or `compare_class` returned.
        number: Number of the paper's table.

    Returns:
        The table with a row per further method that has a number in one of
        the columns; ours are missing there.
    """
    ours = {printed_row(name, IN_PRINT[number]) for name in table.network}
    others = pd.DataFrame(
        {
            "network": name,
            "title": name,
            **{f"paper_{column}": value for column, value in printed.items()},
        }
        for name, printed in IN_PRINT[number].items()
        if name not in NETWORK_TITLES and name not in ours
    ).reindex(columns=table.columns)
    in_print = table.columns[table.columns.str.startswith("paper_")]
    counts = table.columns.intersection(["clips", "samples", "subjects"])
    whole = dict.fromkeys(counts, "Int64")
    return pd.concat(
        [
            table.astype(whole),
            others.dropna(subset=in_print, how="all").astype(whole),
        ],
        ignore_index=True,
    )


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
