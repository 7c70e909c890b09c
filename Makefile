# demo   the whole story on a real kube-apiserver, with a simulated HubSpot; DEMO_EXIT=1 ends after it
# test   everything that has to be green before a commit
# crds   writes crds/ anew from src/api
.PHONY: demo test crds

demo:
	@tests/demo.sh

# What the worlds of the tests exercised of HubSpot's contract; there is none without HubSpot's files.
test: COVERAGE = $(or $(CARGO_TARGET_DIR),target)/tmp/hubspot-contract.txt
test: export RUSTDOCFLAGS = -D warnings
test:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo doc --no-deps
	cargo test
	@test ! -f $(COVERAGE) || cat $(COVERAGE)

crds:
	cargo run -- crds --dir crds
