# Everything a newcomer needs: Python 3.11 or newer, and make.
PYTHON ?= python3
VENV ?= .venv
PEERS ?= .peers/venv
BIN := $(VENV)/bin
UV ?= $(if $(wildcard $(BIN)/uv),$(BIN)/uv,uv)

LOCKED := $(VENV)/.locked
INSTALLED := $(VENV)/.installed
COMPILE = $(UV) pip compile --quiet --no-config --default-index https://pypi.org/simple --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --no-annotate

export PIP_DISABLE_PIP_VERSION_CHECK := 1
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test test-faces test-inside physics format bench soak pages validation peers lock clean

help:  ## this list
	@echo "Voltyard: set up and use it with"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS='|' read -r t d; do printf '%-16s %s\n' "$$t" "$$d"; done
	@echo "Another Python: make PYTHON=python3.12 test"

install: $(INSTALLED)  ## set up .venv from requirements-dev.lock, with ourselves in it

demo: $(INSTALLED)  ## a hot day of twenty piles on real sockets, with verdict and report
	$(BIN)/voltyard demo

test: $(INSTALLED)  ## all checks, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-faces test-inside

test-faces: $(INSTALLED)
	$(BIN)/python -m pytest tests/bench_api tests/test_examples.py

test-inside: $(INSTALLED)
	$(BIN)/python -m pytest --ignore=tests/bench_api --ignore=tests/test_examples.py

physics: $(INSTALLED)  ## the worked numbers of the physics alone, named by section
	$(BIN)/python -m pytest -k section_ tests/twins

format: $(INSTALLED)  ## put the code in the form that the checks ask for
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)  ## measure: the numbers of the README, 50 kills each among them: minutes
	$(BIN)/python tests/bench/run.py
	$(BIN)/python tests/bench/modbus.py
	$(BIN)/python tests/bench/slot.py
	$(BIN)/python tests/soak/kills.py --kills 50

soak: $(INSTALLED)  ## 200 days of random faults, 200 kills of each side, all brief scenarios in real pace: over half an hour
	$(BIN)/python tests/soak/random_days.py --days 200 --wired 20
	$(BIN)/python tests/soak/kills.py --kills 200
	$(BIN)/python tests/soak/briefs.py

pages: $(INSTALLED)  ## docs/scenarios anew, from the shipped scenarios
	$(BIN)/python -m bench_api.scenario_pages docs/scenarios

validation: $(INSTALLED)  ## docs/validation.md anew: the real site, heat, queues, each beside ours: minutes
	$(BIN)/python tests/bench/validation.py

peers: $(PEERS)/.locked  ## a foreign CSMS in .peers/venv, for the tests that want one

lock:  ## renew the three locks (maintainers; needs uv)
	$(COMPILE) --upgrade pyproject.toml -o requirements.lock
	$(COMPILE) --upgrade pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	$(COMPILE) --upgrade --group peers -o peers.lock

clean:  ## remove what was made, the environments too
	rm -rf $(VENV) $(PEERS) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# $(call environment,FOLDER): make a virtual environment unless it is there
define environment
	@command -v $(PYTHON) >/dev/null || { echo "voltyard: '$(PYTHON)' is not installed; name a Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "voltyard: Python 3.11 or newer is needed, but '$(PYTHON)' is $$($(PYTHON) -V 2>&1); name another: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "voltyard: '$(PYTHON)' cannot make virtual environments (module venv or ensurepip is missing); install them (Debian, Ubuntu: apt install python3-venv) or name another: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(1)/bin/python || $(PYTHON) -m venv $(1) || { rm -rf $(1); echo "voltyard: '$(PYTHON) -m venv $(1)' failed (see above)" >&2; exit 1; }
endef

$(LOCKED): requirements-dev.lock
	$(call environment,$(VENV))
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

$(INSTALLED): $(LOCKED) pyproject.toml
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(PEERS)/.locked: peers.lock
	$(call environment,$(PEERS))
	$(PEERS)/bin/python -m pip install --quiet --require-hashes -r peers.lock
	@touch $@
