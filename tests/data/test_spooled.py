"""SpooledRows: what is written is read, in memory and on disk."""

import keras
import numpy as np
import pytest

from fdin_tf.data.spooled import SpooledRows


@pytest.fixture(params=[1, 2**20], ids=["on disk", "in memory"])
def rows(request):
    with SpooledRows(in_memory=request.param) as rows:
        yield rows


@pytest.fixture
def array():
    rng = np.random.default_rng(0)
    return rng.normal(size=(11, 3, 2)).astype("float32")


def test_rows_come_back_in_chunks_of_any_size(rows, array):
    for start, stop in ((0, 4), (4, 5), (5, 11)):
        rows.append(array[start:stop])
    assert len(rows) == 11
    for size in (1, 4, 11, 50):
        chunks = list(rows.chunks(size))
        assert max(map(len, chunks)) <= size
        np.testing.assert_array_equal(np.concatenate(chunks), array)


def test_rows_come_back_by_number_between_writes(rows, array):
    rows.append(array[:6])
    np.testing.assert_array_equal(rows.read([5, 0, 5]), array[[5, 0, 5]])
    rows.append(array[6:])
    np.testing.assert_array_equal(rows.read([10, 6]), array[[10, 6]])


def test_bfloat16_stays_bfloat16(rows, array):
    half = keras.ops.cast(array, "bfloat16").numpy()
    rows.append(half)
    (chunk,) = rows.chunks(11)
    assert chunk.dtype == half.dtype
    np.testing.assert_array_equal(chunk, half)


def test_rows_of_another_kind_are_refused(rows, array):
    rows.append(array)
    with pytest.raises(ValueError, match=r"float32. Received: \(3, 1\)"):
        rows.append(array[:, :, :1])
    with pytest.raises(ValueError, match=r"Received: .* float64"):
        rows.append(array.astype("float64"))
    assert len(rows) == 11
