# Argon's entry points. `make help` lists them.
#
# Everything that a target needs is installed by the target itself: Python
# packages into .venv, Go modules into Go's own cache. Nothing is installed
# outside the tree, and nothing but Go, Python 3.10+ and a C compiler has to be
# there before.

PYTHON ?= python3
GO     ?= go
VENV   := .venv
BIN    := $(VENV)/bin
LIB    := build/lib
STAMPS := build/stamps

GO_SOURCES := $(shell find core capi cmd -name '*.go' -o -name '*.c' -o -name '*.h' 2>/dev/null)
PY_SOURCES := $(wildcard python/argon/*.py python/argon/py.typed)

.DEFAULT_GOAL := help
.PHONY: help build wheel demo test test-go test-python test-torch test-notebooks test-suites bench lint fuzz soak docs docs-check clean fmt

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(STAMPS):
	@mkdir -p $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip

build: $(STAMPS)/wheel build/argon ## the wheel, installed into .venv, and the CLI at build/argon

# One wheel, built as a user's pip would build it, so that what is tested is what
# is shipped.
$(STAMPS)/wheel: $(GO_SOURCES) $(PY_SOURCES) setup.py pyproject.toml go.mod go.sum | $(BIN)/python $(STAMPS)
	rm -rf dist build/lib build/bdist.* build/temp.*
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps dist/*.whl
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(ls dist/*.whl)"
	@touch $@

build/argon: $(GO_SOURCES) go.mod go.sum
	CGO_ENABLED=0 $(GO) build -ldflags "-s -w" -o $@ ./cmd/argon

wheel: $(STAMPS)/wheel ## the wheel, in dist/
	@ls dist/*.whl

# What demo, tests and benchmarks need beside the wheel; see requirements/.
$(STAMPS)/req-%: requirements/%.txt | $(BIN)/python $(STAMPS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

demo: $(STAMPS)/wheel $(STAMPS)/req-demo build/argon ## the main job, on 336,776 flights
	PATH="$(CURDIR)/build:$$PATH" $(BIN)/python notebooks/demo.py

test: test-go test-python test-notebooks ## all tests, those against a real mongod included

# Random tests begin from this seed, so that one tree gives one answer; `make
# soak` and `RAPID_SEED=0 make test-go` draw others.
RAPID_SEED ?= 20261124

test-go: $(STAMPS)/req-test ## the Go tests
	RAPID_SEED=$(RAPID_SEED) ARGON_MONGOD="$$($(BIN)/python tools/find_mongod.py)" $(GO) test ./...

# The clients that the tests of the server use: those of Python in an environment
# of their own, since pymongoarrow needs one version of pyarrow exactly; those of
# Node, where there is Node.
$(STAMPS)/clients: requirements/clients.txt | $(STAMPS)
	$(PYTHON) -m venv .clients-venv
	.clients-venv/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(STAMPS)/node: python/tests/node/package.json python/tests/node/package-lock.json | $(STAMPS)
	if command -v npm >/dev/null; then cd python/tests/node && npm ci --ignore-scripts --no-audit --no-fund --silent; fi
	@touch $@

test-python: $(STAMPS)/wheel $(STAMPS)/req-test $(STAMPS)/clients $(STAMPS)/node build/argon ## the Python tests
	ARGON_LIBRARY="$$($(BIN)/python -c 'import argon._ffi as ffi; print(ffi.library_path())')" \
	ARGON_MONGOD="$$($(BIN)/python tools/find_mongod.py)" PATH="$(CURDIR)/build:$$PATH" \
	  $(BIN)/python -m pytest -q python/tests

# PyTorch is large, and needed for one test only.
test-torch: $(STAMPS)/wheel $(STAMPS)/req-test $(STAMPS)/req-torch build/argon ## the test of PyTorch's DataLoader
	ARGON_LIBRARY="$$($(BIN)/python -c 'import argon._ffi as ffi; print(ffi.library_path())')" \
	PATH="$(CURDIR)/build:$$PATH" $(BIN)/python -m pytest -q python/tests/test_torch.py

test-notebooks: $(STAMPS)/wheel $(STAMPS)/req-test $(STAMPS)/req-demo build/argon ## the notebooks, executed
	PATH="$(CURDIR)/build:$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -q --nbmake --nbmake-timeout=300 notebooks

test-suites: $(STAMPS)/req-test build/argon ## PyMongo's own tests, all of them (ten minutes; `make test` runs some)
	PATH="$(CURDIR)/build:$$PATH" $(BIN)/python tools/suites/run.py

bench: $(STAMPS)/wheel $(STAMPS)/req-bench build/argon ## the table of docs/benchmarks.md, measured here and now
	ARGON_MONGOD="$$($(BIN)/python tools/find_mongod.py)" $(BIN)/python tools/bench/run.py

lint: $(STAMPS)/wheel $(STAMPS)/req-lint ## gofumpt, vet, staticcheck, ruff, mypy
	@out="$$($(GO) tool gofumpt -l core capi cmd)"; test -z "$$out" || { echo "not formatted (make fmt):"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(BIN)/python -m ruff check python tools notebooks setup.py
	$(BIN)/python -m ruff format --check python tools notebooks setup.py
	$(BIN)/python -m mypy

fmt: $(STAMPS)/req-lint ## format everything
	$(GO) tool gofumpt -w core capi cmd
	$(BIN)/python -m ruff format python tools notebooks setup.py

SOAK ?= 10m
PARTS ?=
soak: $(STAMPS)/req-test ## the long tests: SOAK (10m) for each part, or for those named: PARTS="mirror mvcc"
	ARGON_MONGOD="$$($(BIN)/python tools/find_mongod.py)" $(BIN)/python tools/soak.py --for $(SOAK) $(PARTS)

FUZZTIME ?= 30s
fuzz: ## every fuzzer for FUZZTIME (30s) each
	@for pkg in $$($(GO) list ./core/... ./capi/...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; done

docs: $(STAMPS)/wheel build/argon ## the generated references in docs/
	$(BIN)/python tools/docs.py

docs-check: $(STAMPS)/wheel build/argon ## fail if a generated reference is out of date
	$(BIN)/python tools/docs.py --check

clean: ## remove everything that was built or installed
	rm -rf build dist $(VENV) .bench-venv .clients-venv python/tests/node/node_modules python/*.egg-info *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
