// Package login is every credential: who may speak to us, and as whom. It reads what provision wrote and changes nothing on its
// own. Every HTTP door calls it before it looks at a request's path.
package login

import (
	"context"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

// maxToken is the most bytes of a credential that are looked at.
const maxToken = 512

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
// be missing if the connection allows it.
//
// Errors: *Refused for a missing, unknown, expired or revoked token; Forbidden while the connection is disabled, with the
// actor that it would be.
//
// RFC 6750, section 2.1.
func Connection(ctx context.Context, db *store.DB, authorization string) (directory.Actor, error) {
	scheme, secret, ok := strings.Cut(authorization, " ")
	bearer := ok && strings.EqualFold(scheme, "Bearer")
	if !bearer {
		secret = authorization
	}
	secret = strings.TrimSpace(secret)
	if secret == "" || len(secret) > maxToken {
		return directory.Actor{}, &Refused{Reason: "no token"}
	}
	// Only hashes are compared, by an index: how long that takes says nothing of a token.
	hash := provision.HashToken(secret)
	t, conn, err := db.Token(ctx, hash)
	if directory.Is(err, directory.NotFound) {
		return directory.Actor{}, &Refused{Reason: "unknown token"}
	}
	if err != nil {
		return directory.Actor{}, err
	}
	actor := directory.Actor{Name: "scim", Connection: conn.Row, ConnName: conn.Name, Extensions: conn.Extensions, Token: t.ID}
	reason := ""
	switch {
	case !t.Revoked.IsZero():
		reason = "revoked token"
	case !t.Valid(db.Now()):
		reason = "expired token"
	case !bearer && !conn.Is(directory.BareToken):
		reason = "no word Bearer, which bare_token=true would allow"
	case !conn.Enabled:
		return actor, directory.Errorf(directory.Forbidden, "", "the connection %s is disabled", conn.Name)
	default:
		return actor, nil
	}
	return directory.Actor{}, &Refused{reason, conn.Name, t.ID}
}
