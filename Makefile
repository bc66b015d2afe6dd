# Everything runs in .venv, which the first command makes. `make help` lists the commands.

PYTHON ?= python3
ARGS ?=

READY := .venv/.installed
BIN := .venv/bin

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run token test migrate check format lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

run: $(READY) ## run the API, with a database and a demo user unless .env names others
	@exec $(BIN)/python -m local run

token: $(READY) ## print a fresh token of the demo user
	@exec $(BIN)/python -m local token

test: $(READY) ## run the tests; ARGS="-k toggle" chooses
	@$(BIN)/python -m pytest $(ARGS)

migrate: $(READY) ## bring the schema of the database up to date
	@$(BIN)/python -m db

check: $(READY) ## lint, format and types; changes nothing
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(READY) ## format, and fix what ruff can fix
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--no-emit-index-url --custom-compile-command "make lock"
lock: $(READY) ## pin what requirements*.in name; ARGS=--upgrade takes the latest
	@$(LOCK) $(ARGS) requirements.in --output-file requirements.txt
	@$(LOCK) $(ARGS) requirements-dev.in --output-file requirements-dev.txt

clean: ## remove .venv and .local, the embedded database with it
	rm -rf .venv .local

# Messages go to standard error, so that `make token` prints a token and nothing else.
$(READY): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed, and $(PYTHON) is not. Name another:" \
			"make $(MAKECMDGOALS) PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments." \
			"On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing into .venv (once, about 20 s) ..." >&2
	@$(PYTHON) -m venv .venv >&2
	@$(BIN)/python -m pip install --quiet --quiet --requirement requirements-dev.txt >&2
	@touch $@
