## make demo       what esipy does, shown on a server of its own (LIVE=1: the public part on the real one)
## make test       everything that must hold: lint, types, docs, tests, snippets, examples
## make soak       the tests that take minutes
## make bench      the figures
## make docs       the pages, to read in build/docs/index.html
## make clean      back to a fresh checkout
##
## PYTHON=python3.12 chooses the interpreter. Nothing is installed outside .venv, except Debian packages.

PYTHON ?= python3
LIVE ?=

# Each environment in .venv installs these extras.
EXTRAS.demo := sandbox,speed
EXTRAS.test := test,docs
EXTRAS.bench := bench

# An environment is ready when it holds this file: made anew for another PYTHON and when a line below changes.
READY := installed-with-$(subst /,-,$(PYTHON))
DEMO := .venv/demo
TEST := .venv/test
BENCH := .venv/bench

.PHONY: help demo test soak bench docs servers browser clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^## \{0,1\}//p' Makefile

demo: $(DEMO)/$(READY)
	@LIVE='$(LIVE)' $(DEMO)/bin/python examples/demo.py

# pytest comes last: its closing line is the verdict. Sphinx starts afresh (-E), since a page that it has
# read before would keep its warnings to itself.
test: servers browser $(TEST)/$(READY)
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .
	$(TEST)/bin/mypy
	$(TEST)/bin/sphinx-build -W --keep-going -q -E docs build/docs
	ESIPY_SERVERS=1 ESIPY_BROWSER=1 $(TEST)/bin/python -m pytest

soak: servers $(TEST)/$(READY)
	ESIPY_SERVERS=1 $(TEST)/bin/python -m pytest -m soak --timeout 3600

bench: $(BENCH)/$(READY)
	$(BENCH)/bin/python -m benchmarks

docs: $(TEST)/$(READY)
	$(TEST)/bin/sphinx-build -W --keep-going -q -E docs build/docs

# Real databases for the tests that want them. The tests start and stop servers of their own.
servers:
	@scripts/debian-packages redis-server memcached

# A person at the login page, for the tests that want one.
browser:
	@scripts/debian-packages chromium chromium-driver

.venv/%/$(READY): setup.py pyproject.toml Makefile esipy/_version.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "esipy needs Python 3.11 or newer")'
	@PYTHON='$(PYTHON)' scripts/debian-packages $(notdir $(PYTHON))-venv
	@echo 'Making .venv/$* with esipy[$(EXTRAS.$*)]'
	@$(PYTHON) -m venv --clear .venv/$*
	@.venv/$*/bin/python -m pip install -qq --disable-pip-version-check --editable '.[$(EXTRAS.$*)]'
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
