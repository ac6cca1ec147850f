"""Landmarks that the user brings: OpenFace and py-feat tables, and .npz."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from fdin_tf.csv_files import read_csv_pieces
from fdin_tf.faces.ibug import LEAST_HEIGHT
from fdin_tf.faces.ibug import flat_faces
from fdin_tf.faces.ibug import order_contradictions
from fdin_tf.faces.video import MAX_FRAMES
from fdin_tf.file_limits import read_npz
from fdin_tf.plain_text import quoted
from fdin_tf.plain_text import reason_of

#: Largest files, bytes, and largest coordinate, pixels.
MAX_CSV_BYTES = 2**28
MAX_NPZ_BYTES = 2**28
MAX_COORDINATE = 10**6
# iBUG order, from 0: outer and inner corner of the eye that is left in the
# image, inner and outer corner of the right one. Corners, since the lids
# would move the middle of the six points when the eyes narrow in a smile.
LEFT_EYE_CORNERS = (36, 39)
RIGHT_EYE_CORNERS = (42, 45)
NUM_POINTS = (5, 68)


def eyes_of(points):
    """Eye places by which a face is aligned.

    Args:
        points: `(frames, 5, 2)` or `(frames, 68, 2)`.

    Returns:
        `(frames, 2, 2)`: left and right eye; of 68 points the middles of the
        eye corners.
    """
    if points.shape[1] == 5:
        return points[:, :2]
    left = points[:, LEFT_EYE_CORNERS].mean(axis=1)
    right = points[:, RIGHT_EYE_CORNERS].mean(axis=1)
    return np.stack([left, right], axis=1)


def load_landmarks(path):
    """Reads the landmarks of every frame of one video.

    A .csv is a table of OpenFace or py-feat: columns `x_0, y_0, x_1, ...` of
    5 or 68 points (blanks around names are ignored), one row per frame. A
    column `frame`, counted from 0 or 1, orders the rows; frames that it skips
    have no face. Rows with `success` 0 have no face, nor have rows whose
    coordinates are all empty; without `success`, `confidence` below 0.5 means
    the same. An .npz holds `landmarks`, `(frames, 5 or 68, 2)`.

    Args:
        path: The .csv or .npz file.

    Returns:
        `(frames, points, 2)`, float64, pixels, x then y; NaN in frames
        without a face.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the table lacks a column, holds no number where one is
            expected, names a frame twice, knows a face only in part, has
            left and right exchanged, or 68 points on one line or in another
            order; with file, column and line. Also if the file is larger
            than `MAX_CSV_BYTES`, unpacks to more than `MAX_NPZ_BYTES`, or
            has more than `MAX_FRAMES` frames.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such landmark file")
    if path.suffix.lower() == ".npz":
        return check_landmarks(_load_npz(path), path)
    if path.suffix.lower() == ".csv":
        return _load_csv(path)
    raise ValueError(
        f"{path}: landmarks are read from .csv or .npz. "
        f"Received: a file that ends in {path.suffix!r}"
    )


def check_landmarks(
    landmarks, name="landmarks", row_names=None, num_points=None
):
    """Checks the landmarks of a clip.

    Args:
        landmarks: Array-like `(frames, 5 or 68, 2)`; NaN in all coordinates
            of a frame without a face.
        name: What to call it in a message, such as the file.
        row_names: What to call every frame, `frame 0` ... by default.
        num_points: 5 or 68 to allow only that many points, None for both.

    Returns:
        The landmarks as float64.

    Raises:
        ValueError: If the shape is another one, a face is known in part
            only, a value is beyond `MAX_COORDINATE`, the eyes are exchanged,
            or 68 points lie on one line (see `flat_faces`) or are not in iBUG
            order (see `order_contradictions`).
    """
    points = np.asarray(landmarks, "float64")
    allowed = NUM_POINTS if num_points is None else (num_points,)
    if points.ndim != 3 or points.shape[1:] not in {(n, 2) for n in allowed}:
        raise ValueError(
            f"{name}: expected landmarks (frames, "
            f"{' or '.join(map(str, allowed))}, 2). "
            f"Received: shape={points.shape}"
        )
    if not len(points):
        raise ValueError(f"{name}: expected landmarks. Received: no frame")

    def refuse(frame, expected, received):
        row = row_names[frame] if row_names else f"frame {frame}"
        raise ValueError(f"{name}, {row}: {expected}. Received: {received}")

    empty = np.isnan(points)
    partly = empty.any(axis=(1, 2)) & ~empty.all(axis=(1, 2))
    for frame in np.flatnonzero(partly):
        point, axis = np.argwhere(empty[frame])[0]
        refuse(
            frame,
            "a face must be known in full or not at all",
            f"no value for {'xy'[axis]}_{point}",
        )
    for frame, point, axis in np.argwhere(np.abs(points) > MAX_COORDINATE):
        refuse(
            frame,
            f"coordinates must be within {MAX_COORDINATE:,} pixels and finite",
            f"{'xy'[axis]}_{point}={points[frame, point, axis]}",
        )
    left, right = np.moveaxis(eyes_of(points)[..., 0], 1, 0)
    for frame in np.flatnonzero(left >= right):
        refuse(
            frame,
            "the left eye must be left of the right eye in the image",
            f"x={left[frame]:g} and x={right[frame]:g}",
        )
    if points.shape[1] == 68:
        for frame, height in flat_faces(points, eyes_of(points)):
            refuse(
                frame,
                f"expected 68 points of a face, at least {LEAST_HEIGHT} eye "
                "distances high",
                f"{height:.2g} eye distances",
            )
        wrong = order_contradictions(points, eyes_of(points))
        for frame, expected, received in wrong:
            refuse(
                frame,
                f"expected 68 points in iBUG order, {expected}",
                received,
            )
    return points


