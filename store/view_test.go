package store_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func TestView_sees_one_snapshot(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		count := func(tx *store.Tx) (n int64) {
			if _, err := tx.Get("select count(*) from scratch_list", nil, &n); err != nil {
				t.Error(err)
			}
			return n
		}
		err := db.View(t.Context(), func(tx *store.Tx) error {
			before := count(tx)
			update(t, db, add("meanwhile"))
			if after := count(tx); after != before {
				t.Errorf("the snapshot grew from %d to %d", before, after)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if !names(t, db)["meanwhile"] {
			t.Error("the next View does not see the Update")
		}
	})
}

func TestView_refuses_writes(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		for name, read := range map[string]func(context.Context, func(*store.Tx) error) error{"View": db.View, "Search": db.Search} {
			if err := read(t.Context(), add("x")); err == nil {
				t.Errorf("%s let a write pass", name)
			}
		}
		if all := names(t, db); len(all) > 0 || db.Err() != nil {
			t.Errorf("the list holds %v, the fault is %v", all, db.Err())
		}
		update(t, db, add("x"))
	})
}

func TestView_gives_its_connection_back(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		for range 100 {
			func() {
				defer func() { _ = recover() }()
				_ = db.View(t.Context(), func(tx *store.Tx) error {
					return tx.Each("select n from scratch_count", nil, func(func(...any) error) error { panic("inside rows") })
				})
			}()
			if err := db.View(t.Context(), bad); err == nil {
				t.Error("a wrong statement passed")
			}
		}
		names(t, db)
	})
}

func TestView_ignores_the_end_of_its_context_but_waits_only_as_long(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		err := db.View(ctx, func(tx *store.Tx) error {
			cancel()
			var n int64
			_, err := tx.Get("select n from scratch_count", nil, &n)
			return err
		})
		if err != nil {
			t.Errorf("cancelled inside: %v", err)
		}

		letGo := make(chan struct{})
		var all sync.WaitGroup
		for range 64 { // more than there are connections
			all.Go(func() {
				_ = db.View(t.Context(), func(*store.Tx) error { <-letGo; return nil })
			})
		}
		time.Sleep(50 * time.Millisecond)
		ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := db.View(ctx, func(*store.Tx) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while all connections are in use: %v", err)
		}
		close(letGo)
		all.Wait()
	})
}

// endless counts for longer than any budget.
func endless(tx *store.Tx) error {
	var n int64
	_, err := tx.Get(`with recursive up (n) as (select 1 union all select n + 1 from up where n < 1000000000)
		select count(*) from up`, nil, &n)
	return err
}

func TestSearch_ends_with_its_budget(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		begin := time.Now()
		var wg sync.WaitGroup
		for range 4 { // two run and two wait, which counts for nothing
			wg.Go(func() {
				if err := db.Search(t.Context(), endless); kind(err) != directory.Limit || !strings.Contains(err.Error(), "2s") {
					t.Errorf("Search returned %v", err)
				}
			})
		}
		time.Sleep(200 * time.Millisecond)
		read := time.Now()
		names(t, db)
		if took := time.Since(read); took > time.Second {
			t.Errorf("a View beside it took %s", took)
		}
		wg.Wait()
		if took := time.Since(begin); took < 4*time.Second || took > 6*time.Second {
			t.Errorf("twice the budget of 2 s took %s", took)
		}
		if err := db.Search(t.Context(), func(tx *store.Tx) error { return nil }); err != nil {
			t.Errorf("the next Search: %v", err)
		}
	})
}

func TestSearch_ends_with_its_context(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if err := db.Search(ctx, endless); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Search returned %v", err)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestSearch_gives_a_panic_and_its_connection_back(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		for range 5 { // more often than there are connections
			func() {
				defer func() {
					if cause := recover(); cause != "oops" {
						t.Errorf("the caller recovers %v", cause)
					}
				}()
				_ = db.Search(t.Context(), func(*store.Tx) error { panic("oops") })
			}()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = db.Search(t.Context(), func(*store.Tx) error { runtime.Goexit(); return nil })
				t.Error("the goroutine of the caller goes on")
			}()
			<-ended
		}
		if err := db.Search(t.Context(), func(*store.Tx) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}

func TestViewOne_runs_one_statement(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		var n int64
		err := db.ViewOne(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Get("select 1", nil, &n)
			return err
		})
		if err != nil || n != 1 {
			t.Errorf("%d, %v", n, err)
		}
		err = db.ViewOne(t.Context(), func(tx *store.Tx) error {
			_, _ = tx.Get("select 1", nil, &n)
			_, _ = tx.Get("select 1", nil, &n)
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), "second statement") {
			t.Errorf("a second statement: %v", err)
		}
		if db.ViewOne(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec("delete from scratch_list"); return err }) == nil && !db.OnPostgres() {
			t.Error("a statement that writes is not refused")
		}
	})
}
