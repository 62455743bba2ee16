package store

import (
	"context"
	"sync"
	"sync/atomic"
)

const (
	// logPages of 4 KiB in the log make the keeper copy them into the file.
	logPages = 4000
	// tailPages may be left to copy when the keeper asks the writers to wait.
	tailPages = 400
)

// keeper copies the log of a SQLite file into the file. SQLite would do it within a commit, where 32 callers wait for it,
// and would keep an I/O error that it meets there to itself.
type keeper struct {
	c      *sqliteConn
	writer *writer
	fault  *fault
	limit  atomic.Int64 // pages in the log that wake it
	wake   chan struct{}
	wg     sync.WaitGroup
}

func newKeeper(c *sqliteConn, w *writer, fault *fault) *keeper {
	k := &keeper{c: c, writer: w, fault: fault, wake: make(chan struct{}, 1)}
	k.limit.Store(logPages)
	w.committed = k.committed
	k.wg.Go(k.run)
	return k
}

// committed looks at the log after a commit, with the writer's turn.
func (k *keeper) committed() {
	log, err := checkpoint(k.writer.c, "noop")
	if err != nil || log.pages < k.limit.Load() {
		return
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) run() {
	for range k.wake {
		err := k.copy()
		if err != nil {
			k.fault.note(k.writer.d.diagnose(err))
		}
	}
}

// copy empties the log: most of it while others write, the rest between two commits, so that the next begins at its front.
// Readers of an old snapshot may stand in the way; then the log grows by another logPages before the next try.
func (k *keeper) copy() error {
	for range 4 {
		log, err := checkpoint(k.c, "passive")
		if err != nil {
			return err
		}
		if log, err = checkpoint(k.c, "noop"); err != nil {
			return err
		}
		if log.pages-log.copied <= tailPages {
			break
		}
	}
	var log logState
	var err error
	k.writer.between(func() { log, err = checkpoint(k.c, "restart") })
	if log.busy {
		k.limit.Store(log.pages + logPages)
	} else {
		k.limit.Store(logPages)
	}
	return err
}

// close must come before that of the writer.
func (k *keeper) close() error {
	k.writer.between(func() { k.writer.committed = func() {} })
	close(k.wake)
	k.wg.Wait()
	return k.c.close()
}

// logState is what SQLite says of its log.
type logState struct {
	busy          bool
	pages, copied int64
}

func checkpoint(c *sqliteConn, mode string) (s logState, err error) {
	stmt, err := c.prepared("pragma wal_checkpoint(" + mode + ")")
	if err != nil {
		return s, err
	}
	err = stmt.QueryRowContext(context.Background()).Scan(&s.busy, &s.pages, &s.copied)
	return s, err
}
