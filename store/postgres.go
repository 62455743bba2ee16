package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rollcall-id/rollcall/directory"
)

const (
	// postgresPatience bounds one transaction, so that a connection whose other end is gone does not hold its caller for ever.
	postgresPatience = 30 * time.Second
	// postgresIdle is how long a connection is kept that nobody needs.
	postgresIdle = 5 * time.Minute
)

// postgres is one database on a server that others use too.
type postgres struct {
	d         *dialect
	clock     clock
	pool      *sql.DB
	commits   atomic.Uint64
	queue     atomic.Int64 // how many wait for a connection
	committed func(updates int, took time.Duration)
}

func openPostgres(ctx context.Context, url string, now clock, committed func(int, time.Duration)) (*postgres, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, directory.Errorf(directory.Invalid, "database", "the address of the database is not valid") // err quotes it
	}
	if config.ConnectTimeout == 0 || config.ConnectTimeout > 5*time.Second {
		config.ConnectTimeout = 5 * time.Second
	}
	for name, value := range map[string]string{
		"application_name":                    "rollcall",
		"jit":                                 "off", // compiling a recursive query takes seconds, running it a millisecond
		"statement_timeout":                   fmt.Sprint(postgresPatience.Milliseconds()),
		"lock_timeout":                        "10000",
		"idle_in_transaction_session_timeout": "60000",
	} {
		if _, ok := config.RuntimeParams[name]; !ok {
			config.RuntimeParams[name] = value
		}
	}
	p := &postgres{
		d: postgresDialect(), clock: now, pool: stdlib.OpenDB(*config), committed: committed,
	}
	size := min(max(16, 4*runtime.GOMAXPROCS(0)), 48)
	p.pool.SetMaxOpenConns(size)
	p.pool.SetMaxIdleConns(size)
	p.pool.SetConnMaxIdleTime(postgresIdle)
	if err := p.verify(ctx); err != nil {
		return nil, errors.Join(err, p.pool.Close())
	}
	return p, nil
}

// verify refuses a server that loses what it acknowledges, or that reads our texts otherwise than SQLite.
func (p *postgres) verify(ctx context.Context) error {
	var encoding, commit string
	err := p.pool.QueryRowContext(ctx, "select current_setting('server_encoding'), current_setting('synchronous_commit')").
		Scan(&encoding, &commit)
	if err != nil {
		return &failure{outOfReach, err}
	}
	if encoding != "UTF8" {
		return directory.Errorf(directory.Invalid, "database", "its encoding is %s; make one with UTF8", encoding)
	}
	if commit == "off" {
		return directory.Errorf(directory.Invalid, "database", "synchronous_commit is off; commits would be lost in a crash")
	}
	return nil
}

func (p *postgres) dialect() *dialect { return p.d }

func (p *postgres) update(ctx context.Context, fn func(*Tx) error) error {
	run, cancel := context.WithTimeout(context.WithoutCancel(ctx), postgresPatience)
	defer cancel()
	return p.transaction(ctx, run, sql.LevelReadCommitted, fn)
}

func (p *postgres) migrate(ctx context.Context, fn func(*Tx) error) error {
	return p.transaction(ctx, context.WithoutCancel(ctx), sql.LevelReadCommitted, fn)
}

func (p *postgres) view(ctx context.Context, fn func(*Tx) error) error {
	run, cancel := context.WithTimeout(context.WithoutCancel(ctx), postgresPatience)
	defer cancel()
	return p.read(ctx, run, fn)
}

func (p *postgres) viewOne(ctx context.Context, fn func(*Tx) error) error {
	run, cancel := context.WithTimeout(context.WithoutCancel(ctx), postgresPatience)
	defer cancel()
	return repeat(ctx, func() error {
		conn, err := p.conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }() // which only gives it back
		tx := &Tx{ctx: run, conn: postgresTx{conn, p.d}, d: p.d, now: p.clock(), one: true}
		err = tx.call(fn)
		if f, ok := err.(*failure); ok {
			return lost(run, conn, f)
		}
		return err
	})
}

// conn takes a connection from the pool. Who waits for one is counted.
func (p *postgres) conn(wait context.Context) (*sql.Conn, error) {
	p.queue.Add(1)
	defer p.queue.Add(-1)
	conn, err := p.pool.Conn(wait)
	if err == nil {
		return conn, nil
	}
	if wait.Err() != nil {
		return nil, wait.Err()
	}
	return nil, &failure{lostRace, err}
}

func (p *postgres) search(ctx context.Context, fn func(*Tx) error) error {
	return p.read(ctx, ctx, fn)
}

