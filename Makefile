# Everything that a checkout needs, set up by itself on a machine with Python 3.11, git and make.
# People who have uv, and people on Windows, can say the same with uv alone: see README.md.

.DEFAULT_GOAL := help
.PHONY: arm-types attack azurite help demo test mutants check format benchmark browser faults moves soak sync clean

# The machine's uv, else one of our own in an ignored folder.
UV := $(or $(shell command -v uv 2>/dev/null),.tools/uv/bin/uv)
PYTHON ?= python3
RUN := $(UV) run --frozen --no-sync

# Compiled modules are what makes a second start fast; they stay in .venv.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: sync ## the tour: platform, plan, project, pipeline, gate, registry, serving, one report
	$(RUN) mlops-bootstrap demo demo

test: sync ## all tests
	$(RUN) pytest -n auto

mutants: sync ## change the code in many small ways: do tests notice?
	$(RUN) python -m tests.mutants

check: sync ## lint, format, types, import rules, workflows
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) zizmor --offline --quiet .github

format: sync ## format, and correct what can be corrected
	$(RUN) ruff check --fix
	$(RUN) ruff format

arm-types: sync ## download the ARM types and policies that tests/conformance reads
	mkdir -p .tools/azure
	$(RUN) python -m tests.conformance.fetch .tools/azure

attack: sync ## hostile files, repositories and evidence, kills, races and odd machines against every command, for ten minutes
	$(RUN) python -m tests.attacks

faults: sync ## 100 deployments with faults of the simulated Azure, retried until they are done
	$(RUN) python -m tests.engine.disturbed 100

moves: sync azurite ## kill the move of states to a storage account at each of its steps
	$(RUN) python -m tests.engine.moves

soak: sync ## kill 50 deployments at random moments, and complete them
	$(RUN) python -m tests.engine.soak 50

benchmark: sync ## time the commands against their peers
	$(RUN) python -m benchmarks

browser: ## the browser that tests open pages in, where none is installed and apt-get is allowed
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do command -v $$name >/dev/null && exit 0; done; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; fi

azurite: .tools/azurite/node_modules/.package-lock.json ## the emulator of Azure Storage that tests keep states in; needs Node.js

.tools/azurite/node_modules/.package-lock.json: tests/azurite/package-lock.json
	@if command -v npm >/dev/null; then mkdir -p .tools/azurite && cp tests/azurite/package*.json .tools/azurite && \
	npm ci --prefix .tools/azurite --silent --no-fund --no-audit && touch $@; fi

sync: $(UV)
	@$(UV) sync --locked --all-extras --quiet

.tools/uv/bin/uv: .ci/uv.txt
	$(PYTHON) -m venv .tools/uv
	.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/uv.txt
	@touch $@

clean: ## remove everything that make made here
	rm -rf .venv .tools demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
