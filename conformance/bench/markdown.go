package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

const barsHead = `# Performance

Written by ` + "`make bench`" + `; an edit by hand is lost. Both sides of a row ran in the same run, on the same machine, by turns; the
round with the median ratio is shown. Decision [19](decisions/0019-how-the-bars-are-measured.md) says what each row measures.

`

const peersHead = `# Beside a peer

Written by ` + "`make bench-peers`" + `; an edit by hand is lost. Both sides ran in the same run, on the same machine, by turns, under the same
load; the round with the median ratio is shown. Ours has each write on disk before it answers; the peer, npm's ` + "`scimmy`" + ` with
` + "`scimmy-routers`" + ` behind express, keeps its users in a map in memory and loses them when it ends. Its filter is the one that it
brings: it looks at every user.

`

// markdown is the table as a page of the documentation.
func (b *bench) markdown(took time.Duration) []byte {
	var text bytes.Buffer
	head, command := barsHead, "make bench"
	if b.peers {
		head, command = peersHead, "make bench-peers"
	}
	text.WriteString(head)
	fmt.Fprintf(&text, "- %s\n- %s\n", b.machine(), b.run(took))
	var bars, rest []row
	for _, r := range b.rows {
		if r.bar.value != 0 || r.missing {
			bars = append(bars, r)
		} else {
			rest = append(rest, r)
		}
	}
	if len(bars) > 0 {
		fmt.Fprintf(&text, "\n## The bars\n\n%s\n\n| what | ours | %s | ratio | bar | held | p99 | |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
			verdict(bars), b.other())
		for _, r := range bars {
			cells(&text, r.metric, r.unit.format(r.ours), r.unit.format(r.limit), r.ratio(), r.barText(), r.held(), short(r.p99), r.note)
		}
		text.WriteString("\n## Also measured\n")
	}
	fmt.Fprintf(&text, "\n| what | ours | %s | ratio | p50 | p99 | |\n| --- | --- | --- | --- | --- | --- | --- |\n", b.other())
	for _, r := range rest {
		cells(&text, r.metric, r.unit.format(r.ours), r.unit.format(r.limit), r.ratio(), short(r.p50), short(r.p99), r.note)
	}
	fmt.Fprintf(&text, "\n## Again\n\n    %s\n\non a machine that does nothing else.\n", command)
	return text.Bytes()
}

// verdict names the bars that are not held.
func verdict(bars []row) string {
	var not []string
	for _, r := range bars {
		switch r.held() {
		case "yes":
		case "no":
			not = append(not, r.metric)
		default:
			not = append(not, r.metric+" (not measured)")
		}
	}
	if len(not) == 0 {
		return "Every bar is held."
	}
	return "Not held: " + strings.Join(not, "; ") + "."
}

// cells writes a line of a table.
func cells(to *bytes.Buffer, all ...string) {
	for _, cell := range all {
		to.WriteString("| " + strings.ReplaceAll(cell, "|", `\|`))
		to.WriteByte(' ')
	}
	to.WriteString("|\n")
}
