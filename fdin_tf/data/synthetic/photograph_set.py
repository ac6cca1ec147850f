"""Whole sets of drawn photographs on disk, with the truth about them."""

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import sweep
from fdin_tf.data.images import read_image_table
from fdin_tf.data.synthetic.photographs import GENERATOR_VERSION
from fdin_tf.data.synthetic.photographs import draw_photograph
from fdin_tf.data.synthetic.photographs import paint_photograph
from fdin_tf.data.synthetic.photographs import photograph_truth
from fdin_tf.data.synthetic.set_folder import claim_folder
from fdin_tf.data.synthetic.set_folder import complete_folder
from fdin_tf.data.synthetic.set_folder import write_jpeg

#: Name of the database in the image table.
DATABASE = "drawn photographs"

_MANIFEST = "photographs.json"  # written last: the set is complete
_TABLE, _TRUTH = "images.csv", "truth.npz"
_QUALITY = 95


def make_photographs(root, config, workers=None, progress=None):
    """Paints a set of photographs, or finishes one that was interrupted.

    The folder then holds:

        images/00001.jpg ...
        images.csv           the image table, with ratings
        truth.npz            see `load_photographs_truth`
        photographs.json     the config; written last, so it marks a complete
                             set

    A complete set is recognised at once. No file is ever seen half-written,
    so a call that was killed is continued by the next one, and the result is
    that of an undisturbed call. The same config gives the same photographs.

    Args:
        root: Folder of the set; made where missing.
        config: `PhotographsConfig`.
        workers: Number of photographs that are painted at a time. None: the
            number of processors.
        progress: Called as `progress(done, total)` with numbers of images.

    Returns:
        `root` as a `Path`.

    Raises:
        ValueError: If the folder holds other files, or a set of another
            config or generator version.

    Example:

    >>> import tempfile
    >>> from fdin_tf.data.synthetic.photographs import PhotographsConfig
    >>> config = PhotographsConfig(num_images=1, size=64)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = make_photographs(folder, config)
    ...     [path.name for path in root.glob("images/*")]
    ['00001.jpg']
    """
    root = Path(root)
    report = progress or (lambda done, total: None)
    total = config.num_images
    content = _content(config)
    if claim_folder(root, _MANIFEST, content, config, "drawn photographs"):
        report(total, total)
        return root
    sweep(root)
    photographs = [draw_photograph(config, index) for index in range(total)]

    def make(photograph):
        path = root / _image(photograph)
        if not path.exists():
            write_jpeg(path, paint_photograph(config, photograph), _QUALITY)

    pool = ThreadPoolExecutor(workers or os.cpu_count())
    try:
        for done, _ in enumerate(pool.map(make, photographs), start=1):
            report(done, total)
    finally:
        pool.shutdown(cancel_futures=True)
    with atomic_path(root / _TABLE) as temporary:
        _image_table(photographs).to_csv(temporary, index=False)
    truths = [photograph_truth(config, p) for p in photographs]
    with atomic_path(root / _TRUTH) as path, open(path, "wb") as file:
        np.savez(
            file,
            image_id=np.array([p.image_id for p in photographs]),
            **{name: np.stack([t[name] for t in truths]) for name in truths[0]},
        )
    complete_folder(root, _MANIFEST, content)
    return root


def load_photographs(root):
    """Image table of a folder that `make_photographs` filled.

    `age` and `gender` are those that the face shows; every image is of another
    subject.

    Raises:
        FileNotFoundError: If the set is not there or not complete.
    """
    return read_image_table(_complete(root) / _TABLE)


def load_photographs_truth(root, image_ids=None):
    """Reads what is known about drawn photographs.

    Args:
        root: Folder that `make_photographs` filled.
        image_ids: Ids of the images, in the order wanted; None: all, in the
            order of the table.

    Returns:
        Dict of arrays, one row per image:

        - `image_id` `(n,)`: as in the table.
        - `landmarks` `(n, 68, 2)`: iBUG order, pixels, x then y; the centre
          of the first pixel is (0, 0).
        - `amplitudes` `(n, 9)`: of the regions, 0 (at rest) to 1.
        - `boxes` `(n, 9, 4)`: left, top, right and bottom of where a region
          moves, pixels. See `planted_masks`.

    Raises:
        FileNotFoundError: If the set is not there or not complete.
        ValueError: If the set has no image of such an id.
    """
    path = _complete(root) / _TRUTH
    with np.load(path, allow_pickle=False) as arrays:
        truth = dict(arrays)
    if image_ids is None:
        return truth
    known = {name: row for row, name in enumerate(truth["image_id"].tolist())}
    for image_id in image_ids:
        if image_id not in known:
            raise ValueError(
                f"{path}: expected the id of an image of this set. Received: "
                f"image_id={image_id!r}"
            )
    rows = [known[image_id] for image_id in image_ids]
    return {name: values[rows] for name, values in truth.items()}


def is_photograph_set(root):
    """Whether a folder holds a complete set of drawn photographs."""
    return (Path(root) / _MANIFEST).is_file()


def _complete(root):
    if not is_photograph_set(root):
        raise FileNotFoundError(
            "Expected a complete set of drawn photographs. Received: "
            f"root={root}, which has no {_MANIFEST}"
        )
    return Path(root)


def _content(config):
    """What tells one set from another."""
    return {
        "photographs_version": GENERATOR_VERSION,
        **dataclasses.asdict(config),
    }


def _image(photograph):
    """Path of its file within the set."""
    return f"images/{photograph.image_id}.jpg"


def _image_table(photographs):
    return pd.DataFrame(
        [
            {
                "image_id": p.image_id,
                "path": _image(p),
                "subject": p.image_id,
                "age": p.age,
                "gender": p.gender,
                "database": DATABASE,
                **{name: round(r, 3) for name, r in p.ratings.items()},
            }
            for p in photographs
        ]
    )
