"""Levi and Hassner's weights: the answers of Caffe, and files that misfit."""

import keras
import numpy as np
import pytest

from fdin_tf.models import build_levi_hassner
from fdin_tf.models import load_levi_hassner_weights
from fdin_tf.models import transfer_levi_hassner
from fdin_tf.models.levi_hassner_mean import LEVI_HASSNER_MEAN
from tests.models import levi_hassner_caffe as caffe

SIZE = 67  # fc6 sees 2 x 2 places.
BGR_MEAN = np.array(LEVI_HASSNER_MEAN)[::-1, None, None]


def build_small(target="age_group", image_size=SIZE):
    return build_levi_hassner(
        target, image_size, caffe.CONV_UNITS, caffe.DENSE_UNITS
    )


@pytest.fixture(scope="module")
def weights():
    """Of the age network, as Caffe holds them."""
    return caffe.make_weights(SIZE, classes=8)


def make_image(image_size=SIZE):
    """One RGB image with more red than blue."""
    rng = np.random.default_rng(seed=1)
    image = rng.integers(0, 200, (image_size, image_size, 3), dtype="uint8")
    return image + np.array([50, 20, 0], "uint8")


def make_mean_image(height, width):
    """B, G, R; no two pixels are the same."""
    rng = np.random.default_rng(seed=2)
    return rng.uniform(60, 180, (3, height, width)).astype("float32")


def answer(model, image):
    (output,) = model({"images": image[None]}).values()
    return np.array(output[0])


def assert_close(received, expected):
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(received / scale, expected / scale, atol=1e-5)


# Places at the three poolings; * where Caffe has one more than without
# rounding up.
@pytest.mark.parametrize(
    "image_size",
    [
        63,  # 15 7 3
        59,  # 14* 7 3
        71,  # 17 8* 4*
        67,  # 16* 8* 4*
        39,  # 9 4* 2*, the last a single window larger than its map
    ],
)
def test_every_blob_is_that_of_caffe(image_size, tmp_path):
    weights = caffe.make_weights(image_size, classes=8)
    image = make_image(image_size)
    expected = caffe.forward(weights, image, BGR_MEAN)
    path = caffe.write_npz(tmp_path / "age_net.npz", weights)
    model = load_levi_hassner_weights(path, build_small(image_size=image_size))
    names = ("pool1", "norm1", "pool2", "norm2", "pool5", "fc6", "fc7")
    blobs = keras.Model(
        model.input, {name: model.get_layer(name).output for name in names}
    )({"images": image[None]})
    for name in names:
        blob = expected[name]
        if blob.ndim == 3:
            blob = blob.transpose(1, 2, 0)
        assert_close(np.array(blobs[name][0]), blob)
    assert_close(answer(model, image), expected["prob"])
    assert 0.13 < expected["prob"].max() < 0.99  # so that it can tell


def test_normalisation_matters_to_what_is_compared(weights):
    blobs = caffe.forward(weights, make_image(), BGR_MEAN)
    share = blobs["norm1"].sum() / blobs["pool1"].sum()
    assert 0.1 < share < 0.9


def test_genders_come_female_first(tmp_path):
    weights = caffe.make_weights(SIZE, classes=2)
    expected = caffe.forward(weights, make_image(), BGR_MEAN)["prob"]
    male, female = expected
    assert abs(male - female) > 0.01
    path = caffe.write_npz(tmp_path / "gender_net.npz", weights)
    model = load_levi_hassner_weights(path, build_small("gender"))
    assert_close(answer(model, make_image()), np.array([female, male]))


