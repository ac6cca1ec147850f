"""Docstrings: every example in them runs and prints what it says."""

import doctest
import importlib
import pkgutil

import pytest

import fdin_tf
import layers
import recipes


def modules():
    for package in (fdin_tf, layers, recipes):
        prefix = f"{package.__name__}."
        for module in pkgutil.walk_packages(package.__path__, prefix):
            yield module.name


def has_examples(name):
    module = importlib.import_module(name)
    return any(test.examples for test in doctest.DocTestFinder().find(module))


@pytest.mark.parametrize("name", sorted(modules()))
def test_examples_run(name):
    module = importlib.import_module(name)
    result = doctest.testmod(
        module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )
    assert result.failed == 0


def test_there_are_examples_to_run():
    assert sum(map(has_examples, modules())) > 20
