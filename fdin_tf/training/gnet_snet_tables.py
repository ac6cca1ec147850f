"""Accuracies of GNet and SNet: Tables 2 and 3, the challenge, the console."""

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from fdin_tf.statistics import clustered_mean
from fdin_tf.training.gnet_snet_paper import PAPER_NAME
from fdin_tf.training.gnet_snet_paper import TABLE_2
from fdin_tf.training.gnet_snet_paper import TABLE_3
from fdin_tf.training.stages import TABLE_2_ROWS

#: Columns that name what was compared; steps and crops as text ("1+3+4").
NETWORK = ["target", "steps", "crops"]


def accuracies(answers):
    """Share of right answers of every network.

    With several seeds the standard error is that of the mean over seeds: it
    says how much networks trained anew differ on these images. With one seed
    it is that over images, clustered by subject.

    Args:
        answers: Table with one row per network, seed and image: `NETWORK`,
            `seed`, `image_id`, `subject`, `truth` and `answer`, 0 or 1.

    Returns:
        DataFrame with one row per network: `NETWORK`, `seeds`, `images`,
        `accuracy` and `standard_error`, in %, and `commonest`, the accuracy
        of always giving the commonest answer.

    Example:

    >>> answers = pd.DataFrame({
    ...     "target": "smile", "steps": "4", "crops": "5", "seed": [0, 0, 1, 1],
    ...     "subject": list("abab"), "truth": [0, 1, 0, 1],
    ...     "answer": [0, 1, 0, 0]})
    >>> table = accuracies(answers)
    >>> table.accuracy.item(), table.standard_error.item()
    (75.0, 25.0)
    """
    rows = []
    for key, of in answers.groupby(NETWORK, sort=False):
        is_right = 100.0 * (of.answer == of.truth)
        by_seed = is_right.groupby(of.seed).mean()
        accuracy, error = clustered_mean(is_right, of.subject)
        if len(by_seed) > 1:
            accuracy = by_seed.mean()
            error = by_seed.std(ddof=1) / np.sqrt(len(by_seed))
        share = of.truth.mean()
        rows.append(
            {
                **dict(zip(NETWORK, key)),
                "seeds": len(by_seed),
                "images": len(of) // len(by_seed),
                "accuracy": accuracy,
                "standard_error": error,
                "commonest": 100 * max(share, 1 - share),
            }
        )
    return pd.DataFrame(rows)


def table_2(answers, with_paper=False):
    """Accuracy by the steps that are taken, as in Table 2.

    Args:
        answers: See `accuracies`; of one target and crop.
        with_paper: Whether the paper's numbers are about these photographs.

    Returns:
        `accuracies` with `scheme`, the words of the paper, in front, and
        `paper_accuracy`, NaN without.
    """
    names = {in_text(steps): name for name, steps in TABLE_2_ROWS.items()}
    table = accuracies(answers)
    table.insert(0, "scheme", table.steps.map(names))
    return table.assign(
        paper_accuracy=[
            TABLE_2.get(numbers_in(steps), np.nan) if with_paper else np.nan
            for steps in table.steps
        ]
    )


def table_3(answers, with_paper=False):
    """Accuracy by crops, as in Table 3.

    Args:
        answers: See `accuracies`; of networks with all steps.
        with_paper: Whether the paper's numbers are about these photographs.

    Returns:
        `accuracies` with `paper_accuracy`, NaN without.
    """
    table = accuracies(answers)
    keys = zip(table.target, map(numbers_in, table.crops))
    return table.assign(
        paper_accuracy=[
            TABLE_3.get(key, np.nan) if with_paper else np.nan for key in keys
        ]
    )


def difference(answers, first, second):
    """By how much one network is more often right than another.

    Args:
        answers: See `accuracies`.
        first: Dict with the `NETWORK` of the first.
        second: The same of the second.

    Returns:
        Dict of `difference` and `standard_error`, percentage points: the mean
        over seeds of the difference between the two networks of a seed, and
        its standard error (NaN for one seed); `least`, the smallest of them;
        `seeds`.

    Raises:
        ValueError: If the two were not trained with the same seeds.
    """
    found = []
    for network in (first, second):
        is_one = (answers[NETWORK] == pd.Series(network)[NETWORK]).all(axis=1)
        of = answers[is_one]
        is_right = 100.0 * (of.answer == of.truth)
        found.append(is_right.groupby(of.seed).mean())
    one, other = found
    if one.empty or list(one.index) != list(other.index):
        raise ValueError(
            "Expected two networks that were trained with the same seeds. "
            f"Received: seeds {list(one.index)} of {first} and "
            f"{list(other.index)} of {second}"
        )
    differences = one - other
    return {
        "difference": differences.mean(),
        "standard_error": differences.sem(),
        "least": differences.min(),
        "seeds": len(differences),
    }