@pytest.mark.parametrize("leading", [(), (1,)])
@pytest.mark.parametrize("size", [(SIZE, SIZE), (96, 96), (90, 97)])
def test_mean_image_is_cropped_at_its_centre_and_survives_saving(
    leading, size, weights, tmp_path
):
    mean = make_mean_image(*size)
    top, left = ((s - SIZE) // 2 for s in size)
    cropped = mean[:, top : top + SIZE, left : left + SIZE]
    expected = caffe.forward(weights, make_image(), cropped)["prob"]
    path = caffe.write_npz(
        tmp_path / "age_net.npz", weights, mean.reshape(*leading, *mean.shape)
    )
    model = load_levi_hassner_weights(path, build_small())
    assert_close(answer(model, make_image()), expected)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert_close(answer(loaded, make_image()), expected)


def test_published_sizes_crop_the_mean_at_pixel_14(tmp_path):
    weights = caffe.make_weights(227, classes=8)
    mean = make_mean_image(256, 256)
    path = caffe.write_npz(tmp_path / "age_net.npz", weights, mean)
    model = load_levi_hassner_weights(path, build_small(image_size=227))
    expected = mean[::-1, 14:241, 14:241].transpose(1, 2, 0)
    received, *_ = model.get_layer("subtract_mean").get_weights()
    np.testing.assert_array_equal(received, expected)


def test_mean_colour_is_read_in_bgr_order(weights, tmp_path):
    mean = np.array([10.0, 20.0, 240.0])
    expected = caffe.forward(weights, make_image(), mean[:, None, None])
    path = caffe.write_npz(tmp_path / "age_net.npz", weights, mean)
    model = load_levi_hassner_weights(path, build_small())
    assert_close(answer(model, make_image()), expected["prob"])


def test_mean_of_its_own_file_goes_before_that_of_the_weights(
    weights, tmp_path
):
    mean = make_mean_image(80, 80)
    np.save(tmp_path / "mean.npy", mean)
    path = caffe.write_npz(tmp_path / "age_net.npz", weights, np.zeros(3))
    model = load_levi_hassner_weights(
        str(path), build_small(), mean_path=str(tmp_path / "mean.npy")
    )
    cropped = mean[:, 6 : 6 + SIZE, 6 : 6 + SIZE]
    expected = caffe.forward(weights, make_image(), cropped)["prob"]
    assert_close(answer(model, make_image()), expected)


def test_file_without_a_mean_restores_the_published_colour(weights, tmp_path):
    model = build_levi_hassner(
        "age_group", SIZE, caffe.CONV_UNITS, caffe.DENSE_UNITS, mean=0, std=1
    )
    path = caffe.write_npz(tmp_path / "age_net.npz", weights)
    load_levi_hassner_weights(path, model)
    expected = caffe.forward(weights, make_image(), BGR_MEAN)["prob"]
    assert_close(answer(model, make_image()), expected)


def test_transfer_carries_weights_and_mean_image_over(weights, tmp_path):
    mean = make_mean_image(SIZE, SIZE)
    path = caffe.write_npz(tmp_path / "age_net.npz", weights, mean)
    base = load_levi_hassner_weights(path, build_small())
    model = transfer_levi_hassner(base, "happiness", seed=0)
    expected = caffe.forward(weights, make_image(), mean)["fc7"]
    fc7 = keras.Model(model.input, model.get_layer("fc7").output)
    assert_close(np.array(fc7({"images": make_image()[None]})[0]), expected)


def assert_refused(path, match, error=ValueError, named=None, **kwargs):
    """The file is refused, named, and the network stays as it was."""
    model = kwargs.pop("model", None) or build_small()
    before = model.get_weights()
    with pytest.raises(error, match=match) as caught:
        load_levi_hassner_weights(path, model, **kwargs)
    assert str(named or path) in str(caught.value)
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)


def test_missing_file_is_an_error(weights, tmp_path):
    assert_refused(tmp_path / "a.npz", "a file of weights", FileNotFoundError)
    path = caffe.write_npz(tmp_path / "age_net.npz", weights)
    no_mean = tmp_path / "mean.npy"
    assert_refused(
        path,
        "Expected a file",
        FileNotFoundError,
        named=no_mean,
        mean_path=no_mean,
    )


@pytest.mark.parametrize("missing", ["conv1/bias", "fc6/weights", "fc8/bias"])
def test_missing_array_is_named(missing, weights, tmp_path):
    path = caffe.write_npz(tmp_path / "age_net.npz", weights)
    arrays = dict(np.load(path))
    del arrays[missing]
    np.savez(path, **arrays)
    assert_refused(path, f"'{missing}'")


@pytest.mark.parametrize(
    ("layer", "named"),
    [("conv1", "conv1"), ("fc6", "fc6"), ("fc7", "fc7"), ("fc8", "age_group")],
)
def test_other_number_of_outputs_is_named_with_its_shapes(
    layer, named, weights, tmp_path
):
    kernel, bias = weights[layer]
    other = {**weights, layer: (kernel[:-1], bias[:-1])}
    assert_refused(
        caffe.write_npz(tmp_path / "age_net.npz", other),
        rf"'{named}' expects kernel and bias of shapes \(.*\({len(bias)},\). "
        rf"Received: \(.*\({len(bias) - 1},\) in path=",
    )


