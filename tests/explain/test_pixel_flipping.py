"""Pixel flipping: the published recursion, area, control, errors."""

import itertools

import cv2
import numpy as np
import pytest
import scipy.stats

from fdin_tf.explain.pixel_flipping import CONTROL
from fdin_tf.explain.pixel_flipping import aopc
from fdin_tf.explain.pixel_flipping import compare_explanations
from fdin_tf.explain.pixel_flipping import flip_pixels
from fdin_tf.explain.pixel_flipping import flipping_curves
from fdin_tf.explain.pixel_flipping import patch_numbers


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def images(rng):
    """Three images of 10 x 13 pixels: 3 x 4 patches of 4, some cut off."""
    return rng.integers(0, 256, (3, 10, 13, 3), np.uint8)


@pytest.fixture
def heatmaps(rng):
    return rng.normal(size=(3, 10, 13))


@pytest.fixture
def predict(rng):
    """A linear score; it keeps what it was asked."""
    weights = rng.normal(size=(10, 13, 3))

    def predict(images):
        predict.asked.append(images)
        return (images * weights).sum(axis=(1, 2, 3))

    predict.asked = []
    return predict


def literal_curves(predict, images, heatmaps, patch, other, sign):
    """The recursion, one patch after the other, by slices of the image."""
    curves = []
    for image, heatmap, replacement in zip(images, heatmaps, other):
        height, width = heatmap.shape
        places = [
            np.s_[row : row + patch, column : column + patch]
            for row in range(0, height, patch)
            for column in range(0, width, patch)
        ]
        places.sort(key=lambda place: -sign * heatmap[place].sum())
        flipped = image.copy()
        curve = [predict(flipped[None])[0]]
        for place in places:
            flipped[place] = replacement[place]
            curve.append(predict(flipped[None])[0])
        curves.append(curve)
    return np.array(curves)


def blurred(image, patch):
    return cv2.GaussianBlur(image, (0, 0), patch)


def of_mean_colour(image, patch):
    return np.broadcast_to(image.mean((0, 1)).round(), image.shape)


@pytest.mark.parametrize(
    ("replace", "by"), [("blur", blurred), ("mean", of_mean_colour)]
)
@pytest.mark.parametrize(("order", "sign"), [("most", 1), ("least", -1)])
def test_equals_the_published_recursion(
    predict, images, heatmaps, replace, by, order, sign
):
    curves = flip_pixels(
        predict, images, heatmaps, 4, None, replace, order, batch_size=5
    )
    other = [by(image, 4) for image in images]
    expected = literal_curves(predict, images, heatmaps, 4, other, sign)
    assert curves.shape == (3, 13)
    np.testing.assert_allclose(curves, expected, rtol=1e-9)


def test_area_is_the_mean_fall_along_the_curve():
    curves = np.array([[1.0, 0.5, 0.0], [0.2, 0.4, 0.3]])
    expected = [
        ((1 - 1) + (1 - 0.5) + (1 - 0)) / 3,
        ((0.2 - 0.2) + (0.2 - 0.4) + (0.2 - 0.3)) / 3,
    ]
    np.testing.assert_allclose(aopc(curves), expected)


def test_noise_is_the_same_in_every_order_and_covers_the_range(
    predict, images, heatmaps
):
    ends = []
    for order in ("most", "least", "random"):
        predict.asked.clear()
        flip_pixels(predict, images, heatmaps, 4, None, order=order)
        (stack,) = predict.asked
        ends.append(stack.reshape(3, 13, *images.shape[1:])[:, -1])
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[0], ends[2])
    assert ends[0].dtype == np.uint8
    assert not (ends[0][0] == ends[0][1]).all()
    uniform = scipy.stats.kstest(ends[0].ravel() / 255, "uniform")
    assert uniform.pvalue > 0.01


def test_one_patch_is_replaced_at_each_step(predict, images, heatmaps):
    flip_pixels(predict, images, heatmaps, 4, 5, order="random")
    (stack,) = predict.asked
    patches = patch_numbers(10, 13, 4)
    for variants in stack.reshape(3, 6, *images.shape[1:]):
        replaced = [
            set(patches[(image != variants[0]).any(axis=-1)])
            for image in variants
        ]
        assert [len(numbers) for numbers in replaced] == [0, 1, 2, 3, 4, 5]
        assert all(a < b for a, b in itertools.pairwise(replaced))


