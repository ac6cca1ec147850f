"""Precision: by the hardware, measured once, or as asked for."""

import json

import keras
import pytest

from fdin_tf.training import precision
from fdin_tf.training.precision import PRECISIONS
from fdin_tf.training.precision import choose_precision
from fdin_tf.training.precision import precision_policy


@pytest.mark.parametrize("name", PRECISIONS[1:])
def test_what_is_asked_for_is_taken(name):
    assert choose_precision(name) == name


def test_auto_is_a_policy_and_is_remembered(tmp_path):
    chosen = choose_precision("auto", tmp_path)
    assert chosen in PRECISIONS[1:]
    memory = tmp_path / "bfloat16.json"
    if memory.exists():  # a processor with the flag was measured
        # What is remembered decides, not a new measurement.
        for speedup, expected in ((9.0, "mixed_bfloat16"), (0.5, "float32")):
            known = dict.fromkeys(json.loads(memory.read_text()), speedup)
            memory.write_text(json.dumps(known))
            assert choose_precision("auto", tmp_path) == expected


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags : fpu avx2 avx512f amx_bf16 amx_tile", True),
        ("flags : fpu avx512_bf16", True),
        ("flags : fpu avx2 avx512f avx512bw", False),
        ("", False),
    ],
)
def test_the_flag_is_read_from_the_processors_own_list(
    tmp_path, flags, expected
):
    path = tmp_path / "cpuinfo"
    path.write_text(flags)
    assert precision._has_bfloat16_flag(path) is expected


def test_no_list_means_no_flag(tmp_path):
    assert precision._has_bfloat16_flag(tmp_path / "none") is False


def test_layers_made_inside_compute_in_the_precision():
    before = keras.config.dtype_policy().name
    with precision_policy("mixed_bfloat16"):
        layer = keras.layers.Dense(2)
    assert layer.compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == before


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="precision='fast'"):
        choose_precision("fast")
