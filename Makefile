# Socle. Two commands do everything on a fresh machine: `make demo` and `make test`.

SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
# -n 2: the suite is sized for two cores.
PYTEST := $(BIN)/pytest -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test format lint types imports unit docs bench lock clean

help: ## Print every target.
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

setup: .venv/.done ## Make the environment (.venv), with the locked dependencies.

.venv/.done: pyproject.toml requirements.lock tools/setup.sh
	@PYTHON="$(PYTHON)" sh tools/setup.sh
	@touch $@

demo: setup ## Start a base, fill it, send documents through it, and keep serving until Ctrl-C.
	@$(BIN)/socle demo

serve: setup ## Start a base in .socle and serve until Ctrl-C.
	@$(BIN)/socle serve

test: setup format lint types imports unit ## Check everything: formatting, lint, types, import rules, all tests.

format: setup
	@$(BIN)/ruff format --check .

lint: setup
	@$(BIN)/ruff check .

types: setup
	@$(BIN)/mypy

imports: setup
	@$(BIN)/lint-imports --no-cache

unit: setup
	@sh tools/browser.sh
	@$(PYTEST)

docs: setup ## Build the documentation site into docs/_build.
	@$(BIN)/sphinx-build -q -W -b html docs docs/_build

bench: setup ## Measure: documents per second, CPU per document, latencies. Results go to bench/results.
	@$(BIN)/python -m bench

lock: setup ## Resolve dependencies anew into requirements.lock.
	@.tools/bin/uv pip compile -q pyproject.toml --group dev --group docs --extra reference --universal \
	  --generate-hashes --no-emit-index-url --no-header --upgrade -o requirements.lock

clean: ## Remove everything that is made (.venv, .tools, caches). Data in .socle stays.
	@rm -rf .venv .tools docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis
