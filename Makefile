# make run    installs and cross-validates FDIN on the embedded clips
# make test   installs and runs the tests; ARGS="-k lstm" goes to pytest
# make lint   the style checks that CI runs
# Options of the recipe go through ARGS too: make run ARGS="--seed 1"

SHELL := /bin/sh
VENV  := .venv
BIN   := $(VENV)/bin
ARGS  ?=

# The newest supported Python that really starts (a version manager may
# install launchers for versions that it does not have).
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	2>/dev/null && echo $$p && break; done)

.PHONY: run test lint clean
.DELETE_ON_ERROR:

run: $(VENV)/.installed
	$(BIN)/python -m recipes.age_cv $(ARGS)

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) build dist *.egg-info

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
