package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func (a *app) sessionCommand() *cobra.Command {
	return noun("session", "Sessions: the browsers in which people are signed in", a.sessionList(), a.sessionRevoke())
}

type sessionRow struct {
	ID         directory.SessionID `json:"id"`
	Username   string              `json:"username"`
	Connection string              `json:"connection"` // empty for a password
	Agent      string              `json:"agent"`
	Created    string              `json:"created"`
	Used       string              `json:"used"`
	Expires    string              `json:"expires"`
}

// sessionRows returns a page of sessions, of an account or of all, without those that have ended by their age.
func sessionRows(c *call, tx *store.Tx, account, after directory.Row) (rows []sessionRow, last directory.Row, err error) {
	sessions, err := tx.Sessions(account, after, pageSize)
	if err != nil {
		return nil, after, err
	}
	var accounts []directory.Row
	for _, s := range sessions {
		accounts, after = append(accounts, s.Account), s.Row
	}
	people, err := tx.PlacesOf(accounts...)
	for _, s := range sessions {
		if s.Valid(c.db.Now()) {
			rows = append(rows, sessionRow{s.ID, people[s.Account].Username, s.Connected, s.Agent, stamp(s.Created), stamp(s.Used), stamp(s.Expires)})
		}
	}
	return rows, after, err
}

// accountRow returns the row of the account of that name, zero for no name.
func (c *call) accountRow(name string) (row directory.Row, err error) {
	if name == "" {
		return 0, nil
	}
	err = c.db.View(c.ctx, func(tx *store.Tx) error {
		account, err := tx.FindAccount(name)
		row = account.Row
		return err
	})
	return row, err
}

func (a *app) sessionList() *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the sessions, oldest first",
		Example: `  rollcall session list
  rollcall session list --user alice --json`,
		RunE: a.do(func(c *call) error {
			account, err := c.accountRow(user)
			if err != nil {
				return err
			}
			rows := pages(c, func(tx *store.Tx, after directory.Row) ([]sessionRow, directory.Row, error) {
				return sessionRows(c, tx, account, after)
			})
			return list(c, "USERNAME|BY|CREATED|USED|BROWSER|ID", rows, func(r sessionRow) []string {
				return []string{r.Username, cmp.Or(r.Connection, "password"), r.Created, r.Used, r.Agent, string(r.ID)}
			})
		}),
	}
	cmd.Flags().StringVar(&user, "user", "", "only those of this account")
	return a.jsonFlag(cmd)
}

func (a *app) sessionRevoke() *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:   "revoke [ID]",
		Short: "End a session, or all of an account",
		Long:  `End a session, or all of an account, at once. Personal tokens of the person go on; deactivating the account ends both.`,
		Example: `  rollcall session revoke 06bq1s0v9g7p2k4m8n3r5t6w1x
  rollcall session revoke --user alice`,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if (len(args) == 0) == (user == "") {
			return misused(cmd, "either the ID of a session or --user is needed")
		}
		return a.do(func(c *call) error {
			if user == "" {
				s, err := c.service.EndSession(c.ctx, c.actor, 0, directory.SessionID(c.args[0]))
				if err != nil {
					return err
				}
				return c.say("ended the session %s", s.ID)
			}
			account, err := c.accountRow(user)
			if err != nil {
				return err
			}
			n, err := c.service.EndSessions(c.ctx, c.actor, account, "")
			if err != nil {
				return err
			}
			return c.say("ended %s", count(int64(n), "session", "sessions"))
		})(cmd, args)
	}
	cmd.Flags().StringVar(&user, "user", "", "all of this account")
	return cmd
}
