package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

const (
	// lockPatience is how long a command waits while another command, or a server at its start or end, has the folder.
	lockPatience = 5 * time.Second
	// pollTime is the time between two looks at something that somebody else does.
	pollTime = 50 * time.Millisecond
	// quiet is how long a command works before it tells how far it is, and between two times that it tells.
	quiet = 2 * time.Second
)

// do makes the function of a command that works on the database: its own, or in the server that has it.
func (a *app) do(fn func(*call) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		if !a.serving {
			conn, err := a.open(ctx, nil, false)
			if err != nil {
				return err
			}
			if conn != nil {
				return forward(ctx, conn, request{Args: words(cmd, args), Place: a.place, Input: a.input}, a.stdout, a.stderr)
			}
			if err := a.checkSchema(ctx); err != nil {
				return errors.Join(err, a.db.Close())
			}
			a.service = provision.New(a.db, slog.New(slog.DiscardHandler))
		}
		err := fn(&call{app: a, ctx: ctx, args: args, actor: a.actor()})
		if !a.serving {
			err = errors.Join(err, a.db.Close())
		}
		return err
	}
}

// actor is who typed the command.
func (a *app) actor() directory.Actor {
	return directory.Actor{Name: "cli:" + cmp.Or(a.user, me()), Request: directory.NewID[string](a.db.Now())}
}

// open opens the database. While a server has it, it returns a connection to the server's socket instead. It makes no files
// unless begin is set.
func (a *app) open(ctx context.Context, log *slog.Logger, begin bool) (net.Conn, error) {
	if err := a.checkPlace(begin); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(lockPatience); ; {
		db, err := store.Open(ctx, store.Config{Data: a.data, URL: a.database, Log: log, Committed: a.committed})
		if err == nil {
			a.db = db
			return nil, nil
		}
		if !errors.Is(err, store.ErrLocked) {
			return nil, a.unopened(err)
		}
		if conn, err := net.Dial("unix", a.socket()); err == nil {
			return conn, nil
		}
		if time.Now().After(deadline) {
			return nil, &complaint{failed, "another process has " + a.data + " and does not answer", "end it and type this again"}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pollTime):
		}
	}
}

// checkSchema refuses a database that is not of this program, and one that is empty.
func (a *app) checkSchema(ctx context.Context) error {
	have, want, err := a.db.SchemaVersion(ctx)
	switch {
	case err != nil || have == want:
		return err
	case have > want:
		return tooNew(have, want)
	case have > 0:
		return &complaint{failed, "the database is that of an older program", "type rollcall db migrate, or start the server"}
	}
	return a.noDatabase()
}

func tooNew(have, want int) error {
	return &complaint{
		failed, "the database has version " + strconv.Itoa(have) + " and this program knows " + strconv.Itoa(want), "use a newer program",
	}
}

// finish sees to the work that a change left behind: does it, or waits for the server to have done it.
func (c *call) finish() error {
	if c.noWait {
		return nil
	}
	tell := c.progress()
	if !c.serving {
		return c.service.FinishTasks(c.ctx, tell)
	}
	for {
		var waiting, done int64
		err := c.db.View(c.ctx, func(tx *store.Tx) (err error) {
			waiting, done, err = tx.Tasks()
			return err
		})
		if err != nil || waiting == 0 {
			return err
		}
		tell(done)
		select {
		case <-c.ctx.Done():
			return c.ctx.Err()
		case <-time.After(pollTime):
		}
	}
}

// progress tells now and then how many accounts were settled.
func (a *app) progress() func(done int64) {
	told := time.Now()
	return func(done int64) {
		if time.Since(told) > quiet {
			told = time.Now()
			a.note("settling memberships: %s accounts", thousands(done))
		}
	}
}
