# make run    start the application       make test   every check and test
# Needs git, make, and Python 3.11 or newer with pip; the rest is fetched into .tools and .venv.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
export PYTHON

UV := scripts/uv
VENV := .venv/bin/python
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run install test faults bench bench-pages lint format coverage requirements clean

help:
	@echo "make run           start the application on http://$(HOST):$(PORT) (HOST=, PORT=, WORKERS=)"
	@echo "make install       everything needed to work on it, in .venv"
	@echo "make test          all checks and tests, as CI runs them"
	@echo "make faults        the fault tests, those too that take long or need root"
	@echo "make bench         the gateway under load, beside a bare pass-through"
	@echo "make bench-pages   how long pages take with millions of calls (half an hour, 15 GB)"
	@echo "make lint          the checks without the tests"
	@echo "make format        let ruff and djade rewrite the code"
	@echo "make coverage      the tests with a report of missed branches"
	@echo "make requirements  recompile requirements*.txt (UPGRADE=1: newest versions)"
	@echo "make clean         remove caches, .venv and .tools; your data stays"

run: .venv/stamp-run
	@exec $(VENV) manage.py serve --host "$(HOST)" --port "$(PORT)" $(if $(WORKERS),--workers "$(WORKERS)")

install: .venv/stamp-dev

test: .venv/stamp-dev
	@scripts/test

faults: .venv/stamp-dev
	FAULT_ROUNDS=25 $(VENV) -m pytest tests/faults --full

bench: .venv/stamp-dev
	@$(VENV) scripts/bench.py $(ARGS)

bench-pages: .venv/stamp-dev
	$(VENV) scripts/bench_pages.py $(ARGS)

lint: .venv/stamp-dev
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	find templates -name '*.html' -exec .venv/bin/djade --check --target-version 5.2 {} +

format: .venv/stamp-dev
	$(VENV) -m ruff check --fix-only .
	$(VENV) -m ruff format .
	find templates -name '*.html' -exec .venv/bin/djade --target-version 5.2 {} + || true

coverage: .venv/stamp-dev
	$(VENV) -m pytest -n 2 --cov --cov-report=term-missing:skip-covered

requirements: .tools/stamp
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-dev.in -o requirements-dev.txt
	echo uv | $(COMPILE) - -o requirements-tools.txt

clean:
	rm -rf .venv .tools .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* \
		htmlcov test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps, so that nothing is asked of the network until a file of pins changes.
.tools/stamp: requirements-tools.txt
	@echo "Fetching uv"
	@scripts/bootstrap

.venv/bin/python: | .tools/stamp
	@$(UV) venv --quiet --clear --python "$$PYTHON" .venv

# `pip install` and not `pip sync`: what `make test` has added stays.
.venv/stamp-run: requirements.txt .venv/bin/python
	@echo "Installing what the application needs"
	@$(UV) pip install --quiet --python $(VENV) --require-hashes -r requirements.txt
	@touch $@

.venv/stamp-dev: requirements-dev.txt .venv/bin/python
	@echo "Installing what the application and its tests need"
	@$(UV) pip sync --quiet --python $(VENV) --require-hashes requirements-dev.txt
	@touch .venv/stamp-run $@
