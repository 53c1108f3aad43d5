# Every command of the project. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help up down status logs clean demo test check lint types arrows format migrate models lock bench bench-alone chaos install-local install-dev images up-containers down-containers test-containers

# Relative on purpose: the clone's path may hold blanks.
BOOTSTRAP := sh deploy/local/stack/bootstrap.sh
PY := .venv/bin/python
EXTRAS := api poller worker client standins local multilingual
CONTAINERS ?= docker
COMPOSE ?= $(CONTAINERS) compose
IMAGES ?= api poller worker local

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 16

up: install-local ## Install what is missing, start the local stack in the background (WORKERS=3)
	@$(PY) -m stack up $(if $(WORKERS),--workers $(WORKERS))

down: ## Stop the local stack; the data stays
	@if [ -x $(PY) ]; then $(PY) -m stack down; else echo 'nothing runs'; fi

status: install-local ## Show what runs, where, and since when
	@$(PY) -m stack status || true # its code is for scripts; here the lines say it all

logs: install-local ## Follow all logs, or those of one part (PART=worker)
	@$(PY) -m stack logs $(PART)

clean: ## Stop the local stack and remove its data, logs and secrets
	@if [ -x $(PY) ]; then $(PY) -m stack clean; else rm -rf .local; fi

demo: install-local ## Upload the sample files (or FILES='a.pdf'), watch them, search (QUERY='...')
	@$(PY) -m stack demo --files "$$FILES" $${QUERY:+"$$QUERY"}

test: install-dev ## Run all tests, two at once, on servers of their own (ARGS='-k name' for some)
	@$(PY) -m pytest $(if $(ARGS),$(ARGS),--numprocesses 2 --dist loadgroup)

check: lint types arrows test ## What CI runs

lint: install-dev ## Style and formatting
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

types: install-dev ## Static types
	@$(PY) -m mypy

arrows: install-dev ## Which package may import which
	@$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

format: install-dev ## Rewrite the code in the project's format
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

migrate: install-local ## Bring the running stack's database to the newest schema
	@. .local/env && $(PY) -m alembic upgrade head

bench: install-local ## Run a benchmark against the running stack (NAME=...; without it, list them)
	@if [ -z '$(NAME)' ]; then grep -hE '^ +make bench' bench/*.py; else . .local/env && $(PY) bench/$(NAME).py $(ARGS); fi

bench-alone: install-local ## Run a benchmark that starts servers of its own (NAME=fairness, outage, parse, retrieval ...)
	@$(PY) -m bench.$(NAME) $(ARGS)

chaos: install-local ## Run everything under faults and compare with a quiet run (SEED=7 FAULTS=100 FILES=500)
	@PYTHONPATH=tests $(PY) -m bench.chaos $(if $(SEED),--seed $(SEED)) $(if $(FAULTS),--faults $(FAULTS)) $(if $(FILES),--files $(FILES)) $(ARGS)

models: install-local ## Fetch docling's models for PDFs, some 700 MB (DIR=.local/models)
	@DIR='$(or $(DIR),.local/models)' $(PY) -c "import os, docling_rs; folder = os.path.abspath(os.environ['DIR']); \
	docling_rs.download_models(folder, enrichment=False); print('Start the workers with SLUICE_DOCLING_MODELS=' + folder)"

images: ## Build the containers' images and print their sizes (CONTAINERS=docker BUILD_FLAGS='...')
	@CONTAINERS='$(CONTAINERS)' BUILD_FLAGS="$$BUILD_FLAGS" sh deploy/docker/build.sh $(IMAGES)

up-containers: images ## Start everything in containers; without deploy/.env a trial without accounts
	@[ -f deploy/.env ] || (umask 077 && sh deploy/docker/new_env.sh > deploy/.env)
	@$(COMPOSE) -f deploy/compose.yaml up --detach
	@echo "the api answers at http://127.0.0.1:8800 once it is up; '$(COMPOSE) -f deploy/compose.yaml ps' shows the rest"

down-containers: ## Stop the containers; their data stays in volumes
	@$(COMPOSE) -f deploy/compose.yaml down

test-containers: install-dev ## Build the images and drive a file through them with podman, if it is there
	@$(PY) -m pytest deploy/docker/test_containers.py -rs --override-ini 'addopts=--import-mode=importlib' $(ARGS)

lock: ## Pin the requirements anew, with hashes
	@$(BOOTSTRAP) uv
	@export UV_CUSTOM_COMPILE_COMMAND='make lock' UV_SYSTEM_CERTS=1; \
	set -e; \
	compile='.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade'; \
	$$compile requirements/bootstrap.in -o requirements/bootstrap.txt; \
	$$compile --extra dev pyproject.toml -o requirements/dev.txt; \
	for extra in $(EXTRAS); do \
		$$compile --extra $$extra -c requirements/dev.txt pyproject.toml -o requirements/$$extra.txt; \
	done

install-local:
	@$(BOOTSTRAP) local

install-dev:
	@$(BOOTSTRAP) dev
