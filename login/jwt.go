package login

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

const (
	// leeway is how far the clock of an issuer may differ from ours.
	leeway = time.Minute

	ownMethod = "ES256"
	// ownType is the header typ of an access token.
	//
	// RFC 9068, section 2.1.
	ownType = "at+jwt"
)

// foreignMethods are how other issuers may sign. None of them works with a secret, so that nobody can use a public key as one.
var foreignMethods = []string{"RS256", "RS384", "RS512", "PS256", "ES256", "ES384"}

// envelope is what a JWT says of itself. Nothing of it is proven: it only tells which keys to try.
type envelope struct {
	method, key, kind string
	issuer, subject   string
}

// open reads a JWT in the compact form, which has two dots. It refuses what two readers could read in two ways: names that occur twice, bytes after
// the end, padding. Headers that name a key or a place where one is (jwk, jku, x5c, x5u) are not looked at.
//
// RFC 7515, section 7.1. RFC 8725, section 2.4.
func open(token string) (envelope, error) {
	var header struct {
		Alg  string         `json:"alg"`
		Kid  string         `json:"kid"`
		Typ  string         `json:"typ"`
		Crit jsontext.Value `json:"crit"`
	}
	var claims struct {
		Iss string `json:"iss"`
		Sub string `json:"sub"`
	}
	parts := strings.Split(token, ".")
	for i, into := range []any{&header, &claims} {
		b, err := base64.RawURLEncoding.Strict().DecodeString(parts[i])
		if err != nil {
			return envelope{}, errors.New("a JWT whose parts are not base64url")
		}
		if err := json.Unmarshal(b, into); err != nil {
			return envelope{}, errors.New("a JWT whose parts are not JSON, or have a name twice or of the wrong type")
		}
	}
	if header.Crit != nil {
		return envelope{}, errors.New("a JWT with the header crit") // RFC 7515, section 4.1.11.
	}
	return envelope{header.Alg, header.Kid, header.Typ, claims.Iss, claims.Sub}, nil
}

// jwt finds the connection that a JWT opens: of one of its clients, or of its own issuer. Errors: *Refused.
func (s *Service) jwt(ctx context.Context, base, token string) (directory.Connection, directory.TokenID, error) {
	e, err := open(token)
	switch {
	case err != nil:
		return directory.Connection{}, "", &Refused{Reason: err.Error()}
	case e.issuer == base:
		return s.own(ctx, base, token, e)
	}
	return s.foreign(ctx, token, e)
}

// parse verifies the signature of a token and its claims.
//
// RFC 8725, sections 3.1, 3.8 and 3.9.
func (s *Service) parse(token, issuer, audience string, methods []string, key any) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{} // whose names are compared with case, unlike those of a struct
	_, err := jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(s.DB.Now), jwt.WithStrictDecoding()).
		ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return key, nil })
	return claims, err
}

// own finds the client that an access token of ours was given to.
func (s *Service) own(ctx context.Context, base, token string, e envelope) (directory.Connection, directory.TokenID, error) {
	if e.method != ownMethod || !strings.EqualFold(e.kind, ownType) || !directory.IsID(e.subject) {
		return directory.Connection{}, "", &Refused{Reason: "a JWT in our name that is not of our form"}
	}
	var (
		keys   []directory.SigningKey
		client directory.Client
		conn   directory.Connection
	)
	err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
		if keys, err = tx.SigningKeys(); err == nil {
			client, conn, err = tx.Client(directory.TokenID(e.subject))
		}
		return err
	})
	if directory.Is(err, directory.NotFound) {
		return conn, "", &Refused{Reason: "a JWT in our name of an unknown client"}
	}
	if err != nil {
		return conn, "", err
	}
	keys = directory.LiveKeys(keys, s.DB.Now())
	i := slices.IndexFunc(keys, func(k directory.SigningKey) bool { return string(k.ID) == e.key })
	if i < 0 {
		return conn, "", &Refused{Reason: "a JWT in our name with an unknown key"}
	}
	private, err := privateKey(&keys[i])
	if err != nil {
		return conn, "", err
	}
	if _, err := s.parse(token, base, base+s.Resource, []string{ownMethod}, &private.PublicKey); err != nil {
		return conn, "", &Refused{Reason: err.Error()}
	}
	if !client.Revoked.IsZero() {
		return conn, "", &Refused{"an access token of a revoked client", conn.Name, client.ID}
	}
	return conn, client.ID, nil
}

// privateKey reads what provision made.
func privateKey(k *directory.SigningKey) (*ecdsa.PrivateKey, error) {
	der, err := base64.StdEncoding.DecodeString(k.Private)
	if err != nil {
		return nil, errors.New("a signing key in the database is damaged")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	private, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("a signing key in the database is damaged")
	}
	return private, nil
}

// foreign finds the connection whose own issuer made a token. The id is that of the program which it was made for.
func (s *Service) foreign(ctx context.Context, token string, e envelope) (directory.Connection, directory.TokenID, error) {
	if !slices.Contains(foreignMethods, e.method) {
		return directory.Connection{}, "", &Refused{Reason: "a JWT that is not signed in a way that is allowed"}
	}
	var conns []directory.Connection
	err := s.DB.ViewOne(ctx, func(tx *store.Tx) (err error) {
		conns, err = tx.Connections()
		return err
	})
	if err != nil {
		return directory.Connection{}, "", err
	}
	var (
		found   directory.Connection
		subject directory.TokenID
		refused = &Refused{Reason: "a JWT of an unknown issuer"}
	)
	for _, conn := range conns {
		issuer, ok := conn.Issuer()
		if !ok || issuer.Name != e.issuer {
			continue
		}
		id, err := s.verify(ctx, &issuer, token, e)
		switch {
		case ctx.Err() != nil:
			return directory.Connection{}, "", ctx.Err()
		case err != nil:
			refused.Reason = conn.Name + ": " + err.Error()
		case found.Row != 0: // everything belongs to exactly one connection
			return directory.Connection{}, "", &Refused{Reason: "a JWT that both " + found.Name + " and " + conn.Name + " take"}
		default:
			found, subject = conn, id
		}
	}
	if found.Row == 0 {
		return found, "", refused
	}
	return found, subject, nil
}

// verify returns which of the subjects of an issuer a token was made for.
func (s *Service) verify(ctx context.Context, issuer *directory.Issuer, token string, e envelope) (directory.TokenID, error) {
	keys, err := s.keys(ctx, issuer.KeysURL, e.key, e.method)
	if err != nil {
		return "", err
	}
	claims, err := s.parse(token, issuer.Name, issuer.Audience, []string{e.method}, keys)
	if err != nil {
		return "", err
	}
	names := []string{"sub", "azp", "appid"}
	if _, delegated := claims["scp"]; delegated {
		names = names[:1] // Entra: a person used the program, and azp and appid name the program
	}
	for _, name := range names {
		if subject, ok := claims[name].(string); ok && slices.Contains(issuer.Subjects, subject) {
			return directory.TokenID(subject), nil
		}
	}
	return "", errors.New("the token is of no program that jwt_subjects names")
}
