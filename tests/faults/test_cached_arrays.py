"""Damage of cached arrays, and of videos while they are worked on."""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from fdin_tf.data.cache import ArrayCache
from fdin_tf.data.stored import FaceFiles
from fdin_tf.data.stored import store_clips
from fdin_tf.faces import FaceConfig
from fdin_tf.faces import aligned_chunks

KEY = "0123abcd"
FACE = FaceConfig(size=64)


@pytest.fixture
def cache(tmp_path):
    return ArrayCache(tmp_path)


def same(found, expected):
    """Whether these are the same arrays, bit by bit."""
    return found.keys() == expected.keys() and all(
        found[name].dtype == array.dtype
        and found[name].shape == array.shape
        and found[name].tobytes() == array.tobytes()
        for name, array in expected.items()
    )


def test_no_flipped_bit_anywhere_in_a_file_changes_what_is_read(cache):
    """Headers, names, numbers, checksums, the list of contents, its end."""
    arrays = {
        "points": np.arange(6, dtype=np.float16).reshape(3, 2),
        "why": np.array("no face"),
    }
    cache.put(KEY, arrays)
    path = cache.path(KEY)
    whole = path.read_bytes()
    outcomes = {"whole": 0, "damaged": 0}
    with open(path, "r+b", buffering=0) as file:
        for position, byte in enumerate(whole):
            for bit in range(8):
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), position)
                found = cache.get(KEY)
                assert found is None or same(found, arrays), (position, bit)
                assert cache.has(KEY) == (found is not None), (position, bit)
                outcomes["whole" if found else "damaged"] += 1
            os.pwrite(file.fileno(), bytes([byte]), position)
    assert len(cache.damaged) == 2 * outcomes["damaged"]
    # A quarter is dates, rights and the like, which nobody reads.
    assert outcomes["damaged"] > 0.6 * 8 * len(whole)


@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(damage=st.data())
def test_bytes_that_are_overwritten_lost_or_added_are_noticed(cache, damage):
    rng = np.random.default_rng(0)
    arrays = {"features": rng.normal(size=(20, 3, 3, 4)).astype(np.float16)}
    cache.put(KEY, arrays)
    path = cache.path(KEY)
    whole = path.read_bytes()
    start = damage.draw(st.integers(0, len(whole) - 1))
    end = damage.draw(st.integers(start, len(whole)))
    path.write_bytes(
        whole[:start] + damage.draw(st.binary(max_size=64)) + whole[end:]
    )
    found = cache.get(KEY)
    assert found is None or same(found, arrays)


def store(clips, files, make):
    return store_clips(clips, files, "test", (1,), make, "Test", workers=1)


def faces_of(video, track):
    """What these tests keep of a clip: its aligned faces."""
    return {"faces": np.concatenate([*aligned_chunks(video, track, FACE)])}


@pytest.fixture
def clips(tiny_clips, tmp_path):
    """Three clips, as videos of this test's own."""
    clips = tiny_clips[:3].copy()
    for row in clips.index:
        video = tmp_path / f"{clips.clip_id[row]}.mp4"
        with open(clips.path[row], "rb") as file:
            video.write_bytes(file.read())
        clips.loc[row, "path"] = str(video)
    return clips


@pytest.fixture
def files(tiny_set, tmp_path):
    """Faces by the landmarks of the truth; a cache of this test's own."""
    return FaceFiles(tmp_path / "cache", FACE, tiny_set / "truth")


@pytest.mark.parametrize("damaged", [2, 3])
def test_damaged_files_are_counted_named_and_made_anew(
    clips, files, capsys, damaged
):
    stored = store(clips, files, faces_of)
    paths = [stored.cache.path(key) for key in stored.keys.values()]
    before = [path.read_bytes() for path in paths]
    capsys.readouterr()
    for path, content in zip(paths[:damaged], before):
        path.write_bytes(content[:300] + b"damage" + content[306:])
    store(clips, files, faces_of)
    report = capsys.readouterr().err
    assert f"{damaged} damaged files in the cache were made anew" in report
    assert str(paths[0]) in report
    assert [path.read_bytes() for path in paths] == before
    store(clips, files, faces_of)
    assert "damaged" not in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["removed", "truncated"])
def test_a_video_that_goes_while_it_is_worked_on_is_left_out_by_name(
    clips, files, fault
):
    """Between the steps of tracking and encoding."""
    gone, *others = clips.clip_id

    def faces_of_what_is_left(video, track):
        if video.stem == gone and fault == "removed":
            video.unlink()
        elif video.stem == gone:
            video.write_bytes(video.read_bytes()[:1000])
        return faces_of(video, track)

    stored = store(clips, files, faces_of_what_is_left)
    assert stored.clips.clip_id.tolist() == others
    assert stored.left_out.clip_id.tolist() == [gone]
    assert f"{gone}.mp4" in stored.left_out.reason[0]


def test_no_clip_is_left_out_for_a_cache_that_cannot_be_written(clips, files):
    (files.cache_dir / "test").parent.mkdir()
    (files.cache_dir / "test").touch()
    with pytest.raises(OSError, match=f"{files.cache_dir}/test"):
        store(clips, files, faces_of)


def test_no_clip_is_left_out_for_a_disk_that_is_full(clips, files):
    def fill(video, track):
        with open("/dev/full", "wb") as file:
            file.write(b"scratch")
            file.flush()

    with pytest.raises(OSError, match="No space left on device"):
        store(clips, files, fill)
