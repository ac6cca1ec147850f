"""Files of weights of any bytes: HDF5, NumPy's, MATLAB's."""

import io

import h5py
import hypothesis
import numpy as np
import pytest
import scipy.io

from fdin_tf.models.vggface_formats import read_matconvnet
from fdin_tf.models.weight_files import list_keras_h5
from fdin_tf.models.weight_files import read_keras_h5
from fdin_tf.models.weight_files import read_numpy
from tests.fuzz.mutations import fuzz
from tests.fuzz.mutations import mutants
from tests.fuzz.mutations import result_of

SHAPES = {"conv1_1": (3, 3, 3, 2), "fc8": (1, 1, 4, 2)}
NPY_WORDS = (b"'descr'", b"<f8", b"|O", b"|S0", b"<U9", b"True", b"(-1,)")
WORDS = {
    ".h5": (b"\x89HDF", b"TREE", b"HEAP", b"SNOD", b"layer_names"),
    ".npz": (*NPY_WORDS, b"PK\1\2", b"PK\3\4"),
    ".npy": NPY_WORDS,
    ".mat": (b"\x0f\0\0\0", b"\x0e\0\0\0", b"MI", b"layers", b"\x05\0\0\0"),
}

# What SciPy gives for the cells, structs and texts of MATLAB.
PLAIN = (np.ndarray, np.generic, dict, list, str, int, float, complex, bool)


def keras_files():
    """Two layers, as they are and packed."""
    for compression in (None, "gzip"):
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            file.attrs["layer_names"] = [name.encode() for name in SHAPES]
            for name, shape in SHAPES.items():
                group = file.create_group(name)
                keys = [f"{name}/kernel", f"{name}/bias"]
                group.attrs["weight_names"] = [key.encode() for key in keys]
                ones = np.ones(shape, "float32")
                group.create_dataset(
                    keys[0], data=ones, compression=compression
                )
                group.create_dataset(keys[1], data=ones[0, 0, 0])
        yield buffer.getvalue()


def numpy_archives():
    """Two arrays, as they are and packed."""
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        kernel = np.ones((2, 3, 3, 3), "float32")
        save(buffer, **{"conv1_1/weights": kernel, "mean": np.ones(3)})
        yield buffer.getvalue()


def numpy_files():
    """A mean image."""
    buffer = io.BytesIO()
    np.save(buffer, np.ones((3, 4, 5)))
    yield buffer.getvalue()


def matlab_files():
    """The layers of MatConvNet, as they are and packed, and one of old."""
    layers = np.empty((1, len(SHAPES)), object)
    for k, (name, shape) in enumerate(SHAPES.items()):
        weights = np.empty(2, object)
        weights[:] = [np.ones(shape, "float32"), np.ones((2, 1), "float32")]
        layers[0, k] = {"name": name, "type": "conv", "weights": weights}
    meta = {"normalization": {"averageImage": np.ones((1, 1, 3))}}
    content = {"layers": layers, "meta": meta}
    for is_packed in (False, True):
        buffer = io.BytesIO()
        scipy.io.savemat(buffer, content, do_compression=is_packed)
        yield buffer.getvalue()


PARSERS = {
    ".h5": (keras_files, lambda path: read_keras_h5(path, list_keras_h5(path))),
    ".npz": (numpy_archives, read_numpy),
    ".npy": (numpy_files, lambda path: {"": read_numpy(path, ".npy")}),
    ".mat": (
        matlab_files,
        lambda path: read_matconvnet(path, list(SHAPES)).weights,
    ),
}


def check(weights):
    """Plain arrays: nothing in the file was made an object of Python."""
    for arrays in weights.values():
        for array in arrays if isinstance(arrays, list | tuple) else [arrays]:
            assert isinstance(array, np.ndarray)
            items = array.ravel().tolist() if array.dtype.hasobject else []
            assert all(isinstance(x, PLAIN) for x in items)


@pytest.mark.parametrize("ending", PARSERS)
def test_any_weights_are_read_or_refused(tmp_path, ending):
    files, parse = PARSERS[ending]
    whole = list(files())
    path = tmp_path / f"weights{ending}"
    for content in whole:
        path.write_bytes(content)
        assert parse(path)

    @fuzz
    @hypothesis.given(content=mutants(whole, WORDS[ending]))
    def holds(content):
        path.write_bytes(content)
        found = result_of(lambda: parse(path), path.name)
        if found is not None:
            check(found)

    holds()
