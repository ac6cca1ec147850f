"""Where faces with attributes come from: a table, CelebA, FotW, drawn ones."""

from pathlib import Path

from fdin_tf.data.celeba import load_celeba
from fdin_tf.data.database_files import list_folders
from fdin_tf.data.fotw import FOTW_PARTS
from fdin_tf.data.fotw import load_fotw
from fdin_tf.data.images import read_image_table

#: What a folder of CelebA holds.
CELEBA_FILE = "list_attr_celeba.txt"


def load_face_table(source, genders=None):
    """Face image table of what the user points at.

    Args:
        source: A CSV file with a face image table, or a folder of CelebA or
            of FotW, told by what it holds.
        genders: Gender by the code of FotW, see `load_fotw`.

    Returns:
        The face image table, see `read_image_table`.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the folder is none of these, or something in it is not
            valid.
    """
    source = Path(source)
    if not source.exists():
        raise FileNotFoundError(
            "Expected an image table (CSV) or the folder of a database; there "
            f"is no such file or folder. Received: {source}"
        )
    if source.is_file():
        return read_image_table(source)
    folders = list_folders(source, "CelebA or FotW")
    names = {name for of in folders.values() for name in of}
    if CELEBA_FILE in names:
        return load_celeba(source)
    if names & {annotations for annotations, _ in FOTW_PARTS.values()}:
        return load_fotw(source, genders or {})
    raise ValueError(
        f"Expected a folder of CelebA (with {CELEBA_FILE}) or of FotW (with "
        f"gender_fex_trset.csv). Received: {source}"
    )
