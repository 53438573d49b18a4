# make book: builds the course and serves it. make help: everything else. Needs Python 3.11 or newer, and make.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help book html lab exercises demo-class test test-all check bench lock clean

PORT ?= 8000
LAB ?=
DEMO ?= demo-class
ASSIGNMENT ?= tactical-forecasting
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PY := .venv/bin/python
say = { echo "$(1)" >&2; exit 1; }

# What the machine has to offer, and what is made from it: each of these files stands for a finished step.
PACKAGES := .venv/.packages
MODULES := node_modules/.package-lock.json
INSTALLED := .venv/.installed
BOOK := _build/.html
sources = $(shell find $(1) -type f -not -path '*/.*' -not -path '*/__pycache__/*' 2>/dev/null)
FRONTEND := $(call sources,src/moi/explore/frontend)
COURSE := $(call sources,book data exercises solutions src/moi) _config.yml

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

book: $(BOOK)  ## build the course and serve it on this machine (PORT=8000, or the next free one)
	@$(PY) -m moi.book.serve _build/html --port $(PORT)

html: $(BOOK)  ## build the course into _build/html
	@echo "The book is in _build/html. To read it: make book"
	@echo "(on another machine: ssh -L $(PORT):127.0.0.1:$(PORT) HOST from yours, and make book there)"

lab: $(INSTALLED)  ## open the course in JupyterLab (LAB=--allow-root in a container)
	@$(PY) -m jupyter lab --notebook-dir . --ip 127.0.0.1 $(LAB)

exercises: $(INSTALLED)  ## derive exercises/ from solutions/
	@$(PY) -m moi.grading.exercises

demo-class: $(INSTALLED)  ## make a class of thirty made-up students to grade (ASSIGNMENT=common-aims, DEMO=folder)
	@$(PY) -m moi.grading.demo_class $(DEMO) --assignment $(ASSIGNMENT)

test: TESTS := not long
test: run-tests  ## run every test but the long ones

test-all: TESTS := long or not long
test-all: run-tests  ## run every test

# A process of pytest's that has died is not replaced: pytest-xdist would wait for ever (its issue 1378).
.PHONY: run-tests
run-tests: $(BOOK)
	@$(PY) -m moi.node --test 'src/**/*.test.mjs' 'tests/**/*.test.mjs'
	@CHROMIUM="$$($(PY) tools/chromium.py)"; export CHROMIUM; \
		$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 -m "$(TESTS)"

check: $(INSTALLED)  ## look for mistakes, loose style and wrong types
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy

bench: $(BOOK)  ## measure speed and page weight
	@$(PY) tools/bench.py

lock: $(PACKAGES)  ## bring both locks into line with pyproject.toml and package.json
	@.venv/bin/uv pip compile pyproject.toml --quiet --all-extras --universal --generate-hashes -o requirements.lock
	@$(PY) src/moi/node.py npm install --package-lock-only

clean:  ## remove all that make has made
	rm -rf .venv node_modules _build src/moi/explore/static

$(PACKAGES): requirements.lock
	@test -n "$(PYTHON)" || $(call say,Python 3.11 or newer is missing (Debian: apt install python3 python3-venv))
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(call say,Python lacks venv (Debian: apt install python3-venv))
	@$(PYTHON) -m venv .venv
	@echo '{}' >.venv/package.json  # else Node takes JupyterLab's scripts for modules, as package.json says of ours
	@echo "Installing the Python packages of requirements.lock (a few minutes)"
	@$(PY) -m pip install --disable-pip-version-check --require-hashes -r requirements.lock >.venv/pip.log 2>&1 || \
		$(call say,The Python packages could not be fetched: is there a network? (.venv/pip.log has the details))
	@touch $@

$(MODULES): package-lock.json package.json .npmrc $(PACKAGES)
	@echo "Installing the npm packages of package-lock.json"
	@$(PY) src/moi/node.py npm ci >.venv/npm.log 2>&1 || \
		$(call say,The npm packages could not be fetched: is there a network? (.venv/npm.log has the details))
	@touch $@

$(INSTALLED): pyproject.toml hatch_build.py src/moi/node.py $(FRONTEND) $(PACKAGES) $(MODULES)
	@$(PY) -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(BOOK): $(COURSE) $(INSTALLED)
	@$(PY) -m moi.book.build
	@touch $@
