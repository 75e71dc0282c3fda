# The front door. Every target sets up what it needs first; `.ci/` has the scripts behind them.

# Folder that holds everything Hearth keeps.
STATE ?= .state
# Address to listen on; 0.0.0.0 opens Hearth to the home network.
LISTEN ?= 127.0.0.1
# Port to listen on; the first free one from 8080 upward when not given.
PORT ?=
# What `make test` is limited to: words of `.ci/test --help`.
ONLY ?=

export STATE LISTEN PORT

.DEFAULT_GOAL := help
.PHONY: help run test test-engines bench lint setup

help:
	@echo 'make run     sets up what is missing, builds and starts Hearth, and prints its address'
	@echo '             STATE=$(STATE)  LISTEN=$(LISTEN)  PORT=$(or $(PORT),first free from 8080)'
	@echo 'make test    sets up what is missing and runs every test; ONLY="lint unit docker" runs some'
	@echo 'make test-engines  runs the tests that need Docker on later engines as well (26.1 and 28.5)'
	@echo 'make bench   measures Hearth beside Docker Compose'
	@echo 'make check-stores STORE=DIR   says for each package of a store whether it loads, resolves and plans'
	@echo 'make run-packages STORE=DIR PACKAGES="a b"   installs them from there, with stand-ins for their images'
	@echo 'make lint    formatting and lints, as the tests have them'
	@echo 'make setup   only sets up what is missing'

run:
	@.ci/start

test:
	@.ci/test $(ONLY)

test-engines:
	@.ci/test setup agent starter
	@tests/docker/engines

bench:
	@.ci/setup rust engine oracle tests dashboard browser
	@.ci/test dashboard
	@cargo build --release --package hearth-cli
	@cargo bench --package hearth-tests --bench peers

# Any store, also of Umbrel, CasaOS or Runtipi: a folder or an address; several, with spaces between them.
check-stores:
	@test -n "$(STORE)" || { echo 'name a store: make check-stores STORE=~/umbrel-apps' >&2; exit 2; }
	@.ci/setup rust
	@cargo build --quiet --package hearth-cli
	@for store in $(STORE); do echo "$$store"; "$${CARGO_TARGET_DIR:-target}/debug/hearth" store check "$$store" || exit; done

# Packages of a store's folder, unchanged but for their images, from there to answering; see docs/foreign-stores.md.
run-packages:
	@test -n "$(STORE)" -a -n "$(PACKAGES)" || \
	    { echo 'name a store and packages: make run-packages STORE=~/umbrel-apps PACKAGES="electrs nextcloud"' >&2; exit 2; }
	@.ci/setup rust engine scripts starter tests
	@cargo build --quiet --package hearth-cli
	@RUN_STORE="$(abspath $(STORE))" RUN_PACKAGES="$(PACKAGES)" cargo nextest run --profile docker --package hearth-tests \
	    --test docker --run-ignored only --no-capture -E 'test(packages_of_a_named_store_run_unchanged)'

lint:
	@.ci/setup rust
	@.ci/test lint

setup:
	@.ci/setup

# The image and its tests: see image/README.md.
-include image/image.mk
