"""Small folders in the layouts of the photograph databases."""

import cv2
import numpy as np
import openpyxl

SCORES = "Full Attribute Scores/psychology attributes"
LABELS = "Full Attribute Scores/demographic & others labels"
ANNOTATED = "Face Annotations/Images and Annotations"
#: Columns of the scores; the database has forty ratings.
COLUMNS = (
    "Filename",
    "Image #",
    "attractive",
    "confident",
    "happy",
    "intelligent",
    "kind",
)
#: Rows of the sheet `Final Values`: name, number, ratings.
SCORE_ROWS = (
    ("Google_1_Ann Example_5_oval.jpg", 1, 4.5, 5.25, 7.125, 6.0, 5.0),
    ("Google_1_Bob Example_2_oval.jpg", 2, 3.0, 6.5, 2.5, 5.75, 4.0),
    ("Google_1_Eve Example_9_oval.jpg", 3, 8.0, 1.0, 9.0, 4.25, 6.0),
)


def write_picture(path, size=(40, 32), seed=0):
    """A picture of its own; `size` is width, height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
    assert cv2.imwrite(str(path), picture)
    return path


def write_workbook(path, sheets):
    """A workbook of sheets, each a list of rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def write_us_adult_faces(root, rows=SCORE_ROWS, genders=None):
    """A folder of the 10k US Adult Faces Database with three photographs.

    Args:
        root: Folder.
        rows: Rows of `COLUMNS`.
        genders: Codes of gender; None: without the labels.
    """
    raters = [(*row[:2], *(r + d for r in row[2:])) for row in rows[:2]
              for d in (-0.5, 0.5)]  # fmt: skip
    spread = [(*row[:2], *(0.5 for _ in row[2:])) for row in rows]
    write_workbook(
        root / SCORES / "psychology-attributes.xlsx",
        {
            "All Data": [COLUMNS, *raters],
            "Final Values": [COLUMNS, *rows],
            "StDev Values": [COLUMNS, *spread],
        },
    )
    if genders is not None:
        header = ("Filename", "Image #", "Age", "Attractive", "Gender")
        labels = [(*row[:2], 3, 3.5, g) for row, g in zip(rows, genders)]
        write_workbook(
            root / LABELS / "demographic-others-labels.xlsx",
            {
                "All Data": [header],
                "Final Values": [header, *labels],
            },
        )
    for _, number, *_ in rows:
        write_picture(root / ANNOTATED / f"{number}.jpg", seed=number)
        points = np.arange(2 * 77).reshape(77, 2) / 4 + number
        np.savetxt(
            root / ANNOTATED / f"{number}_landmarks.txt", points, fmt="%.2f"
        )
    return root


def write_kdef(root, subjects=("F01", "M02"), sessions="AB", angles=("S",)):
    """A folder of the KDEF: all seven expressions of some people."""
    for subject in subjects:
        for session in sessions:
            for expression in ("AF", "AN", "DI", "HA", "NE", "SA", "SU"):
                for angle in angles:
                    stem = f"{session}{subject}"
                    name = f"{stem}{expression}{angle}.JPG"
                    write_picture(root / stem / name, size=(28, 38))
    return root
