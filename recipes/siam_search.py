"""Search of SIAM's hyper-parameters on validation subjects.

    python -m recipes.siam_search                       # embedded clips
    python -m recipes.siam_search paper --data-dir UvA-NEMO --landmarks-dir csv
    python -m recipes.siam_search --rnn-units 16 64 --l2 0 1e-3 --executor ray
    python -m recipes.siam_search smoke                 # for the tests

The grid of Pei et al. (2020), section IV-C: units of the recurrent module,
two dropouts and the weight of the L2 term. Networks are trained on the
training clips of one fold and compared on its validation clips; its test
clips are not read. (All folds of recipes.siam_age_cv test its training and
validation subjects too, who had a say in the choice: only what is tested in
--fold was never seen.) Successive halving stops most networks early: after
--first-epochs the better third goes on, to three times as many, and so on;
the learning rate falls as for all epochs. Prints the best as a command line
of recipes.siam_age_cv, and writes table, picture and command to --output-dir
and to MLflow. An interrupted search continues with the same command, with
whichever --executor; a finished one prints its result again.
"""

import dataclasses
import logging
import shlex
from pathlib import Path

import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.explain.plots import save_figure
from fdin_tf.progress import console
from fdin_tf.training.cross_validate import fold_dir
from fdin_tf.training.experiment import begin
from fdin_tf.training.prepare import prepare
from fdin_tf.training.search import epoch_budgets
from fdin_tf.training.search import grid
from fdin_tf.training.search_report import plot_search
from fdin_tf.training.search_report import print_search
from fdin_tf.training.trials import NetworkTrials
from fdin_tf.training.trials import search_networks
from recipes import siam_age_cv
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.siam_networks import DEMO
from recipes.siam_networks import PAPER
from recipes.siam_networks import SMOKE
from recipes.siam_networks import SiamConfig
from recipes.siam_networks import build_network
from recipes.siam_networks import builder
from recipes.siam_networks import frontend_of
from recipes.siam_networks import with_landmarks

ERROR = "mean absolute error (years), validation subjects"
#: The network but for what is searched.
NEUTRAL = {"rnn_units": 1, "cnn_dropout": 0.0, "rnn_dropout": 0.0, "l2": 0.0}
SEARCHED = tuple(NEUTRAL)
# Of a command line: presets have names and places of their own, and who
# searches need not cross-validate.
NOT_COMPARED = (
    "name", "output_dir", "restart", "executor", "address", "workers", "gpus",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Config(SiamConfig):
    """Search of SIAM's hyper-parameters.

    Attributes:
        rnn_units: Numbers of units of the recurrent module to try.
        cnn_dropout: Shares dropped in the appearance module to try.
        rnn_dropout: Shares dropped in the recurrent module to try.
        l2: Weights of the L2 term to try.
        fold: Number of the fold whose training and validation clips are used.
        first_epochs: Epochs after which all networks are compared.
        eta: One in so many goes on, to so many times the epochs.
        output_dir: Folder of table, picture and command.
    """

    rnn_units: tuple[int, ...] = (128, 256, 512)
    cnn_dropout: tuple[float, ...] = (0.0, 0.1, 0.2, 0.4)
    rnn_dropout: tuple[float, ...] = (0.0, 0.1, 0.2, 0.4)
    l2: tuple[float, ...] = (0.0, 1e-4, 3e-4, 5e-4, 1e-3, 3e-3, 5e-3)
    fold: int = 0
    first_epochs: int = 4
    eta: int = 3
    output_dir: Path = Path("results/siam_search")


def _grid_of(preset, **options):
    """A preset of SIAM with the paper's grid, or a smaller one."""
    sizes = {k: v for k, v in preset.items() if k not in SEARCHED}
    return Config(**{**sizes, **options})


PRESETS = {
    "demo": (
        "Six networks on the embedded clips, minutes on two cores.",
        _grid_of(
            DEMO, name="embedded_siam_search", rnn_units=(16, 64),
            cnn_dropout=(0.0,), rnn_dropout=(0.0,), l2=(0.0, 3e-4, 3e-3),
            first_epochs=3,
        ),
    ),
    "paper": (
        "Pei et al. (2020), section IV-C: 336 networks; needs --data-dir.",
        _grid_of(PAPER, name="siam_search"),
    ),
    "smoke": (
        "Two tiny networks, for the tests.",
        _grid_of(
            SMOKE, name="smoke_siam_search", rnn_units=(4, 6),
            cnn_dropout=(0.0,), rnn_dropout=(0.2,), l2=(0.0,),
            first_epochs=1, eta=2,
        ),
    ),
}  # fmt: skip


def run(config):
    """Searches; returns the table of configurations, the best first."""
    configurations = grid(**{name: getattr(config, name) for name in SEARCHED})
    budgets = epoch_budgets(config.first_epochs, config.fit.epochs, config.eta)
    _check(config)
    # Every network has a graph of its own: no reason to warn of it.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    ready = prepare(
        with_landmarks(config),
        "age",
        {"siam_search": builder("siam", "age", network_config(config))},
        frontend_of(config),
    )
    trials = _trials(config, ready, configurations)
    run_dir = ready.run_dir("siam_search")
    tracker = begin(ready, "siam_search", run_dir)
    path = run_dir / "configurations.csv"
    if path.is_file():
        console.print("This search is finished; its result:")
    else:
        with tracker.run(config.name):
            table = search_networks(
                trials, budgets, config.eta, tracker, ready.executor
            )
            tracker.log_table(table, "configurations")
            tracker.log_figure(plot_search(table, SEARCHED, ERROR), "search")
            tracker.log_metrics({"best_valid_error": table.valid_error[0]})
            tracker.log_text(best_command(config, table), "best_command.txt")
        with atomic_path(path) as temporary:
            table.to_csv(temporary, index=False)
    table = pd.read_csv(path)
    _write(table, config)
    print_search(table, SEARCHED, ERROR)
    print(f"The best:\n{best_command(config, table)}")
    console.print(f"Table and picture: {config.output_dir}", soft_wrap=True)
    return table


