"""Search: halving against its definition, trials that go on."""

import math

import keras
import numpy as np
import pandas as pd
import pytest

from fdin_tf.data.folds import Fold
from fdin_tf.training.fit import fit
from fdin_tf.training.fit_config import FitConfig
from fdin_tf.training.search import Rung
from fdin_tf.training.search import epoch_budgets
from fdin_tf.training.search import grid
from fdin_tf.training.search import search_table
from fdin_tf.training.search import successive_halving
from fdin_tf.training.search_report import plot_search
from fdin_tf.training.search_report import print_search
from fdin_tf.training.trials import NetworkTrials
from fdin_tf.training.trials import TrialResult
from fdin_tf.training.trials import search_networks

SHAPE = (2, 2, 1)
FOLD = Fold(0, ("a", "b", "c", "d"), ("e", "f"), ("g",))
CONFIG = FitConfig(
    epochs=4, batch_size=2, learning_rate=0.05, patience=4, precision="float32"
)
CONFIGURATIONS = [{"units": 3}, {"units": 1}, {"units": 2}]


class Clips:
    """Clips whose brightness is the age; the test clip cannot be read."""

    def __init__(self):
        self.ids = [*FOLD.train, *FOLD.valid, *FOLD.test]
        self.name = "features"
        self.shape = SHAPE
        self.clips = pd.DataFrame(
            {
                "clip_id": self.ids,
                "age": [20.0, 30.0, 40.0, 50.0, 25.0, 45.0, 35.0],
                "num_frames": 5,
            }
        )

    def load(self, clip_id):
        assert clip_id not in FOLD.test
        number = self.ids.index(clip_id)
        rng = np.random.default_rng(number)
        level = (self.clips.age[number] - 35) / 10
        return np.float16(rng.normal(level, 0.1, (5, *SHAPE)))


class Network:
    """A small network of so many units."""

    def __init__(self, units):
        self.units = units

    def __call__(self, shape):
        features = keras.Input((None, *shape), name="features")
        mask = keras.Input((None,), dtype="bool", name="mask")
        pooled = keras.layers.Reshape((-1, math.prod(shape)))(features)
        pooled = keras.layers.GlobalAveragePooling1D()(pooled)
        hidden = keras.layers.Dense(self.units, "tanh")(pooled)
        hidden = keras.layers.Dropout(0.2)(hidden)
        age = keras.layers.Dense(1, name="age")(hidden)
        return keras.Model({"features": features, "mask": mask}, {"age": age})


def make_trials(folder, config=CONFIG, configurations=CONFIGURATIONS):
    networks = [Network(values["units"]) for values in configurations]
    return NetworkTrials(
        configurations, networks, Clips(), FOLD, "age", config, folder, seed=7
    )


def result(error, epochs=1, seconds=1.0):
    return TrialResult(error, 1, epochs, seconds, pd.DataFrame())


# The grid and the budgets


def test_the_grid_has_every_combination_once():
    found = grid(a=(1, 2, 1), b=("x", "y"))
    assert found == [
        {"a": 1, "b": "x"}, {"a": 1, "b": "y"},
        {"a": 2, "b": "x"}, {"a": 2, "b": "y"},
    ]  # fmt: skip


def test_a_hyper_parameter_without_values_is_refused():
    with pytest.raises(ValueError, match=r"at least one value.*b=\(\)"):
        grid(a=(1,), b=())


@pytest.mark.parametrize(
    ("numbers", "budgets"),
    [
        ((1, 9, 3), [1, 3, 9]),
        ((4, 10, 2), [4, 8, 10]),
        ((5, 5, 3), [5]),
    ],
)
def test_budgets_grow_to_all_epochs(numbers, budgets):
    assert epoch_budgets(*numbers) == budgets


@pytest.mark.parametrize("first", [0, 11])
def test_a_first_budget_out_of_range_is_refused(first):
    with pytest.raises(ValueError, match=rf"first_epochs={first}, epochs=10"):
        epoch_budgets(first, 10)


def test_an_eta_that_stops_nothing_is_refused():
    with pytest.raises(ValueError, match=r"at least 2. Received: eta=1"):
        epoch_budgets(1, 10, 1)
    with pytest.raises(ValueError, match=r"at least 2. Received: eta=1"):
        list(successive_halving(3, None, [1], eta=1))


# Successive halving


