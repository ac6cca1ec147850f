"""Paints the images of a drawn face-attribute set."""

import cv2
import numpy as np

from fdin_tf.data.synthetic.face_views import MIDDLE

_COARSE = 4  # grounds are drawn this many times smaller
_SHAPES = (3, 9)  # in a ground
_HIDING = (1.45, 1.85)  # half axes of what a head is painted over with
_BAR = 6.0  # its length, distances of the eyes
# Middle of an occluder from the middle of the head, to one side: it leaves
# eyes, nose and mouth to be seen.
_BESIDE, _BEFORE = (1.5, 1.9), (0.95, 1.2)
_BEFORE_SHARE = 0.4
_FINGERS = [(-0.33, -0.75), (-0.12, -0.92), (0.10, -0.92), (0.30, -0.75)]


def paint_scene(scene, painted):
    """Paints an image.

    Args:
        scene: `Scene`.
        painted: Function from a `Person` to its `PaintedPerson`, so that who
            is in several images is painted once.

    Returns:
        Uint8 array `(height, width, 3)`: red, green, blue.
    """
    rng = np.random.default_rng(scene.seed)
    paint = {"celeba": _paint_aligned, "fotw": _paint_hard}[scene.layout]
    image = paint(rng, scene, painted)
    return np.uint8(np.clip(np.rint(image), 0, 255))[..., ::-1]


def _paint_aligned(rng, scene, painted):
    """Even light, a plain ground, little noise."""
    view = scene.labelled
    image = painted(view.person).render(view.amplitudes)
    image = np.float32(_shown(image, view.head, scene.size))
    gain = np.float32(rng.uniform(0.9, 1.1))
    return gain * image + _noise(rng, scene.size, 2.0)


def _paint_hard(rng, scene, painted):
    """A coloured ground, other things before it, uneven light, blur."""
    image = _ground(rng, scene.size)
    for view in filter(None, (scene.other, scene.labelled)):
        _paint_person(image, view, painted(view.person), scene.size)
    view = scene.labelled
    if scene.has_occluder:
        outlines, colour = _occluder(rng)
        mask = _filled([view.places(o) for o in outlines], scene.size, 1.2)
        _cover(image, mask, colour)
    if scene.is_hidden:
        turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        edge = np.stack([np.cos(turn), np.sin(turn)], axis=1) * _HIDING
        mask = _filled([view.places(edge + MIDDLE)], scene.size, 1.5)
        _cover(image, mask, _ground(rng, scene.size))
    image *= _light(rng, view, scene.size)
    if rng.random() < 0.6:
        sigma = rng.uniform(0.4, 1.5)
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    return image + _noise(rng, scene.size, rng.uniform(1, 7))


def _shown(image, head, size):
    """The canvas as the image shows it."""
    return cv2.warpAffine(image, head, size, borderMode=cv2.BORDER_REPLICATE)


def _paint_person(image, view, person, size):
    """Covers the ground by a person."""
    mask = _shown(person.silhouette, view.head, size)
    _cover(image, mask, _shown(person.render(view.amplitudes), view.head, size))


def _cover(image, mask, colour):
    """Covers the image, in place, by a colour or picture where the mask is."""
    left, top, width, height = cv2.boundingRect(np.uint8(mask > 0))
    part = slice(top, top + height), slice(left, left + width)
    colour = np.asarray(colour, np.float32)
    colour = colour[part] if colour.ndim == 3 else colour
    image[part] += mask[part][..., None] * (colour - image[part])


def _filled(outlines, size, blur):
    """Mask of filled polygons, float32, 0 to 1; points in pixels."""
    mask = np.zeros(size[::-1], np.uint8)
    for outline in outlines:
        points = np.rint(outline * 16).astype(np.int32)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(np.float32(mask / 255), (0, 0), blur)


def _ground(rng, size):
    """Coloured shapes on a slope of two colours, blurred; float32."""
    width, height = (side // _COARSE + 1 for side in size)
    angle = rng.uniform(0, 2 * np.pi)
    along = np.linspace(-0.5, 0.5, width) * np.cos(angle)
    along = along + np.linspace(-0.5, 0.5, height)[:, None] * np.sin(angle)
    first, second = rng.uniform(30, 225, (2, 3))
    ground = np.float32(first + (0.5 + along)[..., None] * (second - first))
    for _ in range(rng.integers(*_SHAPES)):
        x, y = rng.uniform(0, 1, 2) * (width, height)
        axes = rng.uniform(0.06, 0.4, 2) * min(width, height)
        colour = rng.uniform(20, 235, 3).tolist()
        middle = round(x), round(y)
        if rng.random() < 0.5:
            axes = tuple(np.rint(axes).astype(int).tolist())
            turn = rng.uniform(0, 180)
            cv2.ellipse(ground, middle, axes, turn, 0, 360, colour, -1)
        else:
            box = cv2.boxPoints(((x, y), tuple(axes), rng.uniform(0, 90)))
            cv2.fillPoly(ground, [np.rint(box).astype(np.int32)], colour)
    ground = cv2.GaussianBlur(ground, (0, 0), rng.uniform(0.5, 2.5))
    return cv2.resize(ground, size, interpolation=cv2.INTER_LINEAR)


def _occluder(rng):
    """Outlines of a bar or a hand at one side of the head, and its colour."""
    before = rng.random() < _BEFORE_SHARE
    away = rng.choice([-1, 1]) * rng.uniform(*(_BEFORE if before else _BESIDE))
    if rng.random() < 0.5:
        half = np.array([rng.uniform(0.12, 0.28), _BAR / 2])
        bar = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
        lean = np.deg2rad(rng.uniform(-8, 8))
        place = away, rng.uniform(-0.5, 1.0)
        return [_turned(bar, lean) + place], rng.uniform(20, 230, 3)
    turn = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    disc = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    place = away, rng.uniform(-0.6, 1.5)
    lean = np.deg2rad(rng.uniform(-40, 40))
    hand = [disc * (0.42, 0.5), disc * (0.16, 0.4) + (0.5, -0.2)]
    hand += [disc * (0.10, 0.42) + finger for finger in _FINGERS]
    hand += [disc * (0.3, 1.2) + (0, 1.3)]  # wrist and arm
    colour = rng.uniform(0.5, 1.1) * np.array([150, 178, 222])
    return [_turned(part, lean) + place for part in hand], colour


def _turned(points, angle):
    cosine, sine = np.cos(angle), np.sin(angle)
    return points @ np.array([[cosine, sine], [-sine, cosine]])


def _light(rng, view, size):
    """Brightness by place and colour, float32 `(height, width, 3)`."""
    width, height = size
    x, y = view.places(MIDDLE)
    angle = rng.uniform(0, 2 * np.pi)
    unit = np.hypot(*(view.places((1, 0)) - view.places((0, 0))))
    slope = rng.normal(0, 0.15) / unit
    across = (np.arange(width) - x) * (slope * np.cos(angle))
    down = (np.arange(height) - y) * (slope * np.sin(angle))
    light = np.clip(1 + across + down[:, None], 0.35, 1.6)
    cast = rng.uniform(0.65, 1.2) * rng.uniform(0.9, 1.1, 3)
    return np.float32(light)[..., None] * np.float32(cast)


def _noise(rng, size, deviation):
    """Grey noise, float32 `(height, width, 1)`."""
    noise = rng.standard_normal(size[::-1], np.float32)
    return np.float32(deviation) * noise[..., None]
