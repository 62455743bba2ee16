package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one line of the table.
type row struct {
	metric      string
	unit        unit
	ours, limit float64 // limit is zero where there is none
	p50, p99    time.Duration
	note        string
}

// unit says what a figure counts. A rate should have a high ratio to its limit, a time a low one.
type unit string

const (
	perSecond    unit = "/s"
	milliseconds unit = " ms"
	nanoseconds  unit = " ns"
)

func (u unit) format(v float64) string {
	if v == 0 {
		return ""
	}
	if u == milliseconds {
		return fmt.Sprintf("%.1f%s", v, u)
	}
	return fmt.Sprintf("%.0f%s", v, u)
}

func (b *bench) add(r row) { b.rows = append(b.rows, r) }

// print writes the table, and the machine, the day and the program that it is about.
func (b *bench) print(to io.Writer) error {
	var text bytes.Buffer
	fmt.Fprintf(&text, "\n%s; %d cores, of which all processes share %d (GOMAXPROCS=%d); %s\n",
		processor(), runtime.NumCPU(), cores, runtime.GOMAXPROCS(0), runtime.Version())
	fmt.Fprintf(&text, "%s; commit %s; %s, %d users, %d connections, %d rounds of %s\n\n", time.Now().UTC().Format("2006-01-02 15:04 MST"),
		commit(), b.kind(), b.users, connections, b.rounds, b.length)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { _, _ = table.Write([]byte(strings.Join(cells, "\t") + "\n")) } // to memory
	line("metric", "ours", "limit", "ratio", "p50", "p99", "")
	for _, r := range b.rows {
		ratio := ""
		if r.limit != 0 {
			ratio = fmt.Sprintf("%.3f", r.ours/r.limit)
		}
		line(r.metric, r.unit.format(r.ours), r.unit.format(r.limit), ratio, short(r.p50), short(r.p99), r.note)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := to.Write(text.Bytes())
	return err
}

func (b *bench) kind() string {
	if b.database != "" {
		return "PostgreSQL"
	}
	return "SQLite"
}

func short(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f ms", d.Seconds()*1000)
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// commit names the checkout, with a mark if it holds more than the commit.
func commit() string {
	text, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
