package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRow_held(t *testing.T) {
	for name, tt := range map[string]struct {
		row            row
		held, ratio, b string
	}{
		"a ratio above its bar":              {row{ours: 60, limit: 100, bar: atLeast(0.5)}, "yes", "0.600", "≥ 0.50"},
		"a ratio at its bar":                 {row{ours: 50, limit: 100, bar: atLeast(0.5)}, "yes", "0.500", "≥ 0.50"},
		"a ratio below its bar":              {row{ours: 49, limit: 100, bar: atLeast(0.5)}, "no", "0.490", "≥ 0.50"},
		"a cost within its bar":              {row{unit: microseconds, ours: 12, limit: 10, bar: atMost(1.2)}, "yes", "1.200", "≤ 1.20"},
		"a cost beyond its bar":              {row{unit: microseconds, ours: 13, limit: 10, bar: atMost(1.2)}, "no", "1.300", "≤ 1.20"},
		"a figure of its own within its bar": {row{unit: mebibytes, ours: 31, bar: atMost(32)}, "yes", "", "≤ 32.0 MiB"},
		"a figure of its own beyond its bar": {row{unit: seconds, ours: 0.51, bar: atMost(0.5)}, "no", "", "≤ 0.50 s"},
		"refused":                            {row{unit: seconds, ours: math.Inf(1), bar: atMost(2)}, "no", "", "≤ 2.00 s"},
		"without a bar":                      {row{ours: 60, limit: 100}, "", "0.600", ""},
		"not measured":                       {row{missing: true, bar: atMost(1.2)}, "not measured", "", "≤ 1.20"},
		"nothing known of it":                {row{missing: true}, "not measured", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if held, ratio, b := tt.row.held(), tt.row.ratio(), tt.row.barText(); held != tt.held || ratio != tt.ratio || b != tt.b {
				t.Errorf("held %q, ratio %q, bar %q; want %q, %q, %q", held, ratio, b, tt.held, tt.ratio, tt.b)
			}
		})
	}
}

func TestBench_has_no_bars_on_PostgreSQL(t *testing.T) {
	b := &bench{database: "postgres://localhost/bench"}
	b.add(row{ours: 1, limit: 100, bar: atLeast(0.5)})
	if held := b.rows[0].held(); held != "" {
		t.Errorf("a bar of SQLite is held: %q", held)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 100_000: "100,000", 1_000_001: "1,000,001"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %q, want %q", n, got, want)
		}
	}
}

func TestBench_writes_the_page_that_a_reader_finds(t *testing.T) {
	b := &bench{users: 7, rounds: 1, report: filepath.Join(t.TempDir(), "performance.md"), rows: []row{
		{metric: "GET", unit: perSecond, ours: 60, limit: 100, bar: atLeast(0.5), note: "a | b"},
		{metric: "start", unit: seconds, ours: 0.6, bar: atMost(0.5)},
		{metric: "cursor", missing: true, note: "no cursors"},
		{metric: "fill", unit: perSecond, ours: 5000},
	}}
	var printed strings.Builder
	if err := b.publish(&printed, 90*time.Second); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(b.report)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Not held: start; cursor (not measured).",
		"| GET | 60/s | 100/s | 0.600 | ≥ 0.50 | yes |  | a \\| b |",
		"| start | 0.60 s |  |  | ≤ 0.50 s | no |  |  |",
		"| cursor |  |  |  |  | not measured |  | no cursors |",
		"## Also measured\n\n| what | ours | limit | ratio | p50 | p99 | |\n| --- | --- | --- | --- | --- | --- | --- |\n| fill | 5000/s |",
		"SQLite, 7 users, 32 connections, 1 rounds of 0s; took 1m30s",
		"\n    make bench\n",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if !strings.Contains(printed.String(), b.report) {
		t.Error("it does not say where the page is")
	}
}

func TestBench_writes_a_page_of_a_full_run_only(t *testing.T) {
	for name, tt := range map[string]struct {
		set    map[string]bool
		quick  bool
		bench  bench
		report string
		users  int
	}{
		"a full run":           {nil, false, bench{withLarge: true, users: 100_000}, "docs/performance.md", 100_000},
		"a quick one":          {nil, true, bench{withLarge: true, users: 100_000}, "", 10_000},
		"a quick one of 5,000": {map[string]bool{"users": true}, true, bench{withLarge: true, users: 5000}, "", 5000},
		"some rows":            {map[string]bool{"run": true}, false, bench{withLarge: true, users: 100_000}, "", 100_000},
		"no large store":       {nil, false, bench{users: 100_000}, "", 100_000},
		"fewer users":          {map[string]bool{"users": true}, false, bench{withLarge: true, users: 5000}, "", 5000},
		"where it is told":     {map[string]bool{"write": true}, true, bench{withLarge: true, report: "x.md", users: 100_000}, "x.md", 10_000},
		"the peer":             {nil, false, bench{withLarge: true, peers: true, users: 100_000}, "docs/performance-peers.md", peerUsers},
	} {
		t.Run(name, func(t *testing.T) {
			b := tt.bench
			if b.settle(tt.set, tt.quick); b.report != tt.report || b.users != tt.users {
				t.Errorf("writes %q of %d users, want %q of %d", b.report, b.users, tt.report, tt.users)
			}
		})
	}
}
