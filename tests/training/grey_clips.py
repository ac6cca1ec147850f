"""Grey faces of textured noise, with the landmarks of drawn smiles."""

import numpy as np
import pandas as pd

from fdin_tf.data.cache import ArrayCache
from fdin_tf.data.crops import CroppedClips
from fdin_tf.data.folds import Fold
from fdin_tf.data.stored import StoredClips
from fdin_tf.data.synthetic.template import average_face
from fdin_tf.training.handcrafted_faces import GreyFaces

SIZE, FRAMES, RATE = 48, 40, 25.0
NO_FILE = "there is no landmark file"
_SMILES = {
    "whole": np.interp(range(FRAMES), [10, 16, 24, 30], [0, 1, 1, 0]),
    "rise": np.interp(range(FRAMES), [10, 20], [0, 1]),
    "rest": np.zeros(FRAMES),
}


def clip_arrays(kind="whole", age=30.0, seed=0):
    """Frames and landmarks of a clip.

    Args:
        kind: `whole` smile; `rise` or `rest` alone; `one frame`; `still`, all
            frames the same; `no width`, a mouth in one point; `plain`,
            without landmarks; `two frames`; `gap`, a `whole` smile.
        age: Years; the older, the coarser is the texture, and the wider the
            smile.
        seed: Seed of the noise.

    Returns:
        Dict of `frames` and, where there are any, `landmarks`.
    """
    rng = np.random.default_rng(seed)
    fine = rng.normal(size=(FRAMES, SIZE, SIZE))
    coarse = np.kron(rng.normal(size=(FRAMES, SIZE // 4, SIZE // 4)),
                     np.ones((4, 4)))  # fmt: skip
    share = age / 80
    frames = 128 + 30 * ((1 - share) * fine + share * coarse)
    frames = frames.clip(0, 255).astype("uint8")
    face = SIZE / 2 + 14 * (average_face() - [0, 0.7])
    landmarks = np.repeat(face[None], FRAMES, axis=0)
    smile = (1 + age / 20) * _SMILES.get(kind, _SMILES["whole"])
    landmarks[:, 48, 0] -= smile
    landmarks[:, 54, 0] += smile
    if kind == "still":
        frames[:] = frames[0]
    if kind == "no width":
        landmarks[:, 54] = landmarks[:, 48]
    if kind == "one frame":
        frames, landmarks = frames[:1], landmarks[:1]
    if kind == "two frames":
        frames, landmarks = frames[:2], landmarks[:2]
    if kind == "plain":
        return {"frames": frames}
    return {"frames": frames, "landmarks": landmarks.astype("float32")}


def grey_clips(folder, kinds):
    """`GreyFaces` of clips `c0`, `c1`, ...; two of each subject.

    Args:
        folder: Folder of their files.
        kinds: A kind of `clip_arrays` per clip; three frames are missing
            between those of a clip with a `gap`.

    Returns:
        `GreyFaces`, and the clip table.
    """
    cache = ArrayCache(folder)
    rng = np.random.default_rng(1)
    ids = [f"c{i}" for i in range(len(kinds))]
    clips = pd.DataFrame(
        {
            "clip_id": ids,
            "subject": [f"s{i // 2}" for i in range(len(ids))],
            "age": np.repeat(rng.uniform(8, 76, len(ids)), 2)[: len(ids)],
            "gender": np.resize(["female"] * 2 + ["male"] * 2, len(ids)),
            "spontaneity": ["posed", "spontaneous"] * (len(ids) // 2),
            "frames_per_second": RATE,
        }
    )
    keys = {c: f"{c}-of-tests" for c in ids}
    for seed, (c, kind) in enumerate(zip(ids, kinds)):
        cache.put(keys[c], clip_arrays(kind, clips.age[seed], seed))
    is_plain = np.array([kind == "plain" for kind in kinds])
    left_out = clips.loc[is_plain, ["clip_id"]].assign(reason=NO_FILE)
    with_landmarks, plain = (
        store(
            clips[which].reset_index(drop=True),
            left_out,
            {c: keys[c] for c in clips.clip_id[which]},
            cache,
        )
        for store, which in ((CroppedClips, ~is_plain), (StoredClips, is_plain))
    )
    missing = {c: 3 * (kind == "gap") for c, kind in zip(ids, kinds)}
    return GreyFaces(with_landmarks, plain, missing), clips


def two_folds(clips):
    """Two folds of clips, whole subjects in each part."""
    ids = clips.clip_id.tolist()
    third = 2 * (len(ids) // 6)
    parts = ids[:third], ids[third : 2 * third], ids[2 * third :]
    return [
        Fold(0, tuple(parts[2]), tuple(parts[1]), tuple(parts[0])),
        Fold(1, tuple(parts[2]), tuple(parts[0]), tuple(parts[1])),
    ]
