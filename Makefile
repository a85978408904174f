# Every target builds .venv from a bare python3 when it is missing or older than pyproject.toml.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --quiet --quiet --disable-pip-version-check
STAMP  := $(VENV)/.stamp
BENCH_STAMP := $(VENV)/.stamp-bench
FUZZ_STAMP := $(VENV)/.stamp-fuzz

.DEFAULT_GOAL := help
.PHONY: help demo test hostile torture fuzz soak works-with check format bench bench-instructions docs clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s%s\n", $$1, $$2 }' Makefile

demo: $(STAMP)  ## 2,000 requests twice on loopback: a session each, then one shared session
	@$(VENV)/bin/trunkline demo

test: $(STAMP)  ## run the tests; ARGS="-k pool" passes arguments to pytest
	@echo "test: pytest $(ARGS)"
	@$(PY) -m pytest $(ARGS)

hostile: $(STAMP)  ## hostile peers of both roles over sockets
	@$(PY) -m pytest tests/hostile $(ARGS)

torture: $(STAMP)  ## cancel and fail each step of each kind of request
	@$(PY) -m pytest tests/torture $(ARGS)

SECONDS ?= 60
fuzz: $(FUZZ_STAMP)  ## feed each parser for SECONDS=60; ARGS="chunked" feeds one
	@$(PY) -m fuzz --seconds $(SECONDS) $(ARGS)

soak: $(STAMP)  ## 1,000,000 requests with faults: does anything grow?
	@$(PY) -m soak $(ARGS)

works-with: $(STAMP)  ## run other libraries' tests on aiohttp and on Trunkline; ARGS="gql" runs one
	@$(PY) -m tests.works_with $(ARGS)

check: $(STAMP)  ## lint, formatting, types, architecture
	@echo "check: ruff"
	@$(PY) -m ruff check --quiet
	@$(PY) -m ruff format --check --quiet || { echo "check: not formatted; run 'make format'"; exit 1; }
	@echo "check: mypy --strict"
	@$(PY) -m mypy
	@echo "check: architecture"
	@$(PY) -m pytest --quiet tests/test_architecture.py

format: $(STAMP)  ## sort imports, fix what ruff can fix, format
	@$(PY) -m ruff check --fix --quiet || true
	@$(PY) -m ruff format --quiet
	@echo "format: done"

bench: $(BENCH_STAMP)  ## measure clients, servers and WebSockets against their rivals (needs nginx, wrk and h2load)
	@$(PY) -m bench $(ARGS)

bench-instructions: $(BENCH_STAMP)  ## count instructions per request (needs nginx and valgrind)
	@$(PY) -m bench.instructions $(ARGS)

docs: $(STAMP)  ## build the documentation into site/
	@$(PY) -m mkdocs build --strict --quiet
	@echo "docs: site/index.html"

clean:  ## remove everything that these targets made, .venv too
	@rm -rf $(VENV) site dist build bench/.work fuzz/.work tests/works_with/.work .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "clean: done"

# Missing also means: the interpreter it points to has gone.
$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    seen=$$($(PYTHON) --version 2>/dev/null) || seen="no Python that runs"; \
	    echo "make: Trunkline needs Python 3.11 or newer; '$(PYTHON)' is $$seen."; \
	    echo "make: name another with 'make PYTHON=/path/to/python3.12 ...'."; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
	    echo "make: '$(PYTHON) -m venv' failed (on Debian: apt-get install python3-venv)."; exit 1; }

$(STAMP): pyproject.toml $(PY)
	@echo "make: installing Trunkline and its tools into $(VENV)"
	@$(PIP) install --editable '.[dev]'
	@touch $@

$(BENCH_STAMP): pyproject.toml $(STAMP)
	@echo "make: installing the clients and servers to compare with into $(VENV)"
	@$(PIP) install --editable '.[dev,bench]'
	@touch $@

# Wheels alone: from source atheris takes clang and minutes (docs/adr/020-atheris-extra.md). A failure leaves no stamp.
$(FUZZ_STAMP): pyproject.toml $(STAMP)
	@echo "make: installing atheris into $(VENV)"
	@$(PIP) install --only-binary atheris --editable '.[dev,fuzz]' 2>/dev/null && touch $@ || \
	    echo "make: no wheel of atheris for this Python could be had; fuzzing with hypothesis instead"
