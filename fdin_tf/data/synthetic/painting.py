"""The picture of a neutral face, painted once for each subject."""

import numpy as np

from fdin_tf.data.synthetic import template
from fdin_tf.data.synthetic.canvas import blend
from fdin_tf.data.synthetic.canvas import darken

_TOP = -1.42  # of the head without hair

# Light and shade of the resting skin: x, y, width, height, strength. Each
# blob with x > 0 is painted on both sides.
_LIGHT = [
    (0.50, -0.05, 0.26, 0.14, -0.17),  # eye sockets
    (0.20, 0.02, 0.09, 0.16, -0.10),
    (0.62, 0.42, 0.22, 0.17, 0.09),  # cheek bones
    (0.00, 0.28, 0.055, 0.30, 0.09),  # ridge of the nose
    (0.00, -0.62, 0.45, 0.22, 0.07),  # forehead
    (0.00, 1.62, 0.18, 0.10, 0.07),  # chin
]
_LIGHT_OF_AGE = [
    (0.50, 0.22, 0.20, 0.05, -0.08),  # bags under the eyes
    (0.85, 0.90, 0.12, 0.25, -0.10),  # hollow cheeks
]


def paint_base(canvas, identity, rng):
    """Paints the whole picture but what lies between lids and lips.

    Args:
        canvas: `Canvas` of the whole picture.
        identity: `Identity` of the subject.
        rng: `numpy.random.Generator` of what the identity leaves open.

    Returns:
        Float32 array `(size, size, 3)`, 0..255; blue, green, red.
    """
    image = _background(canvas, rng)
    face = identity.landmarks
    if identity.has_long_hair:
        _paint_hair(image, canvas, identity, rng, _long_hair_behind(), 0.66)
    _paint_body(image, canvas, identity, rng)
    head = _head_mask(canvas, face)
    chin = face[8, 1]
    darken(image, np.minimum(0.5 * canvas.blob(0, chin + 0.12, 0.7, 0.16), 1))
    blend(image, canvas.blurred(head, 0.7), _skin(canvas, identity, rng))
    if identity.beard:
        _paint_beard(image, canvas, identity, rng, head)
    _paint_nose(image, canvas, face)
    _paint_brows(image, canvas, identity, rng)
    if not identity.is_bald:
        _paint_hair(
            image, canvas, identity, rng, _front_hair(identity, rng), 1.0
        )
    return np.clip(image, 0, 255)


def paint_inside(canvas, identity):
    """Paints what open lids and lips show: eyeballs, teeth and tongue.

    Returns:
        Float32 array `(size, size, 3)`, 0..255; blue, green, red.
    """
    mouth_y = identity.mouth_y
    image = np.empty((canvas.size, canvas.size, 3), np.float32)
    image[:] = (30, 24, 62)
    blend(image, canvas.blob(0, mouth_y + 0.22, 0.16, 0.07), (84, 78, 168))
    below = (canvas.y < mouth_y - 0.3) * np.ones_like(canvas.x)
    blend(image, below, (226, 230, 234))  # the white of the eyes
    edge = mouth_y + 0.075 - 0.10 * canvas.x**2
    teeth = _step(edge - canvas.y, 0.011) * (1 - below)
    gaps = 1 - 0.16 * np.abs(np.cos(canvas.x * np.pi / 0.105)) ** 12
    depth = 1 - 1.3 * np.clip(np.abs(canvas.x) - 0.12, 0, 0.6)
    blend(
        image,
        0.95 * teeth,
        (gaps * depth)[..., None] * np.float32([222, 232, 238]),
    )
    for x in (-0.5, 0.5):
        radius = np.hypot(canvas.x - x, canvas.y)
        ring = np.clip(1.675 - 0.45 * radius / 0.046, 0.55, 1)
        blend(
            image,
            _step(0.115 - radius, 0.017),
            1.25 * ring[..., None] * np.float32(identity.iris),
        )
        blend(image, _step(0.05 - radius, 0.017), (12, 12, 12))
        glint = canvas.blob(x - 0.03, -0.035, 0.02, 0.02)
        blend(image, glint, (255, 255, 255))
    return image


def _step(distance, softness):
    """1 where the distance is positive, 0 where negative, soft between."""
    return 1 / (1 + np.exp(-np.clip(distance / softness, -30, 30)))


def _background(canvas, rng):
    colour = 0.5 * (rng.uniform(90, 190, 3) + rng.uniform(60, 150))
    fall = (0.5 * canvas.x) ** 2 + (0.4 * (canvas.y - 0.3)) ** 2
    return (1.1 - 0.25 * fall)[..., None] * np.float32(colour)


