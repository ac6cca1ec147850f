"""FDIN beside other networks: Tables 3 and 5 of Kim and Ro (ECCV 2018).

    python -m recipes.compare                               # embedded clips
    python -m recipes.compare paper --data-dir UvA-NEMO
    python -m recipes.compare --targets gender --edges 12 19
    python -m recipes.compare smoke                         # for the tests

FDIN, the holistic dynamic approach (LSTMs on the whole face) and an
image-based network (frame by frame, averaged): all on the same clips,
encoder, folds and seeds, beside the paper's numbers, with paired tests
(Table 3: age, Table 5: gender). Of the paper's other methods its numbers are
listed. Writes tables as CSV to --output-dir, and a run per target to MLflow.
An interrupted run continues with the same command; a finished one prints its
result again.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import pandas as pd

from fdin_tf.training.compare_networks import run_comparison
from fdin_tf.training.comparison import NETWORK_TITLES
from fdin_tf.training.comparison import PAPER as IN_PRINT
from fdin_tf.training.comparison import print_comparison
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.networks import DEMO_COMPARISON
from recipes.networks import PAPER
from recipes.networks import SMOKE_CLASSES
from recipes.networks import NetworkConfig
from recipes.networks import builders
from recipes.networks import frontend_of

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
        output_dir: Folder of the tables.
    """

    targets: tuple[Literal["age", "gender"], ...] = ("age", "gender")
    networks: tuple[str, ...] = ("image_cnn", "holistic", "fdin")
    edges: tuple[int, ...] = (19,)
    per: Literal["video", "subject"] = "video"
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
        Config(name="smoke", **SMOKE_CLASSES),
    ),
}


def run(config):
    """Runs all networks; returns the tables by name."""
    networks = {
        target: builders(config.networks, target, config)
        for target in config.targets
    }
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
        )
        table = with_printed(comparison.table, NUMBERS[target])
        name = f"table_{NUMBERS[target]}"
        comparison.publish({name: table}, {})
        tables[name] = table
        printed.append((table, TITLES[target], comparison.data))
    for about in printed:
        print_comparison(*about)
    return tables


def with_printed(table, number):
    """A comparison, and below it the methods of which we have numbers only.

    Args:
        table: What `compare_age` or `compare_class` returned.
        number: Number of the paper's table.

    Returns:
        The table with a row per further method that has a number in one of
        the columns; ours are missing there.
    """
    others = pd.DataFrame(
        {
            "network": name,
            "title": name,
            **{f"paper_{column}": value for column, value in printed.items()},
        }
        for name, printed in IN_PRINT[number].items()
        if name not in NETWORK_TITLES
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
