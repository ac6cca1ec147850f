"""One clip through an exported model, in a process of its own.

    python -m recipes.benchmark_clip MODEL VIDEO

Prints a line of JSON: `frames` of the clip, `seconds` from the file to the
answer (the first one of the process, which compiles), `before_bytes`, the most
memory that the process had held when the model was loaded, and `peak_bytes`,
the most that it held until the answer.
"""

import json
import sys
import time
from pathlib import Path

from fdin_tf.faces import probe_video
from fdin_tf.serving.predict import Predictor


def measure_clip(model, video):
    """Answers for one video, and tells what that took.

    Args:
        model: Folder of an exported model.
        video: Path of a video.

    Returns:
        Dict of `frames`, `seconds`, `peak_bytes` and `before_bytes`.
    """
    predictor = Predictor(model)
    before = peak_memory()
    start = time.perf_counter()
    predictor.predict(video)
    return {
        "frames": probe_video(video).num_frames,
        "seconds": time.perf_counter() - start,
        "peak_bytes": peak_memory(),
        "before_bytes": before,
    }


def peak_memory(status=Path("/proc/self/status")):
    """The most memory that this process held so far.

    Args:
        status: What Linux says about the process. (What `resource` says there
            counts the process that it was started by.)

    Returns:
        Bytes.
    """
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    print(json.dumps(measure_clip(*sys.argv[1:])))
