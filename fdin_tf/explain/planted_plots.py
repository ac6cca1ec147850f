"""Picture of the planted-relation benchmark."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fdin_tf.explain.face_drawing import COLOURS
from fdin_tf.regions import REGIONS

NUM_PAIRS = len(REGIONS) * (len(REGIONS) - 1) // 2


def plot_planted(results, networks):
    """Importance of the planted pair, and how well networks estimate.

    Args:
        results: Table with one row per trained network: `mode`, `network`,
            `pair`, `r2` and, where the network gives importance, `weight` and
            `next_weight`. Its rows of mode `absolute_lag` are drawn.
        networks: Dict from a network's name to its title.

    Returns:
        A matplotlib `Figure`. Left: the planted pair (filled) against the
        largest of the other pairs (hollow), one mark per seed. Right: R2 on
        unseen subjects.
    """
    rows = results[results["mode"] == "absolute_lag"]
    pairs = list(dict.fromkeys(rows.pair))
    figure = Figure(figsize=(9, 1.6 + 0.55 * len(pairs)), layout="constrained")
    weights, errors = figure.subplots(1, 2, sharey=True)
    marks = []
    for number, (network, title) in enumerate(networks.items()):
        colour = COLOURS[number % len(COLOURS)]
        of_network = rows[rows.network == network]
        if of_network.empty:
            continue
        shift = 0.16 * (number - (len(networks) - 1) / 2)
        places = [pairs.index(pair) + shift for pair in of_network.pair]
        errors.scatter(of_network.r2, places, s=20, color=colour)
        marks.append(Line2D([], [], marker="o", ls="", color=colour,
                            label=title))  # fmt: skip
        if "weight" in of_network and of_network.weight.notna().any():
            weights.scatter(of_network.weight, places, s=24, color=colour)
            weights.scatter(
                of_network.next_weight, places, s=24, fc="none", ec=colour
            )
    weights.axvline(1 / NUM_PAIRS, color="black", lw=0.8, ls=":")
    weights.set(
        xlim=(-0.03, 1.03),
        xlabel="importance: planted (filled), next pair (hollow)",
        yticks=np.arange(len(pairs)),
        yticklabels=[pair.replace("_", " ") for pair in pairs],
        ylim=(len(pairs) - 0.5, -0.5),
    )
    errors.axvline(0, color="black", lw=0.8, ls=":")
    errors.set(
        xlim=(min(-0.1, rows.r2.min() - 0.05), 1.03),
        xlabel="R2 on unseen subjects",
    )
    for axes in (weights, errors):
        axes.grid(axis="x", color="0.9")
        for between in range(len(pairs) - 1):
            axes.axhline(between + 0.5, color="0.75", lw=0.6)
        axes.set_axisbelow(True)
    figure.legend(
        handles=marks,
        loc="outside upper center",
        ncols=len(marks),
        frameon=False,
    )
    figure.set_label(
        "Importance of planted pairs, and R2 of networks, by pair and seed"
    )
    return figure