def _load_npz(path):
    try:
        arrays = read_npz(path, MAX_NPZ_BYTES)
        points = arrays.get("landmarks")
        if points is not None and points.dtype.kind not in "fiu":
            raise ValueError(f"dtype={points.dtype}")
    except ValueError as error:
        raise ValueError(
            f"{path}: is no readable .npz file of numbers ({reason_of(error)})"
        ) from None
    if points is None:
        raise ValueError(
            f"{path}: expected an array `landmarks`. Received: "
            f"{quoted(sorted(arrays))}"
        )
    return points


def _load_csv(path):
    pieces, length = [], 0
    for table in read_csv_pieces(path, MAX_CSV_BYTES):
        if len(table):
            pieces.append(_read_rows(table, path))
        length += len(table)
        if length > MAX_FRAMES:
            raise ValueError(
                f"{path}: expected landmarks of at most {MAX_FRAMES:,} frames. "
                "Received: more rows"
            )
    if not length:
        raise ValueError(f"{path}: expected landmarks. Received: no row")
    points, frames = zip(*pieces)
    points = check_landmarks(
        np.concatenate(points),
        path,
        [f"line {row + 2}" for row in range(length)],
    )
    if frames[0] is None:
        return points
    return _by_frame(points, np.concatenate(frames), path)


def _read_rows(table, path):
    """Points of some rows, and the numbers of their frames or None."""
    table = table.rename(columns=str.strip)
    names = list(table)
    count = sum(bool(re.fullmatch(r"x_\d+", name)) for name in names)
    count = 68 if count > 5 else 5
    columns = [f"{axis}_{k}" for k in range(count) for axis in "xy"]
    for name in columns:
        if name not in names:
            raise ValueError(
                f"{path}: expected columns x_0, y_0 ... of 5 or 68 points. "
                f"Received: no column {name}"
            )
    values = np.stack(
        [_numbers(table, name, path) for name in columns], axis=-1
    )
    if "success" in names:
        values[_numbers(table, "success", path) == 0] = np.nan
    elif "confidence" in names:
        values[_numbers(table, "confidence", path) < 0.5] = np.nan
    frames = _numbers(table, "frame", path) if "frame" in names else None
    return values.reshape(len(table), count, 2), frames


def _numbers(table, name, path):
    """Float64 values of a column of texts; empty cells are NaN."""
    column = table[name]
    if column.ndim != 1:
        raise ValueError(
            f"{path}: expected the column {name} once. Received: "
            f"{column.shape[1]} columns"
        )
    numbers = pd.to_numeric(column, errors="coerce").to_numpy("float64")
    wrong = np.isnan(numbers) & column.notna().to_numpy()
    for row in np.flatnonzero(wrong):
        raise ValueError(
            f"{path}, line {column.index[row] + 2}: expected a number in "
            f"column {name}. Received: {quoted(column.iloc[row])}"
        )
    return numbers


def _by_frame(points, frames, path):
    """Puts rows in the order of the column `frame`, NaN where it skips."""
    known = (frames >= 0) & (frames < 2**53)
    bad = np.flatnonzero(~known | (frames != np.round(frames)))
    if len(bad):
        raise ValueError(
            f"{path}, line {bad[0] + 2}: expected the number of a frame in "
            f"column frame. Received: {frames[bad[0]]:g}"
        )
    frames = frames.astype("int64")
    first = frames.min()
    if first > 1:
        raise ValueError(
            f"{path}: expected frames counted from 0 or 1 in column frame. "
            f"Received: {first} as the first"
        )
    places, rows = np.unique(frames, return_index=True)
    if len(places) != len(frames):
        again = np.setdiff1d(np.arange(len(frames)), rows)[0]
        raise ValueError(
            f"{path}, line {again + 2}: expected one face per frame in "
            f"column frame. Received: frame {frames[again]} once more"
        )
    length = int(places[-1] - first) + 1
    if length > min(100 * len(frames), MAX_FRAMES):
        raise ValueError(
            f"{path}: expected frames in sequence in column frame. Received: "
            f"frame {places[-1]} in a table of {len(frames)} rows"
        )
    ordered = np.full((length, *points.shape[1:]), np.nan)
    ordered[places - first] = points[rows]
    return ordered
