package store_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

// steps are migrations with the same text for both databases.
func steps(texts ...string) fstest.MapFS {
	files := fstest.MapFS{}
	for i, text := range texts {
		for _, database := range []string{"sqlite", "postgres"} {
			files[fmt.Sprintf("migrations/%04d_%s.sql", i+1, database)] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return files
}

// eachEmpty runs f on databases without a schema.
func eachEmpty(t *testing.T, f func(t *testing.T, c store.Config)) {
	t.Run("sqlite", func(t *testing.T) { f(t, store.Config{Data: t.TempDir()}) })
	t.Run("postgres", func(t *testing.T) { f(t, store.Config{URL: storetest.EmptyPostgres(t)}) })
}

func open(t *testing.T, c store.Config) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestMigrate_makes_each_step_whole_or_not_at_all(t *testing.T) {
	const (
		one    = "create table one (n bigint); insert into one (n) values (1);"
		two    = "-- the second\ncreate table two (n bigint);\ninsert into two (n) values (2);\n"
		broken = "create table three (n bigint); insert into one (n) values (3); insert into nowhere (n) values (3);"
		three  = "create table three (n bigint); insert into one (n) values (3);"
	)
	eachEmpty(t, func(t *testing.T, c store.Config) {
		db := open(t, c)
		migrate := func(wantFrom, wantTo int, fails bool, texts ...string) {
			t.Helper()
			db.SetSteps(steps(texts...))
			from, to, err := db.Migrate(t.Context())
			if from != wantFrom || to != wantTo || (err != nil) != fails {
				t.Errorf("migrated from %d to %d, %v; want %d to %d", from, to, err, wantFrom, wantTo)
			}
			if have, want, err := db.SchemaVersion(t.Context()); have != wantTo || want != len(texts) || err != nil {
				t.Errorf("the version is %d of %d, %v; want %d", have, want, err, wantTo)
			}
		}
		migrate(0, 1, false, one)
		migrate(1, 1, false, one)
		migrate(1, 2, true, one, two, broken)
		var ones int64
		if err := db.View(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Get("select count(*) from one", nil, &ones)
			return err
		}); err != nil || ones != 1 {
			t.Errorf("the broken step left %d rows, %v", ones, err)
		}
		migrate(2, 3, false, one, two, three)

		db.SetSteps(steps(one, two))
		if _, _, err := db.Migrate(t.Context()); kind(err) != directory.Invalid {
			t.Errorf("a schema newer than the program: %v", err)
		}
		if have, want, err := db.SchemaVersion(t.Context()); have != 3 || want != 2 || err != nil {
			t.Errorf("it has version %d of %d, %v", have, want, err)
		}
	})
}

func TestMigrate_by_several_nodes_at_once(t *testing.T) {
	c := store.Config{URL: storetest.EmptyPostgres(t)}
	var wg sync.WaitGroup
	for range 4 {
		db := open(t, c)
		wg.Go(func() {
			if _, to, err := db.Migrate(t.Context()); err != nil || to == 0 {
				t.Errorf("migrated to %d, %v", to, err)
			}
		})
	}
	wg.Wait()
}

func TestCheck_finds_a_row_that_names_none(t *testing.T) {
	db := storetest.Open(t, store.Config{Data: t.TempDir()})
	scratch(t, db)
	if found, err := db.Check(t.Context()); len(found) > 0 || err != nil {
		t.Errorf("a sound database: %q, %v", found, err)
	}
	if err := db.Pragma("foreign_keys = off"); err != nil {
		t.Fatal(err)
	}
	update(t, db, func(tx *store.Tx) error {
		_, err := tx.Exec("insert into scratch_child (parent) values ('nobody')")
		return err
	})
	if found, err := db.Check(t.Context()); len(found) != 1 || err != nil {
		t.Errorf("a child without a parent: %q, %v", found, err)
	}
}

func TestCheck_of_a_sound_database_finds_nothing(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		if found, err := db.Check(t.Context()); len(found) > 0 || err != nil {
			t.Errorf("%q, %v", found, err)
		}
	})
}
