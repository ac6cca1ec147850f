"""Preparing: selections of the data, in folds made of all of them."""

import dataclasses

import pandas as pd
import pytest

from fdin_tf.data.folds import PARTS
from fdin_tf.training.prepare import prepare
from recipes.siam_networks import SMOKE
from recipes.siam_networks import SiamConfig
from recipes.siam_networks import builder
from recipes.siam_networks import frontend_of
from recipes.siam_networks import with_landmarks


@pytest.fixture(scope="module")
def root(tiny_clips, tiny_set, tmp_path_factory):
    """A clip table of two databases with the same people, and landmarks."""
    root = tmp_path_factory.mktemp("two")
    smiles = tiny_clips.assign(database="Smile")
    disgust = smiles.assign(
        clip_id="d" + smiles.clip_id, database="Disgust", spontaneity="posed"
    )
    both = pd.concat([smiles, disgust[4:]])  # of all but two people
    both.to_csv(root / "clips.csv", index=False)
    (root / "landmarks").mkdir()
    for clip_id in both.clip_id:
        (root / "landmarks" / f"{clip_id}.npz").symlink_to(
            tiny_set / "truth" / f"{clip_id.removeprefix('d')}.npz"
        )
    return root


@pytest.fixture
def ready(root, cache_dir):
    """Gives a function that prepares an experiment with some changes."""

    def ready(target="age", **changes):
        config = SiamConfig(cache_dir=cache_dir, **SMOKE)
        config = dataclasses.replace(
            config,
            **{
                "data_dir": root / "clips.csv",
                "landmarks_dir": root / "landmarks",
                **changes,
            },
        )
        networks = {"siam": builder("siam", target, config)}
        return prepare(config, target, networks, frontend_of(config))

    return ready


def parts_of(prepared):
    """The part of every fold that a subject is in."""
    subject = prepared.encoded.clips.set_index("clip_id").subject
    return [
        {subject[c]: part for part in PARTS for c in getattr(fold, part)}
        for fold in prepared.folds
    ]


def test_everybody_is_in_the_same_part_whatever_is_asked_for(ready):
    every = ready()
    assert len(every.encoded.clips) == 28
    expected = parts_of(every)
    posed = every.encoded.clips.spontaneity == "posed"
    assert 0 < posed.sum() < 28
    for chosen, num_clips in (
        ({"database": "Smile"}, 16),
        ({"database": "Disgust"}, 12),
        ({"spontaneity": "posed"}, posed.sum()),
        ({"spontaneity": "posed", "database": "Smile"}, 8),
    ):
        some = ready(**chosen)
        clips = some.encoded.clips
        assert len(clips) == num_clips
        for column, value in chosen.items():
            assert set(clips[column]) == {value}
        tested = [c for fold in some.folds for c in fold.test]
        assert sorted(tested) == sorted(clips.clip_id)
        for found, part in zip(parts_of(some), expected):
            assert found == {s: part[s] for s in clips.subject}


def test_selections_have_networks_of_their_own(ready):
    chosen = ({}, {"database": "Smile"}, {"database": "Disgust"},
              {"spontaneity": "posed"})  # fmt: skip
    folders = {ready(**c).network_dirs["siam"].name for c in chosen}
    assert len(folders) == 4


def test_what_stands_before_the_network_names_its_folder(ready):
    (first,) = ready().network_dirs.values()
    for change in ({"image_size": 40}, {"margin": 0.1}):
        (other,) = ready(**change).network_dirs.values()
        assert other != first, change
    (same,) = ready(name="other").network_dirs.values()
    assert same == first


def test_a_clip_that_is_left_out_leaves_the_folds_of_the_others(
    ready, root, tmp_path
):
    landmarks = tmp_path / "landmarks"
    landmarks.mkdir()
    lost = "d003_deliberate_smile_1"
    for path in (root / "landmarks").iterdir():
        if path.stem != lost:
            (landmarks / path.name).symlink_to(path.resolve())
    some = ready(landmarks_dir=landmarks)
    assert some.encoded.left_out.clip_id.tolist() == [lost]
    assert "needs 68 landmarks" in some.encoded.left_out.reason[0]
    tested = sorted(c for fold in some.folds for c in fold.test)
    assert tested == sorted(some.encoded.clips.clip_id)
    assert lost not in tested


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"database": "Anger"}, r"one of 'Disgust', 'Smile'.*'Anger'"),
        (
            {"database": "Disgust", "spontaneity": "spontaneous"},
            r"`spontaneity` is one of 'posed'.*'spontaneous'",
        ),
    ],
)
def test_a_selection_without_clips_is_refused(ready, chosen, message):
    with pytest.raises(ValueError, match=message):
        ready(**chosen)


@pytest.mark.parametrize(
    "chosen", [{"database": "Disgust"}, {"spontaneity": "posed"}]
)
def test_a_class_that_is_selected_alone_cannot_be_estimated(ready, chosen):
    with pytest.raises(
        ValueError, match=r"clips\.csv: expected clips of both classes.*'posed'"
    ):
        ready("spontaneity", **chosen)


def test_labels_are_needed_of_the_selected_clips_alone(ready, root):
    clips = pd.read_csv(root / "clips.csv", dtype=str)
    clips.loc[clips.database == "Disgust", "age"] = None
    table = root / "some_without_age.csv"
    clips.to_csv(table, index=False)
    assert len(ready(data_dir=table, database="Smile").encoded.clips) == 16
    with pytest.raises(ValueError, match="12 have none"):
        ready(data_dir=table)


def test_a_selection_that_leaves_a_fold_empty_is_refused(ready, root):
    clips = pd.read_csv(root / "clips.csv", dtype={"subject": str})
    subjects = sorted(clips.subject.unique())
    fold = {s: k // 2 for k, s in enumerate(subjects)}
    clips["fold"] = clips.subject.map(fold)
    table = root / "with_folds.csv"
    clips.to_csv(table, index=False)
    assert [f.number for f in ready(data_dir=table).folds] == [0, 1, 2, 3]
    # The first two people, who are tested together, show no disgust.
    with pytest.raises(ValueError, match="no test clip in fold 0"):
        ready(data_dir=table, database="Disgust")


def test_the_embedded_clips_come_with_their_landmarks(cache_dir, tmp_path):
    config = SiamConfig(cache_dir=cache_dir, **SMOKE)
    found = with_landmarks(config).landmarks_dir
    assert sorted(path.suffix for path in found.iterdir()) == [".npz"] * 16
    for own in ({"data_dir": tmp_path}, {"landmarks_dir": tmp_path}):
        changed = dataclasses.replace(config, **own)
        assert with_landmarks(changed) == changed
