"""What FDIN's parts are worth: Tables 1, 2 and 4 of Kim and Ro (ECCV 2018).

    python -m recipes.ablations                             # embedded clips
    python -m recipes.ablations paper --data-dir UvA-NEMO
    python -m recipes.ablations --targets age --perturb-ages 20 36
    python -m recipes.ablations smoke                       # for the tests

FDIN, FDIN without locational features, without relational importance and
without either, and the aggregation of local dynamics by regional importance:
all on the same clips, encoder, folds and seeds, beside the paper's numbers,
with paired tests (Table 2: age, Table 4: gender). Table 1 replaces the
dynamics of important and of less important regions in FDIN with and without
relational importance. Writes tables as CSV and pictures to --output-dir, and
a run per target to MLflow. An interrupted run continues with the same
command; a finished one prints its result again.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.sources import load_clips
from fdin_tf.explain.plots import plot_perturbation
from fdin_tf.training.compare_networks import run_comparison
from fdin_tf.training.comparison import print_comparison
from fdin_tf.training.paper import network_title
from fdin_tf.training.perturbed_folds import check_ages
from fdin_tf.training.perturbed_folds import perturb_folds
from fdin_tf.training.perturbed_folds import perturbed_table
from fdin_tf.training.perturbed_folds import print_perturbed
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.networks import DEMO_COMPARISON
from recipes.networks import PAPER
from recipes.networks import SMOKE_CLASSES
from recipes.networks import NetworkConfig
from recipes.networks import builders
from recipes.networks import frontend_of

TITLES = {
    "age": "Table 2: mean absolute error of age in years",
    "gender": "Table 4: accuracy of gender in %",
}
TABLES = {"age": "table_2", "gender": "table_4"}


@dataclasses.dataclass(frozen=True)
class Config(NetworkConfig):
    """Ablations of FDIN.

    Attributes:
        targets: What is estimated.
        networks: Names of the networks; `fdin` among them.
        perturb_ages: Youngest and oldest age of the people in whose clips
            dynamics are replaced, both included.
        output_dir: Folder of tables and pictures.
    """

    targets: tuple[Literal["age", "gender"], ...] = ("age", "gender")
    networks: tuple[str, ...] = (
        "regional",
        "fdin_no_location_no_importance",
        "fdin_no_importance",
        "fdin_no_location",
        "fdin",
    )
    perturb_ages: tuple[float, float] = (37, 66)
    output_dir: Path = Path("results/ablations")


PRESETS = {
    "demo": (
        "The embedded clips, about a quarter of an hour on two cores.",
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
    if "age" in config.targets:
        check_ages(
            load_clips(config.data_dir, config.embedded, config.cache_dir),
            config.perturb_ages,
        )
    tables, printed = {}, []
    for target in config.targets:
        comparison = run_comparison(
            config, "ablations", target, networks[target], frontend_of(config)
        )
        found, figures = {TABLES[target]: comparison.table}, {}
        if target == "age":
            estimates = perturbed(comparison, config)
            table = perturbed_table(
                estimates,
                comparison.prepared.encoded.clips,
                config.perturb_ages,
            )
            found |= {"table_1": table, "perturbed": estimates}
            figures = pictures(table, config)
            printed.append((print_perturbed, table, estimates,
                            config.perturb_ages, comparison.data))  # fmt: skip
        printed.append((print_comparison, comparison.table, TITLES[target],
                        comparison.data))  # fmt: skip
        comparison.publish(found, figures)
        tables |= found
    for print_table, *about in printed:
        print_table(*about)
    return tables


def perturbed(comparison, config):
    """Estimates under perturbations, kept with the comparison."""
    path = comparison.run_dir / "perturbed.csv"
    if not path.is_file():
        wanted = ("fdin", "fdin_no_importance")
        networks = [name for name in wanted if name in config.networks]
        estimates = perturb_folds(
            comparison.prepared, networks, config.perturb_ages
        )
        with atomic_path(path) as temporary:
            estimates.to_csv(temporary, index=False)
    return pd.read_csv(
        path,
        dtype={"clip_id": str},
        keep_default_na=False,  # a clip may be called "NA"
    )


def pictures(table, config):
    """Table 1 as a chart per network."""
    ages = "{:g} to {:g} years".format(*config.perturb_ages)
    return {
        f"table_1_{network}": plot_perturbation(
            of, f"{network_title(network)}, subjects of {ages}"
        )
        for network, of in table.groupby("network", sort=False)
    }


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
