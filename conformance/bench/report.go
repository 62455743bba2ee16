package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one line of the table.
type row struct {
	metric      string
	unit        unit
	ours, limit float64 // limit is zero where there is none; ours is infinite if the program refused
	bar         bar     // of the ratio, or of ours where there is no limit; without a value the row is only reported
	missing     bool    // nothing was measured; note says why
	p50, p99    time.Duration
	note        string
}

// bar is what a figure must reach, or must not exceed.
type bar struct {
	value float64
	most  bool
}

func atLeast(v float64) bar { return bar{value: v} }
func atMost(v float64) bar  { return bar{value: v, most: true} }

func (r *row) ratio() string {
	if r.limit == 0 || r.missing {
		return ""
	}
	return fmt.Sprintf("%.3f", r.ours/r.limit)
}

// barText is the bar as the table shows it: that of a ratio as a bare number.
func (r *row) barText() string {
	if r.bar.value == 0 {
		return ""
	}
	sign := "≥ "
	if r.bar.most {
		sign = "≤ "
	}
	if r.limit == 0 && !r.missing {
		return sign + r.unit.format(r.bar.value)
	}
	return sign + strconv.FormatFloat(r.bar.value, 'f', 2, 64)
}

// held says whether the row is as its bar wants it; nothing of a row without a bar.
func (r *row) held() string {
	figure := r.ours
	if r.limit != 0 {
		figure /= r.limit
	}
	switch {
	case r.missing:
		return "not measured"
	case r.bar.value == 0:
		return ""
	case r.bar.most && figure <= r.bar.value, !r.bar.most && figure >= r.bar.value:
		return "yes"
	}
	return "no"
}

// unit says what a figure counts. A rate should have a high ratio to its limit, anything else a low one.
type unit string

const (
	perSecond    unit = "/s"
	seconds      unit = " s"
	milliseconds unit = " ms"
	microseconds unit = " µs"
	nanoseconds  unit = " ns"
	mebibytes    unit = " MiB"
)

func (u unit) format(v float64) string {
	switch {
	case v == 0:
		return ""
	case math.IsInf(v, 0):
		return "refused"
	case u == seconds:
		return fmt.Sprintf("%.2f%s", v, u)
	case u == milliseconds, u == mebibytes:
		return fmt.Sprintf("%.1f%s", v, u)
	}
	return fmt.Sprintf("%.0f%s", v, u)
}

// thousands writes a number as a reader wants it.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// add adds a row. The bars are those of SQLite: where the raw side is missing there are none.
func (b *bench) add(r row) {
	if b.database != "" {
		r.bar = bar{}
	}
	b.rows = append(b.rows, r)
}

// publish prints the table and, where a file is named, writes it there.
func (b *bench) publish(to io.Writer, took time.Duration) error {
	if err := b.print(to, took); err != nil {
		return err
	}
	if b.report == "" {
		return nil
	}
	if err := os.WriteFile(b.report, b.markdown(took), 0o644); err != nil {
		return err
	}
	_, err := fmt.Fprintln(to, "\nwritten to", b.report)
	return err
}

// print writes the table, and the machine, the day and the program that it is about.
func (b *bench) print(to io.Writer, took time.Duration) error {
	var text bytes.Buffer
	fmt.Fprintf(&text, "\n%s\n%s\n\n", b.machine(), b.run(took))
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { _, _ = table.Write([]byte(strings.Join(cells, "\t") + "\n")) } // to memory
	line("what", "ours", b.other(), "ratio", "bar", "held", "p50", "p99", "")
	for _, r := range b.rows {
		line(r.metric, r.unit.format(r.ours), r.unit.format(r.limit), r.ratio(), r.barText(), r.held(), short(r.p50), short(r.p99), r.note)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := to.Write(text.Bytes())
	return err
}

// other heads the column of what ours is held against.
func (b *bench) other() string {
	if b.peers {
		return "peer"
	}
	return "limit"
}

// machine says what was measured on.
func (b *bench) machine() string {
	return fmt.Sprintf("%s; %d cores, of which all processes share %d (GOMAXPROCS=%d); %s",
		processor(), runtime.NumCPU(), cores, runtime.GOMAXPROCS(0), runtime.Version())
}

// run says what was measured, when and how.
func (b *bench) run(took time.Duration) string {
	return fmt.Sprintf("%s; commit %s; %s, %d users, %d connections, %d rounds of %s; took %s", time.Now().UTC().Format("2006-01-02 15:04 MST"),
		commit(), b.kind(), b.users, connections, b.rounds, b.length, took.Round(time.Second))
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
