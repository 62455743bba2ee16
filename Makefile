SHELL := /bin/bash
FUZZTIME ?= 30s
LISTEN ?= 127.0.0.1:8080
BENCH ?=

.PHONY: help deps build run test lint check bench bench-peers fuzz clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install what the tests need and the machine lacks: postgresql, gcc, chromium, and identity providers to meet
	@missing=(); \
	command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql); \
	echo '#include <stdlib.h>' | $$(go env CC) -E - >/dev/null 2>&1 || missing+=(gcc libc6-dev); \
	command -v chromium chromium-browser google-chrome >/dev/null || missing+=(chromium); \
	[ -d /usr/share/simplesamlphp/www ] || missing+=(simplesamlphp); \
	command -v php >/dev/null || missing+=(php-cli); \
	for part in dom:xml curl:curl; do php -m 2>/dev/null | grep -qx "$${part%:*}" || missing+=("php-$${part#*:}"); done; \
	/usr/bin/python3 -c 'import saml2' 2>/dev/null || missing+=(python3-pysaml2); \
	command -v xmlsec1 >/dev/null || missing+=(xmlsec1); \
	if [ $${#missing[@]} = 0 ]; then exit 0; fi; \
	root=(); \
	if [ "$$(id -u)" != 0 ]; then root=(sudo -n); fi; \
	if ! command -v apt-get >/dev/null || ! "$${root[@]}" true 2>/dev/null; then \
		echo "make deps: please install: $${missing[*]} (or let make do it: as root, or by sudo without a password)" >&2; exit 1; \
	fi; \
	"$${root[@]}" apt-get update -q </dev/null && \
	"$${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$${missing[@]}" </dev/null

build: ## build bin/rollcall
	go build -o bin/rollcall ./cmd/rollcall

run: build ## start a server on LISTEN (127.0.0.1:8080) with its data in ./data and a connection to play with
	@install -d -m 700 data
	bin/rollcall serve --data ./data --listen $(LISTEN) --dev

test: deps ## run all tests, on SQLite and on a private PostgreSQL
	packages=$$(go list ./... | grep -v /conformance) && go run ./store/storetest/withpostgres -fsync=false go test -race $$packages
	@# These play the program's peers: what runs in them is not the program, so they find no race in it.
	go run ./store/storetest/withpostgres -fsync=false go test -timeout 20m ./conformance/...

lint: ## check form and common mistakes: gofumpt, vet, staticcheck, errcheck
	@unformed=$$(go tool gofumpt -l .) && \
	if [ -n "$$unformed" ]; then printf 'not formatted by gofumpt:\n%s\n' "$$unformed" >&2; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	go tool errcheck ./...

check: ## what CI runs: test, lint, and nothing changed by them
	@.ci/run

bench: build ## measure every bar and write docs/performance.md (BENCH=-quick for a first look, which writes nothing)
	go run ./conformance/bench $(BENCH)

bench-peers: build ## measure the program beside npm's scimmy under the same load; needs Node.js and npm
	go run ./conformance/bench -peers $(BENCH)

fuzz: ## run every fuzz target for FUZZTIME (30s)
	@grep -ro --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | while IFS=: read -r file target; do \
		go test -run '^$$' -fuzz "^$${target#func }$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" </dev/null || exit 1; \
	done

clean: ## remove what build made; ./data stays
	rm -rf bin
