"""Times side by side: turns, ratios and shares, by a clock that is told."""

import itertools
import os
import time

import pytest

from recipes import benchmark_timing
from recipes.benchmark_timing import Case
from recipes.benchmark_timing import Comparison
from recipes.benchmark_timing import Stopwatch
from recipes.benchmark_timing import Timing
from recipes.benchmark_timing import seconds_of_others


class Machine:
    """A clock that moves when a case runs or somebody sleeps."""

    def __init__(self, busy=0.0):
        self.now = 100.0
        self.others = 0.0
        self.busy = busy  # processors that others take
        self.log = []

    def case(self, name, seconds, units=1):
        """A case whose calls take these seconds, one after the other."""
        seconds = itertools.cycle(seconds)

        def run():
            self.log.append(name)
            self.sleep(next(seconds))

        return Case(name, run, units)

    def sleep(self, seconds):
        self.now += seconds
        self.others += seconds * self.busy

    def stopwatch(self, repeats, warmup=0, patience=0.0, others=None):
        return Stopwatch(
            repeats,
            warmup,
            patience,
            clock=lambda: self.now,
            others=others or (lambda: self.others),
            sleep=self.sleep,
        )


def compare(machine, cases, repeats, **settings):
    stopwatch = machine.stopwatch(repeats, **settings)
    return stopwatch.compare("title", "step", cases)


def test_neighbours_take_turns_and_the_order_swaps():
    machine = Machine()
    cases = [machine.case(name, [1.0]) for name in ("ours", "a", "b")]
    compare(machine, cases, repeats=2, warmup=1)
    assert machine.log == [
        "ours", "a", "b",
        "ours", "a", "ours", "b",
        "a", "ours", "b", "ours",
    ]  # fmt: skip


def test_what_differs_runs_once_a_round():
    machine = Machine()
    cases = [machine.case(name, [1.0]) for name in ("decode", "align", "crop")]
    stopwatch = machine.stopwatch(2)
    found = stopwatch.compare("title", "frame", cases, paired=False)
    assert machine.log == ["decode", "align", "crop"] * 2
    assert found.pairs == {}
    assert [len(timing.seconds) for timing in found.timings] == [2, 2, 2]


def test_a_single_case_has_no_ratio():
    machine = Machine()
    found = compare(machine, [machine.case("ours", [1.0, 3.0])], repeats=2)
    assert found.pairs == {}
    assert found.timings[0].seconds == (1.0, 3.0)


def test_ratios_are_of_neighbours_and_of_the_fastest():
    machine = Machine()
    # Rounds: (1 | 2), (6 | 4) with the reference first, (3 | 12).
    ours = machine.case("ours", [1.0, 6.0, 3.0])
    its = machine.case("its", [2.0, 4.0, 12.0])
    found = compare(machine, [ours, its], repeats=3)
    assert found.pairs == {"its": ((1.0, 2.0), (6.0, 4.0), (3.0, 12.0))}
    assert found.ratio("its") == 0.5  # of 0.5, 1.5 and 0.25
    assert found.ratio_of_fastest("its") == 0.5  # 1 over 2
    assert found.timings[1].median == 4.0
    assert found.timings[1].fastest == 2.0
    assert found.timings[1].quartiles == (3.0, 8.0)


def test_times_are_of_one_unit():
    machine = Machine()
    ours = machine.case("ours", [8.0], units=16)
    its = machine.case("its", [3.0], units=2)
    found = compare(machine, [ours, its], repeats=1)
    assert found.timings[0].seconds == (0.5,)
    assert found.ratio("its") == pytest.approx(1 / 3)


def test_what_others_take_is_a_share_of_all_processors(monkeypatch):
    monkeypatch.setattr(benchmark_timing, "num_processors", lambda: 4)
    machine = Machine(busy=1.0)
    found = compare(machine, [machine.case("ours", [2.0, 6.0])], repeats=2)
    assert found.timings[0].others == (0.25, 0.25)
    assert found.timings[0].disturbed == 0.25
    uneven = Timing("x", (1.0, 3.0), (0.4, 0.0))
    assert uneven.disturbed == pytest.approx(0.1)


def test_where_nothing_is_known_of_others_nothing_is_said():
    machine = Machine()
    case = machine.case("ours", [1.0])
    found = compare(
        machine, [case], repeats=1, patience=9.0, others=lambda: None
    )
    assert found.timings[0].others is None
    assert found.timings[0].disturbed is None
    assert machine.now == pytest.approx(101.5)  # one look, and no more


@pytest.mark.parametrize(("busy", "waited"), [(0.0, 0.5), (9.0, 10.0)])
def test_a_round_waits_for_a_quiet_moment_but_not_for_ever(busy, waited):
    machine = Machine(busy)
    compare(machine, [machine.case("x", [1.0])], repeats=1, patience=10.0)
    assert machine.now == pytest.approx(101.0 + waited)


def test_the_limit_is_reached_in_part():
    timing = Timing("x", (0.5, 0.25, 1.0), flops=3e9, dtype="bfloat16")
    assert timing.share_of({"bfloat16": 12e9}) == 0.5
    assert timing.share_of({"float32": 12e9}) is None
    assert Timing("x", (1.0,)).share_of({"float32": 1e9}) is None


def test_processor_time_of_others_is_read_as_linux_writes_it(tmp_path):
    stat = tmp_path / "stat"
    ticks = os.sysconf("SC_CLK_TCK")
    #                user nice system idle   wait irq soft steal guest
    stat.write_text("cpu  500 40 300 9999999 7777 20 30 10 400 0\ncpu0 1 2\n")
    before = time.process_time()
    found = seconds_of_others(stat)
    after = time.process_time()
    assert 900 / ticks - after <= found <= 900 / ticks - before


def test_without_counters_nothing_is_known_of_others(tmp_path):
    assert seconds_of_others(tmp_path / "stat") is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"repeats": 0}, "at least one round.*repeats=0"),
        ({"repeats": 1, "patience": -1.0}, "0 or more.*patience=-1"),
        ({"repeats": 1, "patience": float("nan")}, "0 or more.*patience=nan"),
    ],
)
def test_a_stopwatch_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Stopwatch(**settings)


def test_a_ratio_to_nobody_is_an_error():
    with pytest.raises(KeyError):
        Comparison("", "step", (), {}).ratio("PyTorch")
