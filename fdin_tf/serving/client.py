"""Questions to a TensorFlow Serving server, by REST or by gRPC."""

import base64
import contextlib
import http.client
import json
import urllib.error
import urllib.request
from urllib.parse import quote

import cv2
import numpy as np
import tensorflow as tf

from fdin_tf.plain_text import one_line
from fdin_tf.serving.signatures import DEFAULT
from fdin_tf.serving.signatures import FROM_JPEG

ENCODINGS = ("png", "jpeg", "raw")
_JPEG_QUALITY = 95
# What comes of a reply that is not one of a model server.
_NO_ANSWER = (
    OSError,
    http.client.HTTPException,
    ValueError,
    KeyError,
    TypeError,
)


def clip_request(frames, encoding="png"):
    """One clip as a server is asked about it.

    Args:
        frames: `(t, height, width, channels)`, uint8 RGB or grey: the faces
            as the model takes them.
        encoding: `"png"`, files without loss; `"jpeg"`, smaller, with the
            loss of quality 95, which changes answers a little; or `"raw"`,
            the pixels.

    Returns:
        Name of the signature, and a dict from the name of an input to its
        array, of a batch of one clip.

    Raises:
        ValueError: If there is no such encoding, or no frame.

    Example:

    >>> frames = np.zeros((3, 8, 8, 3), np.uint8)
    >>> signature, inputs = clip_request(frames)
    >>> signature, inputs["frames_jpeg"].shape, inputs["lengths"].tolist()
    ('from_jpeg', (1, 3), [3])
    """
    if encoding not in ENCODINGS:
        raise ValueError(
            f"Expected an encoding of {', '.join(ENCODINGS)}. Received: "
            f"encoding={encoding!r}"
        )
    if not len(frames):
        raise ValueError("Expected at least one frame. Received: none")
    if encoding == "raw":
        mask = np.ones((1, len(frames)), bool)
        return DEFAULT, {"frames": np.asarray(frames)[None], "mask": mask}
    files = np.array([[encode_frame(x, encoding) for x in frames]], object)
    lengths = np.array([len(frames)], np.int32)
    return FROM_JPEG, {"frames_jpeg": files, "lengths": lengths}


def encode_frame(frame, encoding="png"):
    """An RGB or grey image, uint8, as the bytes of a file.

    Args:
        frame: `(height, width, channels)`.
        encoding: `"png"` or `"jpeg"`.
    """
    if frame.shape[-1] == 3:
        frame = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    ending, options = ".png", []
    if encoding == "jpeg":
        ending, options = ".jpg", [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    _, data = cv2.imencode(ending, frame, options)
    return data.tobytes()


class RestClient:
    """A model of a server that speaks HTTP, such as `http://localhost:8501`.

    Args:
        url: Where the server is.
        model: Name of the model.
        label: Label of the version, such as `"stable"`; None for the newest
            that is served.
        timeout: How long an answer may take, in seconds.

    Raises:
        ValueError: If the URL is not one of HTTP.
    """

    def __init__(self, url, model, label=None, timeout=60.0):
        if not url.startswith(("http://", "https://")):
            raise ValueError(
                "Expected a server such as http://localhost:8501. Received: "
                f"url={url!r}"
            )
        path = f"/v1/models/{quote(model, safe='')}"
        if label is not None:
            path += f"/labels/{quote(label, safe='')}"
        self.url = f"{url.rstrip('/')}{path}:predict"
        self.timeout = timeout

    def predict(self, inputs, signature=DEFAULT):
        """Asks the model.

        Args:
            inputs: Dict from the name of an input to its array, as of
                `clip_request`.
            signature: Name of the signature.

        Returns:
            Dict from the name of an output to its array. Of a model with one
            output, whose name a server leaves out, `{"outputs": array}`.

        Raises:
            ValueError: If the server refuses the question.
            ConnectionError: If there is no answer.
        """
        columns = {name: _plain(array) for name, array in inputs.items()}
        body = {"signature_name": signature, "inputs": columns}
        request = urllib.request.Request(
            self.url,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as reply:
                outputs = json.load(reply)["outputs"]
        except urllib.error.HTTPError as error:
            raise ValueError(
                f"{self.url} refused, with status {error.code}: "
                f"{_reason(error)}"
            ) from error
        except _NO_ANSWER as error:
            raise ConnectionError(f"{self.url}: no answer: {error}") from error
        if not isinstance(outputs, dict):
            outputs = {"outputs": outputs}
        return {name: np.array(value) for name, value in outputs.items()}


class GrpcClient:
    """A model of a server that speaks gRPC, such as `localhost:8500`.

    Needs the extra `serving`. To be closed after use, or used as a context
    manager.

    Args:
        address: Host and port of the server; the connection is not encrypted.
        model: See `RestClient`.
        label: See `RestClient`.
        timeout: See `RestClient`.

    Raises:
        ImportError: If the extra is not installed.
    """

    def __init__(self, address, model, label=None, timeout=60.0):
        try:
            import grpc
            from tensorflow_serving.apis import predict_pb2
            from tensorflow_serving.apis import prediction_service_pb2_grpc
        except ImportError as error:
            raise ImportError(
                "gRPC needs the extra `serving`: pip install "
                f"'fdin-tf[serving]'. Received: {error}"
            ) from error
        self.address, self.model, self.label = address, model, label
        self.timeout = timeout
        self._error = grpc.RpcError
        self._refused = (
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.NOT_FOUND,
        )
        self._request = predict_pb2.PredictRequest
        # The usual limit of 4 MiB is that of half a second of video.
        unlimited = [
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
        ]
        self._channel = grpc.insecure_channel(address, unlimited)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(
            self._channel
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connection."""
        self._channel.close()

    def predict(self, inputs, signature=DEFAULT):
        """Asks the model; see `RestClient.predict`."""
        request = self._request()
        request.model_spec.name = self.model
        request.model_spec.signature_name = signature
        if self.label is not None:
            request.model_spec.version_label = self.label
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
        try:
            reply = self._stub.Predict(request, timeout=self.timeout)
        except self._error as error:
            where = f"{self.address}: {self.model}"
            why = one_line(error.details())
            if error.code() in self._refused:
                raise ValueError(f"{where} refused: {why}") from error
            raise ConnectionError(f"{where}: no answer: {why}") from error
        return {
            name: tf.make_ndarray(tensor)
            for name, tensor in reply.outputs.items()
        }


def _plain(value):
    """Arrays as JSON has them; bytes are objects of base64."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if np.asarray(value).dtype == object:
        return [_plain(part) for part in value]
    return np.asarray(value).tolist()


def _reason(error):
    """What the server says about its refusal."""
    text = error.read().decode(errors="replace")
    with contextlib.suppress(ValueError, KeyError, TypeError):
        text = json.loads(text)["error"]
    return one_line(text or error.reason)
