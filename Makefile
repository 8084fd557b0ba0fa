# Two commands matter: `make demo` shows it, `make test` proves it. Both set up .venv first.
# Needs Python 3.11 or newer, make and a C toolchain. Nothing is installed outside .venv.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
# Tests wait for disks and daemons a fifth of their time: one process more than cores.
TESTERS ?= 3
BENCH_EVENTS ?= 1000000
BENCH_CACHE ?= .bench
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED := $(VENV)/.locked
INSTALLED := $(VENV)/.installed
LINT_HOME := LEDGERLAKE_HOME=$(VENV)/lint-home

# Tests start many processes, which are not to compile all anew: some images forbid to keep what is compiled.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test pytest lint lint-contracts lint-types lint-sql format docs bench mutants lock clean
.DELETE_ON_ERROR:

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The stamp is written last, so an installation that broke off is done again. The locked uv installs
# in seconds what takes pip minutes; where it cannot (an index that only pip is told of), pip does.
$(LOCKED): requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python 3.11 or newer is needed, found {v.major}.{v.minor}: run make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	@awk '/^[a-z]/ { ours = /^uv==/ } ours' requirements.lock > $(VENV)/uv.lock
	$(PIP) --require-hashes --only-binary :all: -r $(VENV)/uv.lock && \
		$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock || \
		$(PIP) --require-hashes -r requirements.lock
	@touch $@

$(INSTALLED): $(LOCKED) pyproject.toml audit/native.c audit/rows.h ingestion/sources/row_json.c ingestion/lake/id_table.c
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

setup: $(INSTALLED) ## Create .venv from the lock and install the project into it

demo: $(INSTALLED) ## Run a year of retail sales through the warehouse, close its books, report
	$(BIN)/python -m orchestration.demo

test: lint pytest ## Lint, then every test but the nightly ones

pytest: $(INSTALLED)
	$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder -m "not nightly"

lint: $(INSTALLED) ## ruff, contracts, mypy strict, sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory lint-contracts
	@$(MAKE) --no-print-directory -j $(JOBS) --output-sync lint-types lint-sql

# A published version never changes, and a new one reads what the old ones wrote.
lint-contracts:
	@$(BIN)/ledgerlake contracts check > $(VENV)/contracts.txt || { cat $(VENV)/contracts.txt; exit 1; }

lint-types:
	$(BIN)/mypy

# dbt compiles a model against a lake, so the SQL is linted against an empty one.
lint-sql:
	@$(LINT_HOME) $(BIN)/ledgerlake init > /dev/null
	$(LINT_HOME) $(BIN)/sqlfluff lint --processes $(JOBS) dbt_project

format: $(INSTALLED) ## Let ruff and sqlfluff put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(LINT_HOME) $(BIN)/ledgerlake init > /dev/null
	$(LINT_HOME) $(BIN)/sqlfluff fix dbt_project

docs: $(INSTALLED) ## Write the dbt docs site to target/index.html
	$(BIN)/dbt docs generate --static

bench: $(INSTALLED) ## Measure; BENCH_EVENTS=20000000 for the full size
	$(BIN)/python -m benchmarks --events $(BENCH_EVENTS) --cache $(BENCH_CACHE)

# Beside the environment, not in it: it wants other versions of what the lock holds.
mutants: $(INSTALLED) ## Break the rules one by one, say which break no test sees; PART=sagas for ledger/sagas
	$(PIP) --target $(VENV)-mutants mutmut==3.8.1
	PYTHONPATH=$(VENV)-mutants $(BIN)/python -m mutmut run --max-children $(JOBS) $(if $(PART),'ledger.$(PART)*')
	@PYTHONPATH=$(VENV)-mutants $(BIN)/python -m mutmut results | { grep -v 'not checked' || true; }

# No index address gets into the lock: it must install from any mirror.
lock: ## Resolve requirements.lock again from pyproject.toml
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(VENV)-lock/bin/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--generate-hashes --no-strip-extras --no-header --no-emit-index-url --no-emit-find-links \
		--quiet --output-file requirements.lock

clean: ## Remove .venv and caches; never touches data/
	rm -rf $(VENV) $(VENV)-lock $(VENV)-mutants mutants audit/_native*.so ingestion/lake/_id_table*.so ingestion/sources/_row_json*.so build target logs .pytest_cache .mypy_cache .ruff_cache .hypothesis
