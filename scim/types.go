package scim

import (
	"context"
	"sync"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
	"github.com/rollcall-id/rollcall/store"
)

// resourceTypes are the types of resource as each connection has them. Those of a connection that never had extensions are shared
// by all of these; the others are made when their connection first asks, and anew when its extensions have changed, wherever that
// was done: the revision comes with every actor.
type resourceTypes struct {
	user, group *schema.Resource

	mu    sync.RWMutex
	users map[directory.Row]userType
}

type userType struct {
	revision int64 // directory.Connection.Extensions
	user     *schema.Resource
}

func newResourceTypes() *resourceTypes {
	return &resourceTypes{user: schema.User(), group: schema.Group(), users: map[directory.Row]userType{}}
}

// userOf returns the User as the actor's connection has it.
func (t *resourceTypes) userOf(ctx context.Context, db *store.DB, actor directory.Actor) (*schema.Resource, error) {
	if actor.Extensions == 0 {
		return t.user, nil
	}
	t.mu.RLock()
	known := t.users[actor.Connection]
	t.mu.RUnlock()
	if known.revision == actor.Extensions {
		return known.user, nil
	}
	made, err := readUserType(ctx, db, actor.Connection)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.users[actor.Connection].revision < made.revision {
		t.users[actor.Connection] = made
	}
	return made.user, nil
}

func readUserType(ctx context.Context, db *store.DB, connection directory.Row) (made userType, err error) {
	var extensions []directory.Extension
	err = db.View(ctx, func(tx *store.Tx) error {
		conn, err := tx.ConnectionAt(connection)
		if err != nil {
			return err
		}
		made.revision = conn.Extensions
		extensions, err = tx.Extensions(connection)
		return err
	})
	if err != nil {
		return made, err
	}
	var schemas []*schema.Schema
	for _, e := range extensions {
		s, err := schema.ParseExtension(e.Definition)
		if err != nil {
			return made, err
		}
		s.Removed = !e.Removed.IsZero()
		schemas = append(schemas, s)
	}
	made.user = schema.User(schemas...)
	return made, nil
}
