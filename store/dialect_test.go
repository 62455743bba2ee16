package store_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"

	"github.com/rollcall-id/rollcall/store"
)

func TestDialect_rewrites_macros_and_placeholders(t *testing.T) {
	tests := []struct{ name, query, sqlite, postgres string }{
		{
			"placeholders keep their numbers", "select $2, $1, $10",
			"select +?2, +?1, +?10", "select $2, $1, $10",
		},
		{
			"rows", "delete from m where x in rows($2)",
			"delete from m where x in (select value from json_each(+?2))",
			"delete from m where x = any(cast($2 as bigint[]))",
		},
		{
			"rows, not in them", "delete from m where x not in rows($2)",
			"delete from m where x not in (select value from json_each(+?2))",
			"delete from m where x not in (select unnest(cast($2 as bigint[])))",
		},
		{
			"texts", "select 1 from m where x not in texts($11)",
			"select 1 from m where x not in (select value from json_each(+?11))",
			"select 1 from m where x not in (select jsonb_array_elements_text(cast($11 as jsonb)))",
		},
		{
			"texts_table", "insert into m select value from texts_table($1)",
			"insert into m select value from json_each(+?1)",
			"insert into m select value from jsonb_array_elements_text(cast($1 as jsonb)) with ordinality as texts_table (value, key)",
		},
		{
			"for_update", "select 1 from m where x = $1\n\tfor_update",
			"select 1 from m where x = +?1", "select 1 from m where x = $1 for no key update",
		},
		{
			"returning_row", "insert into m values ($1) on conflict do nothing returning_row",
			"insert into m values (+?1) on conflict do nothing", "insert into m values ($1) on conflict do nothing returning row_id",
		},
		{
			"literals stay", "select '$1 rows($2) for_update', 'it''s $3', $1",
			"select '$1 rows($2) for_update', 'it''s $3', +?1", "select '$1 rows($2) for_update', 'it''s $3', $1",
		},
		{
			"words that only look like macros stay", "select arrows, rows (1), my_rows($1)",
			"select arrows, rows (1), my_rows(+?1)", "select arrows, rows (1), my_rows($1)",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sqlite, postgres := store.Rewrite(test.query)
			if sqlite != test.sqlite {
				t.Errorf("sqlite:\n%s\nwant\n%s", sqlite, test.sqlite)
			}
			if postgres != test.postgres {
				t.Errorf("postgres:\n%s\nwant\n%s", postgres, test.postgres)
			}
		})
	}
}

func TestDialect_means_the_same_on_both_databases(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		update(t, db, func(tx *store.Tx) error {
			if _, err := tx.Exec("create table scratch_kind (n bigint, s text, b boolean, z text)"); err != nil {
				return err
			}
			_, err := tx.Exec("insert into scratch_kind (n, b, s, z) values ($3, $1, $2, $4)", true, "é", int64(1)<<62, nil)
			if err != nil {
				return err
			}
			var s string
			var n int64
			var b, exists bool
			var z any
			found, err := tx.Get("select s, n, b, z, exists (select 1 from scratch_kind where b) from scratch_kind where n in rows($2) and s in texts($1)",
				[]any{`["x","é"]`, store.List(7, 1<<62)}, &s, &n, &b, &z, &exists)
			if err != nil || !found || s != "é" || n != 1<<62 || !b || z != nil || !exists {
				t.Errorf("came out as %q %d %v %v %v; %v, %v", s, n, b, z, exists, found, err)
			}
			if found, err := tx.Get("select s from scratch_kind where n in rows($1)", []any{store.List()}, &s); found || err != nil {
				t.Errorf("the empty list found %v, %v", found, err)
			}
			var all []string
			err = tx.Each("select value from texts_table($1) order by 1", []any{`["b","a"]`}, func(scan func(...any) error) error {
				var v string
				err := scan(&v)
				all = append(all, v)
				return err
			})
			if err != nil || !slices.Equal(all, []string{"a", "b"}) {
				t.Errorf("the table is %q, %v", all, err)
			}
			n, err = tx.Exec("update scratch_kind set n = 1 where n = 0")
			if err != nil || n != 0 {
				t.Errorf("%d rows changed, %v", n, err)
			}
			return nil
		})
	})
}

