package store_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

// scratch makes the tables that these tests write to.
func scratch(t testing.TB, db *store.DB) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error {
		for _, statement := range []string{
			"create table scratch_list (name text not null primary key)",
			"create table scratch_parent (name text not null primary key)",
			"create table scratch_child (parent text not null references scratch_parent (name) deferrable initially deferred)",
			"create table scratch_count (n bigint not null)",
			"insert into scratch_count (n) values (0)",
		} {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
}

func update(t testing.TB, db *store.DB, fn func(*store.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// add writes a name to the list.
func add(name string) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		_, err := tx.Exec("insert into scratch_list (name) values ($1)", name)
		return err
	}
}

func names(t testing.TB, db *store.DB) map[string]bool {
	t.Helper()
	var all map[string]bool
	err := db.View(t.Context(), func(tx *store.Tx) error {
		all = map[string]bool{}
		return tx.Each("select name from scratch_list", nil, func(scan func(...any) error) error {
			var name string
			if err := scan(&name); err != nil {
				return err
			}
			all[name] = true
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func kind(err error) directory.Kind {
	if e := (*directory.Error)(nil); errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

// each is storetest.Each with the scratch tables.
func each(t *testing.T, f func(t *testing.T, db *store.DB)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		scratch(t, db)
		f(t, db)
	})
}

func TestUpdate_keeps_what_succeeds_and_nothing_else(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ours := errors.New("ours")
		tests := map[string]struct {
			after func(tx *store.Tx) error
			kept  bool
			check func(error) bool
		}{
			"success is kept":                     {func(*store.Tx) error { return nil }, true, func(err error) bool { return err == nil }},
			"an error of the function is its own": {func(*store.Tx) error { return ours }, false, func(err error) bool { return err == ours }},
			"a statement that fails":              {bad, false, func(err error) bool { return err != nil && kind(err) == 0 }},
			"a statement that fails in secret":    {func(tx *store.Tx) error { _ = bad(tx); return nil }, false, func(err error) bool { return err != nil }},
			"a failure that fn calls another":     {func(tx *store.Tx) error { _ = bad(tx); return ours }, false, func(err error) bool { return err != ours }},
			"no statement runs after a failure": {func(tx *store.Tx) error {
				first := bad(tx)
				if _, err := tx.Exec("insert into scratch_list (name) values ('late')"); err != first {
					return fmt.Errorf("the second error is %v, not %v", err, first)
				}
				return first
			}, false, func(err error) bool { return err != nil && kind(err) == 0 }},
			"a statement inside rows": {func(tx *store.Tx) error {
				return tx.Each("select name from scratch_list", nil, func(func(...any) error) error { return add("inner")(tx) })
			}, false, func(err error) bool { return err != nil }},
			"an error inside rows": {func(tx *store.Tx) error {
				return tx.Each("select name from scratch_list", nil, func(func(...any) error) error { return ours })
			}, false, func(err error) bool { return err == ours }},
			"two rows where one is expected": {func(tx *store.Tx) error {
				var name string
				_, err := tx.Get("select name from scratch_list union all select 'x'", nil, &name)
				return err
			}, false, func(err error) bool { return err != nil }},
			"a scan into the wrong type": {func(tx *store.Tx) error {
				var n int64
				_, err := tx.Get("select name from scratch_list", nil, &n)
				return err
			}, false, func(err error) bool { return err != nil }},
		}
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				err := db.Update(t.Context(), func(tx *store.Tx) error {
					if err := add(name)(tx); err != nil {
						return err
					}
					return test.after(tx)
				})
				if !test.check(err) {
					t.Errorf("Update returned %v", err)
				}
				if kept := names(t, db)[name]; kept != test.kept {
					t.Errorf("kept is %v, want %v", kept, test.kept)
				}
				update(t, db, func(tx *store.Tx) error { _, err := tx.Exec("delete from scratch_list"); return err })
			})
		}
	})
}

func bad(tx *store.Tx) error {
	_, err := tx.Exec("insert into no_such_table (name) values ('x')")
	return err
}