def literal_halving(errors, budgets, eta):
    """The published loop: errors[trial][budget]; equals by their number."""
    alive, kept = range(len(errors)), []
    for budget in budgets:
        ranked = sorted((errors[trial][budget], trial) for trial in alive)
        count = max(1, math.floor(len(ranked) / eta))
        alive = [trial for _, trial in ranked[:count]]
        kept.append(alive)
    kept[-1] = kept[-1][:1]
    return kept


@pytest.mark.parametrize("eta", [2, 3])
@pytest.mark.parametrize("count", [1, 2, 20, 50])
def test_halving_is_the_published_loop_in_whichever_order(count, eta):
    rng = np.random.default_rng(count)
    budgets = [1, 3, 9]
    # Few different errors, so that many are equal.
    errors = [dict(zip(budgets, rng.integers(0, 9, 3))) for _ in range(count)]

    def run_trials(numbers, budget):
        for number in rng.permutation(numbers):
            yield int(number), result(float(errors[number][budget]))

    rungs = list(successive_halving(count, run_trials, budgets, eta))
    expected = literal_halving(errors, budgets, eta)
    assert [list(rung.kept) for rung in rungs] == expected
    alive = set(range(count))
    for rung in rungs:
        assert set(rung.results) == {*rung.kept, *rung.dropped} == alive
        alive = set(rung.kept)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_an_error_that_is_not_finite_never_goes_on(bad):
    errors = [bad, 2.0, bad, bad]

    def run_trials(numbers, budget):
        return [(n, result(errors[n])) for n in numbers]

    first, second = successive_halving(4, run_trials, [1, 2], eta=2)
    assert first.kept == (1,)
    assert first.dropped == (0, 2, 3)
    assert second.kept == (1,)
    errors[1] = bad
    (only,) = successive_halving(4, run_trials, [1, 2], eta=2)
    assert only.kept == ()


def test_the_table_has_the_best_of_the_longest_first():
    rungs = [
        Rung(1, {0: result(5.0), 1: result(3.0), 2: result(math.inf)},
             (1, 0), (2,)),
        Rung(4, {0: result(2.0, 4, 9.0), 1: result(3.0, 3, 8.0)}, (0,), (1,)),
    ]  # fmt: skip
    table = search_table(CONFIGURATIONS, rungs)
    assert table.units.tolist() == [3, 1, 2]
    assert table.rung.tolist() == [2, 2, 1]
    assert table.valid_error.tolist() == [2.0, 3.0, math.inf]
    assert table.epochs.tolist() == [4, 3, 1]
    assert table.seconds.tolist() == [10.0, 9.0, 1.0]


# Trainings that stop and go on


def train(folder, *stops, config=CONFIG):
    """Calls fit once per stop, each with a network of another process."""
    for seed, stop in enumerate(stops):
        keras.utils.set_random_seed(seed)
        model = Network(3)(SHAPE)
        epochs = []
        history = fit(
            model, Clips(), FOLD.train, FOLD.valid, "age", config, folder,
            seed=1, stop_after=stop,
            on_epoch=lambda n, _, done=epochs: done.append(n),
        )  # fmt: skip
    return model, history, epochs


