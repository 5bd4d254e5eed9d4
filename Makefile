# How terabit is built, tried and tested. `make` alone lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The project's own tools stand before the user's, so that what is pinned is what runs.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

INSTALL := .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement

LOCAL := target/release/local

# What may be set, as in make deploy REGION=eu-west-1: a misspelt name would be passed over.
OPTIONS := ARCH BUCKET FORCE MEMORY MINUTES PARTS PYTHON QUICK REGION ROLE_ARN STACK TAGS
UNKNOWN := $(filter-out $(OPTIONS),$(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name))))
ifneq ($(strip $(UNKNOWN)),)
$(error $(strip $(UNKNOWN)) is no option; $(OPTIONS) are accepted)
endif

##@ Try

.PHONY: demo
demo: build ## Write and read objects on this machine: no AWS, no root, no Docker
	@$(LOCAL) -- bash -c './driver.sh write 8 64 && ./driver.sh read 8 --verify'

.PHONY: local
local: build ## Serve S3 and Lambda on loopback until Ctrl-C; prints the variables to export
	@$(LOCAL)

##@ Build

.PHONY: build
build: tools ## Build the worker for this machine, and S3 and Lambda on loopback
## PYTHON= (python3): which one makes .venv; all targets take it
	@$(MAKE) --jobs 2 .venv/installed binaries # one waits for the network, the other for the processors

.PHONY: binaries
binaries:
	@MAKEFLAGS= cargo build --release --locked --bins # cargo runs jobs of its own

# The worker for AWS: zig links it with the C library that Lambda has, and link-time optimisation makes it small.
ARCH ?= x86_64
.PHONY: lambda
lambda: .venv/installed
	@cargo lambda build --profile deploy --locked --bin terabit --lambda-dir target/lambda-$(ARCH) \
	  $(if $(filter arm64,$(ARCH)),--arm64,--x86-64)
	@chmod 755 target/lambda-$(ARCH)/terabit/bootstrap # Lambda runs it as another user, whatever the umask is here

##@ AWS

.PHONY: deploy
deploy: .venv/installed ## Bucket, role and function on AWS, saved in .deployed. Options, with their defaults:
## BUCKET= (made) REGION= (AWS's own) MEMORY=512 ARCH=x86_64
## STACK=terabit ROLE_ARN= (made) TAGS= ("key=value key=value")
	@bash deploy/deploy.sh

.PHONY: destroy
destroy: .venv/installed ## Remove all that deploy made, after asking. FORCE=1 does not ask. STACK= REGION=
	@bash deploy/destroy.sh

##@ Test

# The programs are built with the unit tests, from the same dependencies: alone they would want tokio without the clock
# that tests stop, and so all of them a second time. Most tests of the driver wait more than they work: side by side, and
# the lints beside them. What measures time has the processors to itself.
.PHONY: test
test: tools ## Everything: format, lints, unit and property tests, driver and end-to-end tests
	@$(MAKE) --jobs 2 .venv/tested unit-tests
	@$(MAKE) --jobs 2 lint side-by-side
	python -m pytest tests -m timed

.PHONY: unit-tests
unit-tests:
	MAKEFLAGS= cargo build --release --locked --workspace --bins --tests
	MAKEFLAGS= cargo test --release --locked --workspace

.PHONY: side-by-side
side-by-side:
	python -m pytest tests --numprocesses 4 --dist worksteal -m 'not timed'

.PHONY: lint
lint: .venv/tested ## Formatting, clippy, ShellCheck and cfn-lint
	cargo fmt --all --check
	MAKEFLAGS= nice cargo clippy --release --locked --workspace --all-targets -- --deny warnings
	shellcheck --external-sources driver.sh driver/*.sh driver/*/*.sh deploy/*.sh .ci/run
	cfn-lint --include-checks I --template deploy/stack.yaml

##@ Measure

.PHONY: bench
bench: build .tools/bench/installed ## Side-by-side measurements, into bench/results. Options, with their defaults:
## PARTS= (all: bytes nic fanout cold report small) QUICK= (1: does it work?)
	@cargo build --release --locked --package floor
	@$(if $(QUICK),,cargo build --profile deploy --locked --bin terabit)
	@python bench/bench.py $(PARTS) $(if $(QUICK),--quick)

.PHONY: soak
soak: build ## 64 workers under faults, into bench/results, for MINUTES= (30)
	@python bench/bench.py soak --worker target/release/terabit --minutes $(or $(MINUTES),30)

.tools/bench/installed: requirements-bench.txt | tools
	@echo 'make: installing what the worker is measured beside, pinned in requirements-bench.txt, into .tools/bench' >&2
	@$(PYTHON) -m venv .tools/bench
	@.tools/bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  --requirement requirements-bench.txt
	@touch $@

##@ Other

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^## / { printf "%16s%s\n", "", substr($$0, 4) } \
	  /^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: clean
clean: ## Remove what was built and installed here; the runs stay
	rm -rf target .venv .tools

# The Python of .venv, 3.10 or newer.
PYTHON ?= python3
.PHONY: tools
tools:
	@PYTHON='$(PYTHON)' bash deploy/build-tools.sh

# FORCE where the Python of .venv has gone since, or is another, for which nothing was installed.
STALE := $(if $(wildcard .venv/installed),$(shell .venv/bin/python -c 'import awscli' 2>/dev/null || echo FORCE))
.PHONY: FORCE

.venv/installed: requirements.txt $(STALE) | tools
	@echo 'make: installing the pinned tools of requirements.txt into .venv' >&2
	@[ ! -L .venv/bin/python ] || [ -e .venv/bin/python ] || rm -rf .venv # venv would leave a link that leads nowhere
	@$(PYTHON) -m venv .venv
	@$(INSTALL) requirements.txt
	@# pip's names its Python in its first line, which may have no blank, nor be long, nor be right once this was moved.
	@printf '%s\n' '#!/bin/bash' \
	  'exec "$$(dirname "$$(readlink "$$0" || echo "$$0")")/python" -I -m awscli "$$@"' >.venv/bin/aws
	@touch $@

.venv/tested: requirements-test.txt .venv/installed
	@echo 'make: installing what the tests need besides, pinned in requirements-test.txt' >&2
	@$(INSTALL) requirements-test.txt
	@touch $@
