"""The cache: whole or absent, never half-written."""

import contextlib
import hashlib
import os
import resource
import subprocess
import sys

import numpy as np
import pytest

from fdin_tf.data.cache import ArrayCache
from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import content_digest
from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.cache import sweep
from fdin_tf.data.cache import write_json

KEY = "0123abcd"


@pytest.fixture
def cache(tmp_path):
    return ArrayCache(tmp_path)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "features": rng.normal(size=(5, 3, 3, 2)).astype(np.float16),
        "text": np.array("why not"),
    }


def test_arrays_come_back_bit_by_bit(cache, arrays):
    cache.put(KEY, arrays)
    found = cache.get(KEY)
    assert found["features"].dtype == np.float16
    np.testing.assert_array_equal(found["features"], arrays["features"])
    assert str(found["text"]) == "why not"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_counts_as_absent(cache, arrays, share):
    cache.put(KEY, arrays)
    path = cache.path(KEY)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert cache.get(KEY) is None
    assert not path.exists()
    assert not cache.has(KEY)


def test_a_flipped_bit_counts_as_absent(cache):
    features = np.arange(4096, dtype=np.float16)
    cache.put(KEY, {"features": features})
    path = cache.path(KEY)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    assert cache.get(KEY) is None


def test_pickled_objects_are_not_read(cache):
    path = cache.path(KEY)
    path.parent.mkdir()
    np.savez(path, features=np.array([{"a": 1}], dtype=object))
    assert cache.get(KEY) is None


def test_an_error_while_writing_leaves_nothing_behind(tmp_path):
    target = tmp_path / "value.txt"
    target.write_text("before")

    def fail_halfway():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_appears_whole(tmp_path):
    with atomic_path(tmp_path / "version") as temporary:
        temporary.mkdir()
        (temporary / "a").write_text("a")
        assert not (tmp_path / "version").exists()
    assert (tmp_path / "version" / "a").read_text() == "a"


def test_a_rename_that_fails_leaves_nothing_behind(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("kept")

    def replace_a_full_folder():
        with atomic_path(tmp_path / "full") as temporary:
            temporary.mkdir()

    with pytest.raises(OSError, match="full"):
        replace_a_full_folder()
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_what_killed_processes_left_is_swept(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / "ab" / f".key.npz.{ended.pid}-a1b2c3.tmp"
    in_use = tmp_path / "ab" / f".key.npz.{os.getpid()}-a1b2c3.tmp"
    left.parent.mkdir()
    for path in (left, in_use):
        path.write_text("half")
    sweep(tmp_path)
    assert list(left.parent.iterdir()) == [in_use]


def test_trouble_with_reading_does_not_remove_a_good_file(cache, arrays):
    cache.put(KEY, arrays)
    path = cache.path(KEY)
    descriptors = []
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, limit[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                descriptors.append(open(path, "rb"))  # noqa: SIM115
        with pytest.raises(OSError, match="Too many open files"):
            cache.get(KEY)
    finally:
        for file in descriptors:
            file.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    np.testing.assert_array_equal(
        cache.get(KEY)["features"], arrays["features"]
    )


def test_the_content_digest_is_sha256(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)
    assert content_digest(path) == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_settings_differ_by_value_and_not_by_order_of_names():
    assert settings_digest({"a": 1, "b": 2}) == settings_digest(
        {"b": 2, "a": 1}
    )
    assert settings_digest({"a": 1}) != settings_digest({"a": 2})
    assert settings_digest(1, 2) != settings_digest(2, 1)


def test_json_comes_back_or_the_default(tmp_path):
    write_json(tmp_path / "x.json", {"a": [1, 2]})
    assert read_json(tmp_path / "x.json") == {"a": [1, 2]}
    assert read_json(tmp_path / "y.json", default=3) == 3
