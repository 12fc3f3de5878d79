# make help lists the targets.
SHELL      := /bin/bash
TAGS       := sqlite_omit_load_extension,netgo,osusergo
VERSION    ?= $(shell packaging/version)
FUZZTIME   ?= 10s
BENCHTIME  ?= 2s
PKG        ?= ./...
# The tools are a module of their own and can't see the tags.
TOOL       := GOFLAGS= go -C packaging/tools tool -n
export GOFLAGS := -tags=$(TAGS)
export CGO_CFLAGS := $(shell packaging/cflags)

.PHONY: help build demo test race lint fuzz gen fresh package foreign repo reproduce lintian lab bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/hookaido
	@packaging/need gcc
	go build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/hookaido ./cmd/hookaido

demo: build ## Show a webhook's way: signed in, 202, dequeued, acked
	@packaging/need curl openssl jq
	packaging/demo bin/hookaido

test: ## Run all tests, after installing what they need
	@packaging/need gcc strace curl openssl sqlite3 man
	packaging/summary go test -timeout 30m -count=1 $(PKG)

race: ## Run the tests of what is concurrent under the race detector
	@packaging/need gcc strace curl openssl sqlite3 man
	packaging/summary go test -race -timeout 30m -count=1 $(shell packaging/concurrent)

lint: ## Check format, vet and the linters of .golangci.yml
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "run gofmt -w on:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	"$$($(TOOL) golangci-lint)" run ./...

fuzz: ## Run each fuzz target for FUZZTIME (10s)
	packaging/fuzz $(FUZZTIME)

gen: ## Write the generated files anew
	go run ./internal/tools/docgen -out packaging/man/Hookaidofile.5.md
	go run ./internal/tools/clidoc -out packaging/man

fresh: gen ## Fail when a generated file in the repository is stale
	@test -z "$$(git status --porcelain packaging/man)" || { git diff -- packaging/man; echo "generated files are stale: run make gen and commit"; exit 1; }

package: ## Build dist/*.deb and dist/*.rpm for amd64 and arm64
	@packaging/need gcc strip aarch64-linux-gnu-gcc
	packaging/build $(VERSION) amd64 arm64

foreign: ## Try the arm64 program of dist under an emulator
	@packaging/need qemu-aarch64-static readelf curl openssl jq
	packaging/foreign

repo: ## Make signed repositories for apt and dnf in dist/repo: make repo KEY=FINGERPRINT
	packaging/repo "$(KEY)"

reproduce: ## Build the package twice, differently, and compare
	@packaging/need gcc strip
	packaging/reproduce

lintian: ## Check the packages in dist with lintian and rpmlint (root)
	@packaging/need lintian rpm
	packaging/lint-deb
	packaging/lint-rpm

lab: ## Run the packages in dist on a booted systemd (root)
	packaging/lab/all

bench: ## Run the benchmarks
	go test -run '^$$' -bench . -benchtime $(BENCHTIME) -benchmem $(PKG)

clean: ## Remove what was built
	rm -rf bin dist
