"""One person's head through a video: detected now and then, else followed."""

import collections

import cv2
import numpy as np

from fdin_tf.faces.flow import EYE_DISTANCE
from fdin_tf.faces.flow import HeadTemplate
from fdin_tf.faces.flow import apply
from fdin_tf.faces.flow import patch_similarity

# Shares of a template's points that must be found again: near the last pose,
# and to know a person again (drawn faces: 0.41 at least for the same one in
# another expression; 2 % of other ones reach 0.4).
FOLLOWED = 0.3
SAME_PERSON = 0.4
FRESH_TEMPLATE = 0.5
# Distances and sizes in shares of the eye distance.
CONFIRMS_WITHIN = 0.3
CONTINUES_WITHIN = 0.1
RESTARTS_WITHIN = 1.0
RESTARTS_SIZE = 1.5
RESTARTS_SECONDS = 1.0
# Mean change of a thumbnail, in standard deviations of its grey levels, that
# only a cut makes. A head sways by 0.05, other people are 0.3 to 1.2 away.
CUT_CHANGE = 0.4


class HeadFollower:
    """Follows one head; call it with every frame, then ask for `points`.

    The rules:

    - The largest face of the first frame that shows one is the person of the
      clip. Its look becomes the template.
    - Between key frames the head is followed by the flow of its template.
    - On a key frame a detected face must stand where the head is; its five
      points are noted relative to the head. Two key frames in a row without
      such a face take back the frames since the first of them.
    - Where the flow fails, or the scene is cut, the detector is asked at once
      and on every frame until the head is found: a face counts as the same
      person if the template is found in it. With no cut and within a second,
      a face that stands where the head was lost (within one eye distance, of
      a similar size) is accepted too, with a new template. Any other face is
      somebody else's.
    - The points of the clip are the medians of all detections relative to
      the head: an error of one detection does not shake the face.

    Args:
        detector: Callable, RGB image to list of `Face`.
        key_interval: Seconds between two detections.

    Attributes:
        counts: `collections.Counter` of what happened.
        pieces: List with one number per frame: -1 without a head, another
            number wherever the track does not continue (a cut to another
            place, a new template).
    """

    def __init__(self, detector, key_interval):
        self.counts = collections.Counter()
        self.pieces = []
        self._detector = detector
        self._key_interval = key_interval
        self._matrices = []  # frame -> patch, None without a head
        self._looks = []  # number of the template's detections
        self._detected = []  # per template: (5, 2) points in the patch
        self._anchor = self._template = None
        self._matrix = None  # of the frame before
        self._seen = (None, 0.0)  # last good eyes in the frame, their time
        self._piece = -1
        self._cut = False  # since the head was last seen
        self._unconfirmed = None  # first frame of it
        self._next_key = 0.0
        self._thumbnail = None

    def __call__(self, time, frame):
        """Takes the next frame: seconds, and `(height, width, 3)` RGB."""
        self.counts["frames"] += 1
        self._cut |= self._is_cut(frame)
        matrix, share = None, 0.0
        if self._matrix is not None and not self._cut:
            matrix, share = self._template.locate(frame, self._matrix)
            matrix = None if share < FOLLOWED else matrix
        if matrix is None or time >= self._next_key:
            faces = self._detect(frame)
            self._next_key = time + self._key_interval
            if matrix is not None:
                matrix = self._confirm(frame, matrix, faces)
            if matrix is None:
                matrix = self._find(time, frame, faces)
        elif share < FRESH_TEMPLATE:
            self._template = HeadTemplate(frame, matrix)
        self._note(time, matrix)

    def points(self):
        """The five points of the head in every frame.

        Returns:
            `(frames, 5, 2)`, float64, pixels; NaN where the head was not
            found. They move rigidly with the head: the mouth corners are
            where they were in the median of the detections.
        """
        rows = np.full((len(self._matrices), 5, 2), np.nan)
        medians = [np.median(points, axis=0) for points in self._detected]
        for row, matrix, look in zip(rows, self._matrices, self._looks):
            if matrix is not None:
                row[:] = apply(cv2.invertAffineTransform(matrix), medians[look])
        return rows

    def _detect(self, frame):
        faces = self._detector(frame)
        self.counts["detections"] += 1
        self.counts["several_faces"] += len(faces) > 1
        return faces

    def _confirm(self, frame, matrix, faces):
        """The pose, if a face stands where the head is followed."""
        here = np.median(self._detected[-1], axis=0)[:2].mean(0)
        found = [apply(matrix, face.points) for face in faces]
        away = [np.hypot(*(points[:2].mean(0) - here)) for points in found]
        if away and min(away) < CONFIRMS_WITHIN * EYE_DISTANCE:
            self._unconfirmed = None
            if self._template is not self._anchor:
                back, share = self._anchor.locate(frame, matrix)
                if share >= FRESH_TEMPLATE:  # ends the drift of the chain
                    self._template, matrix = self._anchor, back
            nearest = faces[int(np.argmin(away))]
            self._detected[-1].append(apply(matrix, nearest.points))
            return matrix
        self.counts["unconfirmed"] += 1
        if self._unconfirmed is None:
            self._unconfirmed = len(self._matrices)
            return matrix
        self._take_back(self._unconfirmed)
        return None

    def _take_back(self, start):
        for frame in range(start, len(self._matrices)):
            self._matrices[frame] = None
            self.pieces[frame] = -1
        self._matrix = None
        self._unconfirmed = None
        self.counts["lost"] += 1

    def _find(self, time, frame, faces):
        """The pose by the detected faces, or None."""
        if not faces:
            self.counts["without_face"] += 1
            return None
        if self._template is None:
            return self._start(frame, max(faces, key=lambda face: face.area))
        eyes, seen = self._seen
        middle, size = eyes.mean(0), np.hypot(*(eyes[1] - eyes[0]))

        def away(face):
            return np.hypot(*(face.points[:2].mean(0) - middle)) / size

        faces = sorted(faces, key=away)
        for template in dict.fromkeys([self._template, self._anchor]):
            for face in faces:
                guess = patch_similarity(face.points[:2])
                matrix, share = template.locate(frame, guess)
                if share >= SAME_PERSON:
                    self._template = template
                    self._piece += self._cut and away(face) > CONTINUES_WITHIN
                    self._detected[-1].append(apply(matrix, face.points))
                    return matrix
        nearest = faces[0]
        ratio = np.hypot(*(nearest.points[1] - nearest.points[0])) / size
        if (
            not self._cut
            and time - seen <= RESTARTS_SECONDS
            and away(nearest) < RESTARTS_WITHIN
            and 1 / RESTARTS_SIZE < ratio < RESTARTS_SIZE
        ):
            self.counts["restarts"] += 1
            return self._start(frame, nearest)
        self.counts["other_face"] += 1
        return None

    def _start(self, frame, face):
        matrix = patch_similarity(face.points[:2])
        self._anchor = self._template = HeadTemplate(frame, matrix)
        self._detected.append([apply(matrix, face.points)])
        self._piece += 1
        return matrix

    def _note(self, time, matrix):
        if matrix is None:
            self.counts["lost"] += self._matrix is not None
            self._unconfirmed = None
        else:
            waited = self._matrices and self._matrices[-1] is None
            self.counts["returned"] += bool(
                waited and self._seen[0] is not None
            )
            eyes = np.median(self._detected[-1], axis=0)[:2]
            back = cv2.invertAffineTransform(matrix)
            self._seen = (apply(back, eyes), time)
            self._cut = False
        self._matrix = matrix
        self._matrices.append(matrix)
        self._looks.append(len(self._detected) - 1)
        self.pieces.append(-1 if matrix is None else self._piece)

    def _is_cut(self, frame):
        """Whether the picture as a whole is another one, light apart."""
        step = max(1, min(frame.shape[:2]) // 128)  # shrinking is the cost
        small = np.ascontiguousarray(frame[::step, ::step])
        small = cv2.resize(small, (32, 32), interpolation=cv2.INTER_AREA)
        small = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype("float32")
        small -= small.mean()
        small /= max(4.0, small.std())  # 4: an even picture has no contrast
        before, self._thumbnail = self._thumbnail, small
        if before is None:
            return False
        cut = bool(np.abs(small - before).mean() > CUT_CHANGE)
        self.counts["cuts"] += cut
        return cut
