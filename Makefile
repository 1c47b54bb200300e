# Everything here sets itself up: a machine needs make and Python 3.11 or later, and nothing else.
# `make demo PYTHON=python3.13` chooses the Python; pip's own configuration (mirrors, proxies, certificates) is respected.

.DEFAULT_GOAL := help
.PHONY: help setup demo test faults day bench bench-quick check compose-check lock clean

VENV := .venv
READY := $(VENV)/.ready
IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c '$(IS_NEW_ENOUGH)' 2>/dev/null && echo $$python && break; done)

help: ## Show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 20

setup: $(READY) ## Install all pinned packages, and the command, into .venv

demo: setup ## Run the whole pipeline against stand-ins for Slack and PagerDuty, and show what it does
	@$(VENV)/bin/ackline demo

test: setup ## Run all tests, against a real Kafka and a real Redis; ARGS="-k ack" chooses some
	@$(VENV)/bin/pytest $(ARGS)

faults: setup ## Do to a pipeline what can happen to one, and count what became of every alert; ARGS="--list" shows what
	@PYTHONSAFEPATH= $(VENV)/bin/python -m faults $(ARGS)

day: setup ## Record a day of 20,000 incidents with faults in it, and have the audit prove it. Takes a quarter of an hour
	@PYTHONSAFEPATH= $(VENV)/bin/python -m faults.day $(ARGS)

bench: setup ## Measure how fast the pipeline is, each figure beside its limit; ARGS="--list" shows what. Takes an hour or more
	@PYTHONSAFEPATH= $(VENV)/bin/python -m bench $(ARGS)

bench-quick: setup ## Less of the same, in under three minutes
	@PYTHONSAFEPATH= $(VENV)/bin/python -m bench --quick $(ARGS)

check: setup ## Lint, format, types, import rules and architecture
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@$(VENV)/bin/pytest -q tests/test_architecture.py

LOCK := $(VENV)/bin/uv pip compile pyproject.toml --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --quiet --custom-compile-command 'make lock'

compose-check: setup ## Try docker-compose.yml out on this machine's Docker, with stand-ins for Slack and PagerDuty
	@$(VENV)/bin/python -P tests/acceptance/compose_check.py

lock: setup ## Renew requirements*.txt and the local Kafka's jars: everything, pinned with hashes
	@$(LOCK) -o requirements.txt
	@$(LOCK) --group dev -o requirements-dev.txt
	@$(VENV)/bin/python -m ackline.local_stack.lock_jars

clean: ## Remove .venv, caches and the local state (.ackline)
	@rm -rf $(VENV) .ackline .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements-dev.txt pyproject.toml
	@[ -n "$(PYTHON)" ] && $(PYTHON) -c '$(IS_NEW_ENOUGH)' || { \
		echo 'Ackline needs Python 3.11 or later. Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3' >&2; exit 1; }
	@[ -x $(VENV)/bin/python ] || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo 'This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@echo 'Installing the pinned packages into $(VENV) (once, a minute or two) …'
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
