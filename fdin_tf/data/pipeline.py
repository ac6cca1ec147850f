"""From encoded clips to batches: tf.data all the way."""

import threading

import numpy as np
import tensorflow as tf

from fdin_tf.data.clips import TARGET_CLASSES

BUCKET_BOUNDARIES = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)


def make_dataset(
    data,
    clip_ids,
    batch_size,
    targets=None,
    shuffle_seed=None,
    first_epoch=0,
    num_epochs=1,
    memory_bytes=2**29,
):
    """Padded batches of encoded clips of similar length.

    Clips are grouped by length, padded with zeros to the longest of their
    batch and come with a mask. With a seed, every epoch has an order of its
    own that depends on the seed and the epoch's number alone: a run that
    begins at epoch 7 sees what an undisturbed one sees from there.

    Args:
        data: `EncodedClips`, or another object with `clips` (with
            `num_frames`), `shape`, `name` and `load(clip_id)`.
        clip_ids: The clips to take.
        batch_size: Clips per batch.
        targets: None; or `(name, values)`, one value per clip id, such as
            those of `target_values`.
        shuffle_seed: Seed of the order; None keeps the given one within each
            group of similar lengths.
        first_epoch: Number of the first epoch, from 0.
        num_epochs: Number behind the last one.
        memory_bytes: What the dataset may hold of the clips that it has
            loaded, so that later epochs need not read them again.

    Returns:
        A `tf.data.Dataset` of known length, all epochs one after the other:
        `{data.name: (b, t, h, w, c), "mask": (b, t) bool}`, or pairs of that
        and `{name: (b, 1)}`. Features keep the type that they are stored in.

    Raises:
        ValueError: If there is no clip.
    """
    clip_ids = [str(clip_id) for clip_id in clip_ids]
    if not clip_ids:
        raise ValueError("Expected at least one clip. Received: clip_ids=[]")
    load = _Remembering(data.load, memory_bytes)
    dtype = load(clip_ids[0]).dtype
    buckets = _buckets(data, clip_ids)
    if targets is not None:
        name, values = targets
        values = tf.constant(np.asarray(values)[:, None])

    def padded(numbers):
        clips = [load(clip_ids[number]) for number in numbers]
        lengths = np.array([len(clip) for clip in clips], np.int32)
        batch = np.zeros((len(clips), lengths.max(), *data.shape), dtype)
        for row, clip in zip(batch, clips):
            row[: len(clip)] = clip
        return batch, lengths

    def batch_of(row):
        numbers = row[row >= 0]
        features, lengths = tf.numpy_function(
            padded, [numbers], (dtype, tf.int32), stateful=False
        )
        lengths = tf.ensure_shape(lengths, (None,))
        inputs = {
            data.name: tf.ensure_shape(features, (None, None, *data.shape)),
            "mask": tf.sequence_mask(lengths),
        }
        if targets is None:
            return inputs
        return inputs, {name: tf.gather(values, numbers)}

    def epoch_of(epoch):
        order = tf.range(len(clip_ids))
        if shuffle_seed is not None:
            seed = tf.stack([tf.constant(shuffle_seed, tf.int64), epoch])
            order = tf.random.experimental.stateless_shuffle(order, seed)
        rows = tf.numpy_function(
            lambda order: _rows(order, buckets[order], batch_size),
            [order],
            tf.int32,
            stateful=False,
        )
        rows = tf.ensure_shape(rows, (None, batch_size))
        return tf.data.Dataset.from_tensor_slices(rows).map(
            batch_of, num_parallel_calls=tf.data.AUTOTUNE
        )

    num_batches = batches_per_epoch(data, clip_ids, batch_size)
    num_batches *= num_epochs - first_epoch
    return (
        tf.data.Dataset.range(first_epoch, num_epochs)
        .flat_map(epoch_of)
        .apply(tf.data.experimental.assert_cardinality(num_batches))
        .prefetch(tf.data.AUTOTUNE)
    )


def batches_per_epoch(data, clip_ids, batch_size):
    """Number of batches of one epoch of `make_dataset`."""
    counts = np.bincount(_buckets(data, clip_ids))
    return int(sum(-(-counts // batch_size)))


def _buckets(data, clip_ids):
    """The number of the group of similar lengths, for every clip."""
    lengths = data.clips.set_index("clip_id").num_frames[list(clip_ids)]
    return np.searchsorted(BUCKET_BOUNDARIES, lengths, side="right")


def _rows(order, buckets, batch_size):
    """Batches of one bucket each, as rows that -1 fills up.

    Clips come in their order, and a batch as soon as it is full; those that
    are left at the end come from the shortest to the longest.
    """
    waiting, rows = {}, []
    for number, bucket in zip(order, buckets):
        batch = waiting.setdefault(bucket, [])
        batch.append(number)
        if len(batch) == batch_size:
            rows.append(waiting.pop(bucket))
    rows += [waiting[bucket] for bucket in sorted(waiting)]
    table = np.full((len(rows), batch_size), -1, np.int32)
    for row, batch in zip(table, rows):
        row[: len(batch)] = batch
    return table


class _Remembering:
    """A loading function that keeps the first of what it loads."""

    def __init__(self, load, num_bytes):
        self._load = load
        self._kept = {}
        self._left = num_bytes
        self._lock = threading.Lock()

    def __call__(self, clip_id):
        array = self._kept.get(clip_id)
        if array is not None:
            return array
        array = self._load(clip_id)
        with self._lock:
            if array.nbytes <= self._left and clip_id not in self._kept:
                self._left -= array.nbytes
                self._kept[clip_id] = array
        return array


def target_values(clips, target):
    """Labels as numbers: years, or the index of the class.

    Returns:
        Float32 array of ages in years, or int32 array of class indices in
        the order of `TARGET_CLASSES[target]`.

    Example:

    >>> import pandas as pd
    >>> clips = pd.DataFrame({"gender": ["male", "female"]})
    >>> target_values(clips, "gender").tolist()
    [1, 0]
    """
    if target in TARGET_CLASSES:
        index = {name: i for i, name in enumerate(TARGET_CLASSES[target])}
        return clips[target].map(index).to_numpy(np.int32)
    return clips[target].to_numpy(np.float32)
