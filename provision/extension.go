package provision

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// AddExtension makes a schema part of a connection's Users. One that is there already, or was before, is replaced by one that has
// all that it has; what documents hold of it is shown again. The definition is refused here, whichever door it came through,
// because every request of the connection would fail by it.
//
// Errors: NotFound for the connection; Invalid for a definition that is not possible; Conflict with another schema of the
// connection; Limit.
func (s *Service) AddExtension(ctx context.Context, actor directory.Actor, connection string, definition []byte) (directory.Extension, error) {
	var e directory.Extension
	parsed, err := schema.ParseExtension(definition)
	if wrong, ok := errors.AsType[*schema.Error](err); ok {
		return e, directory.Errorf(directory.Invalid, "", "%s", wrong.Detail)
	}
	if err != nil {
		return e, err
	}
	err = s.update(ctx, actor, func(c *change) error {
		conn, all, err := c.holdExtensions(connection)
		if err != nil {
			return err
		}
		fresh := directory.Extension{
			Connection: conn.Row, ConnName: conn.Name, URN: parsed.URN, Definition: parsed.Definition(), Created: c.Now(),
		}
		i := extensionCalled(all, fresh.URN)
		if err := roomFor(all, i, fresh.URN); err != nil {
			return err
		}
		changes := directory.Changes{"connection": conn.Name}
		if i < 0 {
			e = fresh
			changes["definition"] = [2]any{nil, string(e.Definition)}
			if err := c.Tx.AddExtension(&e); err != nil {
				return err
			}
			return c.event("schema.add", e.URN, changes)
		}
		e = all[i]
		if err := widens(parsed, &e); err != nil {
			return err
		}
		if e.Removed.IsZero() && string(e.Definition) == string(fresh.Definition) {
			return nil
		}
		changes["definition"] = [2]any{string(e.Definition), string(fresh.Definition)}
		e.Definition, e.Removed = fresh.Definition, fresh.Removed
		if err := c.PutExtension(&e); err != nil {
			return err
		}
		return c.event("schema.add", e.URN, changes)
	})
	return e, err
}

// RemoveExtension takes a schema away from a connection. What documents hold of it stays and is not shown, until the schema is
// added again or the identity provider replaces the User.
//
// Errors: NotFound.
func (s *Service) RemoveExtension(ctx context.Context, actor directory.Actor, connection, urn string) (directory.Extension, error) {
	var e directory.Extension
	err := s.update(ctx, actor, func(c *change) error {
		conn, all, err := c.holdExtensions(connection)
		if err != nil {
			return err
		}
		i := extensionCalled(all, urn)
		if i < 0 || !all[i].Removed.IsZero() {
			return directory.Errorf(directory.NotFound, "", "there is no schema %s of %s", urn, conn.Name)
		}
		e = all[i]
		e.Removed = c.Now()
		if err := c.PutExtension(&e); err != nil {
			return err
		}
		return c.event("schema.remove", e.URN, directory.Changes{"connection": conn.Name, "definition": [2]any{string(e.Definition), nil}})
	})
	return e, err
}

// holdExtensions holds a connection and returns its extensions.
func (c *change) holdExtensions(connection string) (conn directory.Connection, all []directory.Extension, err error) {
	if conn, err = c.Connection(connection); err != nil {
		return conn, nil, err
	}
	if conn, err = c.HoldConnection(conn.Row); err != nil {
		return conn, nil, err
	}
	all, err = c.Extensions(conn.Row)
	return conn, all, err
}

// extensionCalled returns where an extension is in all, negative for nowhere.
func extensionCalled(all []directory.Extension, urn string) int {
	return slices.IndexFunc(all, func(e directory.Extension) bool { return directory.Key(e.URN) == directory.Key(urn) })
}

// roomFor refuses a URN that could be taken for a path in another extension, and one extension too many. It is at i in all, or new.
func roomFor(all []directory.Extension, i int, urn string) error {
	inForce := 0
	for _, e := range all {
		x, y := directory.Key(e.URN)+":", directory.Key(urn)+":"
		if x != y && (strings.HasPrefix(x, y) || strings.HasPrefix(y, x)) {
			return directory.Errorf(directory.Conflict, "id", "%s and %s begin alike, so a path would be ambiguous: use another URN", urn, e.URN)
		}
		if e.Removed.IsZero() && x != y {
			inForce++
		}
	}
	if inForce >= directory.MaxExtensions {
		return directory.Errorf(directory.Limit, "", "a connection has at most %d schemas of its own", directory.MaxExtensions)
	}
	if i < 0 && len(all) >= directory.MaxExtensionsEver {
		return directory.Errorf(directory.Limit, "", "a connection had %d schemas of its own: add one of those again", directory.MaxExtensionsEver)
	}
	return nil
}

// widens refuses a schema under which the values that documents may hold would not be what it says.
func widens(s *schema.Schema, before *directory.Extension) error {
	was, err := schema.ParseExtension(before.Definition)
	if err != nil {
		return err
	}
	if s.URN != was.URN {
		return directory.Errorf(directory.Conflict, "id", "is written %s", was.URN)
	}
	if wrong, ok := errors.AsType[*schema.Error](s.Widens(was)); ok {
		return directory.Errorf(directory.Conflict, "", "%s; to begin anew, use another URN", wrong.Detail)
	}
	return nil
}
