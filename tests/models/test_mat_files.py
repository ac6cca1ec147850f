"""MATLAB files: whole ones pass, wrong types and lengths never reach SciPy."""

import struct

import numpy as np
import pytest
import scipy.io

from fdin_tf.models.mat_files import check_mat

MOST = 2**30


@pytest.fixture(params=[False, True], ids=["plain", "packed"])
def whole(request, tmp_path):
    """A file with every kind of variable that may be in one."""
    rng = np.random.default_rng(0)
    cells = np.empty((1, 3), object)
    cells[0, 0], cells[0, 1], cells[0, 2] = "a", "über", np.zeros((0, 0))
    path = tmp_path / "whole.mat"
    content = {
        "kernel": rng.normal(size=(3, 3, 3, 2)).astype("float32"),
        "one": 1 + 2j,
        "flag": True,
        "layer": {
            "name": "conv1_1",
            "cells": cells,
            "none": [],
            "deep": {"bytes": rng.integers(0, 9, (2, 3), dtype=np.uint8)},
        },
        "rows": np.array([(1, 2.0), (3, 4.0)], [("u", "i4"), ("v", "f8")]),
    }
    scipy.io.savemat(path, content, do_compression=request.param)
    return path


def test_a_whole_file_passes(whole):
    check_mat(whole, MOST)


def test_a_file_cut_anywhere_is_refused(whole, tmp_path):
    content = whole.read_bytes()
    path = tmp_path / "cut.mat"
    for length in range(129, len(content), 41):
        path.write_bytes(content[:length])
        try:
            check_mat(path, MOST)
        except ValueError:
            continue
        scipy.io.loadmat(path)  # cut between two variables: still whole


def patched(tmp_path, offset, layout, value):
    """A file with one matrix of 2 x 3 numbers, changed at one place."""
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"a": np.ones((2, 3))})
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, 128 + offset, value)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (0, 99, "a variable of type 99"),
        (8, 99, "expected flags, found type 99"),
        (16, 99, "an array of class 99"),
        (24, 99, "expected dimensions, found type 99"),
        (28, 9, "expected dimensions"),  # this ended Python in SciPy 1.17
        (28, 2**31, "2147483648 bytes goes beyond its end"),
        (32, 2**30, "48 bytes of type 9 for 3221225472 numbers"),
        (48, 99, "48 bytes of type 99 for 6 numbers"),
    ],
)
def test_wrong_types_and_lengths_are_refused(tmp_path, offset, value, reason):
    path = patched(tmp_path, offset, "<I", value)
    with pytest.raises(ValueError, match=reason):
        check_mat(path, MOST)


def test_matrices_in_matrices_without_end_are_refused(tmp_path):
    deep = 1.0
    for _ in range(40):
        deep = {"a": deep}
    scipy.io.savemat(tmp_path / "deep.mat", {"deep": deep})
    with pytest.raises(ValueError, match="nested too deeply"):
        check_mat(tmp_path / "deep.mat", MOST)


def test_what_is_no_matlab_file_is_refused(tmp_path):
    path = tmp_path / "no.mat"
    path.write_bytes(b"no MATLAB file" * 20)
    with pytest.raises(ValueError, match="no MATLAB file of version 5 to 7"):
        check_mat(path, MOST)
