"""Configuration of TensorFlow Serving: parsed as the server parses it."""

from pathlib import Path

import pytest
import yaml
from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory
from google.protobuf import text_format
from google.protobuf import wrappers_pb2
from tensorflow_serving.config import model_server_config_pb2

from fdin_tf.serving import write_serving_config

ROOT = Path(__file__).parents[2]
INT64, BOOL, MESSAGE = 3, 8, 11  # FieldDescriptorProto.Type
WRAPPED = {
    "max_batch_size": 1,
    "batch_timeout_micros": 2,
    "max_enqueued_batches": 3,
    "num_batch_threads": 4,
}


@pytest.fixture
def folder(tmp_path):
    for version in ("mine/1", "mine/12", "other-one/3", ".x.tmp/1", "notes/a"):
        (tmp_path / version).mkdir(parents=True)
    (tmp_path / "file").touch()
    return tmp_path


def models_of(path):
    """The file as `ModelServerConfig`, one `ModelConfig` per name."""
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse(path.read_text(), config)
    return {one.name: one for one in config.model_config_list.config}


def batching_of(path):
    """The file as `BatchingParameters`, which the package has no class of."""
    file = descriptor_pb2.FileDescriptorProto(
        name="batching.proto",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    message = file.message_type.add(name="BatchingParameters")
    for name, number in WRAPPED.items():
        message.field.add(
            name=name, number=number, type=MESSAGE, label=1,
            type_name=".google.protobuf.Int64Value",
        )  # fmt: skip
    message.field.add(name="allowed_batch_sizes", number=6, type=INT64, label=3)
    message.field.add(
        name="pad_variable_length_inputs", number=7, type=BOOL, label=1
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    found = pool.FindMessageTypeByName("BatchingParameters")
    parsed = message_factory.GetMessageClass(found)()
    return text_format.Parse(path.read_text(), parsed)


def test_every_model_is_served_by_its_newest_version(folder):
    models, _ = write_serving_config(folder)
    assert models == folder / "models.config"
    found = models_of(models)
    assert set(found) == {"mine", "other-one"}
    for name, version in (("mine", 12), ("other-one", 3)):
        assert found[name].base_path == f"/models/{name}"
        assert found[name].model_platform == "tensorflow"
        policy = found[name].model_version_policy
        assert list(policy.specific.versions) == [version]
        assert dict(found[name].version_labels) == {"stable": version}


def test_labels_name_the_versions_that_are_served(folder):
    models, _ = write_serving_config(
        folder, ["mine"], {"mine": {"stable": 1, "canary": 12, "last": 12}},
        models_dir="/data/models",
    )  # fmt: skip
    (mine,) = models_of(models).values()
    assert mine.base_path == "/data/models/mine"
    assert list(mine.model_version_policy.specific.versions) == [1, 12]
    assert dict(mine.version_labels) == {"stable": 1, "canary": 12, "last": 12}


@pytest.mark.parametrize(
    ("highest", "sizes"),
    [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])],
)
def test_batches_pad_and_grow_up_to_the_highest(folder, highest, sizes):
    _, batching = write_serving_config(
        folder, max_batch_size=highest, batch_timeout_micros=0,
        num_batch_threads=3,
    )  # fmt: skip
    found = batching_of(batching)
    assert found.max_batch_size.value == highest
    assert list(found.allowed_batch_sizes) == sizes
    assert found.HasField("batch_timeout_micros")
    assert found.batch_timeout_micros.value == 0
    assert found.num_batch_threads.value == 3
    assert found.max_enqueued_batches.value == 100
    assert found.pad_variable_length_inputs


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"names": ["none"]}, FileNotFoundError, "numbered versions"),
        ({"names": []}, FileNotFoundError, "with exported models.*Received: "),
        ({"names": ["../mine"]}, ValueError, r"letters.*name='\.\./mine'"),
        ({"labels": {"m": {}}}, ValueError, r"labels of mine, other-one\. Rec"),
        (
            {"labels": {"mine": {"a b": 1}}},
            ValueError,
            r"labels of letters, .*label='a b' of mine",
        ),
        (
            {"labels": {"mine": {"stable": 2}}},
            FileNotFoundError,
            r"version 2 of mine, labelled 'stable'\. Received: .*/mine",
        ),
        ({"max_batch_size": 0}, ValueError, r"1 or more\. Received: max_b"),
        ({"num_batch_threads": 0}, ValueError, r"1 or more\. Received: num_b"),
        ({"batch_timeout_micros": -1}, ValueError, "0 or more.*micros=-1"),
    ],
)
def test_what_cannot_be_served_is_refused_and_nothing_is_written(
    folder, options, error, match
):
    with pytest.raises(error, match=match):
        write_serving_config(folder, **options)
    assert not list(folder.glob("*.config"))


def test_no_models_are_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match="exported models"):
            write_serving_config(folder)


def test_the_compose_file_starts_a_server_of_these_files(tmp_path):
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    server = compose["services"]["serving"]
    flags = dict(x.removeprefix("--").split("=") for x in server["command"])
    (tmp_path / "demo_age" / "1").mkdir(parents=True)
    models, batching = write_serving_config(tmp_path)
    (mount,) = server["volumes"]
    assert mount == "./saved_models:/models:ro"
    assert flags["model_config_file"] == f"/models/{models.name}"
    assert flags["batching_parameters_file"] == f"/models/{batching.name}"
    assert flags["enable_batching"] == "true"
    assert (flags["port"], flags["rest_api_port"]) == ("8500", "8501")
    assert server["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
    # The versions that the repository comes with.
    for path in (models, batching):
        versioned = ROOT / "saved_models" / path.name
        assert versioned.read_text() == path.read_text()
