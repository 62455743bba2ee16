package store_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

func onPostgres(t *testing.T) (db, other *store.DB) {
	t.Helper()
	url := storetest.Postgres(t)
	db, other = open(t, store.Config{URL: url}), open(t, store.Config{URL: url})
	scratch(t, db)
	return db, other
}

func backend(t *testing.T, tx *store.Tx) (pid int64) {
	t.Helper()
	if _, err := tx.Get("select pg_backend_pid()", nil, &pid); err != nil {
		t.Error(err)
	}
	return pid
}

func terminate(t *testing.T, db *store.DB, pid int64) {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) error {
		var done bool
		_, err := tx.Get("select pg_terminate_backend(cast($1 as integer), 5000)", []any{pid}, &done)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPostgres_a_connection_lost_before_the_commit_is_replaced(t *testing.T) {
	db, other := onPostgres(t)
	for name, run := range map[string]func(func(*store.Tx) error) error{
		"Update": func(fn func(*store.Tx) error) error { return db.Update(t.Context(), fn) },
		"View":   func(fn func(*store.Tx) error) error { return db.View(t.Context(), fn) },
	} {
		runs := 0
		err := run(func(tx *store.Tx) error {
			if runs++; runs == 1 {
				terminate(t, other, backend(t, tx))
			}
			_, err := tx.Exec("select 1")
			return err
		})
		if err != nil || runs != 2 {
			t.Errorf("%s: %d runs, %v", name, runs, err)
		}
	}
}

func TestPostgres_a_connection_lost_in_the_commit_is_no_success(t *testing.T) {
	db, _ := onPostgres(t)
	update(t, db, func(tx *store.Tx) error {
		for _, statement := range []string{
			`create function scratch_die() returns trigger language plpgsql as
				'begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5); return null; end'`,
			`create constraint trigger scratch_die after insert on scratch_list initially deferred
				for each row execute function scratch_die()`,
		} {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
	runs := 0
	err := db.Update(t.Context(), func(tx *store.Tx) error { runs++; return add("x")(tx) })
	if kind(err) != directory.Unavailable || runs != 1 {
		t.Errorf("%d runs, %v", runs, err)
	}
}

func TestPostgres_a_deadlock_is_invisible(t *testing.T) {
	db, other := onPostgres(t)
	for _, name := range []string{"a", "b"} {
		update(t, db, add(name))
	}
	hold := func(tx *store.Tx, name string) error {
		_, err := tx.Get("select name from scratch_list where name = $1 for_update", []any{name}, new(string))
		return err
	}
	var both, wg sync.WaitGroup
	both.Add(2)
	runs := make([]int, 2)
	for i, order := range [][2]string{{"a", "b"}, {"b", "a"}} {
		db := []*store.DB{db, other}[i]
		wg.Go(func() {
			err := db.Update(t.Context(), func(tx *store.Tx) error {
				runs[i]++
				if err := hold(tx, order[0]); err != nil {
					return err
				}
				if runs[i] == 1 {
					both.Done()
					both.Wait()
				}
				return hold(tx, order[1])
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if runs[0]+runs[1] < 3 {
		t.Errorf("there was no deadlock: %d runs", runs)
	}
}

func TestPostgres_out_of_reach(t *testing.T) {
	const url = "postgres://rollcall:secret@127.0.0.1:1/rollcall"
	_, err := store.Open(t.Context(), store.Config{URL: url})
	if kind(err) != directory.Unavailable || strings.Contains(err.Error(), "secret") {
		t.Errorf("Open returned %v", err)
	}
	_, err = store.Open(t.Context(), store.Config{URL: "postgres://rollcall:secret@127.0.0.1:port/"})
	if kind(err) != directory.Invalid || strings.Contains(err.Error(), "secret") {
		t.Errorf("Open returned %v", err)
	}
}

func TestPostgres_refuses_a_database_that_forgets(t *testing.T) {
	url := storetest.Postgres(t)
	_, err := store.Open(t.Context(), store.Config{URL: url + "&options=-csynchronous_commit%3Doff"})
	if kind(err) != directory.Invalid {
		t.Errorf("Open returned %v", err)
	}
}

// A table of nestings that is worth an index, and two statements that follow a few of them.
func TestPostgres_follows_nestings_by_their_index(t *testing.T) {
	db, _ := onPostgres(t)
	connection := people(t, db)
	update(t, db, func(tx *store.Tx) error {
		_, err := tx.Exec(`insert into grp (id, connection, version, created, modified, display_name, name_key)
			select 'g' || n, $1, 1, 0, 0, 'g' || n, 'g' || n from generate_series(1, 600) n`, int64(connection))
		if err == nil {
			_, err = tx.Exec(`insert into nesting (parent, child) select p.row_id, c.row_id from grp p join grp c on c.row_id > p.row_id`)
		}
		if err == nil {
			_, err = tx.Exec("analyze grp, nesting")
		}
		return err
	})
	err := db.View(t.Context(), func(tx *store.Tx) error {
		below, err := tx.Below([]directory.Row{590})
		if len(below) != 11 {
			t.Errorf("%d groups are below", len(below))
		}
		if err == nil {
			_, err = tx.LinksAbove([]directory.Row{10})
		}
		for _, part := range []string{"select grp from down", "select l.row_id from up"} {
			plan := ""
			if err == nil {
				plan, err = tx.Explained("explain "+db.Ran(part), store.List(590))
			}
			if !strings.Contains(plan, "Index Cond: (parent = ") && !strings.Contains(plan, "Index Cond: (child = ") {
				t.Errorf("%s\n%s", part, plan)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
