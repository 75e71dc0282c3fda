# Targets of the operating-system image; the top-level Makefile includes this file.
# image/README.md says what each step makes. Long builds run at low priority.

.PHONY: image image-published release vm test-image test-os test-os-update test-os-short test-os-all test-image-bits bench-os relock

# The release that is built, also the version that an update compares.
VERSION ?= 0.0.0
# Directory of hardware/ that the image is for.
BOARD ?= x86-64
# How erofs compresses; `lz4` builds in a fraction of the time. Level 15 makes programs and firmware 8% smaller than
# level 6 does, which reads a quarter faster.
COMPRESSION ?= zstd,15
# How the agent is built: `dev` takes the binary that the tests use, in minutes less; never for what is published.
AGENT_PROFILE ?= release
# Which packages. `image/debian/relock --output` makes another one without touching the tree.
LOCK ?= image/debian/lock.json
# Secret key of minisign that signs what is published; without it nothing is signed.
SIGNING_KEY ?=
# What `make test-os` and `make test-os-update` run beside the case that the others need: words of their names; all without.
CASES ?=
# Memory of the virtual machine, in MiB.
VM_MEMORY ?= 2048

# No sandbox users, no binary caches, no network: the sandbox has a static busybox and our own inputs.
nix_build = nice -n 15 nix-build --option build-users-group '' --option substitute false \
	--option sandbox true --option sandbox-paths /bin/sh=$$(command -v busybox) \
	image/default.nix --argstr version $(1) --argstr board $(BOARD) --argstr compression $(COMPRESSION) \
	--arg lock $(abspath $(or $(2),$(LOCK))) --arg agent $(CURDIR)/target/image/agent --arg releases $(CURDIR)/target/image/releases
NIX_BUILD = $(call nix_build,$(VERSION))

# Packages into the store, the agent into target/image, then the disk.
image: target/image/packages target/image/agent target/image/releases
	@$(NIX_BUILD) -A disk --out-link target/image/disk
	@$(NIX_BUILD) -A sbom --out-link target/image/sbom
	@ls -lsh target/image/disk/

# What is published: the compressed disk with checksum and signature, and the three files of an update.
image-published: image
	@$(NIX_BUILD) -A flash --out-link target/image/flash
	@$(NIX_BUILD) -A update --out-link target/image/update
	@image/publish target/image/flash target/image/published $(SIGNING_KEY)
	@ls -lsh target/image/published/ target/image/update/

# A release on a channel, as static files for any web server: docs/os-updates.md.
# Folder that a web server serves.
RELEASES ?= target/releases
# Folder with the keys that sign; `hearth-release keys FOLDER` makes it.
RELEASE_KEYS ?= target/release-keys
# Where devices fetch them: the address of that folder on the web server.
RELEASE_ADDRESS ?=
# Markdown that says what is new.
NOTES ?= notes.md
CHANNEL ?= beta

release: image
	@$(NIX_BUILD) -A update --out-link target/image/update
	@test -e "$(RELEASE_KEYS)/root.json" || { echo 'no keys in $(RELEASE_KEYS); make them once: cargo run -p hearth-release -- keys FOLDER' >&2; exit 2; }
	@cargo run --quiet --package hearth-release -- publish $(VERSION) target/image/update --board $(BOARD) --notes "$(NOTES)" \
		--sbom "$$(find -L target/image/sbom -type f | head -n 1)" --channel $(CHANNEL) --repository "$(RELEASES)" --keys "$(RELEASE_KEYS)"

target/image/packages: $(LOCK)
	@image/setup
	@image/debian/fetch --lock $(LOCK)
	@mkdir -p $(@D) && touch $@

.PHONY: target/image/agent
target/image/agent:
	@image/stage-agent $@ $(AGENT_PROFILE)

# The root of trust and where releases come from; without keys the device is not updated.
.PHONY: target/image/releases
target/image/releases:
	@rm -rf $@ && mkdir -p $@
	@if [ -e "$(RELEASE_KEYS)/root.json" ]; then cp "$(RELEASE_KEYS)/root.json" $@/; fi
	@if [ -n "$(RELEASE_ADDRESS)" ]; then echo "$(RELEASE_ADDRESS)" >$@/address; fi

