"""FDIN and SIAM on the other backends of Keras, and on their GPUs.

    KERAS_BACKEND=jax python -m recipes.benchmark_gpu
    KERAS_BACKEND=torch python -m recipes.benchmark_gpu --size paper
    python -m recipes.benchmark_gpu --size smoke             # for the tests

Needs Keras and the backend that KERAS_BACKEND names; TensorFlow only where
that is the backend. Runs where the backend runs: on a GPU, if it sees one.
Times `Model.train_on_batch` and `Model.predict_on_batch` on tensors that lie
there already, in turns with nothing else, and writes every time to --output,
a JSON file.
"""

import argparse
import dataclasses
import json
import platform
from pathlib import Path

import keras
import numpy as np

from recipes.benchmark_sizes import TRAINING
from recipes.benchmark_sizes import FdinSize
from recipes.benchmark_sizes import SiamSize
from recipes.benchmark_timing import Case
from recipes.benchmark_timing import Stopwatch

SIZES = {
    "paper": (FdinSize(), SiamSize()),
    "smoke": (
        FdinSize(
            clips=2, frames=3, feature_shape=(3, 3, 2), dense_units=4,
            lstm_units=(4,), relation_units=(6,), head_units=(4,),
        ),
        SiamSize(
            clips=2, frames=2, frame_shape=(30, 30, 1), conv_units=(2, 3, 3),
            attention_units=2, dense_units=4, rnn_units=3,
        ),
    ),
}  # fmt: skip
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
_LOSSES = {"FDIN": "mse", "SIAM": "mae"}


def device_name():
    """What the backend computes on, in words."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return f"{device.platform}: {device.device_kind}"
    if backend == "torch":
        import torch

        if not torch.cuda.is_available():
            return "cpu"
        return f"cuda: {torch.cuda.get_device_name()}"
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        details = map(tf.config.experimental.get_device_details, gpus[:1])
        names = [found.get("device_name", "gpu") for found in details]
        return f"gpu: {names[0]}" if names else "cpu"
    return "not known"


def time_networks(size, precisions, stopwatch):
    """Training steps and inference of both networks.

    Args:
        size: One of `SIZES`.
        precisions: Of `PRECISIONS`.
        stopwatch: `Stopwatch`.

    Yields:
        `Comparison` of one case each.
    """
    before = keras.config.dtype_policy()
    for name, network in zip(_LOSSES, SIZES[size]):
        for precision in precisions:
            keras.config.set_dtype_policy(precision)
            try:
                model = network.build()
            finally:
                keras.config.set_dtype_policy(before)
            model.compile(
                keras.optimizers.Adam(),
                loss={"age": _LOSSES[name]},
                metrics={"age": ["mae"]},
            )
            yield from _time(model, network, f"{name} {precision}", stopwatch)


def _time(model, network, title, stopwatch):
    inputs, targets = keras.tree.map_structure(
        keras.ops.convert_to_tensor, network.batch()
    )
    flops = network.flops()
    train = Case(
        "train",
        lambda: np.asarray(model.train_on_batch(inputs, targets)),
        flops=TRAINING * flops,
    )
    infer = Case("infer", lambda: model.predict_on_batch(inputs), flops=flops)
    yield stopwatch.compare(f"{title} training", "step", [train])
    yield stopwatch.compare(f"{title} inference", "call", [infer])


def main(words=None):
    """Runs the command line; returns what it writes."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.benchmark_gpu",
        description="FDIN and SIAM on the active backend of Keras.",
    )
    parser.add_argument("--size", choices=SIZES, default="paper")
    parser.add_argument(
        "--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS[:2]
    )
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--output", type=Path, default=None)
    options = parser.parse_args(words)
    if options.repeats < 1:
        parser.error(f"expected --repeats of at least 1: {options.repeats}")
    facts = {
        "backend": keras.backend.backend(),
        "device": device_name(),
        "keras": keras.__version__,
        "python": platform.python_version(),
    }
    for name, fact in facts.items():
        print(f"{name}: {fact}", flush=True)
    stopwatch = Stopwatch(options.repeats)
    found = []
    for result in time_networks(options.size, options.precisions, stopwatch):
        (timing,) = result.timings
        low, high = timing.quartiles
        print(
            f"{result.title}: {1e3 * timing.median:.2f} ms "
            f"(fastest {1e3 * timing.fastest:.2f}, quartiles "
            f"{1e3 * low:.2f} to {1e3 * high:.2f}), "
            f"{timing.flops / timing.median / 1e9:.1f} GFLOP/s",
            flush=True,
        )
        found.append(dataclasses.asdict(result))
    told = {"machine": facts, "comparisons": found}
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(told, indent=1))
    return told


if __name__ == "__main__":
    main()
