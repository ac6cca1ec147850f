"""Which precision the hardware is good at."""

import platform
import time
from pathlib import Path

import keras
import tensorflow as tf

from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import write_json

PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
_BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")
_WORTHWHILE = 1.25


def choose_precision(precision="auto", memory_dir=None):
    """Name of the Keras dtype policy for this machine.

    `auto` is `mixed_bfloat16` on a GPU of compute capability 8 and above, and
    on a processor that multiplies bfloat16 in hardware and, measured once,
    does so at least 1.25 times as fast as float32; `mixed_float16` (with loss
    scaling) on a GPU of capability 7; `float32` otherwise.

    Args:
        precision: One of `auto`, `float32`, `mixed_bfloat16`,
            `mixed_float16`.
        memory_dir: Folder that remembers what was measured, so that a run
            that continues computes as it began; None measures each time.

    Returns:
        A name that `keras.config.set_dtype_policy` takes.

    Raises:
        ValueError: If the name is none of these.

    Example:

    >>> choose_precision("float32")
    'float32'
    """
    if precision not in PRECISIONS:
        raise ValueError(
            f"Expected a precision of {', '.join(PRECISIONS)}. "
            f"Received: precision={precision!r}"
        )
    if precision != "auto":
        return precision
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        major = details.get("compute_capability", (0, 0))[0]
        if major >= 8:
            return "mixed_bfloat16"
        return "mixed_float16" if major == 7 else "float32"
    if not _has_bfloat16_flag():
        return "float32"
    memory = memory_dir and Path(memory_dir) / "bfloat16.json"
    machine = f"{_processor()}, TensorFlow {tf.__version__}"
    known = read_json(memory, {}) if memory else {}
    if machine not in known:
        known[machine] = _speedup_of_bfloat16()
        if memory:
            write_json(memory, known)
    return "mixed_bfloat16" if known[machine] >= _WORTHWHILE else "float32"


class precision_policy:
    """Context manager: layers made inside it compute in this precision.

    Args:
        policy: Name of a Keras dtype policy.
    """

    def __init__(self, policy):
        self.policy = policy

    def __enter__(self):
        self.before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.policy)

    def __exit__(self, *_):
        keras.config.set_dtype_policy(self.before)


def _has_bfloat16_flag(cpuinfo=Path("/proc/cpuinfo")):
    try:
        words = set(cpuinfo.read_text().split())
    except OSError:  # not Linux: no flags to read
        return False
    return any(flag in words for flag in _BFLOAT16_FLAGS)


def _processor(cpuinfo=Path("/proc/cpuinfo")):
    """The processor's model name: host names change with every container."""
    for line in cpuinfo.read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _speedup_of_bfloat16(size=1024, repeats=5):
    def seconds(dtype):
        x = tf.ones((size, size), dtype)
        product = tf.function(lambda: tf.reduce_sum(tf.matmul(x, x)[0]))
        product().numpy()
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            product().numpy()
            times.append(time.perf_counter() - start)
        return min(times)

    return seconds(tf.float32) / seconds(tf.bfloat16)
