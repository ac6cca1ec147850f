"""A head followed from frame to frame by the flow of its rigid parts."""

import cv2
import numpy as np

from fdin_tf.faces.align import align_frame
from fdin_tf.faces.align import eye_similarity

# The head is followed in a stabilised patch: one size for every video.
PATCH = 128  # pixels
EYE_DISTANCE = 48  # pixels of the patch
LEFT_EYE = (0.5 - EYE_DISTANCE / PATCH / 2, 0.42)
# Its grey levels: mean and standard deviation.
MIDDLE, SPREAD = 128.0, 48.0
MAX_POINTS = 150
MIN_POINTS = 12
# A point that moves apart from the head by more is no part of it (a lid, a
# brow, a cheek in a smile): pixels of the patch, 1 % of the eye distance.
APART = 0.01 * EYE_DISTANCE
LUCAS_KANADE = {
    "winSize": (15, 15),
    "maxLevel": 3,
    "criteria": (
        cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT,
        20,
        0.01,
    ),
}


class HeadTemplate:
    """The look of a head in one frame, to be found again in others.

    Points with texture are taken from the upper face: temples, forehead,
    nose, and around the eyes; not the mouth and the chin, which move with
    the expression. In another frame each is sought by pyramidal Lucas-Kanade
    flow, forth and back, and the similarity of the head is fitted to those
    that agree: iteratively re-weighted least squares with the weights of
    Geman and McClure. The points that an expression moves are outvoted, so
    that it does not leak into the pose.

    Args:
        frame: RGB image `(height, width, 3)`, uint8.
        matrix: `(2, 3)`, similarity from the frame to the stabilised patch,
            as `patch_similarity` gives it.
    """

    def __init__(self, frame, matrix):
        self._patch = _stabilised(frame, matrix)
        points = cv2.goodFeaturesToTrack(
            self._patch,
            maxCorners=MAX_POINTS,
            qualityLevel=0.001,
            minDistance=4,
            mask=_upper_face() & _inside(frame, matrix),
            blockSize=5,
        )
        points = np.empty((0, 2)) if points is None else points[:, 0]
        self._points = np.float32(points)

    def locate(self, frame, guess):
        """Finds the head near a guess.

        Args:
            frame: RGB image `(height, width, 3)`, uint8.
            guess: `(2, 3)`, similarity from the frame to the stabilised
                patch, right to about a fifth of the eye distance.

        Returns:
            `(matrix, share)`: the similarity from frame to patch and the
            share of the template's points that agree with it, 0 to 1;
            `(None, 0.0)` if there are too few to tell.
        """
        for _ in range(2):
            step, share = self._step(frame, guess)
            if step is None:
                return None, 0.0
            guess = _compose(step, guess)
            # Where the patch moved little, a second look adds nothing.
            if np.abs(step @ [64, 64, 1] - [64, 64]).max() < 2:
                break
        return guess, share

    def _step(self, frame, guess):
        """Similarity that takes the patch at `guess` onto the template."""
        if len(self._points) < MIN_POINTS:
            return None, 0.0
        patch = _stabilised(frame, guess)
        there, found, _ = cv2.calcOpticalFlowPyrLK(
            self._patch, patch, self._points, None, **LUCAS_KANADE
        )
        back, found_back, _ = cv2.calcOpticalFlowPyrLK(
            patch, self._patch, there, None, **LUCAS_KANADE
        )
        good = (found & found_back)[:, 0].astype(bool)
        good &= np.hypot(*(back - self._points).T) < 1
        x, y = np.clip(there.round().astype(int), 0, PATCH - 1).T
        good &= _inside(frame, guess)[y, x] > 0
        if good.sum() < MIN_POINTS:
            return None, 0.0
        step, agree = fit_similarity(there[good], self._points[good], APART)
        return step, agree.sum() / len(self._points)


