// Package store owns the database: its files, its schema, its transactions and every statement that runs in them, on
// SQLite and on PostgreSQL behind the one type DB. No other package knows SQL.
//
// It leaves to provision what a change means and what follows from it, and to scim and api4 what a resource looks like
// outside. provision calls Update; readers call View, ViewOne for a single statement, and Search where no index helps; login
// calls Token, which is remembered where no other process could change it; cmd opens, migrates and closes.
//
// The engine (how a transaction is made, shared, repeated and answered) stands apart from the nouns: account.go and its
// like hold methods of Tx in terms of exec, add, get and each, and never learn which database they run on.
package store

import (
	"context"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

const (
	// attempts is how often Update runs a function that keeps losing against other writers.
	attempts = 5
	// searchBudget is the time of one Search, from when it has its turn.
	searchBudget = 2 * time.Second
	// searchers is how many Searches run at once.
	searchers = 2
)

// Config says which database to open.
type Config struct {
	Data string           // folder of the SQLite file, its lock and the socket; made with mode 0700 when absent
	URL  string           // postgres://…; empty: SQLite in Data
	Now  func() time.Time // nil: time.Now
	Log  *slog.Logger     // nil: nothing is logged
	// Committed, unless nil, is told after each commit how many Updates it carried and how long it took. It returns at once.
	Committed func(updates int, took time.Duration)
}

// DB is one open database. Its methods may be called from any goroutine.
type DB struct {
	engine engine
	clock  clock
	steps  fs.FS // the migrations
	fault  *fault
	closed atomic.Bool

	searching chan struct{} // one value for each Search that has its turn
	checks    sync.Pool     // of *checkScan
}

// engine is what differs between the databases beyond the dialect. Its errors are those of the function, those of the
// context while waiting, or a *failure.
type engine interface {
	dialect() *dialect
	update(ctx context.Context, fn func(*Tx) error) error
	migrate(ctx context.Context, fn func(*Tx) error) error // update for as long as it takes
	view(ctx context.Context, fn func(*Tx) error) error
	viewOne(ctx context.Context, fn func(*Tx) error) error
	search(ctx context.Context, fn func(*Tx) error) error // ctx ends with the budget
	check(ctx context.Context) ([]string, error)
	batches() (commits, updates uint64)
	remembered() *credentials // nil where other processes change them too
	waiting() int
	close() error
}

// clock gives the time in milliseconds since 1970.
type clock func() int64

// Open opens the database and checks that it keeps what it acknowledges; it does not migrate. A SQLite folder belongs to
// one process at a time: ErrLocked while another has it. Other kinds: Unavailable when PostgreSQL does not answer.
func Open(ctx context.Context, c Config) (*DB, error) {
	now := c.Now
	if now == nil {
		now = time.Now
	}
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	committed := c.Committed
	if committed == nil {
		committed = func(int, time.Duration) {}
	}
	db := &DB{
		clock: func() int64 { return now().UnixMilli() },
		steps: migrations,
		fault: newFault(log),

		searching: make(chan struct{}, searchers),
	}
	var err error
	if c.URL != "" {
		db.engine, err = openPostgres(ctx, c.URL, db.clock, committed)
	} else {
		db.engine, err = openSQLite(c.Data, db.clock, db.fault, committed)
	}
	if err != nil {
		return nil, err
	}
	return db, nil
}

// Close waits for the transactions that have begun, then closes the database and gives up the lock.
func (db *DB) Close() error {
	if db.closed.Swap(true) {
		return nil
	}
	return db.engine.close()
}

// Now is the time of the clock that the store uses, to the millisecond, in UTC.
func (db *DB) Now() time.Time { return time.UnixMilli(db.clock()).UTC() }

// Update runs fn in a transaction that is on disk when Update returns nil, and has left no trace when it returns an error
// of any kind but Unavailable. fn runs on the caller's goroutine and may run several times, so it sets variables outside
// itself and does nothing else there; it uses its Tx alone, never the DB, and waits for nothing. If fn panics, the panic is
// the caller's and nothing of fn stays.
//
// ctx counts only until fn begins; ended before that, its error is returned. Kinds: Full when the disk holds no more;
// Conflict when fn met five times a value that must be unique and is taken; Unavailable when the database is out of reach,
// lost too many races, or had an I/O error (see Err). Unavailable alone leaves open whether the change was made, where the
// connection ended during the commit.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	return repeat(ctx, func() error {
		if err := db.usable(); err != nil {
			return err
		}
		return db.engine.update(ctx, fn)
	})
}

// View runs fn on one snapshot of the database, in which nothing can be written. ctx counts while View waits for a free
// connection, not after. fn uses its Tx alone. Kind: Unavailable.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	if db.closed.Load() {
		return errClosed
	}
	err := db.engine.view(ctx, fn)
	db.fault.note(err)
	return err
}

// ViewOne is View for a function that runs one statement, which is a snapshot of its own: nothing has to begin or to end. A second
// statement is an error. ctx counts as in View. Kind: Unavailable.
func (db *DB) ViewOne(ctx context.Context, fn func(*Tx) error) error {
	if db.closed.Load() {
		return errClosed
	}
	err := db.engine.viewOne(ctx, fn)
	db.fault.note(err)
	return err
}

// Search is View for queries that no index helps. They have connections of their own, so that no other read waits behind
// them, and two run at once. Each has 2 s from when it has its turn, after which the kind is Limit. When ctx ends first, its error
// is returned. Who may wait, and how many, is the caller's.
func (db *DB) Search(ctx context.Context, fn func(*Tx) error) error {
	if db.closed.Load() {
		return errClosed
	}
	select {
	case db.searching <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-db.searching }()
	if db.closed.Load() {
		return errClosed
	}
	limited, cancel := context.WithTimeout(ctx, searchBudget)
	defer cancel()
	err := db.engine.search(limited, fn)
	db.fault.note(err)
	switch {
	case err == nil || limited.Err() == nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return errBudget
}

// Err is the I/O error after which the database takes no more writes, or nil. It never goes away: what the disk then holds
// is known only after a restart.
func (db *DB) Err() error { return db.fault.get() }

// Done is closed when Err becomes an error.
func (db *DB) Done() <-chan struct{} { return db.fault.done }

// Batches counts the commits so far and the Updates that they carried.
func (db *DB) Batches() (commits, updates uint64) { return db.engine.batches() }

// Waiting is how many wait now: on SQLite Updates, for their turn; on PostgreSQL Updates and reads, for a connection.
func (db *DB) Waiting() int { return db.engine.waiting() }

// Check looks for damage and returns what it found, one sentence each; nothing found is no error. It reads the whole file of SQLite,
// for as long as that takes, while others go on; of PostgreSQL it asks what the server knows. ctx ends it on SQLite, and
// counts as in View on PostgreSQL. Kind: Unavailable.
func (db *DB) Check(ctx context.Context) ([]string, error) {
	if db.closed.Load() {
		return nil, errClosed
	}
	return db.engine.check(ctx)
}

func (db *DB) usable() error {
	if db.closed.Load() {
		return errClosed
	}
	return db.fault.get()
}

// repeat runs try until its outcome does not deserve another run, with pauses that grow and differ.
func repeat(ctx context.Context, try func() error) error {
	for attempt := 1; ; attempt++ {
		err := try()
		f, ok := err.(*failure)
		if !ok || !f.again() || attempt == attempts {
			return err
		}
		select {
		case <-time.After(rand.N(4 * time.Millisecond << attempt)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var (
	errClosed = directory.Errorf(directory.Unavailable, "", "the database is closed")
	errBudget = directory.Errorf(directory.Limit, "", "the query takes longer than %s; narrow it", searchBudget)
)
