"""Times of things that do the same, side by side.

The machine of a benchmark is rarely alone, and slows down when it is warm.
What is compared therefore runs in turns: in every round, each case runs right
beside the first one, and who begins changes from round to round. The ratio of
two cases is the median of the ratios of such neighbours.
"""

import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

#: Share of the processors that other processes may take before a time is
#: called disturbed.
QUIET = 0.1


@dataclasses.dataclass(frozen=True)
class Case:
    """Something to be timed.

    Attributes:
        name: What it is called in its comparison.
        run: Function without arguments; it returns when all is done.
        units: How many units (steps, frames, clips) one call does.
        flops: Floating-point operations of one unit; None: not counted.
        dtype: What they are done in: `float32` or `bfloat16`.
    """

    name: str
    run: Callable
    units: float = 1.0
    flops: float | None = None
    dtype: str = "float32"


@dataclasses.dataclass(frozen=True)
class Timing:
    """How long the calls of a case took.

    Attributes:
        name: Name of the case.
        seconds: Of one unit, for every call.
        others: Share of the processors that other processes took during each
            call, from 0; None where the system does not tell.
        flops: Floating-point operations of one unit, or None.
        dtype: What they are done in.
    """

    name: str
    seconds: tuple[float, ...]
    others: tuple[float, ...] | None = None
    flops: float | None = None
    dtype: str = "float32"

    @property
    def median(self):
        """Seconds of one unit."""
        return float(np.median(self.seconds))

    @property
    def fastest(self):
        """Seconds of one unit, the smallest."""
        return min(self.seconds)

    @property
    def quartiles(self):
        """Between these two are half of the times, seconds."""
        return tuple(np.percentile(self.seconds, (25, 75)).tolist())

    @property
    def disturbed(self):
        """Share of the processors that others took, over all calls.

        Weighed by how long the calls were; None where it is not known.
        """
        if self.others is None:
            return None
        return float(np.average(self.others, weights=self.seconds))

    def share_of(self, rates):
        """Share that was reached of what the machine can multiply.

        Args:
            rates: Dict from a dtype to floating-point operations per second.

        Returns:
            The share by the median time; None where operations were not
            counted, or there is no rate of this dtype.
        """
        if self.flops is None or self.dtype not in rates:
            return None
        return self.flops / self.median / rates[self.dtype]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Cases timed side by side.

    Attributes:
        title: What they do.
        unit: One of what they do: `step`, `frame`, `clip`.
        timings: `Timing` of every case; ours is the first.
        pairs: For each other case, by name, the times of neighbouring calls:
            the first case's and its own, seconds of one unit; empty where the
            cases do different things.
        notes: Lines to be printed with it.
    """

    title: str
    unit: str
    timings: tuple[Timing, ...]
    pairs: dict[str, tuple[tuple[float, float], ...]]
    notes: tuple[str, ...] = ()

    def ratio(self, name):
        """Time of the first case over that of another: median of the pairs.

        Example:

        >>> pairs = {"other": ((1.0, 2.0), (3.0, 4.0), (1.0, 4.0))}
        >>> Comparison("", "step", (), pairs).ratio("other")
        0.5
        """
        return float(np.median([ours / its for ours, its in self.pairs[name]]))

    def ratio_of_fastest(self, name):
        """The same ratio of the fastest calls of each."""
        ours, its = zip(*self.pairs[name])
        return min(ours) / min(its)


class Stopwatch:
    """Times cases side by side.

    Args:
        repeats: Rounds, at least 1.
        warmup: Calls of each case before, which are not timed.
        patience: Seconds that a round may wait for other processes to be
            done.
        clock: Function that gives the seconds of a clock.
        others: Function that gives the processor seconds that other processes
            have taken so far, or None where they are not known.
        sleep: Function that waits for some seconds.
        report: Called as `report(title)` when a comparison begins.

    Raises:
        ValueError: If `repeats` is below 1, or `patience` below 0.
    """

    def __init__(
        self,
        repeats,
        warmup=2,
        patience=0.0,
        clock=time.perf_counter,
        others=None,
        sleep=time.sleep,
        report=lambda title: None,
    ):
        if repeats < 1:
            raise ValueError(
                f"Expected at least one round. Received: repeats={repeats}"
            )
        if not patience >= 0:
            raise ValueError(
                "Expected seconds of patience, 0 or more. Received: patience="
                f"{patience}"
            )
        self.repeats = repeats
        self.warmup = warmup
        self.patience = patience
        self.clock = clock
        self.others = others or seconds_of_others
        self.sleep = sleep
        self.report = report

    def compare(self, title, unit, cases, notes=(), paired=True):
        """Runs cases in turns.

        Args:
            title: What they do.
            unit: One of what they do.
            cases: `Case` list; what the others are compared with is first.
            notes: Lines to be printed with it.
            paired: Whether the first is run beside each of the others; if
                not, they do different things, and each runs once a round.

        Returns:
            `Comparison`.
        """
        self.report(title)
        for case in cases:
            for _ in range(self.warmup):
                case.run()
        calls = {case.name: [] for case in cases}
        pairs = {case.name: [] for case in cases[1:] if paired}
        for number in range(self.repeats):
            self._wait_until_quiet()
            for turn in _turns(cases, paired):
                for case in turn[:: -1 if number % 2 else 1]:
                    calls[case.name].append(self._time(case))
                if len(turn) == 2:
                    names = [case.name for case in turn]
                    pair = tuple(calls[name][-1][0] for name in names)
                    pairs[names[1]].append(pair)
        return Comparison(
            title,
            unit,
            tuple(_timing(case, calls[case.name]) for case in cases),
            {name: tuple(of_case) for name, of_case in pairs.items()},
            tuple(notes),
        )

    def _time(self, case):
        """Seconds of one unit, and the share that others took meanwhile."""
        before, start = self.others(), self.clock()
        case.run()
        seconds = self.clock() - start
        after = self.others()
        if before is None or after is None:
            return seconds / case.units, None
        taken = max(0.0, after - before)
        share = min(1.0, taken / (seconds * num_processors()))
        return seconds / case.units, share

    def _wait_until_quiet(self, look=0.5):
        """Waits until others leave the machine alone, no longer than asked."""
        end = self.clock() + self.patience
        while self.clock() < end:
            before = self.others()
            self.sleep(look)
            after = self.others()
            if before is None or after is None:
                return
            if after - before <= QUIET * look * num_processors():
                return


def _turns(cases, paired):
    """Which cases run beside each other."""
    if paired and len(cases) > 1:
        return [[cases[0], case] for case in cases[1:]]
    return [[case] for case in cases]


def _timing(case, calls):
    seconds, others = zip(*calls)
    if None in others:
        others = None
    return Timing(case.name, seconds, others, case.flops, case.dtype)


def seconds_of_others(stat=Path("/proc/stat")):
    """Processor seconds that all other processes have taken since the start.

    Args:
        stat: The system's counters, as Linux writes them: ticks in user mode,
            nice, system, idle, waiting, and in three kinds of interrupts.

    Returns:
        Seconds, of all processors together; None where there are no such
        counters. Only differences between two calls mean anything.
    """
    try:
        words = stat.read_text().split(maxsplit=9)[1:9]
    except OSError:
        return None
    user, nice, system, _, _, *interrupts = map(int, words)
    busy = user + nice + system + sum(interrupts)
    return busy / os.sysconf("SC_CLK_TCK") - time.process_time()


def num_processors():
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
