package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// sqliteFile is the name of the database in the data folder.
const sqliteFile = "rollcall.db"

// Memory of the connections, in KiB: the writer's pages stay valid from batch to batch, a reader's only until somebody
// writes, so the readers share what the writer has alone.
const (
	writerCache  = 64 << 10
	readersCache = 64 << 10
)

// sqlite is one file, one connection that writes, and a few that read.
type sqlite struct {
	d     *dialect
	clock clock
	path  string
	lock  *os.File

	writer   *writer
	readers  chan *sqliteConn
	reading  int // readers
	searches *searches
	closed   chan struct{}
}

func openSQLite(folder string, now clock, fault *fault, committed func(int, time.Duration)) (_ *sqlite, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	folder, err = filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	s := &sqlite{
		d: sqliteDialect(), clock: now, path: filepath.Join(folder, sqliteFile), closed: make(chan struct{}),
		readers: make(chan *sqliteConn, max(4, 2*runtime.NumCPU())),
	}
	s.searches = &searches{jobs: make(chan *search), closed: s.closed}
	if s.lock, err = lockFile(filepath.Join(folder, "lock")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := privateFile(s.path); err != nil {
		return nil, err
	}
	c, err := s.connect(setting{"cache_size", fmt.Sprint(-writerCache)})
	if err != nil {
		return nil, err
	}
	s.writer = newWriter(c, s.d, now, fault, committed)
	share := fmt.Sprint(-readersCache / (cap(s.readers) + searchers))
	for n := range cap(s.readers) + searchers {
		if c, err = s.connect(setting{"cache_size", share}, setting{"query_only", "1"}); err != nil {
			return nil, err
		}
		if n < searchers {
			s.searches.add(c)
		} else {
			s.readers <- c
			s.reading++
		}
	}
	return s, nil
}

// privateFile makes the file before SQLite does, which would let others read it. SQLite gives the files beside it the same
// mode.
func privateFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// setting is a pragma and the value that it must have afterwards.
type setting struct{ name, value string }

// durable are the settings of every connection. The writer itself copies the log into the file.
var durable = []setting{
	{"journal_mode", "wal"},
	{"synchronous", "2"}, // FULL
	{"foreign_keys", "1"},
	{"busy_timeout", "5000"},
	{"wal_autocheckpoint", "0"},
	{"journal_size_limit", fmt.Sprint(64 << 20)},
}

// connect opens one connection and refuses it unless every setting reads back as it was made.
func (s *sqlite) connect(more ...setting) (*sqliteConn, error) {
	c, err := openSQLiteConn(s.path, s.d)
	if err != nil {
		return nil, err
	}
	for _, set := range append(durable[:len(durable):len(durable)], more...) {
		var got any
		err := c.script("pragma " + set.name + " = " + set.value)
		if err == nil {
			err = c.row("pragma "+set.name, &got)
		}
		if err == nil && fmt.Sprint(got) != set.value {
			err = fmt.Errorf("%s: SQLite sets %s to %v, not to %s", s.path, set.name, got, set.value)
		}
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

func (s *sqlite) dialect() *dialect { return s.d }

func (s *sqlite) update(ctx context.Context, fn func(*Tx) error) error {
	return s.writer.update(ctx, fn)
}

func (s *sqlite) migrate(ctx context.Context, fn func(*Tx) error) error {
	return s.writer.update(ctx, fn)
}

func (s *sqlite) view(ctx context.Context, fn func(*Tx) error) error {
	c, err := s.borrow(ctx)
	if err != nil {
		return err
	}
	defer func() { s.readers <- c }()
	return s.snapshot(context.WithoutCancel(ctx), c, fn)
}

func (s *sqlite) viewOne(ctx context.Context, fn func(*Tx) error) error {
	c, err := s.borrow(ctx)
	if err != nil {
		return err
	}
	defer func() { s.readers <- c }()
	tx := &Tx{ctx: context.WithoutCancel(ctx), conn: c, d: s.d, now: s.clock(), one: true}
	return tx.call(fn)
}

func (s *sqlite) search(ctx context.Context, fn func(*Tx) error) error {
	return s.searches.do(ctx, func(c *sqliteConn) error { return s.snapshot(ctx, c, fn) })
}

func (s *sqlite) borrow(ctx context.Context) (*sqliteConn, error) {
	select {
	case c := <-s.readers:
		return c, nil
	default:
	}
	select {
	case c := <-s.readers:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.closed:
		return nil, errClosed
	}
}

// snapshot runs fn in a transaction that only reads. Only its own statements end with ctx.
func (s *sqlite) snapshot(ctx context.Context, c *sqliteConn, fn func(*Tx) error) (err error) {
	if err := c.command("begin"); err != nil {
		return s.d.diagnose(err)
	}
	defer func() {
		if e := c.command("rollback"); e != nil && err == nil && !c.autocommit() {
			err = s.d.diagnose(e)
		}
	}()
	tx := &Tx{ctx: ctx, conn: c, d: s.d, now: s.clock()}
	return tx.call(fn)
}

func (s *sqlite) batches() (commits, updates uint64) {
	return s.writer.commits.Load(), s.writer.updates.Load()
}

func (s *sqlite) remembered() *credentials { return &s.writer.remembered }

func (s *sqlite) waiting() int {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	return len(s.writer.queue)
}

// check runs on a connection of its own, for as long as it takes.
func (s *sqlite) check(ctx context.Context) (found []string, err error) {
	c, err := s.connect(setting{"query_only", "1"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	tx := &Tx{ctx: ctx, conn: c, d: s.d}
	err = tx.each("pragma integrity_check", nil, func(scan func(...any) error) error {
		var line string
		if err := scan(&line); err != nil || line == "ok" {
			return err
		}
		found = append(found, "the file is damaged: "+line)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = tx.each("pragma foreign_key_check", nil, func(scan func(...any) error) error {
		var table, parent string
		var row any // null where rows have no number
		var key int
		if err := scan(&table, &row, &parent, &key); err != nil {
			return err
		}
		found = append(found, fmt.Sprintf("row %v of %s names a row of %s that does not exist", row, table, parent))
		return nil
	})
	return found, err
}

// close may be called on a database that is open in part.
func (s *sqlite) close() error {
	close(s.closed)
	var errs []error
	for range s.reading {
		errs = append(errs, (<-s.readers).close())
	}
	s.searches.running.Wait()
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}
