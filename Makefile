# Everything a developer runs. `make run` needs Python 3.11 or newer and nothing else.
PYTHON ?= python3
BIN := .venv/bin
PO := $(wildcard src/lineaviva/keeper/*/locale/*/LC_MESSAGES/django.po)

# Compiled modules are kept, so that the second start does not compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check lock clean bench

run: .venv/.run .venv/.messages  ## the whole way on this machine: web, worker and a pretend outside world
	@$(BIN)/lineaviva serve --sandbox $(ARGS)

test: .venv/.test .venv/.messages  ## every check and test; brings PostgreSQL, Chromium and Prism itself
	@$(BIN)/python tools/test.py $(ARGS)

check: .venv/.test .venv/.messages  ## only the checks that read the code
	@$(BIN)/python tools/test.py checks

bench: .venv/.test .venv/.messages  ## the measuring programs, one after the other
	@for program in bench/[a-z]*.py; do echo "== $$program"; $(BIN)/python $$program || exit 1; done

lock: .venv/.test  ## write the lock files again from pyproject.toml
	@$(BIN)/python tools/lock.py

clean:  ## remove what was built, not what was kept under var/
	rm -rf .venv tests/prism/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Lineaviva needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv && touch $@

.venv/.run: .venv/.python requirements.lock pyproject.toml
	@echo "Installing what requirements.lock names ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/.test: .venv/.run requirements-dev.lock
	@echo "Installing what requirements-dev.lock names ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

.venv/.messages: .venv/.run $(PO) tools/compile_messages.py
	@$(BIN)/python tools/compile_messages.py
	@touch $@
