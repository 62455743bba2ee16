package provision

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// CreateClient makes a client of a connection and returns it with the secret, which is kept nowhere and shown once.
//
// Errors: NotFound for the connection.
func (s *Service) CreateClient(ctx context.Context, actor directory.Actor, connection string) (directory.Client, string, error) {
	var l directory.Client
	secret := NewSecret("rcs_")
	err := s.update(ctx, actor, func(c *change) error {
		conn, err := c.Connection(connection)
		if err != nil {
			return err
		}
		l = directory.Client{
			ID: directory.NewID[directory.TokenID](c.Now()), Connection: conn.Row, ConnName: conn.Name, Hash: HashToken(secret), Created: c.Now(),
		}
		if err := c.AddClient(&l); err != nil {
			return err
		}
		return c.event("client.create", string(l.ID), directory.Changes{"connection": conn.Name})
	})
	return l, secret, err
}

// RevokeClient ends a client and every access token that it has. Errors: NotFound, also when it was revoked before.
func (s *Service) RevokeClient(ctx context.Context, actor directory.Actor, id directory.TokenID) error {
	return s.update(ctx, actor, func(c *change) error {
		if err := c.Tx.RevokeClient(id); err != nil {
			return err
		}
		return c.event("client.revoke", string(id), directory.Changes{"revoked": true})
	})
}

// SigningKey returns the key that signs access tokens. Where there is none yet, or it has lived its time, it makes one.
func (s *Service) SigningKey(ctx context.Context, actor directory.Actor) (directory.SigningKey, error) {
	var keys []directory.SigningKey
	err := s.DB.ViewOne(ctx, func(tx *store.Tx) (err error) {
		keys, err = tx.SigningKeys()
		return err
	})
	if err != nil || signs(keys, s.DB.Now()) {
		return first(keys), err
	}
	return s.rotate(ctx, actor, false, false)
}

// RotateSigningKey makes the key that signs from now on. The tokens of those before it stay valid for their time, unless dropOld:
// then none of them does.
func (s *Service) RotateSigningKey(ctx context.Context, actor directory.Actor, dropOld bool) (directory.SigningKey, error) {
	return s.rotate(ctx, actor, true, dropOld)
}

// signs reports whether the first of the keys may sign at now.
func signs(keys []directory.SigningKey, now time.Time) bool {
	return len(keys) > 0 && now.Before(keys[0].Created.Add(directory.SigningKeyLife))
}

func first(keys []directory.SigningKey) (k directory.SigningKey) {
	if len(keys) > 0 {
		k = keys[0]
	}
	return k
}

// rotate makes a key, always or only where none may sign, and removes those that no valid token needs, or all others. It returns
// the newest. Of several at once one makes a key, and the others return that.
func (s *Service) rotate(ctx context.Context, actor directory.Actor, always, dropOld bool) (directory.SigningKey, error) {
	private, err := newSigningKey()
	if err != nil {
		return directory.SigningKey{}, err
	}
	var newest directory.SigningKey
	err = s.update(ctx, actor, func(c *change) error {
		keys, err := c.SigningKeys()
		if newest = first(keys); err != nil || !always && signs(keys, c.Now()) {
			return err
		}
		k := directory.SigningKey{ID: directory.NewID[directory.KeyID](c.Now()), Private: private, Created: c.Now()}
		added, err := c.AddSigningKey(&k, newest.Row)
		if err != nil {
			return err
		}
		if keys, err = c.SigningKeys(); err != nil {
			return err
		}
		if newest = first(keys); !added && !dropOld { // whoever made it tells of it
			return nil
		}
		dead := keys[len(directory.LiveKeys(keys, c.Now())):]
		if dropOld {
			dead = keys[1:]
		}
		changes := directory.Changes{"key": string(newest.ID)}
		rows := make([]directory.Row, len(dead))
		for i := range dead {
			rows[i] = dead[i].Row
			changes.Add("removed", string(dead[i].ID))
		}
		if err := c.RemoveSigningKeys(rows); err != nil {
			return err
		}
		return c.event("key.rotate", string(newest.ID), changes)
	})
	return newest, err
}

// newSigningKey makes a private key for ES256, as directory.SigningKey keeps it.
func newSigningKey() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return base64.StdEncoding.EncodeToString(der), err
}
