"""Adapter of CelebA: celebrities' faces with forty attributes.

Liu, Luo, Wang and Tang, "Deep Learning Face Attributes in the Wild", ICCV
2015. 202,599 images of 10,177 people, in parts without a common person.
"""

import hashlib
import os
import warnings

import numpy as np
import pandas as pd

from fdin_tf.data.celeba_lists import read_celeba_list
from fdin_tf.data.database_files import find_file
from fdin_tf.data.database_files import leave_out_missing
from fdin_tf.data.database_files import list_folders
from fdin_tf.data.database_files import name_some
from fdin_tf.data.face_images import BOX_COLUMNS
from fdin_tf.data.face_images import CELEBA_ATTRIBUTES
from fdin_tf.data.face_images import POINT_COLUMNS
from fdin_tf.data.face_images import SPLITS
from fdin_tf.data.images import check_images

DATABASE = "CelebA"

#: MD5 checksums of the published files.
CELEBA_MD5 = {
    "list_attr_celeba.txt": "75e246fa4810816ffd6ee81facbd244c",
    "list_landmarks_align_celeba.txt": "cc24ecafdb5b50baae59b03474781f8c",
    "list_landmarks_celeba.txt": "063ee6ddb681f96bc9ca28c6febb9d1a",
    "list_bbox_celeba.txt": "00566efa6fedff7a56946cd1c10f1c16",
    "list_eval_partition.txt": "d32c9cbf5e040fd4025c592c306e6668",
    "identity_CelebA.txt": "32bd1bd63d3c78cd57e08160ec5ed1e2",
    "img_align_celeba.zip": "00d2c5bc6d35e252742224ab0c1e8fcb",
}

#: The list that tells CelebA from other folders: its images are listed here.
ATTRIBUTE_LIST = "list_attr_celeba.txt"

_PARTITION = "list_eval_partition.txt"
_IDENTITIES = "identity_CelebA.txt"
_BOXES = "list_bbox_celeba.txt"
# Folder of the images and list of their points.
_ALIGNED = ("img_align_celeba", "list_landmarks_align_celeba.txt")
_ORIGINAL = ("img_celeba", "list_landmarks_celeba.txt")


def load_celeba(root, aligned=True, verify=False):
    """Face image table of a folder of CelebA.

    The folder holds, at any depth, as the archives unpack:

        Anno/list_attr_celeba.txt               -1 and 1, forty names
        Anno/list_landmarks_align_celeba.txt    five points
        Anno/identity_CelebA.txt                optional
        Eval/list_eval_partition.txt            0 train, 1 valid, 2 test
        Img/img_align_celeba/000001.jpg ...     178 x 218 pixels

    With `aligned=False` it is the images as they were found that are loaded:
    `img_celeba`, `list_landmarks_celeba.txt` and `list_bbox_celeba.txt`.

    The attributes list the images; the other lists may list more. Left and
    right are put in order by geometry: looking from the eyes to the mouth
    with the face upright, the left eye and the left corner of the mouth are
    those on the left, in an upright image those with the smaller x. Where a
    row has a pair the other way round (CelebA's names mean the same, but
    profiles and slips exist), the two points of the pair are exchanged, which
    leaves the middle between them.

    Args:
        root: The folder, or one above it.
        aligned: Whether to load the aligned and cropped images.
        verify: Whether the lists that are there, and `img_align_celeba.zip`
            if it is there, must be the published ones by `CELEBA_MD5`.

    Returns:
        The face image table, sorted by `image_id`, which is the file's name
        without its ending. `subject` is the number of the person, `split` the
        official part, which has no person in common with the others; `gender`
        follows the attribute `Male`, `age` is empty. The forty attributes are
        0 and 1; points, and boxes of the images as they were found, are in
        pixels of the image. A box without area is left empty.

    Raises:
        FileNotFoundError: If there is no such folder, list or folder of
            images.
        ValueError: If a list is there twice, is not as published (with
            `verify`), is not valid (the message names file and line), or
            lacks an image; if there are several folders of images, or if none
            of the images is there.

    Warns:
        UserWarning: If images are missing (they are counted, named and left
            out), points were exchanged or a box is without area (counted), or
            the persons are not known: then every image is its own `subject`,
            and nothing but the official parts keeps a person out of two.
    """
    folders = list_folders(root, DATABASE)
    if verify:
        _verify(folders)
    folder_name, points_name = _ALIGNED if aligned else _ORIGINAL
    images = _image_folder(folders, folder_name)
    attributes = read_celeba_list(find_file(folders, ATTRIBUTE_LIST))
    names = attributes.index

    def values(list_name):
        return _values(find_file(folders, list_name), names)

    parts = values(_PARTITION)["partition"].astype(int)
    table = {
        "image_id": [os.path.splitext(name)[0] for name in names],
        "path": [os.path.join(images, name) for name in names],
        "subject": _subjects(folders, names),
        "age": np.nan,
        "gender": np.where(attributes.Male > 0, "male", "female"),
        "database": DATABASE,
        "split": np.array(SPLITS)[parts],
        **dict(zip(POINT_COLUMNS, _points(values(points_name), root))),
    }
    if not aligned:
        table |= zip(BOX_COLUMNS, _boxes(values(_BOXES), root))
    table |= {
        name: (attributes[name] > 0).astype(float).to_numpy()
        for name in CELEBA_ATTRIBUTES
    }
    table = pd.DataFrame(table).sort_values("image_id", ignore_index=True)
    return check_images(leave_out_missing(table, str(root)), str(root))


