"""The ground truth of a clip, and targets that are planted in its motion."""

from pathlib import Path

import numpy as np

from fdin_tf.data.synthetic import template

#: Changes whenever the same seed would draw other clips.
GENERATOR_VERSION = 1

#: What can be planted: a relation between the motions of two regions.
TARGET_MODES = ("absolute_lag", "signed_lag", "amplitude_ratio")


def clip_truth(face, motion, clip):
    """All that is known about a clip, as plain arrays.

    Args:
        face: `Face` of the subject.
        motion: `Motion` of the clip.
        clip: `Clip` of the catalogue.

    Returns:
        Dict of arrays as `load_truth` describes it.
    """
    upright = face.landmarks(motion.amplitudes, motion.blink)
    turn, move = motion.head[:, :, :2], motion.head[:, None, :, 2]
    shown = np.einsum("tij,tkj->tki", turn, upright) + move
    phases = motion.phases
    return {
        "landmarks": np.float32(shown),
        "amplitudes": np.float32(motion.amplitudes),
        "peaks": np.float32(motion.peaks),
        "onset_start": np.float32(phases.onset_start),
        "onset_end": np.float32(phases.onset_end),
        "offset_start": np.float32(phases.offset_start),
        "offset_end": np.float32(phases.offset_end),
        "lip_corners": np.float32(phases.lip_corners()),
        "blink": np.float32(motion.blink),
        "head": np.float32(motion.head),
        "gain": np.float32(motion.gain),
        "subject_seed": np.int64(clip.subject.seed),
        "take": np.int64(clip.take),
        "generator_version": np.int64(GENERATOR_VERSION),
    }


def load_truth(root, clip_id):
    """Reads the ground truth of one clip.

    Args:
        root: Folder that `make_synthetic` filled.
        clip_id: Such as `"001_deliberate_smile_1"`.

    Returns:
        Dict of arrays, by frame t, region r and landmark k:

        - `landmarks` `(t, k, 2)`: iBUG order, pixels of the frame, x then y.
        - `amplitudes` `(t, r)`: 0 at rest, about 1 at a strong smile.
        - `peaks` `(r,)`: the amplitude that each region rises to.
        - `onset_start`, `onset_end`, `offset_start`, `offset_end` `(r,)`:
          borders of the phases in frames, with fractions; the apex lies
          between the second and the third. A border at or beyond the number
          of frames does not happen within the clip.
        - `lip_corners` `(4,)`: the same borders for both corners together.
        - `blink` `(t,)`: closure of the eyes, 0..1.
        - `head` `(t, 2, 3)`: similarity from the upright face to the frame.
        - `gain` `(t,)`: factor of the brightness.
        - `subject_seed`, `take`, `generator_version`: integers.

    Raises:
        FileNotFoundError: If the set has no such clip.
    """
    path = Path(root) / "truth" / f"{clip_id}.npz"
    if not path.is_file():
        raise FileNotFoundError(
            "Expected the ground truth of a synthetic clip. "
            f"Received: clip_id={clip_id!r}, but there is no file {path}"
        )
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def planted_target(truth, pair, mode="absolute_lag"):
    """Target of a clip that depends on the motions of two regions alone.

    With the onset s and the peak amplitude A of the regions i and j:

        absolute_lag     |s_i - s_j|    frames
        signed_lag       s_i - s_j      frames
        amplitude_ratio  A_i / A_j      no unit

    In a planted set the onsets of all regions are independent, so that any of
    the 36 pairs can be planted in the same clips. No sum of functions of the
    single regions equals the absolute lag: it has to be read from the pair.

    Args:
        truth: Dict of `load_truth`.
        pair: Two different region indices, 0..8.
        mode: `"absolute_lag"`, `"signed_lag"` or `"amplitude_ratio"`.

    Returns:
        The target, a float.

    Raises:
        ValueError: If the pair or the mode is not one of these.

    >>> truth = {"onset_start": np.arange(9.0), "peaks": np.ones(9)}
    >>> planted_target(truth, (2, 6))
    4.0
    """
    num_regions = len(template.REGIONS)
    if len(set(pair)) != 2 or not set(pair) <= set(range(num_regions)):
        raise ValueError(
            "`pair` must be two different regions, "
            f"0..{num_regions - 1}. Received: pair={pair}"
        )
    first, second = pair
    onsets, peaks = truth["onset_start"], truth["peaks"]
    if mode == "absolute_lag":
        return float(abs(onsets[first] - onsets[second]))
    if mode == "signed_lag":
        return float(onsets[first] - onsets[second])
    if mode == "amplitude_ratio":
        return float(peaks[first] / peaks[second])
    raise ValueError(
        f"`mode` must be one of {TARGET_MODES}. Received: mode={mode!r}"
    )
