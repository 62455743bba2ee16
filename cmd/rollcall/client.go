package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim"
	"github.com/rollcall-id/rollcall/scim/oauth"
	"github.com/rollcall-id/rollcall/store"
)

func (a *app) clientCommand() *cobra.Command {
	return noun("client", "OAuth clients, with which an identity provider gets short-lived access tokens",
		a.clientCreate(), a.clientList(), a.clientRevoke())
}

func (a *app) clientCreate() *cobra.Command {
	type made struct {
		ID       directory.TokenID `json:"client_id"`
		Secret   string            `json:"client_secret"`
		TokenURL string            `json:"token_url,omitempty"` // unknown while no server runs
	}
	var connection string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "create",
		Short: "Make a client and print its id and secret, once",
		Long: `Make a client and print its id and secret. The secret is kept nowhere, so this is the only time that it is seen. The client
gets access tokens at /oauth/token, by the OAuth 2.0 grant of client credentials.`,
		Example: `  rollcall client create --connection okta
  rollcall client create --connection okta --json`,
		RunE: a.do(func(c *call) error {
			client, secret, err := c.service.CreateClient(c.ctx, c.actor, connection)
			if err != nil {
				return err
			}
			m := made{ID: client.ID, Secret: secret}
			if base, ok := strings.CutSuffix(c.scimURL, scim.Base); ok {
				m.TokenURL = base + oauth.TokenPath
			}
			if c.json {
				return c.show(m)
			}
			return c.facts([2]string{"client_id", string(m.ID)}, [2]string{"client_secret", m.Secret}, [2]string{"token_url", m.TokenURL})
		}),
	})
	cmd.Flags().StringVar(&connection, "connection", "", "the connection that the client opens")
	require(cmd, "connection")
	return cmd
}

func (a *app) clientList() *cobra.Command {
	type row struct {
		ID         directory.TokenID `json:"id"`
		Connection string            `json:"connection"`
		Created    string            `json:"created"`
		Revoked    *string           `json:"revoked"`
	}
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the clients, without their secrets",
		Example: "  rollcall client list",
		RunE: a.do(func(c *call) error {
			rows := all(c, func(tx *store.Tx) (rows []row, err error) {
				clients, err := tx.Clients()
				for _, l := range clients {
					rows = append(rows, row{l.ID, l.ConnName, stamp(l.Created), moment(l.Revoked)})
				}
				return rows, err
			})
			return list(c, "ID|CONNECTION|CREATED|STATE", rows, func(r row) []string {
				state := "valid"
				if r.Revoked != nil {
					state = "revoked " + *r.Revoked
				}
				return []string{string(r.ID), r.Connection, r.Created, state}
			})
		}),
	})
}

func (a *app) clientRevoke() *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "End a client and its access tokens at once",
		Example: "  rollcall client revoke 06bq1s0v9g7p2k4m8n3r5t6w1x",
		RunE: a.do(func(c *call) error {
			id := directory.TokenID(c.args[0])
			err := c.service.RevokeClient(c.ctx, c.actor, id)
			if err == nil {
				return c.say("revoked the client %s", id)
			}
			var client directory.Client
			if c.db.View(c.ctx, func(tx *store.Tx) (err error) {
				client, _, err = tx.Client(id)
				return err
			}) != nil || client.Revoked.IsZero() {
				return err
			}
			return c.say("the client %s was revoked at %s", id, stamp(client.Revoked))
		}),
	}
}

func (a *app) keyCommand() *cobra.Command {
	return noun("key", "Keys, with which the server signs access tokens", a.keyList(), a.keyRotate())
}

func (a *app) keyList() *cobra.Command {
	type row struct {
		ID      directory.KeyID `json:"id"`
		Created string          `json:"created"`
		Signs   bool            `json:"signs"`
		Until   *string         `json:"until"` // tokens that it signed are valid; null while it signs
	}
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the keys, newest first; the private parts stay in the database",
		Example: "  rollcall key list",
		RunE: a.do(func(c *call) error {
			rows := all(c, func(tx *store.Tx) (rows []row, err error) {
				keys, err := tx.SigningKeys()
				keys = directory.LiveKeys(keys, c.db.Now())
				for i, k := range keys {
					rows = append(rows, row{k.ID, stamp(k.Created), i == 0, moment(directory.RetiredAt(keys, i))})
				}
				return rows, err
			})
			return list(c, "ID|CREATED|STATE", rows, func(r row) []string {
				state := "signs"
				if r.Until != nil {
					state = "counts until " + *r.Until
				}
				return []string{string(r.ID), r.Created, state}
			})
		}),
	})
}

func (a *app) keyRotate() *cobra.Command {
	var dropOld bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make a new key to sign with",
		Long: `Make a new key to sign with. The server does so by itself every 90 days. Access tokens of the former key stay valid for their
hour. After a leak use --drop-old: every access token ends at once, and clients get new ones with their secret.`,
		Example: `  rollcall key rotate
  rollcall key rotate --drop-old`,
		RunE: a.do(func(c *call) error {
			k, err := c.service.RotateSigningKey(c.ctx, c.actor, dropOld)
			if err != nil {
				return err
			}
			until := directory.RetiredAt([]directory.SigningKey{k, {}}, 1) // as the list says it
			former := "the former one counts until " + stamp(until) + ", when the last of its access tokens has ended"
			if dropOld {
				former = "every access token so far has ended"
			}
			return c.say("the key %s signs from now on; %s", k.ID, former)
		}),
	}
	cmd.Flags().BoolVar(&dropOld, "drop-old", false, "remove the former keys, so that all access tokens end")
	return cmd
}
