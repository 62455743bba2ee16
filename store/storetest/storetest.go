// Package storetest runs a test on every database that the store knows. Tests of the packages above call Each; the databases
// are real, and every test has one of its own, migrated and empty.
//
// PostgreSQL is the server at the URL in ROLLCALL_TEST_POSTGRES, as a user who may create databases. The command
// withpostgres starts such a server for the time of one command. Where there is none, the tests on PostgreSQL are skipped,
// which is an error when CI=true.
package storetest

import (
	"testing"

	"github.com/rollcall-id/rollcall/store"
)

// Each runs f as the subtests sqlite and postgres, each on a database that lives as long as the subtest.
func Each(t *testing.T, f func(t *testing.T, db *store.DB)) {
	t.Helper()
	EachConfig(t, func(t *testing.T, c store.Config) { f(t, Open(t, c)) })
}

// EachConfig is Each for tests that open their database themselves, perhaps more than once. It is migrated on PostgreSQL
// and absent on SQLite.
func EachConfig(t *testing.T, f func(t *testing.T, c store.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, store.Config{Data: t.TempDir()}) })
	t.Run("postgres", func(t *testing.T) { f(t, store.Config{URL: Postgres(t)}) })
}

// Open opens the database of c, migrates it, and closes it at the end of the test.
func Open(tb testing.TB, c store.Config) *store.DB {
	tb.Helper()
	db, err := store.Open(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	if _, _, err := db.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return db
}

// Postgres makes a migrated database that lives as long as the test, and returns its URL.
func Postgres(tb testing.TB) string {
	tb.Helper()
	return theServer(tb).database(tb, true)
}

// EmptyPostgres is Postgres without a schema.
func EmptyPostgres(tb testing.TB) string {
	tb.Helper()
	return theServer(tb).database(tb, false)
}
