# Needs Python 3.11 or newer, and make. Everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
JOBS ?= $(shell nproc --all 2>/dev/null || echo 2)
PACKAGES := ticket_hub api/ticket_hub_api cli/ticket_hub_cli
export OMP_NUM_THREADS ?= 1
# The tests start hundreds of processes; each would compile what it imports anew.
export PYTHONDONTWRITEBYTECODE :=
# They write thousands of small files to the disk, each waited for: in memory where there is room.
export PYTEST_DEBUG_TEMPROOT ?= $(shell df -k --output=avail /dev/shm 2>/dev/null | awk 'NR > 1 && $$1 > 8000000 {print "/dev/shm"}')

.PHONY: help demo test nightly lint docs gpu-bundle gallery clean

help:
	@echo "make demo     find, verify, draw and retrain lottery tickets on a small data set (under three minutes)"
	@echo "make test     run the tests"
	@echo "make nightly  run all tests, those that take minutes too: storms, fuzzing, every durable call"
	@echo "make lint     run ruff, mypy and import-linter"
	@echo "make docs     build the documentation as a site in build/site; a dead link is an error"
	@echo "make gallery  find, test and pack the tickets of docs/gallery.toml (hours; GALLERY=digits: minutes)"
	@echo "make gpu-bundle  pack what a machine with a GPU lacks that has only PyTorch, for the tests marked gpu"
	@echo "make clean    remove what the other targets made"

# One stamp each for what a user installs and for what a developer installs. Nothing is compiled
# beforehand: only a part of what is installed is ever imported, and Python compiles that by itself.
.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Ticket Hub needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[serve]'
	@touch $@

.venv/.installed-dev: .venv/.installed
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[dev]'
	@touch $@

demo: .venv/.installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh docs/demo.sh

test: .venv/.installed-dev
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --no-loadscope-reorder --durations 10

# One after the other: storms count what a machine can do in a time.
nightly: .venv/.installed-dev
	TICKET_TEST_TYPES=all $(BIN)/python -m pytest -m "not gpu and not network"

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES) tests benchmarks
	$(BIN)/lint-imports

# Nothing is fetched; the variable only keeps a notice about other products out of the output.
docs: .venv/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo "The site begins at build/site/index.html"

# Hours for all; a run that was stopped goes on. The file is build/gallery/ticket-gallery.tar.xz.
gallery: .venv/.installed
	$(BIN)/python docs/gallery.py $(GALLERY)

# Such a machine often has no network. There: build/gpu/test.sh in the root of this checkout.
GPU_LACKS := beartype jaxtyping wadler-lindig platformdirs hypothesis sortedcontainers filelock pytest pytest-timeout pluggy iniconfig

gpu-bundle:
	rm -rf build/gpu && mkdir -p build/gpu
	$(PYTHON) -m pip download --quiet --no-deps --only-binary=:all: -c constraints.txt -d build/gpu $(GPU_LACKS)
	cp tests/helpers/gpu_test.sh build/gpu/test.sh
	@echo "Take the checkout with build/gpu along, and run: sh build/gpu/test.sh"

clean:
	rm -rf .venv .wheel-venv build dist demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find ticket_hub api cli tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
