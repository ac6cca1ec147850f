"""What TensorFlow Serving does with a request, for exported models.

The rules are those of its sources: `util/json_tensor.cc` (REST),
`apis/*.proto` (gRPC) and `batching/batching_util.cc` (padding). Models are
loaded from their folders and asked by their signatures.
"""

import base64
import contextlib
import http.server
import json
import re
import threading
from concurrent import futures

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

PATH = re.compile(r"/v1/models/([^/:]+)(?:/(versions|labels)/(\w+))?:predict")


class Refused(Exception):
    """A request that the server answers with an error."""


class Served:
    """The version in one folder."""

    def __init__(self, path):
        self.path = path
        self.loaded = tf.saved_model.load(str(path))

    def inputs(self, name):
        """`TensorSpec`s of a signature's inputs."""
        if name not in self.loaded.signatures:
            raise Refused(f'Serving signature key "{name}" not found.')
        signature = self.loaded.signatures[name]
        return signature.structured_input_signature[1]

    def run(self, name, tensors):
        """Arrays of the outputs, of arrays of the inputs."""
        if set(tensors) != set(self.inputs(name)):
            raise Refused(f"input is missing of {sorted(tensors)}")
        tensors = {
            key: tf.constant(value, self.inputs(name)[key].dtype)
            for key, value in tensors.items()
        }
        try:
            outputs = self.loaded.signatures[name](**tensors)
        except (tf.errors.InvalidArgumentError, TypeError) as error:
            raise Refused(str(error)) from error
        return {key: value.numpy() for key, value in outputs.items()}

    def predict(self, request):
        """`PredictResponse` of a `PredictRequest`."""
        name = request.model_spec.signature_name or "serving_default"
        tensors = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
        reply = predict_pb2.PredictResponse()
        for key, value in self.run(name, tensors).items():
            reply.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        return reply

    def rest(self, body):
        """What is sent back for the body of a POST."""
        body = json.loads(body)
        name = body.get("signature_name", "serving_default")
        inputs = self.inputs(name)
        if ("instances" in body) == ("inputs" in body):
            raise Refused("expecting one of 'inputs' or 'instances'")
        if "inputs" in body:
            columns = body["inputs"]
            if not isinstance(columns, dict) or set(columns) == {"b64"}:
                (only,) = inputs
                columns = {only: columns}
            outputs = self.run(name, _tensors(columns, inputs))
            return {"outputs": _without_name(_lists(outputs))}
        rows = body["instances"]
        if not isinstance(rows[0], dict) or set(rows[0]) == {"b64"}:
            (only,) = inputs
            rows = [{only: row} for row in rows]
        if any(set(row) != set(inputs) for row in rows):
            raise Refused(f"keys must be equal to: {','.join(inputs)}")
        columns = {key: [row[key] for row in rows] for key in inputs}
        outputs = _lists(self.run(name, _tensors(columns, inputs)))
        return {
            "predictions": [
                _without_name(dict(zip(outputs, values)))
                for values in zip(*outputs.values())
            ]
        }


def _tensors(columns, inputs):
    arrays = {}
    for key, value in columns.items():
        if key not in inputs:
            raise Refused(f"does not have named input: {key}")
        dtype = inputs[key].dtype
        # JSON's kinds are not mixed: true is no number.
        kinds = {tf.bool: bool, tf.string: bytes, tf.float32: (int, float)}
        decoded = _decoded(value, kinds.get(dtype, int))
        array = np.array(decoded, object if dtype == tf.string else None)
        if array.dtype == object and dtype != tf.string:
            raise Refused(f"unexpected size: {key}")
        arrays[key] = array
    return arrays


def _decoded(value, kind):
    if isinstance(value, list):
        return [_decoded(part, kind) for part in value]
    if isinstance(value, dict) and set(value) == {"b64"} and kind is bytes:
        return base64.b64decode(value["b64"], validate=True)
    if kind is bytes and isinstance(value, str):
        return value.encode()
    is_other = isinstance(value, bool) and kind is not bool
    if is_other or not isinstance(value, kind):
        raise Refused(f"JSON Value: {value} is not of expected type: {kind}")
    return value


def _lists(outputs):
    return {key: value.tolist() for key, value in outputs.items()}


def _without_name(named):
    return named if len(named) > 1 else next(iter(named.values()))


def batched(requests):
    """Inputs of several requests as one batch, padded as the server does.

    "First element of a tensor is used as padding value"; the number of clips
    is then filled up to a power of two with the first clip.
    """
    batch = {}
    for key in requests[0]:
        arrays = [np.asarray(request[key]) for request in requests]
        shape = np.max([array.shape[1:] for array in arrays], axis=0)
        rows = []
        for array in arrays:
            padded = np.full(
                (len(array), *map(int, shape)), array.flat[0], array.dtype
            )
            padded[(slice(None), *map(slice, array.shape[1:]))] = array
            rows.extend(padded)
        size = 1 << (len(rows) - 1).bit_length()
        rows += [rows[0]] * (size - len(rows))
        batch[key] = np.stack(rows)
    return batch


@contextlib.contextmanager
def rest_server(models):
    """URL of a server of models, a dict from a name to a `Served`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            match = PATH.fullmatch(self.path)
            server.asked.append(self.path)
            try:
                if match is None or match[1] not in models:
                    self.answer(404, {"error": "Servable not found"})
                else:
                    self.answer(200, models[match[1]].rest(body))
            except (Refused, ValueError) as error:
                self.answer(400, {"error": str(error)})

        def answer(self, status, value):
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextlib.contextmanager
def grpc_server(models):
    """Address of a server of models, a dict from a name to a `Served`."""
    asked = []

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            asked.append(request.model_spec)
            if request.model_spec.name not in models:
                context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found")
            try:
                return models[request.model_spec.name].predict(request)
            except Refused as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    server = grpc.server(
        futures.ThreadPoolExecutor(2),
        options=[("grpc.max_receive_message_length", -1)],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        Service(), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}", asked
    finally:
        server.stop(0).wait(10)
