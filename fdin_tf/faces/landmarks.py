"""Landmarks that the user brings: OpenFace and py-feat tables, and .npz."""

import re
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from fdin_tf.faces.ibug import LEAST_HEIGHT
from fdin_tf.faces.ibug import flat_faces
from fdin_tf.faces.ibug import order_contradictions

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
            order; with file, column and line.
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
            only, a value is infinite, the eyes are exchanged, or 68 points
            lie on one line (see `flat_faces`) or are not in iBUG order (see
            `order_contradictions`).
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
    for frame, point, axis in np.argwhere(np.isinf(points)):
        refuse(
            frame,
            "coordinates must be finite",
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
        with np.load(path, allow_pickle=False) as arrays:
            names = sorted(arrays)
            points = arrays["landmarks"] if "landmarks" in names else None
        if points is not None:
            points = points.astype("float64")
    except (OSError, EOFError, TypeError, ValueError, BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{path}: is no readable .npz file of numbers ({reason})"
        ) from None
    if points is None:
        raise ValueError(
            f"{path}: expected an array `landmarks`. Received: {names}"
        )
    return points


def _load_csv(path):
    try:
        table = pd.read_csv(path, dtype=str, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: is no table ({reason})") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: is no table (not text)") from None
    table.columns = table.columns.str.strip()
    if not len(table):
        raise ValueError(f"{path}: expected landmarks. Received: no row")

    count = sum(bool(re.fullmatch(r"x_\d+", name)) for name in table)
    count = 68 if count > 5 else 5
    columns = [f"{axis}_{k}" for k in range(count) for axis in "xy"]
    lacking = [name for name in columns if name not in table]
    if lacking:
        raise ValueError(
            f"{path}: expected columns x_0, y_0 ... of 5 or 68 points. "
            f"Received: no column {lacking[0]}"
        )
    values = np.stack(
        [_numbers(table[name], path) for name in columns], axis=-1
    )
    if "success" in table:
        values[_numbers(table["success"], path) == 0] = np.nan
    elif "confidence" in table:
        values[_numbers(table["confidence"], path) < 0.5] = np.nan
    points = values.reshape(len(table), count, 2)
    points = check_landmarks(
        points, path, [f"line {row + 2}" for row in range(len(table))]
    )
    if "frame" in table:
        points = _by_frame(points, _numbers(table["frame"], path), path)
    return points


def _numbers(column, path):
    """Float64 values of a text column; empty cells are NaN."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy("float64")
    wrong = np.isnan(numbers) & column.notna().to_numpy()
    for row in np.flatnonzero(wrong):
        raise ValueError(
            f"{path}, line {row + 2}: expected a number in column "
            f"{column.name}. Received: {column.iloc[row]!r}"
        )
    return numbers


def _by_frame(points, frames, path):
    """Puts rows in the order of the column `frame`, NaN where it skips."""
    bad = np.flatnonzero(~(frames >= 0) | (frames != np.round(frames)))
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
    if length > 100 * len(frames):
        raise ValueError(
            f"{path}: expected frames in sequence in column frame. Received: "
            f"frame {places[-1]} in a table of {len(frames)} rows"
        )
    ordered = np.full((length, *points.shape[1:]), np.nan)
    ordered[places - first] = points[rows]
    return ordered