def upright_order(points):
    """Five points with left and right as in an upright face.

    With `e` the way from the left to the right eye, `m` that from the left to
    the right corner of the mouth, and `d` that from the middle of the eyes to
    the middle of the corners, x to the right and y down, the eyes are in
    order if `e x d = e_x d_y - e_y d_x >= 0`, the corners if `e . m >= 0`,
    with the eyes in order.

    Args:
        points: `(faces, 5, 2)`, pixels, x then y: left eye, right eye, nose,
            left and right corner of the mouth.

    Returns:
        A copy in which pairs that are not in order are exchanged, and a bool
        array `(faces,)`: where a pair was.

    Example:

    >>> face = [[[9.0, 0.0], [1.0, 0.0], [5, 5], [2, 9], [8, 9]]]
    >>> points, is_exchanged = upright_order(face)
    >>> points[0, :, 0].tolist(), is_exchanged.tolist()
    ([1.0, 9.0, 5.0, 2.0, 8.0], [True])
    """
    points = np.array(points, np.float64)
    eyes, corners = points[:, :2], points[:, 3:]  # views
    across = eyes[:, 1] - eyes[:, 0]
    down = corners.mean(axis=1) - eyes.mean(axis=1)
    is_mirrored = across[:, 0] * down[:, 1] < across[:, 1] * down[:, 0]
    eyes[is_mirrored] = eyes[is_mirrored, ::-1]
    across = eyes[:, 1] - eyes[:, 0]
    is_crossed = (across * (corners[:, 1] - corners[:, 0])).sum(axis=1) < 0
    corners[is_crossed] = corners[is_crossed, ::-1]
    return points, is_mirrored | is_crossed


def _points(values, root):
    """Columns of `POINT_COLUMNS`."""
    points, is_exchanged = upright_order(values.to_numpy().reshape(-1, 5, 2))
    if is_exchanged.any():
        warnings.warn(
            f"{root}: left and right were exchanged for {is_exchanged.sum()} "
            f"of {len(points)} faces, whose eyes or corners of the mouth are "
            f"listed the other way round: "
            f"{name_some(values.index[is_exchanged])}",
            stacklevel=3,
        )
    return points.reshape(-1, 10).T


def _boxes(values, root):
    """Columns of `BOX_COLUMNS`."""
    boxes = values.to_numpy().copy()
    is_empty = (boxes[:, 2:] <= 0).any(axis=1)
    boxes[is_empty] = np.nan
    if is_empty.any():
        warnings.warn(
            f"{root}: {is_empty.sum()} of {len(boxes)} boxes have no area and "
            f"are left out: {name_some(values.index[is_empty])}",
            stacklevel=3,
        )
    return boxes.T


def _subjects(folders, names):
    """The person of every image; the image itself where that is not known."""
    path = find_file(folders, _IDENTITIES, required=False)
    if path is not None:
        return _values(path, names)["identity"].astype(int).astype(str).array
    warnings.warn(
        f"{next(iter(folders))}: there is no {_IDENTITIES}, so every image "
        "counts as a subject of its own. The official parts have no person in "
        "common, but parts that are drawn anew may have.",
        stacklevel=3,
    )
    return [os.path.splitext(name)[0] for name in names]


def _values(path, names):
    """Rows of a list, in the order of the images."""
    values = read_celeba_list(path)
    missing = names.difference(values.index)
    if len(missing):
        raise ValueError(
            f"{path}: expected all images of {ATTRIBUTE_LIST}; "
            f"{len(missing)} of {len(names)} are not listed. Received: none "
            f"of {name_some(missing)}"
        )
    return values.loc[names]


def _image_folder(folders, name):
    """The folder of a name that holds images, not another one of its name."""
    root = next(iter(folders))
    found = [
        folder
        for folder, names in folders.items()
        if folder.name == name and names
    ]
    if len(found) > 1:
        raise ValueError(
            f"Expected one folder {name} with images in {root}. Received: "
            + ", ".join(map(str, found))
        )
    if not found:
        archive = find_file(folders, f"{name}.zip", required=False)
        raise FileNotFoundError(
            f"Expected a folder {name} with images in {root} or below, found "
            "none." + (f" Unpack {archive}." if archive else "")
        )
    return found[0]


def _verify(folders):
    """Holds the files that are there against `CELEBA_MD5`."""
    for name, expected in CELEBA_MD5.items():
        path = find_file(folders, name, required=False)
        if path is not None:
            with open(path, "rb") as file:
                received = hashlib.file_digest(file, "md5").hexdigest()
            if received != expected:
                raise ValueError(
                    f"{path}: expected the published file, with the MD5 "
                    f"checksum {expected}. Received: {received}"
                )
