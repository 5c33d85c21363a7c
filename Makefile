# Everything from a fresh clone with Python 3.11 or newer and make alone. `make` lists the targets.
# Data (DATA, ./data by default) is written by `make run` only, and removed by nothing here.

PORT ?= 5000
DATA ?= ./data
ARGS ?=
JOBS ?= 4

BIN := .venv/bin
# What `make tools` brought is found by the tests and the bench before anything else.
export PATH := $(CURDIR)/.tools/bin:$(PATH)
export PYTHON
# Compiled modules are kept: without them a process of the program takes seconds more to begin, and the suite minutes.
unexport PYTHONDONTWRITEBYTECODE

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help run install test test-slow test-walk test-again test-all check bench soak screenshots tools lock clean

help:
	@echo 'make run [PORT=5000] [DATA=./data] [ARGS=...]  install what is missing and start a registry on 127.0.0.1'
	@echo 'make install                                   make .venv with everything, for running and developing'
	@echo 'make test [ARGS=...] [JOBS=4]                  make check, then every quick test'
	@echo 'make test-all [ARGS=...] [JOBS=4]              make check, then every test; test-slow: the slow ones alone'
	@echo 'make test-walk                                 every page of the console in every look, to everybody'
	@echo 'make check                                     lint, formatting, types, import contracts, budgets'
	@echo 'make bench [ARGS=...]                          measure against other registries found on PATH'
	@echo 'make soak [ARGS=...]                           push for 20 minutes while everything deleted is collected'
	@echo 'make screenshots                               make the pictures of the README from a real server'
	@echo 'make tools                                     bring the real clients that the tests use (into .tools)'
	@echo 'make lock [UPGRADE=1]                          write the lock files anew'
	@echo 'make clean                                     remove .venv, caches and builds; never data, never .tools'

# What npm brings for the console; where there is no npm it is said, and the console works without.
SCRIPT := $(BIN)/python tools/vendor.py --or-say

run: .venv/.ready-to-run
	@$(SCRIPT)
	@exec $(BIN)/holdfast serve --data '$(DATA)' --listen '127.0.0.1:$(PORT)' $(ARGS)

install: .venv/.ready-to-develop
	@$(SCRIPT)

.venv/.ready-to-run: constraints-run.txt pyproject.toml tools/install
	@tools/install constraints-run.txt
	@touch $@

.venv/.ready-to-develop: constraints.txt pyproject.toml tools/install
	@tools/install constraints.txt
	@touch .venv/.ready-to-run $@

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/budgets.py

# Several processes: much of the suite waits for servers. A file's tests stay together, for they share their servers.
PYTEST = $(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

test: check
	$(PYTEST) -m 'not slow and not walk' $(ARGS)

test-slow: install
	$(PYTEST) -m slow $(ARGS)

# What failed last, one test at a time.
test-again: install
	$(BIN)/pytest -n 0 --last-failed --last-failed-no-failures none $(ARGS)

# Some ten minutes of a browser: before a release, and after a change of the frame.
test-walk: install
	$(PYTEST) -m walk $(ARGS)

test-all: check
	$(PYTEST) $(ARGS)

# Alone it measures everything; with ARGS only what is compared with other registries.
bench: install
	$(BIN)/python -m bench $(ARGS)
	$(if $(ARGS),,$(BIN)/python -m bench.managing)

soak: install
	$(BIN)/python -m tests.soak $(ARGS)

screenshots: install
	$(BIN)/python -m tests.browser.screenshots

tools:
	@python=$$(tools/find-python) && "$$python" tools/clients.py install

# Two locks: the whole, and what running needs, so that the first `make run` brings nothing else. Both hold the build
# backend, which installs this checkout without a download of its own.
lock: install
	@printf 'hatchling>=1.25\neditables>=0.5\n' | $(LOCK) --extra dev pyproject.toml - -o constraints.txt
	@printf 'hatchling>=1.25\neditables>=0.5\n' | $(LOCK) -c constraints.txt pyproject.toml - -o constraints-run.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find src tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
