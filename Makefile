# One command a target; .ci/run is what has to pass before a change goes in.
GOFUMPT  = go run mvdan.cc/gofumpt@v0.12.0
GOLANGCI = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME = 30s

.PHONY: check fmt lint test race bench fuzz soak golden
check:  ; .ci/run
fmt:    ; $(GOFUMPT) -w .
lint:   ; $(GOLANGCI) run
test:   ; go test ./...
race:   ; go test -race -shuffle=on ./...
bench:  ; go test -run '^$$' -bench . -benchmem ./engine/... ./targets/worker && go run ./examples/versus && go run ./examples/pace && go run ./examples/pace --idle 10000
fuzz:   ; go list ./... | while read p; do for f in $$(go test -list '^Fuzz' $$p | grep ^Fuzz); do go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; done; done
soak:   ; go test ./cmd -run TestSoak -v -timeout 20m -soak 5m
golden: ; go test $$(grep -rl --include=*_test.go 'flag.Bool("update"' . | xargs -n1 dirname | sort -u) -update
