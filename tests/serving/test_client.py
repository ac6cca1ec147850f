"""Clients: what they send is what a server reads, by REST and by gRPC."""

import builtins
import http.server
import threading

import numpy as np
import pytest

from fdin_tf.serving.client import GrpcClient
from fdin_tf.serving.client import RestClient
from fdin_tf.serving.client import clip_request
from tests.serving.small_exports import export_fdin
from tests.serving.small_exports import export_siam
from tests.serving.tf_serving import Served
from tests.serving.tf_serving import grpc_server
from tests.serving.tf_serving import rest_server


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {
        "fdin_age": Served(export_fdin(root / "fdin_age", "age")),
        "siam_age": Served(export_siam(root / "siam_age")),
    }


@pytest.fixture(scope="module")
def rest(models):
    with rest_server(models) as server:
        yield server


@pytest.fixture(scope="module")
def grpc(models):
    with grpc_server(models) as server:
        yield server


def frames_for(name, number=5):
    rng = np.random.default_rng(number)
    shape = (24, 24, 1) if name == "siam_age" else (12, 12, 3)
    return rng.integers(0, 256, (number, *shape), np.uint8)


def local(models, name, frames):
    """The answer without any server."""
    return models[name].run(
        "serving_default",
        {"frames": frames[None], "mask": np.ones((1, len(frames)), bool)},
    )


@pytest.mark.parametrize("name", ["fdin_age", "siam_age"])
@pytest.mark.parametrize("encoding", ["png", "raw"])
def test_answers_are_those_of_the_model(name, encoding, models, rest, grpc):
    frames = frames_for(name)
    expected = local(models, name, frames)
    signature, inputs = clip_request(frames, encoding)
    by_rest = RestClient(rest[0], name).predict(inputs, signature)
    with GrpcClient(grpc[0], name) as client:
        by_grpc = client.predict(inputs, signature)
    for found in (by_rest, by_grpc):
        assert set(found) == set(expected)
        for key, value in expected.items():
            np.testing.assert_allclose(found[key], value, rtol=1e-5)


def test_jpeg_is_smaller_and_close():
    ramp = np.linspace(0, 255, 96, dtype=np.uint8)
    frames = np.broadcast_to(ramp[:, None], (2, 96, 96, 3)).copy()
    frames[..., 1] = frames[..., 1][:, ::-1]
    noise = np.random.default_rng(0).integers(-4, 4, frames.shape)
    frames = np.clip(frames + noise, 0, 255).astype(np.uint8)
    _, jpeg = clip_request(frames, "jpeg")
    _, png = clip_request(frames, "png")
    sizes = [
        sum(map(len, x["frames_jpeg"].ravel().tolist())) for x in (jpeg, png)
    ]
    assert sizes[0] < 0.6 * sizes[1]


def test_a_label_is_part_of_the_question(rest, grpc):
    signature, inputs = clip_request(frames_for("fdin_age"))
    RestClient(rest[0] + "/", "fdin_age", "stable").predict(inputs, signature)
    assert rest[1][-1] == "/v1/models/fdin_age/labels/stable:predict"
    with GrpcClient(grpc[0], "fdin_age", "stable") as client:
        client.predict(inputs, signature)
    assert grpc[1][-1].version_label == "stable"
    assert grpc[1][-1].signature_name == "from_jpeg"


def test_a_refusal_tells_the_reason(rest, grpc):
    signature, inputs = clip_request(frames_for("fdin_age")[:, :8])
    why = r"expected a JPEG or PNG of 12 x 12 .*Received: 8 x 12"
    with pytest.raises(ValueError, match=rf"refused, with status 400: .*{why}"):
        RestClient(rest[0], "fdin_age").predict(inputs, signature)
    with pytest.raises(ValueError, match="status 404: Servable not found"):
        RestClient(rest[0], "none").predict(inputs, signature)
    with (
        GrpcClient(grpc[0], "fdin_age") as client,
        pytest.raises(ValueError, match=rf"fdin_age refused: .*{why}"),
    ):
        client.predict(inputs, signature)
    with (
        GrpcClient(grpc[0], "none") as client,
        pytest.raises(ValueError, match="none refused: Servable not found"),
    ):
        client.predict(inputs, signature)


def test_no_server_is_no_answer(rest):
    with rest_server({}) as (url, _):
        pass  # closed: nobody listens there
    signature, inputs = clip_request(frames_for("fdin_age"))
    with pytest.raises(ConnectionError, match=f"{url}.*: no answer: "):
        RestClient(url, "fdin_age").predict(inputs, signature)
    address = url.removeprefix("http://")
    with (
        GrpcClient(address, "fdin_age", timeout=5) as client,
        pytest.raises(ConnectionError, match=f"{address}: .*no answer: "),
    ):
        client.predict(inputs, signature)


@pytest.fixture
def strange():
    """URL of a server that speaks, but not as TensorFlow Serving."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            status, body = (
                (500, b"<html>") if "bad" in self.path else (200, b"<")
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_what_is_no_answer_of_a_model_server_is_told(strange):
    with pytest.raises(ConnectionError, match="no answer"):
        RestClient(strange, "good").predict({})
    with pytest.raises(ValueError, match="status 500: <html>"):
        RestClient(strange, "bad").predict({})


def test_what_cannot_be_sent_is_refused():
    with pytest.raises(ValueError, match=r"png, jpeg, raw\. .*encoding='gif'"):
        clip_request(frames_for("fdin_age"), "gif")
    with pytest.raises(ValueError, match=r"one frame\. Received: none"):
        clip_request(frames_for("fdin_age")[:0])
    for url in ("localhost:8501", "file:///etc/passwd"):
        with pytest.raises(ValueError, match=r"http://localhost:8501\. Rec"):
            RestClient(url, "fdin_age")


def test_without_the_extra_grpc_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def missing(name, *args):
        if name.startswith("tensorflow_serving"):
            raise ImportError(f"No module named {name!r}")
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"pip install 'fdin-tf\[serving\]'"):
        GrpcClient("localhost:8500", "fdin_age")
