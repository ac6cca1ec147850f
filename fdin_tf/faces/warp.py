"""Faces of one shape: every frame warped onto the mean face."""

import cv2
import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import Delaunay
from scipy.spatial import QhullError

NUM_POINTS = 68
POINTS = np.arange(NUM_POINTS)
FORMAT_VERSION = 1
SAVED = ("shape", "size", "margin", "background", "triangles")
# Smaller triangles of the mean shape, in pixels squared, count as none.
SMALLEST_AREA = 1e-6


class FaceWarp:
    """Piece-wise affine warp of a face onto one shape.

    The Delaunay triangles of the shape are fixed once. A pixel `p` of the
    output lies in one of them with the barycentric weights `w`; in a frame
    whose landmarks `x` have the same triangle's corners at `x_a`, `x_b`,
    `x_c`, its grey level is read, between four pixels, at

        w_a x_a + w_b x_b + w_c x_c.

    Weights and corners do not depend on the frame: all places of a frame are
    one sparse matrix times its landmarks. Every landmark is then at the same
    place in every output, whatever the pose and the expression.

    - Pixel centres are at integers, in frames and outputs, as in OpenCV.
    - A face larger than the output is filtered before it is read (Gaussian,
      by the size of the face as a whole), as `align_frame` does.
    - Landmarks outside of the frame read its last pixels, repeated.
    - A triangle that is flipped in the frame (a cheek that the nose hides)
      shows its content mirrored, one without area shows a line of pixels
      drawn out; the output is defined in any case. `folded` measures it.

    Args:
        shape: `(68, 2)`, the shape of the output in iBUG order, any unit,
            such as from `mean_shape`.
        size: Side of the output, pixels.
        margin: Room around the shape on each side, a share of `size`: the
            longer side of its box (jaw to brows) takes `1 - 2 * margin` of
            the output, the shape is centred and keeps its proportions.
        background: Grey level outside of the shape's hull, 0 to 255.
        triangles: `(triangles, 3)`, indices of points; None: the Delaunay
            triangulation.

    Attributes:
        shape: As given, float64.
        points: `(68, 2)`, float64: places of the landmarks in the output,
            pixels.
        triangles: `(triangles, 3)`, int64.
        mask: `(size, size)`, bool: inside of the hull.

    Raises:
        ValueError: If an argument is out of its range or the shape has
            triangles without area (points that fall together or lie on one
            line).

    Example:

    >>> shape = np.random.default_rng(0).uniform(-1, 1, (68, 2))
    >>> face_warp = FaceWarp(shape)
    >>> crop = np.zeros((192, 192), "uint8")
    >>> face_warp.warp(crop, landmarks=96 + 80 * shape).shape
    (114, 114)

    Reference:
    - Matthews and Baker, Active appearance models revisited, International
      Journal of Computer Vision 60, 2004, section 4.1.2.
    - [Pei et al., IEEE Transactions on Image Processing
      2020](https://arxiv.org/abs/1711.08690), section IV-B.
    """

    def __init__(
        self, shape, size=114, margin=0.04, background=0, triangles=None
    ):
        self.shape = np.array(shape, "float64")
        self.size = size
        self.margin = margin
        self.background = background
        checks = {
            "size": (size >= 8, "at least 8 pixels"),
            "margin": (0 <= margin < 0.5, "a share from 0 to below 0.5"),
            "background": (0 <= background <= 255, "a grey level, 0 to 255"),
        }
        for name, (holds, expected) in checks.items():
            if not holds:
                raise ValueError(
                    f"`{name}` of a warp must be {expected}. "
                    f"Received: {name}={getattr(self, name)}"
                )
        if (
            self.shape.shape != (NUM_POINTS, 2)
            or not np.isfinite(self.shape).all()
        ):
            raise ValueError(
                "A face is warped onto a shape of 68 finite points (68, 2). "
                f"Received: shape.shape={self.shape.shape}, "
                f"{(~np.isfinite(self.shape)).sum()} values not finite"
            )
        low, high = self.shape.min(axis=0), self.shape.max(axis=0)
        scale = size * (1 - 2 * margin) / max((high - low).max(), 1e-300)
        self.points = scale * (self.shape - (low + high) / 2) + (size - 1) / 2
        if triangles is None:
            triangles = _delaunay(self.points)
        self.triangles = np.array(triangles, "int64")
        self._check_triangles()
        self._mixture, self.mask = self._rasterized()

    def warp(self, frame, landmarks):
        """Warps the face of one frame.

        Args:
            frame: `(height, width)` or `(height, width, 3)`, uint8.
            landmarks: `(68, 2)`, its landmarks, pixels.

        Returns:
            `(size, size)` or `(size, size, 3)`, uint8.

        Raises:
            ValueError: If the frame or the landmarks are of another kind, or
                a coordinate is not finite.
        """
        return self.warp_clip([frame], np.asarray(landmarks)[None])[0]

    def warp_clip(self, frames, landmarks):
        """Warps the face of every frame of a clip.

        Args:
            frames: `(frames, height, width)` or `(frames, height, width, 3)`,
                uint8.
            landmarks: `(frames, 68, 2)`, pixels.

        Returns:
            `(frames, size, size)` or `(frames, size, size, 3)`, uint8.

        Raises:
            ValueError: As `warp`, and if there is no frame, or not one face
                per frame; unknown landmarks with the number of the frame.
        """
        landmarks = np.asarray(landmarks, "float64")
        if not len(frames) or len(frames) != len(landmarks):
            raise ValueError(
                "A clip is warped by the landmarks of each of its frames. "
                f"Received: {len(frames)} frames, {len(landmarks)} landmarks"
            )
        if landmarks.shape[1:] != (NUM_POINTS, 2):
            raise ValueError(
                "A face is warped by 68 landmarks, x and y. "
                f"Received: landmarks.shape={landmarks.shape}"
            )
        finite = np.isfinite(landmarks).all(axis=(1, 2))
        if not finite.all():
            raise ValueError(
                "A face is warped by finite landmarks. Received: a value "
                f"that is not finite in frame {np.argmin(finite)}"
            )
        warped = np.stack(
            [self._warp(*pair) for pair in zip(frames, landmarks)]
        )
        warped[:, ~self.mask] = self.background
        return warped

    def folded(self, landmarks):
        """Share of the triangles that are flipped or without area.

        Args:
            landmarks: `(..., 68, 2)`, pixels.

        Returns:
            `(...)`, float64, 0 (as a warp should be) to 1 (a mirrored face);
            1 where a landmark is NaN.
        """
        turns = np.sign(_areas(self.points, self.triangles))
        areas = _areas(np.asarray(landmarks, "float64"), self.triangles)
        return 1.0 - (turns * areas > 0).mean(axis=-1)

    def to_dict(self):
        """The warp as plain numbers, for a JSON file beside a model."""
        return {
            "version": FORMAT_VERSION,
            "shape": self.shape.tolist(),
            "size": int(self.size),
            "margin": float(self.margin),
            "background": int(self.background),
            "triangles": self.triangles.tolist(),
        }

    @classmethod
    def from_dict(cls, config):
        """The same warp, to the bit, from what `to_dict` gave.

        Raises:
            ValueError: If it is of another version or not complete.
        """
        values = {name: config.get(name) for name in SAVED}
        missing = [name for name in SAVED if values[name] is None]
        if config.get("version") != FORMAT_VERSION or missing:
            raise ValueError(
                f"A saved warp must be of version {FORMAT_VERSION} and hold "
                f"{', '.join(SAVED)}. Received: version="
                f"{config.get('version')!r}, missing={missing}"
            )
        return cls(**values)

    def _check_triangles(self):
        corners = self.triangles
        if corners.shape[1:] != (3,) or not np.isin(corners, POINTS).all():
            raise ValueError(
                "`triangles` must be (triangles, 3) indices of points, 0 to "
                f"67. Received: triangles.shape={corners.shape}, indices up "
                f"to {corners.max(initial=0)}"
            )
        missing = np.setdiff1d(POINTS, corners)
        flat = np.abs(_areas(self.points, corners)) < SMALLEST_AREA
        if len(missing) or flat.any():
            point = missing[0] if len(missing) else corners[flat][0, 1]
            raise ValueError(
                "The shape of a warp must have no two points in one place "
                "and no triangle without area. Received: such a place at "
                f"point {point}"
            )

    def _rasterized(self):
        """Which landmarks every pixel mixes, and the mask of the hull.

        Returns:
            `(size * size, 68)` sparse array, three weights in each row of the
            hull, none in the other rows; `(size, size)` bool.
        """
        owner = np.full((self.size, self.size), -1)
        weights = np.zeros((self.size, self.size, 3))
        for index, corners in enumerate(self.points[self.triangles]):
            x1, y1 = np.maximum(np.ceil(corners.min(0) - 1e-6), 0).astype(int)
            x2, y2 = np.floor(corners.max(0) + 1e-6).astype(int) + 1
            y, x = np.mgrid[y1:y2, x1:x2]
            places = np.stack([x, y, np.ones_like(x)], axis=-1)
            edges = np.linalg.inv(np.column_stack([corners, np.ones(3)]))
            barycentric = places @ edges
            inside = (barycentric > -1e-9).all(axis=-1)
            y, x = y[inside], x[inside]
            owner[y, x] = index
            weights[y, x] = barycentric[inside]
        mask = owner >= 0
        rows = np.repeat(np.flatnonzero(mask), 3)
        columns = self.triangles[owner[mask]].ravel()
        shape = (self.size**2, NUM_POINTS)
        mixture = csr_array((weights[mask].ravel(), (rows, columns)), shape)
        return mixture, mask

    def _warp(self, frame, landmarks):
        frame = np.asarray(frame)
        if (
            frame.dtype != np.uint8
            or frame.shape[2:] not in ((), (3,))
            or 0 in frame.shape
            or frame.ndim < 2
        ):
            raise ValueError(
                "A face is warped out of a grey frame (height, width) or an "
                "RGB frame (height, width, 3) in uint8. "
                f"Received: shape={frame.shape}, dtype={frame.dtype}"
            )
        shrinkage = landmarks.std(axis=0).sum() / self.points.std(axis=0).sum()
        blur = 0.5 * np.sqrt(max(0.0, shrinkage**2 - 1))  # frame pixels
        blur = min(blur, max(frame.shape[:2]))  # an even grey by then
        patch, corner = _filtered(frame, landmarks, blur)
        places = self._mixture @ (landmarks - corner)
        # Far beyond the frame the integers of `remap` may overflow.
        places = np.float32(np.clip(places, -1, patch.shape[1::-1]))
        return cv2.remap(
            patch,
            places.reshape(self.size, self.size, 2),
            None,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )


