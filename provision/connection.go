package provision

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

// CreateConnection makes a connection, enabled. Errors: Invalid; Conflict when the name is taken.
func (s *Service) CreateConnection(ctx context.Context, actor directory.Actor, name, preset string, set map[string]string) (directory.Connection, error) {
	conn := directory.Connection{Name: name, Preset: preset, Enabled: true, Set: set}
	if err := conn.Validate(); err != nil {
		return conn, err
	}
	err := s.update(ctx, actor, func(c *change) error {
		conn.ID, conn.Created = directory.NewID[directory.ConnectionID](c.Now()), c.Now()
		if err := c.AddConnection(&conn); err != nil {
			return err
		}
		return c.event("connection.create", string(conn.ID), directory.Changes{"name": [2]any{nil, name}, "preset": [2]any{nil, preset}})
	})
	return conn, err
}

// ConfigureConnection writes settings; an empty value lets the preset or the default count again.
//
// Errors: NotFound; Invalid for an unknown key or an impossible value; Conflict for another saml_subject while identities have one.
func (s *Service) ConfigureConnection(ctx context.Context, actor directory.Actor, name string, set map[string]string) (directory.Connection, error) {
	return s.changeConnection(ctx, actor, name, "connection.set", func(conn *directory.Connection, changes directory.Changes) {
		now := maps.Clone(conn.Set)
		if now == nil {
			now = map[string]string{}
		}
		before := *conn
		for key, value := range set {
			now[key] = value
			if value == "" && before.Setting(key) != "" { // an unknown key has none, and stays to be refused
				delete(now, key)
			}
		}
		conn.Set = now
		for key := range set {
			if before.Set[key] != now[key] {
				changes[key] = [2]any{before.Setting(key), conn.Setting(key)}
			}
		}
	})
}

// EnableConnection lets a connection's requests and logins through, or refuses them and leaves its accounts as they are.
//
// Errors: NotFound.
func (s *Service) EnableConnection(ctx context.Context, actor directory.Actor, name string, enabled bool) (directory.Connection, error) {
	action := "connection.enable"
	if !enabled {
		action = "connection.disable"
	}
	return s.changeConnection(ctx, actor, name, action, func(conn *directory.Connection, changes directory.Changes) {
		changes.Set("enabled", conn.Enabled, enabled)
		conn.Enabled = enabled
	})
}

func (s *Service) changeConnection(ctx context.Context, actor directory.Actor, name, action string, edit func(*directory.Connection, directory.Changes)) (directory.Connection, error) {
	var conn directory.Connection
	err := s.update(ctx, actor, func(c *change) error {
		found, err := c.Connection(name)
		if err != nil {
			return err
		}
		if conn, err = c.HoldConnection(found.Row); err != nil {
			return err
		}
		changes := directory.Changes{}
		edit(&conn, changes)
		if err := conn.Validate(); err != nil || len(changes) == 0 {
			return err
		}
		if changes[directory.SAMLSubject] != nil {
			if err := c.checkNoSubjects(&conn); err != nil {
				return err
			}
			if err := c.EndLogins(conn.Row); err != nil { // they would bring a subject of the former kind
				return err
			}
		}
		if err := c.PutConnection(&conn); err != nil {
			return err
		}
		return c.event(action, string(conn.ID), changes)
	})
	return conn, err
}

// checkNoSubjects refuses another kind of subject while there are some of the former kind: nobody would be recognised. Errors: Conflict.
func (c *change) checkNoSubjects(conn *directory.Connection) error {
	have, err := c.HasSubjects(conn.Row)
	if err == nil && have {
		err = directory.Errorf(directory.Conflict, directory.SAMLSubject,
			"people have signed in and are recognised by the subject as it is: run rollcall saml forget --connection %s first, and they are met anew as %s says", conn.Name, directory.SAMLMeets)
	}
	return err
}

// removedAtOnce is how many identities of a connection that is being removed go in one transaction.
const removedAtOnce = 100

