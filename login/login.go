// Package login is every credential: who may speak to us, and as whom. It reads what provision wrote and changes nothing on its
// own, except that it has provision make the key that signs access tokens, open a session for a password, and note when a session or
// a personal token was used. scim calls it before it looks at a request's path; scim/oauth calls it to give out access tokens; portal
// and saml call it for sessions, their cookies, passwords, and what a person reads who is refused.
//
// A connection has four kinds: opaque tokens, kept as a hash; the id and secret of a client, which open nothing but scim/oauth;
// access tokens that a client got there, JWTs; and JWTs that an issuer of the connection's own made, whose keys are fetched through
// netguard.
package login

import (
	"context"
	"log/slog"
	"strings"
	"sync"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/netguard"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

const (
	maxToken = 512     // the most bytes of an opaque token that are looked at
	maxJWT   = 8 << 10 // and of a JWT
)

// Service knows credentials. Its exported fields are set before the first call and not changed after.
type Service struct {
	DB        *store.DB
	Provision *provision.Service
	Outbound  *netguard.Client // for the keys of other issuers
	Log       *slog.Logger
	Resource  string // the path of the door that our access tokens open

	keySets keySets

	hashesOnce sync.Once
	hashes     chan struct{} // one for each hashing that runs
}

// Refused is the error for a credential that opens nothing. Outside it says nothing of why; its fields are for the log.
type Refused struct {
	Reason     string
	Connection string            // empty while it is unknown
	Token      directory.TokenID // empty while it is unknown
}

func (e *Refused) Error() string { return errCredential.Error() }

// Unwrap returns the *directory.Error, Unauthenticated, that callers see.
func (e *Refused) Unwrap() error { return errCredential }

var errCredential = directory.Errorf(directory.Unauthenticated, "", "a valid bearer token is required in the Authorization header")

// Connection finds the connection whose token stands in an Authorization header and returns it as an actor. The word Bearer may
// be missing if the connection allows it. base is what the client calls us, such as https://chat.example.com.
//
// Errors: *Refused for a missing, unknown, expired or revoked token; Forbidden while the connection is disabled, with the
// actor that it would be.
//
// RFC 6750, section 2.1.
func (s *Service) Connection(ctx context.Context, base, authorization string) (directory.Actor, error) {
	scheme, secret, ok := strings.Cut(authorization, " ")
	bearer := ok && strings.EqualFold(scheme, "Bearer")
	if !bearer {
		secret = authorization
	}
	secret = strings.TrimSpace(secret)
	var (
		conn  directory.Connection
		token directory.TokenID
		err   error
	)
	switch {
	case len(secret) <= maxJWT && strings.Count(secret, ".") == 2:
		conn, token, err = s.jwt(ctx, base, secret)
	case secret == "" || len(secret) > maxToken:
		err = &Refused{Reason: "no token"}
	default:
		conn, token, err = s.opaque(ctx, secret)
	}
	if err != nil {
		return directory.Actor{}, err
	}
	if !bearer && !conn.Is(directory.BareToken) {
		return directory.Actor{}, &Refused{"no word Bearer, which bare_token=true would allow", conn.Name, token}
	}
	return actorOf(&conn, token)
}

// actorOf returns who a valid credential of a connection is. Errors: Forbidden while the connection is disabled, with the actor that
// it would be.
func actorOf(conn *directory.Connection, token directory.TokenID) (directory.Actor, error) {
	actor := directory.Actor{Name: "scim", Connection: conn.Row, ConnName: conn.Name, Extensions: conn.Extensions, Token: token}
	if !conn.Enabled {
		return actor, directory.Errorf(directory.Forbidden, "", "the connection %s is disabled", conn.Name)
	}
	return actor, nil
}
