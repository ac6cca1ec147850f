"""MLflow's server over HTTP: answers, refusals with a reason, flat memory."""

import base64
import http.client
import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from mlflow.exceptions import MlflowException

from fdin_tf.serving import Predictor
from fdin_tf.serving.pyfunc import clip_signature
from fdin_tf.serving.pyfunc import input_example
from fdin_tf.serving.pyfunc import measured_facts
from fdin_tf.serving.pyfunc import save_pyfunc
from recipes.mlflow_server import HOST
from recipes.mlflow_server import MlflowServer
from recipes.predict import DEMO_MODEL

CLIP = "001_deliberate_smile_1.mp4"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The demo model as MLflow takes it."""
    folder = tmp_path_factory.mktemp("mlflow") / "model"
    save_pyfunc(DEMO_MODEL, folder)
    return folder


@pytest.fixture(scope="module")
def server(folder, tiny_set, tmp_path_factory):
    environment = {
        "FDIN_TF_VIDEO_ROOTS": str(tiny_set / "videos"),
        "FDIN_TF_MAX_MEGABYTES": "1",
        "FDIN_TF_MAX_CLIPS": "3",
    }
    log = tmp_path_factory.mktemp("log") / "server.txt"
    with MlflowServer(folder, log, environment) as server:
        yield server


@pytest.fixture(scope="module")
def video(tiny_set):
    return tiny_set / "videos" / CLIP


@pytest.fixture(scope="module")
def predicted(video):
    return Predictor(DEMO_MODEL).predict(video)


@pytest.fixture(scope="module")
def frames():
    """Eight frames of noise."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (8, 96, 96, 3), np.uint8)


@pytest.fixture(scope="module")
def age_of_frames(frames):
    loaded = tf.saved_model.load(str(DEMO_MODEL / "1"))
    found = loaded.signatures["serving_default"](
        frames=tf.constant(frames[None]), mask=tf.ones((1, 8), tf.bool)
    )
    return float(found["age"][0, 0])


def text_of(data):
    return base64.b64encode(data).decode()


def png_row(frames):
    images = [tf.io.encode_png(frame).numpy() for frame in frames]
    return {"frames_jpeg": [text_of(image) for image in images]}


def records(*rows, **params):
    return {"dataframe_records": list(rows), "params": params}


def test_nothing_is_pickled(folder):
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert "pyfunc_script.py" in names
    assert not [name for name in names if "pickle" in name or ".pkl" in name]
    card = folder / "artifacts" / "1" / "assets.extra" / "card.json"
    assert json.loads(card.read_text())["target"] == "age"


def test_what_is_needed_and_taken_is_told(folder):
    info = mlflow.models.get_model_info(str(folder))
    assert {column.name for column in info.signature.inputs} == {
        "video", "landmarks", "video_bytes", "landmarks_csv", "frames",
        "frames_jpeg", "mask",
    }  # fmt: skip
    assert [param.name for param in info.signature.params] == ["explain"]
    needed = (folder / "requirements.txt").read_text()
    assert all(name in needed for name in ("fdin-tf==", "tensorflow", "keras"))
    card = json.loads(
        (DEMO_MODEL / "1" / "assets.extra" / "card.json").read_text()
    )
    assert info.metadata == measured_facts(card)
    overall = card["errors"][0]["mae_years"]
    assert info.metadata["error"] == pytest.approx(overall, abs=1e-3)


def test_the_example_of_a_request_is_answered(server, folder):
    body = json.loads((folder / "serving_input_example.json").read_text())
    status, answer = server.ask(body)
    assert status == 200
    assert answer["predictions"][0]["num_frames"] == 8


def test_frames_are_answered_as_by_the_saved_model(
    server, frames, age_of_frames
):
    rows = [{"frames": frames.tolist()}, png_row(frames)]
    for body in (
        records(rows[0]),
        records(*rows),
        {"inputs": rows},
        {
            "dataframe_split": {
                "columns": [*rows[1]],
                "data": [[*rows[1].values()]],
            }
        },
    ):
        status, answer = server.ask(body)
        assert status == 200
        for found in answer["predictions"]:
            assert found["estimate"] == pytest.approx(age_of_frames, rel=1e-5)
            assert len(found["importance"]) == 36


