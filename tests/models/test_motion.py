"""The motion encoder: planted displacements, blinks, scale, errors."""

import numpy as np
import pytest

from fdin_tf.models import fit_motion

CHANNELS = 12


@pytest.fixture
def planted():
    """Clips in which every region moves along a direction of its own.

    Looks differ between clips; a short blink, larger than the motion, comes
    and goes along another direction. Returns clips and the motion's course,
    `(clips, t, 3, 3)`.
    """
    rng = np.random.default_rng(0)
    motion, blink = (np.linalg.qr(rng.normal(size=(9, CHANNELS, 2)))[0]).T
    onset = rng.uniform(6, 12, (80, 1, 9))
    rise = np.clip((np.arange(24)[None, :, None] - onset) / 4, 0, 1)
    course = rise * rng.uniform(0.6, 1, (80, 1, 9))
    centre = rng.uniform(6, 14, (80, 1, 9))
    lids = 2 * np.exp(-((np.arange(24)[None, :, None] - centre) ** 2) / 2)
    clips = (
        course[..., None] * motion.T
        + lids[..., None] * blink.T
        + 3 * rng.normal(size=(80, 1, 9, CHANNELS))
        + 0.02 * rng.normal(size=(80, 24, 9, CHANNELS))
    )
    shape = (80, 24, 3, 3)
    return clips.reshape(*shape, CHANNELS), course.reshape(shape)


def test_the_first_component_follows_the_motion_and_not_the_blink(planted):
    clips, course = planted
    encoder = fit_motion(list(clips[:60]), components=2)
    tested = clips[60:].reshape(-1, 3, 3, CHANNELS)
    scores = encoder.predict(tested, verbose=0).reshape(20, 24, 3, 3, 2)
    for moved, expected in zip(scores, course[60:]):
        for place in np.ndindex(3, 3):
            found = moved[(slice(None), *place, 0)]
            truth = expected[(slice(None), *place)]
            assert np.corrcoef(found, truth)[0, 1] > 0.98


def test_displacements_have_a_root_mean_square_of_one(planted):
    clips, _ = planted
    encoder = fit_motion(list(clips), components=3)
    frames = clips.reshape(-1, 3, 3, CHANNELS)
    scores = encoder.predict(frames, verbose=0).reshape(80, 24, 3, 3, 3)
    moved = scores[:, -6:].mean(axis=1) - scores[:, :3].mean(axis=1)
    size = np.sqrt(np.mean(moved**2, axis=0))
    np.testing.assert_allclose(size[..., 0], 1, rtol=1e-3)
    assert (np.diff(size, axis=-1) < 0).all()
    assert (moved.mean(axis=0) > 0).all()


def test_components_are_orthogonal_and_are_a_regions_own(planted):
    clips, _ = planted
    (kernel,) = fit_motion(list(clips), components=3).get_weights()
    for place in np.ndindex(3, 3):
        products = kernel[place].T @ kernel[place]
        np.testing.assert_allclose(
            products, products[0, 0] * np.eye(3), atol=1e-4 * products[0, 0]
        )
    assert not np.allclose(kernel[0, 0], kernel[0, 1], atol=0.1)


def test_clips_of_any_length_and_type_are_taken(planted):
    clips, _ = planted
    clips = [frames[:length].astype(np.float16)
             for frames, length in zip(clips, [24, 20, 16] * 10)]  # fmt: skip
    assert fit_motion(clips).output_shape == (None, 3, 3, 2)


def test_motionless_clips_stay_finite():
    encoder = fit_motion([np.ones((8, 3, 3, 4))] * 3)
    assert np.isfinite(encoder.predict(np.ones((2, 3, 3, 4)), verbose=0)).all()


@pytest.mark.parametrize("components", [0, 4])
def test_impossible_components_are_an_error(components):
    clips = [np.zeros((8, 3, 3, 5))] * 3
    with pytest.raises(ValueError, match=rf"1 to 3.*components={components}"):
        fit_motion(clips, components)


@pytest.mark.parametrize("clips", [[], [np.zeros((3, 3, 3, 5))]])
def test_clips_must_be_longer_than_their_neutral_part(clips):
    with pytest.raises(ValueError, match=r"more than 3 frames. Received:"):
        fit_motion(clips)
