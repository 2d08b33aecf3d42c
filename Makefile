# `make test` installs what is missing on a fresh Debian and runs everything; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Tools that are not part of the app are run by version and never stand in go.mod.
TEMPL    := go run github.com/a-h/templ/cmd/templ@v0.3.977
LINT     := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
PACKAGES := gcc libc6-dev postgresql pgbouncer chromium fonts-liberation npm

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

.PHONY: run
run: ## start the app
	go run .

.PHONY: test
test: install ## install what is missing, then run every test with the race detector
	go test -race -count=1 -timeout 15m ./...

.PHONY: test-18
test-18: install ## all tests on Postgres 18, fetched with npm
	@$(MAKE) --no-print-directory on-18 ON_18=./...

.PHONY: isolation-18
isolation-18: install ## of those, the ones that prove the isolation
	@$(MAKE) --no-print-directory on-18 ON_18="./db ./db/isolation ./db/internal/..."

.PHONY: on-18
on-18:
	@dir=$$(mktemp -d) && chmod 755 "$$dir" && trap 'rm -rf "$$dir"' EXIT && \
	bin=$$(go run ./db/embedded/fetch "$$dir") && echo "on $$("$$bin/postgres" --version)" && \
	POSTGRES_BIN="$$bin" go test -count=1 -timeout 15m $(ON_18)

.PHONY: install
install: ## install Postgres and Chromium where they are missing (Debian, as root)
	@./.ci/install $(PACKAGES)

.PHONY: generate
generate: ## write the Go code of the templ files
	$(TEMPL) generate

.PHONY: lint
lint: ## formatting, vet, and the rules of the house
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt these files"; exit 1; }
	go vet ./...
	$(LINT) run ./...

.PHONY: golden
golden: ## accept what the views draw, and what the migrations make, as right
	go test ./views -update
	go test ./db/isolation -run Definitions -update

.PHONY: bench
bench: ## the page against the same page without tenancy, interleaved in one run
	go test -run '^$$' -bench . -benchtime 1x -count 1 ./db/bench
	go test -run '^$$' -bench Missing -benchtime 1x -count 1 ./web

.PHONY: slow
slow: ## a thousand slow clients beside a person who works
	@./.ci/install slowhttptest
	go test -run '^$$' -bench . -benchtime 1x -count 1 -timeout 15m ./web/slow

.PHONY: lighthouse
lighthouse: ## what Google's Lighthouse says of the jobs list and the editor; fails under 95
	@./.ci/install postgresql chromium npm
	go test -run '^$$' -bench . -benchtime 1x -count 1 -timeout 15m ./web/lighthouse

.PHONY: shots
shots: ## a picture of every page, in both themes, at 1280 and 360 px, into shots/
	@./.ci/install postgresql chromium fonts-liberation
	@rm -rf shots
	SHOTS=$(CURDIR)/shots go test -count=1 -timeout 15m -run 'InBothThemes|RefusedForms|ErrorPage|AskTooOften' ./web/e2e
	@echo "$$(ls shots | wc -l) pictures in shots/"

.PHONY: fuzz
fuzz: ## fuzz every parser, 20 seconds each
	@for p in $$(grep -rl '^func Fuzz' --include '*_test.go' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -rhoE '^func Fuzz[A-Za-z]+' $$p | sed 's/func //'); do \
	    go test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s $$p || exit 1; done; done

.PHONY: image
image: ## build the container image (needs docker, or ENGINE=podman)
	$(or $(ENGINE),docker) build --build-arg VERSION=$$(git describe --tags --always --dirty) --build-arg REVISION=$$(git rev-parse HEAD) \
	  -t upwork-ai-agent:$$(git describe --tags --always --dirty) .

.PHONY: vulnerabilities
vulnerabilities: ## look for known vulnerabilities (needs the network)
	go run golang.org/x/vuln/cmd/govulncheck@latest ./...
