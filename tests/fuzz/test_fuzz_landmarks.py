"""Landmark files of any bytes."""

import io

import hypothesis
import numpy as np
import pandas as pd
import pytest

from fdin_tf.faces.landmarks import load_landmarks
from tests.fuzz.mutations import fuzz
from tests.fuzz.mutations import mutants
from tests.fuzz.mutations import result_of

FIVE = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80.5]])
NPZ_WORDS = (b"'descr'", b"<f8", b"|O", b"<U9", b"True", b"PK\1\2", b"PK\3\4")


def table():
    """Four frames as OpenFace writes them, one of them without a face."""
    names = [f"{axis}_{k}" for k in range(5) for axis in "xy"]
    rows = [
        {
            **{"frame": k + 1, " confidence": 0.9, " success": int(k != 1)},
            **{f" {n}": x for n, x in zip(names, (FIVE + k).ravel())},
        }
        for k in range(4)
    ]
    return [pd.DataFrame(rows).to_csv(index=False).encode()]


def archives():
    """Three frames, as they are and packed."""
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, landmarks=FIVE[None].repeat(3, axis=0))
        yield file.getvalue()


@pytest.mark.parametrize(
    ("name", "whole", "words"),
    [
        ("a.csv", table(), (b"x_0", b"frame", b" success", b"confidence")),
        ("a.npz", list(archives()), NPZ_WORDS),
    ],
)
def test_any_landmarks_are_read_or_refused(tmp_path, name, whole, words):
    path = tmp_path / name

    def check(points):
        known = ~np.isnan(points)
        assert points.dtype == np.float64
        assert points.shape[1:] == (5, 2)
        assert (known.all(axis=(1, 2)) == known.any(axis=(1, 2))).all()
        assert not np.isinf(points).any()

    for content in whole:
        path.write_bytes(content)
        check(load_landmarks(path))

    @fuzz
    @hypothesis.given(content=mutants(whole, words))
    def holds(content):
        path.write_bytes(content)
        found = result_of(lambda: load_landmarks(path), name)
        if found is not None:
            check(found)

    holds()
