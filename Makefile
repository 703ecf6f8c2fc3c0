# Two commands: `make quickstart` trains a real model in the environment, `make test` runs all checks.
# Both make their own virtual environment in .venv and need nothing but Python 3.11+ and make.

PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
BIN := $(VENV)/bin
export TOKENIZERS_PARALLELISM := false

.PHONY: help quickstart test lint types install clean

help:  ## Show what can be made.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

# torch goes first, alone, so that no later package chooses its build. On Linux the default index gives the CUDA build;
# for the much smaller CPU build: make TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu" ...
# bfcl-eval goes last, alone: what it declares beside mpmath is for its model handlers, and would undo what stands before.
$(VENV)/.ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "cave-rl needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable '.[train,dev]'
	$(BIN)/python -m pip install --quiet --no-deps bfcl-eval==2026.3.23 mpmath==1.3.0
	touch $@

install: $(VENV)/.ready  ## Make the virtual environment with everything for training and development.

quickstart: install  ## A real model learns in the environment: before/after table and plot in outputs/quickstart.
	$(BIN)/cave-rl train configs/quickstart.yaml

test: install lint types  ## Everything: lint, types, tests, README and docs snippets, one real GRPO step.
	OMP_NUM_THREADS=1 CAVE_RL_EXPECT_BFCL=1 $(BIN)/python -m pytest -m 'not slow and not gpu' $(PYTEST_ARGS)

lint: install  ## Style.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install  ## Types.
	$(BIN)/mypy

clean:  ## Remove the virtual environment and outputs.
	rm -rf $(VENV) outputs
