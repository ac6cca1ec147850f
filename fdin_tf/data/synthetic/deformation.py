"""How the nine regions move the skin, the lids and the lips.

At amplitude 1 region r moves the skin at the place q by a local bump

    F_r(q) = v_r exp(-|(q - c_r) / s_r|^2 / 2)

(the nose also widens at its wings), and the picture is warped backwards: the
skin seen at q is the skin that rests at q - sum_r a_r F_r(q). So a painted
point that rests at p is seen where q - sum_r a_r F_r(q) = p, which
`landmarks` solves. Lids and lips are no skin: they are drawn anew in every
frame, from the landmarks.
"""

import numpy as np

from fdin_tf.data.synthetic import template

#: Centre, width (sigma) and motion at amplitude 1 of each region, face units.
_CENTRES = np.array(
    [
        (-0.52, 0.17),
        (0.00, -0.36),
        (0.52, 0.17),
        (-0.68, 0.52),
        (0.00, 0.56),
        (0.68, 0.52),
        (-0.50, 1.20),
        (0.00, 1.55),
        (0.50, 1.20),
    ]
)
_WIDTHS = np.array(
    [
        (0.20, 0.11),
        (0.24, 0.22),
        (0.20, 0.11),
        (0.19, 0.17),
        (0.19, 0.19),
        (0.19, 0.17),
        (0.20, 0.16),
        (0.30, 0.22),
        (0.20, 0.16),
    ]
)
_MOTIONS = np.array(
    [
        (0.00, -0.075),
        (0.00, -0.150),
        (0.00, -0.075),
        (-0.02, -0.130),
        (0.00, -0.110),
        (0.02, -0.130),
        (-0.15, -0.140),
        (0.00, 0.090),
        (0.15, -0.140),
    ]
)
_NOSE = template.REGIONS.index("nose")
_WINGS, _WINGS_WIDTH, _WIDENING = (0.0, 0.74), (0.25, 0.12), 0.35
_MOUTH_ROW = slice(6, 9)

#: The skin farther than this many widths from a centre rests.
REACH = 3.0


def centres(mouth_y):
    """Centres of the nine bumps for a face whose mouth corners are there.

    Returns:
        Array of shape `(regions, 2)`, face units.
    """
    placed = _CENTRES.copy()
    placed[_MOUTH_ROW, 1] += mouth_y - template.MOUTH_Y
    return placed


def region_box(region, mouth_y):
    """Lower and upper corner of the skin that a region moves."""
    centre, width = centres(mouth_y)[region], _WIDTHS[region]
    low, high = centre - REACH * width, centre + REACH * width
    if region == _NOSE:
        reach = REACH * np.array(_WINGS_WIDTH)
        low = np.minimum(low, _WINGS - reach)
        high = np.maximum(high, _WINGS + reach)
    return low, high


def region_motion(region, x, y, mouth_y):
    """F_r at the places (x, y).

    Args:
        region: Index of the region, 0..8.
        x: Abscissae, face units; any shape that broadcasts with `y`.
        y: Ordinates, face units.
        mouth_y: Height of the mouth corners at rest.

    Returns:
        Array of the broadcast shape and a last axis of (x, y), face units.
    """
    centre, width = centres(mouth_y)[region], _WIDTHS[region]
    motion = _bump(x, y, centre, width)[..., None] * _MOTIONS[region]
    if region == _NOSE:
        wings = _bump(x, y, _WINGS, _WINGS_WIDTH)
        motion[..., 0] += _WIDENING * x * wings
    return motion


def _bump(x, y, centre, width):
    """Gaussian of height 1; x and y may be a row and a column."""
    (cx, cy), (sx, sy) = centre, width
    along, down = ((x - cx) / sx) ** 2, ((y - cy) / sy) ** 2
    return np.exp(-along / 2) * np.exp(-down / 2)


def skin_motion(points, amplitudes, mouth_y):
    """sum_r a_r F_r at each point: `(frames, points, 2)`, face units.

    Args:
        points: Places, shape `(points, 2)` or `(frames, points, 2)`.
        amplitudes: Region amplitudes, shape `(frames, regions)`.
        mouth_y: Height of the mouth corners at rest.
    """
    x, y = points[..., 0], points[..., 1]
    return sum(
        amplitudes[:, r, None, None] * region_motion(r, x, y, mouth_y)
        for r in range(len(template.REGIONS))
    )


def landmarks(rest, amplitudes, blink):
    """The 68 landmarks of an upright face in every frame, face units.

    Args:
        rest: Landmarks of the neutral face, shape `(68, 2)`.
        amplitudes: Region amplitudes, shape `(frames, regions)`.
        blink: Closure of both eyes, 0 (open) to 1, shape `(frames,)`.

    Returns:
        Array of shape `(frames, 68, 2)`.
    """
    mouth_y = rest[template.MOUTH][0, 1]
    moved = rest + skin_motion(rest, amplitudes, mouth_y)
    skin = slice(0, template.LEFT_EYE.start)
    for _ in range(12):  # a contraction: exact to a thousandth of a pixel
        moved[:, skin] = rest[skin] + skin_motion(
            moved[:, skin], amplitudes, mouth_y
        )
    for eye, region in ((template.LEFT_EYE, 0), (template.RIGHT_EYE, 2)):
        moved[:, eye] = _lids(rest[eye], amplitudes[:, region], blink)
    moved[:, template.MOUTH] += _opening(
        rest[template.MOUTH], amplitudes[:, template.REGIONS.index("mouth")]
    )
    return moved


def _lids(rest, narrowing, blink):
    """Six points of an eye: its corners rest, its lids narrow and close."""
    eye = np.repeat(rest[None], len(narrowing), axis=0)
    upper, lower = eye[:, 1:3, 1], eye[:, 4:6, 1]
    upper += 0.025 * narrowing[:, None]
    lower -= 0.075 * narrowing[:, None]
    closed = 0.85 * lower.mean(axis=1) + 0.15 * upper.mean(axis=1)
    upper += (closed[:, None] - upper) * blink[:, None]
    return eye


def _opening(rest, amplitude):
    """How far the open mouth moves its 20 points, `(frames, 20, 2)`."""
    middle = np.clip(1 - (rest[:, 0] / rest[6, 0]) ** 2, 0, 1)
    vertical = np.zeros(len(rest))
    vertical[1:6], vertical[7:12] = -0.035, 0.110
    vertical[13:16], vertical[17:20] = -0.030, 0.100
    opening = np.zeros((len(amplitude), len(rest), 2))
    opening[..., 1] = amplitude[:, None] * vertical * middle
    return opening
