package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim"
	"github.com/rollcall-id/rollcall/store"
)

// What --dev makes, and what its lines push.
const (
	devConnection = "dev"
	devTeam       = "eng"
	devChannel    = "backend"
	devGroup      = "Engineering"
	devUser       = "alice"
)

// introduce makes what one needs to try the server and prints how.
func (s *server) introduce(ctx context.Context, address string) error {
	token, err := s.makeDev(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stdout, `
SCIM URL  %s
token     %s

Paste these lines, one after the other, into another terminal in this folder. They push a user, put the user into a group that
is linked to a team and a channel, and deactivate the user; each shows what came of it.

%s

To begin anew: stop the server and %s
`, s.scimURL, token, strings.Join(devLines(address+scim.Base, token, s.showUser()), "\n\n"), s.anew())
	return err
}

// makeDev makes the connection, the team, the channel and the link, where they are missing, and a token that takes the place of
// the former ones.
func (s *server) makeDev(ctx context.Context) (token string, err error) {
	actor := s.actor()
	_, err = s.service.CreateConnection(ctx, actor, devConnection, "", nil)
	if err := unlessThere(err); err != nil {
		return "", err
	}
	_, err = s.service.CreateTeam(ctx, actor, directory.Team{Name: devTeam, DisplayName: devGroup, Type: directory.Open})
	if err := unlessThere(err); err != nil {
		return "", err
	}
	_, err = s.service.CreateChannel(ctx, actor, devTeam, directory.Channel{Name: devChannel, DisplayName: "Backend", Type: directory.Open})
	if err := unlessThere(err); err != nil {
		return "", err
	}
	_, err = s.service.CreateLink(ctx, actor, devConnection, devGroup, devTeam, devChannel, directory.RoleMember)
	if err := unlessThere(err); err != nil {
		return "", err
	}
	if err := s.revokeDev(ctx, actor); err != nil {
		return "", err
	}
	_, token, err = s.service.CreateToken(ctx, actor, devConnection, 0)
	return token, err
}

func unlessThere(err error) error {
	if directory.Is(err, directory.Conflict) {
		return nil
	}
	return err
}

func (s *server) revokeDev(ctx context.Context, actor directory.Actor) error {
	var tokens []directory.Token
	err := s.db.View(ctx, func(tx *store.Tx) error {
		conn, err := tx.Connection(devConnection)
		if err != nil {
			return err
		}
		tokens, err = tx.Tokens(conn.Row)
		return err
	})
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if !t.Valid(s.db.Now()) {
			continue
		}
		if err := s.service.RevokeToken(ctx, actor, t.ID); err != nil {
			return err
		}
	}
	return nil
}

// anew is how one gets rid of everything.
func (s *server) anew() string {
	if s.database != "" {
		return "empty the database of --database."
	}
	return "remove the folder " + quote(absolute(s.data))
}

// showUser is the command that shows the user, as one types it here.
func (s *server) showUser() string {
	where := " --data " + quote(s.data)
	if s.database != "" {
		where = " --database " + quote(s.database)
	}
	return quote(s.program) + " user show " + devUser + where
}

// devLines are what one pastes. Each stands alone: the second and third ask for the id of the user.
func devLines(base, token, show string) []string {
	email := devUser + "@example.com"
	curl := "curl -sS -H 'Authorization: Bearer " + token + "'"
	send := curl + " -H 'Content-Type: application/scim+json'"
	id := `'"$(` + curl + ` '` + base + `/Users?filter=userName%20eq%20%22` + email + `%22' | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')"'`
	end := " && echo && " + show
	return []string{
		send + ` '` + base + `/Users' -d '{"userName":"` + email + `","name":{"givenName":"Alice","familyName":"Archer"},"active":true}'` + end,
		send + ` '` + base + `/Groups' -d '{"displayName":"` + devGroup + `","members":[{"value":"` + id + `"}]}'` + end,
		send + ` -X PATCH '` + base + `/Users/` + id + `' -d '{"Operations":[{"op":"replace","path":"active","value":false}]}'` + end,
	}
}

// quote makes a word that a shell takes as it is.
func quote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("./-_:@", r))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
