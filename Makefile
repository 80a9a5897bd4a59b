# Two commands do everything: `make drill` and `make test`. Each sets up its private environment first.
SHELL := /bin/sh
VENV := .venv
RUN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: setup drill test check up bench bench-oss bench-rota bench-duty bench-dingtalk soak clean lock
setup: $(STAMP)

$(STAMP): requirements/dev.lock requirements/uv.lock pyproject.toml scripts/setup.py
	@python3 scripts/setup.py --venv $(VENV) && touch $(STAMP)

drill: setup
	@$(RUN)/python scripts/drill.py

# Bytecode is kept whatever the caller's environment says: some hundred processes would compile the package anew.
test: setup
	@PYTHONDONTWRITEBYTECODE= $(RUN)/python -m pytest -n 2 --dist worksteal tests -m "not soak"

bench-dingtalk: setup
	@$(RUN)/python bench/messenger.py

soak: setup
	@$(RUN)/python -m pytest tests -m soak -s

check: setup
	@$(RUN)/ruff format --check src tests bench examples scripts
	@$(RUN)/ruff check src tests bench examples scripts
	@$(RUN)/mypy
	@$(RUN)/lint-imports --no-cache

up: setup
	@$(RUN)/kowloon up

bench: setup
	@$(RUN)/python bench/control_plane.py

bench-oss: setup
	@$(RUN)/python bench/object_store.py

bench-rota: setup
	@$(RUN)/python bench/rota.py

bench-duty: setup
	@$(RUN)/python bench/duty.py

# Names, versions and hashes only: no registry address is recorded.
lock: setup
	@$(RUN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --extra dev -q -o requirements/dev.lock pyproject.toml

clean:
	@rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
