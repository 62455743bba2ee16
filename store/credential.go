package store

import (
	"context"
	"sync"

	"github.com/rollcall-id/rollcall/directory"
)

// maxCredentials bounds what is remembered of tokens.
const maxCredentials = 4096

// credentials are the tokens that were looked up, with their connections, while none has changed since. Only a process that
// has its database alone may keep them: a token that is revoked opens nothing from the instant the revocation is answered.
type credentials struct {
	mu    sync.RWMutex
	age   uint64 // grows when something changes
	known map[string]credential
}

type credential struct {
	token      directory.Token
	connection directory.Connection
}

func (c *credentials) find(hash string) (found credential, age uint64, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	found, ok = c.known[hash]
	return found, c.age, ok
}

// keep remembers what was read after find said age, unless something has changed since.
func (c *credentials) keep(hash string, age uint64, found credential) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.age != age {
		return
	}
	if c.known == nil || len(c.known) >= maxCredentials {
		c.known = map[string]credential{}
	}
	c.known[hash] = found
}

// forget is called between the commit of a change and its answer.
func (c *credentials) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.age++
	c.known = nil
}

// Token returns a token by its hash, and its connection, which the caller does not change; also one that has ended or was revoked.
// ctx counts as in ViewOne. Errors: NotFound; Unavailable.
func (db *DB) Token(ctx context.Context, hash string) (directory.Token, directory.Connection, error) {
	known := db.engine.remembered()
	var (
		c   credential
		age uint64
		ok  bool
	)
	if known != nil {
		if c, age, ok = known.find(hash); ok {
			return c.token, c.connection, nil
		}
	}
	err := db.ViewOne(ctx, func(tx *Tx) (err error) {
		c.token, c.connection, err = tx.tokenByHash(hash)
		return err
	})
	if err == nil && known != nil {
		known.keep(hash, age, c)
	}
	return c.token, c.connection, err
}
