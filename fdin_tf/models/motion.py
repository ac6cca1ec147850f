"""A frame encoder for motion in small sets: how far each region has moved."""

import keras
import numpy as np


def fit_motion(clips, components=2, neutral_frames=3, late_share=0.25):
    """Fits, for every region, the principal components of its displacement.

    The displacement of a clip is the mean of its last frames minus that of
    its first, neutral ones: what the expression has changed, without the
    person's looks and without what comes and goes, such as a blink. Every
    region has its own components, so that the first says of each how far it
    has moved, whatever that looks like there; it grows with the motion. All
    are in units of the first one's root mean square over the training clips'
    displacements. Fit them to training clips that end in expression.

    Args:
        clips: List of the encoded frames of clips, `(t, h, w, c)` each.
        components: Number of components of each region.
        neutral_frames: Number of first frames that show a neutral face.
        late_share: Share of a clip's frames that are the last ones.

    Returns:
        A Keras model from `(b, h, w, c)` to `(b, h, w, components)`, named
        `motion`, float32, not trainable.

    Raises:
        ValueError: If there are fewer clips or channels than components, or
            a clip has no more frames than are neutral.

    Example:

    >>> clips = np.random.default_rng(0).normal(size=(40, 12, 3, 3, 64))
    >>> fit_motion(clips).output_shape
    (None, 3, 3, 2)

    Reference:
    - Pearson, "On lines and planes of closest fit", 1901.
    """
    shortest = min((len(frames) for frames in clips), default=0)
    if shortest <= neutral_frames:
        raise ValueError(
            f"Expected clips of more than {neutral_frames} frames. Received: "
            f"{len(clips)} clips, the shortest of {shortest} frames"
        )
    displacements = np.stack(
        [_displacement(frames, neutral_frames, late_share) for frames in clips]
    )
    height, width, channels = displacements.shape[1:]
    most = min(len(clips), channels)
    if not 1 <= components <= most:
        raise ValueError(
            f"Expected from 1 to {most} components of {len(clips)} clips with "
            f"{channels} channels. Received: components={components}"
        )
    kernel = np.empty((height, width, channels, components), np.float32)
    for row, column in np.ndindex(height, width):
        kernel[row, column] = _components(
            displacements[:, row, column], components
        )
    cells = keras.Input((height, width, channels), name="cells")
    scores = keras.layers.EinsumDense(
        "bhwc,hwck->bhwk",
        (height, width, components),
        name="scores",
        dtype="float32",
    )
    model = keras.Model(cells, scores(cells), name="motion", trainable=False)
    scores.set_weights([kernel])
    return model


def _displacement(frames, neutral_frames, late_share):
    """From the neutral to the last frames of a clip, `(h, w, c)`."""
    frames = np.asarray(frames, np.float32)
    late = max(1, round(late_share * len(frames)))
    return frames[-late:].mean(axis=0) - frames[:neutral_frames].mean(axis=0)


def _components(displacements, components):
    """Of one region: `(c, components)`, grown and scaled as documented."""
    # Around zero, which is no motion, rather than around the mean motion.
    _, _, axes = np.linalg.svd(displacements, full_matrices=False)
    kernel = axes[:components].T
    scores = displacements @ kernel
    kernel = kernel * np.where(scores.mean(axis=0) < 0, -1, 1)
    return kernel / max(np.sqrt(np.mean(scores[:, 0] ** 2)), 1e-6)
