"""Faces in one image: boxes and five points, by MTCNN."""

import dataclasses
import functools
import threading

import cv2
import numpy as np

from fdin_tf.faces.rgb_image import check_rgb_image

# What the networks of the cascade look at: the first slides a window of 12
# pixels over the image, the last sees every face at 48 pixels.
FIRST_WINDOW = 12
LAST_WINDOW = 48
PYRAMID_STEP = 0.709  # each level has half the area of the one before
_LOADING = threading.Lock()


@dataclasses.dataclass(frozen=True, eq=False)
class Face:
    """One face of an image, in pixels of that image.

    Attributes:
        box: `(x1, y1, x2, y2)`, float32; may reach beyond the image.
        points: `(5, 2)`, float32, x then y: left eye, right eye, nose, left
            and right mouth corner. Left means left in the image.
        confidence: Score of the detector, 0 to 1.
    """

    box: np.ndarray
    points: np.ndarray
    confidence: float

    @property
    def area(self):
        """Area of the box, in square pixels."""
        x1, y1, x2, y2 = self.box
        return float((x2 - x1) * (y2 - y1))


class MTCNNDetector:
    """MTCNN, limited to the faces that a clip of a face can be about.

    The three networks, their weights and the handling of boxes are those of
    the package `mtcnn`. The image pyramid is ours: it starts at the smallest
    face asked for, and the image is first shrunk until that face has the 48
    pixels that the last network looks at. The time of a detection then hardly
    depends on the size of the image.

    The weights are loaded on the first call, once per process. One detector
    may be shared by many threads; it runs on the CPU in float32, whatever the
    precision policy of Keras is, and leaves a GPU to the networks that need
    it.

    Args:
        min_face_share: Side of the smallest face's box as a share of the
            image's shorter side, above 0 and at most 1. Faces somewhat
            smaller may be found, those below half of it are not.
        min_confidence: Faces below this score of the last network, 0 to 1,
            are not reported.

    Call arguments:
        image: RGB image `(height, width, 3)`, uint8.

    Returns:
        List of `Face`, the most confident first; empty where there is none.

    Raises:
        ValueError: If an argument is out of its range or `image` is no RGB
            image in uint8.

    Example:

    >>> MTCNNDetector()(np.zeros((120, 160, 3), "uint8"))
    []

    Reference:
    - [Zhang et al., IEEE Signal Processing Letters
      2016](https://arxiv.org/abs/1604.02878), section II.
    """

    def __init__(self, min_face_share=0.15, min_confidence=0.8):
        if not 0 < min_face_share <= 1:
            raise ValueError(
                "`min_face_share` is a share of the image's shorter side, "
                f"above 0 and at most 1. Received: {min_face_share=}"
            )
        if not 0 <= min_confidence <= 1:
            raise ValueError(
                "`min_confidence` is a score from 0 to 1. "
                f"Received: {min_confidence=}"
            )
        self.min_face_share = min_face_share
        self.min_confidence = min_confidence

    def __call__(self, image):
        """Finds the faces of one image."""
        check_rgb_image(image)
        shrink = min(
            1.0, LAST_WINDOW / (self.min_face_share * min(image.shape[:2]))
        )
        if shrink < 1:
            image = cv2.resize(
                image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA
            )
        import tensorflow as tf

        with tf.device("CPU:0"):
            rows = self._cascade(np.float32(image))
        return [
            Face(
                box=np.float32(row[1:5] / shrink),
                points=np.float32(row[6:].reshape(2, 5).T / shrink),
                confidence=float(row[5]),
            )
            for row in rows
        ]

    def _cascade(self, image):
        """Rows of image index, box, score, five x and five y."""
        from mtcnn.utils import bboxes
        from mtcnn.utils.images import extract_patches
        from mtcnn.utils.images import normalize_images
        from mtcnn.utils.landmarks import adjust_landmarks

        with _LOADING:  # every process loads them once
            propose, refine, finish = _load_networks()
        batch = normalize_images(image)[None]

        found = [np.empty((0, 6))]
        for scale in self._scales(image.shape):
            level = cv2.resize(
                batch[0], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
            )
            rows = bboxes.generate_bounding_box(*propose(level[None]), 0.6)
            rows = bboxes.upscale_bboxes(rows, np.array([scale]))
            found.append(
                bboxes.smart_nms_from_bboxes(rows, 0.5, initial_sort=False)
            )
        rows = bboxes.smart_nms_from_bboxes(np.concatenate(found), 0.7)
        if not len(rows):
            return rows

        rows = bboxes.resize_to_square(rows)
        offsets, scores = refine(extract_patches(batch, rows, (24, 24)))
        rows = bboxes.replace_confidence(rows, scores)
        rows = bboxes.adjust_bboxes(rows, offsets.numpy())
        rows = bboxes.pick_matches(rows, score_threshold=0.7)
        rows = bboxes.smart_nms_from_bboxes(rows, 0.7)
        if not len(rows):
            return rows

        rows = bboxes.resize_to_square(rows)
        offsets, points, scores = finish(
            extract_patches(batch, rows, (LAST_WINDOW, LAST_WINDOW))
        )
        points = adjust_landmarks(points, rows)
        rows = bboxes.replace_confidence(rows, scores)
        rows = bboxes.adjust_bboxes(rows, offsets.numpy())
        rows = np.concatenate([rows, points], axis=-1)
        rows = bboxes.pick_matches(rows, 5, self.min_confidence)
        return bboxes.smart_nms_from_bboxes(rows, 0.7, method="min")

    def _scales(self, shape):
        """Scales that show faces from the smallest to the whole image."""
        side = min(shape[:2])
        scale = FIRST_WINDOW / (self.min_face_share * side)
        # A face that fills the image shows in the window at 12 / side.
        while side * scale >= FIRST_WINDOW:
            yield scale
            scale *= PYRAMID_STEP


@functools.cache
def _load_networks():
    """The three networks as compiled functions."""
    import tensorflow as tf
    from mtcnn.network.onet import ONet
    from mtcnn.network.pnet import PNet
    from mtcnn.network.rnet import RNet
    from mtcnn.utils.tensorflow import load_weights

    def compiled(network, weights):
        # Half precision would move the points by whole pixels.
        for layer in (network, *network.layers):
            layer.dtype_policy = "float32"
        network.build()
        network.set_weights(load_weights(weights))
        images = tf.TensorSpec((None, None, None, 3), "float32")

        @tf.function(input_signature=[images])
        def run(images):
            return network(images)

        # Traced here, once, and not by every thread that comes first.
        return run.get_concrete_function()

    return (
        compiled(PNet(), "pnet.lz4"),
        compiled(RNet(), "rnet.lz4"),
        compiled(ONet(), "onet.lz4"),
    )
