package login

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

// Scope is the only scope of our access tokens.
const Scope = "scim"

// Client finds the client with that id and secret and returns it as an actor of its connection.
//
// Errors: *Refused; Forbidden while the connection is disabled, with the actor that it would be.
func (s *Service) Client(ctx context.Context, id, secret string) (directory.Actor, error) {
	if !directory.IsID(id) || len(secret) > maxToken {
		return directory.Actor{}, &Refused{Reason: "no client"}
	}
	var (
		client directory.Client
		conn   directory.Connection
	)
	err := s.DB.ViewOne(ctx, func(tx *store.Tx) (err error) {
		client, conn, err = tx.Client(directory.TokenID(id))
		return err
	})
	if directory.Is(err, directory.NotFound) {
		return directory.Actor{}, &Refused{Reason: "unknown client"}
	}
	if err != nil {
		return directory.Actor{}, err
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(provision.HashToken(secret)), []byte(client.Hash)) == 0:
		return directory.Actor{}, &Refused{"wrong secret", conn.Name, client.ID}
	case !client.Revoked.IsZero():
		return directory.Actor{}, &Refused{"revoked client", conn.Name, client.ID}
	}
	return actorOf(&conn, client.ID)
}

// Issue makes an access token for the client that an actor is. base is what the client calls us.
//
// RFC 9068, section 2.2.
func (s *Service) Issue(ctx context.Context, base string, client directory.Actor) (string, error) {
	key, err := s.Provision.SigningKey(ctx, directory.Actor{Name: "rollcall", Request: client.Request})
	if err != nil {
		return "", err
	}
	private, err := privateKey(&key)
	if err != nil {
		return "", err
	}
	now := s.DB.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": base, "aud": base + s.Resource, "sub": string(client.Token), "client_id": string(client.Token), "scope": Scope,
		"jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(directory.AccessTokenLife).Unix(),
	})
	token.Header["kid"], token.Header["typ"] = string(key.ID), ownType
	return token.SignedString(private)
}

// PublicKeys returns the keys with which our access tokens are verified.
func (s *Service) PublicKeys(ctx context.Context) ([]JWK, error) {
	var keys []directory.SigningKey
	err := s.DB.ViewOne(ctx, func(tx *store.Tx) (err error) {
		keys, err = tx.SigningKeys()
		return err
	})
	if err != nil {
		return nil, err
	}
	all := []JWK{}
	for _, k := range directory.LiveKeys(keys, s.DB.Now()) {
		private, err := privateKey(&k)
		if err != nil {
			return nil, err
		}
		point, err := private.PublicKey.Bytes()
		if err != nil {
			return nil, err
		}
		x, y := point[1:1+len(point)/2], point[1+len(point)/2:] // after the byte that says uncompressed
		all = append(all, JWK{
			Kty: "EC", Crv: "P-256", Use: "sig", Alg: ownMethod, Kid: string(k.ID),
			X: base64.RawURLEncoding.EncodeToString(x), Y: base64.RawURLEncoding.EncodeToString(y),
		})
	}
	return all, nil
}
