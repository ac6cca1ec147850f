"""ArrayCache.put_rows: the same files, without the arrays in memory."""

import zipfile

import numpy as np
import pytest

from fdin_tf.data import spooled
from fdin_tf.data.cache import ArrayCache

KEY = "ab12"


@pytest.fixture
def cache(tmp_path):
    return ArrayCache(tmp_path)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "frames": rng.integers(0, 256, (11, 4, 5), dtype="uint8"),
        "landmarks": rng.normal(size=(11, 68, 2)).astype("float32"),
    }


def put_chunks(cache, key, chunks):
    with spooled.spooled_arrays(chunks) as rows:
        cache.put_rows(key, rows)


def chunked(arrays, size):
    for start in range(0, 11, size):
        yield {n: array[start : start + size] for n, array in arrays.items()}


@pytest.mark.parametrize("in_memory", [1, 2**20])
@pytest.mark.parametrize("size", [1, 4, 11])
def test_chunks_are_read_as_whole_arrays(
    cache, arrays, size, in_memory, monkeypatch
):
    monkeypatch.setattr(
        spooled.SpooledRows.__init__, "__defaults__", (in_memory,)
    )
    put_chunks(cache, KEY, chunked(arrays, size))
    found = cache.get(KEY)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    with np.load(cache.path(KEY), allow_pickle=False) as loaded:
        np.testing.assert_array_equal(loaded["frames"], arrays["frames"])


def test_members_are_those_that_put_writes(cache, arrays):
    cache.put(KEY, arrays)
    put_chunks(cache, "cd34", chunked(arrays, 4))
    contents = []
    for key in (KEY, "cd34"):
        with zipfile.ZipFile(cache.path(key)) as archive:
            contents.append({n: archive.read(n) for n in archive.namelist()})
    assert contents[0] == contents[1]


def test_an_error_among_the_chunks_leaves_nothing_behind(cache, arrays):
    def broken():
        yield from chunked(arrays, 4)
        raise OSError("cut off")

    with pytest.raises(OSError, match="cut off"):
        put_chunks(cache, KEY, broken())
    assert not cache.has(KEY)
    assert not [path for path in cache.root.rglob("*") if path.is_file()]


def test_chunks_of_other_arrays_are_refused(cache, arrays):
    first, *_ = chunked(arrays, 4)
    with pytest.raises(ValueError, match=r"of frames, landmarks.*: frames$"):
        put_chunks(cache, KEY, [first, {"frames": first["frames"]}])
    with pytest.raises(ValueError, match="Expected a chunk of arrays"):
        put_chunks(cache, KEY, [])
    assert not cache.has(KEY)
