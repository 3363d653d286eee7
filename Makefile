# One command per intent. `make` lists them.

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

.DEFAULT_GOAL := help
.PHONY: help run build test bench lint fmt doc deny ci clean

help: ## List these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 10

run: ## Start writer and reader in one process, on SQLite
	$(CARGO) run --release --locked

build: ## Build every crate and binary, for development
	$(CARGO) build --workspace --locked

# The binaries first: whole-system tests start them.
test: ## Run every test; installs PostgreSQL and Redis if they are missing
	scripts/install-test-servers
	$(CARGO) build --workspace --bins --locked
	$(CARGO) test --workspace --locked

bench: ## Measure a reader against nginx and the yardsticks; see loadtest/README.md
	loadtest/run

lint: ## Check formatting and lints; warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

fmt: ## Format all code
	$(CARGO) fmt --all

doc: ## Build the documentation, private items too; warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked

deny: ## Check advisories, licences and confined dependencies; needs cargo-deny and the network
	$(CARGO) deny --config .deny.toml check

ci: ## Run what CI runs
	.ci/run

clean: ## Remove everything that was built
	$(CARGO) clean
