# AIM Engine. `make` alone prints the targets. Go, git and make are all it
# needs; Docker is used by tests where it answers.

define HELP
make build    bin/aim and bin/aim-devserver; the first time takes minutes
make demo     build, then the tour on simulated GPUs, every line an assertion
make up       build, then run everything this machine needs (ARGS="--simulate 2x8")
make test     vet and all tests; with Docker where it answers, without it elsewhere
make test-compose  start docker-compose.yml for real, with images built here (Docker, busybox, PostgreSQL)
make test-cluster  faults of engines: Temporal on PostgreSQL in four processes, NATS in three (PostgreSQL)
make race     the tests under the race detector (needs a C compiler)
make lint     gofmt, vet, staticcheck, workflowcheck, compose file
make bench    the figures, one JSON line each on stdout
make bench-trace  how well placement fills a fleet, beside published policies (NODES=FILE PODS=FILE SEEDS=N)
make bench-peers  single decisions beside kube-scheduler, compiled and run here (ARGS="-nodes 1000")
make bench-gateway  the gateway beside nginx, on one core (ARGS="-only gateway_stream_kib")
make bench-fleet  what a fleet and its users see: true plans and cures (ARGS="-only plan_agrees_pct")
make bench-all    all of them, one after the other
make fmt      format the code, write the generated pages of docs/
make clean    delete bin/ and artifacts/
endef
export HELP

# One set of flags for everything, so that nothing is compiled twice: a package
# built with other flags, or with cgo, is another entry in the build cache, and
# the Temporal server behind bin/aim-devserver is ten CPU minutes of entries.
export GOFLAGS := $(strip $(filter-out -trimpath,$(shell go env GOFLAGS 2>/dev/null)) -trimpath)
export CGO_ENABLED := 0
MAKEFLAGS += --no-print-directory

# All of vet, with the tests: by itself it would go through the dependencies once
# more. Two packages at a time: scenarios start whole stacks of processes, and
# their deadlines are meant for two cores.
TEST := go test -vet=all -p 2 -timeout 30m

STATICCHECK   := honnef.co/go/tools/cmd/staticcheck@v0.8.2
WORKFLOWCHECK := go.temporal.io/sdk/contrib/tools/workflowcheck@v0.6.0
COMPOSE_SPEC  := github.com/compose-spec/compose-go/v2/cmd@v2.16.2

.PHONY: help build bin/aim demo up test test-compose test-cluster race simulate lint bench bench-trace bench-fleet bench-peers bench-gateway bench-all fmt clean

help:
	@echo "$$HELP"

build: bin/aim bin/aim-devserver

# The commit, with a + behind it where files differ from it.
COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null && git diff --quiet HEAD 2>/dev/null || echo +)
WORKER := github.com/aim-engine/aim/worker
STAMP := -X $(WORKER).Commit=$(subst $(eval ) ,,$(COMMIT))$(if $(VERSION), -X $(WORKER).Version=$(VERSION))

# Go knows best whether it is up to date. VERSION=v1.2.3 stamps a release.
bin/aim:
	@go build -ldflags '$(STAMP)' -o $@ ./cmd/aim

# A module of its own, whose four hundred dependencies even an up-to-date check
# has to read: make looks at the files instead.
DEVSERVER := $(filter-out %_test.go,$(wildcard devserver/*.go devserver/cmd/*/*.go)) devserver/go.mod devserver/go.sum
bin/aim-devserver: $(DEVSERVER)
	@echo 'building $@: the Temporal server, its UI and NATS in one program.' >&2
	@echo 'The first time this takes ten CPU minutes, silently; later half a minute.' >&2
	@cd devserver && go build -ldflags '-s -w' -o ../$@ ./cmd/aim-devserver
	@touch $@

demo: build
	@go build -o bin/aim-demo ./internal/e2e/demo
	@bin/aim-demo $(ARGS)

up: build
	@bin/aim up $(ARGS)

test: build
	$(TEST) ./...
	cd devserver && $(TEST) ./...
	cd bench && $(TEST) ./...

# Compose is a program of its own: where the machine has it as a plugin, that one is taken.
ENGINES := bin/engines
test-compose:
	@deploy/images/build.sh $(ENGINES)
	@deploy/images/compose.sh $(ENGINES)
	AIM_COMPOSE=$(abspath $(ENGINES)) go test ./internal/e2e/compose -count=1 -v -timeout 30m

test-cluster: build
	@deploy/images/programs.sh $(ENGINES)
	AIM_ENGINES=$(abspath $(ENGINES)) go test ./internal/e2e/cluster -count=1 -v -timeout 30m

# Not devserver: the Temporal server would have to be compiled once more.
race: build
	@command -v $$(go env CC) >/dev/null || { echo "make race needs the C compiler $$(go env CC)" >&2; exit 1; }
	CGO_ENABLED=1 $(TEST) -race ./...
	cd bench && CGO_ENABLED=1 $(TEST) -race ./...

simulate: ## run Deployments and Replicas through 10,000 seeds of faults (SEEDS=N for another number)
	AIM_SIMULATE=$(or $(SEEDS),10000) go test ./workflows -run '^TestSimulation$$' -count=1 -timeout 2h

lint:
	@files=$$(gofmt -l .); test -z "$$files" || { echo "not formatted, run make fmt:" $$files >&2; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	cd bench && go vet ./... && go run $(STATICCHECK) ./...
	go run $(WORKFLOWCHECK) -config .workflowcheck.yaml ./workflows/...
	@echo go run $(COMPOSE_SPEC) docker-compose.yml
	@go run $(COMPOSE_SPEC) docker-compose.yml >/dev/null

# Modules of their own (bench/, and bench/peers/ below it, so that nobody else
# compiles Kubernetes). Data goes to stdout alone, so that a program can read it.
# Built below bin/ and run from here: paths in ARGS are the caller's.
bench: build
	@go -C bench build -o ../bin/bench/ ./engine
	@bin/bench/engine $(ARGS)

# The trace is not part of the project; without one a synthetic sample is replayed.
TRACE := ../shared/data/alibaba-gpu-2023
NODES ?= $(wildcard $(TRACE)/openb_node_list_gpu_node.csv)
PODS  ?= $(wildcard $(TRACE)/openb_pod_list_default.csv)
SEEDS ?= 10
bench-trace:
	@go -C bench build -o ../bin/bench/ ./trace
	@bin/bench/trace -nodes '$(NODES)' -pods '$(PODS)' -seeds $(SEEDS) $(ARGS)

bench-gateway: build
	@go -C bench build -o ../bin/bench/ ./gateway
	@bin/bench/gateway $(ARGS)

bench-fleet: build
	@go -C bench build -o ../bin/bench/ ./fleet
	@bin/bench/fleet $(ARGS)

bench-peers:
	@echo 'building kube-scheduler: the first time this takes four minutes, silently.' >&2
	@go -C bench/peers build -o ../../bin/bench/ .
	@bin/bench/peers $(ARGS)

# Each with its own defaults; the targets above take ARGS.
bench-all:
	@$(MAKE) bench ARGS=
	@$(MAKE) bench-trace ARGS=
	@$(MAKE) bench-peers ARGS=
	@$(MAKE) bench-fleet ARGS=
	@$(MAKE) bench-gateway ARGS=

fmt:
	gofmt -w .
	go test -run '^TestDocs' . ./cmd/aim -update

clean:
	rm -rf bin artifacts
