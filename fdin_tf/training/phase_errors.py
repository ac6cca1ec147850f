"""Table II of Pei et al. (2020), out of fold: errors on phases of clips.

Networks are trained on whole expressions; every clip is then shown to the
network of the fold in which it is tested with the frames of one phase, or of
consecutive ones, alone.
"""

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdin_tf.data.encode import FoldClips
from fdin_tf.faces.phases import PHASES
from fdin_tf.progress import progress_bar
from fdin_tf.statistics import clustered_mean
from fdin_tf.statistics import paired_test
from fdin_tf.training.attention_folds import clip_phases
from fdin_tf.training.cross_validate import predict_clips
from fdin_tf.training.perturbed_folds import load_fold
from fdin_tf.training.siam_paper import SIAM_PAPER
from fdin_tf.training.siam_tables import PAPER_NAME

#: Rows of the table and the phases that are shown, as in print.
SHOWN = {name: tuple(name.split(" + ")) for name in SIAM_PAPER[2]}
#: The row of whole clips.
WHOLE = " + ".join(PHASES)


def is_shown(phases, names):
    """Whether a clip has these phases, whole.

    The onset ends with the rise of the lip corners and the offset begins with
    their fall, so each needs its own; the apex lies between and needs both.
    Whole clips need nothing.

    Args:
        phases: `Phases` of the clip.
        names: Names of consecutive phases.

    Returns:
        Bool.
    """
    if set(names) == set(PHASES):
        return True
    if "apex" in names:
        return phases.is_complete
    return all(phases.mask(name).any() for name in names)


def phase_estimates(prepared, network):
    """Estimates of age from phases, by the networks of finished folds.

    Args:
        prepared: `Prepared`, for age, with clips as `CroppedClips`, whose
            landmarks tell the phases (`find_phases`); the network is
            cross-validated.
        network: Name of the network.

    Returns:
        DataFrame with one row per tested clip and row of `SHOWN`: `shown`,
        `fold`, `clip_id`, `subject`, `age`, `frames` (number of frames that
        were shown) and `estimate`, in years. Clips that lack a phase have no
        frames and no estimate (NaN) there, see `is_shown`.
    """
    parts = []
    with progress_bar() as bar:
        task = bar.add_task("Phases", total=len(prepared.folds), note="")
        for fold in prepared.folds:
            model, data = load_fold(prepared, network, fold, fold.test)
            phases = {
                clip_id: clip_phases(prepared, clip_id) for clip_id in fold.test
            }
            for shown, names in SHOWN.items():
                estimates = _estimates(model, data, phases, names)
                parts.append(estimates.assign(shown=shown, fold=fold.number))
            bar.advance(task)
    table = pd.concat(parts, ignore_index=True)
    about = prepared.encoded.clips.set_index("clip_id")
    table["subject"] = about.subject[table.clip_id].to_numpy()
    table["age"] = about.age[table.clip_id].to_numpy()
    columns = ("shown", "fold", "clip_id", "subject", "age", "frames")
    return table[[*columns, "estimate"]]


