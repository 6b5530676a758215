# Everything from a fresh machine: each target sets up what it needs in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint types docs gallery setup clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e ".[dev]"
	touch $(READY)

$(DOCS_READY): $(READY)
	$(PIP) -e ".[docs]"
	touch $(DOCS_READY)

demo: $(READY)
	$(BIN)/twoplayer train default --data digits --max-time 3min --seed 0 --run runs/demo

test: lint types docs
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

# The documentation, in site/: every warning is an error, and nothing is fetched. (The variable silences a notice of the
# theme about the next generator, which is no warning about these pages.)
docs: $(DOCS_READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# Makes the pictures of docs/gallery.md again, by the commands that stand beside them.
gallery: $(READY)
	$(BIN)/python docs/gallery.py

clean:
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache
