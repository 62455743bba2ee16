package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
)

func (a *app) dbCommand() *cobra.Command {
	return noun("db", "The database", a.dbMigrate(), a.dbCheck(), a.dbBackup())
}

func (a *app) dbMigrate() *cobra.Command {
	return &cobra.Command{
		Use:     "migrate",
		Short:   "Make the database, or bring it up to date; the server does so when it starts",
		Example: "  rollcall db migrate --data ./data",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if a.serving { // a database in use is left as it is
				have, _, err := a.db.SchemaVersion(ctx)
				if err != nil {
					return err
				}
				return a.say("the server that runs brought the database to version %d when it started", have)
			}
			conn, err := a.open(ctx, nil, true)
			if err != nil {
				return err
			}
			if conn != nil {
				return forward(ctx, conn, request{Args: words(cmd, args), Place: a.place}, a.stdout, a.stderr)
			}
			from, to, err := a.migrate(ctx)
			if err := errors.Join(err, a.db.Close()); err != nil {
				return err
			}
			if from == to {
				return a.say("the database is up to date: version %d", to)
			}
			return a.say("brought the database from version %d to %d", from, to)
		},
	}
}

// migrate makes the database that of this program.
func (a *app) migrate(ctx context.Context) (from, to int, err error) {
	have, want, err := a.db.SchemaVersion(ctx)
	if err != nil {
		return 0, 0, err
	}
	if have > want {
		return 0, 0, tooNew(have, want)
	}
	return a.db.Migrate(ctx)
}

func (a *app) dbCheck() *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Short:   "Look for damage in the database",
		Example: "  rollcall db check --data ./data",
		RunE: a.do(func(c *call) error {
			damage, err := c.db.Check(c.ctx)
			if err != nil {
				return err
			}
			for _, d := range damage {
				if err := c.say("%s", d); err != nil {
					return err
				}
			}
			if len(damage) > 0 {
				return &complaint{failed, fmt.Sprintf("the database is damaged in %d places", len(damage)), "restore it from a backup"}
			}
			return c.say("the database is sound")
		}),
	}
}

func (a *app) dbBackup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the database to a new file, also while the server runs",
		Long: `Copy the database to a new file that nobody else may read, also while the server runs; the server writes it, as its own user. The
copy is as of one moment. To bring it back, stop the server, remove rollcall.db, rollcall.db-wal and rollcall.db-shm from the data
folder, and put the copy there as rollcall.db. Data in PostgreSQL are copied with its own pg_dump.`,
		Example: "  rollcall db backup /var/lib/rollcall/monday.db",
		RunE: func(cmd *cobra.Command, args []string) error {
			file := absolute(args[0]) // the server is in another folder
			return a.do(func(c *call) error {
				if err := c.db.Backup(c.ctx, file); err != nil {
					return advise(err, directory.Conflict, "name another file")
				}
				return c.say("copied the database to %s", file)
			})(cmd, []string{file})
		},
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program",
		Example: "  rollcall version",
		RunE:    func(*cobra.Command, []string) error { return a.say("rollcall %s", version()) },
	}
}

func version() string {
	version, revision := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	return fmt.Sprintf("%s%s %s %s/%s", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