def test_random_orders_differ_by_image_and_seed_alone(predict, images):
    def curves(seed, some=images):
        return flip_pixels(predict, some, None, 4, order="random", seed=seed)

    same = np.stack([images[0]] * 2)
    assert not np.allclose(*curves(0, same))
    np.testing.assert_array_equal(curves(0), curves(0))
    assert not np.allclose(curves(0), curves(1))
    np.testing.assert_array_equal(curves(0)[:2], curves(0, images[:2]))


def test_calls_hold_as_many_images_as_allowed(predict, images, heatmaps):
    flip_pixels(predict, images, heatmaps, 4, 6, batch_size=8)
    assert [len(stack) for stack in predict.asked] == [8, 8, 5]


def test_the_true_explanation_beats_chance_and_the_false_one(rng):
    """A planted truth: the score is the brightness of one corner."""
    images = rng.integers(100, 256, (8, 16, 16, 3), np.uint8)
    true = np.zeros((8, 16, 16))
    true[:, :8, :8] = 1
    curves = flipping_curves(
        lambda stack: stack[:, :8, :8].mean(axis=(1, 2, 3)), images,
        {"false": 1 - true, "true": true}, patch=4, steps=None,
        replace="uniform",
    )  # fmt: skip
    assert set(curves) == {
        (name, order)
        for name in ("true", "false")
        for order in ("most", "least")
    } | {(CONTROL, "random")}
    table = compare_explanations(curves)
    assert table["explanation"].tolist() == [
        "true", "false", "false", "true", CONTROL
    ]  # fmt: skip
    assert table["order"].tolist() == [
        "most", "most", "least", "least", "random"
    ]  # fmt: skip
    assert (table["images"] == 8).all()
    assert (table["steps"] == 16).all()
    areas = {key: aopc(curve) for key, curve in curves.items()}
    for row in table.itertuples():
        area = areas[row.explanation, row.order]
        above = area - areas[CONTROL, "random"]
        assert row.aopc == pytest.approx(area.mean())
        assert row.standard_error == pytest.approx(scipy.stats.sem(area))
        assert row.above_control == pytest.approx(above.mean())
        if row.explanation != CONTROL:
            expected = scipy.stats.ttest_1samp(above, 0).pvalue
            assert row.p_value == pytest.approx(expected)
    assert table["above_control"][0] > 0 > table["above_control"][1]
    assert table["p_value"][0] < 0.001
    pairs = compare_explanations(curves, clusters=np.arange(8) // 2)
    sums = areas["true", "most"] - areas["true", "most"].mean()
    sums = sums.reshape(4, 2).sum(axis=1)
    assert pairs["standard_error"][0] == pytest.approx(
        np.sqrt(4 / 3 * (sums**2).sum()) / 8
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch": 0}, "`patch` must be at least 1.*patch=0"),
        ({"steps": 0}, "`steps` must be at least 1.*steps=0"),
        ({"batch_size": 0}, "`batch_size` must be.*batch_size=0"),
        ({"replace": "black"}, "one of uniform, mean, blur.*'black'"),
        ({"order": "best"}, "one of most, least, random.*'best'"),
        ({"heatmaps": np.zeros((3, 10, 12))}, r"heatmaps of shape \(3, 10, 12"),
        ({"heatmaps": None}, "Expected finite heatmaps"),
        ({"heatmaps": np.full((3, 10, 13), np.inf)}, "390 not finite"),
        ({"images": np.zeros((3, 10, 13, 3))}, "uint8.*float64"),
    ],
)
def test_options_that_make_no_sense_are_an_error(
    predict, images, heatmaps, options, message
):
    with pytest.raises(ValueError, match=message):
        flip_pixels(
            **{"predict": predict, "images": images, "heatmaps": heatmaps}
            | options
        )


@pytest.mark.parametrize("names", [[], [CONTROL]])
def test_explanations_need_names_of_their_own(predict, images, names):
    with pytest.raises(ValueError, match=r"none called 'control'.*Received"):
        flipping_curves(predict, images, dict.fromkeys(names))


def test_a_comparison_needs_the_control():
    with pytest.raises(ValueError, match=r"curves of the control.*'most'\)"):
        compare_explanations({("lrp", "most"): np.zeros((2, 3))})


def test_a_comparison_needs_a_cluster_for_every_image():
    curves = {(CONTROL, "random"): np.zeros((2, 3))}
    with pytest.raises(ValueError, match="one cluster per value"):
        compare_explanations(curves, clusters=["a"])
