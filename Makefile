# Portcullis. Everything a contributor does is a target here; `make` alone lists them.
# Needs Go, make and git (and gcc for `make race`). What else it needs, it builds itself under .tools/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
BIN      := bin/portcullis
ARGS     ?=
PKGS     ?= ./...
FUZZTIME ?= 10s
BENCH    ?= .
COUNT    ?= 6
ROUNDS   ?= 50
HALTS    ?= 1000
FOR      ?= 1h

# Development tools are pinned in tools.mod and built once: the folder's name is a digest of the pins
# and of the toolchain, so that a changed pin can never run an old tool.
TOOLS_KEY := $(shell { cat tools.mod tools.sum; $(GO) env GOVERSION GOOS GOARCH; } | git hash-object --stdin)
export TOOLS_BIN ?= $(CURDIR)/.tools/$(TOOLS_KEY)
TOOLS := $(TOOLS_BIN)/.complete

# The servers that are measured beside ours are pinned in the same way, one file for each: they never meet.
PEERS_PINS := loadtest/peers/programs
PEERS_KEY  := $(shell { cat $(PEERS_PINS)/*.mod $(PEERS_PINS)/*.sum; $(GO) env GOVERSION GOOS GOARCH; } | git hash-object --stdin)
export PEERS_BIN ?= $(CURDIR)/.tools/peers-$(PEERS_KEY)
PEERS := $(PEERS_BIN)/.complete

##@ Run

.PHONY: up
up: build ## Build, create what is missing, and run a whole zone (ARGS='--data DIR')
	@exec $(BIN) up $(ARGS)

.PHONY: demo
demo: build ## Tell the story of a governed action, with real processes
	@exec $(BIN) demo $(ARGS)

.PHONY: build
build: ## Build ./bin/portcullis
	@$(GO) build -o $(BIN) ./cmd/portcullis

##@ Verify

.PHONY: test
test: ## Run every test
	$(GO) test $(PKGS)

.PHONY: race
race: ## Run every test under the race detector
	$(GO) test -race $(PKGS)

.PHONY: check
check: vet gen-check lint build ## All gates before a commit: vet, generated files, lint, build, short tests
	$(GO) test -short $(PKGS)

.PHONY: vet
vet: ## Compile everything, tests too, and run go vet
	$(GO) vet -tags faults,sim,docker,load,npm,prometheus $(PKGS)

.PHONY: lint
lint: $(TOOLS) ## Lint Go and schemas, formatting too; refuse breaking schema changes
	$(TOOLS_BIN)/golangci-lint run $(PKGS)
	$(GO) fix -diff $(PKGS)
	$(TOOLS_BIN)/buf lint
	$(TOOLS_BIN)/buf format schemas --diff --exit-code
	house/breaking.sh

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME; stop at the first crash
	@house/fuzz.sh $(FUZZTIME) $(PKGS)

.PHONY: sim
sim: ## Simulate the whole protocol in virtual time: S1-S5 hold, and every planted flaw is found (ARGS for more)
	$(GO) test -tags sim -count=1 -timeout=30m ./sim $(ARGS)

.PHONY: sim-endless
sim-endless: ## Simulate new seeds for FOR, until one fails; the failure is shrunk and told
	$(GO) test -tags sim -count=1 -timeout=0 -v -run '^TestEndless$$' ./sim -sim.for=$(FOR)

.PHONY: faults
faults: faults-disk faults-single faults-cluster ## Every fault there is, with a table of what came of it (Linux, root; an hour)

.PHONY: faults-disk
faults-disk: ## Fail disks under real processes (Linux; needs strace, unshare and mount)
	$(GO) test -tags faults -run '^TestFault' -count=1 -timeout=20m ./cmd/portcullis

.PHONY: faults-single
faults-single: ## Cut the power of disks, damage store files, kill in relaxed mode (Linux, root; minutes)
	$(GO) test -tags faults -count=1 -timeout=60m -v ./loadtest/faults/single/...

.PHONY: faults-cluster
faults-cluster: ## Every fault on three brokers: kills, cuts, frozen and slow hosts, clocks, old copies (Linux, root; half an hour)
	$(GO) test -tags faults -count=1 ./loadtest/faults/world
	$(GO) test -tags faults -count=1 -timeout=60m -v ./loadtest/faults/cluster

.PHONY: faults-short
faults-short: faults-disk ## Some of each kind of fault (Linux, root; minutes)
	$(GO) test -tags faults -count=1 ./loadtest/faults/single/disk ./loadtest/faults/world
	$(GO) test -tags faults -count=1 -timeout=20m -run '^TestPowerLoss$$' ./loadtest/faults/single -rounds 2
	$(GO) test -tags faults -count=1 -timeout=20m -run '^TestDamagedFiles$$/^ledger_1.blk$$' ./loadtest/faults/single
	$(GO) test -tags faults -count=1 -timeout=20m -v -run '^TestCluster(StepDown|KillFollower|RestoreAll)$$' ./loadtest/faults/cluster

.PHONY: flood
flood: ## Flood a zone in ten ways from one agent: through the door the others' p99 moves by less than 2x (minutes)
	$(GO) test -tags load -count=1 -timeout=20m -v ./loadtest/flood

.PHONY: peers
peers: build $(PEERS) ## Measure beside OPA, Cerbos and bare NATS in one run, after all gave the same verdicts (minutes; ARGS for more)
	$(GO) test -tags load -count=1 -run '^TestEnginesAgree$$' ./loadtest/peers
	$(BIN) loadtest peers --programs $(PEERS_BIN) $(ARGS)

.PHONY: performance
performance: ## The same, into docs/performance.md
	@$(MAKE) --no-print-directory peers ARGS='--markdown docs/performance.md $(ARGS)'

.PHONY: peers-tools
peers-tools: $(PEERS) ## Build what `make peers` measures, OPA and Cerbos, pinned and checked (minutes, once)
	@echo "ready: peers in $(PEERS_BIN)"

.PHONY: image
image: ## Build the container image portcullis:local (needs Docker)
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/image/portcullis ./cmd/portcullis
	DOCKER_BUILDKIT=0 docker build -f Dockerfile -t portcullis:local bin/image

.PHONY: compose-test
compose-test: ## Bring docker-compose.yml up with real Docker, kill its containers, audit what they left (Linux, root; minutes)
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/image/portcullis ./cmd/portcullis
	$(GO) test -tags docker -run '^TestCompose$$' -count=1 -timeout=40m ./cmd/portcullis

# The programs of others that the MCP gateway is tested with, pinned in gateway/mcp/npm (needs npm).
export MCP_TOOLS ?= $(CURDIR)/.tools/mcp
export HOOK_TOOLS ?= $(CURDIR)/.tools/hook
MCP_SDK := v1.8.0

.PHONY: mcp-tools
mcp-tools: ## Install the MCP servers, inspector and conformance suite that gateway tests need
	@mkdir -p $(MCP_TOOLS)/bin
	cp gateway/mcp/npm/package.json gateway/mcp/npm/package-lock.json $(MCP_TOOLS)
	npm ci --prefix $$(realpath $(MCP_TOOLS)) --ignore-scripts --no-audit --no-fund --loglevel=error
	GOBIN=$(abspath $(MCP_TOOLS))/bin $(GO) install github.com/modelcontextprotocol/go-sdk/conformance/everything-server@$(MCP_SDK)

.PHONY: gateway-test
gateway-test: mcp-tools ## Try the MCP gateway with real servers, the inspector and the conformance suite (minutes)
	$(GO) test -tags npm -run '^Test(Conformance|MCP)' -count=1 -timeout=15m ./gateway/mcp ./cmd/portcullis

.PHONY: metrics-test
metrics-test: alerts-test ## Let promtool read the metrics of a zone that runs; then everything of alerts-test
	$(GO) test -tags prometheus -run '^TestPromtool$$' -count=1 ./cmd/portcullis

.PHONY: alerts-test
alerts-test: ## Play every alert; ask a real Prometheus and VictoriaMetrics everything that dashboards and rules ask (installs Debian's packages where they lack; minutes)
	@[[ $$(command -v promtool prometheus victoria-metrics vmalert | wc -l) == 4 ]] \
	  || apt-get install -y --no-install-recommends prometheus victoria-metrics
	$(GO) test -tags prometheus -count=1 ./dashboards/monitoringtest
	$(GO) test -tags prometheus -run '^TestRealServers$$' -count=1 -timeout=20m ./cmd/portcullis

.PHONY: hook-test
hook-test: ## Try the hook with Claude Code itself, whose model is a stand-in on this machine
	@mkdir -p $(HOOK_TOOLS)
	cp gateway/hook/npm/package.json gateway/hook/npm/package-lock.json $(HOOK_TOOLS)
	npm ci --prefix $(HOOK_TOOLS) --ignore-scripts --no-audit --no-fund --loglevel=error
	cd $(HOOK_TOOLS)/node_modules/@anthropic-ai/claude-code && node install.cjs # puts its program where npm links it
	$(GO) test -tags npm -run '^TestHookClaudeCode$$' -count=1 -timeout=10m ./cmd/portcullis

# The TypeScript SDK, its generator and the agent platforms that it is tried with, pinned in its lock file (needs npm).
SDK := sdk/typescript

.PHONY: sdk-tools
sdk-tools: ## Install what the TypeScript SDK is built and tested with
	npm ci --prefix $(SDK) --ignore-scripts --no-audit --no-fund --loglevel=error

.PHONY: sdk-gen
sdk-gen: sdk-tools $(TOOLS) ## Generate the TypeScript SDK's messages from schemas
	rm -rf $(SDK)/src/gen
	$(TOOLS_BIN)/buf generate --template $(SDK)/buf.gen.yaml

.PHONY: sdk-test
sdk-test: build sdk-tools $(TOOLS) ## Test the TypeScript SDK: vectors, a real zone, agent platforms, the packed package (minutes)
	rm -rf $(SDK)/build
	$(TOOLS_BIN)/buf generate --template $(SDK)/buf.gen.yaml -o $(SDK)/build/again
	diff -r $(SDK)/src/gen $(SDK)/build/again/$(SDK)/src/gen || { echo "run: make sdk-gen" >&2; exit 1; }
	npm test --prefix $(SDK)

CONSOLE := dashboards/web

.PHONY: console-tools
console-tools: ## Install what the console is built and tested with
	npm ci --prefix $(CONSOLE) --ignore-scripts --no-audit --no-fund --loglevel=error

.PHONY: console-assets
console-assets: console-tools ## Build the console's pages into dashboards/web/dist, which is committed
	cd $(CONSOLE) && npx --no-install svelte-check --fail-on-warnings --tsconfig tsconfig.json && npm run --silent build

.PHONY: console-check
console-check: console-assets ## The committed pages are what their sources give
	git diff --exit-code --stat -- $(CONSOLE)/dist
	@test -z "$$(git status --porcelain -- $(CONSOLE)/dist)" || { git status --short -- $(CONSOLE)/dist; echo "commit what make console-assets built" >&2; exit 1; }

.PHONY: console-test
console-test: console-check build ## Do each surface's job in a real Chromium, against real zones (minutes; needs chromium)
	npm test --prefix $(CONSOLE)

.PHONY: kill-loop
kill-loop: ## Kill real processes ROUNDS times; no acknowledged record lost, no action repeated
	$(GO) test -run '^TestKillLoop$$' -count=1 -timeout=30m ./cmd/portcullis -rounds=$(ROUNDS)

.PHONY: bound
bound: ## Halt real processes HALTS times under load: no start later than B; prints the distribution (minutes)
	$(GO) test -run '^TestBound' -count=1 -v -timeout=60m ./cmd/portcullis -halts=$(HALTS)

.PHONY: bench
bench: $(TOOLS) ## Run benchmarks (BENCH='Decide', COUNT=6) and summarise them
	@mkdir -p .bench
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count=$(COUNT) $(PKGS) | tee .bench/latest.txt
	@$(TOOLS_BIN)/benchstat .bench/latest.txt

##@ Change

.PHONY: gen
gen: $(TOOLS) ## Generate code from schemas, then run go generate
	$(TOOLS_BIN)/buf generate
	$(GO) generate ./...

.PHONY: gen-check
gen-check: $(TOOLS) ## Fail if a generated file is not what `make gen` would write
	@house/gen-check.sh

.PHONY: fmt
fmt: $(TOOLS) ## Format Go code and schemas in place
	$(TOOLS_BIN)/golangci-lint fmt
	$(TOOLS_BIN)/buf format schemas -w

.PHONY: setup
setup: $(TOOLS) ## Fetch modules and build the development tools (a few minutes, once)
	$(GO) mod download
	@echo "ready: tools in $(TOOLS_BIN)"

.PHONY: clean
clean: ## Remove what make built
	rm -rf bin .tools .bench

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# No prerequisites: the digest in the path already says whether it is current.
$(TOOLS):
	@echo "building development tools (a few minutes, once per change of tools.mod)" >&2
	@GOBIN=$(TOOLS_BIN) $(GO) install -modfile=tools.mod -ldflags='-s -w' tool
	@touch $@

$(PEERS):
	@echo "building OPA and Cerbos (minutes, once per change of $(PEERS_PINS))" >&2
	@for peer in opa cerbos; do GOBIN=$(PEERS_BIN) $(GO) install -modfile=$(PEERS_PINS)/$$peer.mod -trimpath -ldflags='-s -w' tool; done
	@touch $@
