"""Who does the work: what is refused before anything starts."""

import sys

import pytest

from fdin_tf.spread import RayExecutor
from fdin_tf.spread import make_executor


def test_local_is_this_process():
    assert make_executor() is None


@pytest.mark.parametrize(
    "told", [{"address": "10.0.0.1:6379"}, {"workers": 2}, {"gpus": 0.5}]
)
def test_what_is_told_about_ray_alone_is_refused_without_it(told):
    ((name, value),) = told.items()
    with pytest.raises(
        ValueError, match=f"`ray` alone. Received: .*{name}={value!r}"
    ):
        make_executor(**told)


def test_another_executor_is_refused():
    with pytest.raises(ValueError, match=r"local, ray. .*executor='dask'"):
        make_executor("dask")


def test_ray_is_told_its_address_and_numbers():
    pytest.importorskip("ray")
    executor = make_executor("ray", "10.0.0.1:6379", 2, 0.5)
    assert isinstance(executor, RayExecutor)
    assert executor.address == "10.0.0.1:6379"
    assert (executor.workers, executor.gpus) == (2, 0.5)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"at least one worker.*workers=0"):
        make_executor("ray", workers=0)
    with pytest.raises(ValueError, match=r"0 or more. Received: gpus=-1"):
        make_executor("ray", gpus=-1)


def test_ray_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install 'fdin-tf\[ray\]'"):
        make_executor("ray")
