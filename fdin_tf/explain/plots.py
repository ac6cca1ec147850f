"""Pictures: learning curves, errors, and relations drawn on the face."""

import itertools

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from fdin_tf.regions import REGIONS
from layers.pairwise_relation import region_pairs

REGION_PAIRS = region_pairs(len(REGIONS))
_YELLOW = "#ffd400"
_COLOURS = (_YELLOW, "#ff6f3c", "#35c3ff", "#9be15d", "#e57bff")


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
    for part, colour in (("train", "tab:grey"), ("valid", "tab:blue")):
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


def plot_prediction(prediction, title, num_pairs=3, num_frames=8):
    """The aligned strip, and the most important relations on the face.

    As in figure 2 of Kim and Ro (ECCV 2018), the two regions of an important
    relation are boxed in yellow; here an arc joins them, the wider the more
    important, in a colour of its own.

    Args:
        prediction: `fdin_tf.serving.predict.Prediction`.
        title: Headline.
        num_pairs: Number of relations to draw.
        num_frames: Number of frames in the strip.

    Returns:
        A matplotlib `Figure`.
    """
    frames, importance = prediction.frames, prediction.importance
    figure = Figure(figsize=(11, 5), layout="constrained")
    figure.suptitle(title)
    face, strip = figure.subfigures(1, 2, width_ratios=(1, 2.1))
    top = np.argsort(-importance)[:num_pairs]
    axes = face.subplots()
    draw_relations(axes, _middle_of_motion(frames), importance, top)
    places = np.linspace(0, len(frames) - 1, min(num_frames, len(frames)))
    places = places.round().astype(int)
    rows = strip.subplots(2, -(-len(places) // 2), squeeze=False)
    for place in rows.flat:
        place.axis("off")
    for place, number in zip(rows.flat, places):
        place.imshow(frames[number])
        place.set_title(f"{prediction.seconds[number]:.2f} s", fontsize=8)
    axes.set_title("Most important relations", fontsize=10)
    return figure


def draw_relations(axes, frame, importance, pairs):
    """Draws relations between regions of a 3x3 grid on an aligned face.

    Args:
        axes: Matplotlib axes.
        frame: Aligned face, `(size, size, 3)`.
        importance: Importance of all pairs, `(pairs,)`.
        pairs: Numbers of the pairs to draw.
    """
    cell = frame.shape[0] / 3
    axes.imshow(frame)
    axes.set(xticks=[], yticks=[])
    largest = max(importance[p] for p in pairs)
    for region in sorted({r for p in pairs for r in REGION_PAIRS[p]}):
        row, column = divmod(region, 3)
        corner = (column * cell + 1.5, row * cell + 1.5)
        axes.add_patch(
            Rectangle(corner, cell - 3, cell - 3, fill=False, ec=_YELLOW)
        )
    # Arcs in colours of their own: straight lines would hide one another.
    lines = []
    for p, colour in zip(pairs, itertools.cycle(_COLOURS)):
        first, second = (
            ((r % 3 + 0.5) * cell, (r // 3 + 0.5) * cell)
            for r in REGION_PAIRS[p]
        )
        width = 4 * importance[p] / largest
        axes.add_patch(
            FancyArrowPatch(
                first,
                second,
                arrowstyle="-",
                connectionstyle="arc3,rad=0.25",
                color=colour,
                lw=width,
            )
        )
        axes.plot(*zip(first, second), "o", color=colour, ms=5)
        label = f"{100 * importance[p]:.1f} %  {pair_name(p)}"
        lines.append(Line2D([], [], color=colour, lw=width, label=label))
    axes.legend(
        handles=lines,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        frameon=False,
        fontsize=9,
        title="left and right as in the image",
        title_fontsize=8,
    )


def pair_name(pair):
    """The two regions of a pair in words, by the pair's number."""
    first, second = REGION_PAIRS[pair]
    return f"{REGIONS[first]} - {REGIONS[second]}".replace("_", " ")


def _middle_of_motion(frames):
    """The frame that differs most from the first ones."""
    neutral = frames[:3].astype(np.float32).mean(0)
    change = [np.abs(frame - neutral).mean() for frame in frames]
    return frames[int(np.argmax(change))]
