# Two commands do everything: `make drill` and `make test`. Each sets up its private environment first.
SHELL := /bin/sh
VENV := .venv
RUN := $(VENV)/bin
STAMP := $(VENV)/.ready
COMPILED := build/compiled/.ready

.PHONY: setup compiled plain drill test check up bench bench-oss bench-rota bench-duty bench-dingtalk soak clean lock
setup: $(STAMP)

$(STAMP): requirements/dev.lock requirements/uv.lock pyproject.toml scripts/setup.py
	@python3 scripts/setup.py --venv $(VENV) && touch $(STAMP)

# The modules that every request passes, in C (ADR 13). A stale one would hide its source: any change makes them anew.
compiled: $(COMPILED)

$(COMPILED): $(STAMP) scripts/compile.py $(shell find src -name '*.py')
	@$(RUN)/python scripts/compile.py && touch $@

# For work on the sources without `make`.
plain: setup
	@$(RUN)/python scripts/compile.py --remove && rm -f $(COMPILED)

drill: compiled
	@$(RUN)/python scripts/drill.py

# Bytecode is kept whatever the caller's environment says: some hundred processes would compile the package anew.
test: compiled
	@PYTHONDONTWRITEBYTECODE= $(RUN)/python -m pytest -n 2 --dist worksteal tests -m "not soak"

bench-dingtalk: compiled
	@$(RUN)/python bench/messenger.py

soak: compiled
	@$(RUN)/python -m pytest tests -m soak -s

check: setup
	@$(RUN)/ruff format --check src tests bench examples scripts
	@$(RUN)/ruff check src tests bench examples scripts
	@$(RUN)/mypy
	@$(RUN)/lint-imports --no-cache

up: compiled
	@$(RUN)/kowloon up

bench: compiled
	@$(RUN)/python bench/control_plane.py

bench-oss: compiled
	@$(RUN)/python bench/object_store.py

bench-rota: compiled
	@$(RUN)/python bench/rota.py

bench-duty: compiled
	@$(RUN)/python bench/duty.py

# Names, versions and hashes only: no registry address is recorded.
lock: setup
	@$(RUN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --extra dev -q -o requirements/dev.lock pyproject.toml

clean:
	@find src -name '*.so' -delete
	@rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
