"""One frame: the painted face, moved by its nine regions."""

import functools

import cv2
import numpy as np

from fdin_tf.data.synthetic import deformation
from fdin_tf.data.synthetic import template
from fdin_tf.data.synthetic.canvas import Canvas
from fdin_tf.data.synthetic.canvas import blend
from fdin_tf.data.synthetic.canvas import darken
from fdin_tf.data.synthetic.painting import paint_base
from fdin_tf.data.synthetic.painting import paint_inside
from fdin_tf.data.synthetic.wrinkles import paint_shading
from fdin_tf.data.synthetic.wrinkles import resting_shading

_NUM_REGIONS = len(template.REGIONS)
_LEAST_SHADING = 2e-3  # below half a grey level
_GRAIN_SPARE = 64  # the bank of noise is larger than a frame by this much


class Face:
    """A subject's painted face, ready to move.

    Painting takes much longer than moving, so a face is made once and
    rendered for every frame of all clips of its subject.

    Args:
        identity: `Identity` of the subject.
        size: Side of the square picture, pixels.
        rng: `numpy.random.Generator` of what the identity leaves open.

    >>> from fdin_tf.data.synthetic.identity import draw_identity
    >>> rng = np.random.default_rng(0)
    >>> face = Face(draw_identity(rng, age=40, gender="female"), 128, rng)
    >>> face.render(np.ones(9)).shape
    (128, 128, 3)
    """

    def __init__(self, identity, size, rng):
        self.identity = identity
        self.canvas = Canvas(size)
        base = paint_base(self.canvas, identity, rng)
        shading = paint_shading(self.canvas, identity)
        rest = resting_shading(self.canvas, shading, identity.old)
        base *= np.clip(1 + rest, 0.3, 1.3)[..., None]
        self._base = cv2.convertScaleAbs(base)
        self._prepare_motion(base, shading)
        inside = paint_inside(self.canvas, identity)
        self._inside = inside[self._skin.slices()]

    def _prepare_motion(self, base, shading):
        """Cuts all fields to the skin that moves."""
        mouth_y = self.identity.mouth_y
        corners = [
            deformation.region_box(r, mouth_y) for r in range(_NUM_REGIONS)
        ]
        low, high = np.array(corners).transpose(1, 0, 2)
        box = self.canvas.box_around(low.min(0), high.max(0))
        self._skin = skin = Canvas(self.canvas.size, box)
        self._rest = np.ascontiguousarray(base[skin.slices()])
        self._shading, self._motion = [], []
        for region, (low, high) in enumerate(corners):
            place = Canvas(self.canvas.size, self.canvas.box_around(low, high))
            motion = deformation.region_motion(
                region, place.x, place.y, mouth_y
            )
            motion = np.float32(motion * self.canvas.unit)
            self._motion.append((place.slices(skin), motion))
            shade = shading[region][skin.slices()]
            rows = np.flatnonzero(np.abs(shade).max(1) > _LEAST_SHADING)
            columns = np.flatnonzero(np.abs(shade).max(0) > _LEAST_SHADING)
            cut = (
                slice(rows[0], rows[-1] + 1),
                slice(columns[0], columns[-1] + 1),
            )
            self._shading.append((cut, np.ascontiguousarray(shade[cut])))
        height, width = self._rest.shape[:2]
        y, x = np.mgrid[:height, :width]
        self._places = np.float32(np.stack([x, y], axis=-1))

    def landmarks(self, amplitudes, blink=None):
        """Landmarks of the upright face, in pixels of the picture.

        Args:
            amplitudes: Region amplitudes, shape `(frames, regions)`.
            blink: Closure of the eyes, 0..1, shape `(frames,)`. None: open.

        Returns:
            Array of shape `(frames, 68, 2)`.
        """
        blink = np.zeros(len(amplitudes)) if blink is None else blink
        return self.canvas.pixels(
            deformation.landmarks(self.identity.landmarks, amplitudes, blink)
        )

    def render(self, amplitudes, blink=0.0):
        """Draws one upright frame without noise.

        Args:
            amplitudes: Region amplitudes, shape `(regions,)`.
            blink: Closure of both eyes, 0 (open) to 1.

        Returns:
            Uint8 array `(size, size, 3)`; blue, green, red, as OpenCV writes.
        """
        (points,) = deformation.landmarks(
            self.identity.landmarks,
            np.asarray(amplitudes)[None],
            np.array([blink]),
        )
        return self._draw(amplitudes, points)

    def frames(self, motion):
        """Draws the frames of a clip, one after the other.

        Args:
            motion: `Motion` of the clip.

        Yields:
            Uint8 arrays `(size, size, 3)`; blue, green, red.
        """
        size = self.canvas.size
        lighter, darker = _noise_bank(size)
        points = deformation.landmarks(
            self.identity.landmarks, motion.amplitudes, motion.blink
        )
        for t, (row, column) in enumerate(motion.grain):
            image = cv2.warpAffine(
                self._draw(motion.amplitudes[t], points[t]),
                motion.head[t],
                (size, size),
                borderMode=cv2.BORDER_REPLICATE,
            )
            image = cv2.convertScaleAbs(image, alpha=float(motion.gain[t]))
            part = slice(row, row + size), slice(column, column + size)
            yield cv2.subtract(cv2.add(image, lighter[part]), darker[part])

    def _draw(self, amplitudes, points):
        """The upright face; `points` are its 68 landmarks, face units."""
        skin = self._moved_skin(amplitudes)
        for eye in (template.LEFT_EYE, template.RIGHT_EYE):
            self._draw_eye(skin, points[eye])
        self._draw_mouth(skin, points[template.MOUTH])
        image = self._base.copy()
        image[self._skin.slices()] = cv2.convertScaleAbs(cv2.max(skin, 0))
        return image

    def _moved_skin(self, amplitudes):
        """Skin at q = shaded rest at q - sum_r a_r F_r(q), float32."""
        places = self._places.copy()
        light = np.ones(places.shape[:2], np.float32)
        for region, amplitude in enumerate(map(float, amplitudes)):
            if amplitude:
                cut, motion = self._motion[region]
                _add_scaled(places[cut], motion, -amplitude)
                cut, shading = self._shading[region]
                _add_scaled(light[cut], shading, amplitude)
        shaded = cv2.multiply(self._rest, cv2.merge([light, light, light]))
        return cv2.remap(
            shaded,
            places,
            None,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def _draw_eye(self, skin, eye):
        place = self.canvas.window(eye, margin=8)
        view = skin[place.slices(self._skin)]
        upper, lower = eye[:4], eye[[3, 4, 5, 0]]
        ball = self._inside[place.slices(self._skin)]
        below_lid = np.maximum(place.y - upper[1:3, 1].mean(), 0)
        shadow = 1 - 0.40 * np.exp(-below_lid / 0.04)
        opening = place.polygon(template.outline(upper, lower), blur=0.5)
        blend(view, opening, np.float32(shadow[..., None]) * ball)
        upper_lid = place.strokes([template.curve(upper)], 3.8, blur=0.7)
        lower_lid = place.strokes([template.curve(lower)], 1.3, blur=0.7)
        darken(view, 1 - (1 - 0.85 * upper_lid) * (1 - 0.35 * lower_lid))

    def _draw_mouth(self, skin, mouth):
        place = self.canvas.window(mouth, margin=10)
        view = skin[place.slices(self._skin)]
        outer_upper, outer_lower = mouth[:7], mouth[[6, 7, 8, 9, 10, 11, 0]]
        inner_upper, inner_lower = mouth[12:17], mouth[[16, 17, 18, 19, 12]]
        lips = place.polygon(
            template.outline(outer_upper, outer_lower), blur=0.9
        )
        upper_lip = place.polygon(
            template.outline(outer_upper, inner_upper[::-1]), blur=1.0
        )
        shine = mouth[[8, 9, 10]] - (0, 0.06)
        light = 1 - 0.14 * upper_lip
        light += 0.14 * place.strokes([template.curve(shine)], 7.3, blur=2.0)
        blend(view, lips, light[..., None] * np.float32(self.identity.lip))
        gap = max(float(mouth[18, 1] - mouth[14, 1]), 0.0)
        opening = place.polygon(
            template.outline(inner_upper, inner_lower), blur=0.5
        )
        inside = self._inside[place.slices(self._skin)]
        blend(view, opening, np.float32(min(0.2 + gap / 0.06, 1)) * inside)
        line = place.strokes([template.curve(inner_upper)], 2.7, blur=0.8)
        corners = sum(place.blob(*mouth[k], 0.035, 0.03) for k in (0, 6))
        closed = max(1 - 8 * gap, 0.25)
        darken(view, 1 - (1 - 0.55 * closed * line) * (1 - 0.28 * corners))


def _add_scaled(total, field, scale):
    """Total += scale * field, in place, for float32 arrays."""
    cv2.scaleAdd(field, scale, total, dst=total)


@functools.cache
def _noise_bank(size, deviation=3.0):
    """Sensor noise, larger than a frame: what is added, what is removed."""
    side = size + _GRAIN_SPARE
    noise = np.random.default_rng(0).normal(0, deviation, (side, side, 3))
    noise = np.rint(noise)
    return np.uint8(np.maximum(noise, 0)), np.uint8(np.maximum(-noise, 0))