def _paint_body(image, canvas, identity, rng):
    """Neck, shirt and ears."""
    neck = [(-0.62, 1.2), (0.62, 1.2), (0.66, 2.1), (1.9, 2.5)]
    neck += [(1.9, 3), (-1.9, 3), (-1.9, 2.5), (-0.66, 2.1)]
    blend(image, canvas.polygon(neck, blur=2), 0.74 * identity.skin)
    shirt = [(-2.3, 3.2), (-2.1, 2.5), (-1.3, 2.25), (-0.7, 2.06)]
    shirt += [(0, 2.32), (0.7, 2.06), (1.3, 2.25), (2.1, 2.5), (2.3, 3.2)]
    colour = rng.uniform(30, 200, 3)
    blend(image, canvas.polygon(template.curve(shirt), blur=1), colour)
    ear = [(1.08, -0.1), (1.27, -0.16), (1.26, 0.25), (1.14, 0.5)]
    ear = template.curve([*ear, (1.06, 0.45)], closed=True)
    if not identity.has_long_hair:
        for outer in (template.mirrored(ear), ear):
            mask = canvas.polygon(outer, blur=0.8)
            blend(image, mask, 0.82 * identity.skin)
            inner = (outer - outer.mean(0)) * (0.55, 0.6) + outer.mean(0)
            darken(image, 0.22 * canvas.polygon(inner, blur=1.6))


def _head_mask(canvas, face):
    side = np.array([(1.11, -0.35), (1.02, -0.75), (0.78, -1.10)])
    side = np.concatenate([side, [(0.42, -1.30)]])
    skull = np.concatenate([side, [(0, _TOP + 0.06)]])
    skull = np.concatenate([skull, template.mirrored(side)[::-1]])
    skull[:, 0] *= face[16, 0] / 1.12
    outline = np.concatenate([face[template.JAW], skull])
    return canvas.polygon(template.curve(outline, closed=True))


def _skin(canvas, identity, rng):
    """Colour of the skin, as if the head filled the picture."""
    face, old = identity.landmarks, identity.old
    tip, base = face[30, 1], face[33, 1]
    wing = face[35, 0] / 0.25
    lower_lip = face[57, 1]
    blobs = list(_LIGHT)
    blobs += [(x, y, w, h, s * old) for x, y, w, h, s in _LIGHT_OF_AGE]
    blobs += [
        (0.0, tip, 0.09, 0.08, 0.13),
        (0.17 * wing, 0.45, 0.05, 0.22, -0.10),
        (0.0, base + 0.06, 0.17, 0.045, -0.16),
        (0.0, lower_lip + 0.09, 0.24, 0.05, -0.14),
        (0.0, face[51, 1] - 0.1, 0.035, 0.07, -0.05),
    ]
    distance = np.hypot(canvas.x / 1.2, (canvas.y - 0.22) / 1.68)
    light = 1.05 - 0.30 * distance**3 + rng.uniform(-0.1, 0.1) * canvas.x
    for x, y, width, height, strength in blobs:
        for side in (-1, 1) if x else (1,):
            light += strength * canvas.blob(side * x, y, width, height)
    light += (0.0075 + 0.0055 * old) * canvas.noise(rng, 1.1)
    light += (0.0080 + 0.0090 * old) * canvas.noise(rng, 4)
    light += 0.0060 * canvas.noise(rng, 12)
    skin = light[..., None] * np.float32(identity.skin)
    red = 0.35 * canvas.blob(0, tip, 0.14, 0.12)
    red += 0.50 * canvas.blob(-0.66, 0.55, 0.24, 0.20)
    red += 0.50 * canvas.blob(0.66, 0.55, 0.24, 0.20)
    red *= rng.uniform(0.5, 1.2)
    skin *= 1 - red[..., None] * np.float32([0.16, 0.14, 0.0])
    skin *= 1 - _freckles(canvas, old, rng)[..., None] * np.float32(
        [1.0, 0.9, 0.6]
    )
    return skin


def _freckles(canvas, old, rng):
    """Freckles and age spots: they make the motion of bare skin visible."""
    spots = np.zeros((canvas.size, canvas.size), np.float32)
    for _ in range(int(rng.integers(25, 70))):
        x, y = rng.normal(0, 0.6), rng.normal(0.5, 0.45)
        radius = rng.uniform(0.008, 0.02) * (1 + old * rng.random())
        spot = canvas.window(np.array([(x, y)]), margin=6)
        spots[spot.slices()] += rng.uniform(0.06, 0.25) * spot.blob(
            x, y, radius, radius
        )
    return np.minimum(spots, 0.4)


