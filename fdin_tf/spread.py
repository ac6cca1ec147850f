"""Work on many things at a time, in processes that Ray spreads."""

import contextlib
import os
import re
import signal
import socket
import uuid

# What of the environment decides the last digits of sums.
_NUMERIC = (
    "TF_", "XLA_", "ONEDNN_", "KERAS_", "OMP_", "OPENBLAS_", "MKL_",
)  # fmt: skip
_HOST_AND_PORT = re.compile(r"\[?([^/\]]+)\]?:(\d+)")
_PATIENCE = 10.0  # seconds, for a cluster to answer
_RETRIES = 5  # of one call whose process or machine was lost


def make_executor(kind="local", address=None, workers=None, gpus=0.0):
    """What spreads the work of an experiment.

    Args:
        kind: `local`: all of it is done in this process; or `ray`.
        address: See `RayExecutor`; so are the others.
        workers: Calls at a time.
        gpus: GPUs of each.

    Returns:
        None for `local`, which is what functions take as "in this process";
        else a `RayExecutor`.

    Raises:
        ImportError: If Ray is asked for and not installed.
        ValueError: If there is no such kind, something is told about Ray
            without asking for it, or a number is out of its range.
    """
    if kind == "ray":
        return RayExecutor(address, workers, gpus)
    if kind != "local":
        raise ValueError(
            f"Expected an executor of local, ray. Received: executor={kind!r}"
        )
    if (address, workers, gpus) != (None, None, 0.0):
        raise ValueError(
            "Expected `address`, `workers` and `gpus` with the executor `ray` "
            f"alone. Received: executor='local', address={address!r}, "
            f"workers={workers}, gpus={gpus}"
        )
    return None


class RayExecutor:
    """Calls functions in processes on one or many machines.

    A call whose process or machine is lost is made again elsewhere, up to five
    times. Processes stay from call to call with what they have loaded.

    The machines need this package in the same version, and what the functions
    read and write, and the working folder, under the same paths. Processes
    compute with as many threads as this one would, so that sums come out with
    the same digits; the variables `TF_NUM_INTRAOP_THREADS` and
    `OMP_NUM_THREADS` of this process's environment set another number for all.

    Ray starts with the first call, and ends with this process.

    Args:
        address: Address of a Ray cluster, such as `10.0.0.1:6379`; None: the
            one that the environment variable `RAY_ADDRESS` names, else one
            that is started on this machine.
        workers: Calls at a time; None: one per core of the cluster.
        gpus: GPUs of each, such as 0.5 for two on one.

    Raises:
        ImportError: If Ray is not installed.
        ValueError: If `workers` or `gpus` is out of its range.

    Reference:
    - [Moritz et al., OSDI 2018](https://arxiv.org/abs/1712.05889).
    """

    def __init__(self, address=None, workers=None, gpus=0.0):
        if workers is not None and workers < 1:
            raise ValueError(
                "Expected at least one worker, or None for one per core. "
                f"Received: workers={workers}"
            )
        if gpus < 0:
            raise ValueError(
                "Expected the GPUs of a worker to be 0 or more. Received: "
                f"gpus={gpus}"
            )
        self.address = address
        self.workers = workers
        self.gpus = gpus
        self._last = (None, None, None)
        _import_ray()

    def map(self, function, items):
        """Calls a function with each of some tuples of arguments.

        Args:
            function: Function to call; it, its arguments and results have to
                be picklable.
            items: Iterable of tuples.

        Yields:
            Pairs of an item and its result, as they come in.

        Raises:
            ChildProcessError: If the process of a call was lost too often.
            ConnectionError: If there is no cluster at the address, or Ray
                cannot be started.
            ValueError: If there is no room for a worker.
            Exception: What a call raises, as it was raised there; calls that
                are under way then end.
        """
        items = iter(items)
        item = next(items, None)
        if item is None:
            return
        ray = _import_ray()
        self._start(ray)
        self._check_room(ray)
        call = ray.remote(
            num_cpus=1,
            num_gpus=self.gpus,
            max_retries=_RETRIES,
            max_calls=0,  # also on a GPU a process serves many calls
            runtime_env={"env_vars": _environment()},
        )(_call)
        key, packed = self._packed(ray, function)
        running = {}
        try:
            while item is not None or running:
                while item is not None and len(running) < self._room(ray):
                    ref = call.remote(key, packed, os.getcwd(), item)
                    running[ref] = item
                    item = next(items, None)
                for ref in ray.wait(list(running))[0]:
                    yield running.pop(ref), _result(ray, ref)
        finally:
            for ref in running:
                ray.cancel(ref, force=True)

    def _start(self, ray):
        if ray.is_initialized():
            return
        # Nothing about this run is sent to the makers of Ray.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options = {"log_to_driver": False, "logging_level": "ERROR"}
        address = self.address or os.environ.get("RAY_ADDRESS")
        if address is not None:
            _check_address(address)
            options |= {"address": address}
        else:
            options |= {"include_dashboard": False}
            options |= {"num_cpus": self.workers}
        try:
            with _signals_kept():
                ray.init(**options)
        except Exception as error:  # Ray has no type for what can go wrong
            raise ConnectionError(
                "Expected Ray to start, or to let this process in. Received: "
                f"address={address!r}, {error}"
            ) from error

    def _packed(self, ray, function):
        """A key and where the function is; the same again for the same."""
        last, key, packed = self._last
        if last != function:
            # Inside of a list it arrives as a reference.
            key, packed = uuid.uuid4().hex, [ray.put(function)]
            self._last = function, key, packed
        return key, packed

    def _room(self, ray):
        """Calls at a time; machines come and go."""
        resources = ray.cluster_resources()
        room = int(resources.get("CPU", 0))
        if self.gpus:
            room = min(room, int(resources.get("GPU", 0) / self.gpus))
        # Where all are lost, what is left waits for others to come.
        return max(1, min(room, self.workers or room))

    def _check_room(self, ray):
        """A call that no machine has room for would wait for ever."""
        resources = ray.cluster_resources()
        cpus, gpus = resources.get("CPU", 0), resources.get("GPU", 0)
        if cpus < 1 or gpus < self.gpus:
            raise ValueError(
                "Expected room for at least one worker. Received: "
                f"CPUs={cpus:g}, GPUs={gpus:g}, gpus={self.gpus}"
            )


