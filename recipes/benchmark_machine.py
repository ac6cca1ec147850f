"""What a benchmark ran on, and how fast that can multiply."""

import importlib.metadata
import os
import platform
import time
from pathlib import Path

import tensorflow as tf

from fdin_tf.version import __version__
from recipes.benchmark_timing import num_processors

_PACKAGES = ("tensorflow", "keras", "numpy", "torch", "opencv-python-headless")
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_tile")


def machine_facts(cpuinfo=Path("/proc/cpuinfo")):
    """Processor, threads and versions.

    Args:
        cpuinfo: What Linux says about the processor.

    Returns:
        Dict from what a fact is to it, strings and numbers.

    Example:

    >>> machine_facts()["fdin-tf"] == __version__
    True
    """
    name, flags = platform.processor() or platform.machine(), []
    if cpuinfo.is_file():
        lines = cpuinfo.read_text().splitlines()
        told = {
            key.strip(): value.strip()
            for key, _, value in (line.partition(":") for line in lines)
        }
        name = told.get("model name", name)
        words = told.get("flags", "").split()
        flags = [flag for flag in _FLAGS if flag in words]
    facts = {
        "processor": name,
        "flags": " ".join(flags) or "not known",
        "processors": num_processors(),
        "threads": _threads(),
        "gpu": ", ".join(map(_gpu_name, _gpus())) or "none",
        "system": platform.platform(),
        "python": platform.python_version(),
        "fdin-tf": __version__,
    }
    for package in _PACKAGES:
        facts[package] = _version(package)
    return facts


def load_average():
    """Processes at work in the last minute; None where it is not known."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def multiplication_rates(precisions, size=2048, repeats=10):
    """How many operations per second matrix products of TensorFlow reach.

    Args:
        precisions: `float32`, `mixed_bfloat16` or both.
        size: Side of the square matrices.
        repeats: Products; the fastest counts.

    Returns:
        Dict from `float32` and `bfloat16` to operations per second.
    """
    rates = {}
    for precision in precisions:
        dtype = precision.removeprefix("mixed_")
        a = tf.cast(tf.random.stateless_normal((size, size), (0, 1)), dtype)

        @tf.function(autograph=False)
        def product(a=a):
            return tf.reduce_sum(tf.cast(tf.matmul(a, a)[0], tf.float32))

        times = []
        for _ in range(repeats + 2):
            start = time.perf_counter()
            product().numpy()
            times.append(time.perf_counter() - start)
        rates[dtype] = 2 * size**3 / min(times[2:])
    return rates


def _threads():
    """Of TensorFlow's products; PyTorch is given the same number."""
    asked = tf.config.threading.get_intra_op_parallelism_threads()
    return asked or num_processors()


def _gpus():
    return tf.config.list_physical_devices("GPU")


def _gpu_name(gpu):
    details = tf.config.experimental.get_device_details(gpu)
    return details.get("device_name", gpu.name)


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
