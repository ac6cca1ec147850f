"""What every drawn set on disk must do, checked in one call each."""

import threading

import pytest


def content(root):
    """The bytes of every file, by name."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(p for p in root.rglob("*") if p.is_file())
    }


def stop(done, total):
    """As if the process had been interrupted after the first images."""
    raise KeyboardInterrupt


def assert_untouched(make, root, config):
    """A complete set is recognised, and no file is written again."""

    def times():
        return {p: p.stat().st_mtime_ns for p in root.rglob("*")}

    before = times()
    assert make(root, config) == root
    assert times() == before


def assert_continued(make, load, root, config, expected, most, manifest):
    """An interrupted call is continued, and ends as an undisturbed one.

    Args:
        make: Function that makes a set.
        load: Function that loads something of it.
        root: Empty folder.
        config: Config of the set.
        expected: Folder of the same set, made without interruption.
        most: Number of its images; fewer are there after the interruption.
        manifest: Pattern of the file that an unfinished set lacks.
    """
    with pytest.raises(KeyboardInterrupt):
        make(root, config, workers=1, progress=stop)
    finished = {p: p.stat().st_mtime_ns for p in root.rglob("*.jpg")}
    assert 0 < len(finished) < most
    with pytest.raises(FileNotFoundError, match=f"no {manifest}"):
        load(root)
    # What a killed process leaves: no process has this number.
    left = next(iter(finished)).parent / ".000009.jpg.999999999-abc.tmp"
    left.write_bytes(b"half")
    make(root, config)
    assert content(root) == content(expected)
    for path, written in finished.items():
        assert path.stat().st_mtime_ns == written


def assert_two_calls_make_one(make, root, config, expected):
    """Two calls at once leave the set that one leaves."""
    calls = [
        threading.Thread(target=make, args=(root, config)) for _ in range(2)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert content(root) == content(expected)
