package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rollcall-id/rollcall/directory"
)

// Backup writes a copy of the database, as it is when it begins, to a new file of the mode 0600, while others go on reading and
// writing. The copy is on disk when it returns; after an error there is none.
//
// Errors: Invalid on PostgreSQL, which has tools of its own; Conflict when there is a file.
func (db *DB) Backup(ctx context.Context, path string) error {
	if db.closed.Load() {
		return errClosed
	}
	s, ok := db.engine.(*sqlite)
	if !ok {
		return directory.Errorf(directory.Invalid, "", "the data are in PostgreSQL: copy them with pg_dump")
	}
	return s.backup(ctx, path)
}

// backup runs on a connection of its own, for as long as it takes.
func (s *sqlite) backup(ctx context.Context, path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // or SQLite would make it, for others to read
	if errors.Is(err, fs.ErrExist) {
		return directory.Errorf(directory.Conflict, "", "%s is there already", path)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	c, err := s.connect()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if _, _, err := c.exec(ctx, "vacuum into $1", []any{path}); err != nil {
		return s.d.diagnose(err)
	}
	return errors.Join(f.Sync(), syncFolder(filepath.Dir(path)))
}

// syncFolder makes the name of a new file last.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
