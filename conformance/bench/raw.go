package main

import (
	"context"
	"database/sql"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const (
	group = 32 // requests that share a commit on the raw side
	seen  = 2  // number of the user whose requests were observed
)

// raw writes to a SQLite file what requests were seen to write, as fast as one connection can.
type raw struct {
	db    *sql.DB
	conn  *sql.Conn
	begin *sql.Stmt
	end   *sql.Stmt
	steps []step

	turn   int                   // of the next request
	target func(turn int) user   // that the request is about
	names  func(u user) []string // old and new, by turns: what stands for the observed user stands for u
}

// step is a write, prepared.
type step struct {
	write
	stmt *sql.Stmt
}

// user is the target of a request: its row number is zero if the request makes it.
type user struct {
	number int
	id     string
	row    int64
}

// openRaw opens a copy of the filled store for a loop of writes. target says whom the n-th request is about.
func (b *bench) openRaw(ctx context.Context, writes []write, target func(*sql.DB) (func(turn int) user, error)) (r *raw, err error) {
	if err := copyStore(b.filled(b.users), b.workRaw()); err != nil {
		return nil, err
	}
	// As the program has it, but that SQLite copies the log into the file itself, at its default of 1,000 pages.
	db, err := openFile(filepath.Join(b.workRaw(), "rollcall.db"), "_journal_mode", "wal", "_synchronous", "full",
		"_foreign_keys", "1", "_cache_size", "-65536", "_busy_timeout", "5000")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	r = &raw{db: db, names: b.rename(writes)}
	if r.target, err = target(db); err != nil {
		return nil, err
	}
	if r.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	if r.begin, err = r.conn.PrepareContext(ctx, "begin immediate"); err != nil {
		return nil, err
	}
	if r.end, err = r.conn.PrepareContext(ctx, "commit"); err != nil {
		return nil, err
	}
	for _, w := range writes {
		stmt, err := r.conn.PrepareContext(ctx, w.statement())
		if err != nil {
			return nil, err
		}
		r.steps = append(r.steps, step{w, stmt})
	}
	return r, nil
}

func (r *raw) close() error { return errors.Join(r.conn.Close(), r.db.Close()) }

func (w *write) statement() string {
	if w.added {
		return `insert into "` + w.table + `" (` + strings.Join(w.columns, ", ") + `) values (?` + strings.Repeat(", ?", len(w.columns)-1) + `)`
	}
	return `update "` + w.table + `" set ` + strings.Join(w.columns, " = ?, ") + ` = ? where rowid = ?`
}

// run writes for a while and returns how many requests' worth it wrote a second. Only the transactions count, not what is made
// up for them.
func (r *raw) run(ctx context.Context, length time.Duration) (float64, error) {
	var (
		spent time.Duration
		done  int
	)
	for spent < length && ctx.Err() == nil {
		var work [group][][]any
		for i := range work {
			work[i] = r.values()
		}
		began := time.Now()
		if err := r.commit(ctx, work[:]); err != nil {
			return 0, err
		}
		spent += time.Since(began)
		done += group
	}
	return float64(done) / spent.Seconds(), ctx.Err()
}

// values makes the values of all steps for the next request.
func (r *raw) values() [][]any {
	u := r.target(r.turn)
	r.turn++
	replacer := strings.NewReplacer(r.names(u)...)
	all := make([][]any, len(r.steps))
	for i, s := range r.steps {
		for _, v := range s.write.values {
			if text, ok := v.(string); ok {
				v = replacer.Replace(text)
			}
			all[i] = append(all[i], v)
		}
		if !s.added {
			all[i] = append(all[i], u.row)
		}
	}
	return all
}

func (r *raw) commit(ctx context.Context, work [][][]any) error {
	if _, err := r.begin.ExecContext(ctx); err != nil {
		return err
	}
	for _, values := range work {
		added := map[string]int64{}
		for i, s := range r.steps {
			for at, parent := range s.refs {
				values[i][at] = added[parent]
			}
			done, err := s.stmt.ExecContext(ctx, values[i]...)
			if err != nil {
				return fmt.Errorf("%s: %w", s.table, err)
			}
			if n, err := done.RowsAffected(); err != nil || n != 1 {
				return fmt.Errorf("%s: %d rows written, want 1: %w", s.table, n, err)
			}
			if s.added {
				added[s.table], _ = done.LastInsertId() // this driver knows it
			}
		}
	}
	_, err := r.end.ExecContext(ctx)
	return err
}

var identifier = regexp.MustCompile(`\b[0-9a-v]{26}\b`)

// rename returns what has to be replaced in the values of writes that were observed of one user so that they are those of
// another: its name, its id, and the identifiers that were new in them.
func (b *bench) rename(writes []write) func(u user) []string {
	var fresh []string
	for _, w := range writes {
		for _, v := range w.values {
			if text, ok := v.(string); ok && w.added {
				for _, id := range identifier.FindAllString(text, -1) {
					if id != b.seenID {
						fresh = append(fresh, id)
					}
				}
			}
		}
	}
	return func(u user) []string {
		if u.id == "" {
			u.id = newID()
		}
		names := []string{name(seen), name(u.number), b.seenID, u.id}
		for _, id := range fresh {
			names = append(names, id, newID())
		}
		return names
	}
}

var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// newID makes an identifier of the program's form: it begins with the time, so that it lands at the end of an index.
func newID() string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	binary.BigEndian.PutUint64(id[:8], uint64(time.Now().UnixMilli())<<16|rand.Uint64N(1<<16))
	return idEncoding.EncodeToString(id[:])
}

// newUsers are the targets of POSTs.
func (b *bench) newUsers(*sql.DB) (func(int) user, error) {
	return func(turn int) user { return user{number: b.users + 1 + turn} }, nil
}

// oldUsers are the targets of PATCHes, in the order in which the load patches them.
func (b *bench) oldUsers(db *sql.DB) (func(int) user, error) {
	rows, err := query(db, `select id, row_id from identity`)
	if err != nil {
		return nil, err
	}
	numbers := map[string]int64{}
	for _, row := range rows {
		numbers[row[0].(string)] = row[1].(int64)
	}
	order := order(b.users)
	return func(turn int) user {
		n := order[turn%b.users]
		return user{number: n + 1, id: b.fixed.IDs[n], row: numbers[b.fixed.IDs[n]]}
	}, nil
}
