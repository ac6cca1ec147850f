"""The cache: whole or absent, never half-written."""

import contextlib
import hashlib
import os
import resource
import subprocess
import sys
import time

import numpy as np
import pytest

from fdin_tf.data.cache import ArrayCache
from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import check_writable
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
    assert not cache.has(KEY)
    assert set(cache.damaged) == {path}
    cache.put(KEY, arrays)
    assert cache.has(KEY)


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


def test_an_error_of_the_system_names_the_file(tmp_path):
    target = tmp_path / "table.csv"
    with pytest.raises(OSError, match=f"No space left.*'{target}'$"):
        write_to_a_full_disk(target)
    assert not list(tmp_path.iterdir())


def write_to_a_full_disk(target):
    with atomic_path(target), open("/dev/full", "wb") as file:
        file.write(b"text")
        file.flush()


def test_a_folder_is_found_to_be_writable_without_a_trace(tmp_path):
    check_writable(tmp_path)
    check_writable(tmp_path / "new" / "folder")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(
        OSError, match=f"folder that can be written to.*{tmp_path}/file/below"
    ):
        check_writable(tmp_path / "file" / "below")


def test_files_of_another_machine_are_left_for_a_day(tmp_path):
    new = tmp_path / ".new.npz.999999999-a1b2c3@elsewhere.local.tmp"
    old = tmp_path / ".old.npz.999999999-a1b2c3@elsewhere.local.tmp"
    for path in (new, old):
        path.write_text("half")
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [new]


def test_what_killed_processes_left_is_swept(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / "ab" / f".key.npz.{ended.pid}-a1b2c3.tmp"
    in_use = atomic_path(tmp_path / "ab" / "key.npz").temporary
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
