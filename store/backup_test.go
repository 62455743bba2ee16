package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

func TestBackup_is_a_database_of_its_own(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		db := open(t, c)
		if _, _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		add := func(name string) {
			if err := db.Update(t.Context(), func(tx *store.Tx) error {
				return tx.AddConnection(&directory.Connection{ID: directory.NewID[directory.ConnectionID](db.Now()), Name: name})
			}); err != nil {
				t.Fatal(err)
			}
		}
		add("before")
		folder := t.TempDir()
		file := filepath.Join(folder, "rollcall.db")
		err := db.Backup(t.Context(), file)
		if c.URL != "" {
			if !directory.Is(err, directory.Invalid) {
				t.Errorf("a backup of PostgreSQL: %v, want Invalid", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		add("after")
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file has the mode %v (%v), want 0600", info.Mode(), err)
		}
		if err := db.Backup(t.Context(), file); !directory.Is(err, directory.Conflict) {
			t.Errorf("a backup onto a file: %v, want Conflict", err)
		}
		missing := filepath.Join(folder, "nowhere", "x")
		if err := db.Backup(t.Context(), missing); err == nil {
			t.Error("a backup into a folder that is not there succeeded")
		}
		restored := open(t, store.Config{Data: folder})
		if err := restored.View(t.Context(), func(tx *store.Tx) error {
			conns, err := tx.Connections()
			if len(conns) != 1 || conns[0].Name != "before" {
				t.Errorf("the copy has the connections %+v, want the one before it", conns)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}
