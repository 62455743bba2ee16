// Command rollcall is the server and the tool of its administrator. It owns configuration, wiring, signals and the forms of
// the commands; what a change means and what follows from it is provision's, what there is store's, and what comes in over
// HTTP the doors'.
//
// A command opens the database itself. While a server has the data folder, it sends its words over the socket in the folder
// instead, and the server runs them as the command would have.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

func main() { os.Exit(start()) }

func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	a := app{program: os.Args[0], env: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	return a.execute(ctx, os.Args[1:])
}

// app is one run of the program, in its own process or, for a client, in the server.
type app struct {
	program        string   // as it was called
	env            []string // of which ROLLCALL_* counts
	stdin          io.Reader
	stdout, stderr io.Writer
	input          []byte // the file that the command reads, if it reads one

	data, database string // the flags of these names
	json, noWait   bool
	place          string // the flags by which the database was named, as further commands must repeat them

	serving bool   // inside the server, which gave db, service and scimURL
	user    string // the client's, inside the server; else empty
	db      *store.DB
	service *provision.Service
	scimURL string

	committed func(updates int, took time.Duration) // of store.Config
}

// execute runs a command, says in one line what went wrong, and returns the exit status: 0, 1 for a failure, 2 for words that
// are not understood.
func (a *app) execute(ctx context.Context, args []string) int {
	err := a.run(ctx, args)
	if err == nil {
		return 0
	}
	if status, ok := errors.AsType[exitStatus](err); ok { // the server has said what is wrong
		return int(status)
	}
	c := explain(err)
	_, _ = fmt.Fprintln(a.stderr, c)
	return c.status
}

// run runs the command that args name.
func (a *app) run(ctx context.Context, args []string) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &complaint{failed, fmt.Sprintf("internal error: %v", cause), "report it, please"}
		}
	}()
	root := a.command()
	args = arrange(root, args)
	if cmd, rest, _ := root.Find(args); astray(cmd, rest) { // or --help would explain something else than what was asked for
		return choose(cmd, rest)
	}
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil {
		return &failure{cmd, err}
	}
	return nil
}

// failure is the error of a command.
type failure struct {
	cmd *cobra.Command
	error
}

func (f *failure) Unwrap() error { return f.error }
