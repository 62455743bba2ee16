package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/rollcall-id/rollcall/store"
)

const variable = "ROLLCALL_TEST_POSTGRES"

// server makes databases on the PostgreSQL server of the tests. All that one process makes is named rollcall_<run>_<n>, and
// while it lives it holds the advisory lock of its run, so that the next process can tell what a killed one left behind.
type server struct {
	admin *sql.DB
	base  *url.URL
	run   string
	made  atomic.Int64
}

var connectOnce = sync.OnceValues(connect)

func theServer(tb testing.TB) *server {
	tb.Helper()
	if os.Getenv(variable) == "" {
		const text = "there is no PostgreSQL: set " + variable + " or use `make test`"
		if os.Getenv("CI") == "true" {
			tb.Fatal(text)
		}
		tb.Skip(text)
	}
	s, err := connectOnce()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// connect makes the template of all databases with a schema: a copy takes a tenth of the time of the migrations.
func connect() (*server, error) {
	base, err := url.Parse(os.Getenv(variable))
	if err != nil {
		return nil, err
	}
	admin, err := sql.Open("pgx", base.String())
	if err != nil {
		return nil, err
	}
	s := &server{admin: admin, base: base, run: strings.ToLower(rand.Text())}
	ctx := context.Background()
	conn, err := admin.Conn(ctx) // keeps the lock until the process ends
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "select pg_advisory_lock(hashtext($1))", s.run); err != nil {
		return nil, err
	}
	if err := sweep(ctx, conn); err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "create database "+s.template()+" template template0 encoding 'UTF8'"); err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Config{URL: s.url(s.template())})
	if err != nil {
		return nil, err
	}
	_, _, err = db.Migrate(ctx)
	return s, errors.Join(err, db.Close())
}

// sweep drops the databases of runs whose process is gone.
func sweep(ctx context.Context, conn *sql.Conn) error {
	rows, err := conn.QueryContext(ctx, `select datname from pg_database where datname ~ '^rollcall_[a-z0-9]{26}_[0-9]+$'`)
	if err != nil {
		return err
	}
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return errors.Join(err, rows.Close())
		}
		names = append(names, name)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, name := range names {
		run := strings.Split(name, "_")[1]
		var gone bool
		if err := conn.QueryRowContext(ctx, "select pg_try_advisory_lock(hashtext($1))", run).Scan(&gone); err != nil {
			return err
		}
		if !gone {
			continue
		}
		if _, err := conn.ExecContext(ctx, "drop database if exists "+name+" with (force)"); err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, "select pg_advisory_unlock(hashtext($1))", run); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) template() string { return "rollcall_" + s.run + "_0" }

func (s *server) url(database string) string {
	u := *s.base
	u.Path = "/" + database
	return u.String()
}

func (s *server) database(tb testing.TB, migrated bool) string {
	tb.Helper()
	template := "template0"
	if migrated {
		template = s.template()
	}
	name := fmt.Sprintf("rollcall_%s_%d", s.run, s.made.Add(1))
	if _, err := s.admin.Exec("create database " + name + " template " + template + " encoding 'UTF8'"); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := s.admin.Exec("drop database " + name + " with (force)"); err != nil {
			tb.Error(err)
		}
	})
	return s.url(name)
}
