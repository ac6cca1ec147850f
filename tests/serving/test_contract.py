"""The serving contract, of every kind of model, by real requests."""

import base64
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_log_pb2

from fdin_tf.explain import explained
from fdin_tf.explain.explained import holds_reasons
from fdin_tf.serving.export import CARD
from fdin_tf.serving.export import KERAS_MODEL
from fdin_tf.serving.predict import error_near
from fdin_tf.serving.warmup import WARMUP
from tests.serving.image_bytes import file_of
from tests.serving.small_exports import EXPORTS
from tests.serving.small_exports import examples
from tests.serving.tf_serving import Refused
from tests.serving.tf_serving import Served
from tests.serving.tf_serving import batched

OUTPUTS = {
    "fdin_age": {"age", "age_years_error", "importance"},
    "fdin_gender": {"gender", "gender_accuracy", "importance"},
    "siam_age": {
        *("age", "age_years_error"),
        *("spatial_attention", "temporal_attention"),
    },
    "gnet": {"gender", "gender_accuracy"},
    "snet": {"smile", "smile_accuracy"},
    "happiness": {"happiness", "happiness_error"},
}
OF_CLIPS = ["fdin_age", "fdin_gender", "siam_age"]
OF_FEATURES = OF_CLIPS[:2]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    root = tmp_path_factory.mktemp("saved_models")
    return {
        name: Served(export(root / name)) for name, export in EXPORTS.items()
    }


@pytest.fixture(scope="module")
def answers(served):
    """Of Keras, apart from the SavedModel, for the same examples."""
    found = {}
    for name, model in served.items():
        network = keras.saving.load_model(model.path / KERAS_MODEL)
        if holds_reasons(network):
            network = explained(network)
        inputs = examples(model.inputs("serving_default"))
        outputs = network.predict(inputs, verbose=0)
        found[name] = inputs, outputs
    return found


def check(found, expected):
    for name, value in expected.items():
        np.testing.assert_allclose(
            found[name], value, rtol=1e-4, atol=1e-6, err_msg=name
        )


def encoded(inputs, kind="PNG"):
    """The examples as files, in the inputs of `from_jpeg`."""
    name = "frames" if "frames" in inputs else "images"
    pixels = inputs[name]
    flat = pixels.reshape(-1, *pixels.shape[-3:])
    files = np.array([file_of(x, kind) for x in flat], object)
    files = files.reshape(pixels.shape[:-3])
    if name == "images":
        return {"images_jpeg": files}
    files[~inputs["mask"]] = b""
    lengths = inputs["mask"].sum(axis=1).astype(np.int32)
    return {"frames_jpeg": files, "lengths": lengths}


def rows_of(inputs):
    """JSON of each clip or image, in plain lists."""
    columns = {name: as_json(array) for name, array in inputs.items()}
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


def as_json(value):
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if np.ndim(value):
        return [as_json(part) for part in value]
    return np.asarray(value).item()


def grpc_answer(model, signature, inputs):
    """Through the bytes of a request and of a reply."""
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = signature
    for name, array in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    received = predict_pb2.PredictRequest.FromString(
        request.SerializeToString()
    )
    reply = model.predict(received).SerializeToString()
    outputs = predict_pb2.PredictResponse.FromString(reply).outputs
    return {name: tf.make_ndarray(value) for name, value in outputs.items()}


@pytest.mark.parametrize("name", OUTPUTS)
def test_grpc_requests_are_answered_like_by_keras(name, served, answers):
    inputs, expected = answers[name]
    model = served[name]
    found = grpc_answer(model, "serving_default", inputs)
    assert set(found) == OUTPUTS[name]
    check(found, expected)
    assert all(value.dtype == np.float32 for value in found.values())
    found = grpc_answer(model, "from_jpeg", encoded(inputs))
    assert set(found) == OUTPUTS[name]
    check(found, expected)


