"""Tables of `recipes.attribute_explanations`, from what was measured."""

import numpy as np
import pandas as pd

from fdin_tf.explain import compare_explanations
from fdin_tf.explain.lrp import COMPOSITES
from fdin_tf.statistics import clustered_mean

#: Columns that name a network.
NETWORK = ["attribute", "base", "layers"]


def mean_shares(shares, by):
    """Means of shares over images, with errors clustered by subject.

    Where networks are not told apart, an image counts once: by its mean over
    them.

    Args:
        shares: `inside` or `parts` of `Measured`.
        by: Columns.

    Returns:
        DataFrame with these columns, `images`, `share`, `standard_error` and
        `area`.
    """
    images = shares.groupby([*by, "image", "subject"], sort=False)
    images = images[["share", "area"]].mean().reset_index()
    rows = []
    for key, of in images.groupby(by, sort=False):
        mean, error = clustered_mean(of.share, of.subject)
        rows.append(
            {
                **dict(zip(by, key)),
                "images": len(of),
                "share": mean,
                "standard_error": error,
                "area": of.area.mean(),
            }
        )
    return pd.DataFrame(rows)


def number_of_images(shares, measured):
    """Of how many images shares of positive relevance are means, in words.

    Args:
        shares: Table with the column `images`, see `mean_shares`.
        measured: Number of the images that were measured.

    Returns:
        Such as `"32 test images"`.

    Example:

    >>> number_of_images(pd.DataFrame({"images": [31, 32, 30]}), 32)
    '30 to 32 of 32 test images (those with positive relevance)'
    """
    least, most = shares.images.min(), shares.images.max()
    if least == measured:
        return f"{measured} test images"
    count = f"{least}" if least == most else f"{least} to {most}"
    return f"{count} of {measured} test images (those with positive relevance)"


def best_composites(summary, composite):
    """The composite with the largest share inside, of every attribute.

    Args:
        summary: `mean_shares` by attribute and explanation.
        composite: Name of the composite to stand beside it.

    Returns:
        DataFrame with one row per attribute: `attribute`, `best_composite`,
        `share`, `standard_error`, `area`, and the share of `composite` under
        its name.
    """
    of_composites = summary[summary.explanation.isin(list(COMPOSITES))]
    best = of_composites.loc[
        of_composites.groupby("attribute", sort=False).share.idxmax()
    ]
    given = of_composites[of_composites.explanation == composite]
    given = given.set_index("attribute").share
    return (
        best.rename(columns={"explanation": "best_composite"})
        .assign(**{composite: given.reindex(best.attribute).to_numpy()})
        .reset_index(drop=True)
    )


def mean_curves(curves):
    """Curves of pixel flipping, averaged over the networks."""
    names = next(iter(curves.values()))
    return {
        name: np.mean([of[name] for of in curves.values()], axis=0)
        for name in names
    }


def flipping_table(curves, subjects):
    """Areas over the curves of every network, see `compare_explanations`."""
    return pd.concat(
        [
            led_by(compare_explanations(of, subjects), dict(zip(NETWORK, key)))
            for key, of in curves.items()
        ],
        ignore_index=True,
    )


def led_by(table, names):
    """The table with columns of one value each in front, a dict.

    >>> led_by(pd.DataFrame({"drop": [0.5]}), {"attribute": "happiness"})
       attribute  drop
    0  happiness   0.5
    """
    for place, (name, value) in enumerate(names.items()):
        table.insert(place, name, value)
    return table
