// Command bench measures the program against what the machine allows, both sides in the same run and turn by turn, and
// prints a table: what, ours, limit, ratio, bar, held. It owns the load, the other sides and the table; what is measured is the
// real binary, over HTTP and the command line, as a customer sees it, so it imports nothing of ours. `make bench` is its caller;
// a full run ends by writing docs/performance.md.
//
// A read is held against a net/http handler that answers the same bytes. A write is held against 1/(1/bare + 1/raw): bare is
// such a handler, raw a loop that writes to a copy of the same SQLite file what one such request was seen to write. What must
// not grow is held against the program itself, with fewer users or members. The program, the load and the other side share two
// cores.
package main

import (
	"context"
	"errors"
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
	binary    string
	database  string // URL of an empty PostgreSQL database; empty for SQLite
	users     int    // in the store, and members of the large group; the large store has ten times as many, the small one a hundredth
	withLarge bool   // whether the large store is measured
	rounds    int
	length    time.Duration // of one side's turn in a round
	report    string        // file that the table is written to; empty for none
	peers     bool          // whether the peer is measured, and nothing else

	folder string  // holds every file of the run
	work   string  // the data folder of the program while it is measured
	schema string  // of the program's database
	post   []write // what a POST of a user writes
	patch  []write // what a PATCH of active writes
	seenID string  // of the user that was posted and patched then

	fixed, large, small fixture // of the filled stores; without users until they are needed
	newcomers           source  // makes users in the large store that it does not have
	rows                []row
}

// store is what a measure begins with.
type store int

const (
	noStore    store = iota
	usersStore       // b.fixed
	largeStore       // b.large and b.small too
)

// measures are the rows of the table, in their order. A new bar is a new line here.
var measures = []struct {
	name, what string
	run        func(context.Context, *bench) error
	needs      store
	postgres   bool // whether it is measured on PostgreSQL too
}{
	{"get", "GET /Users/{id}", measureGet, usersStore, true},
	{"filter", "GET /Users?filter=userName eq", measureFilter, usersStore, true},
	{"post", "POST /Users", measurePost, usersStore, true},
	{"patch", "PATCH /Users/{id} active", measurePatch, usersStore, true},
	{"members", "a member more in a large group", measureMembers, usersStore, false},
	{"scale", "requests with many users", measureScale, largeStore, false},
	{"cursor", "a page far behind the first", measureCursor, largeStore, false},
	{"scan", "a filter that no index leads to", measureScan, largeStore, false},
	{"replace", "PUT of a large group", measureReplace, usersStore, false},
	{"whole", "GET of a large group", measureWhole, usersStore, false},
	{"sync", "first sync", measureSync, noStore, false},
	{"memory", "memory with many users", measureMemory, largeStore, false},
	{"start", "start with many users", measureStart, largeStore, false},
	{"login", "signing in", measureLogin, usersStore, true},
	{"refuse", "refusing a huge response", measureRefusal, usersStore, true},
	{"link", "requests while a link is worked off", measureLink, usersStore, true},
	{"parse", "parsing a filter", measureParse, noStore, true},
	{"verify", "verifying a response", measureVerify, noStore, false},
	{"session", "whose a session is", measureSession, noStore, false},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() (err error) {
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
	if b.users < 2000 {
		return errors.New("-users: at least 2000, or the small store has too few")
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
	return b.carryOut(ctx, wanted)
}

// carryOut measures what is wanted and publishes what came of it.
func (b *bench) carryOut(ctx context.Context, wanted *regexp.Regexp) error {
	began := time.Now()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	defer b.tidy()
	if b.peers {
		if err := measurePeers(ctx, b); err != nil {
			return err
		}
		return b.publish(os.Stdout, time.Since(began))
	}
	failed := b.measure(ctx, wanted)
	if ctx.Err() != nil {
		return failed
	}
	return errors.Join(failed, b.publish(os.Stdout, time.Since(began)))
}

// measure runs the measures that are wanted. One that fails has a row that says so, and the others run all the same: they took
// long.
func (b *bench) measure(ctx context.Context, wanted *regexp.Regexp) error {
	var failed []error
	for _, m := range measures {
		if !wanted.MatchString(m.name) {
			continue
		}
		switch {
		case b.database != "" && !m.postgres:
			b.add(row{metric: m.what, missing: true, note: "only on SQLite"})
			continue
		case m.needs == largeStore && !b.withLarge:
			b.add(row{metric: m.what, missing: true, note: "-large=false leaves it out"})
			continue
		}
		err := b.need(ctx, m.needs)
		if err == nil {
			fmt.Fprintln(os.Stderr, "measuring", m.name)
			err = m.run(ctx, b)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", m.name, err)
			fmt.Fprintln(os.Stderr, err)
			b.add(row{metric: m.what, missing: true, note: "it failed"})
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

// tidy removes what no later run needs: the copies of the filled stores.
func (b *bench) tidy() {
	for _, data := range []string{b.work, b.workLarge(), b.workSmall(), b.workSync(), b.workRaw()} {
		_ = os.RemoveAll(data) // the next run does it, or says why not
	}
}

// shareCores gives this process and those that it starts two cores, also on a machine that has more.
func shareCores() error {
	runtime.GOMAXPROCS(cores)
	if runtime.NumCPU() <= cores {
		return nil
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

// prepare makes the folders and finds out what requests write.
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
		return nil
	}
	if b.schema, err = b.observe(ctx); err != nil {
		return fmt.Errorf("what a request writes: %w", err)
	}
	return nil
}