# For a person: the dashboard is at the address that is printed.
vm: image
	@tests/vm/run $(CURDIR)/target/image/disk/*.raw --memory-mib $(VM_MEMORY)

# The build steps themselves; takes a second.
test-image:
	@image/tests.py

# The app that the device installs comes from the starter set, so its images are built first.
test-os: image
	@.ci/test starter
	@nice -n 5 tests/vm/test $(CURDIR)/target/image/disk/*.raw $(CASES)

# One device and two releases for it: one that works, one that is spoilt. The keys and the address are of these tests alone.
TEST_KEYS = target/image/test-keys
TEST_ADDRESS = http://127.0.0.1:8479/
# Packages of the release that the device has; another lock than that of the others shows what a changed package costs.
FIRST_LOCK ?= $(LOCK)
test-os-update: RELEASE_KEYS = $(TEST_KEYS)
test-os-update: RELEASE_ADDRESS = $(TEST_ADDRESS)
test-os-update: target/image/packages $(TEST_KEYS) target/image/agent target/image/releases
	@test "$(FIRST_LOCK)" = "$(LOCK)" || image/debian/fetch --lock $(FIRST_LOCK)
	@$(call nix_build,0.1.0,$(FIRST_LOCK)) -A disk --out-link target/image/test-0.1.0
	@for version in 0.2.0 0.3.0; do $(call nix_build,$$version) -A update --out-link target/image/test-$$version || exit; done
	@.ci/setup browser
	@.ci/test starter
	@nice -n 5 tests/vm/update $(CURDIR)/target/image/test-0.1.0/*.raw $(TEST_KEYS) \
		0.2.0=target/image/test-0.2.0 0.3.0=target/image/test-0.3.0 $(CASES)

# What fits into half an hour without acceleration: a new device, looked at closely; its power cut, an agent killed, a disk
# filled; an app; what a restart keeps; the next release by clicks; back from a kernel that was cut off; a damaged root.
TEST_IMAGES = AGENT_PROFILE=dev COMPRESSION=lz4
test-os-short:
	@$(MAKE) --no-print-directory test-os $(TEST_IMAGES) CASES="power_cut second_boot full_data"
	@$(MAKE) --no-print-directory test-os-update $(TEST_IMAGES) CASES="cut_off bit_in_the_root"

# All that there is to show in a virtual machine.
test-os-all:
	@$(MAKE) --no-print-directory test-os $(TEST_IMAGES)
	@$(MAKE) --no-print-directory test-os-update $(TEST_IMAGES)

$(TEST_KEYS):
	@cargo build --quiet --package hearth-release
	@target/debug/hearth-release keys $@

# Builds the last steps again and compares every bit; minutes with COMPRESSION=lz4.
test-image-bits: image
	@began=$$(date +%s); for step in rootfs initrd root uki disk update flash; do \
		$(NIX_BUILD) -A $$step --no-out-link >/dev/null && \
		started=$$(date +%s) && \
		$(NIX_BUILD) -A $$step --check --no-out-link >/dev/null || exit 1; \
		echo "$$step: the same bits, built in $$(($$(date +%s) - started)) s"; \
	done; echo "all steps built anew: $$(($$(date +%s) - began)) s"

# Time of a build with nothing to do and with all to do but packages and agent, sizes, time to the dashboard beside the same
# system to a login prompt, memory.
bench-os: image-published
	@started=$$(date +%s); $(NIX_BUILD) -A flash -A update --no-out-link >/dev/null && \
		echo "nothing to build: $$(($$(date +%s) - started)) s"
	@$(MAKE) --no-print-directory test-image-bits
	@nice -n 5 tests/vm/bench $(CURDIR)/target/image/disk/*.raw \
		--file "disk, compressed"=$$(echo target/image/flash/*.zst) \
		--file "root"=$$(echo target/image/update/*.root) \
		--file "UKI"=$$(echo target/image/update/*.efi)

relock:
	@image/debian/relock
