"""Landmarks that move: expressions, heads, mirror images."""

import numpy as np

from fdin_tf.data.synthetic.template import average_face
from fdin_tf.faces.phases import find_phases
from fdin_tf.handcrafted.clip_view import ClipView

# Left and right of the 68 points exchanged.
MIRROR = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *(27, 28, 29, 30),
        *(35, 34, 33, 32, 31),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
        *(64, 63, 62, 61, 60, 67, 66, 65),
    ]
)


def smiling_faces(seed=0, num_frames=30, size=0.03):
    """Smiles whose every point moves a little, its own smooth way."""
    rng = np.random.default_rng(seed)
    times = np.arange(num_frames)[:, None, None]
    waves = rng.normal(size=(3, 68, 2)) * size / 3
    angles = rng.uniform(0, 2 * np.pi, (3, 68, 2))
    faces = np.repeat(average_face()[None], num_frames, axis=0)
    for k, (wave, angle) in enumerate(zip(waves, angles)):
        faces += wave * np.sin((k + 1) * times / 4 + angle)
    course = np.interp(
        range(num_frames), np.array([0.2, 0.4, 0.6, 0.8]) * num_frames, SMILE
    )
    faces[:, 48, 0] -= course
    faces[:, 54, 0] += 1.2 * course
    return 100 * faces + 200


SMILE = [0, 0.3, 0.3, 0]


def head_moved(faces, seed=0):
    """The same faces, every frame at another place, angle and size."""
    rng = np.random.default_rng(seed)
    turn = np.exp(1j * rng.uniform(-0.5, 0.5, (len(faces), 1)))
    turn *= rng.uniform(0.5, 2, (len(faces), 1))
    place = turn * (faces @ [1, 1j])
    place += rng.normal(0, 50, (len(faces), 2)) @ [[1], [1j]]
    return np.stack([place.real, place.imag], axis=-1)


def mirrored(faces):
    """The faces as a mirror shows them, again in iBUG order."""
    return (faces * [-1, 1])[:, MIRROR]


def view_of(faces, frames_per_second=25.0, phases=None):
    """`ClipView` of faces; descriptors of motion do not look at its frames."""
    frames = np.zeros((len(faces), 16, 16), "uint8")
    if phases is None:
        phases = find_phases(faces, frames_per_second, smooth=False)
    return ClipView(frames, faces, phases, frames_per_second)
