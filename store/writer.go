package store

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxBatch is how many functions share a commit.
	maxBatch = 32
	// maxOpen is the age at which a transaction takes in nobody else, so that one long function does not make 31 wait twice.
	maxOpen = 10 * time.Millisecond
	// logPages of 4 KiB in the log are copied into the file.
	logPages = 1000
)

// writer lets the Updates of a SQLite file take turns on its one writing connection, in the order in which they came. Each
// runs its function on its own goroutine, in a savepoint of the transaction that is open; if somebody waits, it leaves the
// transaction open for them, else it commits for all who took part. Nobody is answered before the commit.
type writer struct {
	c     *sqliteConn
	d     *dialect
	clock clock
	fault *fault

	mu    sync.Mutex
	taken bool // somebody has the turn
	queue []*turn

	// What follows belongs to whoever has the turn.
	batch  []*turn // their functions succeeded in the open transaction
	runs   int     // functions begun in the open transaction; 0: none is open
	alone  bool    // the open transaction is for one
	opened time.Time
	forget bool // remembered counts no more after the open transaction
	closed bool

	remembered credentials // tokens that were looked up

	commits, updates atomic.Uint64
	committed        func(updates int, took time.Duration)
}

// turn is one Update that waits, first to run and then for the commit.
type turn struct {
	alone bool // shares its transaction with nobody
	begin chan struct{}
	done  chan outcome
}

// outcome is what a commit came to for one of those who took part.
type outcome struct {
	again bool // it was lost through no fault of theirs
	err   error
}

func newWriter(c *sqliteConn, d *dialect, now clock, fault *fault, committed func(int, time.Duration)) *writer {
	return &writer{c: c, d: d, clock: now, fault: fault, committed: committed}
}

// update runs fn until it is committed or has itself to blame. Whoever lost a shared transaction runs again alone, so that
// the next failure is his own.
func (w *writer) update(ctx context.Context, fn func(*Tx) error) error {
	for alone := false; ; alone = true {
		t := &turn{alone: alone, begin: make(chan struct{}, 1), done: make(chan outcome, 1)}
		if err := w.enter(ctx, t); err != nil {
			return err
		}
		if err := w.take(ctx, t, fn); err != nil {
			return err
		}
		if o := <-t.done; !o.again {
			return o.err
		}
	}
}

// enter returns nil when t has the turn. This is the only place where ctx counts.
func (w *writer) enter(ctx context.Context, t *turn) error {
	w.mu.Lock()
	if w.taken {
		w.queue = append(w.queue, t)
		w.mu.Unlock()
		select {
		case <-t.begin:
		case <-ctx.Done():
			if w.withdraw(t) {
				return ctx.Err()
			}
			<-t.begin
		}
	} else {
		w.taken = true
		w.mu.Unlock()
	}
	err := ctx.Err()
	if err == nil {
		err = w.fault.get()
	}
	if err == nil && w.closed {
		err = errClosed
	}
	if err != nil {
		w.pass()
	}
	return err
}

// withdraw takes t out of the queue unless it has been given the turn.
func (w *writer) withdraw(t *turn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.queue, t)
	if i < 0 {
		return false
	}
	w.queue = slices.Delete(w.queue, i, i+1)
	return true
}

// take runs fn and passes the turn on, also when fn panics or ends its goroutine. With nil, t is answered on t.done.
func (w *writer) take(ctx context.Context, t *turn, fn func(*Tx) error) (err error) {
	defer w.pass()
	kept := false
	defer func() {
		w.fault.note(err)
		if !kept {
			w.undo()
		}
	}()
	if err := w.savepoint(t); err != nil {
		return err
	}
	tx := &Tx{ctx: context.WithoutCancel(ctx), conn: w.c, d: w.d, now: w.clock()}
	if err := tx.call(fn); err != nil {
		return err
	}
	// It fails if fn, or SQLite, ended the transaction.
	if err := w.c.command("release fn"); err != nil {
		return w.d.diagnose(err)
	}
	w.batch = append(w.batch, t)
	w.forget = w.forget || tx.forget
	kept = true
	return nil
}