// RemoveConnection removes a connection with its identities, groups, links, rules and tokens. Accounts that it managed, all
// deactivated, are closed. The connection is disabled first, and its identities go in pieces: after an interruption it is there,
// disabled, and can be removed again.
//
// Errors: NotFound; Conflict while it manages active accounts.
func (s *Service) RemoveConnection(ctx context.Context, actor directory.Actor, name string) error {
	err := s.update(ctx, actor, func(c *change) error {
		conn, err := c.Connection(name)
		if err != nil {
			return err
		}
		active, err := c.CountManagedActive(conn.Row)
		if err != nil {
			return err
		}
		if active > 0 {
			return directory.Errorf(directory.Conflict, "connection",
				"%s still manages %d active account%s: deactivate them in the identity provider, or migrate them, first; to only refuse its requests, disable it", name, active, map[bool]string{active != 1: "s"}[true])
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := s.EnableConnection(ctx, actor, name, false); err != nil {
		return err
	}
	for more := true; more; {
		err := s.update(ctx, actor, func(c *change) error {
			conn, err := c.Connection(name)
			if err != nil {
				return err
			}
			if _, err := c.HoldConnection(conn.Row); err != nil {
				return err
			}
			identities, err := c.IdentitiesIn(conn.Row, 0, removedAtOnce)
			if err != nil {
				return err
			}
			for _, i := range identities {
				if err := c.holdWithGroups(&i); err != nil {
					return err
				}
				if err := c.removeIdentity(&i); err != nil {
					return err
				}
			}
			if more = len(identities) == removedAtOnce; more {
				return nil
			}
			return c.removeEmpty(&conn)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// removeEmpty removes a connection that has no identities.
func (c *change) removeEmpty(conn *directory.Connection) error {
	links, err := c.LinksIn(conn.Row)
	if err != nil {
		return err
	}
	if err := c.Tx.RemoveConnection(conn.Row); err != nil {
		return err
	}
	changes := directory.Changes{"name": [2]any{conn.Name, nil}}
	if err := c.settleLinks(links, changes); err != nil {
		return err
	}
	return c.event("connection.remove", string(conn.ID), changes)
}

// secretBytes is how many random bytes a secret has: 256 bits.
const secretBytes = 32

// NewSecret makes a secret that begins with a prefix which says what it is for.
func NewSecret(prefix string) string {
	raw := make([]byte, secretBytes)
	_, _ = rand.Read(raw) // crypto/rand.Read never returns an error
	return prefix + base64.RawURLEncoding.EncodeToString(raw)
}

// IsSecret reports whether s has the form of a secret without a prefix.
func IsSecret(s string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(raw) == secretBytes
}

// CreateToken makes a token of a connection and returns it with the secret, which is kept nowhere and shown once. expires of
// zero means never.
//
// Errors: NotFound for the connection.
func (s *Service) CreateToken(ctx context.Context, actor directory.Actor, connection string, expires time.Duration) (directory.Token, string, error) {
	var t directory.Token
	secret := NewSecret("rct_")
	err := s.update(ctx, actor, func(c *change) error {
		conn, err := c.Connection(connection)
		if err != nil {
			return err
		}
		t = directory.Token{
			ID: directory.NewID[directory.TokenID](c.Now()), Connection: conn.Row, ConnName: conn.Name, Hash: HashToken(secret), Created: c.Now(),
		}
		changes := directory.Changes{"connection": conn.Name}
		if expires > 0 {
			t.Expires = c.Now().Add(expires)
			changes["expires"] = t.Expires
		}
		if err := c.AddToken(&t); err != nil {
			return err
		}
		return c.event("token.create", string(t.ID), changes)
	})
	return t, secret, err
}

// HashToken is what is kept of a token: its SHA-256, in hexadecimal. A token has 256 random bits, so it needs no salt and no
// slow hash.
func HashToken(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// RevokeToken ends a token. Errors: NotFound, also when it was revoked before.
func (s *Service) RevokeToken(ctx context.Context, actor directory.Actor, id directory.TokenID) error {
	return s.update(ctx, actor, func(c *change) error {
		if _, err := c.Tx.RevokeToken(id); err != nil {
			return err
		}
		return c.event("token.revoke", string(id), directory.Changes{"revoked": true})
	})
}
