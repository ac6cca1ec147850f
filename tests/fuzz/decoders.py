"""Decoders in a process of their own, which they may crash or exhaust.

    python -m tests.fuzz.decoders

Reads lines `[kind, path]` of JSON, `video` or `image`, and answers each by a
line: `{"frames": number}` or `{"refused": whether as it should be, "error":
message}`, with `"grown"`: bytes by which the peak of memory has grown.
"""

import json
import os
import resource
import select
import subprocess
import sys
from pathlib import Path

from tests.fuzz.mutations import MAX_GROWTH
from tests.fuzz.mutations import MAX_SECONDS


class Decoder:
    """The process; started anew where a file has ended it."""

    def __init__(self):
        self.process = None

    def __call__(self, kind, path):
        """What the process says about a file."""
        if self.process is None:
            self._start()
        self.process.stdin.write(json.dumps([kind, str(path)]) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], MAX_SECONDS)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.close()
        assert ready, f"{path} takes more than {MAX_SECONDS} seconds"
        assert line, f"{path} ended the decoder"
        return json.loads(line)

    def _start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.decoders"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libtiff speaks there
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        assert self.process.stdout.readline() == "ready\n"

    def close(self):
        """Ends the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


def main():
    """Answers until the input ends."""
    from fdin_tf.data.image_files import read_image
    from fdin_tf.faces.video import read_frames

    decode = {
        "video": lambda path: sum(1 for _ in read_frames(path)),
        "image": lambda path: len(read_image(path)[None]),
    }
    # What is already mapped, and a gigabyte: no file can exhaust the machine.
    mapped = int(Path("/proc/self/statm").read_text().split()[0])
    limit = mapped * resource.getpagesize() + 2 * MAX_GROWTH
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print("ready", flush=True)
    for line in sys.stdin:
        kind, path = json.loads(line)
        try:
            answer = {"frames": decode[kind](path)}
        except Exception as error:
            refused = isinstance(error, (ValueError, OSError))
            answer = {"refused": refused, "error": str(error)}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answer["grown"] = 1024 * (peak - before)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
