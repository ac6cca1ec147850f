"""Where clips come from: a clip table, a database folder, embedded clips."""

from pathlib import Path

from fdin_tf.data.cache import default_cache_dir
from fdin_tf.data.clips import read_clip_table
from fdin_tf.data.synthetic import SYNTHETIC_SETS
from fdin_tf.data.synthetic import make_synthetic
from fdin_tf.data.synthetic.truth import GENERATOR_VERSION
from fdin_tf.data.uva_nemo import load_uva_nemo
from fdin_tf.progress import progress_bar


def load_clips(source=None, embedded="natural", cache_dir=None):
    """Clip table of what the user points at, or of the embedded clips.

    Args:
        source: A CSV file with a clip table, or a folder in the layout of the
            UvA-NEMO Smile database; None for the embedded synthetic clips,
            which are drawn at the first use.
        embedded: Name of an embedded set, see `SYNTHETIC_SETS`.
        cache_dir: Folder that the embedded clips are drawn to; None for the
            user's cache folder.

    Returns:
        The clip table, see `read_clip_table`.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If something in it is not valid.
    """
    if source is None:
        return load_uva_nemo(embedded_clips(embedded, cache_dir))
    if not Path(source).exists():
        raise FileNotFoundError(
            "Expected a clip table (CSV) or the folder of a database; there "
            f"is no such file or folder. Received: data_dir={source}"
        )
    if Path(source).is_file():
        return read_clip_table(source)
    return load_uva_nemo(source)


def embedded_clips(name="natural", cache_dir=None, config=None):
    """Folder of an embedded set; draws what is missing, with a progress bar.

    Args:
        name: Name of the set, and of its folder.
        cache_dir: See `load_clips`.
        config: `SyntheticConfig` of a set of one's own; None for that of
            `SYNTHETIC_SETS`.

    Raises:
        ValueError: If there is no set of that name.
    """
    if config is None and name not in SYNTHETIC_SETS:
        raise ValueError(
            f"Expected an embedded set of {', '.join(SYNTHETIC_SETS)}. "
            f"Received: embedded={name!r}"
        )
    root = Path(cache_dir or default_cache_dir()) / "embedded"
    folder = root / f"{name}-{GENERATOR_VERSION}"
    with progress_bar() as bar:
        task = bar.add_task("Embedded clips", total=None, note="")
        make_synthetic(
            folder,
            config or SYNTHETIC_SETS[name],
            progress=lambda done, total: bar.update(
                task, completed=done, total=total
            ),
        )
    return folder
