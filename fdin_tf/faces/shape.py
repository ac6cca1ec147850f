"""The mean shape of many faces."""

import numpy as np

from fdin_tf.faces.landmarks import eyes_of

# iBUG order: the point that takes the place of each one in a mirror.
MIRROR = np.array(
    [
        *range(16, -1, -1),  # jaw
        *range(26, 16, -1),  # brows
        *range(27, 31),  # bridge of the nose
        *range(35, 30, -1),  # nostrils
        *(45, 44, 43, 42, 47, 46),  # eye left in the image
        *(39, 38, 37, 36, 41, 40),  # eye right in the image
        *range(54, 47, -1),  # outer upper lip
        *range(59, 54, -1),  # outer lower lip
        *range(64, 59, -1),  # inner upper lip
        *range(67, 64, -1),  # inner lower lip
    ]
)


def mean_shape(landmarks):
    """Frontal mean of many faces, whatever their place, size and turn.

    The full Procrustes mean: with every face as a complex vector `z_k`,
    centred and of unit size, the unit vector `m` that is nearest to all of
    them once each is turned and scaled towards it,

        min_m sum_k min_a |a z_k - m|^2 = max_m m* (sum_k z_k z_k*) m,

    is the leading eigenvector of `sum_k z_k z_k*`. It is what iterated
    alignment converges to, found at once; reflections are not allowed. Then
    `m` is averaged in the same way with its own mirror image, turned so that
    the eyes are level, and brought to the unit of the eye distance.

    Args:
        landmarks: `(faces, 68, 2)`, iBUG order, any unit, x to the right and
            y down; faces with NaN are left out.

    Returns:
        `(68, 2)`, float64, exactly symmetric to x = 0. Origin midway between
        the eyes (the middles of the eye corners), which are at x = -0.5 and
        0.5.

    Raises:
        ValueError: If the shape is another one, no face is without NaN, a
            coordinate is infinite, or the eyes of a face fall together.

    Example:

    >>> face = np.random.default_rng(0).normal(size=(68, 2))
    >>> mean = mean_shape([face, 3 * face + 100])
    >>> eyes_of(mean[None]).round(6) + 0.0  # no -0
    array([[[-0.5,  0. ],
            [ 0.5,  0. ]]])

    Reference:
    - Kent, The complex Bingham distribution and shape analysis, Journal of
      the Royal Statistical Society B 56, 1994, section 4.
    - Gower, Generalized Procrustes analysis, Psychometrika 40, 1975.
    """
    points = np.asarray(landmarks, "float64")
    if points.ndim != 3 or points.shape[1:] != (68, 2):
        raise ValueError(
            "A mean shape is taken over landmarks (faces, 68, 2). "
            f"Received: shape={points.shape}"
        )
    known = ~np.isnan(points).any(axis=(1, 2))
    if not known.any():
        raise ValueError(
            "A mean shape needs at least one face without NaN. "
            f"Received: {len(points)} faces, all with NaN"
        )
    infinite = np.isinf(points).any(axis=(1, 2))
    if (known & infinite).any():
        raise ValueError(
            "Landmarks must be finite. Received: an infinite coordinate in "
            f"face {np.flatnonzero(known & infinite)[0]}"
        )
    left, right = np.moveaxis(eyes_of(points), 1, 0)
    blind = known & (left == right).all(axis=1)
    if blind.any():
        raise ValueError(
            "The eyes of a face must be at two different places. Received: "
            f"both at the same in face {np.flatnonzero(blind)[0]}"
        )
    mean = _procrustes_mean(points[known] @ [1, 1j])
    mean = _procrustes_mean(np.stack([mean, _mirrored(mean)]))
    left, right = eyes_of(_as_points(mean)[None])[0] @ [1, 1j]
    mean = (mean - (left + right) / 2) / (right - left)
    return _as_points((mean + _mirrored(mean)) / 2)  # exact after rounding


def _procrustes_mean(faces):
    """Full Procrustes mean of `(faces, 68)` complex, in any turn."""
    faces = faces - faces.mean(axis=1, keepdims=True)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    return np.linalg.eigh(faces.T @ faces.conj())[1][:, -1]


def _mirrored(face):
    return -face.conj()[MIRROR]


def _as_points(face):
    return np.stack([face.real, face.imag], axis=-1)