def table_2(estimates):
    """Table II: errors on phases, their tests, the paper's numbers.

    Args:
        estimates: What `phase_estimates` returned.

    Returns:
        DataFrame with one row per row of `SHOWN`: `name`, `clips`,
        `subjects`, `left_out` (clips that lack a phase), `frames` (mean
        number that was shown), `mae_years`, `sd_years` (the paper's "±":
        standard deviation of the absolute errors over clips),
        `standard_error_years` (clustered by subject), `difference_years` (to
        the same clips shown as a whole: positive is worse) and `p_value` of
        its paired test over subjects (both NaN for whole clips), and
        `paper_mae_years`, `paper_sd_years`. Errors are NaN without a clip.
    """
    errors = estimates.assign(
        error=(estimates.estimate - estimates.age).abs()
    ).set_index("clip_id")
    whole = errors.error[errors.shown == WHOLE]
    rows = []
    for name in SHOWN:
        of = errors[errors.shown == name]
        left_out = int(of.error.isna().sum())
        of = of.dropna(subset="error")
        mean = standard_error = difference = p_value = np.nan
        if len(of):
            mean, standard_error = clustered_mean(of.error, of.subject)
        if len(of) and name != WHOLE:
            test = paired_test(of.error, whole[of.index], of.subject)
            difference, p_value = test.difference, test.p_value
        rows.append(
            {
                "name": name,
                "clips": len(of),
                "subjects": of.subject.nunique(),
                "left_out": left_out,
                "frames": of.frames.mean(),
                "mae_years": mean,
                "sd_years": of.error.std(),
                "standard_error_years": standard_error,
                "difference_years": difference,
                "p_value": p_value,
                **{f"paper_{k}": v for k, v in SIAM_PAPER[2][name].items()},
            }
        )
    return pd.DataFrame(rows)


def print_table_2(table, data, console=None):
    """Prints what `table_2` returned.

    Args:
        table: What `table_2` returned.
        data: Which data our numbers are about, in words.
        console: A rich `Console`; None for standard output.
    """
    console = console or Console()
    printed = Table(
        box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, 1),
        pad_edge=False,
    )  # fmt: skip
    printed.add_column("", no_wrap=True)
    for name in ("clips", "frames", "MAE ± SD", "diff.", "p", "paper"):
        printed.add_column(name, justify="right", no_wrap=True)
    for row in table.itertuples():
        printed.add_row(
            row.name,
            str(row.clips),
            _number(row.frames, 0),
            _with_spread(row.mae_years, row.sd_years),
            _number(row.difference_years, 2, sign="+"),
            _p(row.p_value),
            _with_spread(row.paper_mae_years, row.paper_sd_years),
        )
    (whole,) = table[table.name == WHOLE].itertuples()
    (apex,) = table[table.name == "apex"].itertuples()
    console.print(
        Text(
            "Table II: mean absolute error (MAE) in years by shown phases",
            style="bold",
        )
    )
    console.print(printed)
    console.print(
        Text(
            f"Our numbers: {data}; {whole.clips} clips of {whole.subjects} "
            f"subjects, {apex.clips} clips complete: with a rise and a fall of "
            "the lip corners. A clip that lacks a phase is left out where it "
            "is to be shown. Frames: shown, on average. SD: of the absolute "
            "errors over clips. "
            "Diff.: to the same clips as a whole; p: paired t test clustered "
            f"by subject. Paper: on UvA-NEMO ({PAPER_NAME}).",
            style="dim",
        )
    )


def _estimates(model, data, phases, names):
    """One row per clip: its number of shown frames, and its estimate."""
    where = {
        clip_id: of.mask(names) if is_shown(of, names) else of.mask([])
        for clip_id, of in phases.items()
    }
    counts = {clip_id: int(mask.sum()) for clip_id, mask in where.items()}
    seen = [clip_id for clip_id, count in counts.items() if count]
    table = pd.DataFrame(
        {"clip_id": list(counts), "frames": list(counts.values())}
    )
    table["estimate"] = np.nan
    if seen:
        clips = data.clips.set_index("clip_id", drop=False).loc[seen]
        shown = FoldClips(
            clips.assign(num_frames=[counts[c] for c in seen]),
            data.shape,
            {c: data.load(c)[where[c]] for c in seen},
            data.name,
        )
        table.loc[table.frames > 0, "estimate"] = predict_clips(
            model, shown, seen, "age"
        )
    return table


def _with_spread(mean, spread):
    if mean != mean:
        return "-"
    return f"{mean:.2f}" + ("" if spread != spread else f" ± {spread:.2f}")


def _number(value, digits, sign=""):
    return "" if value != value else f"{value:{sign}.{digits}f}"


def _p(value):
    if value != value:
        return ""
    return f"{value:.3f}" if value >= 0.001 else "<0.001"