func (w *writer) savepoint(t *turn) error {
	if w.runs == 0 {
		if err := w.c.command("begin immediate"); err != nil {
			return w.d.diagnose(err)
		}
		w.opened, w.alone = time.Now(), t.alone
	}
	w.runs++
	if err := w.c.command("savepoint fn"); err != nil {
		return w.d.diagnose(err)
	}
	return nil
}

// undo takes back one function. On some errors SQLite has rolled back the whole transaction; then all is lost.
func (w *writer) undo() {
	if w.runs == 0 {
		return
	}
	err := w.c.command("rollback to fn")
	if err == nil {
		err = w.c.command("release fn")
	}
	if err != nil || w.c.autocommit() {
		w.lose(outcome{again: true})
	}
}

// pass commits, unless the next may join the open transaction, and gives the turn to the next.
func (w *writer) pass() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.runs > 0 && !w.joins() {
		w.mu.Unlock()
		w.commit()
		w.mu.Lock()
	}
	if len(w.queue) == 0 {
		w.taken = false
		return
	}
	next := w.queue[0]
	w.queue = slices.Delete(w.queue, 0, 1)
	next.begin <- struct{}{}
}

func (w *writer) joins() bool {
	return len(w.queue) > 0 && !w.queue[0].alone && !w.alone && w.runs < maxBatch && time.Since(w.opened) < maxOpen
}

// commit answers all who took part.
func (w *writer) commit() {
	if err := w.fault.get(); err != nil {
		w.lose(outcome{err: err})
		return
	}
	begin := time.Now()
	if err := w.c.command("commit"); err != nil {
		f := w.d.diagnose(err)
		w.fault.note(f)
		if len(w.batch) > 1 && f.trouble != diskBroken {
			w.lose(outcome{again: true})
		} else {
			w.lose(outcome{err: f})
		}
		return
	}
	if w.forget {
		w.remembered.forget()
	}
	if len(w.batch) > 0 {
		w.commits.Add(1)
		w.updates.Add(uint64(len(w.batch)))
		w.committed(len(w.batch), time.Since(begin))
	}
	w.answer(outcome{})
	w.checkpoint()
}

// checkpoint copies the log into the file when it has grown. SQLite would do so within the commit, before anybody is
// answered, and would keep an error of the disk to itself. A full disk is none: the log stays, the next commit tries again.
func (w *writer) checkpoint() {
	log, err := w.c.log("noop")
	if err == nil && log.pages >= logPages {
		log, err = w.c.log("passive")
	}
	if err != nil {
		w.fault.note(w.d.diagnose(err))
	}
}

// lose gives up the open transaction, if SQLite has not done so.
func (w *writer) lose(o outcome) {
	if !w.c.autocommit() {
		if err := w.c.command("rollback"); err != nil {
			w.fault.note(&failure{diskBroken, err})
		}
	}
	w.answer(o)
}

func (w *writer) answer(o outcome) {
	for _, t := range w.batch {
		t.done <- o
	}
	w.batch, w.runs, w.forget = w.batch[:0], 0, false
}

// between runs f while no transaction is open and nobody writes.
func (w *writer) between(f func()) {
	t := &turn{alone: true, begin: make(chan struct{}, 1)}
	w.mu.Lock()
	if w.taken {
		w.queue = append(w.queue, t)
		w.mu.Unlock()
		<-t.begin
	} else {
		w.taken = true
		w.mu.Unlock()
	}
	defer w.pass()
	f()
}

// close waits for those who have the turn or wait for it to be refused.
func (w *writer) close() (err error) {
	w.between(func() {
		w.closed = true
		err = w.c.close()
	})
	return err
}
