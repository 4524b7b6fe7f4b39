PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOAK ?=
LOWEST ?=

MAKEFLAGS += --jobs=2

.PHONY: demo test tests integrations soak coverage lint types docs package python clean

demo: $(STAMP)  ## search a small network for MNIST-1D, beside a tuned one (3 minutes on two cores)
	$(BIN)/python examples/quickstart.py

test: lint types tests  ## everything a change needs: lint, types, tests

tests: $(STAMP)
	$(BIN)/python -m pytest --doctest-modules --numprocesses=3 --dist=loadfile --no-loadscope-reorder --durations=15 tests ray_nas

coverage: $(STAMP)  ## the tests once more, with the lines they miss
	$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered

integrations: $(STAMP)  ## with Ray Train, RLlib, Lightning, Transformers, MLflow, ... (minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[integrations]"
	$(BIN)/python -m pytest -m integration tests/integrations

soak: $(STAMP)  ## long loops of kills and restores (an hour)
	$(BIN)/python -m pytest -m soak $(SOAK)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

docs: $(STAMP)  ## the documentation site, in site/: builds without a warning, every link and page checked
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict --clean
	$(BIN)/python -m pytest -m site --quiet tests/docs/test_site.py

package: $(STAMP)  ## wheel and sdist in dist/, installed into an empty environment and imported there
	$(BIN)/python -m hatchling build --directory dist
	$(BIN)/python -m pytest --quiet -m "soak or not soak" tests/test_packaging.py

python:  ## a small run on another Python or with the oldest versions: PYTHON=python3.12 LOWEST=1
	$(PYTHON) .ci/small_run.py $(if $(LOWEST),--lowest)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test,bench,draw]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps aeon  # for its data; it wants an older pandas
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[bohb]" \
		|| echo "no BOHB: its netifaces has no wheel and wants a C compiler; its tests are skipped"
	touch $(STAMP)

clean:
	rm -rf $(VENV) build dist site .coverage .mypy_cache .pytest_cache .ruff_cache
