"""Where photographs come from: a table, a database folder, drawn ones."""

from pathlib import Path

from fdin_tf.data.cache import default_cache_dir
from fdin_tf.data.images import read_image_table
from fdin_tf.data.kdef import kdef_files
from fdin_tf.data.kdef import load_kdef
from fdin_tf.data.synthetic import face_scenes
from fdin_tf.data.synthetic.face_attribute_set import make_face_attributes
from fdin_tf.data.synthetic.face_scenes import FACE_ATTRIBUTE_SETS
from fdin_tf.data.synthetic.photograph_set import is_photograph_set
from fdin_tf.data.synthetic.photograph_set import load_photographs
from fdin_tf.data.synthetic.photograph_set import make_photographs
from fdin_tf.data.synthetic.photographs import GENERATOR_VERSION
from fdin_tf.data.synthetic.photographs import PHOTOGRAPH_SETS
from fdin_tf.data.us_adult_faces import find_scores
from fdin_tf.data.us_adult_faces import load_us_adult_faces
from fdin_tf.progress import progress_bar


def load_photograph_table(source=None, embedded="demo", cache_dir=None):
    """Image table of what the user points at, or of drawn photographs.

    Args:
        source: A CSV file with an image table, or a folder of the 10k US
            Adult Faces Database, of the KDEF or of drawn photographs, told
            by what it holds; None for the embedded photographs, which are
            drawn at the first use.
        embedded: Name of an embedded set, see `PHOTOGRAPH_SETS`.
        cache_dir: Folder that the embedded photographs are drawn to; None for
            the user's cache folder.

    Returns:
        The image table, see `read_image_table`.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the folder is none of these, or something in it is not
            valid.
    """
    if source is None:
        return load_photographs(embedded_photographs(embedded, cache_dir))
    source = Path(source)
    if not source.exists():
        raise FileNotFoundError(
            "Expected an image table (CSV) or the folder of a database; there "
            f"is no such file or folder. Received: data_dir={source}"
        )
    if source.is_file():
        return read_image_table(source)
    if is_photograph_set(source):
        return load_photographs(source)
    if find_scores(source):
        return load_us_adult_faces(source)
    if any(kdef_files(source)):
        return load_kdef(source)
    raise ValueError(
        "Expected a folder of the 10k US Adult Faces Database (with psychology"
        "-attributes.xlsx) or of the KDEF (with photographs such as "
        f"AF01HAS.JPG). Received: data_dir={source}"
    )


def embedded_photographs(name="demo", cache_dir=None, config=None):
    """Folder of an embedded set; draws what is missing, with a progress bar.

    Args:
        name: Name of the set, and of its folder.
        cache_dir: See `load_photograph_table`.
        config: `PhotographsConfig` of a set of one's own; None for that of
            `PHOTOGRAPH_SETS`.

    Raises:
        ValueError: If there is no set of that name.
    """
    return _embedded(
        f"photographs-{name}-{GENERATOR_VERSION}",
        make_photographs,
        config or _named(PHOTOGRAPH_SETS, name),
        cache_dir,
        "Embedded photographs",
    )


def embedded_face_attributes(name="demo", cache_dir=None, config=None):
    """Folder of an embedded set of faces in the layouts of CelebA and FotW.

    Draws what is missing, with a progress bar. The sub-folders `celeba` and
    `fotw` are what `load_celeba` and `load_fotw` read, see
    `make_face_attributes`.

    Args:
        name: Name of the set, and of its folder.
        cache_dir: See `load_photograph_table`.
        config: `FaceAttributesConfig` of a set of one's own; None for that
            of `FACE_ATTRIBUTE_SETS`.

    Raises:
        ValueError: If there is no set of that name.
    """
    return _embedded(
        f"face-attributes-{name}-{face_scenes.GENERATOR_VERSION}",
        make_face_attributes,
        config or _named(FACE_ATTRIBUTE_SETS, name),
        cache_dir,
        "Embedded faces",
    )


def _named(sets, name):
    """The config of that name."""
    if name not in sets:
        raise ValueError(
            f"Expected an embedded set of {', '.join(sets)}. "
            f"Received: embedded={name!r}"
        )
    return sets[name]


def _embedded(folder, make, config, cache_dir, title):
    """Folder of a set, complete."""
    root = Path(cache_dir or default_cache_dir()) / "embedded" / folder
    with progress_bar() as bar:
        task = bar.add_task(title, total=None, note="")
        make(
            root,
            config,
            progress=lambda done, total: bar.update(
                task, completed=done, total=total
            ),
        )
    return root
