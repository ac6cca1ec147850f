"""Small folders in the layouts of CelebA and of FotW."""

import numpy as np

from fdin_tf.data.face_images import CELEBA_ATTRIBUTES
from tests.data.image_folders import write_picture

LANDMARK_NAMES = (
    "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y "
    "leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
)
BOX_NAMES = "image_id x_1 y_1 width height"
FOTW_HEADER = (
    "image_name, bbox_x, bbox_y, bbox_width, bbox_height, gender, smile"
)
#: Of an image of CelebA: number, person, part and points.
CELEBA_ROWS = (
    (1, 2880, 0, (69, 109, 106, 113, 77, 142, 73, 152, 108, 154)),
    (2, 2937, 0, (69, 110, 107, 112, 81, 135, 70, 151, 108, 153)),
    (3, 2880, 0, (76, 112, 104, 106, 108, 128, 74, 156, 98, 158)),
    (4, 77, 1, (72, 113, 108, 108, 101, 138, 71, 155, 101, 151)),
    (5, 9, 2, (66, 114, 112, 112, 86, 119, 71, 147, 104, 150)),
)


def celeba_signs(number):
    """Forty values, -1 or 1, that differ between images."""
    return np.random.default_rng(number).choice([-1, 1], 40)


def write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(str, lines)) + "\n")
    return path


def write_celeba(root, rows=CELEBA_ROWS, annotations="Anno", partition="Eval",
                 images="Img/img_align_celeba"):  # fmt: skip
    """A folder of CelebA, as the archives unpack; blanks as in the files."""
    names = [f"{number:06d}.jpg" for number, *_ in rows]

    def lines(values, width):
        return [
            f"{name} " + " ".join(f"{v:{width}d}" for v in row)
            for name, row in zip(names, values)
        ]

    write_lines(
        root / annotations / "list_attr_celeba.txt",
        [len(rows), " ".join(CELEBA_ATTRIBUTES) + " ",
         *lines([celeba_signs(row[0]) for row in rows], 2)],
    )  # fmt: skip
    points = [row[3] for row in rows]
    for name in ("list_landmarks_align_celeba", "list_landmarks_celeba"):
        write_lines(
            root / annotations / f"{name}.txt",
            [len(rows), LANDMARK_NAMES, *lines(points, 4)],
        )
        points = 2 * np.array(points)  # the originals are larger
    write_lines(
        root / annotations / "list_bbox_celeba.txt",
        [len(rows), BOX_NAMES,
         *lines([(95 + row[0], 71, 226, 313) for row in rows], 3)],
    )  # fmt: skip
    write_lines(
        root / annotations / "identity_CelebA.txt",
        [f"{name} {row[1]}" for name, row in zip(names, rows)],
    )
    write_lines(
        root / partition / "list_eval_partition.txt",
        [f"{name} {row[2]}" for name, row in zip(names, rows)],
    )
    for name, row in zip(names, rows):
        write_picture(root / images / name, size=(178, 218), seed=row[0])
    return root


#: Rows of FotW: name, box, code of gender, code of smile.
FOTW_ROWS = {
    "gender_fex_trset.csv": [
        ("00002.jpg", 12, 8, 20, 20, 1, 1),
        ("00001.jpg", 3, -2, 15, 16, 0, 0),
        ("00003.jpg", 5, 6, 18, 18, 2, 1),
    ],
    "gender_fex_valset.csv": [("00004.jpg", 1, 2, 30, 24, 0, 1)],
    "test_gt.csv": [("00001.jpg", 4, 4, 20, 21, 1, 0)],
}
FOTW_FOLDERS = {
    "gender_fex_trset.csv": "smiles_trset",
    "gender_fex_valset.csv": "smiles_valset",
    "test_gt.csv": "track3_all",
}


def write_fotw(root, rows=FOTW_ROWS, header=FOTW_HEADER, beside=True):
    """A folder of FotW; annotations beside the folders, or in them."""
    for name, images in rows.items():
        folder = root / FOTW_FOLDERS[name]
        write_lines(
            (root if beside else folder) / name,
            [header, *(",".join(map(str, row)) for row in images)],
        )
        for number, (image, *_) in enumerate(images):
            write_picture(folder / image, seed=number)
    return root
