# make setup   .venv with the batch-analogy command in it
# make demo    a small film from real photographs
# make test    the quick tests     make lint   ruff and mypy
# make test-long   the rest of them: whole runs, every example, clusters lost, joined and cut off
# make test-durations   all of them, writing down what each file takes: tests/durations.json
# make docs    the documentation site in build/site; dead links fail (Python 3.11 or newer)
# make bench   measured times      make clean  remove what these made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-stamp
DOCS_STAMP := $(VENV)/.docs-stamp
# Many tests wait for processes. Files stay together, as their clusters and fixtures do, and those
# that take longest come first (tests/conftest.py).
TEST_PROCESSES ?= 3
PYTEST := $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

.PHONY: setup demo test test-long test-durations lint docs bench clean

setup: $(STAMP)
	@echo "Ready: $(BIN)/batch-analogy --help"

# The stamp is written last, so an interrupted installation is done again.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; ok = (3, 10) <= sys.version_info < (3, 14); \
	  sys.exit(0 if ok else "error: %s is Python %s; batch-analogy needs 3.10 to 3.13. Name one: make PYTHON=python3.12 setup" % (sys.executable, sys.version.split()[0]))'
	@echo "Installing into $(VENV); the first time this takes some minutes."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/python examples/demo.py

test: $(STAMP)
	$(PYTEST) $(PYTEST_ARGS)

test-long: $(STAMP)
	$(PYTEST) -m long $(PYTEST_ARGS)

test-durations: $(STAMP)
	$(PYTEST) -m "" --record-durations $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(DOCS_STAMP): $(STAMP)
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[docs]'
	@touch $(DOCS_STAMP)

docs: $(DOCS_STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo "The site is in build/site; open build/site/index.html"

bench: $(STAMP)
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
