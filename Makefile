# What a developer and CI run. `make` alone lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Tools are pinned in go.tools.mod, apart from the operator's own dependencies,
# and built from source the first time they are used.
TOOL := go tool -modfile=go.tools.mod

# Every suite that needs an API server starts one of its own: two packages at a
# time is what two cores carry.
TEST_FLAGS ?= -timeout=50m -p=2
FUZZTIME   ?= 30s

##@ Try

.PHONY: demo
demo: controlplane ## Show the whole flow on an API server of its own (DEMO_EXIT=1: end by itself)
	@echo "building the demo (a minute or two the first time)"
	@DEMO_EXIT="$(DEMO_EXIT)" go run ./hack/demo

.PHONY: demo-full
demo-full: controlplane velero ## The same, and backups, with the real Velero beside it (eight minutes)
	@echo "building the demo (a minute or two the first time)"
	@DEMO_EXIT="$(DEMO_EXIT)" go run ./hack/demo -full

##@ Develop

.PHONY: generate
generate: ## Generate deep copies, CRDs, permissions, the chart and config, and the schema of records
	@$(TOOL) controller-gen object crd:maxDescLen=2048 paths=./api/... output:crd:artifacts:config=config/crd/bases
	@go run ./hack/tightencrds config/crd/bases
	@go run ./hack/recordschema
	@go run ./hack/metricsdoc
	@go run ./hack/dashboard
	@go run ./hack/permissions
	@go run ./hack/chart
	@go run ./hack/apidocs

.PHONY: build
build: ## Build the binaries into bin/
	@go build -trimpath -o bin/ . $(patsubst %/,./%,$(wildcard cmd/*/))

.PHONY: lint
lint: ## Check style, import directions and complexity
	@$(TOOL) golangci-lint run ./...
	@cd hack/release && go tool -modfile=../../go.tools.mod golangci-lint run --config=../../.golangci.yml ./...

.PHONY: verify
verify: generate ## Generate, fail on any difference or untracked file, then lint
	@changed="$$(git status --porcelain)"; \
	if [[ -n "$$changed" ]]; then \
		echo "not committed, or not what the generators give:"; echo "$$changed"; \
		git --no-pager diff; exit 1; \
	fi
	@go mod tidy -diff
	@$(MAKE) --no-print-directory lint

##@ Test

.PHONY: test
test: controlplane ## Run all tests, those on a real API server included
	@go test $(TEST_FLAGS) ./...
	@cd hack/release && go test $(TEST_FLAGS) ./...
	@cd hack/argocd && go test $(TEST_FLAGS) -count=1 ./... # it reads files of another module

.PHONY: e2e
e2e: controlplane velero ## Run the suites on a real API server, with a real Velero, uncached, spec by spec
	@go test -tags=velero -count=1 -v -timeout=40m -p=1 ./test/...

.PHONY: e2e-browser
e2e-browser: ## Look at the page of a record in Chromium or Chrome, and take the pictures in docs/images
	@mkdir -p docs/images
	@go test -tags=browser -count=1 -timeout=20m ./test/browser -args -images="$(CURDIR)/docs/images"

.PHONY: bench
bench: controlplane ## Measure latency and cost beside the floor (BENCH_ARGS="-help": suites, sizes)
	@go run ./test/bench $(BENCH_ARGS)

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (30s)
	@{ git grep -E '^func Fuzz' -- '*_test.go' || true; } | sed -E 's|^(.*)/[^/]*:func (Fuzz[A-Za-z0-9_]*).*|\1 \2|' | \
	while read -r folder target; do \
		echo "$$folder $$target"; \
		go test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) "./$$folder"; \
	done

.PHONY: controlplane
controlplane: ## Build etcd, the API server, the controller manager and kubectl (minutes the first time)
	@hack/controlplane/build.sh

# The real Velero of the suites behind the build tag velero: the server, its plugin
# for S3, in a folder of its own because the server starts what is in there, and an
# S3 server. Each is built when it is missing or its pin in hack/velero changed.
VELERO := bin/velero/velero bin/velero/plugins/velero-plugin-for-aws bin/velero/versitygw

.PHONY: velero
velero: $(VELERO) ## Build Velero, its plugin for S3 and an S3 server (six minutes the first time)

bin/velero/velero: hack/velero/velero/go.mod hack/velero/velero/go.sum
bin/velero/plugins/velero-plugin-for-aws: hack/velero/plugin/go.mod hack/velero/plugin/go.sum
bin/velero/versitygw: hack/velero/s3/go.mod hack/velero/s3/go.sum

# The server knows its version as a release does. It would listen on a fixed port for
# metrics that it does not have: two on one machine would be one too many.
bin/velero/velero: LDFLAGS = -X github.com/vmware-tanzu/velero/pkg/buildinfo.Version=$$(go list -m -f '{{.Version}}' github.com/vmware-tanzu/velero) \
	-X sigs.k8s.io/controller-runtime/pkg/metrics/server.DefaultBindAddress=0

$(VELERO):
	@echo "building $(@F)"
	@mkdir -p $(@D)
	@cd $(<D) && export GOWORK=off GOFLAGS= CGO_ENABLED=0 && \
		go build -trimpath -ldflags="-s -w $(LDFLAGS)" -o "$(CURDIR)/$@" "$$(go list tool)"
	@touch $@ # go leaves a binary that is current as old as it is

.PHONY: tools
tools: ## Build the tools that tests run, such as helm (minutes the first time)
	@go test -count=1 ./test/tool

##@ Release

.PHONY: image
image: ## Make the operator's image and bills of materials in bin/image, without a container engine
	@cd hack/release && go run . image

.PHONY: krew
krew: ## Make the archives of the kubectl plugin, and krew's manifest, in bin/krew (minutes the first time)
	@cd hack/release && go run . plugin

.PHONY: dist
dist: image krew ## Make everything that a release consists of

##@ Help

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
