# Two commands: `make run` and `make test`. Both install what they need, and only once.
# Works with GNU make 3.81 (macOS). `PYTHON=/path/to/python3` chooses another Python than the newest on PATH.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/bootstrap/bin/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
# LiteLLM needs these only for a second server, a profiler, exports to FOCUS and CloudZero, faster downloads of models: 210 MB.
NOT_IN_IMAGE := $(addprefix --no-emit-package ,granian hf-xet polars polars-runtime-32 pyroscope-io)
IMAGE_FOLDER ?= .image
NEWCOMER_FOLDER ?= .newcomer
INPUTS := pyproject.toml requirements/install.sh requirements/build.txt
# The LiteLLM version to test with; any but the locked one gets a virtual environment of its own.
LOCKED_LITELLM := $(shell sed -n 's/^litellm==\([^ ]*\).*/\1/p' requirements/dev.txt)
LITELLM ?= $(LOCKED_LITELLM)
LITELLM_VENV := $(if $(filter $(LOCKED_LITELLM),$(LITELLM)),$(VENV),$(VENV)/litellm-$(LITELLM))
LITELLM_READY := $(LITELLM_VENV)/installed-$(if $(filter $(LOCKED_LITELLM),$(LITELLM)),dev,$(LITELLM).whole)
LITELLM_TESTS := tests/unit/litellm tests/unit/proxy tests/integration/proxy tests/integration/gateway \
	tests/integration/devkit tests/acceptance
LITELLM_TESTS_SHORT := tests/unit/litellm tests/unit/proxy/max_cost/test_prices.py \
	tests/acceptance/routes/test_route_table.py tests/acceptance/calls/test_endings.py::TestFinished
WITHOUT_GATEWAY := tests/unit tests/concurrency $(addprefix tests/integration/,ledger database reconcile \
	accounts api credits pages prices review topups webhooks)
export VENV

.PHONY: help
help: ## Lists these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  %-20s %s\n' "$$name" "$$text"; done

.PHONY: run
run: $(VENV)/ready-run ## Serves gateway, database, Stripe sandbox and demo models; needs no account
	@exec $(BIN)/proxyllm run --with-parent

.PHONY: test
test: $(VENV)/installed-dev browser-hint ## Installs everything and runs the tests; slow ones have targets of their own
	@$(BIN)/python -m pytest -n 4 $(ARGS)

.PHONY: test-unit
test-unit: $(VENV)/installed-dev ## Runs the tests without I/O, with 4 workers
	@$(BIN)/python -m pytest -n 4 tests/unit $(ARGS)

.PHONY: test-integration
test-integration: $(VENV)/installed-dev ## Runs the tests that use a real Postgres and the sandbox
	@$(BIN)/python -m pytest tests/integration $(ARGS)

.PHONY: test-faults
test-faults: $(VENV)/installed-dev ## Starts, kills, disconnects and drains gateways; takes some minutes
	@$(BIN)/python -m pytest -n 3 tests/faults tests/acceptance/run $(ARGS)

# PROXYLLM_IMAGE_FOLDER=$PWD/.image runs the gateway as the image that `make test-image` has built there.
.PHONY: test-tailnet
test-tailnet: $(VENV)/installed-dev ## Calls a model over a real tailnet, in network namespaces (Linux, root, Go)
	@why=$$(tests/tailnet/possible.sh) || { echo "proxyllm: cannot run test-tailnet here: $$why" >&2; exit 1; }
	@$(MAKE) --no-print-directory $(VENV)/tailnet/built
	@PROXYLLM_TAILNET_PROGRAMS="$(CURDIR)/$(VENV)/tailnet" unshare --net -- $(BIN)/python -m pytest tests/tailnet $(ARGS)

# Takes minutes the first time, on one core, then uses Go's build cache. go.sum pins every source by hash.
$(VENV)/tailnet/built: tests/tailnet/tools/go.mod tests/tailnet/tools/go.sum
	@echo "Building tailscale and headscale"
	@mkdir -p $(@D)
	@cd tests/tailnet/tools && CGO_ENABLED=0 GOBIN="$(CURDIR)/$(@D)" nice -n 19 go install -mod=readonly -p 1 tool
	@touch $@