def test_a_stopped_training_goes_on_as_if_it_had_not(tmp_path):
    whole, undisturbed, _ = train(tmp_path / "whole", None)
    model, history, epochs = train(tmp_path / "parts", 1, 3, None)
    assert epochs == [4]
    pd.testing.assert_frame_equal(history, undisturbed, rtol=1e-5)
    assert history.learning_rate.nunique() == 4
    for a, b in zip(model.get_weights(), whole.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_a_training_that_is_further_already_is_left_as_it_is(tmp_path):
    _, history, epochs = train(tmp_path, 3, 2)
    assert epochs == []
    assert len(history) == 3


@pytest.mark.parametrize("stop", [0, 5])
def test_a_stop_outside_of_the_training_is_refused(tmp_path, stop):
    with pytest.raises(ValueError, match=f"stop_after={stop}, epochs=4"):
        train(tmp_path, stop)


def test_a_trial_goes_on_and_is_known_afterwards(tmp_path):
    trials = make_trials(tmp_path)
    assert trials.found(0, 2) is None
    first = trials.run(0, 2)
    assert first.history.epoch.tolist() == [1, 2]
    assert first.error == first.history.valid_mae_years.min()
    again = make_trials(tmp_path)
    second = again.run(0, 4)
    assert second.epochs == 4
    pd.testing.assert_frame_equal(second.history[:2], first.history)
    whole = make_trials(tmp_path / "whole").run(0, 4)
    pd.testing.assert_frame_equal(second.history, whole.history, rtol=1e-5)
    best = second.history.set_index("epoch").valid_mae_years
    assert second.best_epoch == best.idxmin()
    # Known without training: there is no weight to go on from any more.
    again.forget_weights(0)
    assert not list(tmp_path.glob("trial-*/*checkpoints*"))
    assert again.found(0, 2).error == first.error
    assert again.found(1, 2) is None


def test_a_loss_that_is_not_finite_is_an_infinite_error(tmp_path):
    config = FitConfig(
        epochs=4, batch_size=2, learning_rate=1e38, precision="float32"
    )
    trials = make_trials(tmp_path, config)
    assert trials.run(0, 2).error == math.inf
    assert trials.found(0, 2).error == math.inf
    with pytest.raises(FloatingPointError, match=r"lower the.*epochs=2"):
        search_networks(trials, [2, 4])


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search in one process: its trials and its table."""
    trials = make_trials(tmp_path_factory.mktemp("serial"))
    return trials, search_networks(trials, [1, 4], eta=2)


def test_a_search_ends_with_the_best_and_without_weights(searched):
    trials, table = searched
    errors = [trials.found(number, 1).error for number in range(3)]
    best = int(np.argmin(errors))
    assert table.units[0] == CONFIGURATIONS[best]["units"]
    assert table.valid_error[0] == trials.found(best, 4).error
    assert table.valid_error[1:].tolist() == sorted(errors)[1:]
    assert table.epochs.tolist() == [4, 1, 1]
    assert not list(trials.folder.glob("trial-*/checkpoints"))


# Picture and printed table


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "units": [8, 16, 8, 16, 8],
            "l2": [0.0, 1e-3, 1e-3, 0.0, 1e-2],
            "rung": [2, 2, 1, 1, 1],
            "valid_error": [4.0, 5.0, 6.0, 7.0, math.inf],
            "best_epoch": [5, 4, 2, 2, 0],
            "epochs": [6, 6, 2, 2, 1],
            "seconds": [9.0] * 5,
        }
    )


def dots(axes):
    """Places and errors of a panel's dots, by what the legend calls them."""
    return {
        dots.get_label(): np.asarray(dots.get_offsets()).round(6)
        for dots in axes.collections
    }


def test_every_configuration_is_a_dot_at_its_value(table):
    figure = plot_search(table, ("units", "l2"), "error")
    units, l2 = figure.axes
    assert [x.get_text() for x in units.get_xticklabels()] == ["8", "16"]
    assert [x.get_text() for x in l2.get_xticklabels()] == ["0", "0.001"]
    found = dots(units)
    assert set(found) == {"6 epochs", "2 epochs", "best"}
    for name, errors, values in (
        ("6 epochs", [4, 5], [0, 1]),
        ("2 epochs", [6, 7], [0, 1]),
    ):
        places, drawn = found[name].T
        drawn = dict(zip(drawn, places.round()))
        assert drawn == dict(zip(errors, values))
    assert (dots(l2)["best"] == dots(l2)["6 epochs"][:1]).all()
    every = np.concatenate([found["6 epochs"], found["2 epochs"]])
    assert len(set(every[:, 0])) == 4  # beside each other
    assert figure.get_label() == (
        "error of 4 configurations against each of units, l2. "
        "Best: units 8, l2 0: 4.00"
    )


def test_what_has_one_value_has_no_panel(table):
    table["dropout"] = 0.2
    figure = plot_search(table, ("dropout", "units", "l2"))
    assert [axes.get_xlabel() for axes in figure.axes] == ["units", "l2"]
    assert "Best: dropout 0.2, units 8, l2 0: 4.00" in figure.get_label()
    figure = plot_search(table[:1], ("units", "dropout"))
    assert [axes.get_xlabel() for axes in figure.axes] == ["units"]


def test_a_picture_of_nothing_is_refused(table):
    with pytest.raises(ValueError, match="Expected a finite error"):
        plot_search(table[4:], ("units", "l2"))


def test_the_printed_table_names_the_ten_best(table, capsys):
    print_search(table, ("units", "l2"), "error (years)")
    out = capsys.readouterr().out
    assert "error (years)" in out
    assert "6 (5)" in out
    assert "…" not in out
    print_search(pd.concat([table] * 3), ("units", "l2"))
    out = capsys.readouterr().out
    assert out.count("6 (5)") == 2
    assert "…" in out
    assert "15 configurations" in out
