package store

import (
	"context"
	"runtime"
	"sync"
	"syscall"
)

// searchNice is how much the thread of a Search gives way to others (see nice(1)), so that those who read by an index do not
// share the processors with it.
const searchNice = 10

// searches run functions on goroutines that each have a connection and a thread of their own, since only a thread can give way.
type searches struct {
	jobs    chan *search
	closed  <-chan struct{}
	running sync.WaitGroup
}

type search struct {
	run      func(*sqliteConn) error
	returned bool // or else it panicked, or ended its goroutine
	err      error
	cause    any // of a panic
	done     chan struct{}
}

// add adds a connection.
func (s *searches) add(c *sqliteConn) {
	s.running.Add(1)
	go s.serve(c)
}

// serve runs what comes, on c, until the database is closed.
func (s *searches) serve(c *sqliteConn) {
	runtime.LockOSThread() // for ever: a thread that gave way once does not come back
	if runtime.GOOS == "linux" {
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, searchNice) // of this thread; elsewhere it would be of the process
	}
	over := false
	defer func() {
		if !over { // a function ended this goroutine
			go s.serve(c)
			return
		}
		_ = c.close() // it only read
		s.running.Done()
	}()
	for !over {
		select {
		case job := <-s.jobs:
			job.perform(c)
		case <-s.closed:
			over = true
		}
	}
}

// perform runs the function.
func (job *search) perform(c *sqliteConn) {
	defer close(job.done)
	defer func() { job.cause = recover() }()
	job.err = job.run(c)
	job.returned = true
}

// do runs fn on the next connection that is free. Panics and the end of fn's goroutine are the caller's.
func (s *searches) do(ctx context.Context, fn func(*sqliteConn) error) error {
	job := &search{run: fn, done: make(chan struct{})}
	select {
	case s.jobs <- job:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errClosed
	}
	<-job.done
	switch {
	case job.returned:
		return job.err
	case job.cause != nil:
		panic(job.cause)
	}
	runtime.Goexit()
	return nil
}