def test_file_for_another_image_size_is_named_by_its_first_dense_layer(
    tmp_path,
):
    weights = caffe.make_weights(63, classes=8)
    path = caffe.write_npz(tmp_path / "age_net.npz", weights)
    assert_refused(path, r"'fc6' .* \(32, 9\) and \(9,\)\. Received: \(8, 9\)")


def test_age_weights_in_a_gender_network_are_refused(weights, tmp_path):
    path = caffe.write_npz(tmp_path / "age_net.npz", weights)
    assert_refused(
        path,
        r"'gender' .* \(10, 2\) and \(2,\)\. Received: \(10, 8\)",
        model=build_small("gender"),
    )


@pytest.mark.parametrize(
    "array", [np.zeros((), "float32"), np.zeros((2, 2, 2), "float32")]
)
def test_arrays_of_odd_rank_are_refused(array, weights, tmp_path):
    other = {**caffe.make_weights(SIZE, classes=2), "fc8": (array, array)}
    path = caffe.write_npz(tmp_path / "gender_net.npz", other)
    assert_refused(path, "'gender' expects", model=build_small("gender"))


def test_network_for_ratings_is_refused_with_the_way_to_go(weights, tmp_path):
    path = caffe.write_npz(tmp_path / "age_net.npz", weights)
    assert_refused(
        path,
        r"'age_group', 'gender', .* transfer_levi_hassner.*target='happiness'",
        model=build_small("happiness"),
        named="happiness",
    )


def test_network_of_another_kind_is_refused(tmp_path):
    other = keras.Sequential([keras.Input((3,))], name="other")
    with pytest.raises(ValueError, match=r"build_levi_hassner.*model=other"):
        load_levi_hassner_weights(tmp_path / "age_net.npz", other)


def write_text(path, weights):
    path.write_text("no archive")


def write_half(path, weights):
    caffe.write_npz(path, weights)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write_flipped(path, weights):
    """Damage inside an array, which its check sum shows."""
    caffe.write_npz(path, weights)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def write_objects(path, weights):
    np.savez(path, **{"conv1/weights": np.array([{}], dtype=object)})


def write_one_array(path, weights):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


@pytest.mark.parametrize(
    "write",
    [write_text, write_half, write_flipped, write_objects, write_one_array],
)
def test_damaged_file_is_refused(write, weights, tmp_path):
    path = tmp_path / "age_net.npz"
    write(path, weights)
    assert_refused(path, "undamaged .npz file of plain arrays")


def test_archive_in_the_place_of_a_mean_is_refused(weights, tmp_path):
    path = caffe.write_npz(tmp_path / "age_net.npz", weights)
    assert_refused(path, "undamaged .npy file", mean_path=path)


def test_weights_that_are_no_numbers_are_refused(weights, tmp_path):
    kernel, bias = weights["fc7"]
    kernel = np.where(
        np.arange(kernel.size).reshape(kernel.shape), kernel, np.nan
    )
    path = caffe.write_npz(
        tmp_path / "age_net.npz", {**weights, "fc7": (kernel, bias)}
    )
    assert_refused(path, "'fc7' expects finite weights")


@pytest.mark.parametrize(
    ("mean", "match"),
    [
        (np.zeros((80, 80, 3)), r"BGR order\. Received: shape=\(80, 80, 3\)"),
        (np.zeros((2, 3, 80, 80)), r"Received: shape=\(2, 3, 80, 80\)"),
        (np.zeros(()), r"Received: shape=\(\)"),
        (np.zeros((3, 80, 66)), r"at least 67 x 67 .*Received: 80 x 66"),
        (np.full((3, 80, 80), 256), "numbers in 0..255"),
        (np.array([0, np.nan, 0]), "numbers in 0..255"),
        (np.array(["a", "b", "c"]), "numbers in 0..255"),
    ],
)
def test_mean_that_does_not_fit_is_refused(mean, match, weights, tmp_path):
    path = caffe.write_npz(tmp_path / "age_net.npz", weights, mean)
    assert_refused(path, match)
    np.save(tmp_path / "mean.npy", mean)
    path = caffe.write_npz(tmp_path / "right.npz", weights)
    assert_refused(
        path,
        match,
        named=tmp_path / "mean.npy",
        mean_path=tmp_path / "mean.npy",
    )