@contextlib.contextmanager
def _signals_kept():
    """Ray puts its own handler of SIGTERM in the place of the program's."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    if callable(before):
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGTERM, before)


def _check_address(address):
    """Ray itself would try for minutes where nobody answers."""
    parts = _HOST_AND_PORT.fullmatch(address)
    if parts is None:
        return  # such as `auto`
    host, port = parts.groups()
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise ConnectionError(
            "Expected a Ray cluster that answers, such as `ray start --head` "
            f"starts. Received: address={address!r}, {error}"
        ) from error


# In a process of Ray: the function that it calls, by a key of its own.
_loaded = {}


def _call(key, packed, folder, item):
    """One call, in a process of Ray."""
    if key not in _loaded:
        if not os.path.isdir(folder):
            raise FileNotFoundError(
                "Expected the working folder of the command on every machine "
                f"of the cluster. Received: folder={folder}"
            )
        os.chdir(folder)
        _loaded.clear()
        _loaded[key] = _import_ray().get(packed[0])
    return _loaded[key](*item)


def _result(ray, ref):
    """What a call returned; what it raised is raised here."""
    try:
        return ray.get(ref)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        lines = str(error).strip().splitlines()
        raise ChildProcessError(
            f"A process of Ray was lost, and so were {_RETRIES} further ones "
            f"with the same work. Received: {lines[0]}"
        ) from error


def _environment():
    """Variables of the processes: they compute as this one does."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = os.cpu_count()
    return {
        "TF_NUM_INTRAOP_THREADS": str(cores),
        "OMP_NUM_THREADS": str(cores),
        # Processes share a GPU only if none takes all of its memory.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        **{k: v for k, v in os.environ.items() if k.startswith(_NUMERIC)},
    }


def _import_ray():
    try:
        import ray
    except ImportError as error:
        raise ImportError(
            "Spreading work by Ray needs the extra `ray`: "
            f"pip install 'fdin-tf[ray]'. Received: {error}"
        ) from None
    return ray
