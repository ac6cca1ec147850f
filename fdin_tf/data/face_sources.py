"""Where faces with attributes come from: a table, CelebA, FotW, drawn ones."""

from pathlib import Path

from fdin_tf.data.celeba import ATTRIBUTE_LIST
from fdin_tf.data.celeba import load_celeba
from fdin_tf.data.database_files import list_folders
from fdin_tf.data.face_images import SPLITS
from fdin_tf.data.fotw import FOTW_PARTS
from fdin_tf.data.fotw import load_fotw
from fdin_tf.data.images import read_image_table
from fdin_tf.data.synthetic.face_attribute_set import is_face_attribute_set

_DATABASES = "CelebA or FotW"


def load_face_table(source, genders=None, splits=None, verify=False):
    """Face image table of what the user points at.

    Args:
        source: A CSV file with a face image table, or a folder of CelebA or
            of FotW, told by what it holds.
        genders: Gender by the code of FotW, see `load_fotw`.
        splits: Parts that are wanted, of `SPLITS`; None for all. Of FotW no
            other part is read, so that it may be missing; of CelebA and of a
            table all is read. A table without the column `split` is given as
            it is.
        verify: Whether the lists of CelebA must be the published ones, see
            `load_celeba`; nothing else can be verified.

    Returns:
        The face image table, see `read_image_table`, indexed from 0.

    Raises:
        FileNotFoundError: If there is no such file or folder, or a part of
            FotW that is wanted is not there.
        ValueError: If the folder is none of these, something in it is not
            valid, or a part that is wanted has no image.
    """
    source = Path(source)
    if splits is not None and (not splits or not set(splits) <= set(SPLITS)):
        raise ValueError(
            f"Expected parts of {', '.join(SPLITS)}, or None for all. "
            f"Received: splits={splits!r}"
        )
    if not source.exists():
        raise FileNotFoundError(
            "Expected an image table (CSV) or the folder of a database; there "
            f"is no such file or folder. Received: {source}"
        )
    if source.is_file():
        return _parts(read_image_table(source), splits, source)
    folders = list_folders(source, _DATABASES)
    names = {name for of in folders.values() for name in of}
    if ATTRIBUTE_LIST in names:
        return _parts(load_celeba(source, verify=verify), splits, source)
    if names & {annotations for annotations, _ in FOTW_PARTS.values()}:
        return load_fotw(source, genders or {}, splits)
    raise ValueError(
        f"Expected a folder of CelebA (with {ATTRIBUTE_LIST}) or of FotW "
        f"(with {FOTW_PARTS['train'][0]}). Received: {source}"
    )


def is_drawn(source):
    """Whether what the user points at holds drawn faces, not photographs.

    Args:
        source: A file or a folder, as of `load_face_table`.

    Returns:
        True for a set of `make_face_attributes`: for its folder, for those
        right inside it, `celeba` and `fotw`, and for a folder above it.

    Raises:
        FileNotFoundError: If there is no such file or folder.
    """
    source = Path(source).resolve()
    if is_face_attribute_set(source.parent):
        return True
    if source.is_file():
        return False
    return any(map(is_face_attribute_set, list_folders(source, _DATABASES)))


def _parts(images, splits, source):
    """Rows of the parts that are wanted, each of which must have some."""
    if splits is None or "split" not in images:
        return images
    missing = [part for part in splits if not (images.split == part).any()]
    if missing:
        raise ValueError(
            f"{source}: expected images of the parts {', '.join(splits)}. "
            f"Received: none of {', '.join(missing)}"
        )
    return images[images.split.isin(splits)].reset_index(drop=True)
