package login

import (
	"context"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
)

// opaque finds the connection that a token of ours belongs to, and the id of the token. Errors: *Refused.
func (s *Service) opaque(ctx context.Context, secret string) (directory.Connection, directory.TokenID, error) {
	// Only hashes are compared, by an index: how long that takes says nothing of a token.
	hash := provision.HashToken(secret)
	t, conn, err := s.DB.Token(ctx, hash)
	switch {
	case directory.Is(err, directory.NotFound):
		err = &Refused{Reason: "unknown token"}
	case err != nil:
	case !t.Revoked.IsZero():
		err = &Refused{"revoked token", conn.Name, t.ID}
	case !t.Valid(s.DB.Now()):
		err = &Refused{"expired token", conn.Name, t.ID}
	}
	return conn, t.ID, err
}
