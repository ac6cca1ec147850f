"""Work on many things at a time, spread by Ray."""

import os


class RayWorkers:
    """Processes, on one or many machines, that call one function.

    Ray runs on this machine, or on the cluster that the environment variable
    `RAY_ADDRESS` names; its machines need this package, and the files that
    the function reads and writes under the same paths. The processes start
    with the first items, keep what they have loaded from item to item, and
    end with the context.

    Args:
        function: Function to call; it, its arguments and results have to be
            picklable.
        workers: Number of processes; None: as many as there is room for, one
            per core.
        gpus: GPUs of each, such as 0.5 for two on one.

    Raises:
        ImportError: If Ray is not installed.
        ValueError: If `workers` or `gpus` is out of its range.

    Reference:
    - [Moritz et al., OSDI 2018](https://arxiv.org/abs/1712.05889).
    """

    def __init__(self, function, workers=None, gpus=0.0):
        check_ray(workers, gpus)
        self.function = function
        self.workers = workers
        self.gpus = gpus
        self._is_ours = False
        self._actors = []
        self._pool = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        ray = _import_ray()
        for actor in self._actors:
            ray.kill(actor)
        if self._is_ours:
            ray.shutdown()
        self._actors, self._pool, self._is_ours = [], None, False

    def map(self, items):
        """Calls the function with each of some tuples of arguments.

        Args:
            items: List of tuples.

        Yields:
            Pairs of an item and its result, as they come in.

        Raises:
            ValueError: If there is no room for a worker.
            Exception: What a worker raises, as it was raised there.
        """
        if not items:
            return
        ray = _import_ray()
        if self._pool is None:
            self._start(ray)
        try:
            yield from self._pool.map_unordered(
                lambda actor, item: actor.run.remote(item), items
            )
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None

    def _start(self, ray):
        if not ray.is_initialized():
            # Nothing about this run is sent to the makers of Ray.
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            options = {"log_to_driver": False, "logging_level": "ERROR"}
            if "RAY_ADDRESS" not in os.environ:
                options |= {"include_dashboard": False}
                options |= {"num_cpus": self.workers}
            ray.init(**options)
            self._is_ours = True
        room = self._room(ray.cluster_resources())
        worker = ray.remote(num_cpus=1, num_gpus=self.gpus)(_Worker)
        self._actors = [worker.remote(self.function) for _ in range(room)]
        self._pool = ray.util.ActorPool(self._actors)

    def _room(self, resources):
        """Number of workers; one that finds no room would wait for ever."""
        room = int(resources.get("CPU", 0))
        if self.gpus:
            room = min(room, int(resources.get("GPU", 0) / self.gpus))
        if room < 1:
            raise ValueError(
                "Expected room for at least one worker. Received: "
                f"CPUs={resources.get('CPU', 0):g}, "
                f"GPUs={resources.get('GPU', 0):g}, gpus={self.gpus}"
            )
        return min(room, self.workers or room)


def check_ray(workers=None, gpus=0.0):
    """Refuses what `RayWorkers` refuses, before there is a function to call.

    Raises:
        ImportError: If Ray is not installed.
        ValueError: If `workers` or `gpus` is out of its range.
    """
    _import_ray()
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


class _Worker:
    """One process."""

    def __init__(self, function):
        # Processes share a GPU only if none takes all of its memory.
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        self.function = function

    def run(self, item):
        return item, self.function(*item)


def _import_ray():
    try:
        import ray
        import ray.util
    except ImportError as error:
        raise ImportError(
            "Spreading work by Ray needs the extra `ray`: "
            f"pip install 'fdin-tf[ray]'. Received: {error}"
        ) from None
    return ray
