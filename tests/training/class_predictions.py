"""Predictions of classes, as a cross-validation gives them."""

import numpy as np
import pandas as pd

from fdin_tf.data.clips import TARGET_CLASSES


def table_of(**columns):
    """Predictions with these columns; the rest is the same for all clips."""
    number = len(next(iter(columns.values())))
    rest = {
        "clip_id": [f"c{i}" for i in range(number)],
        "subject": [f"s{i}" for i in range(number)],
        "age": 30.0,
        "gender": "female",
        "spontaneity": "posed",
        "fold": 0,
        "estimate": 0.2,
        "baseline": 0.4,
    }
    return pd.DataFrame({**rest, **columns})


def random_predictions(target="gender", seed=0):
    """Twenty subjects of three or four clips each, in four folds."""
    rng = np.random.default_rng(seed)
    subject = np.arange(70) % 20
    table = table_of(
        subject=[f"s{s}" for s in subject],
        age=rng.integers(8, 77, 20)[subject].astype(float),
        gender=np.where(subject % 3, "male", "female"),
        spontaneity=rng.choice(["posed", "spontaneous"], 70),
        fold=subject % 4,
        baseline=np.array([0.4, 0.6, 0.55, 0.5])[subject % 4],
    )
    truth = table[target] == TARGET_CLASSES[target][1]
    noise = rng.normal(0, 0.2, 70) + rng.normal(0, 0.2, 20)[subject]
    return table.assign(
        estimate=(0.35 + 0.3 * truth + noise).clip(0, 1)
    )  # fmt: skip


def published_predictions():
    """Clips of UvA-NEMO's cells, right as often as Table 5 says for FDIN."""
    counts = {
        ("spontaneous", 19): (194, 119, 123),  # right, female, male
        ("spontaneous", 20): (336, 175, 180),
        ("posed", 19): (212, 124, 125),
        ("posed", 20): (375, 197, 197),
    }
    cells = []
    for (smile_type, age), (num_right, females, males) in counts.items():
        gender = np.array(["female"] * females + ["male"] * males)
        is_right = np.arange(females + males) < num_right
        cells.append(
            pd.DataFrame(
                {
                    "age": age,
                    "gender": gender,
                    "spontaneity": smile_type,
                    "estimate": np.where(
                        (gender == "male") == is_right, 0.9, 0.1
                    ),
                }
            )
        )
    return table_of(**pd.concat(cells, ignore_index=True))