def test_videos_are_answered_as_by_the_predictor(server, video, predicted):
    body = records(
        {"video": CLIP},
        {"video": str(video)},
        {"video_bytes": text_of(video.read_bytes())},
        explain=False,
    )
    status, answer = server.ask(body)
    assert status == 200
    assert len(answer["predictions"]) == 3
    for found in answer["predictions"]:
        assert found["estimate"] == pytest.approx(
            predicted.estimate[0], rel=1e-5
        )
        assert found["error_years"] == pytest.approx(predicted.error_years)
        assert found["counts"] == predicted.counts
        assert "importance" not in found


def test_concurrent_clients_get_their_own_answers(
    server, frames, age_of_frames, predicted
):
    bodies = {
        age_of_frames: records(png_row(frames)),
        float(predicted.estimate[0]): records({"video": CLIP}),
    }
    asked = 6 * list(bodies.items())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda pair: server.ask(pair[1]), asked))
    for (expected, _), (status, answer) in zip(asked, found):
        assert status == 200
        assert answer["predictions"][0]["estimate"] == pytest.approx(
            expected, rel=1e-5
        )


def nan_frames():
    return np.full((1, 96, 96, 3), np.nan).tolist()


# Body, and what the reason says.
REFUSED = {
    "no JSON": (b"{no json", "valid JSON"),
    "empty": (b"", "valid JSON"),
    "no UTF-8": (b"\xff\xfe\x00", "valid JSON"),
    "a list": ([1], "JSON dictionary"),
    "no rows": ({}, "dataframe_records"),
    "rows are no list": ({"dataframe_records": 1}, "list of records"),
    "no row": (records(), "Expected 1 to 3 rows"),
    "too many rows": (records(*4 * [{"video": CLIP}]), "Expected 1 to 3 rows"),
    "rows are no dicts": (records(1, 2), "Expected 1 to 3 rows|valid"),
    "wrong column": (records({"vidoe": CLIP}), "with one of video, video_b"),
    "no clip": (records({"mask": [True]}), "Row 0: expected exactly one of"),
    "two clips": (
        records({"video": CLIP, "video_bytes": "AAAA"}),
        "Row 0: expected exactly one of .*video, video_bytes",
    ),
    "bad second row": (records({"video": CLIP}, {"video": "no"}), "Row 1: "),
    "path is a number": (records({"video": 5}), "`video` must be text"),
    "path outside": (records({"video": "/etc/passwd"}), "below a folder"),
    "path up": (records({"video": "../synthetic.json"}), "below a folder"),
    "wrong shape": (
        records({"frames": [[[[0, 0, 0]]]]}),
        r"shape \(frames, 96, 96, 3\). Received: int64 of shape",
    ),
    "ragged": (records({"frames": [[1], [1, 2]]}), "lists of other lengths"),
    "wrong dtype": (records({"frames": [[["a"]]]}), "whole numbers from 0"),
    "NaN": (records({"frames": nan_frames()}), "Received: float64"),
    "truncated base64": (records({"video_bytes": "AAAAB"}), "is no base64"),
    "not a video": (
        records({"video_bytes": text_of(b"a text, not a video")}),
        "`video_bytes` holds no MP4",
    ),
    "video without frames": (
        records({"video_bytes": text_of(b"\0\0\0\x18ftypisom" + bytes(99))}),
        "`video_bytes`: holds no video that can be read",
    ),
    "not an image": (records({"frames_jpeg": ["AAAA"]}), "no JPEG or PNG"),
    "too large": (
        records({"video_bytes": "A" * 1_500_000}),
        "may hold 1048576 bytes",
    ),
    "bad mask": (
        records({"frames_jpeg": ["AAAA"], "mask": [True]}),
        r"frames_jpeg\[0\]",
    ),
    "bad parameter": (records({"video": CLIP}, explain="yes"), "explain"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_bodies_are_refused_with_a_reason(server, what):
    body, reason = REFUSED[what]
    status, answer = server.ask(body)
    assert status == 400
    with pytest.raises(ValueError, match=reason):
        raise ValueError(answer["message"])
    assert "/tmp" not in answer["message"]
    assert "stack_trace" not in answer


def test_other_kinds_of_content_are_refused(server):
    connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
    connection.request(
        "POST", "/invocations", "a", {"Content-Type": "text/xml"}
    )
    response = connection.getresponse()
    assert response.status == 415
    assert "content types" in response.read().decode()
    connection.close()


def test_the_server_outlives_clients_that_hang_up(server, frames):
    data = json.dumps(records(png_row(frames))).encode()
    for _ in range(5):
        connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
        connection.putrequest("POST", "/invocations")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data[: len(data) // 2])
        connection.close()
    assert server.is_alive()
    assert server.ask(records({"video": CLIP}))[0] == 200


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="memory is in /proc")
def test_memory_stays_flat(server, frames, video):
    """It grows until every thread has worked once, and then no more."""
    good = json.dumps(records(png_row(frames))).encode()
    bad = json.dumps(records({"frames": nan_frames()})).encode()
    clip = json.dumps(records({"video": CLIP}, explain=False)).encode()

    def ask(number):
        connection = server.connect()
        for body in number * [good, good, good, bad] + [clip]:
            server.ask(body, connection)
        connection.close()

    def ask_at_once(number, clients=4):
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(ask, clients * [number]))

    ask_at_once(5)
    before = server.resident_bytes()
    ask_at_once(12)  # 196 requests
    assert server.resident_bytes() < before + 48 * 2**20
    assert server.is_alive()


def test_a_server_that_cannot_start_says_why(tmp_path):
    match = r"did not start; its log, .*log.txt: .*MlflowException: .*fail"
    with (
        pytest.raises(RuntimeError, match=match),
        MlflowServer(tmp_path / "nothing", tmp_path / "log.txt"),
    ):
        pass


def test_a_bad_limit_keeps_the_model_from_loading(folder, monkeypatch):
    monkeypatch.setenv("FDIN_TF_MAX_FRAMES", "many")
    with pytest.raises(ValueError, match="MAX_FRAMES must be a whole number"):
        mlflow.pyfunc.load_model(str(folder))


def test_what_is_wrong_with_the_server_is_not_blamed_on_the_caller(
    folder, frames, caplog
):
    model = mlflow.pyfunc.load_model(str(folder))
    server = model.unwrap_python_model()._server
    signature = server._signature
    server._signature = lambda **inputs: {
        name: value * float("nan")
        for name, value in signature(**inputs).items()
    }
    with pytest.raises(
        MlflowException, match="Row 0: the server failed"
    ) as why:
        model.predict(pd.DataFrame([png_row(frames)]))
    assert why.value.get_http_status_code() == 500
    assert "The model's answer is no number" in caplog.text


def test_only_a_new_folder_is_written_to(tmp_path):
    (tmp_path / "note.txt").touch()
    with pytest.raises(
        ValueError, match=r"Expected a new folder\. Received: fol"
    ):
        save_pyfunc(DEMO_MODEL, tmp_path)


def test_every_column_may_be_left_out():
    assert not clip_signature().inputs.required_input_names()
    (row,) = input_example((4, 6, 1), num_frames=3)
    assert len(row["frames_jpeg"]) == 3


@pytest.mark.parametrize(
    ("card", "measure", "error"),
    [
        ({"target": "gender", "cross_validation": {"accuracy": 87.5}},
         "error_percent", 12.5),
        ({"target": "age"}, "mae_years", None),
    ],
)  # fmt: skip
def test_facts_of_a_card(card, measure, error):
    facts = measured_facts(card)
    assert (facts["measure"], facts["error"]) == (measure, error)
    assert facts["data_fingerprint"] is None


def examples(language):
    """The calls that docs/server.md shows in a language."""
    text = (Path(__file__).parents[2] / "docs" / "server.md").read_text()
    blocks = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return [block for block in blocks if "5000/invocations" in block]


def here(example, server):
    return example.replace(":5000", f":{server.port}").replace(
        "smile.mp4", CLIP
    )


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
@pytest.mark.parametrize("number", [0, 1])
def test_documented_calls_of_the_shell_work(server, predicted, video, number):
    done = subprocess.run(
        ["sh", "-c", here(examples("sh")[number], server)],
        cwd=video.parent, capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    (answer,) = json.loads(done.stdout)["predictions"]
    assert answer["estimate"] == pytest.approx(predicted.estimate[0], rel=1e-5)


def test_documented_call_of_python_works(
    server, predicted, video, monkeypatch, capsys
):
    (example,) = examples("python")
    monkeypatch.chdir(video.parent)
    exec(compile(here(example, server), "docs/server.md", "exec"), {})
    printed = capsys.readouterr().out.split()
    assert float(printed[0]) == pytest.approx(predicted.estimate[0], rel=1e-5)
    assert float(printed[1]) == pytest.approx(predicted.error_years)
