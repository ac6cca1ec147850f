"""recipes.benchmark, part `memory`: peaks of training steps."""

import io

import pytest
from rich.console import Console

from recipes.benchmark import SMOKE
from recipes.benchmark_memory import in_own_process
from recipes.benchmark_memory import peak_of_training
from recipes.benchmark_memory import time_memory
from recipes.benchmark_report import print_results
from recipes.benchmark_timing import Stopwatch


@pytest.mark.parametrize("network", ["features", "FDIN on frames", "SIAM"])
def test_a_step_runs_and_is_measured(network):
    frames = None if network == "features" else 3
    peak, seconds = peak_of_training(network, SMOKE, frames, remat=bool(frames))
    assert peak > 100 * 2**20  # TensorFlow alone
    assert seconds > 0


def test_a_process_of_its_own_holds_nothing_of_this_one():
    ballast = b"1" * 2**31
    peak, _ = in_own_process(peak_of_training, "SIAM", SMOKE, 2, True)
    assert 100 * 2**20 < peak < len(ballast)


def test_what_fails_in_that_process_is_raised():
    with pytest.raises(ValueError, match=r"invalid literal.*no number"):
        in_own_process(int, "no number")


def test_all_are_measured_with_and_without():
    asked = []

    def run(function, network, config, frames=None, remat=False):
        assert function is peak_of_training
        assert config is SMOKE
        asked.append((network, frames, remat))
        return len(asked) * 2**20, 0.5

    (table,) = time_memory(SMOKE, Stopwatch(1), run)
    ways = [(name, frames, remat)
            for name, numbers in (("FDIN on frames", (3, 6)), ("SIAM", (2, 4)))
            for frames in numbers for remat in (False, True)]  # fmt: skip
    assert asked == [("features", None, False), *ways]
    assert table.rows[0] == ("FDIN, 2 x 3 frames", "1", "500 ms", "", "")
    assert table.rows[-1] == (
        "SIAM, 2 x 4 frames",
        "8",
        "500 ms",
        "9",
        "500 ms",
    )
    out = Console(file=io.StringIO(), highlight=False)
    print_results([table], {}, out)
    printed = out.file.getvalue()
    assert "Memory of a training step, float32" in printed
    assert "FDIN on frames, 1 x 6 frames" in printed