@pytest.mark.parametrize("name", OUTPUTS)
def test_rest_bodies_are_answered_like_by_keras(name, served, answers):
    inputs, expected = answers[name]
    model = served[name]
    for signature, asked in (
        ("serving_default", inputs),
        ("from_jpeg", encoded(inputs)),
    ):
        body = {
            "signature_name": signature,
            "inputs": {key: as_json(array) for key, array in asked.items()},
        }
        check(model.rest(json.dumps(body))["outputs"], expected)
        body = {"signature_name": signature, "instances": rows_of(asked)}
        predictions = model.rest(json.dumps(body))["predictions"]
        for i, row in enumerate(predictions):
            check(row, {key: value[i] for key, value in expected.items()})


def test_bytes_alone_are_enough_where_there_is_one_input(served, answers):
    inputs, expected = answers["gnet"]
    files = as_json(encoded(inputs)["images_jpeg"])
    for body in ({"instances": files}, {"inputs": files}):
        body["signature_name"] = "from_jpeg"
        (found,) = served["gnet"].rest(json.dumps(body)).values()
        if "inputs" in body:
            found = found["gender"]
        else:
            found = [row["gender"] for row in found]
        np.testing.assert_allclose(found, expected["gender"], rtol=1e-4)


@pytest.mark.parametrize("name", OF_FEATURES)
def test_features_are_answered_like_by_keras(name, served):
    model = served[name]
    inputs = examples(model.inputs("from_features"))
    joined = keras.saving.load_model(model.path / KERAS_MODEL)
    (network,) = (x for x in joined.layers if isinstance(x, keras.Model))
    found = grpc_answer(model, "from_features", inputs)
    assert set(found) == OUTPUTS[name]
    check(found, explained(network).predict(inputs, verbose=0))


@pytest.mark.parametrize("name", ["fdin_age", "siam_age"])
def test_the_error_is_that_of_tested_clips_near_the_estimate(name, served):
    model = served[name]
    tested = json.loads((model.path / CARD).read_text())["cross_validation"]
    inputs = examples(model.inputs("serving_default"))
    found = model.run("serving_default", inputs)
    assert found["age_years_error"].shape == (2, 1)
    for age, error in zip(found["age"], found["age_years_error"]):
        assert error.item() == pytest.approx(error_near(tested, age[0]))


def test_the_error_of_other_targets_is_that_of_their_test(served):
    for name, output, expected in (
        ("fdin_gender", "gender_accuracy", 87.5),
        ("gnet", "gender_accuracy", 91.2),
        ("happiness", "happiness_error", 0.125),
    ):
        inputs = examples(served[name].inputs("serving_default"))
        found = served[name].run("serving_default", inputs)[output]
        np.testing.assert_allclose(found, [[expected], [expected]], rtol=1e-6)


@pytest.mark.parametrize("name", OF_CLIPS)
def test_padding_changes_nothing(name, served, answers):
    inputs, _ = answers[name]
    model = served[name]
    found = model.run("serving_default", inputs)
    longer = {
        key: np.pad(array, [(0, 0), (0, 4), *[(0, 0)] * (array.ndim - 2)])
        for key, array in inputs.items()
    }
    padded = model.run("serving_default", longer)
    files = encoded(inputs)
    files["frames_jpeg"] = np.concatenate(
        [files["frames_jpeg"], np.full((2, 4), b"no file", object)], axis=1
    )
    for answer in (padded, model.run("from_jpeg", files)):
        for key in OUTPUTS[name] - {"spatial_attention", "temporal_attention"}:
            np.testing.assert_allclose(answer[key], found[key], rtol=1e-5)
    if "temporal_attention" in found:
        weights = padded["temporal_attention"]
        assert not weights[:, 5:].any()
        np.testing.assert_allclose(
            weights[:, :5], found["temporal_attention"], rtol=1e-5
        )


