"""Runs `recipes.age_cv` again and again, each time in a process of its own.

TensorFlow takes many seconds to import. This process imports everything once,
never computes, and forks: the fork computes, meets its fault and ends.

    python -m tests.faults.recipe_server

It reads one JSON object per line: `folder` to work in, `words` of the command
line and `faults`, see `tests.faults.inject`. It answers with the process id;
to `{"wait": <process id>}` with the exit code, -9 where it was killed.
"""

import json
import os
import sys

from recipes import age_cv
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from tests.faults.inject import inject


def main():
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = start(**order)
        print(answer, flush=True)


def start(folder, words, faults):
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.chdir(folder)
        log = os.open("log.txt", os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o666)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for stream, file in enumerate([nothing, log, log]):
            os.dup2(file, stream)
        inject(faults)
        config = config_from_presets(age_cv.PRESETS, "smoke", words)
        run_recipe(age_cv.run, config)
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
