# mediabridge: `make dev` runs it, `make test` tests it; both set everything up first.
.PHONY: dev test setup check lint types imports format
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

dev: setup
	@exec $(BIN)/mediabridge dev

test: setup
	@$(BIN)/python -m pytest

setup: $(STAMP)
	@sh scripts/system.sh

$(STAMP): pyproject.toml constraints.txt scripts/venv.sh
	@PYTHON="$(PYTHON)" sh scripts/venv.sh
	@touch $@

check: setup lint types imports
	@$(BIN)/python -m pytest

lint:
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types:
	@$(BIN)/mypy

imports:
	@$(BIN)/lint-imports

.PHONY: campaign-bridge
campaign-bridge: setup
	@$(BIN)/python benchmarks/campaign_bridge.py

format: setup
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
