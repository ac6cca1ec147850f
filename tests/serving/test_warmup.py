"""Warm-up records: the bytes of TensorFlow Serving's own messages."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from fdin_tf.serving.signatures import Signature
from fdin_tf.serving.warmup import prediction_log
from fdin_tf.serving.warmup import warmup_requests
from fdin_tf.serving.warmup import write_warmup


def reference(model, signature, tensors):
    """By the classes of tensorflow-serving-api."""
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, tensor in tensors.items():
        request.inputs[name].CopyFrom(tensor)
    return log


def as_bytes(*request):
    return reference(*request).SerializeToString(deterministic=True)


@pytest.mark.parametrize("size", [1, 127, 128, 300, 20_000])
@pytest.mark.parametrize("model", ["a", "ä" * 100])
def test_records_are_byte_for_byte_those_of_the_published_messages(size, model):
    rng = np.random.default_rng(size)
    tensors = {
        "mask": tf.make_tensor_proto(rng.uniform(size=(2, size)) > 0.5),
        "frames": tf.make_tensor_proto(rng.integers(0, 256, size, np.uint8)),
        "lengths": tf.make_tensor_proto(np.int32([size])),
    }
    request = (model, "from_jpeg", tensors)
    assert prediction_log(*request) == as_bytes(*request)
    # The order of names, one of which begins another, is no one's promise.
    tensors["frames_jpeg"] = tf.make_tensor_proto([[b"\xff\x00" * size]])
    found = prediction_log(*request)
    assert len(found) == len(as_bytes(*request))
    parsed = prediction_log_pb2.PredictionLog.FromString(found)
    assert parsed == reference(*request)


def make_signature(**inputs):
    specs = {k: tf.TensorSpec(*v, name=k) for k, v in inputs.items()}
    typical = {"frames": 127, "mask": True, "images": 127, "features": 0}
    return Signature(None, None, specs, {}, typical)


def test_there_is_one_request_of_every_signature_and_length(tmp_path):
    signatures = {
        "serving_default": make_signature(
            frames=((None, None, 96, 96, 3), tf.uint8),
            mask=((None, None), tf.bool),
        ),
        "of_lengths": make_signature(
            features=((None, None, 3), tf.float32),
            lengths=((None,), tf.int32),
        ),
        "of_images": make_signature(images=((None, 8, 8, 3), tf.uint8)),
    }
    requests = warmup_requests(signatures, frames=(4, 9))
    found = [
        (name, {k: tf.make_ndarray(v) for k, v in tensors.items()})
        for name, tensors in requests
    ]
    assert [name for name, _ in found] == [
        *["serving_default"] * 2, *["of_lengths"] * 2, "of_images",
    ]  # fmt: skip
    assert found[1][1]["frames"].shape == (1, 9, 96, 96, 3)
    assert (found[1][1]["frames"] == 127).all()
    assert found[1][1]["mask"].tolist() == [[True] * 9]
    assert found[2][1]["features"].shape == (1, 4, 3)
    assert found[3][1]["lengths"].tolist() == [9]
    assert found[4][1]["images"].shape == (1, 8, 8, 3)

    write_warmup(tmp_path / "file", "mine", requests)
    records = list(tf.data.TFRecordDataset(str(tmp_path / "file")))
    expected = [as_bytes("mine", *request) for request in requests]
    assert [record.numpy() for record in records] == expected
    # A value that repeats is written once.
    assert (tmp_path / "file").stat().st_size < 1000
