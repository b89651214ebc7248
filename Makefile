## make demo             what esipy does, shown on a local server (LIVE=1: the public part on the real one)
## make test             lint, types, docs, tests, snippets, examples: the same as CI
## make test PART=unit   only the tests below tests/unit (or any other path below tests/)
## make databases        the tests of Django on PostgreSQL and MariaDB
## make soak             the tests that take minutes
## make bench            the benchmarks
## make docs             the documentation, to read in build/docs/index.html
## make alliance-auth   Alliance Auth and two of its plugins on the drop-in for django-esi, with their own tests
## make clean            back to a fresh checkout
##
## PYTHON=python3.12 chooses the interpreter. Nothing is installed outside .venv, except Debian packages (as root).

PYTHON ?= python3
LIVE ?=
PART ?=

# Each environment in .venv installs these extras.
EXTRAS.demo := sandbox,speed
EXTRAS.test := test,docs
EXTRAS.bench := bench

# An environment is ready when it contains this file: it is made again for another PYTHON and when a line below changes.
READY := installed-with-$(subst /,-,$(PYTHON))
DEMO := .venv/demo
TEST := .venv/test
BENCH := .venv/bench

# The servers and the browser that some tests start. Without them those tests are skipped, except in CI.
PACKAGES := redis-server memcached chromium chromium-driver prometheus
PYTEST = $(TEST)/bin/python -m pytest

.PHONY: help alliance-auth demo test lint docs-check tests databases soak bench docs packages plan clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^## \{0,1\}//p' Makefile

demo: $(DEMO)/$(READY)
	@LIVE='$(LIVE)' $(DEMO)/bin/python examples/demo.py

ifeq ($(PART),)
test: plan packages $(TEST)/$(READY) lint docs-check tests
else
test: $(TEST)/$(READY)
	$(PYTEST) -n 2 --dist worksteal tests/$(PART)
endif

plan:
	@echo 'make test: installs Debian packages ($(PACKAGES); as root, where missing) and a virtual environment in'
	@echo '$(TEST) (about 500 MB, once); then checks lint, types and docs, and runs the tests: about 10 minutes in all.'

lint: $(TEST)/$(READY)
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .
	$(TEST)/bin/mypy

# -E: Sphinx starts afresh, because it does not repeat the warnings of a page that it has read before.
docs-check: $(TEST)/$(READY)
	$(TEST)/bin/sphinx-build -W --keep-going -q -E docs build/docs

# First everything that can share the processors; then, alone, the tests that measure time.
tests: $(TEST)/$(READY)
	$(PYTEST) -n 4 --dist worksteal -m 'not soak and not measures'
	$(PYTEST) -m 'measures and not soak'

databases: $(TEST)/$(READY)
	@scripts/debian-packages postgresql mariadb-server
	ESIPY_TEST_DATABASE=postgresql $(PYTEST) -n 2 tests/contrib/django tests/contrib/compat/test_databases.py
	ESIPY_TEST_DATABASE=mariadb $(PYTEST) -n 2 tests/contrib/django tests/contrib/compat/test_databases.py

soak: packages $(TEST)/$(READY)
	$(PYTEST) -m soak --timeout 3600

bench: $(BENCH)/$(READY)
	$(BENCH)/bin/python -m benchmarks

# In an environment of its own: django-esi is uninstalled in it, which is what is tried.
alliance-auth:
	@scripts/debian-packages redis-server default-libmysqlclient-dev pkg-config build-essential
	$(PYTHON) -m venv --clear .venv/alliance-auth
	.venv/alliance-auth/bin/python -m pip install -q 'allianceauth==5.5.*' allianceauth-corptools aa-memberaudit \
		pook requests-mock factory_boy django-webtest
	.venv/alliance-auth/bin/python scripts/alliance_auth.py

docs: docs-check

packages:
	@scripts/debian-packages --optional $(PACKAGES)

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
