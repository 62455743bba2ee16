package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/rollcall-id/rollcall/directory"
)

// migrations are the steps NNNN_sqlite.sql and NNNN_postgres.sql, numbered from 0001 without a gap. A step that has been
// released never changes.
//
//go:embed migrations/*.sql
var migrations embed.FS

// SchemaVersion returns the version of the schema in the database, 0 in an empty one, and the version that the program is
// made for. The database needs Migrate when have < want, and another program when have > want.
func (db *DB) SchemaVersion(ctx context.Context) (have, want int, err error) {
	steps, err := db.pending(0)
	if err != nil {
		return 0, 0, err
	}
	err = db.View(ctx, func(tx *Tx) (err error) {
		have, err = tx.schemaVersion()
		return err
	})
	return have, len(steps), err
}

// Migrate brings the schema to the version of the program, each step in one transaction, so that after an interruption the
// schema is that of some version. Several nodes may do it at once. Kinds: Invalid for a schema newer than the program.
func (db *DB) Migrate(ctx context.Context) (from, to int, err error) {
	from, want, err := db.SchemaVersion(ctx)
	if err != nil {
		return 0, 0, err
	}
	if from > want {
		return from, from, directory.Errorf(directory.Invalid, "schema",
			"the database has version %d and this program knows %d; use a newer program", from, want)
	}
	steps, err := db.pending(from)
	if err != nil {
		return from, from, err
	}
	for i, step := range steps {
		to = from + i
		if err := db.engine.migrate(ctx, func(tx *Tx) error { return tx.migrate(to+1, step) }); err != nil {
			return from, to, fmt.Errorf("migration %d: %w", to+1, err)
		}
	}
	return from, want, nil
}

// pending are the texts of the steps after version have.
func (db *DB) pending(have int) (steps []string, err error) {
	for n := have + 1; ; n++ {
		text, err := fs.ReadFile(db.steps, fmt.Sprintf("migrations/%04d_%s.sql", n, db.engine.dialect().name))
		if errors.Is(err, fs.ErrNotExist) {
			return steps, nil
		}
		if err != nil {
			return nil, err
		}
		steps = append(steps, string(text))
	}
}

// migrate makes one step, unless another node has made it meanwhile.
func (tx *Tx) migrate(version int, step string) error {
	if err := tx.script(tx.d.lockSchema); err != nil {
		return err
	}
	have, err := tx.schemaVersion()
	if err != nil || have >= version {
		return err
	}
	if version == 1 {
		if _, err := tx.exec("create table schema_version (version bigint primary key, applied bigint not null, keys text not null)"); err != nil {
			return err
		}
	}
	if err := tx.script(step); err != nil {
		return err
	}
	_, err = tx.exec("insert into schema_version (version, applied, keys) values ($1, $2, $3)", int64(version), tx.now, directory.KeyVersion)
	return err
}

// script runs several statements.
func (tx *Tx) script(text string) error {
	if err := tx.ready(text); err != nil || text == "" {
		return err
	}
	return tx.died(text, tx.d.script(tx.ctx, tx.conn, text))
}

// schemaVersion returns 0 for an empty database. Errors: Invalid when its names are compared by other rules than ours.
func (tx *Tx) schemaVersion() (version int, err error) {
	var tables int
	if _, err := tx.get(tx.d.hasTable, []any{"schema_version"}, &tables); err != nil || tables == 0 {
		return 0, err
	}
	var keys string
	_, err = tx.get("select version, keys from schema_version order by version desc limit 1", nil, &version, &keys)
	if err == nil && version > 0 && keys != directory.KeyVersion {
		err = directory.Errorf(directory.Invalid, "schema", "names in the database are compared by rules %s and this program has rules %s; use a program with those",
			keys, directory.KeyVersion)
	}
	return version, err
}
