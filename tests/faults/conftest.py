"""The main job as a process that meets faults; its undisturbed result."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.results import read_results

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a process ended: exit code (-9: killed) and what it printed."""

    code: int
    log: str

    @property
    def error(self):
        """The one line that a mistake ends with."""
        assert self.code == 2, self.log
        assert "Traceback" not in self.log, self.log
        (line,) = [x for x in self.log.splitlines() if x.startswith("error: ")]
        assert self.log.rstrip().endswith(line), self.log
        return line


class Recipes:
    """Starts `recipes.age_cv smoke` with faults."""

    def __init__(self):
        self.server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.recipe_server"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={
                **os.environ,
                # One thread, so that sums keep their order.
                "OMP_NUM_THREADS": "1",
                "TF_NUM_INTRAOP_THREADS": "1",
                "TF_NUM_INTEROP_THREADS": "1",
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
        )  # fmt: skip

    def ask(self, order):
        self.server.stdin.write(json.dumps(order) + "\n")
        self.server.stdin.flush()
        return int(self.server.stdout.readline())

    def start(self, folder, *words, cache=None, **faults):
        """Begins; returns what `wait` takes."""
        words = ["smoke", "--cache-dir", cache or folder / "cache", *words]
        order = {
            "folder": str(folder),
            "words": [str(word) for word in words],
            "faults": faults,
        }
        return self.ask(order), folder

    def wait(self, process, folder):
        code = self.ask({"wait": process})
        return Ended(code, (folder / "log.txt").read_text())

    def run(self, folder, *words, **faults):
        """Runs to the end: `Ended`."""
        return self.wait(*self.start(folder, *words, **faults))

    def close(self):
        self.server.stdin.close()
        self.server.wait(60)
        self.server.stdout.close()


@pytest.fixture(scope="session")
def recipes():
    """`Recipes`, which import TensorFlow once."""
    server = Recipes()
    yield server
    server.close()


@pytest.fixture(scope="session")
def undisturbed(recipes, tmp_path_factory):
    """Folder of an undisturbed run; its points are in `points.txt`."""
    folder = tmp_path_factory.mktemp("undisturbed")
    ended = recipes.run(folder, record=str(folder / "points.txt"))
    assert ended.code == 0, ended.log
    return folder


@pytest.fixture(scope="session")
def expected(undisturbed):
    """What an undisturbed run finds, see `read_results`."""
    return read_results(undisturbed)