func TestUpdate_panic_is_the_callers_alone(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		func() {
			defer func() {
				if p := recover(); p != "mine" {
					t.Errorf("recovered %v", p)
				}
			}()
			_ = db.Update(t.Context(), func(tx *store.Tx) error {
				if err := add("panicked")(tx); err != nil {
					return err
				}
				panic("mine")
			})
		}()
		update(t, db, add("next"))
		if all := names(t, db); all["panicked"] || !all["next"] {
			t.Errorf("the list holds %v", all)
		}
	})
}

// A batch holds the turn until 32 others wait behind it, each doing what its role says, and lets go. The transaction that
// the others share is what the tests look at.
func batch(t *testing.T, db *store.DB, role func(ctx context.Context, i int) error) []error {
	t.Helper()
	held, letGo := make(chan struct{}), make(chan struct{})
	hold := sync.OnceFunc(func() { close(held) }) // it shares a transaction and may run again
	var wg sync.WaitGroup
	wg.Go(func() {
		err := db.Update(t.Context(), func(*store.Tx) error {
			hold()
			<-letGo
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-held
	errs := make([]error, 32)
	for i := range errs {
		before := 0
		if !db.OnPostgres() {
			before = db.Waiting()
		}
		wg.Go(func() {
			errs[i] = errors.New("ended its goroutine")
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("panic: %v", p)
				}
			}()
			errs[i] = role(t.Context(), i)
		})
		for tries := 0; !db.OnPostgres() && db.Waiting() == before && tries < 50; tries++ { // one leaves at once
			time.Sleep(100 * time.Microsecond)
		}
	}
	close(letGo)
	wg.Wait()
	return errs
}

func TestUpdate_in_a_batch_one_failure_leaves_31(t *testing.T) {
	const odd = 15
	cancelled := func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx
	}
	// Each returns what the odd one's Update returns; it writes "odd" and then fails.
	tests := map[string]func(t *testing.T, ctx context.Context, db *store.DB) error{
		"its context ends before it begins": func(t *testing.T, ctx context.Context, db *store.DB) error {
			ctx, cancel := context.WithTimeout(ctx, time.Nanosecond)
			defer cancel()
			return db.Update(ctx, add("odd"))
		},
		"it panics": func(t *testing.T, ctx context.Context, db *store.DB) error {
			return db.Update(ctx, func(tx *store.Tx) error { _ = add("odd")(tx); panic("odd") })
		},
		"it ends its goroutine": func(t *testing.T, ctx context.Context, db *store.DB) error {
			return db.Update(ctx, func(tx *store.Tx) error { _ = add("odd")(tx); runtime.Goexit(); return nil })
		},
		"it returns an error": func(t *testing.T, ctx context.Context, db *store.DB) error {
			return db.Update(ctx, func(tx *store.Tx) error { _ = add("odd")(tx); return errors.New("odd") })
		},
		"its statement is wrong": func(t *testing.T, ctx context.Context, db *store.DB) error {
			return db.Update(ctx, func(tx *store.Tx) error { _ = add("odd")(tx); return bad(tx) })
		},
		"it ends the transaction of all": func(t *testing.T, ctx context.Context, db *store.DB) error {
			return db.Update(ctx, func(tx *store.Tx) error {
				if db.OnPostgres() {
					return bad(tx)
				}
				_, err := tx.Exec("insert or rollback into scratch_parent (name) values (null)")
				return err
			})
		},
		"it fails at the commit": func(t *testing.T, ctx context.Context, db *store.DB) error {
			return db.Update(ctx, func(tx *store.Tx) error {
				_, err := tx.Exec("insert into scratch_child (parent) values ('nobody')")
				return err
			})
		},
	}
	each(t, func(t *testing.T, db *store.DB) {
		for name, oddOne := range tests {
			t.Run(name, func(t *testing.T) {
				update(t, db, func(tx *store.Tx) error { _, err := tx.Exec("delete from scratch_list"); return err })
				errs := batch(t, db, func(ctx context.Context, i int) error {
					if i == odd {
						return oddOne(t, ctx, db)
					}
					return db.Update(ctx, add(fmt.Sprint("even ", i)))
				})
				for i, err := range errs {
					if (err == nil) == (i == odd) {
						t.Errorf("number %d returned %v", i, err)
					}
				}
				if all := names(t, db); len(all) != 31 || all["odd"] {
					t.Errorf("the list holds %d: %v", len(all), all)
				}
			})
		}
		t.Run("its context ends in the middle, which is too late to matter", func(t *testing.T) {
			errs := batch(t, db, func(ctx context.Context, i int) error {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				return db.Update(ctx, func(tx *store.Tx) error {
					if i == odd {
						cancel()
					}
					return add(fmt.Sprint("late ", i))(tx)
				})
			})
			for i, err := range errs {
				if err != nil {
					t.Errorf("number %d returned %v", i, err)
				}
			}
			if !names(t, db)[fmt.Sprint("late ", odd)] {
				t.Error("the cancelled one was answered and is not there")
			}
		})
		t.Run("a context that has ended begins nothing", func(t *testing.T) {
			err := db.Update(cancelled(t.Context()), func(*store.Tx) error { t.Error("it ran"); return nil })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Update returned %v", err)
			}
		})
	})
}

