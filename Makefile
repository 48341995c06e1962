.DEFAULT_GOAL := help
.PHONY: help setup run cluster test drills load bench check check-deploy deploy-files proto lock clean

# Everything runs in the project's own virtual environment.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/.venv

ARGS ?=
ONLY ?=

help:  ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup:  ## Make the virtual environment from requirements.lock
	@scripts/setup

run: setup  ## Run everything in one process on embedded engines (ARGS="--source replay:PATH --speed max")
	@bet-intel up $(ARGS)

cluster: setup  ## Start every server and service as processes of their own (ARGS="--small"); bet-intel cluster status, scale, down
	@bet-intel cluster up $(ARGS)

test: setup  ## Run every test (ARGS="tests/unit -k devig")
	@scripts/test $(ARGS)

drills: setup  ## Kill what can be killed while load runs, and say what came of it (ONLY="gateway primary", ARGS="--json rows.json")
	@scripts/drills $(ONLY) $(ARGS)

load: setup  ## Ask a cluster through nginx for all that it can answer (ARGS="--seconds 10 --rounds 3 --write"); minutes
	@scripts/load $(ARGS)

bench: setup  ## Measure against peers and goals (ARGS="5 11 --json figures.json"); minutes, on a quiet machine
	@scripts/bench $(ARGS)

check: setup  ## Formatting, lint, types, architecture, contracts, spelling
	@scripts/check

check-deploy: setup  ## Images, compose, Kubernetes, servers, Prometheus, dashboards (ARGS="dashboards metrics")
	@scripts/check-deploy $(ARGS)

deploy-files: setup  ## Write the files of deployment that are made from code
	@scripts/deploy-files

proto: setup  ## Generate the event classes from proto/
	@scripts/proto

lock: setup  ## Resolve the dependencies anew
	@scripts/lock

clean:  ## Remove the virtual environment and every cache
	@rm -rf .venv .venv-bench .venv-deploy .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