def challenge_errors(truth, answers):
    """Error of every image, as the challenge counted it.

    The mean of the squared differences of the codes for gender and smile: 0
    where both are right, 1 where none is. A face that is not found counts 1
    (metrics of track 3, ChaLearn LAP and FotW challenge, 2016). The 263.5 of
    Zhang et al. must be the sum over the validation images.

    Args:
        truth: Array `(n, 2)` of 0 and 1: gender, smile.
        answers: The same, with NaN in rows without an answer.

    Returns:
        Float array `(n,)`.

    Raises:
        ValueError: If the shapes differ, or a truth is neither 0 nor 1.

    Example:

    >>> challenge_errors([[0, 1], [1, 1]], [[0, 0], [np.nan, np.nan]]).tolist()
    [0.5, 1.0]
    """
    truth, answers = np.asarray(truth, float), np.asarray(answers, float)
    if truth.shape != answers.shape or truth.shape[1:] != (2,):
        raise ValueError(
            "Expected gender and smile of the same images. Received: "
            f"truth.shape={truth.shape}, answers.shape={answers.shape}"
        )
    if not np.isin(truth, (0, 1)).all():
        raise ValueError(
            "Expected 0 or 1 for gender and smile of every image. Received: "
            f"truth={np.setdiff1d(truth, (0, 1)).tolist()}"
        )
    errors = ((truth - answers) ** 2).mean(axis=1)
    return np.where(np.isnan(answers).any(axis=1), 1.0, errors)


def in_text(numbers):
    """Numbers of steps or crops as tables have them.

    Example:

    >>> in_text((1, 3, 4))
    '1+3+4'
    """
    return "+".join(map(str, numbers))


def numbers_in(text):
    """The numbers of steps or crops; nothing where it is no such text.

    Example:

    >>> numbers_in("1+3+4")
    (1, 3, 4)
    """
    words = str(text).split("+")
    is_numbers = all(word.isdecimal() for word in words)
    return tuple(map(int, words)) if is_numbers else ()


def print_tables(tables, data):
    """Prints Tables 2 and 3, what they show, and the challenge's error.

    Args:
        tables: Dict of `table_2`, `table_3`, `differences` and `challenge`,
            as `recipes.gnet_snet` makes them.
        data: Which photographs the numbers are about, in words.
    """
    console = Console()
    for name, title, label in (
        ("table_2", "Table 2: accuracy by the steps of training", "scheme"),
        ("table_3", "Table 3: accuracy by crops", "crops"),
    ):
        console.print(_printed(tables[name], title, label, data))
    for row in tables["differences"].itertuples():
        console.print(
            f"{row.claim}: {row.difference:+.1f} points"
            + _error(row.standard_error)
        )
    for row in tables["challenge"].itertuples():
        console.print(
            f"Pipeline: {row.value:.4g}{_error(row.standard_error)} {row.unit}"
        )


def _printed(table, title, label, data):
    printed = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        pad_edge=False,
        title=title,
        caption=f"{data}; ± standard error over seeds, of one seed over images."
        + (
            f" In brackets: {PAPER_NAME}."
            if table.paper_accuracy.notna().any()
            else ""
        ),
    )
    printed.add_column(label, no_wrap=True)
    targets = list(table.target.unique())
    for target in targets:
        printed.add_column(f"{target}, %", justify="right", no_wrap=True)
    for key, of in table.groupby(label, sort=False):
        of = of.set_index("target")
        printed.add_row(
            str(key),
            *(
                _cell(of.loc[target]) if target in of.index else "-"
                for target in targets
            ),
        )
    return printed


def _cell(row):
    words = f"{row.accuracy:.1f}{_error(row.standard_error)}"
    if pd.notna(row.paper_accuracy):
        words += f" ({row.paper_accuracy:.2f})"
    return words


def _error(error):
    return f" ± {error:.1f}" if pd.notna(error) else ""
