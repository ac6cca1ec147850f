"""Locks: one process at a time, and none that is dead."""

import os
import subprocess
import sys
import time

import pytest

from fdin_tf.data import locks
from fdin_tf.data.locks import FolderInUseError
from fdin_tf.data.locks import hold

# The module alone: the package would import TensorFlow.
IMPORT = f"""
import runpy, sys
locks = runpy.run_path({locks.__file__!r})
hold, FolderInUseError = locks["hold"], locks["FolderInUseError"]
"""
HOLDER = """
import time
with hold(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process, which holds `tmp_path / "run"`."""
    process = subprocess.Popen(
        [sys.executable, "-c", IMPORT + HOLDER, tmp_path / "run"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_the_first_is(holder, tmp_path):
    with (
        pytest.raises(FolderInUseError, match=rf"run .*process {holder.pid};"),
        hold(tmp_path / "other", tmp_path / "run"),
    ):
        pass
    with hold(tmp_path / "other"):
        assert (tmp_path / "other.lock").read_text() == str(os.getpid())


def test_a_process_that_was_killed_holds_nothing(holder, tmp_path):
    holder.kill()
    holder.wait()
    with hold(tmp_path / "run"):
        assert (tmp_path / "run.lock").read_text() == str(os.getpid())
    assert not list(tmp_path.iterdir())


def test_the_same_process_may_enter_again(tmp_path):
    with hold(tmp_path / "run"), hold(tmp_path / "run"):
        pass
    with hold(tmp_path / "run"):
        assert (tmp_path / "run.lock").exists()


def test_of_many_that_want_it_one_at_a_time_has_it(tmp_path):
    """Each adds one to a number, as often as it gets in."""
    number = tmp_path / "number"
    number.write_text("0")
    code = (
        "import pathlib\n"
        "number, wins = pathlib.Path(sys.argv[1]), 0\n"
        "while wins < 50:\n"
        "    try:\n"
        "        with hold(number):\n"
        "            number.write_text(str(int(number.read_text()) + 1))\n"
        "            wins += 1\n"
        "    except FolderInUseError:\n"
        "        pass\n"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", IMPORT + code, number])
        for _ in range(3)
    ]
    deadline = time.monotonic() + 120
    for worker in workers:
        assert worker.wait(deadline - time.monotonic()) == 0
    assert number.read_text() == "150"
