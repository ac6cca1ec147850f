"""Pictures of errors and of training, and how pictures are saved."""

import io
import textwrap
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from fdin_tf.data.cache import atomic_path
from fdin_tf.explain.face_drawing import draw_face
from fdin_tf.regions import REGIONS

PNG_DPI = 200
_SVG_DPI = 100  # of the aligned face, whose own pixels are fewer
_BLUE, _GREY = "#0072b2", "#999999"


def save_figure(figure, path):
    """Saves a picture as PNG and as SVG, each at once or not at all.

    In the SVG, text stays text. The same figure gives the same bytes.

    Args:
        figure: Matplotlib `Figure`; its label becomes the SVG's description.
        path: Path without ending: `.png` and `.svg` are appended.

    Returns:
        The two paths, PNG first.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "errors.v1"
    >>> [saved.name for saved in save_figure(Figure(), path)]
    ['errors.v1.png', 'errors.v1.svg']
    """
    path = Path(path)
    paths = [path.with_name(path.name + end) for end in (".png", ".svg")]
    with atomic_path(paths[0]) as temporary:
        figure.savefig(temporary, format="png", dpi=PNG_DPI)
    with atomic_path(paths[1]) as temporary:
        temporary.write_bytes(figure_svg(figure))
    return paths


def figure_svg(figure, has_paths=False):
    """A picture as the bytes of an SVG file, the same at every call.

    Args:
        figure: Matplotlib `Figure`.
        has_paths: Whether letters become outlines, which look alike where
            their font is missing, or stay text, which can be searched and
            edited.
    """
    settings = {
        "svg.fonttype": "path" if has_paths else "none",
        "svg.hashsalt": "fdin-tf",
    }
    metadata = {"Date": None, "Description": figure.get_label() or None}
    file = io.BytesIO()
    with matplotlib.rc_context(settings):
        figure.savefig(file, format="svg", dpi=_SVG_DPI, metadata=metadata)
    return file.getvalue()


def plot_learning_curves(history):
    """Errors of training and validation over the epochs of every fold.

    Args:
        history: Table with `fold`, `epoch` and `train_*`/`valid_*` columns,
            see `cross_validate`.

    Returns:
        A matplotlib `Figure`.
    """
    measure = "mae_years" if "valid_mae_years" in history else "loss"
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for part, colour in (("train", _GREY), ("valid", _BLUE)):
        for _, fold in history.groupby("fold"):
            axes.plot(
                fold.epoch, fold[f"{part}_{measure}"], color=colour, alpha=0.3
            )
        mean = history.groupby("epoch")[f"{part}_{measure}"].mean()
        axes.plot(mean.index, mean, color=colour, lw=2, label=part)
    axes.set(
        xlabel="epoch",
        ylabel="mean absolute error (years)" if "mae" in measure else "loss",
        title="Folds (thin) and their mean (bold)",
        ylim=(0, None),
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return figure


def plot_predicted_against_true(predictions):
    """Estimated over true age, one point per tested clip.

    Args:
        predictions: Table with `age`, `estimate` (years) and `spontaneity`.

    Returns:
        A matplotlib `Figure`.
    """
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    smile_type = predictions.spontaneity.fillna("smile")
    for name, clips in predictions.groupby(smile_type):
        axes.scatter(clips.age, clips.estimate, s=14, alpha=0.6, label=name)
    both = predictions[["age", "estimate"]]
    ends = [both.min().min() - 2, both.max().max() + 2]
    axes.plot(ends, ends, color="black", lw=1)
    error = (predictions.estimate - predictions.age).abs().mean()
    axes.set(
        xlabel="true age (years)", ylabel="estimated age (years)",
        xlim=ends, ylim=ends, aspect="equal",
        title=f"Mean absolute error {error:.2f} years",
    )  # fmt: skip
    axes.legend(frameon=False)
    return figure


def plot_confusion(table, target):
    """True over estimated classes: number of clips, and % of the true class.

    Args:
        table: Counts; one row per true class, one column per estimated class.
        target: What the classes are of, for the labels.

    Returns:
        A matplotlib `Figure`. Colour is the share of the row.

    Raises:
        ValueError: If the table is not square.
    """
    counts = table.to_numpy(float)
    if counts.ndim != 2 or len(set(counts.shape)) != 1:
        raise ValueError(
            "Expected a column for each class and a row for each. Received: "
            f"table of shape {counts.shape}"
        )
    totals = counts.sum(axis=1, keepdims=True)
    shares = 100 * counts / np.where(totals > 0, totals, np.nan)
    side = 1.6 + 0.8 * len(counts)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=100)
    for (i, j), share in np.ndenumerate(shares):
        known = "-" if np.isnan(share) else f"{share:.1f} %"
        axes.text(
            j, i, f"{counts[i, j]:.0f}\n{known}", ha="center", va="center",
            fontsize=9, color="black" if share > 55 else "white",
        )  # fmt: skip
    axes.set_xticks(range(len(counts)), table.columns)
    axes.set_yticks(range(len(counts)), table.index, rotation=90, va="center")
    axes.set(xlabel=f"estimated {target}", ylabel=f"true {target}")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(
        image, shrink=0.8, label="share of the true class (%)"
    )
    bar.outline.set_visible(False)
    figure.set_label(
        f"Confusion of {target}: "
        + ", ".join(
            f"{table.index[i]} as {table.columns[j]} {count:.0f}"
            for (i, j), count in np.ndenumerate(counts)
        )
    )
    return figure


