# What people type. The first call of each makes the environment it needs; later calls find it made.
#
#   make demo       render prompts/library/demo.txt into out/demo/
#   make test       pass the tests, two files at a time   (make test TESTS="tests/engine -k loop" for some of them,
#                   JOBS=0 for one after the other)
#   make check      linter, formatter, type checker
#   make examples   run every script of examples/
#   make bench      measure speed and memory, into benchmarks/results/   (make bench BENCH="chain --prompts 16")
#   make gpu        on a machine with a GPU, in six minutes: its tests, its pictures against the CPU's, its speed; into
#                   out/gpu/gpu.json (a bare machine needs torch alone, where WHEELS is a folder that
#                   `make gpu-wheels WHEELS=folder` filled elsewhere; SIZE=tiny is a dry run on any machine)
#   make train      train the pocket models anew, into runs/pocket/   (minutes on a large GPU with
#                   TRAIN="--together --workers 4 --cache", days on a CPU; resumes where it was stopped)
#   make atlas      train models of 780 kinds that people drew, into runs/atlas/   (ten minutes on a large GPU; on a CPU
#                   see examples/train_atlas.toml. The drawings come by npm, or from FOLDER with ATLAS_FROM=FOLDER)
#   make clean      remove what building left behind; `make distclean` the environment and out/, too
#
# PYTHON chooses the interpreter that .venv is made with: make demo PYTHON=python3.12

PYTHON ?= python3.11
VENV   ?= .venv
OUT    ?= out/demo
RUN    ?= runs/pocket
TESTS  ?=
TRAIN  ?=
ATLAS  ?= runs/atlas
ATLAS_FROM  ?=
ATLAS_TRAIN ?= --together --workers 4 --cache --minutes 8.6
JOBS   ?= 2
BENCH  ?=
SIZE   ?= full
WHEELS ?=
GPU_PYTHON ?= $(or $(wildcard $(VENV)/bin/python),python3)
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

# What a build leaves in the tree; were it there at the next one, modules long deleted would be installed again.
LEFTOVERS := build diptych.egg-info

# Whatever ends up in the installed package: installed anew when one of these is newer.
PACKAGE := benchmarks engine pipelines prompts
SOURCES := __init__.py __main__.py py.typed $(shell find $(PACKAGE) -type f -not -path '*/__pycache__/*')
FOLDERS := $(shell find $(PACKAGE) -type d -not -name __pycache__)

.PHONY: venv install demo test check examples bench gpu gpu-wheels train atlas clean distclean
.DEFAULT_GOAL := demo

venv: $(VENV)/.torch
install: $(VENV)/.installed

$(VENV)/.torch: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install torch==2.13.0
	touch $@

$(VENV)/.dependencies: $(VENV)/.torch pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt setuptools
	rm -rf $(LEFTOVERS)
	$(PIP) install -c constraints.txt --no-build-isolation .
	rm -rf $(LEFTOVERS)
	touch $@

# A plain install, not an editable one, so that a type checker can follow `import diptych`.
$(VENV)/.installed: $(VENV)/.dependencies $(SOURCES) $(FOLDERS)
	rm -rf $(LEFTOVERS)
	$(PIP) install --quiet --no-deps --no-build-isolation --force-reinstall .
	rm -rf $(LEFTOVERS)
	touch $@

$(VENV)/.test: $(VENV)/.dependencies
	$(PIP) install -c constraints.txt --no-build-isolation '.[test,lora,ray,retrieve,serve]'
	rm -rf $(LEFTOVERS)
	touch $@

$(VENV)/.check: $(VENV)/.dependencies
	$(PIP) install -c constraints.txt --no-build-isolation '.[test,check,lora,ray,retrieve,serve]'
	rm -rf $(LEFTOVERS)
	touch $@

demo: $(VENV)/.installed
	$(BIN)/diptych render prompts/library/demo.txt -o $(OUT)

test: $(VENV)/.test $(VENV)/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(TESTS)

check: $(VENV)/.check $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

examples: $(VENV)/.installed
	set -e; for script in examples/*.py; do echo "== $$script"; $(BIN)/python $$script; done

bench: $(VENV)/.installed
	$(BIN)/diptych bench $(BENCH) --out benchmarks/results

# Builds nothing and asks no network: what it runs is this folder, with the environment if it is there.
gpu:
	$(GPU_PYTHON) benchmarks/harness/gpu_script.py --size $(SIZE) $(if $(WHEELS),--wheels $(WHEELS))

gpu-wheels: $(VENV)/.test
	$(BIN)/python benchmarks/harness/gpu_script.py --download $(or $(WHEELS),out/wheels)

train: $(VENV)/.installed
	$(BIN)/diptych train all --out $(RUN) $(TRAIN)

atlas: $(VENV)/.installed
	$(PIP) install -c constraints.txt --no-build-isolation '.[art]'
	rm -rf $(LEFTOVERS)
	$(BIN)/diptych train art --out $(ATLAS)-art $(if $(ATLAS_FROM),--from $(ATLAS_FROM))
	$(BIN)/diptych train all --data art --art $(ATLAS)-art --start-from pocket --config examples/train_atlas.toml \
		--out $(ATLAS) $(ATLAS_TRAIN)

clean:
	rm -rf $(LEFTOVERS) dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) out
