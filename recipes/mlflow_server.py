"""MLflow's server of a model as a process of its own, to be measured."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HOST = "127.0.0.1"
_PAGE = 4096 if os.name == "nt" else os.sysconf("SC_PAGE_SIZE")


class MlflowServer:
    """`mlflow models serve` on a free port of this machine.

    A context manager: the server runs as long as the block does.

    Args:
        uri: URI of the model.
        log: File that the server's output goes to.
        environment: Dict of further environment variables.
        seconds: How long it may take to start.

    Raises:
        RuntimeError: If the server does not start in time.
    """

    def __init__(self, uri, log, environment=None, seconds=180):
        self.uri = uri
        self.log = Path(log)
        self.environment = environment or {}
        self.seconds = seconds

    def __enter__(self):
        self.port = _free_port()
        # MLflow starts `uvicorn` by its name.
        path = os.pathsep.join(
            [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        )
        command = [
            *(sys.executable, "-m", "mlflow", "models", "serve"),
            *("-m", self.uri, "--env-manager", "local"),
            *("-h", HOST, "-p", str(self.port), "--workers", "1"),
        ]
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PATH": path, **self.environment},
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *error):
        self._stop()

    def is_alive(self):
        """Whether it answers."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        with contextlib.closing(connection):
            try:
                connection.request("GET", "/ping")
                return connection.getresponse().status == 200
            except (OSError, http.client.HTTPException):
                return False

    def ask(self, body, connection=None):
        """Asks for an answer.

        Args:
            body: What JSON can hold, or the bytes of a body.
            connection: `HTTPConnection` that is kept; None: one for this call.

        Returns:
            Status and answer, what JSON holds or text.
        """
        kept = connection or self.connect()
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kept.request(
            "POST", "/invocations", data, {"Content-Type": "application/json"}
        )
        response = kept.getresponse()
        text = response.read().decode()
        if connection is None:
            kept.close()
        if response.getheader("Content-Type", "").startswith(
            "application/json"
        ):
            return response.status, json.loads(text)
        return response.status, text

    def connect(self):
        """A connection for `ask`, of one thread."""
        return http.client.HTTPConnection(HOST, self.port, timeout=300)

    def resident_bytes(self):
        """Resident memory of its processes; None where there is no /proc."""
        pages = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                # The name, in brackets, may hold blanks.
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self._process.pid:  # of its group
                    pages += int(fields[21])
        return pages * _PAGE or None

    def _wait(self):
        until = time.monotonic() + self.seconds
        while not self.is_alive():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(
                    f"The server of {self.uri} did not start; its log, "
                    f"{self.log}: {self._reason()}"
                )
            time.sleep(0.2)

    def _reason(self):
        """The first error in the log, or its last line."""
        lines = self.log.read_text(errors="replace").splitlines() or ["empty"]
        is_error = re.compile(r"[\w.]*(Error|Exception): ").match
        return next(filter(is_error, lines), lines[-1])

    def _stop(self):
        for kind in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, kind)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=10)
                if not self._group_is_left():
                    return

    def _group_is_left(self):
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                os.killpg(self._process.pid, 0)
            except ProcessLookupError:
                return False
            time.sleep(0.1)
        return True


def _free_port():
    with socket.socket() as free:
        free.bind((HOST, 0))
        return free.getsockname()[1]