func TestDialect_reads_documents_alike(t *testing.T) {
	const document = `{"name":{"given":"Ada"},"text":"7","number":7.5,"negative":-3,"time":1700000000123,"yes":true,"no":false}`
	each(t, func(t *testing.T, db *store.DB) {
		for _, test := range []struct {
			kind, path, compare string
			with                any
			want                bool
		}{
			{"text", "name.given", "=", "Ada", true},
			{"text", "name.family", "=", "Ada", false},
			{"number", "number", ">", 7.25, true},
			{"number", "negative", "<", int64(0), true},
			{"number", "time", "=", int64(1700000000123), true},
			{"number", "name.given", ">", int64(0), false},
			{"number", "absent", ">", int64(0), false},
		} {
			err := db.View(t.Context(), func(tx *store.Tx) error {
				value, path := tx.Value(test.kind, strings.Split(test.path, ".")...)
				right := map[bool]string{true: "cast($3 as double precision)", false: "$3"}[test.kind == "number"]
				var got bool
				_, err := tx.Get("select coalesce("+value+" "+test.compare+" "+right+", false)", []any{document, path, test.with}, &got)
				if got != test.want {
					t.Errorf("%s %s %s %v is %v", test.kind, test.path, test.compare, test.with, got)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// Filters make new statements for ever; none of them may stay for ever.
func TestDialect_forgets_statements(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		err := db.View(t.Context(), func(tx *store.Tx) error {
			for i := range int64(1200) {
				var n int64
				if _, err := tx.Get(fmt.Sprintf("select n + %d from scratch_count", i), nil, &n); err != nil || n != i {
					return fmt.Errorf("%d came out as %d: %w", i, n, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestDiagnose_SQLite(t *testing.T) {
	e := func(code sqlite3.ErrNo, extended sqlite3.ErrNoExtended, errno syscall.Errno) error {
		return fmt.Errorf("wrapped: %w", sqlite3.Error{Code: code, ExtendedCode: extended, SystemErrno: errno})
	}
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"no room", e(sqlite3.ErrFull, 0, 0), "disk full"},
		{"no room for the index of the log", e(sqlite3.ErrIoErr, sqlite3.ErrIoErrSHMSize, syscall.ENOSPC), "disk full"},
		{"over the quota", e(sqlite3.ErrIoErr, sqlite3.ErrIoErrWrite, syscall.EDQUOT), "disk full"},
		{"a sync for which there was no room", e(sqlite3.ErrIoErr, sqlite3.ErrIoErrFsync, syscall.ENOSPC), "disk broken"},
		{"a failed sync", e(sqlite3.ErrIoErr, sqlite3.ErrIoErrFsync, syscall.EIO), "disk broken"},
		{"a failed write", e(sqlite3.ErrIoErr, sqlite3.ErrIoErrWrite, syscall.EIO), "disk broken"},
		{"a damaged page", e(sqlite3.ErrCorrupt, 0, 0), "disk broken"},
		{"a file that went away", e(sqlite3.ErrReadonly, sqlite3.ErrReadonlyDbMoved, 0), "disk broken"},
		{"a write in a View", e(sqlite3.ErrReadonly, sqlite3.ErrNoExtended(sqlite3.ErrReadonly), 0), "mistake"},
		{"no memory", e(sqlite3.ErrIoErr, sqlite3.ErrIoErrNoMem, 0), "out of reach"},
		{"another process writes", e(sqlite3.ErrBusy, 0, 0), "out of reach"},
		{"a unique value", e(sqlite3.ErrConstraint, sqlite3.ErrConstraintUnique, 0), "value taken"},
		{"a primary key", e(sqlite3.ErrConstraint, sqlite3.ErrConstraintPrimaryKey, 0), "value taken"},
		{"a foreign key", e(sqlite3.ErrConstraint, sqlite3.ErrConstraintForeignKey, 0), "mistake"},
		{"another error", io.EOF, "mistake"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := store.SQLiteTrouble(test.err); got != test.want {
				t.Errorf("it is %s, want %s", got, test.want)
			}
		})
	}
}

func TestDiagnose_Postgres(t *testing.T) {
	for code, want := range map[string]string{
		"40001": "lost race", "40P01": "lost race", "23503": "lost race", "23505": "value taken", "53100": "disk full", "53300": "out of reach",
		"57P01": "out of reach", "57014": "out of reach", "55P03": "out of reach", "08006": "out of reach", "58030": "out of reach",
		"42601": "mistake", "22P02": "mistake",
	} {
		if got := store.PostgresTrouble(errors.Join(&pgconn.PgError{Code: code})); got != want {
			t.Errorf("%s is %s, want %s", code, got, want)
		}
	}
}
