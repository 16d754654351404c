# make            build the daemon (release)
# make run        build and start it in the foreground
# make test       all tests
# make check      what CI demands besides the tests: format, lints, docs, licences, WIT, components
# make components rebuild the guest components from guests/ and wit/
# make bench      the figures of the speed, memory and size budgets (REFERENCE_HOST=unix://… adds a real engine's column)

CARGO       ?= cargo
GUEST_CARGO ?= cargo
GUEST_TARGET = wasm32-wasip2
ARGS        ?=

# Where the components that are built into the daemon come from.
COMPONENTS  ?= components
export CORACLE_COMPONENTS = $(abspath $(COMPONENTS))

.PHONY: build run test test-host test-guests check components bench clean

build:
	$(CARGO) build --release --bin coracle

run:
	$(CARGO) run --release --bin coracle -- serve $(ARGS)

test: test-guests test-host

test-host:
	$(CARGO) test --workspace

test-guests:
	cd guests && $(CARGO) test --workspace

check:
	$(CARGO) fmt --all --check
	cd guests && $(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	cd guests && $(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --workspace --no-deps
	sh tests/check/deny.sh
	bash tests/check/components.sh
	sh tests/check/tree.sh

components:
	sh tests/check/guest-target.sh "$(GUEST_CARGO)" $(GUEST_TARGET)
	cd guests && CARGO_PROFILE_RELEASE_DEBUG=false $(GUEST_CARGO) build --release --target $(GUEST_TARGET) -p coracle-shell -p coracle-busybox --lib
	mkdir -p $(COMPONENTS)
	cp guests/target/$(GUEST_TARGET)/release/coracle_shell.wasm $(COMPONENTS)/shell.wasm
	cp guests/target/$(GUEST_TARGET)/release/coracle_busybox.wasm $(COMPONENTS)/busybox.wasm
	bash tests/check/components.sh --record $(COMPONENTS)
	ls -l $(COMPONENTS)

bench:
	$(CARGO) build --release --bin coracle
	$(CARGO) run --release -p coracle-tests --bin bench -- $(ARGS)

clean:
	$(CARGO) clean
	cd guests && $(CARGO) clean
