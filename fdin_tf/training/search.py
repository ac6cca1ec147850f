"""Search of a grid by successive halving."""

import dataclasses
import itertools
import math

import numpy as np
import pandas as pd


def grid(**values):
    """Every combination of values, the last name's changing fastest.

    Args:
        **values: Values by hyper-parameter; one that is named twice counts
            once.

    Returns:
        List of dicts.

    Raises:
        ValueError: If a hyper-parameter has no value.

    Example:

    >>> grid(units=(8, 16), dropout=(0.0,))
    [{'units': 8, 'dropout': 0.0}, {'units': 16, 'dropout': 0.0}]
    """
    for name, choices in values.items():
        if not choices:
            raise ValueError(
                f"Expected at least one value to search. Received: {name}="
                f"{choices}"
            )
    combinations = itertools.product(*map(dict.fromkeys, values.values()))
    return [dict(zip(values, combination)) for combination in combinations]


def epoch_budgets(first, last, eta=3):
    """Epochs after which trials are compared: `first * eta^k`, then `last`.

    Args:
        first: Epochs of every trial, at least 1.
        last: Epochs of those that are never stopped, at least `first`.
        eta: Factor from budget to budget, at least 2.

    Returns:
        Increasing list of ints.

    Raises:
        ValueError: If a number is out of its range.

    Example:

    >>> epoch_budgets(4, 100)
    [4, 12, 36, 100]
    """
    if not 1 <= first <= last:
        raise ValueError(
            "Expected the first comparison after 1 to all epochs of the "
            f"training. Received: first_epochs={first}, epochs={last}"
        )
    _check_eta(eta)
    budgets = []
    while first < last:
        budgets.append(first)
        first *= eta
    return [*budgets, last]


@dataclasses.dataclass(frozen=True)
class Rung:
    """One comparison of trials.

    Attributes:
        budget: Epochs that every trial was given, in all.
        results: Dict from a trial's number to what came of it.
        kept: Numbers of the trials that go on, the best first.
        dropped: Numbers of the others, the best first.
    """

    budget: int
    results: dict[int, object]
    kept: tuple[int, ...]
    dropped: tuple[int, ...]


def successive_halving(num_trials, run_trials, budgets, eta=3):
    """Gives all trials a small budget, and ever fewer of them a larger one.

    With n trials of one budget, the `floor(n / eta)` with the smallest errors,
    and at least one, go on to the next; after the last budget the best alone
    is kept. Of equal errors, that of the smaller number is the better. Errors
    that are not finite never go on; where all are such, the search ends with
    nothing kept. The outcome depends on the errors alone, not on the order in
    which they come in.

    Args:
        num_trials: Trials are numbered from 0.
        run_trials: Function from a list of numbers and a budget to an
            iterable of pairs of a number and its result, in any order. A
            result has an `error`. Budgets are totals: a trial goes on from
            where it stopped.
        budgets: Increasing budgets, such as `epoch_budgets` gives.
        eta: What the number of trials is divided by, at least 2.

    Yields:
        A `Rung` per budget.

    Raises:
        ValueError: If `eta` is too small.

    Example:

    >>> from types import SimpleNamespace
    >>> def run_trials(numbers, budget):
    ...     for n in numbers:
    ...         yield n, SimpleNamespace(error=abs(n - 4) + 1 / budget)
    >>> for rung in successive_halving(9, run_trials, (1, 3, 9)):
    ...     print(rung.budget, rung.kept)
    1 (4, 3, 5)
    3 (4,)
    9 (4,)

    Reference:
    - [Jamieson and Talwalkar, AISTATS 2016](https://arxiv.org/abs/1502.07943),
      Figure 3, with the epochs of training for the budget.
    """
    _check_eta(eta)
    alive = list(range(num_trials))
    for budget in budgets:
        results = dict(run_trials(alive, budget))

        errors = {number: results[number].error for number in alive}
        finite = [n for n in alive if math.isfinite(errors[n])]
        finite.sort(key=errors.get)  # stable: equals stay in order
        is_last = budget == budgets[-1]
        kept = finite[: 1 if is_last else max(1, len(alive) // eta)]
        dropped = [n for n in alive if n not in finite]
        yield Rung(
            budget, results, tuple(kept), (*finite[len(kept) :], *dropped)
        )
        if not kept:
            return
        alive = sorted(kept)


def search_table(configurations, rungs):
    """What became of every configuration, the best first.

    Configurations that were given more epochs come before those that were
    stopped earlier; those of the same rung are in the order of their errors.

    Args:
        configurations: List of dicts; trial k tries the k-th.
        rungs: List of `Rung`, whose results are `TrialResult`.

    Returns:
        DataFrame with one row per configuration: its values; `rung`, the last
        that it reached, from 1; `valid_error`, of its best epoch; that
        `best_epoch`; the `epochs` that it trained; and the `seconds` that
        took, of all rungs. A training whose loss was not finite any more has
        an infinite error.
    """
    order, seconds = {}, np.zeros(len(configurations))
    for number, rung in enumerate(rungs, 1):
        for trial, result in rung.results.items():
            seconds[trial] += result.seconds
        for place, trial in enumerate([*rung.kept, *rung.dropped]):
            order[trial] = (-number, place, rung.results[trial])
    rows = [
        {
            **configurations[trial],
            "rung": -negative_rung,
            "valid_error": result.error,
            "best_epoch": result.best_epoch,
            "epochs": result.epochs,
            "seconds": float(seconds[trial]),
        }
        for trial, (negative_rung, _, result) in sorted(
            order.items(), key=lambda item: item[1][:2]
        )
    ]
    return pd.DataFrame(rows)


def _check_eta(eta):
    if eta < 2:
        raise ValueError(
            "Expected `eta` of the search to be at least 2. Received: "
            f"eta={eta}"
        )
