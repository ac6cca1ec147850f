"""Memory of training steps, each measured in a process of its own."""

import concurrent.futures
import dataclasses
import multiprocessing
import time

import numpy as np

from fdin_tf.models import build_fdin
from fdin_tf.training.fit_config import FitConfig
from fdin_tf.training.fit_config import compile_model
from fdin_tf.training.precision import precision_policy
from recipes.benchmark_clip import peak_memory
from recipes.benchmark_report import Table
from recipes.benchmark_report import in_words

#: Frames that are encoded at once where activations are computed anew.
_CHUNK = 32
#: The first step compiles, the second has all memory; the last is timed.
_STEPS = 3


def time_memory(config, stopwatch, run=None):
    """FDIN on features, FDIN with its encoder trained along, and SIAM.

    Those that are trained on frames run on as many frames as configured, and
    on twice as many, with the activations of their encoder kept and computed
    anew (`remat`).

    Args:
        config: `recipes.benchmark.Config`.
        stopwatch: `Stopwatch`, of which only the report is used.
        run: Runs `peak_of_training`; None: in a process of its own.

    Yields:
        `Table` for the first precision.
    """
    run = run or in_own_process
    dtype = config.precisions[0].removeprefix("mixed_")
    stopwatch.report(f"Memory of a training step, {dtype}")
    kept, seconds = run(peak_of_training, "features", config)
    rows = [(_words("FDIN", config.fdin), _mebibytes(kept),
             in_words(seconds), "", "")]  # fmt: skip
    for name, size in (
        ("FDIN on frames", dataclasses.replace(config.fdin, clips=1)),
        ("SIAM", config.siam),
    ):
        for frames in (size.frames, 2 * size.frames):
            sized = dataclasses.replace(size, frames=frames)
            row = [_words(name, sized)]
            for remat in (False, True):
                peak, seconds = run(
                    peak_of_training, name, config, frames, remat
                )
                row += [_mebibytes(peak), in_words(seconds)]
            rows.append(tuple(row))
    yield Table(
        f"Memory of a training step, {dtype}",
        ("network", "peak MiB", "step", "remat, peak MiB", "step"),
        tuple(rows),
        (
            "Most memory of the process, with TensorFlow, the weights and all "
            f"that Adam keeps; remat encodes {_CHUNK} frames at a time.",
        ),
    )


def peak_of_training(network, config, frames=None, remat=False):
    """The most memory of this process after some steps of training.

    Args:
        network: `features` (FDIN on them), `FDIN on frames` or `SIAM`.
        config: `recipes.benchmark.Config`, for the sizes.
        frames: Frames of a clip; None: as configured.
        remat: Whether activations of the encoder are computed anew.

    Returns:
        Bytes, and the seconds of the last step.
    """
    with precision_policy(config.precisions[0]):
        if network == "features":
            model, (inputs, targets) = config.fdin.build(), config.fdin.batch()
        elif network == "SIAM":
            size = dataclasses.replace(config.siam, frames=frames)
            model = size.build(chunk_size=_CHUNK, remat=remat)
            inputs, targets = size.batch()
        else:
            model = _fdin_on_frames(config, remat)
            inputs, targets = _clip(config.encoder.frame_shape, frames)
    compile_model(model, "age", FitConfig())
    for _ in range(_STEPS):
        start = time.perf_counter()
        model.train_on_batch(inputs, targets)
        seconds = time.perf_counter() - start
    return peak_memory(), seconds


def in_own_process(function, *arguments):
    """What a function returns that runs in a new process.

    Args:
        function: A module's function.
        *arguments: What can be pickled.

    Returns:
        What it returns.

    Raises:
        Exception: What it raises.
    """
    with concurrent.futures.ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        return pool.submit(function, *arguments).result()


def _fdin_on_frames(config, remat):
    size = config.fdin
    return build_fdin(
        inputs="frames",
        encoder=config.encoder.build(),
        frame_shape=config.encoder.frame_shape,
        dense_units=size.dense_units,
        lstm_units=size.lstm_units,
        relation_units=size.relation_units,
        head_units=size.head_units,
        chunk_size=_CHUNK,
        remat=remat,
    )


def _clip(frame_shape, frames):
    shape = (1, frames, *frame_shape)
    return (
        {
            "frames": np.random.default_rng(0).integers(0, 256, shape, "uint8"),
            "mask": np.ones(shape[:2], bool),
        },
        {"age": np.full((1, 1), 30.0, "float32")},
    )


def _words(name, size):
    return f"{name}, {size.clips} x {size.frames} frames"


def _mebibytes(number):
    return f"{number / 2**20:.0f}"
