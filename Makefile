# Two commands: `make run` opens the desk, `make test` runs the tests. Both set up `.venv` first.
# The first that the pinned packages have wheels for.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
PYTHON ?= $(shell for one in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$one -c '$(SUPPORTED)' 2>/dev/null && echo $$one && break; done)
PY := .venv/bin/python
ARGS ?=

# How much chaos: kill -9 of processes that commit, canceled tasks, seeded sessions, seeded feeds, seconds of
# SIGSTOP, damaged models, consoles that come and go, faults of a desk over the bus, seconds that a console's
# terminal reads nothing, kill -9 of sweeps, of daily runs at each place where they may be.
KILLS ?= 500
CANCELS ?= 1500
SEEDS ?= 1000
FEEDS ?= 200
STOP_S ?= 30
MODELS ?= 200
CONSOLES ?= 100
BUS_FAULTS ?= 100
STALL_S ?= 60
SWEEPS ?= 40
DAILY ?= 1

.PHONY: run test bench peers chaos lint lock clean

run: .venv
	$(PY) -m console $(ARGS)

test: .venv
	$(PY) -m pytest $(ARGS)

bench: .venv
	$(PY) -m tests.bench $(ARGS)

chaos: .venv
	TICKDESK_CHAOS_KILLS=$(KILLS) TICKDESK_CHAOS_CANCELS=$(CANCELS) TICKDESK_CHAOS_SEEDS=$(SEEDS) \
		TICKDESK_CHAOS_FEEDS=$(FEEDS) TICKDESK_CHAOS_STOP_S=$(STOP_S) TICKDESK_CHAOS_MODELS=$(MODELS) \
		TICKDESK_CHAOS_BUS_FAULTS=$(BUS_FAULTS) TICKDESK_CHAOS_CONSOLES=$(CONSOLES) TICKDESK_CHAOS_STALL_S=$(STALL_S) TICKDESK_CHAOS_STATEFUL=1 \
		TICKDESK_CHAOS_SWEEPS=$(SWEEPS) TICKDESK_CHAOS_DAILY=$(DAILY) TICKDESK_CHAOS_DAILY_EVERY=1 $(PY) -m pytest -s tests/chaos tests/wiring/test_daily_run.py $(ARGS)

# Other projects to compare with, in an environment of their own; `make bench` finds it.
peers:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check nautilus_trader==1.221.0 pyqlib==0.9.7

lint: .venv
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

# The stamp is written last, so that an interrupted set-up is done again. All is pinned, so nothing is resolved;
# what is imported is compiled then.
.venv: .venv/.complete
.venv/.complete: requirements.txt pyproject.toml
	@$(or $(PYTHON),false) -c '$(SUPPORTED)' || { echo "make needs Python 3.11 to 3.14: set PYTHON=/path/to/python3.14" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(PY) -m engine.wiring.compile
	@touch $@

# Resolve the ranges of pyproject.toml again (needs uv); names no registry.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --extra dev --no-emit-package tickdesk pyproject.toml -o requirements.txt

clean:
	rm -rf .venv .venv-peers build dist *.egg-info
