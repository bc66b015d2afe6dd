# All commands use .venv, which the first command creates. `make help` lists the commands.

PYTHON ?= python3
ARGS ?=

READY := .venv/.installed
BIN := .venv/bin
BETTER_AUTH := tests/better_auth
BETTER_AUTH_READY := $(BETTER_AUTH)/node_modules/.installed
EXAMPLE := examples/nextjs
EXAMPLE_READY := $(EXAMPLE)/node_modules/.installed
CLIENTS := tests/clients
CLIENTS_READY := $(CLIENTS)/node_modules/.installed
OPENAPI := tests/openapi
OPENAPI_READY := $(OPENAPI)/node_modules/.installed
HOSTS := tests/hosts
HOSTS_READY := .venv-hosts/.installed
ON_VERCEL := tests/vercel
ON_VERCEL_READY := $(ON_VERCEL)/node_modules/.installed
BENCHES := bench-cold bench-growth bench-clients bench-memory bench-profile bench-processes bench-scale

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run demo token export import test coverage test-better-auth test-clients test-neon test-hosts test-vercel test-browser test-openapi node migrate sweep reset-sync migration openapi check format lock clean bench $(BENCHES)

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

run: $(READY) ## run the API, with an embedded database and a demo user unless .env has others
	@exec $(BIN)/python -m dev run

demo: node $(READY) $(EXAMPLE_READY) ## build and run the app in examples/nextjs, the API and a database; needs Node 22.18
	@exec $(BIN)/python -m dev demo

token: $(READY) ## print a new token of the demo user
	@exec $(BIN)/python -m dev token

export: $(READY) ## write all todos of the user of TOKEN to standard output; API_URL names another API
	@$(BIN)/python -m dev export

import: $(READY) ## import the todos of standard input for the user of TOKEN; API_URL names another API
	@$(BIN)/python -m dev import

test: $(READY) ## run the tests; ARGS="-k toggle" selects some of them
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

# The paths are absolute, because tests start the API in other folders.
COVERAGE := .local/coverage/data
coverage: $(READY) ## run the tests, and measure which lines of the app they run, also in other processes
	@rm -rf .local/coverage && mkdir -p .local/coverage
	@$(BIN)/coverage run --source="$(CURDIR)" --data-file="$(CURDIR)/$(COVERAGE)" \
		--omit="$(CURDIR)/tests/*,$(CURDIR)/dev/*,$(CURDIR)/benchmarks/*" \
		-m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)
	@$(BIN)/coverage combine --quiet --data-file=$(COVERAGE)
	@$(BIN)/coverage report --data-file=$(COVERAGE)

test-better-auth: node $(READY) $(BETTER_AUTH_READY) ## run the tests against a real Better Auth; needs Node 22.18
	@$(BIN)/python -m pytest $(BETTER_AUTH) $(ARGS)

test-clients: node $(READY) $(CLIENTS_READY) ## generate clients from the OpenAPI document, and use them; needs Node 22.18
	@$(BIN)/python -m pytest $(CLIENTS) $(ARGS)

test-neon: $(READY) ## run the tests against PgBouncer and PostgreSQL with TLS; needs Debian's packages
	@$(BIN)/python -m pytest tests/neon $(ARGS)

test-hosts: $(READY) $(HOSTS_READY) ## run the tests in Vercel's and Lambda's runtimes; needs Python 3.12
	@$(BIN)/python -m pytest $(HOSTS) $(ARGS)

test-vercel: node $(READY) $(HOSTS_READY) $(ON_VERCEL_READY) $(EXAMPLE_READY) ## run both services as one Vercel project, without an account; needs Node 22.18 and Python 3.12
	@$(BIN)/python -m pytest $(ON_VERCEL) $(ARGS)

# The shell finds the path of Python, because the path of this folder may contain spaces.
test-browser: node $(READY) $(EXAMPLE_READY) ## run the example in a real browser; needs Node 22.18 and chromium
	@python="$$(cd $(BIN) && pwd)/python" && cd $(EXAMPLE) && npm run --silent check && npm run --silent test:unit && \
		PYTHON="$$python" npm run --silent test:browser && PYTHON="$$python" npm run --silent test:two-origins

test-openapi: node $(OPENAPI_READY) ## check openapi.json with the rules of Redocly; needs Node 22.18
	@cd $(OPENAPI) && REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
		npx --no-install redocly lint ../../openapi.json --config redocly.yaml

migrate: $(READY) ## bring the schema of the database up to date
	@$(BIN)/python -m db

sweep: $(READY) ## erase what has been in the trash for 30 days
	@$(BIN)/python -m crud

reset-sync: $(READY) ## end all tokens of /api/changes, after a database was restored in place
	@$(BIN)/python -m db.reset_sync

migration: $(READY) ## write the migration for a changed model; NAME="add due date"
	@$(BIN)/python -m dev migration "$(NAME)"

openapi: $(READY) ## write the API's OpenAPI document to openapi.json
	@$(BIN)/python -m dev openapi

check: $(READY) ## check style, format and types without changing a file
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(READY) ## format the code, and fix problems that ruff can fix
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

bench: $(READY) ## compare CPU per request with other stacks, and with an earlier commit by ARGS="--before COMMIT"; needs wrk, and Node 22.18 for some
	@exec $(BIN)/python -m benchmarks $(ARGS)

