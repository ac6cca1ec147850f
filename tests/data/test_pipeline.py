"""tf.data: padded, masked, bucketed, and in an order that can be repeated."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fdin_tf.data.pipeline import BUCKET_BOUNDARIES
from fdin_tf.data.pipeline import batches_per_epoch
from fdin_tf.data.pipeline import make_dataset
from fdin_tf.data.pipeline import target_values

LENGTHS = (5, 15, 16, 17, 30, 31, 40, 41, 100, 7, 9, 1100)


@pytest.fixture
def data():
    """Twelve clips; every number in a clip is the clip's own."""
    ids = [f"c{i}" for i in range(len(LENGTHS))]
    arrays = {
        clip_id: np.full((n, 3, 3, 2), i + 1, np.float16)
        for i, (clip_id, n) in enumerate(zip(ids, LENGTHS))
    }
    clips = pd.DataFrame({"clip_id": ids, "num_frames": LENGTHS})
    return SimpleNamespace(
        clips=clips,
        shape=(3, 3, 2),
        name="features",
        load=arrays.__getitem__,
    )


def ids_of(dataset):
    """Clip numbers per batch, read from the values."""
    return [
        tuple(int(n) - 1 for n in inputs["features"][:, 0, 0, 0, 0])
        for inputs, *_ in dataset
    ]


def test_batches_are_padded_under_a_mask(data):
    values = np.arange(12, dtype=np.float32)
    dataset = make_dataset(data, data.clips.clip_id, 3, ("age", values))
    seen = []
    for inputs, target in dataset:
        features, mask = np.array(inputs["features"]), np.array(inputs["mask"])
        assert features.dtype == np.float16
        assert features.shape == (*mask.shape, 3, 3, 2)
        assert (features[~mask] == 0).all()
        for row, frames, age in zip(mask, features, target["age"].numpy()):
            number = int(age[0])
            seen.append(number)
            assert row.sum() == LENGTHS[number]
            assert row[: LENGTHS[number]].all()
            assert (frames[row] == number + 1).all()
    assert sorted(seen) == list(range(12))


def test_clips_of_a_batch_are_of_one_bucket(data):
    for batch in ids_of(
        make_dataset(data, data.clips.clip_id, 4, ("n", range(12)))
    ):
        buckets = np.searchsorted(
            BUCKET_BOUNDARIES, [LENGTHS[i] for i in batch], side="right"
        )
        assert len(set(buckets)) == 1


@pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
def test_the_number_of_batches_is_known_before(data, batch_size):
    ids = data.clips.clip_id
    dataset = make_dataset(
        data, ids, batch_size, ("n", range(12)), shuffle_seed=0, num_epochs=3
    )
    steps = batches_per_epoch(data, ids, batch_size)
    assert len(dataset) == len(list(dataset)) == 3 * steps


def test_the_order_is_the_seeds_and_the_epochs(data):
    def order(seed, **epochs):
        return ids_of(
            make_dataset(data, data.clips.clip_id, 1, ("n", range(12)),
                         shuffle_seed=seed, **epochs)
        )  # fmt: skip

    whole = order(7, num_epochs=4)
    assert whole == order(7, num_epochs=4)
    assert whole != order(8, num_epochs=4)
    assert whole[:12] != whole[12:24]
    # Taken up at epoch 2, the rest is what an undisturbed run sees.
    assert order(7, first_epoch=2, num_epochs=4) == whole[24:]


def test_without_a_seed_the_order_is_the_given_one(data):
    ids = ["c9", "c0", "c10", "c1"]  # all of the first bucket
    dataset = make_dataset(data, ids, 1, ("n", range(4)))
    assert ids_of(dataset) == [(9,), (0,), (10,), (1,)]


def test_without_targets_there_are_inputs_only(data):
    batch = next(iter(make_dataset(data, ["c0"], 1)))
    assert set(batch) == {"features", "mask"}


def test_no_clip_is_an_error(data):
    with pytest.raises(ValueError, match=r"clip_ids=\[\]"):
        make_dataset(data, [], 1)


def test_target_values_are_years_or_class_indices():
    clips = pd.DataFrame(
        {"age": [8.0, 76.0], "spontaneity": ["spontaneous", "posed"]}
    )
    assert target_values(clips, "age").tolist() == [8.0, 76.0]
    assert target_values(clips, "spontaneity").tolist() == [1, 0]


def test_batches_come_when_they_are_full_the_others_by_length(data):
    numbers = ("n", range(12))
    batches = ids_of(make_dataset(data, data.clips.clip_id, 2, numbers))
    # Lengths below 16: 0, 1, 9, 10; below 32: 2 to 5; 48: 6, 7; 128: 8.
    assert batches == [(0, 1), (2, 3), (4, 5), (6, 7), (9, 10), (8,), (11,)]


@pytest.mark.parametrize(
    ("clips_that_fit", "reads"), [(12, 12), (0, 3 * 12), (3, 3 * 12 - 2 * 3)]
)
def test_clips_that_fit_into_memory_are_read_once(data, clips_that_fit, reads):
    load, read = data.load, []
    data.load = lambda clip_id: read.append(clip_id) or load(clip_id)
    fitting = [load(c).nbytes for c in data.clips.clip_id[:clips_that_fit]]
    dataset = make_dataset(
        data,
        data.clips.clip_id,
        1,
        ("n", range(12)),
        num_epochs=3,
        memory_bytes=sum(fitting),
    )
    batches = ids_of(dataset)
    assert [n for (n,) in batches] == 3 * [*range(12)]
    # One more, to learn the type, of a clip that does not fit.
    assert len(read) == reads + (clips_that_fit == 0)