@pytest.mark.parametrize("name", OF_CLIPS)
@pytest.mark.parametrize("signature", ["serving_default", "from_jpeg"])
def test_clips_that_the_server_batches_do_not_disturb_each_other(
    name, signature, served, answers
):
    model = served[name]
    inputs, _ = answers[name]
    clips = [
        {"frames": inputs["frames"][:1, :length], "mask": np.ones((1, length))}
        for length in (5, 2, 3)
    ]
    clips = [{**clip, "mask": clip["mask"].astype(bool)} for clip in clips]
    if signature == "from_jpeg":
        clips = [encoded(clip) for clip in clips]
    together = model.run(signature, batched(clips))
    for i, clip in enumerate(clips):
        alone = model.run(signature, clip)
        for key in OUTPUTS[name] - {"spatial_attention", "temporal_attention"}:
            np.testing.assert_allclose(together[key][i], alone[key][0], 1e-5)


@pytest.mark.parametrize("name", OF_FEATURES)
def test_features_that_the_server_batches_do_not_disturb_each_other(
    name, served
):
    model = served[name]
    inputs = examples(model.inputs("from_features"))
    clips = [
        {"features": inputs["features"][:1, :n], "mask": np.ones((1, n), bool)}
        for n in (5, 2)
    ]
    together = model.run("from_features", batched(clips))
    for i, clip in enumerate(clips):
        alone = model.run("from_features", clip)
        for key in OUTPUTS[name]:
            np.testing.assert_allclose(together[key][i], alone[key][0], 1e-5)


@pytest.mark.parametrize("name", OUTPUTS)
def test_lossy_files_change_answers_a_little(name, served, answers):
    inputs, expected = answers[name]
    smooth = {**inputs}
    pixels = "frames" if "frames" in inputs else "images"
    ramp = np.linspace(40, 200, inputs[pixels].shape[-2], dtype=np.uint8)
    smooth[pixels] = np.broadcast_to(ramp[:, None], inputs[pixels].shape).copy()
    (target, *_) = expected
    found = served[name].run("from_jpeg", encoded(smooth, "JPEG"))[target]
    exact = served[name].run("serving_default", smooth)[target]
    np.testing.assert_allclose(found, exact, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_warmup_file_replays(name, served):
    model = served[name]
    records = tf.data.TFRecordDataset(str(model.path / WARMUP))
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in records
    ]
    asked = []
    for log in logs:
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        assert request.model_spec.name == name
        asked.append(request.model_spec.signature_name)
        reply = model.predict(request)
        assert set(reply.outputs) == OUTPUTS[name]
        for value in reply.outputs.values():
            assert np.isfinite(tf.make_ndarray(value)).all()
    assert set(asked) == set(model.loaded.signatures)
    assert len(logs) == (2 if name in OF_CLIPS else 1) * len(set(asked))


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_plain_server_knows_every_operation(name, served):
    saved = saved_model_pb2.SavedModel.FromString(
        (served[name].path / "saved_model.pb").read_bytes()
    )
    graph = saved.meta_graphs[0].graph_def
    functions = graph.library.function
    nodes = [*graph.node, *(n for f in functions for n in f.node_def)]
    operations = {node.op for node in nodes}
    assert {"DecodeJpeg", "DecodePng"} <= operations
    assert not {x for x in operations if "PyFunc" in x}
    of_tensorflow = set(dir(tf.raw_ops))
    calls = {function.signature.name for function in functions}
    assert operations - calls <= of_tensorflow


def test_a_frame_that_the_model_cannot_take_is_named(served, answers):
    inputs = encoded(answers["fdin_age"][0])
    inputs["frames_jpeg"][1, 2] = file_of(np.zeros((8, 9, 3), np.uint8))
    body = {
        "signature_name": "from_jpeg",
        "inputs": {key: as_json(value) for key, value in inputs.items()},
    }
    match = r"frames_jpeg\[1, 2\]: .* 12 x 12 .*Received: 8 x 9"
    with pytest.raises(Refused, match=match):
        served["fdin_age"].rest(json.dumps(body))
