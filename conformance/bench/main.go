// Command bench measures the program against what the machine allows, both sides in the same run and turn by turn, and
// prints a table: metric, ours, limit, ratio. It owns the load, the bare sides and the table; what is measured is the real
// binary, over HTTP and the command line, as a customer sees it, so it imports nothing of ours. `make bench` is its caller.
//
// A read is held against a net/http handler that answers the same bytes. A write is held against 1/(1/bare + 1/raw): bare is
// such a handler, raw a loop that writes to a copy of the same SQLite file what one such request was seen to write. The
// program, the load and the bare side share two cores.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"time"
)

const (
	cores       = 2  // that all processes share
	connections = 32 // of the load
)

// bench is one run.
type bench struct {
	binary   string
	database string // URL of an empty PostgreSQL database; empty for SQLite
	users    int
	rounds   int
	length   time.Duration // of one side's turn in a round

	folder string // holds every file of the run
	work   string // the data folder of the program while it is measured
	fixed  fixture
	post   []write // what a POST of a user writes
	patch  []write // what a PATCH of active writes
	seenID string  // of the user that was posted and patched then
	rows   []row
}

// measures are the rows of the table, in their order. A new bar is a new line here.
var measures = []struct {
	name string
	run  func(context.Context, *bench) error
}{
	{"get", measureGet},
	{"filter", measureFilter},
	{"post", measurePost},
	{"patch", measurePatch},
	{"link", measureLink},
	{"parse", measureParse},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, only, bare := flags()
	if bare != "" {
		return serveBare(ctx, bare)
	}
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if err := shareCores(); err != nil {
		return err
	}
	if b.folder == "" {
		if b.folder, err = os.MkdirTemp("", "rcbench"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(b.folder) }() // a temporary folder
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	for _, m := range measures {
		if !wanted.MatchString(m.name) {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring", m.name)
		if err := m.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return b.print(os.Stdout)
}

// flags reads the command line: the run, what of it is wanted, and the file of a bare side.
func flags() (b *bench, only, bare string) {
	b = &bench{}
	flag.StringVar(&b.binary, "binary", "bin/rollcall", "program to measure")
	flag.StringVar(&b.database, "database", "", "URL of an empty PostgreSQL database to measure instead of SQLite; writes then have no raw side")
	flag.StringVar(&b.folder, "data", "", "folder that keeps the filled store for the next run, on the disk to measure; empty: a temporary one")
	flag.IntVar(&b.users, "users", 100_000, "users in the store")
	flag.IntVar(&b.rounds, "rounds", 5, "rounds of each metric; the one with the median ratio is printed")
	flag.DurationVar(&b.length, "length", 3*time.Second, "length of one side's turn in a round")
	flag.StringVar(&only, "run", "", "measure only what this regular expression matches of get, filter, post, patch, link, parse")
	flag.StringVar(&bare, "bare", "", "answer every request with the response in this file (the bench starts itself so)")
	quick := flag.Bool("quick", false, "10,000 users and short rounds, for a first look")
	flag.Parse()
	if *quick {
		b.users, b.rounds, b.length = 10_000, 3, time.Second
	}
	return b, only, bare
}

// shareCores gives this process and those that it starts two cores, also on a machine that has more.
func shareCores() error {
	runtime.GOMAXPROCS(cores)
	if runtime.NumCPU() <= cores {
		return os.Setenv("GOMAXPROCS", fmt.Sprint(cores))
	}
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		return fmt.Errorf("this machine has %d cores, and taskset, which would take %d of them, is missing", runtime.NumCPU(), cores)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(taskset, append([]string{"taskset", "-c", "0,1", self}, os.Args[1:]...), os.Environ())
}

// prepare finds out what requests write and makes the filled store.
func (b *bench) prepare(ctx context.Context) (err error) {
	if b.binary, err = filepath.Abs(b.binary); err != nil {
		return err
	}
	if b.folder, err = filepath.Abs(b.folder); err != nil {
		return err
	}
	if err := os.MkdirAll(b.folder, 0o700); err != nil {
		return err
	}
	b.work = filepath.Join(b.folder, "work")
	if b.database != "" {
		return b.fill(ctx, b.work, "")
	}
	schema, err := b.observe(ctx)
	if err != nil {
		return fmt.Errorf("what a request writes: %w", err)
	}
	return b.fillOnce(ctx, schema)
}
