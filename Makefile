# `make test` and `make demo` work from a bare checkout with Python >= 3.11: each sets up a virtual
# environment of its own in .venv and installs what it needs there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: test benchmark demo docs check lint types figures clean

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n auto --benchmark-disable
	@echo "make test leaves to .ci/run: lint, types, LaTeX and HTML compiled and opened."

# Two processes would disturb each other's clocks: benchmarks run alone.
benchmark: $(VENV)/test.stamp
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only

demo: $(VENV)/run.stamp
	MPLBACKEND=Agg $(BIN)/python derivations/llama_3_1_8b_on_h100.py --output demo

# Pages print what the code computes: they are made anew each time, whatever was there before.
docs: $(VENV)/docs.stamp
	rm -rf docs/_build docs/_generated
	$(BIN)/python -m sphinx -q -W --keep-going -b html -d docs/_build/doctrees docs docs/_build/html
	@echo docs/_build/html/index.html

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

clean:
	rm -rf $(VENV) demo docs/_build docs/_generated build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/run.stamp: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "roofsym needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

$(VENV)/dev.stamp: $(VENV)/test.stamp
	$(BIN)/python -m pip install --quiet --editable '.[test,dev]'
	touch $@

$(VENV)/docs.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@
