package store

import (
	"log/slog"
	"sync"

	"github.com/rollcall-id/rollcall/directory"
)

// trouble is what an error of the database means for the function that met it.
type trouble uint8

const (
	mistake    trouble = iota // a statement is wrong, or a constraint that nobody should meet: an internal error
	lostRace                  // others were quicker, or the connection is gone before the commit: run again
	valueTaken                // a value that must be unique was written meanwhile: run again
	diskFull                  // the disk holds no more
	diskBroken                // the disk does not keep what it is given: the end of all writes
	outOfReach                // out of reach, or too busy
)

// meanings are the troubles as callers see them. A mistake has none: its text never leaves the process.
var meanings = [...]*directory.Error{
	lostRace:   directory.Errorf(directory.Unavailable, "", "too many changes at once; try again"),
	valueTaken: directory.Errorf(directory.Conflict, "", "a value that must be unique is taken"),
	diskFull:   directory.Errorf(directory.Full, "", "the disk is full"),
	diskBroken: directory.Errorf(directory.Unavailable, "", "the disk reported an error"),
	outOfReach: directory.Errorf(directory.Unavailable, "", "the database is out of reach; try again"),
}

// failure is an error of the database. For callers it is a *directory.Error, for the log it also holds the cause.
type failure struct {
	trouble trouble
	cause   error
}

func (f *failure) Error() string {
	if m := meanings[f.trouble]; m != nil {
		return m.Msg + ": " + f.cause.Error()
	}
	return f.cause.Error()
}

func (f *failure) Unwrap() []error {
	if m := meanings[f.trouble]; m != nil {
		return []error{m, f.cause}
	}
	return []error{f.cause}
}

// again says whether the function deserves another run. An expected collision never comes here, because its statement says
// "on conflict do nothing"; the unexpected one is a race that a fresh look at the database decides.
func (f *failure) again() bool { return f.trouble == lostRace || f.trouble == valueTaken }

// fault is the first I/O error of a database and the end of its writes. SQLite itself would go on committing after a
// failed fsync, although the pages that the kernel dropped are not on disk.
type fault struct {
	log  *slog.Logger
	once sync.Once
	err  error // set before done is closed
	done chan struct{}
}

func newFault(log *slog.Logger) *fault { return &fault{log: log, done: make(chan struct{})} }

// note keeps err if it says that the disk is broken.
func (f *fault) note(err error) {
	if e, ok := err.(*failure); ok && e.trouble == diskBroken {
		f.once.Do(func() {
			f.err = err
			close(f.done)
			f.log.Error("the database takes no more writes", "error", err)
		})
	}
}

func (f *fault) get() error {
	select {
	case <-f.done:
		return f.err
	default:
		return nil
	}
}
