"""Light and shade that a moving region casts: wrinkles, folds and bulges."""

import numpy as np

from fdin_tf.data.synthetic import template


def paint_shading(canvas, identity):
    """Change of brightness of every region at amplitude 1.

    A frame's brightness is multiplied by 1 + sum_r a_r G_r.

    Args:
        canvas: `Canvas` of the whole picture.
        identity: `Identity` of the subject.

    Returns:
        G, float32 array `(regions, size, size)`, no unit.
    """
    left_eye, right_eye = (_eye(canvas, identity, s) for s in (-1, 1))
    left_cheek, right_cheek = (_cheek(canvas, identity, s) for s in (-1, 1))
    left_mouth, right_mouth = (_corner(canvas, identity, s) for s in (-1, 1))
    shading = {
        "left_eye": left_eye,
        "forehead": _forehead(canvas, identity),
        "right_eye": right_eye,
        "left_cheek": left_cheek,
        "nose": _nose(canvas, identity),
        "right_cheek": right_cheek,
        "left_mouth": left_mouth,
        "mouth": _mouth(canvas, identity),
        "right_mouth": right_mouth,
    }
    return np.stack([shading[region] for region in template.REGIONS])


def resting_shading(canvas, shading, old):
    """What of the shading stays in an old face at rest, `(size, size)`."""
    of = dict(zip(template.REGIONS, shading))
    eyes = 0.28 * (of["left_eye"] + of["right_eye"])
    forehead = 0.35 * of["forehead"] * (canvas.y < -0.45)
    folds = of["left_cheek"] + of["right_cheek"]
    folds = folds + of["left_mouth"] + of["right_mouth"]
    return old * (eyes + forehead + 0.44 * np.minimum(folds, 0))


def _lines(canvas, side, lines, width, blur):
    """Strokes along curves that are given for the right half."""
    curves = [template.curve(np.multiply(line, (side, 1))) for line in lines]
    return canvas.strokes(curves, width, blur)


def _eye(canvas, identity, side):
    crows_feet = [
        [
            (0.78, 0.02 + 0.4 * rise),
            (0.78 + length / 2, 0.02 + 0.9 * rise),
            (0.78 + length, 0.03 + 1.6 * rise),
        ]
        for rise, length in ((-0.05, 0.12), (0.02, 0.15), (0.09, 0.13))
    ]
    below = [[(0.30, 0.14), (0.50, 0.19), (0.68, 0.15)]]
    shade = (
        -0.45
        * identity.wrinkles
        * _lines(canvas, side, crows_feet, width=2.7, blur=0.8)
    )
    shade -= 0.40 * _lines(canvas, side, below, width=3.6, blur=1.0)
    return shade + 0.10 * canvas.blob(side * 0.5, 0.125, 0.14, 0.03)


def _forehead(canvas, identity):
    across = [
        [(-0.4, y + 0.03), (-0.15, y), (0.15, y), (0.4, y + 0.03)]
        for y in (-0.52, -0.64, -0.76)
    ]
    frown = [
        [(side * 0.075, -0.40), (side * 0.065, -0.28), (side * 0.085, -0.17)]
        for side in (-1, 1)
    ]
    shade = (
        -0.45
        * identity.wrinkles
        * _lines(canvas, 1, across, width=3.0, blur=1.0)
    )
    shade -= 0.30 * _lines(canvas, 1, frown, width=3.3, blur=1.0)
    return shade + 0.12 * canvas.blob(0, -0.30, 0.10, 0.14)


def _cheek(canvas, identity, side):
    wing_y = identity.landmarks[31, 1]
    fold = [[(0.29, wing_y - 0.06), (0.40, 0.80), (0.47, 0.90)]]
    shade = 0.17 * canvas.blob(side * 0.66, 0.45, 0.17, 0.11)
    shade -= 0.12 * canvas.blob(side * 0.62, 0.74, 0.20, 0.07)
    depth = 0.42 * (0.45 + 0.55 * identity.wrinkles)
    return shade - depth * _lines(canvas, side, fold, width=3.8, blur=1.1)


def _nose(canvas, identity):
    wing_x, wing_y = identity.landmarks[35]
    lines = [
        [
            (side * 0.07, y - 0.03),
            (side * 0.13, y + 0.02),
            (side * 0.17, y + 0.09),
        ]
        for side in (-1, 1)
        for y in (0.16, 0.26)
    ]
    depth = 0.26 * (0.5 + 0.5 * identity.wrinkles)
    shade = -depth * _lines(canvas, 1, lines, width=2.7, blur=0.8)
    for side in (-1, 1):
        beside = side * 1.16 * wing_x
        shade -= 0.20 * canvas.blob(beside, wing_y - 0.06, 0.035, 0.10)
    return shade + 0.10 * canvas.blob(0, 0.5, 0.07, 0.16)


def _corner(canvas, identity, side):
    fold = [[(0.50, 0.97), (0.60, 1.10), (0.62, 1.26)]]
    depth = 0.45 * (0.45 + 0.55 * identity.wrinkles)
    shade = -depth * _lines(canvas, side, fold, width=4.6, blur=1.2)
    corner_y = identity.mouth_y + 0.02
    shade -= 0.22 * canvas.blob(side * 0.53, corner_y, 0.035, 0.05)
    return shade + 0.10 * canvas.blob(side * 0.74, 1.08, 0.08, 0.12)


def _mouth(canvas, identity):
    below_lip = identity.landmarks[57, 1] + 0.10
    shade = -0.16 * canvas.blob(0, below_lip, 0.22, 0.05)
    return shade + 0.06 * canvas.blob(0, 1.62, 0.18, 0.08)