def _paint_beard(image, canvas, identity, rng, head):
    mouth_y, upper_lip = identity.mouth_y, identity.landmarks[51, 1]
    growth = 1.3 * canvas.blob(0, 1.55, 0.75, 0.42)
    growth += canvas.blob(-0.85, 1.0, 0.2, 0.4)
    growth += canvas.blob(0.85, 1.0, 0.2, 0.4)
    growth += 0.8 * canvas.blob(0, upper_lip - 0.12, 0.3, 0.07)
    bare = np.minimum(1.2 * canvas.blob(0, mouth_y, 0.4, 0.12), 1)
    grain = 0.75 + 0.12 * canvas.noise(rng, 1.1)
    mask = np.clip(growth, 0, 1) * (1 - bare) * head * grain
    blend(image, identity.beard * mask, 0.7 * identity.hair)


def _paint_nose(image, canvas, face):
    wing, base = face[35, 0] / 0.25, face[33, 1]
    nostrils, wings = [], []
    for side, x, y in ((-1, *face[31]), (1, *face[35])):
        nostril = [(0.065, -0.025), (0.105, -0.045), (0.15, -0.02)]
        nostril = np.array(nostril) * (side * wing, 1) + (0, base)
        nostrils.append(template.curve(nostril))
        edge = np.array([(0.92, -0.14), (1.05, -0.03), (0.85, 0.04)])
        wings.append(template.curve(edge * (x, 1) + (0, y)))
    darken(image, 0.55 * canvas.strokes(nostrils, width=5.3, blur=1.2))
    darken(image, 0.35 * canvas.strokes(wings, width=3.3, blur=1.0))


def _paint_brows(image, canvas, identity, rng):
    """Brows with single hairs, and the creases of the upper lids."""
    face, thickness = identity.landmarks, identity.brow_thickness
    hairs, creases = [], []
    for side, first, eye in ((-1, 17, 36), (1, 22, 42)):
        brow = face[first : first + 5]
        height = np.array([0.35, 0.8, 1, 1, 0.7])[::-side] * thickness
        edge = np.stack([np.zeros(5), 0.75 * height], axis=1)
        shape = template.outline(brow - edge, (brow + edge)[::-1])
        blend(image, 0.72 * canvas.polygon(shape, blur=1.3), identity.brow)
        line = template.curve(brow, steps=10)
        roots = line[rng.integers(len(line), size=26)]
        roots = roots + rng.normal(0, 0.35 * thickness, roots.shape)
        lengths = rng.uniform(0.6, 1.2, (26, 1))
        tips = roots + lengths * (side * 0.06, -0.035)
        hairs += list(np.stack([roots, tips], axis=1))
        lift = (0, 0.075 if identity.is_male else 0.095)
        creases.append(template.curve(face[eye : eye + 4] - lift))
    darken(image, 0.35 * canvas.strokes(hairs, width=1.0, blur=0.5))
    strength = 0.30 + 0.15 * identity.old
    darken(image, strength * canvas.strokes(creases, width=3.3, blur=0.9))


def _long_hair_behind():
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    y = 0.35 + 1.75 * np.sin(turn)
    x = 1.36 * np.cos(turn) * (1 + 0.12 * np.clip((y - 0.2) / 0.8, 0, 1))
    return np.stack([x, y], axis=1)


def _front_hair(identity, rng):
    """Outline of the hair before the head: hairline inside, cap outside."""
    receding = 0.10 * identity.old * identity.is_male
    line = -0.86 - receding + rng.normal(0, 0.03)
    long_hair = identity.has_long_hair
    end = rng.uniform(0.6, 1.3) if long_hair else rng.uniform(-0.05, 0.2)
    parting, fringe = rng.uniform(-0.35, 0.35), rng.uniform(-0.05, 0.12)
    line_points = [
        (-1.10, end),
        (-1.05, end / 2 - 0.2),
        (-0.98, -0.45),
        (-0.82, line + 0.15),
        (-0.5, line + fringe),
        (parting, line - 0.08),
        (0.5, line + fringe),
        (0.82, line + 0.15),
        (0.98, -0.45),
        (1.05, end / 2 - 0.2),
        (1.10, end),
    ]
    width = 1.30 if long_hair else 1.20
    side = [(width - 0.04, end), (width, -0.45), (1.06, -1.12), (0.6, -1.5)]
    cap = [*side, (0, -1.62), *template.mirrored(side)[::-1]]
    return template.outline(line_points, cap)


def _paint_hair(image, canvas, identity, rng, outline, brightness):
    """Hair with vertical strands and a soft highlight."""
    strands = 0.105 * canvas.noise(rng, 0.8, blur_y=7)
    light = 1 + strands + 0.18 * canvas.blob(-0.3, -1.25, 0.4, 0.14)
    light -= 0.2 * np.clip(canvas.y + 1.1, -0.4, 0.6)
    light = brightness * np.clip(light, 0.3, 1.5)
    mask = canvas.polygon(outline, blur=1.5)
    blend(image, mask, light[..., None] * np.float32(identity.hair))