def network_config(config, values=NEUTRAL):
    """The `SiamConfig` of one network of a search."""
    fields = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(SiamConfig)
    }
    return SiamConfig(**{**fields, **values})


def best_command(config, table):
    """The command line of `recipes.siam_age_cv` with the best of a table."""
    best = table.iloc[0]
    values = {name: type(NEUTRAL[name])(best[name]) for name in SEARCHED}
    wanted = _flat(network_config(config, values))
    differing = {}
    for preset, (_, of_preset) in siam_age_cv.PRESETS.items():
        there = _flat(of_preset)
        differing[preset] = [
            name
            for name, value in wanted.items()
            if name in SEARCHED
            or (name not in NOT_COMPARED and there[name] != value)
        ]
    preset = min(differing, key=lambda name: len(differing[name]))
    words = ["python", "-m", "recipes.siam_age_cv", preset]
    for name in differing[preset]:
        words += _option(name, wanted[name])
    return shlex.join(words)


def _check(config):
    """Refuses mistakes before hours of work."""
    small = {"conv_units": (1, 1, 1), "dense_units": 1, "attention_units": 1}
    shape = (config.image_size, config.image_size, 1)
    for name in SEARCHED:
        values = getattr(config, name)
        for value in {min(values), max(values)}:
            tried = network_config(config, {**NEUTRAL, name: value, **small})
            build_network("siam", "age", tried, shape)


def _trials(config, ready, configurations):
    numbers = [fold.number for fold in ready.folds]
    if config.fold not in numbers:
        raise ValueError(
            f"Expected `fold` of the search to be one of {numbers}. Received: "
            f"fold={config.fold}"
        )
    fold = ready.folds[numbers.index(config.fold)]
    return NetworkTrials(
        configurations,
        [
            builder("siam", "age", network_config(config, values))
            for values in configurations
        ],
        ready.encoded,
        fold,
        "age",
        ready.config.fit,
        fold_dir(ready.network_dirs["siam_search"], fold),
        ready.frontend,
        # As `cross_validate` seeds the network of this fold.
        config.seed + fold.number,
    )


def _write(table, config):
    """Table, picture and command, to the folder of results."""
    folder = config.output_dir
    with atomic_path(folder / "configurations.csv") as temporary:
        table.to_csv(temporary, index=False)
    save_figure(plot_search(table, SEARCHED, ERROR), folder / "search")
    with atomic_path(folder / "best_command.txt") as temporary:
        temporary.write_text(best_command(config, table) + "\n")


def _flat(config, prefix=""):
    """Settings by the name of their option."""
    flat = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            flat |= _flat(value, f"{prefix}{field.name}.")
        else:
            flat[prefix + field.name] = value
    return flat


def _option(name, value):
    """Words of the command line for a setting."""
    option = name.replace("_", "-")
    if isinstance(value, bool):
        head, _, last = option.rpartition(".")
        return [f"--{head}{'.' if head else ''}{'' if value else 'no-'}{last}"]
    values = value if isinstance(value, tuple) else (value,)
    return [f"--{option}", *map(str, values)]


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
