# make run    installs and cross-validates FDIN on the embedded clips
# make test   installs and runs the tests; ARGS="-k lstm" goes to pytest
# make lint   the style checks that CI runs
# make parity holds per-layer learning rates against TensorFlow Addons, which
#             it installs apart, into .venv-parity (Python 3.11)
# make test-backends
#             installs JAX and PyTorch too, runs the tests of layers and of the
#             main models with Keras on each, and the benchmarks beside them
# make nightly
#             kills the main job at every point, and gives every parser 20,000
#             damaged files: hours
# Options of the recipe go through ARGS too: make run ARGS="--seed 1"

SHELL := /bin/sh
VENV  := .venv
BIN   := $(VENV)/bin
ADDONS := .venv-parity
ARGS  ?=

# The newest supported Python that really starts (a version manager may
# install launchers for versions that it does not have).
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	2>/dev/null && echo $$p && break; done)

# TensorFlow Addons has no wheels for a later Python.
PYTHON311 ?= $(shell for p in python3.11 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' \
	2>/dev/null && echo $$p && break; done)

# What runs on every backend of Keras (each test says where it does not), and
# what sets TensorFlow beside the other libraries.
BACKEND_TESTS := tests/layers tests/models/test_backends.py \
	tests/models/test_fdin.py tests/models/test_siam.py
BESIDE_TESTS  := tests/recipes/test_benchmark_pytorch.py \
	tests/recipes/test_benchmark_gpu.py
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

.PHONY: run test test-backends nightly lint parity clean
.DELETE_ON_ERROR:

run: $(VENV)/.installed
	$(BIN)/python -m recipes.age_cv $(ARGS)

test: $(VENV)/.installed-test
	$(PYTEST) $(ARGS)

test-backends: $(VENV)/.installed-backends
	KERAS_BACKEND=jax $(PYTEST) $(BACKEND_TESTS) $(ARGS)
	KERAS_BACKEND=torch $(PYTEST) $(BACKEND_TESTS) $(ARGS)
	KERAS_BACKEND=tensorflow $(PYTEST) $(BESIDE_TESTS) $(ARGS)

nightly: $(VENV)/.installed-test
	FDIN_TF_NIGHTLY=1 FDIN_TF_FUZZ_EXAMPLES=20000 \
		$(PYTEST) tests/faults tests/fuzz $(ARGS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

parity: $(ADDONS)/.installed $(VENV)/.installed-test
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	echo "Training with TensorFlow Addons." && \
	TF_CPP_MIN_LOG_LEVEL=3 $(ADDONS)/bin/python -W ignore \
		tests/training/layerwise_reference.py "$$folder/reference.npz" && \
	echo "Training without, and comparing." && \
	FDIN_TF_PARITY_REFERENCE="$$folder/reference.npz" TF_CPP_MIN_LOG_LEVEL=3 \
		$(BIN)/python -m pytest -s tests/training/test_layerwise_parity.py $(ARGS)

clean:
	rm -rf $(VENV) $(ADDONS) build dist *.egg-info

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11, 3.12 or 3.13 with venv found; set PYTHON=/path/to/python" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.py | $(BIN)/python
	@echo "Installing into $(VENV): a few minutes, once."
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: setup.py | $(BIN)/python
	@echo "Installing into $(VENV), with what the tests need: a few minutes, once."
	@$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-backends: setup.py | $(BIN)/python
	@echo "Installing into $(VENV), with JAX and PyTorch: a few minutes, once."
	@$(BIN)/python -m pip install --quiet --editable '.[test,backends]'
	@touch $@ $(VENV)/.installed $(VENV)/.installed-test

$(ADDONS)/bin/python:
	@test -n "$(PYTHON311)" || { echo "make: no Python 3.11 with venv found, which TensorFlow Addons needs; set PYTHON311=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON311) -m venv $(ADDONS)

$(ADDONS)/.installed: | $(ADDONS)/bin/python
	@echo "Installing TensorFlow Addons into $(ADDONS): a few minutes, once."
	@$(ADDONS)/bin/python -m pip install --quiet tensorflow==2.15.1 tensorflow-addons==0.23.0
	@touch $@
