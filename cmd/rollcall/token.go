package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func (a *app) tokenCommand() *cobra.Command {
	return noun("token", "Tokens, with which an identity provider authenticates", a.tokenCreate(), a.tokenList(), a.tokenRevoke())
}

// span is the value of a flag: a number of seconds, minutes, hours, days or weeks.
type span time.Duration

func (s *span) Set(text string) error {
	d, ok := directory.ParseSpan(text)
	if !ok {
		return directory.Errorf(directory.Invalid, "", "use a form such as 90d, 12w or 24h, up to 100 years")
	}
	*s = span(d)
	return nil
}

func (s *span) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatInt(int64(time.Duration(*s)/time.Second), 10) + "s"
}

func (s *span) Type() string { return "time" }

func (a *app) tokenCreate() *cobra.Command {
	var connection string
	var expires span
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token and print it, once",
		Long:  "Make a token and print it. It is kept nowhere, so this is the only time that it is seen.",
		Example: `  rollcall token create --connection okta
  rollcall token create --connection okta --expires 90d`,
		RunE: a.do(func(c *call) error {
			_, secret, err := c.service.CreateToken(c.ctx, c.actor, connection, time.Duration(expires))
			if err != nil {
				return err
			}
			if c.scimURL != "" {
				c.note("SCIM URL %s", c.scimURL)
			}
			return c.say("%s", secret)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&connection, "connection", "", "the connection that the token opens")
	f.Var(&expires, "expires", "how long it opens it, such as 90d, 12w or 24h; without, for ever")
	require(cmd, "connection")
	return cmd
}

func (a *app) tokenList() *cobra.Command {
	type row struct {
		ID         directory.TokenID `json:"id"`
		Connection string            `json:"connection"`
		Valid      bool              `json:"valid"`
		Created    string            `json:"created"`
		Expires    *string           `json:"expires"`
		Revoked    *string           `json:"revoked"`
		Expiring   bool              `json:"expiring"`
	}
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the tokens, without their secrets",
		Example: "  rollcall token list",
		RunE: a.do(func(c *call) error {
			rows := all(c, func(tx *store.Tx) (rows []row, err error) {
				tokens, err := tx.Tokens(0)
				for _, t := range tokens {
					now := c.db.Now()
					expiring := t.Valid(now) && !t.Expires.IsZero() && t.Expires.Sub(now) <= directory.FirstWarning
					rows = append(rows, row{t.ID, t.ConnName, t.Valid(now), stamp(t.Created), moment(t.Expires), moment(t.Revoked), expiring})
				}
				return rows, err
			})
			return list(c, "ID|CONNECTION|CREATED|STATE", rows, func(r row) []string {
				state := "valid for ever"
				switch {
				case r.Revoked != nil:
					state = "revoked " + *r.Revoked
				case r.Expiring:
					state = "expires soon, " + *r.Expires
				case r.Expires != nil && r.Valid:
					state = "valid until " + *r.Expires
				case r.Expires != nil:
					state = "expired " + *r.Expires
				}
				return []string{string(r.ID), r.Connection, r.Created, state}
			})
		}),
	})
}

func (a *app) tokenRevoke() *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "End a token at once",
		Example: "  rollcall token revoke 06bq1s0v9g7p2k4m8n3r5t6w1x",
		RunE: a.do(func(c *call) error {
			id := directory.TokenID(c.args[0])
			err := c.service.RevokeToken(c.ctx, c.actor, id)
			if err == nil {
				return c.say("revoked the token %s", id)
			}
			when, found := c.revokedAt(id)
			if !found {
				return err
			}
			return c.say("the token %s was revoked at %s", id, stamp(when))
		}),
	}
}

// revokedAt returns when a token was revoked, if it was.
func (c *call) revokedAt(id directory.TokenID) (when time.Time, found bool) {
	err := c.db.View(c.ctx, func(tx *store.Tx) error {
		tokens, err := tx.Tokens(0)
		for _, t := range tokens {
			if t.ID == id {
				when = t.Revoked
			}
		}
		return err
	})
	return when, err == nil && !when.IsZero()
}