def plot_perturbation(table, title=""):
    """Errors where the dynamics of regions are replaced, with standard errors.

    Table 1 of Kim and Ro (ECCV 2018) as a chart.

    Args:
        table: As of `perturbation_table`.
        title: Headline.

    Returns:
        A matplotlib `Figure`.
    """
    unit = table.unit.iloc[0]
    figure = Figure(
        figsize=(5.2, 1.4 + 0.55 * len(table)), layout="constrained"
    )
    axes = figure.subplots()
    places = np.arange(len(table))
    axes.barh(
        places, table.error, xerr=table.standard_error, height=0.55,
        color=[_GREY, "#56b4e9", "#d55e00"],
        error_kw={"elinewidth": 1.3, "capsize": 3},
    )  # fmt: skip
    ends = (table.error + table.standard_error.fillna(0)).to_numpy()
    measured = [
        f"{row.error:.2f}{_plus_minus(row.standard_error)}"
        for row in table.itertuples()
    ]
    for place, text in zip(places, measured):
        axes.text(
            ends[place] + 0.02 * ends.max(), place, text, va="center",
            fontsize=8,
        )  # fmt: skip
    names = table.perturbation.str.replace(
        "(left|right) ",
        "\\1\u00a0",
        regex=True,  # no break in a region
    )
    names = ["\n".join(textwrap.wrap(name, 30)) for name in names]
    axes.set_yticks(places, names, fontsize=8)
    measure = "wrong answers" if unit == "%" else "mean absolute error"
    axes.set(
        ylim=(len(table) - 0.5, -0.5), xlim=(0, 1.28 * ends.max() or 1),
        xlabel=f"{measure} ({unit}), ± standard error",
    )  # fmt: skip
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    tests = _tests(table)
    figure.supxlabel("\n".join(tests), fontsize=7.5)
    figure.suptitle(title, fontsize=10)
    pairs = [f"{n} {m} {unit}" for n, m in zip(table.perturbation, measured)]
    figure.set_label("; ".join([*([title] if title else []), *pairs, *tests]))
    return figure


def plot_region_effects(effects, frame=None, title=""):
    """How much the error rises where one region's dynamics are replaced.

    Args:
        effects: Table with one row per region: `region`, `rise` of the mean
            error, `standard_error` of the rise, and their `unit`.
        frame: Aligned face to draw on; None for a schematic face.
        title: Headline.

    Returns:
        A matplotlib `Figure`: a heat map over the grid of the face, red where
        the error rises, blue where it falls.
    """
    of = effects.set_index("region")
    unit = effects.unit.iloc[0]
    figure = Figure(figsize=(4.3, 3.9), layout="constrained")
    axes = figure.subplots()
    draw_face(axes, frame)
    largest = max(np.abs(effects.rise).max(), 1e-6)
    colours = matplotlib.cm.ScalarMappable(
        matplotlib.colors.Normalize(-largest, largest), "RdBu_r"
    )
    for region, name in enumerate(REGIONS):
        row, column = divmod(region, 3)
        axes.add_patch(
            Rectangle(
                (column, row), 1, 1, alpha=0.75, lw=0,
                fc=colours.to_rgba(of.rise[name]), zorder=2,
            )
        )  # fmt: skip
        text = f"{of.rise[name]:+.2f}"
        text += _plus_minus(of.standard_error[name]).replace(" ", "\n", 1)
        for y, words, size in (
            (0.14, name.replace("_", " "), 7.5),
            (0.55, text, 8.5),
        ):
            axes.text(
                column + 0.5, row + y, words, ha="center", va="center",
                fontsize=size, zorder=3,
                bbox={"fc": "white", "ec": "none", "alpha": 0.75, "pad": 1.2},
            )  # fmt: skip
    bar = figure.colorbar(
        colours, ax=axes, shrink=0.8, label=f"rise of the error ({unit})"
    )
    bar.outline.set_visible(False)
    figure.suptitle(title, fontsize=10)
    figure.set_label(
        f"{title}: "
        + ", ".join(
            f"{name.replace('_', ' ')} {of.rise[name]:+.2f}" for name in REGIONS
        )
    )
    return figure


def _plus_minus(standard_error):
    """Nothing for a single subject, whose standard error is not known."""
    return "" if np.isnan(standard_error) else f" ± {standard_error:.2f}"


def _tests(table):
    """Lines with the p-values of a table of perturbations."""
    lines = []
    names = table.perturbation.str.split(":").str[0]
    for name, (_, row) in zip(names, table.iterrows()):
        for against in ("not contaminated", "less important"):
            value = row[f"p_against_{against.replace(' ', '_')}"]
            if not np.isnan(value):
                p = "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
                lines.append(f"{name} against {against}: {p}")
    return lines
