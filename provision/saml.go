package provision

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"reflect"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// SetIdP stores what the identity provider of a connection says of itself. changes are what an administrator shall read of it in
// the event. changed is false when it says what it said before; then only when it was asked is noted.
//
// Errors: NotFound for the connection; Conflict when it calls itself otherwise than before, unless force: then it may be another.
func (s *Service) SetIdP(ctx context.Context, actor directory.Actor, connection string, idp directory.IdP, changes directory.Changes, force bool) (changed bool, err error) {
	return s.setIdP(ctx, actor, connection, "saml.import", idp, changes, func(before *directory.IdP) error {
		if before.EntityID != "" && before.EntityID != idp.EntityID && !force {
			return directory.Errorf(directory.Conflict, "entityID", "the identity provider is %q, and this is the metadata of %q: use --force if it is to be another one",
				before.EntityID, idp.EntityID)
		}
		return nil
	})
}

// setIdP is SetIdP for whatever check lets pass of what stands there, which is empty where nothing does.
func (s *Service) setIdP(ctx context.Context, actor directory.Actor, connection, action string, idp directory.IdP, changes directory.Changes, check func(before *directory.IdP) error) (changed bool, err error) {
	err = s.update(ctx, actor, func(c *change) error {
		changed = false
		found, err := c.Connection(connection)
		if err != nil {
			return err
		}
		conn, err := c.HoldConnection(found.Row)
		if err != nil {
			return err
		}
		before, err := c.IdP(conn.Row)
		if err = absent(err); err != nil {
			return err
		}
		if err := check(&before); err != nil {
			return err
		}
		idp.Connection, idp.Updated = conn.Row, before.Updated
		same := idp
		same.Fetched, same.Tried, same.Problem = before.Fetched, before.Tried, before.Problem
		if changed = !reflect.DeepEqual(same, before); changed {
			idp.Updated = c.Now()
		}
		if err := c.PutIdP(&idp); err != nil || !changed {
			return err
		}
		if before.EntityID != idp.EntityID { // what the former one said counts no more
			if err := c.EndLogins(conn.Row); err != nil {
				return err
			}
		}
		return c.event(action, string(conn.ID), changes)
	})
	return changed, err
}

// forgottenAtOnce is from how many identities the subject is taken in one transaction.
const forgottenAtOnce = 1000

// ForgetSubjects takes their subject from all identities of a connection: whoever signs in next meets their User anew. It is for
// a change of what the subject is. One that is interrupted has taken some, without an event; the next goes on.
//
// Errors: NotFound for the connection.
func (s *Service) ForgetSubjects(ctx context.Context, actor directory.Actor, connection string) (n int64, err error) {
	for {
		var piece int64
		err := s.update(ctx, actor, func(c *change) error {
			found, err := c.Connection(connection)
			if err != nil {
				return err
			}
			if _, err := c.HoldConnection(found.Row); err != nil {
				return err
			}
			if piece, err = c.Tx.ForgetSubjects(found.Row, forgottenAtOnce); err != nil || piece == forgottenAtOnce || n+piece == 0 {
				return err
			}
			return c.event("saml.forget_subjects", string(found.ID), directory.Changes{"identities": n + piece})
		})
		if err != nil {
			return n, err
		}
		if n += piece; piece < forgottenAtOnce {
			return n, nil
		}
	}
}

const (
	samlKeyBits = 2048
	// samlKeyLife is how long our certificates say that they are valid. Identity providers trust the key that they were told of.
	samlKeyLife = 20 * 365 * 24 * time.Hour
)

// SAMLKeys returns our keys for SAML, oldest first: the first signs, the second follows it, others may be there for a while to
// decrypt. Where there are fewer than two it makes them.
func (s *Service) SAMLKeys(ctx context.Context, actor directory.Actor) ([]directory.SAMLKey, error) {
	for {
		var keys []directory.SAMLKey
		err := s.DB.ViewOne(ctx, func(tx *store.Tx) (err error) {
			keys, err = tx.SAMLKeys()
			return err
		})
		if err != nil || len(keys) >= 2 {
			return keys, err
		}
		if err := s.addSAMLKey(ctx, actor, keys, 0); err != nil {
			return nil, err
		}
	}
}

// RotateSAMLKey lets the next key sign from now on, and makes one to follow it. The key that signed is removed: what was encrypted
// for it is lost, so identity providers must have read our metadata since the next key was made.
func (s *Service) RotateSAMLKey(ctx context.Context, actor directory.Actor) ([]directory.SAMLKey, error) {
	keys, err := s.SAMLKeys(ctx, actor)
	if err != nil {
		return nil, err
	}
	if err := s.addSAMLKey(ctx, actor, keys, keys[0].Row); err != nil {
		return nil, err
	}
	return s.SAMLKeys(ctx, actor)
}

// addSAMLKey makes a key behind those that there are, unless somebody else does so at the same time, and removes the one in the row drop.
func (s *Service) addSAMLKey(ctx context.Context, actor directory.Actor, keys []directory.SAMLKey, drop directory.Row) error {
	k := directory.SAMLKey{ID: directory.NewID[directory.KeyID](s.DB.Now()), Created: s.DB.Now()}
	var err error
	if k.Private, k.Certificate, err = newSAMLKey(k.Created); err != nil {
		return err
	}
	var last directory.Row
	if len(keys) > 0 {
		last = keys[len(keys)-1].Row
	}
	return s.update(ctx, actor, func(c *change) error {
		added, err := c.AddSAMLKey(&k, last)
		if err != nil || !added {
			return err
		}
		changes := directory.Changes{"added": string(k.ID)}
		if drop != 0 {
			changes["removed"] = string(keys[0].ID)
			if err := c.RemoveSAMLKeys([]directory.Row{drop}); err != nil {
				return err
			}
		}
		return c.event("saml.key", string(k.ID), changes)
	})
}

// newSAMLKey makes a private key and its certificate, as directory.SAMLKey keeps them.
func newSAMLKey(now time.Time) (private, certificate string, err error) {
	key, err := rsa.GenerateKey(rand.Reader, samlKeyBits)
	if err != nil {
		return "", "", err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "rollcall"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(samlKeyLife),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return base64.StdEncoding.EncodeToString(der), base64.StdEncoding.EncodeToString(cert), err
}
