"""Adapter of the Karolinska Directed Emotional Faces (KDEF).

Lundqvist, Flykt and Ohman, 1998; Goeleven et al., "The Karolinska Directed
Emotional Faces: A validation study", Cognition and Emotion, 2008. 70 people
show seven expressions, seen from five angles, in two sessions.
"""

import os
import re
import warnings
from pathlib import Path

import pandas as pd

from fdin_tf.data.images import check_images

DATABASE = "KDEF"

GENDERS = {"F": "female", "M": "male"}
EXPRESSIONS = {
    "AF": "afraid",
    "AN": "angry",
    "DI": "disgusted",
    "HA": "happy",
    "NE": "neutral",
    "SA": "sad",
    "SU": "surprised",
}
ANGLES = {
    "FL": "full left",
    "HL": "half left",
    "S": "frontal",
    "HR": "half right",
    "FR": "full right",
}
#: Session, gender, number of the person, expression and angle: AF01HAS.JPG.
FILE_NAME = re.compile(
    r"([AB])([FM])(\d{2})"
    rf"({'|'.join(EXPRESSIONS)})({'|'.join(ANGLES)})\.(?:JPG|JPEG)",
    re.IGNORECASE,
)
_IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
_NUM_NAMED = 5


def load_kdef(root):
    """Image table of a folder of the KDEF.

    Args:
        root: The folder; photographs such as `AF01HAS.JPG` lie in it or below.

    Returns:
        The image table, sorted by `image_id`, which is the file name without
        its ending, in capitals. `subject` is gender and number (`F01`), the
        same in both sessions, `expression` one of the words of `EXPRESSIONS`,
        and the further columns `angle` and `session` are one of the words of
        `ANGLES`, and `A` or `B`. `age` is empty: it is not known of the
        single person.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If no photograph is named as the KDEF's are, or if one is
            there twice.

    Warns:
        UserWarning: If images with other names are there; they are counted,
            named and left out.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(
            f"Expected a folder of the KDEF. Received: data_dir={root}"
        )
    rows, others = [], []
    for path in kdef_files(root, others):
        session, gender, number, expression, angle = FILE_NAME.fullmatch(
            path.name.upper()
        ).groups()
        rows.append(
            {
                "image_id": path.stem.upper(),
                "path": str(path),
                "subject": gender + number,
                "age": None,
                "gender": GENDERS[gender],
                "expression": EXPRESSIONS[expression],
                "angle": ANGLES[angle],
                "session": session,
                "database": DATABASE,
            }
        )
    named = ", ".join(others[:_NUM_NAMED])
    named += ", ..." if len(others) > _NUM_NAMED else ""
    if not rows:
        raise ValueError(
            f"Expected photographs of the KDEF, such as AF01HAS.JPG, in {root}"
            f" or below. Received: {len(others)} images with other names"
            + (f": {named}" if others else "")
        )
    if others:
        warnings.warn(
            f"{root}: {len(others)} of {len(rows) + len(others)} images are "
            f"not named as the KDEF's are and are left out: {named}",
            stacklevel=2,
        )
    table = pd.DataFrame(rows).sort_values("image_id", ignore_index=True)
    return check_images(table, source=str(root))


def kdef_files(root, others=None):
    """Paths of the photographs that are named as the KDEF's are.

    Args:
        root: The folder.
        others: List that takes the names of other images, relative to `root`.

    Yields:
        Paths, sorted by folder and name.
    """
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            if FILE_NAME.fullmatch(name):
                yield path
            elif others is not None and path.suffix.lower() in _IMAGES:
                others.append(str(path.relative_to(root)))


def expression_pairs(images, first, second, angle="frontal"):
    """The same person with two expressions, in one session, from one angle.

    Of a pair only the expression differs, as in section 3.4 of Arbabzadah et
    al. (GCPR 2016). Who lacks one of the two is left out.

    Args:
        images: Image table of `load_kdef`.
        first: An expression, such as `"happy"`.
        second: Another one, such as `"sad"`.
        angle: One of the words of `ANGLES`.

    Returns:
        DataFrame with one row per pair, sorted by subject and session:
        `subject`, `session`, `gender`, and two columns called as the
        expressions are, with image ids.

    Raises:
        ValueError: If an expression or the angle is not one of these, if the
            expressions are equal, or if there is no pair.

    Example:

    >>> images = pd.DataFrame({
    ...     "image_id": ["AF01HAS", "AF01SAS", "BF01HAS"], "subject": "F01",
    ...     "gender": "female", "session": ["A", "A", "B"],
    ...     "expression": ["happy", "sad", "happy"], "angle": "frontal"})
    >>> expression_pairs(images, "happy", "sad").happy.tolist()
    ['AF01HAS']
    """
    words = tuple(EXPRESSIONS.values())
    if first == second or not {first, second} <= set(words):
        raise ValueError(
            f"Expected two different expressions of {', '.join(words)}. "
            f"Received: first={first!r}, second={second!r}"
        )
    if angle not in ANGLES.values():
        raise ValueError(
            f"Expected an angle of {', '.join(ANGLES.values())}. Received: "
            f"angle={angle!r}"
        )
    same = ["subject", "session", "gender"]
    sides = [
        images[(images.expression == word) & (images.angle == angle)]
        .rename(columns={"image_id": word})[[*same, word]]
        for word in (first, second)
    ]  # fmt: skip
    pairs = sides[0].merge(sides[1], on=same)
    if pairs.empty:
        raise ValueError(
            f"Expected a person who is {first} and {second} in one session, "
            f"seen {angle}. Received: images with {len(sides[0])} and "
            f"{len(sides[1])} of these"
        )
    return pairs.sort_values(same, ignore_index=True)
