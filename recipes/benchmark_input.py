"""The part of the benchmark that feeds a network from the cache."""

import dataclasses
import tempfile

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from fdin_tf.data.cache import ArrayCache
from fdin_tf.data.encode import EncodedClips
from fdin_tf.data.encode import FoldClips
from fdin_tf.data.pipeline import make_dataset
from fdin_tf.data.pipeline import target_values
from fdin_tf.training.fit_config import compile_model
from fdin_tf.training.precision import precision_policy
from recipes.benchmark_sizes import FdinSize
from recipes.benchmark_timing import Case

#: The network of the embedded clips: see `recipes.networks.DEMO`.
DEMO_NETWORK = FdinSize(
    clips=16,
    frames=24,
    feature_shape=(3, 3, 16),
    dense_units=32,
    lstm_units=(32, 32),
    relation_units=(64, 64),
    head_units=(64, 32),
)
#: How many times as fast as a network its input should be.
ENOUGH = 5


def time_input(config, stopwatch):
    """Epochs of cached features beside the training step that they feed.

    Clips are 3/4 to 5/4 of the network's frames long. They come from the cache
    on disk (whose files the system may hold in memory), or from memory, as
    where components are fitted in each fold.

    Yields:
        `Comparison`, of one clip.
    """
    size = config.fed
    with precision_policy("float32"):
        model = size.build()
    compile_model(model, "age")
    batch = keras.tree.map_structure(tf.constant, size.batch())
    with tempfile.TemporaryDirectory() as folder:
        stored = _stored_clips(folder, size, config.fed_clips)
        features = {c: stored.load(c) for c in stored.clips.clip_id}
        held = FoldClips(stored.clips, stored.shape, features)

        def epoch(data):
            """An epoch as `fit` takes it, without the network."""
            clips = data.clips
            targets = ("age", target_values(clips, "age"))
            dataset = make_dataset(
                data, clips.clip_id, size.clips, targets, shuffle_seed=0
            )

            def run():
                for _ in dataset:
                    pass

            return run

        comparison = stopwatch.compare(
            f"Input of {size.clips} clips x {size.frames} frames of "
            f"{' x '.join(map(str, size.feature_shape))}",
            "clip",
            [
                Case(
                    "training step",
                    lambda: model.train_on_batch(*batch),
                    size.clips,
                ),
                Case("from the cache", epoch(stored), config.fed_clips),
                Case("from memory", epoch(held), config.fed_clips),
            ],
        )
    delivered = ", ".join(
        f"{comparison.ratio(name):.1f} times as fast {name}"
        for name in comparison.pairs
    )
    note = f"Clips come {delivered} as the step takes them; {ENOUGH} is enough."
    yield dataclasses.replace(comparison, notes=(note,))


def _stored_clips(folder, size, num_clips):
    """Random features in a cache of their own, as `encode_clips` keeps them."""
    rng = np.random.default_rng(0)
    least, most = 3 * size.frames // 4, 5 * size.frames // 4
    lengths = rng.integers(max(1, least), most, num_clips, endpoint=True)
    cache, keys = ArrayCache(folder), {}
    for number, length in enumerate(lengths):
        key = f"{number:02x}{number:062x}"
        features = rng.random((length, *size.feature_shape), "float32")
        cache.put(key, {"features": features.astype(np.float16)})
        keys[f"clip_{number}"] = key
    clips = pd.DataFrame(
        {
            "clip_id": [*keys],
            "num_frames": lengths,
            "age": rng.uniform(8, 76, num_clips),
        }
    )
    return EncodedClips(
        clips, clips[:0], keys, cache, "random", size.feature_shape
    )
