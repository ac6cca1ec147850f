"""Clip tables of subjects with some posed and some spontaneous smiles."""

import numpy as np
import pandas as pd


def make_clips(num_subjects, seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for subject in range(num_subjects):
        age = float(rng.integers(8, 77))
        for take in range(rng.integers(1, 5)):
            kind = ("posed", "spontaneous")[take % 2]
            rows.append((f"{subject:03d}_{kind}_{take}", f"{subject:03d}",
                         age, kind))  # fmt: skip
    return pd.DataFrame(rows, columns=["clip_id", "subject", "age",
                                       "spontaneity"])  # fmt: skip
