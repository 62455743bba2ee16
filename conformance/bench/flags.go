package main

import (
	"flag"
	"strings"
	"time"
)

// flags reads the command line: the run, what of it is wanted, and the file of a bare side.
func flags() (b *bench, only, bare string) {
	var names []string
	for _, m := range measures {
		names = append(names, m.name)
	}
	b = &bench{}
	f := flag.CommandLine
	f.StringVar(&b.binary, "binary", "bin/rollcall", "program to measure")
	f.StringVar(&b.database, "database", "", "URL of an empty PostgreSQL database to measure instead of SQLite; writes then have no raw side")
	f.StringVar(&b.folder, "data", "bench-data", "folder that keeps the filled stores for the next run, on the disk to measure; empty: a temporary one")
	f.IntVar(&b.users, "users", 100_000, "users in the store; the large one has ten times as many, the small one a hundredth")
	f.BoolVar(&b.withLarge, "large", true, "measure the large store too; to fill it takes minutes, once")
	f.IntVar(&b.rounds, "rounds", 5, "rounds of each metric; the one with the median ratio is printed")
	f.DurationVar(&b.length, "length", 3*time.Second, "length of one side's turn in a round")
	f.StringVar(&only, "run", "", "measure only what this regular expression matches of "+strings.Join(names, ", "))
	f.StringVar(&b.report, "write", "", "Markdown `file` to write the table to; a full run writes docs/performance.md of itself")
	f.BoolVar(&b.peers, "peers", false, "measure the program beside a released peer instead; a full run writes docs/performance-peers.md")
	f.StringVar(&bare, "bare", "", "answer every request with the response in this file (the bench starts itself so)")
	quick := f.Bool("quick", false, "10,000 users and short rounds, for a first look")
	flag.Parse()
	set := map[string]bool{}
	f.Visit(func(f *flag.Flag) { set[f.Name] = true })
	b.settle(set, *quick)
	return b, only, bare
}

// settle fills in what the flags that are set leave open.
func (b *bench) settle(set map[string]bool, quick bool) {
	if b.peers && !set["users"] {
		b.users = peerUsers
	}
	if quick {
		for name, shorten := range map[string]func(){
			"users":  func() { b.users = 10_000 },
			"rounds": func() { b.rounds = 3 },
			"length": func() { b.length = time.Second },
		} {
			if !set[name] {
				shorten()
			}
		}
	}
	for _, name := range []string{"users", "rounds", "length", "run", "database", "write"} {
		if set[name] {
			return
		}
	}
	switch {
	case quick || !b.withLarge:
	case b.peers:
		b.report = "docs/performance-peers.md"
	default:
		b.report = "docs/performance.md"
	}
}