func TestUpdate_shares_commits_among_those_who_wait(t *testing.T) {
	db := storetest.Open(t, store.Config{Data: t.TempDir()})
	scratch(t, db)
	commits, updates := db.Batches()
	for i, err := range batch(t, db, func(ctx context.Context, i int) error { return db.Update(ctx, add(fmt.Sprint(i))) }) {
		if err != nil {
			t.Errorf("number %d: %v", i, err)
		}
	}
	c, u := db.Batches()
	if u-updates != 33 || c-commits > 8 {
		t.Errorf("%d updates took %d commits", u-updates, c-commits)
	}
}

func TestUpdate_loses_no_increment(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		const workers, rounds = 16, 40
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range rounds {
					err := db.Update(t.Context(), func(tx *store.Tx) error {
						var n int64
						if _, err := tx.Get("select n from scratch_count for_update", nil, &n); err != nil {
							return err
						}
						_, err := tx.Exec("update scratch_count set n = $1", n+1)
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		var n int64
		err := db.View(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Get("select n from scratch_count", nil, &n)
			return err
		})
		if err != nil || n != workers*rounds {
			t.Errorf("the count is %d, %v; want %d", n, err, workers*rounds)
		}
	})
}

func TestUpdate_runs_again_when_a_unique_value_is_taken(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		update(t, db, add("x"))
		runs := 0
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			if runs++; runs == 3 {
				return add("y")(tx)
			}
			return add("x")(tx)
		})
		if err != nil || runs != 3 {
			t.Errorf("a race that passes: %d runs, %v", runs, err)
		}
		runs = 0
		err = db.Update(t.Context(), func(tx *store.Tx) error { runs++; return add("x")(tx) })
		if kind(err) != directory.Conflict || runs != 5 {
			t.Errorf("a race that stays: %d runs, %v", runs, err)
		}
	})
}

func TestUpdate_gives_every_run_one_time(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_123)
	db := storetest.Open(t, store.Config{Data: t.TempDir(), Now: func() time.Time { now = now.Add(time.Millisecond); return now }})
	update(t, db, func(tx *store.Tx) error {
		if a, b := tx.Now(), tx.Now(); a != b || a.UnixMilli() <= 1_700_000_000_123 {
			t.Errorf("the time is %s, then %s", a, b)
		}
		return nil
	})
}

func TestUpdate_is_refused_after_Close(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		db, err := store.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		nothing := func(*store.Tx) error { return nil }
		for i, err := range []error{db.Update(t.Context(), nothing), db.View(t.Context(), nothing), db.Search(t.Context(), nothing)} {
			if kind(err) != directory.Unavailable {
				t.Errorf("number %d returned %v", i, err)
			}
		}
	})
}
