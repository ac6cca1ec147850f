"""Ray on machines whose folders differ: they work from a store."""

import numpy as np
import pytest

from fdin_tf.spread import RayExecutor
from tests.training.shared_machines import Machine
from tests.training.shared_machines import assert_the_same

ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")


def add_machine(cluster, environment, attempts=4):
    """Ray gives a machine half a minute to start, busy as it may be."""
    for attempt in range(attempts):
        try:
            return cluster.add_node(
                num_cpus=1,
                object_store_memory=80 << 20,
                env_vars=environment,
            )
        except Exception:
            if attempt + 1 == attempts:
                raise


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Two machines of one core each, each with a cache folder of its own."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    cluster = cluster_utils.Cluster()
    try:
        for name in ("one", "two"):
            add_machine(cluster, {"FDIN_TF_CACHE_DIR": str(tmp_path / name)})
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_machines_with_folders_of_their_own_find_the_same(cluster, tmp_path):
    alone = Machine(tmp_path / "alone")
    alone.encode()
    expected = alone.run()
    here = Machine(tmp_path / "here", f"file://{tmp_path}/store")
    here.encode()
    found = here.run(executor=RayExecutor(cluster.address))
    assert_the_same(found, expected)
    for a, b in zip(here.weights(), alone.weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    # Folds were trained in the folders of the machines, from the store.
    trained = {
        name: list((tmp_path / name).glob("runs/age-fdin/fold_*/result"))
        for name in ("one", "two")
    }
    assert sum(map(len, trained.values())) == 2
    for name, results in trained.items():
        frames = list((tmp_path / name).glob("features/*/*.npz"))
        assert len(frames) == (12 if results else 0)
    assert not list((tmp_path / "store").glob("**/checkpoints*/*"))
