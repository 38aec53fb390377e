# Every target does all of its own set-up: a clean clone needs nothing but Python 3.11+, Go 1.26+, make and a C compiler.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | sed -E 's/:.*?## /\t/' | expand -t 16

.venv/.ready: requirements.lock
	PATH="$${PATH#*:}" $(PYTHON) -m venv --clear .venv # not by the Python in it, which would clear itself away
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: setup
setup: .venv/.ready ## make the virtual environment from the lock file

.PHONY: lock
lock: setup ## resolve the dependencies anew into requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
		--extra demo --extra dev pyproject.toml -o requirements.lock --upgrade

.PHONY: check
check: setup ## lint, formatting, types, import rules
	ruff check
	ruff format --check
	mypy
	lint-imports --no-cache

# The tests on the cluster wait most of the time, and the others compute: side by side they take as long as one of the two.
QUICK := not long and not explore

.PHONY: test
test: setup ## build the local cluster's programs unless they are there, then run the tests on it, and those that need none
	PYTHONPATH=hack $(BIN)/python -m localcluster build
	$(MAKE) --no-print-directory --jobs=2 test-on-cluster test-alone

.PHONY: test-on-cluster
test-on-cluster: setup
	$(BIN)/pytest -m "$(QUICK) and cluster" 2>&1 | grep --line-buffered '' # whole lines, among those of the others

.PHONY: test-alone
test-alone: setup
	$(BIN)/pytest -m "$(QUICK) and not cluster" 2>&1 | grep --line-buffered ''

.PHONY: test-more
test-more: setup ## the long tests
	PYTHONPATH=hack $(BIN)/python -m localcluster build core metrics-server istio
	$(BIN)/pytest -m long

.PHONY: explore
explore: setup ## live random lives, and die in many more moments: to find what no test has thought of
	PYTHONPATH=hack $(BIN)/python -m localcluster build core metrics-server
	$(BIN)/pytest -m explore

.PHONY: crds
crds: setup ## write the CRDs and the reference anew from the models
	PYTHONPATH=hack $(BIN)/python -m crds

.PHONY: pictures
pictures: setup ## let the judge draw the picture and write the numbers of docs/concepts/analysis.md anew
	PYTHONPATH=hack $(BIN)/python -m pictures

.PHONY: demo
demo: setup ## watch Serin promote good versions of a model and turn bad ones away (PROVIDER=istio, KEEP=1 leaves the cluster up)
	PYTHONPATH=hack $(BIN)/python -m demo $(if $(PROVIDER),--provider $(PROVIDER)) $(DEMO_FLAGS)

.PHONY: kind-demo
kind-demo: setup ## the same story on kind, where Docker is to be had
	PYTHONPATH=hack $(BIN)/python -m demo --platform kind $(DEMO_FLAGS)

# A cluster to play with: see docs/local-cluster.md and docs/tutorials/first-rollout.md. CLUSTER names another one.
LOCALCLUSTER = PYTHONPATH=hack $(BIN)/python -m localcluster $(if $(CLUSTER),--name $(CLUSTER))
TUTORIAL = PYTHONPATH=hack:examples/demo/server $(BIN)/python -m tutorial $(if $(CLUSTER),--name $(CLUSTER))

.PHONY: cluster-build
cluster-build: setup ## build the programs of the local cluster into the cache, once
	$(LOCALCLUSTER) build

.PHONY: cluster-up
cluster-up: setup ## start a local cluster that lives until cluster-down
	$(LOCALCLUSTER) build
	$(LOCALCLUSTER) up

.PHONY: cluster-kubeconfig
cluster-kubeconfig: setup ## print the path of its kubeconfig
	@$(LOCALCLUSTER) kubeconfig

.PHONY: cluster-images
cluster-images: setup ## make the images of the operator and of the demo's model server, and load them
	$(TUTORIAL) images

.PHONY: cluster-requests
cluster-requests: setup ## send requests through its gateway, and count who answers
	$(TUTORIAL) requests

.PHONY: cluster-down
cluster-down: setup ## end it and leave nothing behind
	$(LOCALCLUSTER) down

.PHONY: benchmark
benchmark: setup ## measure what one file of benchmarks/ measures: make benchmark NAME=rollouts
	PYTHONPATH=hack $(BIN)/python benchmarks/$(NAME).py $(FLAGS)
