"""The command line that all recipes share, and recipes.cache."""

import os
import signal
import time

import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.data.cache import ArrayCache
from recipes.age_cv import PRESETS
from recipes.cache import Config
from recipes.cache import run
from recipes.cli import config_from_presets
from recipes.cli import run_recipe


def test_no_preset_named_means_the_default():
    assert config_from_presets(PRESETS, "demo", []) == PRESETS["demo"][1]
    assert config_from_presets(PRESETS, "smoke", ["--seed", "4"]).seed == 4


def test_options_change_what_they_name_and_nothing_else():
    words = ["smoke", "--fit.epochs", "7", "--lstm-units", "4", "5"]
    config = config_from_presets(PRESETS, "demo", words)
    smoke = PRESETS["smoke"][1]
    assert config.fit.epochs == 7
    assert config.lstm_units == (4, 5)
    assert config.fit.batch_size == smoke.fit.batch_size
    assert config.name == smoke.name


@pytest.mark.parametrize("words", [["--no-such-option"], ["--seed", "x"]])
def test_an_unknown_option_ends_with_code_2(words, capsys):
    with pytest.raises(SystemExit) as end:
        config_from_presets(PRESETS, "demo", words)
    assert end.value.code == 2


def test_help_names_the_presets(capsys):
    with pytest.raises(SystemExit) as end:
        config_from_presets(PRESETS, "demo", ["--help"])
    assert end.value.code == 0
    assert {"demo", "paper", "smoke"} <= set(capsys.readouterr().out.split())


def raises(error):
    def run(config):
        raise error

    return run


def test_a_mistake_is_one_line(capsys):
    with pytest.raises(SystemExit) as end:
        run_recipe(raises(ValueError("first\n second")), None)
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: first second\n"


def test_a_traceback_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("FDIN_TRACEBACK", "1")
    with pytest.raises(ValueError, match="first"):
        run_recipe(raises(ValueError("first")), None)


def test_errors_of_our_own_keep_their_traceback():
    with pytest.raises(KeyError):
        run_recipe(raises(KeyError("a bug")), None)


def test_the_cache_is_listed_and_cleared(tmp_path, capsys):
    for room in ("features", "tracks"):
        ArrayCache(tmp_path / room).put("ab12", {"x": 0})
    found = run(Config(cache_dir=tmp_path))
    assert found["features"][0] == found["tracks"][0] == 1
    assert found["features"][1] > 0
    assert found["runs"] == (0, 0)
    assert str(tmp_path) in capsys.readouterr().out.replace("\n", "")
    found = run(Config(clear=("features",), cache_dir=tmp_path))
    assert found["features"] == (0, 0)
    assert found["tracks"][0] == 1
    assert run(Config(clear=("all",), cache_dir=tmp_path))["tracks"] == (0, 0)


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [
        (signal.SIGINT, 130, "Interrupted"),
        (signal.SIGTERM, 143, "Terminated"),
    ],
)
def test_a_signal_ends_with_a_line_and_its_own_code(number, code, line, capsys):
    def run(config):
        os.kill(os.getpid(), number)
        time.sleep(5)
        raise AssertionError("the signal did not end this")

    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as end:
        run_recipe(run, None)
    assert end.value.code == code
    assert capsys.readouterr().err == (
        f"{line}; the same command goes on from here.\n"
    )
    assert signal.getsignal(number) == before


def test_too_little_memory_is_one_line(capsys):
    def run(config):
        np.empty(2**60, np.uint8)

    with pytest.raises(SystemExit) as end:
        run_recipe(run, None)
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "memory of this machine" in line
    assert "1.00 EiB" in line


def test_what_python_meets_inside_tf_data_is_one_line(capsys):
    def load(number):
        raise OSError("the stored frames are gone")

    def run(config):
        numbers = tf.data.Dataset.range(1)
        list(numbers.map(lambda x: tf.numpy_function(load, [x], tf.int64)))

    with pytest.raises(SystemExit) as end:
        run_recipe(run, None)
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: the stored frames are gone\n"


def test_a_disk_that_tensorflow_finds_full_is_one_line(capsys):
    def run(config):
        tf.io.write_file("/dev/full", "text")

    with pytest.raises(SystemExit) as end:
        run_recipe(run, None)
    assert end.value.code == 2
    assert capsys.readouterr().err == (
        "error: /dev/full; No space left on device\n"
    )


def test_tensorflow_errors_of_our_own_keep_their_traceback():
    def run(config):
        tf.matmul(tf.ones((2, 3)), tf.ones((2, 3)))

    with pytest.raises(tf.errors.InvalidArgumentError):
        run_recipe(run, None)