.PHONY: test-image
test-image: $(VENV)/installed-dev ## Builds and runs the image without an image registry (Linux, root, buildah, Go)
	@why=$$(deploy/image/possible.sh) || { echo "proxyllm: cannot run test-image here: $$why" >&2; exit 1; }
	@$(MAKE) --no-print-directory $(VENV)/tailnet/built
	@deploy/image/build_on_stand_ins.sh $(IMAGE_FOLDER) $(VENV)/tailnet
	@PROXYLLM_IMAGE_FOLDER="$$(cd $(IMAGE_FOLDER) && pwd)" $(BIN)/python -m pytest tests/acceptance/image/check_image.py $(ARGS)

.PHONY: test-newcomer
test-newcomer: ## Installs, runs and pays on a bare Debian, as root and as a user (Linux, root, debootstrap; ARGS=all)
	@why=$$(tests/newcomer/possible.sh) || { echo "proxyllm: cannot run test-newcomer here: $$why" >&2; exit 1; }
	@tests/newcomer/run.sh "$(NEWCOMER_FOLDER)" $(ARGS)

.PHONY: test-litellm
test-litellm: $(LITELLM_READY) browser-hint ## Tests everything that uses LiteLLM on another version (LITELLM=1.108.7)
	@$(LITELLM_VENV)/bin/python -m pytest -n 3 $(LITELLM_TESTS) $(ARGS)

.PHONY: test-litellm-short
test-litellm-short: $(LITELLM_READY) ## Runs a one-minute selection of test-litellm: names, patches, routes, prices, calls
	@$(LITELLM_VENV)/bin/python -m pytest -n 2 $(LITELLM_TESTS_SHORT) $(ARGS)

# `.ci/run` measures coverage during `make test` and checks it afterwards.
.PHONY: coverage
coverage: $(VENV)/installed-dev ## Runs the tests that need no gateway and checks their branch coverage
	@$(BIN)/python -m pytest -n 3 --cov --cov-report= $(WITHOUT_GATEWAY) $(ARGS)
	@tests/check_coverage.sh

.PHONY: check-coverage
check-coverage: $(VENV)/installed-dev ## Checks the coverage of the last run with --cov, folder by folder
	@tests/check_coverage.sh

.PHONY: browser-hint
browser-hint:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
		echo "proxyllm: no chromium on PATH: the browser tests will fail (Debian: apt install chromium; macOS: brew install chromium)" >&2

.PHONY: lint
lint: lint-ruff lint-imports lint-mypy lint-yaml lint-shell lint-docker lint-ts ## Runs all linters

.PHONY: lint-ruff
lint-ruff: $(VENV)/installed-dev ## Checks style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: lint-imports
lint-imports: $(VENV)/installed-dev ## Checks imports against the contracts in pyproject.toml
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

.PHONY: lint-mypy
lint-mypy: $(VENV)/installed-dev ## Checks types, strictly
	@$(BIN)/mypy

.PHONY: lint-yaml
lint-yaml: $(VENV)/installed-dev ## Checks YAML files
	@git ls-files '*.yaml' '*.yml' | xargs $(BIN)/yamllint -d '{extends: default, rules: {line-length: {max: 120}, document-start: disable, truthy: {check-keys: false}, comments: {min-spaces-from-content: 1}}}'

.PHONY: lint-shell
lint-shell: $(VENV)/installed-dev ## Checks shell scripts
	@$(BIN)/shellcheck $$(git ls-files '*.sh' .ci/run)

.PHONY: lint-docker
lint-docker: $(VENV)/installed-dev ## Checks the Dockerfiles
	@git ls-files '*Dockerfile*' | grep -v dockerignore | xargs $(BIN)/hadolint

.PHONY: lint-ts
lint-ts: .railway/node_modules/.package-lock.json ## Checks the types of .railway/railway.ts (needs Node.js with npm)
	@node .railway/node_modules/typescript/bin/tsc --project .railway