// read tries again when the connection from the pool turns out to be dead.
func (p *postgres) read(wait, run context.Context, fn func(*Tx) error) error {
	return repeat(wait, func() error { return p.transaction(wait, run, sql.LevelRepeatableRead, fn) })
}

// transaction runs fn once. wait counts until there is a connection, run from then on.
func (p *postgres) transaction(wait, run context.Context, level sql.IsolationLevel, fn func(*Tx) error) error {
	conn, err := p.conn(wait)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // which only gives it back
	raw, err := conn.BeginTx(run, &sql.TxOptions{Isolation: level, ReadOnly: level == sql.LevelRepeatableRead})
	if err != nil {
		return lost(run, conn, p.d.diagnose(err))
	}
	done := false
	defer func() {
		if !done {
			_ = raw.Rollback() // a connection that cannot is closed, which rolls back too
		}
	}()
	tx := &Tx{ctx: run, conn: postgresTx{raw, p.d}, d: p.d, now: p.clock()}
	if err := tx.call(fn); err != nil {
		if f, ok := err.(*failure); ok {
			return lost(run, conn, f)
		}
		return err
	}
	done = true
	begin := time.Now()
	err = p.commit(conn, raw)
	if err == nil && level == sql.LevelReadCommitted {
		p.commits.Add(1)
		p.committed(1, time.Since(begin))
	}
	return err
}

// postgresTx is a transaction, or a connection without one, as a runner.
type postgresTx struct {
	on interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
	d *dialect
}

func (tx postgresTx) exec(ctx context.Context, query string, args []any) (row, affected int64, err error) {
	res, err := tx.on.ExecContext(ctx, tx.d.rewrite(query), arrays(args)...)
	if err == nil {
		affected, err = res.RowsAffected()
	}
	return 0, affected, err
}

func (tx postgresTx) query(ctx context.Context, query string, args []any) (rows, error) {
	r, err := tx.on.QueryContext(ctx, tx.d.rewrite(query), arrays(args)...)
	if err != nil {
		return nil, err // and not r, which would be a nil pointer in it
	}
	return r, nil
}

// arrays writes lists of rows as PostgreSQL does.
func arrays(args []any) []any {
	for i, arg := range args {
		if rows, ok := arg.(rowList); ok {
			args = slices.Clone(args)
			args[i] = strings.NewReplacer("[", "{", "]", "}").Replace(string(rows))
		}
	}
	return args
}

// lost lets fn run again where the connection ended before the commit, but not because time was up.
func lost(run context.Context, conn *sql.Conn, f *failure) error {
	if run.Err() == nil && (f.trouble == mistake || f.trouble == outOfReach) && closed(conn) {
		return &failure{lostRace, f.cause}
	}
	return f
}

func closed(conn *sql.Conn) bool {
	gone := false
	err := conn.Raw(func(c any) error { // an ErrBadConn out of here would wait for the end of the transaction
		gone = c.(*stdlib.Conn).Conn().IsClosed()
		return nil
	})
	return gone || err != nil
}

// commit never says nil unless the server did. When the connection ends here, nobody knows whether the change was made, so
// fn must not run again.
func (p *postgres) commit(conn *sql.Conn, raw *sql.Tx) error {
	err := raw.Commit()
	if err == nil {
		return nil
	}
	f := p.d.diagnose(err)
	if f.trouble == mistake && closed(conn) {
		f.trouble = outOfReach
	}
	return f
}

func (p *postgres) batches() (commits, updates uint64) {
	n := p.commits.Load()
	return n, n
}

func (p *postgres) remembered() *credentials { return nil }
func (p *postgres) waiting() int             { return int(p.queue.Load()) }

// check asks for what PostgreSQL itself knows to be unsound.
func (p *postgres) check(ctx context.Context) (found []string, err error) {
	err = p.view(ctx, func(tx *Tx) error {
		found = nil
		return tx.each(`
			select 'index ' || i.indexrelid::regclass || ' is not valid' from pg_index i
				join pg_class c on c.oid = i.indexrelid
				where not i.indisvalid and c.relnamespace = current_schema()::regnamespace
			union all
			select 'constraint ' || conname || ' of ' || conrelid::regclass || ' is not validated' from pg_constraint
				where not convalidated and connamespace = current_schema()::regnamespace
			union all
			select 'the server found ' || checksum_failures || ' damaged pages' from pg_stat_database
				where datname = current_database() and checksum_failures > 0`, nil,
			func(scan func(...any) error) error {
				var line string
				if err := scan(&line); err != nil {
					return err
				}
				found = append(found, line)
				return nil
			})
	})
	return found, err
}

func (p *postgres) close() error { return p.pool.Close() }
