"""Faults that a process does to itself, at an exact point of its work.

A point is a change of a file system that Python is about to make, or a
transaction of MLflow's store that is about to be completed, as text:
`os.rename cache/runs/...`. Paths are relative to the working folder, and what
is random in them is written as `*`.
"""

import os
import re
import resource
import shutil
import signal
import sys
import time
from pathlib import Path

import keras
from sqlalchemy import event
from sqlalchemy.engine import Engine

_CHANGES = (
    "os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link", "open",
    "shutil.rmtree",
)  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_RANDOM = re.compile(
    r"\d+-[0-9a-f]+@[^/]+(?=\.tmp)|(?<=uploading\.)\w+|[0-9a-f]{32}"
)
_SIGNALS = {
    "kill": signal.SIGKILL,
    "interrupt": signal.SIGINT,
    "terminate": signal.SIGTERM,
}


def inject(faults):
    """Prepares this process for faults.

    Args:
        faults: Dict with any of these. `record`: file that gets the points,
            one a line. `at`: a regular expression; at the first point that
            it matches, `do` is done: `kill`, `interrupt`, `terminate`,
            `remove` what `path` names, or `fill` the disk: from then on no
            file can grow beyond `room` bytes, and the disk is told to be
            full where `room` is none. `store`: MLflow's store.
            `clock`: seconds that the clock goes back at every look.
            `overshoot`: the epoch, from 0, that has a learning rate of 1e30.
    """
    if "record" in faults or "at" in faults:
        watch(faults)
    if "store" in faults:
        os.environ["MLFLOW_TRACKING_URI"] = faults["store"]
    if "clock" in faults:
        turn_back(faults["clock"])
    if "overshoot" in faults:
        overshoot(faults["overshoot"])


def watch(faults):
    root = Path.cwd()
    record = "record" in faults and open(faults["record"], "w")  # noqa: SIM115
    pattern = "at" in faults and re.compile(faults["at"])

    def look(point):
        nonlocal pattern
        if record:
            record.write(f"{point}\n")
            record.flush()
        if pattern and pattern.search(point):
            pattern = None
            act(**{k: faults[k] for k in ("do", "path", "room") if k in faults})

    def hook(name, arguments):
        if name in _CHANGES:
            path = changed_path(name, arguments)
            if path is not None and path.is_relative_to(root):
                path = _RANDOM.sub("*", str(path.relative_to(root)))
                look(f"{name} {path}")

    sys.addaudithook(hook)
    event.listen(Engine, "commit", lambda _: look("commit mlflow.db"))


def changed_path(name, arguments):
    """Absolute path that an audit event is about to change, or None."""
    path = arguments[1] if name in ("os.rename", "os.link") else arguments[0]
    if name == "open" and not (arguments[2] or 0) & _WRITES:
        return None
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None
    path = Path(os.fsdecode(path))
    folder = arguments[-1]
    if name in ("os.remove", "os.rmdir") and folder not in (None, -1):
        return Path(os.readlink(f"/proc/self/fd/{folder}")) / path
    return path.absolute()


def act(do, path=None, room=None):
    if do == "remove":
        shutil.rmtree(path)
    elif do == "fill":
        if room == 0:
            usage = shutil.disk_usage("/")._replace(free=0)
            shutil.disk_usage = lambda _: usage
            return
        # Python ignores the signal, so that writing beyond it is an error.
        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
    else:
        os.kill(os.getpid(), _SIGNALS[do])


def turn_back(seconds):
    """Lets the clock run backwards, for all that Python asks."""
    start, looks = time.time(), 0

    def backwards():
        nonlocal looks
        looks += 1
        return start - seconds * looks

    time.time = backwards
    time.time_ns = lambda: int(1e9 * backwards())


def overshoot(epoch):
    """Lets a training leave all bounds in one of its epochs."""
    on_epoch_begin = keras.callbacks.LearningRateScheduler.on_epoch_begin

    def begin(self, number, logs=None):
        on_epoch_begin(self, number, logs)
        if number == epoch:
            self.model.optimizer.learning_rate = 1e30

    keras.callbacks.LearningRateScheduler.on_epoch_begin = begin