def patch_similarity(eyes):
    """Similarity from a frame to the stabilised patch, by the two eyes.

    Args:
        eyes: `(2, 2)`, pixels of the frame.

    Returns:
        `(2, 3)`, float64.
    """
    return eye_similarity(np.asarray(eyes)[None], PATCH, LEFT_EYE)[0]


def fit_similarity(source, target, scale, steps=10):
    """Robust similarity between two sets of points.

    With points as complex numbers, minimises over `a` and `b`

        sum_k r_k^2 / (s^2 + r_k^2),  r_k = |a z_k + b - z'_k|

    (Geman and McClure's loss) by iteratively re-weighted least squares. The
    scale `s` starts at the spread of the residuals about the median
    translation and shrinks to `scale`.

    Args:
        source: `(points, 2)`.
        target: `(points, 2)`.
        scale: Final scale of the loss, in units of the points.
        steps: Number of weighted fits.

    Returns:
        `(matrix, agree)`: `(2, 3)` similarity from source to target, and
        `(points,)` bool, True where the residual is below three scales.

    Example:

    >>> square = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    >>> matrix, agree = fit_similarity(square, 2 * square + 3, 0.1)
    >>> np.allclose(matrix, [[2, 0, 3], [0, 2, 3]]), agree.all().item()
    (True, True)
    """
    z = np.asarray(source, "float64") @ [1, 1j]
    to = np.asarray(target, "float64") @ [1, 1j]
    move = to - z
    a, b = 1.0, np.median(move.real) + 1j * np.median(move.imag)
    for _ in range(steps):
        residual = np.abs(a * z + b - to)
        spread = max(scale, 1.5 * np.median(residual))
        weight = (spread**2 / (spread**2 + residual**2)) ** 2
        weight /= weight.sum()
        z0, to0 = weight @ z, weight @ to
        centred = z - z0
        a = ((weight * centred.conj()) @ (to - to0)) / max(
            (weight @ np.abs(centred) ** 2), 1e-12
        )
        b = to0 - a * z0
    agree = np.abs(a * z + b - to) < 3 * scale
    matrix = [[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]]
    return np.array(matrix), agree


def apply(matrix, points):
    """Points `(..., 2)` under a `(2, 3)` matrix."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def _compose(second, first):
    """Matrix of `second` after `first`."""
    return second @ np.vstack([first, [0, 0, 1]])


def _stabilised(frame, matrix):
    """Grey patch of the head: compression noise and light taken out."""
    patch = align_frame(frame, matrix, PATCH)
    patch = cv2.GaussianBlur(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY), (3, 3), 0)
    mean, spread = (value.item() for value in cv2.meanStdDev(patch))
    gain = SPREAD / max(spread, 4.0)  # 4: an even patch has no contrast
    levels = gain * (np.arange(256) - mean) + MIDDLE
    return cv2.LUT(patch, np.uint8(np.clip(levels, 0, 255)))


def _upper_face():
    mask = np.zeros((PATCH, PATCH), "uint8")
    centre = np.round([PATCH / 2, LEFT_EYE[1] * PATCH + 0.05 * EYE_DISTANCE])
    axes = np.round([1.15 * EYE_DISTANCE, 0.9 * EYE_DISTANCE])
    cv2.ellipse(
        mask, centre.astype(int), axes.astype(int), 0, 0, 360, 255, cv2.FILLED
    )
    mask[round(LEFT_EYE[1] * PATCH + 0.62 * EYE_DISTANCE) :] = 0
    return mask


def _inside(frame, matrix):
    """Mask of the patch: 255 where it shows the frame, not beyond it."""
    height, width = frame.shape[:2]
    corners = np.array(
        [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]],
        "float64",
    )
    corners = np.clip(apply(matrix, corners), -30000, 30000)
    mask = np.zeros((PATCH, PATCH), "uint8")
    cv2.fillConvexPoly(mask, corners.round().astype("int32"), 255)
    return mask
