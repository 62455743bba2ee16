package store

import (
	"context"
	"crypto/rand"
	"encoding/base64"
)

// secretBytes is the length of a secret.
const secretBytes = 32

// Secret returns the random key of 32 bytes that all nodes share under name. It is made when it is first asked for. Errors: those
// of ViewOne and Update.
func (db *DB) Secret(ctx context.Context, name string) ([]byte, error) {
	var value string
	read := func(tx *Tx) error {
		_, err := tx.get(`select value from secret where name = $1`, []any{name}, &value)
		return err
	}
	err := db.ViewOne(ctx, read)
	if err == nil && value == "" {
		made := make([]byte, secretBytes)
		_, _ = rand.Read(made) // crypto/rand.Read never returns an error
		err = db.Update(ctx, func(tx *Tx) error {
			if _, err := tx.exec(`insert into secret (name, value, created) values ($1, $2, $3) on conflict do nothing`,
				name, base64.StdEncoding.EncodeToString(made), tx.now); err != nil {
				return err
			}
			return read(tx)
		})
	}
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(value)
}
