# callward: `make run` shows it, `make test` proves it. `make help` lists the rest.
#
# Both work on a fresh Debian 12 with nothing but make: the project's own .venv is made from the hashed lock
# files, and remade only when they change. What is missing from Debian is installed when we are root, and
# named otherwise. The stamps form one chain (venv <- runtime <- dev), so `make -j` never runs two pips at once.

PYTHON ?= python3
ARGS ?=
LANES ?= 3 # of tests side by side, see tests/lanes.py; 0: all in one process

# Tests start hundreds of processes: what is compiled must not be compiled again by each of them.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
LANGUAGE_SERVER := tests/editor/node_modules/.package-lock.json
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
LOCK = uv pip compile pyproject.toml --group build --universal --generate-hashes --python-version 3.11 \
	--no-config --quiet --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-long bench check format lock clean debian-test-packages FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

run: $(VENV)/.runtime ## the demo: a call fails over before your eyes (ARGS="--once": and ends)
	@$(BIN)/callward demo $(ARGS)

test: check debian-test-packages $(LANGUAGE_SERVER) ## everything that must hold: lint, types, contracts, tests (ARGS go to pytest)
	$(BIN)/python -m pytest -n $(LANES) $(ARGS)

# Property tests with very many examples, and what is marked long; the safety-net timeouts would only be in the way.
test-long: $(VENV)/.dev debian-test-packages $(LANGUAGE_SERVER) ## hours if you let it: deep property tests and long runs
	HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest -m "long or hypothesis" --timeout=0 -o faulthandler_timeout=0 $(ARGS)

bench: $(VENV)/.dev ## measure
	@$(BIN)/python -m bench $(ARGS)

check: $(VENV)/.dev ## lint, format, types and import contracts only
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev ## let ruff mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: ## resolve the lock files anew (needs uv; add ARGS=--upgrade for newer versions)
	$(LOCK) $(ARGS) -o requirements.lock
	$(LOCK) $(ARGS) --group dev --group peers -c requirements.lock -o requirements-dev.lock

clean: ## remove everything that was made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

debian-test-packages:
	@tests/install-debian sip-tester rtpengine-daemon kamailio baresip-core openssl kamailio-tls-modules postgresql libnet-smpp-perl \
		chromium mosquitto prometheus prometheus-alertmanager sngrep tmux nodejs npm

# The language server that editors use for YAML. Where npm cannot fetch it the tests that want it are skipped, and say so.
$(LANGUAGE_SERVER): tests/editor/package-lock.json | debian-test-packages
	@timeout 300 npm ci --prefix tests/editor --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error \
		--fetch-retries=1 --fetch-timeout=30000 >/dev/null \
		|| echo "npm could not fetch yaml-language-server: the tests of editors will be skipped" >&2

# The stamp names the directory: a tree that was copied or moved, or whose Python went away, gets a new venv.
ifneq ($(shell $(BIN)/python -c 'print(open("$(VENV)/.made").read())' 2>/dev/null),$(CURDIR))
$(VENV)/.made: FORCE
endif
$(VENV)/.made:
	@PYTHON="$(PYTHON)" tests/install-debian python3-venv
	@echo "making $(VENV), a venv of its own"
	@$(PYTHON) -m venv --clear $(VENV)
	@printf %s "$(CURDIR)" > $@

# --no-build-isolation: the build backend comes from the lock file too, so nothing unpinned ever runs. --no-compile: half of
# pip's work would be code that the demo never imports.
$(VENV)/.runtime: $(VENV)/.made requirements.lock pyproject.toml
	@echo "fetching what requirements.lock names: a minute or so, once"
	@$(PIP) install --quiet --no-compile --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index -e .
	@touch $@

# What tests import is compiled before them: they take warnings for failures, those of compiling too.
$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/python -m compileall -q -j 0 $(VENV)/lib
	@touch $@