bench-cold: ## measure the time from the start of the process to the first answer
bench-growth: ## measure a user with a million todos
bench-clients: ## measure 512 clients at once, and two processes; needs wrk
bench-memory: ## measure the memory after 200,000 requests; needs wrk
bench-profile: ## measure where the CPU time of a request goes; needs wrk and Linux
bench-processes: ## measure the connections and the memory of 50 processes; needs PgBouncer and Linux
bench-scale: ## measure storage, a year of changes and PostgreSQL's CPU for docs/scale.md
$(BENCHES): bench-%: $(READY)
	@exec $(BIN)/python -m benchmarks.$* $(ARGS)

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--no-emit-index-url --generate-hashes --custom-compile-command "make lock"
lock: $(READY) ## pin the packages of requirements*.in with hashes; ARGS=--upgrade selects the latest versions
	@$(LOCK) $(ARGS) requirements.in --output-file requirements.txt
	@$(LOCK) $(ARGS) requirements-otel.in --output-file requirements-otel.txt
	@$(LOCK) $(ARGS) requirements-dev.in --output-file requirements-dev.txt
	@$(LOCK) $(ARGS) benchmarks/requirements.in --output-file benchmarks/requirements.txt
	@$(subst 3.11,3.12,$(LOCK)) $(ARGS) $(HOSTS)/requirements.in --constraint requirements.txt \
		--output-file $(HOSTS)/requirements.txt

clean: ## remove .venv and .local with the embedded database
	rm -rf .venv .venv-hosts .local $(BETTER_AUTH)/node_modules $(CLIENTS)/node_modules $(OPENAPI)/node_modules \
		$(ON_VERCEL)/node_modules \
		$(EXAMPLE)/node_modules $(EXAMPLE)/.next $(EXAMPLE)/.next-* \
		benchmarks/peers/*/node_modules benchmarks/peers/nextjs/.next

# Messages go to standard error, so that `make token` prints only a token, and `make export` only todos.
$(READY): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is required. $(PYTHON) is older or missing." \
			"To use another one, run make $(MAKECMDGOALS) PYTHON=python3.15." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot create virtual environments." \
			"On Debian and Ubuntu, run apt install python3-venv." >&2; exit 1; }
	@echo "Installing into .venv (once, about 20 s) ..." >&2
	@$(PYTHON) -m venv .venv >&2
	@$(BIN)/python -m pip install --quiet --quiet --requirement requirements-dev.txt >&2
	@touch $@

# This check runs each time, before anything is installed.
node:
	@command -v npm >/dev/null && node -e '[a, b] = process.versions.node.split("."); process.exit(a * 100 + +b < 2218 ? 1 : 0)' \
		2>/dev/null || { echo "Node 22.18 or newer with npm is required for make $(MAKECMDGOALS)." \
			"The version of node is $$(node --version 2>/dev/null || echo missing)," \
			"and the version of npm is $$(npm --version 2>/dev/null || echo missing)." >&2; exit 1; }

$(BETTER_AUTH_READY): $(BETTER_AUTH)/package-lock.json | node
	@echo "Installing Better Auth into $(BETTER_AUTH)/node_modules (once, about 20 s) ..." >&2
	@npm --prefix $(BETTER_AUTH) ci --loglevel=error >&2
	@touch $@

$(CLIENTS_READY): $(CLIENTS)/package-lock.json | node
	@echo "Installing generators of clients into $(CLIENTS)/node_modules (once, about 30 s) ..." >&2
	@npm --prefix $(CLIENTS) ci --loglevel=error >&2
	@touch $@

$(EXAMPLE_READY): $(EXAMPLE)/package-lock.json | node
	@echo "Installing the example into $(EXAMPLE)/node_modules (once, about 20 s) ..." >&2
	@npm --prefix $(EXAMPLE) ci --loglevel=error >&2
	@touch $@

$(OPENAPI_READY): $(OPENAPI)/package-lock.json | node
	@echo "Installing Redocly's linter into $(OPENAPI)/node_modules (once, about 10 s) ..." >&2
	@npm --prefix $(OPENAPI) ci --loglevel=error >&2
	@touch $@

# The lock file has the CLI's program for one platform only, which npm ci would refuse.
$(ON_VERCEL_READY): $(ON_VERCEL)/package-lock.json | node
	@echo "Installing Vercel's CLI into $(ON_VERCEL)/node_modules (once, about 30 s, 360 MB) ..." >&2
	@npm --prefix $(ON_VERCEL) install --no-save --loglevel=error >&2
	@touch $@

# This environment has the packages of requirements.txt and the runtimes of hosts, and no packages for
# development. Each Python is run before it is used, because pyenv puts commands on the PATH that do
# not work.
$(HOSTS_READY): requirements.txt $(HOSTS)/requirements.txt
	@for python in $(HOSTS_PYTHON) $(PYTHON) python3.15 python3.14 python3.13 python3.12 \
			"$$(pyenv root 2>/dev/null)"/versions/3.1[2-5]*/bin/python3 none; do \
		"$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && break; \
	done; \
	if [ "$$python" = none ]; then \
		echo "Python 3.12 or newer is required for the tests with Vercel's runtime. None was found." \
			"To use another one, run make test-hosts HOSTS_PYTHON=/path/to/python3." >&2; exit 1; \
	fi; \
	echo "Installing into .venv-hosts (once, about 20 s) ..." >&2; \
	rm -rf .venv-hosts && "$$python" -m venv .venv-hosts >&2 && .venv-hosts/bin/python -m pip install --quiet --quiet \
		--requirement requirements.txt --requirement $(HOSTS)/requirements.txt >&2
	@touch $@
