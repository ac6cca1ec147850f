"""From encoded clips to batches: tf.data all the way."""

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
    dtype = data.load(clip_ids[0]).dtype
    ids = tf.constant(clip_ids)
    if targets is not None:
        name, values = targets
        values = tf.constant(np.asarray(values)[:, None])

    def load(clip_id):
        return data.load(clip_id.decode())

    def example(index):
        features = tf.numpy_function(load, [ids[index]], dtype, stateful=False)
        features = tf.ensure_shape(features, (None, *data.shape))
        inputs = {
            data.name: features,
            "mask": tf.ones(tf.shape(features)[:1], tf.bool),
        }
        return inputs if targets is None else (inputs, {name: values[index]})

    def epoch_of(epoch):
        order = tf.range(len(clip_ids))
        if shuffle_seed is not None:
            seed = tf.stack([tf.constant(shuffle_seed, tf.int64), epoch])
            order = tf.random.experimental.stateless_shuffle(order, seed)
        return (
            tf.data.Dataset.from_tensor_slices(order)
            .map(example, num_parallel_calls=tf.data.AUTOTUNE)
            .bucket_by_sequence_length(
                lambda inputs, *_: tf.shape(inputs["mask"])[0],
                bucket_boundaries=BUCKET_BOUNDARIES,
                bucket_batch_sizes=[batch_size] * (len(BUCKET_BOUNDARIES) + 1),
            )
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
    lengths = data.clips.set_index("clip_id").num_frames[list(clip_ids)]
    buckets = np.searchsorted(BUCKET_BOUNDARIES, lengths, side="right")
    return int(sum(-(-np.bincount(buckets) // batch_size)))


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
