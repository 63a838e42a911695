# Two commands do everything: `make demo` runs the main job, `make test` passes
# the tests. Both need only Go, make and a network for modules.
GO ?= go
SHELL := /bin/bash
REVISION := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X recoup/cmd/recoup/internal/cli.revision=$(REVISION)
TESTSUM := $(GO) run gotest.tools/gotestsum@v1.13.0
LINT := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: build man notebooks demo test check bench fuzz deps release clean

build: # the recoup binary, in bin/
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/recoup ./cmd/recoup

man: build # manual pages of every command and topic, in bin/manual/
	bin/recoup man bin/manual

notebooks: # run every notebook and guide of notebooks/ and write what they show anew
	$(GO) test ./notebooks -update -count=1

demo: build # synthetic cohort, quarterly report, simulation and cost comparison in recoup-demo/
	bin/recoup demo -o recoup-demo

test: # every test; those without their tool or data are listed as skipped, with the reason
	$(TESTSUM) --format pkgname --hide-summary output -- -timeout 25m ./...

check: # formatting, vet, lint, tidiness of go.mod
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) mod tidy -diff
	$(LINT) run

bench: # speed of the kernels; BENCH=pattern picks some
	$(GO) test -run '^$$' -bench '$(or $(BENCH),.)' -benchmem ./...

fuzz: # every fuzz target, FUZZTIME each (a minute)
	@for p in $$(grep -rl --include=*_test.go '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		for f in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$p/*_test.go | cut -c6-); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(or $(FUZZTIME),1m) -fuzzminimizetime 1s $$p || exit 1; done; done

release: # binaries for six systems in dist/, the modules they are made of, and checksums
	rm -rf dist && mkdir dist
	@for t in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do \
		os=$${t%/*}; arch=$${t#*/}; ext=; [ $$os = windows ] && ext=.exe; echo "dist/recoup_$${os}_$$arch$$ext"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o dist/recoup_$${os}_$$arch$$ext ./cmd/recoup || exit 1; done
	@for f in dist/recoup_*; do [ $$(wc -c < $$f) -lt 40000000 ] || { echo "$$f is 40 MB or more"; exit 1; }; done
	$(GO) version -m -json dist/recoup_linux_amd64 > dist/modules.json
	cd dist && sha256sum * > SHA256SUMS

deps: # what fuller tests use, from Debian's packages
	apt-get update -qq && apt-get install -y -qq chromium postgresql qemu-user groff jupyter-nbconvert python3-ipykernel $$(command -v npm > /dev/null || echo npm)
	dir="$$($(GO) env GOCACHE)/../recoup-tools/axe-core-4.10.3" && mkdir -p "$$dir" && cd "$$dir" && npm pack --silent axe-core@4.10.3 && echo "0f2b4d7dcdf7d1219df8d1959ad68e565f51d14c3f0d88bb71cd59abeb956292  axe-core-4.10.3.tgz" | sha256sum -c --quiet && tar xzf axe-core-4.10.3.tgz --strip-components=1 package/axe.min.js package/LICENSE

clean:
	rm -rf bin dist recoup-demo
