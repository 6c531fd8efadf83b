# Two commands are enough: `make demo` shows the product, `make test` proves it. Both need Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
BUILD := --build-constraint constraints.txt
FAST := tests/unit tests/contract tests/property
# Tests wait for servers and browsers as much as they compute: four at least.
BESIDE = -n $(shell $(PYTHON) -c 'import os; print(min(8, max(4, os.cpu_count() or 4)))')
FRONTEND := $(shell find frontend -type f -not -path '*/node_modules/*' -not -path 'frontend/tests/*')
PAGES := src/labelsieve/ui/static/index.html
NEW_ENOUGH := const [a, b] = process.versions.node.split(".").map(Number); process.exit(a * 100 + b >= 2019 ? 0 : 1)

# The tests start more than a thousand processes: each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test check lint pages fix docs bench clean
help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/.base: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) pip
	$(PIP) $(BUILD) --editable .
	touch $@ $(PAGES)

$(PAGES): $(VENV)/.base hatch_build.py $(FRONTEND)
	$(PIP) $(BUILD) --no-deps --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(PIP) $(BUILD) --group dev --editable '.[torch]'
	touch $@

setup: $(PAGES)  ## make .venv with the base install (no torch); leaves .venv/bin/labelsieve

demo: $(PAGES)  ## 1,797 handwritten digits: from a folder of PNG files to a report, under 90 s
	rm -rf demo
	$(BIN)/labelsieve demo demo

test: lint pages  ## everything: lint, types, floors, and every test
	$(BIN)/python -m pytest $(BESIDE) --dist loadfile --no-loadscope-reorder

check: lint  ## lint, types, floors, budgets and the fast tests, under 60 s
	$(BIN)/python -m pytest $(BESIDE) -m 'not slow' $(FAST)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

pages: $(PAGES)  ## types and tests of the app's pages (frontend/), where Node is there
	@if test -x frontend/node_modules/.bin/vitest && command -v npm >/dev/null && node -e '$(NEW_ENOUGH)'; then \
	  cd frontend && npm run --silent check && npm run --silent test; \
	else echo "no Node >= 20.19 on this machine: the pages' own tests are left out"; fi

fix: $(VENV)/.dev  ## format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.base  ## write the generated pages (docs/reference)
	$(BIN)/python docs/generate.py

bench: $(VENV)/.dev  ## every number of the docs, one part after the other; BENCH=name for one part
	$(BIN)/python benchmarks/run.py $(BENCH)

clean:  ## remove what these commands made (never a project of yours)
	rm -rf $(VENV) .bench build dist demo frontend/node_modules src/labelsieve/ui/static .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
