# mediabridge: `make dev` runs it, `make test` tests it; both set everything up first.
.PHONY: dev test setup check lint types imports format
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
TEST_PROCESSES ?= 2

dev: setup
	@exec $(BIN)/mediabridge dev

test: setup
	@sh scripts/node.sh install
	@$(MAKE) --no-print-directory -j2 test-python test-node

# The two halves of `test`, at the same time: both mostly wait for processes of their own.
.PHONY: test-python test-node
test-python:
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist worksteal

test-node:
	@sh scripts/node.sh test > .venv/test-node.log 2>&1; code=$$?; cat .venv/test-node.log; exit $$code

setup: $(STAMP)
	@sh scripts/system.sh

$(STAMP): pyproject.toml constraints.txt scripts/venv.sh
	@PYTHON="$(PYTHON)" sh scripts/venv.sh
	@touch $@

check: setup lint types imports test

lint:
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types:
	@$(BIN)/mypy

imports:
	@$(BIN)/lint-imports

# The Node adapter's own tests, against Express 4 and 5; needs Node 18 or newer and npm.
.PHONY: test-express
test-express: export NODE_TESTS = required
test-express:
	@sh scripts/node.sh install
	@sh scripts/node.sh test

# Hosts that embed mediabridge; PORT says where they listen.
.PHONY: example-fastapi example-flask example-express
example-%: export PORT ?= 8000
example-%: export PATH := $(CURDIR)/$(BIN):$(PATH)

example-fastapi: setup
	@cd examples/fastapi_host && exec uvicorn app:app --port $$PORT --no-proxy-headers

example-flask: setup
	@cd examples/flask_host && exec python app.py

example-express: export NODE_TESTS = required
example-express: setup
	@sh scripts/node.sh install
	@cd examples/express_host && exec node server.mjs

.PHONY: bench-start bench-proxy
bench-start: setup
	@$(BIN)/python benchmarks/start_time.py

# Peers that are not installed are left out, and named: nginx, caddy, wrk (Debian packages), Node and npm.
bench-proxy: setup
	@cd benchmarks/proxy && npm install --no-audit --no-fund --no-package-lock --loglevel=error
	@$(BIN)/python benchmarks/proxy/bench.py

# One peer is an npm package; without Node it is left out.
.PHONY: bench-extract
bench-extract: setup
	@if command -v npm >/dev/null; then cd benchmarks/extract && npm install --no-audit --no-fund --no-package-lock --loglevel=error; fi
	@$(BIN)/python benchmarks/extract/bench.py

# Peers that are not installed are left out, and named. pyvips lies apart: it is no dependency of ours.
.PHONY: bench-images
bench-images: setup
	@if command -v npm >/dev/null; then cd benchmarks/images && npm install --no-audit --no-fund --no-package-lock --loglevel=error; fi
	-@test -d .venv/bench-images || $(BIN)/python -m pip install -q --target .venv/bench-images pyvips pyvips-binary
	@$(BIN)/python benchmarks/images/bench.py

# Peers that are not installed are left out, and named; the load is wrk's.
.PHONY: bench-store
bench-store: setup
	@if command -v npm >/dev/null; then cd benchmarks/store && npm install --no-audit --no-fund --no-package-lock --loglevel=error; fi
	@$(BIN)/python benchmarks/store/bench.py

# A million files in the library's database, made in half a minute or more: pages, filters, a second import.
.PHONY: bench-library-db
bench-library-db: setup
	@$(BIN)/python benchmarks/library_db.py

# A million hashes searched and changed; precision and recall on the corpus, where it is there.
.PHONY: bench-duplicates
bench-duplicates: setup
	@$(BIN)/python benchmarks/duplicates.py

# Two sidecars and an import write at once, for five minutes; its short form is part of the suite.
.PHONY: campaign-library-db
campaign-library-db: setup
	@$(BIN)/python benchmarks/campaign_library_db.py

.PHONY: campaign-bridge
campaign-bridge: setup
	@$(BIN)/python benchmarks/campaign_bridge.py

# 10,000 spoilt requests against each host; its short form is part of the suite. Express needs Node and its modules.
.PHONY: fuzz-proxy
fuzz-proxy: setup
	@$(BIN)/python benchmarks/fuzz_proxy.py

# Large files, many uploads at once, little memory (needs root for a control group); its short form is in the suite.
.PHONY: campaign-extract
campaign-extract: setup
	@$(BIN)/python benchmarks/campaign_extract.py

# 10,000 uploads while sidecar and worker are killed; its short form is in the suite.
.PHONY: campaign-store
campaign-store: setup
	@$(BIN)/python benchmarks/campaign_store.py

# How many labels a model needs, and what wrong ones do; its short form is part of the suite.
.PHONY: campaign-deepfake
campaign-deepfake: export OPENBLAS_NUM_THREADS = 1
campaign-deepfake: setup
	@$(BIN)/python benchmarks/campaign_deepfake.py

# Retraining with 5,000 samples, and how fast figures are told meanwhile.
.PHONY: bench-deepfake
bench-deepfake: setup
	@$(BIN)/python benchmarks/deepfake.py
	@$(BIN)/python benchmarks/deepfake_model.py

# 10,000 files made from the corpus, imported twice; beside the extraction pool alone. A million rows: bench-library-db.
.PHONY: bench-library
bench-library: setup
	@$(BIN)/python benchmarks/library/bench.py
	@$(BIN)/python benchmarks/library_db.py

# 100 deaths of sidecar and worker under imports and exports; two sidecars and a worker that write for 5 minutes.
.PHONY: campaign-library
campaign-library: setup
	@$(BIN)/python benchmarks/campaign_library.py

format: setup
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