.railway/node_modules/.package-lock.json: .railway/package-lock.json
	@cd .railway && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: format
format: $(VENV)/installed-dev ## Formats the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: bench
bench: $(VENV)/installed-dev ## Measures the ledger and the gateway; prints JSON
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: race
race: $(VENV)/installed-dev ## Runs a million holds of four processes on accounts that cannot pay for all (ARGS="--holds 100000")
	@$(BIN)/python -m tests.concurrency.race $(ARGS)

.PHONY: mutation
mutation: $(VENV)/installed-dev ## Removes each guard of the money path and checks that a test fails (ARGS="--only commit_batch")
	@$(BIN)/python -m tests.mutation $(ARGS)

.PHONY: fault-run
fault-run: $(VENV)/installed-dev ## Makes three gateways, Postgres and the network fail under load (ARGS="--minutes 10 --seed 7")
	@$(BIN)/python -m tests.faults.fault_run $(ARGS)

.PHONY: docs
docs: $(VENV)/installed-dev ## Regenerates the reference pages made from code
	@$(BIN)/python -m devkit.reference.settings > docs/reference/settings.md
	@$(BIN)/python -m devkit.reference.routes > docs/reference/routes.md
	@$(BIN)/python -m devkit.reference.litellm > docs/reference/litellm.md

.PHONY: install-dev
install-dev: $(VENV)/installed-dev ## Installs everything for development

.PHONY: install-test-deps
install-test-deps: $(VENV)/installed-dev ## Installs what the tests need (the same lock as install-dev)

.PHONY: install-proxy-dev
install-proxy-dev: $(VENV)/installed-proxy ## Installs the gateway without the other programs of make run

.PHONY: lock
lock: $(UV) ## Regenerates requirements/*.txt from pyproject.toml; keeps versions (ARGS=--upgrade raises them)
	$(COMPILE) $(ARGS) pyproject.toml --extra local --extra test --extra dev -o requirements/dev.txt
	$(COMPILE) pyproject.toml --extra local -c requirements/dev.txt -o requirements/run.txt
	$(COMPILE) pyproject.toml -c requirements/dev.txt -o requirements/proxy.txt
	$(COMPILE) pyproject.toml --extra image $(NOT_IN_IMAGE) -c requirements/dev.txt -o requirements/image.txt

.PHONY: clean
clean: ## Removes .venv and caches; keeps .proxyllm, where your balances are
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis dist
	find . -name node_modules -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# A development installation also serves `run`: switching between the two commands reinstalls nothing.
$(VENV)/ready-run: requirements/run.txt requirements/dev.txt $(INPUTS)
	@if [ -e $(VENV)/installed-dev ]; then requirements/install.sh dev; else requirements/install.sh run; fi
	@touch $@

$(VENV)/installed-dev: requirements/dev.txt $(INPUTS)
	@requirements/install.sh dev
	@touch $(VENV)/ready-run

$(VENV)/installed-proxy: requirements/proxy.txt $(INPUTS)
	@requirements/install.sh proxy
	@rm -f $(VENV)/ready-run

# Prisma's npm packages are the same for each LiteLLM and are installed once.
$(VENV)/litellm-%/installed-$(LITELLM).whole: requirements/litellm/%.txt requirements/dev.txt $(INPUTS) | $(VENV)/installed-dev
	@mkdir -p $(VENV)/share/proxyllm
	@$(BIN)/python requirements/litellm/differences.py whole requirements/dev.txt $< > requirements/litellm/$*.whole.txt
	@VENV=$(LITELLM_VENV) PYTHON=$(abspath $(BIN)/python) requirements/install.sh litellm/$*.whole
	@mkdir -p $(LITELLM_VENV)/share && ln -sfn $(abspath $(VENV)/share/proxyllm) $(LITELLM_VENV)/share/proxyllm

requirements/litellm/%.txt:
	@$(MAKE) --no-print-directory $(UV)
	@echo "Locking LiteLLM $*" && requirements/litellm/lock.sh $*

$(UV):
	@requirements/install.sh dev
