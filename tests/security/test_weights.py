"""Weights claim no memory, and are in no other file."""

import struct
import zlib

import h5py
import numpy as np
import pytest

from fdin_tf.models.vggface_formats import read_matconvnet
from fdin_tf.models.weight_files import list_keras_h5
from fdin_tf.models.weight_files import read_keras_h5
from tests.fuzz.mutations import check_refusal
from tests.fuzz.mutations import memory_limit


@pytest.fixture
def keras_h5(tmp_path):
    """A function that writes a Keras file with one layer, as it is told."""

    def write(fill):
        path = tmp_path / "weights.h5"
        with h5py.File(path, "w") as file:
            file.attrs["layer_names"] = [b"fc8"]
            group = file.create_group("fc8")
            group.attrs["weight_names"] = [b"kernel"]
            fill(group)
        return path

    return write


def refused(path, reason):
    """Reads the file of `keras_h5`, which must be refused."""
    with memory_limit(2**26), pytest.raises(ValueError, match=reason) as error:
        read_keras_h5(path, list_keras_h5(path))
    check_refusal(error.value, path.name)


def test_weights_that_claim_a_terabyte_take_no_memory(keras_h5):
    def fill(group):
        group.create_dataset("kernel", (2**19, 2**19), "f4", chunks=(64, 64))

    refused(keras_h5(fill), "'kernel' claims 1,099,511,627,776 bytes in 0 sto")


def test_weights_that_are_packed_away_take_no_memory(keras_h5):
    def fill(group):
        zeros = group.create_dataset(
            "kernel", (2**26,), "f4", chunks=(2**22,), compression="gzip"
        )
        zeros[:] = 0

    with memory_limit(2**30):
        path = keras_h5(fill)
    refused(path, "claims 268,435,456 bytes")


@pytest.mark.parametrize("way", ["link", "raw", "view"])
def test_weights_of_other_files_are_not_read(keras_h5, tmp_path, way):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["kernel"] = np.arange(4.0)

    def fill(group):
        if way == "link":
            group["kernel"] = h5py.ExternalLink(str(secret), "kernel")
        elif way == "raw":
            file = [(str(secret), 0, 32)]
            group.create_dataset("kernel", (4,), "f8", external=file)
        else:
            view = h5py.VirtualLayout((4,), "f8")
            view[:] = h5py.VirtualSource(str(secret), "kernel", (4,))
            group.create_virtual_dataset("kernel", view)

    refused(keras_h5(fill), "in (an)?other file")


def test_a_matlab_file_that_unpacks_to_gigabytes_is_refused(tmp_path):
    engine = zlib.compressobj(9)
    body = engine.compress(struct.pack("<II", 14, 2**29))
    body += b"".join(engine.compress(bytes(2**22)) for _ in range(128))
    body += engine.flush()
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM"
    path = tmp_path / "bomb.mat"
    path.write_bytes(head + struct.pack("<II", 15, len(body)) + body)
    with memory_limit(2**26), pytest.raises(ValueError, match="claims") as e:
        read_matconvnet(path, ["fc8"])
    check_refusal(e.value, "bomb.mat")
