"""What a run of `recipes.age_cv` leaves behind, to be compared bit by bit."""

import json

import numpy as np
import pandas as pd
import tensorflow as tf


def read_results(folder):
    """All numbers of a finished run in a folder.

    Returns:
        Dict from a name to an array or a text: every table but for the
        columns that hold paths, every picture, the weights of the exported
        model and what its card tells.
    """
    found = {}
    (run,) = folder.glob("cache/runs/age_cv-*/finished.json")
    for path in sorted(run.parent.rglob("*")):
        name = path.relative_to(run.parent).as_posix()
        if path.suffix == ".csv":
            table = pd.read_csv(path).drop(columns="path", errors="ignore")
            found[name] = table.to_csv()
        elif path.suffix in (".png", ".svg"):
            found[name] = path.read_bytes()
    (version,) = (folder / "saved_models" / "smoke_age").iterdir()
    assert version.name == "1"
    weights = tf.train.load_checkpoint(str(version / "variables/variables"))
    for name in weights.get_variable_to_shape_map():
        # In `_all_variables` are the same ones, in an order by chance; whole
        # numbers are the state of dropout, which an answer does without.
        if name.startswith("variables/"):
            value = weights.get_tensor(name)
            if value.dtype == np.float32:
                found[name] = value.tobytes()
    assert any(name.startswith("variables/") for name in found)
    card = json.loads((version / "assets.extra" / "card.json").read_text())
    found["card"] = json.dumps(card["errors"]) + json.dumps(card["limits"])
    return found


def differences(found, expected):
    """Names of what is not the same."""
    return sorted(
        name
        for name in found.keys() | expected.keys()
        if found.get(name) != expected.get(name)
    )


def leftovers(folder):
    """What is half-written, or was to be there for a while only."""
    patterns = (
        "cache/**/*.tmp", "cache/**/tmp.*", "cache/**/.partial",
        "cache/**/*.lock", "cache/runs/*/fold_*/checkpoints",
        "saved_models/**/.*",
    )  # fmt: skip
    return [str(x) for pattern in patterns for x in folder.glob(pattern)]
