"""What the cache holds, and how to empty it.

    python -m recipes.cache                   # list
    python -m recipes.cache --clear runs      # forget runs, keep features

Rooms: `embedded` (drawn clips and photographs), `tracks` (where the face is in
every frame), `features` (encoded frames, and descriptors of clips), `crops`
(faces, with landmarks where known), `face_points` (faces found in photographs),
`runs` (checkpoints and results).
"""

import dataclasses
import shutil
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console
from rich.table import Table

from fdin_tf.data.cache import default_cache_dir
from recipes.cli import run_recipe

ROOMS = ("embedded", "tracks", "features", "crops", "face_points", "runs")


@dataclasses.dataclass(frozen=True)
class Config:
    """Lists or clears the cache.

    Attributes:
        clear: Rooms to empty; `all` for every one.
        cache_dir: Folder of the cache; None for the user's cache folder.
    """

    clear: tuple[Literal[*ROOMS, "all"], ...] = ()
    cache_dir: Path | None = None


def run(config):
    """Clears what was asked for; returns and prints what is there then."""
    root = Path(config.cache_dir or default_cache_dir())
    for room in ROOMS if "all" in config.clear else config.clear:
        shutil.rmtree(root / room, ignore_errors=True)
    found = {room: _size(root / room) for room in ROOMS}
    table = Table(title=str(root), title_justify="left")
    for name in ("room", "files", "MB"):
        table.add_column(name, justify="left" if name == "room" else "right")
    for room, (files, size) in found.items():
        table.add_row(room, str(files), f"{size / 1e6:.1f}")
    Console(markup=False).print(table)  # a folder's name may have brackets
    return found


def _size(folder):
    """Number of files and bytes; files under two names count once."""
    files = {}
    for path in folder.rglob("*"):
        if path.is_file():
            status = path.stat()
            files[status.st_dev, status.st_ino] = status.st_size
    return len(files), sum(files.values())


if __name__ == "__main__":
    run_recipe(run, tyro.cli(Config, description=__doc__))