def _filtered(frame, landmarks, blur):
    """The part of a frame that shows the face, filtered, and its corner."""
    margin = 2 + 4 * blur
    limit = np.array(frame.shape[1::-1])
    low = np.floor(landmarks.min(axis=0) - margin)
    low = np.clip(low, 0, limit - 1).astype(int)
    high = np.ceil(landmarks.max(axis=0) + margin)
    high = np.clip(high, low + 1, limit).astype(int)
    patch = frame[low[1] : high[1], low[0] : high[0]]
    if blur > 0.3:  # less does not reach the neighbouring pixel
        patch = cv2.GaussianBlur(
            patch, (0, 0), blur, borderType=cv2.BORDER_REPLICATE
        )
    return patch, low


def _delaunay(points):
    try:
        return Delaunay(points).simplices
    except QhullError:
        raise ValueError(
            "The shape of a warp must not lie on one line. "
            f"Received: points from {points.min(axis=0).tolist()} "
            f"to {points.max(axis=0).tolist()}"
        ) from None


def _areas(points, triangles):
    """Signed areas `(..., triangles)` of triangles of `(..., 68, 2)`."""
    a, b, c = np.moveaxis(points[..., triangles, :], -2, 0)
    (bx, by), (cx, cy) = np.moveaxis([b - a, c - a], -1, 1)
    return (bx * cy - by * cx) / 2
