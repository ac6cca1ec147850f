"""recipes.benchmark: sizes and their work, and the networks' parts."""

import dataclasses
import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from fdin_tf.data.cache import read_json
from recipes import benchmark_references
from recipes.benchmark import PRESETS
from recipes.benchmark import run
from recipes.benchmark_input import DEMO_NETWORK
from recipes.benchmark_machine import machine_facts
from recipes.benchmark_references import pytorch_encoders
from recipes.benchmark_references import pytorch_networks
from recipes.benchmark_references import with_stock_lstm
from recipes.benchmark_report import Table
from recipes.benchmark_report import as_json
from recipes.benchmark_report import plot_results
from recipes.benchmark_report import print_results
from recipes.benchmark_sizes import FdinSize
from recipes.benchmark_sizes import SiamSize
from recipes.benchmark_timing import Comparison
from recipes.benchmark_timing import Timing
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.networks import DEMO
from recipes.networks import NetworkConfig

ROOT = Path(__file__).parents[2]
NETWORKS = ("fdin", "siam", "encoder", "input", "lrp")


def finite_numbers(value):
    """All numbers in what JSON holds, checked to be finite."""
    if isinstance(value, dict):
        return [x for each in value.values() for x in finite_numbers(each)]
    if isinstance(value, list):
        return [x for each in value for x in finite_numbers(each)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    assert math.isfinite(value)
    return [value]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The networks' parts, as a user runs them: its folder and its words."""
    folder = tmp_path_factory.mktemp("smoke")
    words = ["smoke", "--output-dir", str(folder), "--parts", *NETWORKS]
    done = subprocess.run(
        [sys.executable, "-m", "recipes.benchmark", *words],
        cwd=ROOT,
        # Threads of PyTorch that wait for each other starve beside others.
        env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, done.stdout


def test_smoke_writes_numbers_and_a_chart(smoke):
    folder, _ = smoke
    assert {path.name for path in folder.iterdir()} == {
        "benchmark.json", "benchmark.png", "benchmark.svg",
    }  # fmt: skip
    found = read_json(folder / "benchmark.json")
    assert tuple(found["parts"]) == NETWORKS
    assert finite_numbers(found)
    for results in found["parts"].values():
        for result in results:
            for case in result["cases"]:
                assert len(case["seconds"]) >= 2
                assert min(case["seconds"]) > 0
                assert case["fastest"] <= case["median"]
            first, *others = result["cases"]
            assert "ratio" not in first
            assert all(case["ratio"] > 0 for case in others)
            assert all(len(case["pairs"]) == 2 for case in others)
    names = [case["name"] for case in found["parts"]["fdin"][0]["cases"]]
    assert names[:3] == ["fdin_tf", "fdin_tf, fit", "with Keras' LSTM"]
    if benchmark_references.has_pytorch():
        assert names[3:] == ["PyTorch"]
    assert found["flops_per_second"]["float32"] > 0
    assert found["machine"]["keras"].startswith("3.")


def test_smoke_says_all_of_it(smoke):
    _, out = smoke
    for title in (
        "FDIN training, float32, 2 clips x 3 frames",
        "SIAM inference, float32, 2 clips x 2 frames",
        "Frame encoder (VGG-Face), 3 frames",
        "Input of 2 clips x 4 frames of 3 x 3 x 2",
        "LRP of SIAM, float32",
        "Lowest cosine of our features to those in float32: 1.000",
        "times as fast from the cache",
        "load average at the end",
        "float32 products: ",
    ):
        assert title in out
    assert "…" not in out
    if not benchmark_references.has_pytorch():
        assert benchmark_references.NOT_INSTALLED in out


def test_presets_build_what_they_say():
    paper = PRESETS["paper"][1]
    assert paper.fdin == FdinSize()
    assert (paper.fdin.clips, paper.fdin.frames) == (8, 50)
    assert (paper.siam.clips, paper.siam.frames) == (4, 32)
    assert paper.siam.frame_shape == (114, 114, 1)
    assert paper.encoder.frame_shape == (96, 96, 3)
    assert paper.video.seconds == (10.0, 180.0)
    demo = NetworkConfig(**DEMO)
    for name in (
        "dense_units", "lstm_units", "relation_units", "head_units",
    ):  # fmt: skip
        assert getattr(DEMO_NETWORK, name) == getattr(demo, name)
    assert DEMO_NETWORK.clips == demo.fit.batch_size
    assert DEMO_NETWORK.feature_shape == (3, 3, demo.components)


def test_work_of_a_small_fdin_is_what_is_counted_by_hand():
    size = FdinSize(
        clips=2, frames=3, feature_shape=(3, 3, 5), dense_units=4,
        lstm_units=(6,), relation_units=(8, 7), head_units=(10,),
    )  # fmt: skip
    of_frame = 9 * (5 * 4 + 4 * 24 + 6 * 24)
    pairs = 36 * (8 * 7 + 7 + 7)
    regions = 9 * 2 * (6 + 2) * 8
    head = 7 * 10 + 10
    assert size.flops() == 2 * 2 * (3 * of_frame + regions + pairs + head)


def test_work_of_a_small_siam_is_what_is_counted_by_hand():
    size = SiamSize(
        clips=2, frames=3, frame_shape=(30, 34, 1), conv_units=(2, 3, 4),
        attention_units=5, dense_units=6, rnn_units=7,
    )  # fmt: skip
    # 30 x 34, 12 x 14, pooled 6 x 7, pooled 3 x 3, then 1 x 1.
    of_frame = 12 * 14 * 49 * 2 + 6 * 7 * 25 * 2 * 3 + 1 * 9 * 3 * 4
    of_frame += 3 * 3 * (3 * 5 + 5)  # attention of places
    of_frame += 4 * 6 + 6 * 7 + 4 * 7 * 7
    of_frame += 7 * 7 + 7 + 7  # attention of frames, their sum
    assert size.flops() == 2 * 2 * (3 * of_frame + 7)
    shapes = size.build().get_layer("appearance").encoder
    assert shapes.get_layer("conv_3").output.shape == (None, 1, 1, 4)


def test_keras_own_lstm_gives_the_same_answers():
    model = PRESETS["smoke"][1].fdin.build()
    inputs, _ = PRESETS["smoke"][1].fdin.batch()
    inputs["mask"][1, 2:] = False
    stock = with_stock_lstm(model)
    kinds = {type(layer).__name__ for layer in stock.layers}
    assert "SequenceLSTM" not in kinds
    np.testing.assert_allclose(
        stock.predict_on_batch(inputs)["age"],
        model.predict_on_batch(inputs)["age"],
        rtol=1e-5,
        atol=1e-6,
    )


def test_without_pytorch_its_rows_say_how_to_get_it(monkeypatch):
    monkeypatch.setattr(benchmark_references, "has_pytorch", lambda: False)
    told = ["PyTorch is not installed: pip install 'fdin-tf[bench]'"]
    assert pytorch_encoders(None, None, (), True) == ([], told)
    none = pytorch_networks(None, None, None, "squared", "float32", True)
    assert none == ([], told)


def test_processor_and_flags_are_read(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(
        "processor : 0\nmodel name : Some CPU\n"
        "flags : fpu avx2 amx_tile sse amx_bf16\n\n"
    )
    facts = machine_facts(cpuinfo)
    assert facts["processor"] == "Some CPU"
    assert facts["flags"] == "avx2 amx_bf16 amx_tile"
    assert machine_facts(tmp_path / "none")["flags"] == "not known"


@pytest.fixture
def results():
    """Two comparisons and a table."""
    ours = Timing("fdin_tf", (1.0, 2.0, 3.0), (0.1, 0.1, 0.1), 5e9)
    its = Timing("PyTorch", (4.0, 4.0, 5.0))
    pairs = {"PyTorch": ((1.0, 4.0), (2.0, 4.0), (3.0, 5.0))}
    return [
        Comparison("FDIN", "step", (ours, its), pairs, ("[a note]",)),
        Comparison("Faces", "frame", (Timing("decode", (0.004,) * 3),), {}),
        Table("Stages", ("stage", "time"), (("align", "2 ms"),), ("a line",)),
    ]


def test_report_shows_times_ratios_and_shares(results):
    console = Console(record=True, width=80, file=io.StringIO())
    print_results(results, {"float32": 10e9}, console)
    text = console.export_text()
    (row,) = [line for line in text.splitlines() if "fdin_tf" in line]
    found = " ".join(row.split())
    assert found == "fdin_tf 2.00 s 1.00 s 1.50 s - 2.50 s 0.50 25 % 10 %"
    (row,) = [line for line in text.splitlines() if "PyTorch" in line]
    assert row.split()[-4:] == ["-", "0.50", "0.25", "-"]
    assert "4.00 ms" in text
    assert "[a note]" in text
    assert "a line" in text


def test_json_holds_every_time(results):
    found = json.loads(json.dumps(as_json(results, {"float32": 10e9})))
    first, second = found[0]["cases"]
    assert first["seconds"] == [1.0, 2.0, 3.0]
    assert first["share_of_limit"] == 0.25
    assert second["ratio"] == 0.5
    assert second["ratio_of_fastest"] == 0.25
    assert found[2]["rows"] == [["align", "2 ms"]]


def test_chart_has_a_panel_for_every_comparison(results):
    figure = plot_results(results, "machine")
    first, second = figure.axes
    assert [bar.get_width() for bar in first.patches] == [2.0, 4.0]
    assert first.get_title(loc="left") == "FDIN"
    words = [text.get_text() for text in first.texts]
    assert words == ["2.00 s", "4.00 s   ratio 0.50"]
    assert [text.get_text() for text in second.texts] == ["250 frames/s"]
    assert "PyTorch 4.00 s   ratio 0.50" in figure.get_label()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--parts", "fdin", "gnet"), "Expected `parts` to be of fdin, siam"),
        (("--precisions", "float64"), "of float32, mixed_bfloat16. Received"),
        (("--repeats", 0), "at least one round. Received: repeats=0"),
        (("--patience", -1), "0 or more. Received: patience=-1"),
        (
            ("--parts", "fdin", "--fdin.lstm-units", 3, 4),
            "one size, as PyTorch stacks them. Received: units=[3, 4]",
        ),
    ],
)
def test_mistakes_are_one_line_and_code_2(in_folder, fails, words, message):
    if "stacks" in message:
        pytest.importorskip("torch")

    def benchmark(*words):
        config = config_from_presets(PRESETS, "demo", [*map(str, words)])
        return run_recipe(run, config)

    assert message in fails(benchmark, "smoke", *words)


def test_settings_hold_in_json(in_folder):
    config = dataclasses.replace(
        PRESETS["smoke"][1], parts=("input",), repeats=1
    )
    run(config)
    path = in_folder / "results" / "benchmark" / "benchmark.json"
    told = read_json(path)["config"]
    assert told["repeats"] == 1
    assert told["fed"]["feature_shape"] == [3, 3, 2]
