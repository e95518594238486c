# `make` sets everything up and runs the main job; `make test` sets up and runs the tests.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
CORES ?= all
# A further configuration file, for example: make CONFIG=config/published.yaml
CONFIG ?=
# Any other arguments for snakemake.
SNAKEMAKE ?=
# $$PWD, and not $(CURDIR): the folder may be called anything.
ACTIVATE := export PATH="$$PWD/$(VENV)/bin:$$PATH" VIRTUAL_ENV="$$PWD/$(VENV)";
PIP := $(VENV)/bin/python -P -m pip install --disable-pip-version-check --quiet --constraint envs/lock.txt
# What a module system or a pip.conf says of other Pythons; where packages come from stays as it is set.
unexport PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_ROOT PIP_CONSTRAINT PIP_NO_BINARY PIP_ONLY_BINARY
export PIP_USER := 0
export PIP_REQUIRE_VIRTUALENV := 0
export PYTHONUTF8 := 1

.PHONY: report setup venv lint test test-slow test-kill test-cluster test-newest docs validate

RUN = snakemake --cores $(CORES) --rerun-incomplete --show-failed-logs $(if $(CONFIG),--configfile $(CONFIG)) $(SNAKEMAKE)

report: setup
	$(ACTIVATE) . workflow/unlock.sh; python -P -m $(RUN)

setup: venv
	@$(MAKE) --no-print-directory $(VENV)/.installed

# Half an environment is none: its python gone or of another version, or without pip.
venv:
	@$(VENV)/bin/python -P envs/python.py 2> /dev/null && $(VENV)/bin/python -P -c 'import pip' 2> /dev/null \
		|| { $(PYTHON) envs/python.py && rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }

# torch-scatter compiles against the installed torch, so torch and the build tools come first; pip keeps the wheel. Its four
# parts compile at once (envs/build.cfg).
$(VENV)/.installed: pyproject.toml envs/lock.txt
	@echo "installing: torch, then torch-scatter (compiles for some minutes, once), then the rest"
	$(PIP) setuptools wheel torch
	$(ACTIVATE) DIST_EXTRA_CONFIG=envs/build.cfg $(PIP) --no-build-isolation torch-scatter
	$(PIP) --no-build-isolation --editable '.[test]'
	$(VENV)/bin/python -P -c 'import openmm, snakemake, torch_scatter'
	touch $@

lint: setup
	$(ACTIVATE) ruff check . && ruff format --check . && snakefmt --check Snakefile workflow && snakemake --lint && mypy

test: setup lint
	$(ACTIVATE) OMP_NUM_THREADS=1 python -m pytest -m "not slow" --numprocesses 2

test-slow: setup
	$(ACTIVATE) OMP_NUM_THREADS=1 python -m pytest -m "slow and not kill"

# Needs Debian's slurmctld, slurmd, slurm-client and munge.
test-cluster: setup
	$(ACTIVATE) OMP_NUM_THREADS=1 python -m pytest -m cluster tests/cluster

# The simulation against published numbers, ten minutes of one core: the table of docs/validation.md, in build/.
validate: setup
	mkdir -p build && rm -f build/validation.md
	$(ACTIVATE) OMP_NUM_THREADS=1 VALIDATION_TABLE=build/validation.md python -m pytest -s -m "slow and physics" tests/simulate

# The pages of docs/ and the reference as one site, site/index.html; warnings are errors.
docs: setup
	$(VENV)/bin/python -c 'import mkdocstrings' 2> /dev/null || $(PIP) --no-build-isolation --editable '.[docs]'
	$(ACTIVATE) mkdocs build --strict --quiet

# Upgrades, tried: the newest openmm, snakemake and torch (TORCH=torch==2.13.0 keeps that one) in an environment of their
# own, everything else as pinned; torch-scatter, which would be compiled, is left out. TESTS says which tests run.
TORCH ?= torch
TESTS ?= tests
NEWEST := .venv-newest
RELEASED := ^(openmm|torch|torch.scatter|snakemake.*|pulp|yte|setuptools)==

test-newest:
	test -x $(NEWEST)/bin/python || $(PYTHON) -m venv $(NEWEST)
	grep -Eiv '$(RELEASED)' envs/lock.txt > $(NEWEST)/pinned.txt
	$(NEWEST)/bin/python -m pip install --disable-pip-version-check --quiet --upgrade --upgrade-strategy only-if-needed \
		--requirement $(NEWEST)/pinned.txt openmm snakemake '$(TORCH)'
	$(NEWEST)/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --editable .
	$(NEWEST)/bin/python -m pip list | grep -Ei '^(openmm|torch|snakemake) '
	export PATH="$$PWD/$(NEWEST)/bin:$$PATH" VIRTUAL_ENV="$$PWD/$(NEWEST)" OMP_NUM_THREADS=1; \
		python -m pytest -m "not slow" --numprocesses 2 $(TESTS)

# Kills the whole DAG thirty times at random moments; KILL_SEED chooses them.
test-kill: setup
	$(ACTIVATE) OMP_NUM_THREADS=1 python -m pytest -m kill
