package main

import (
	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

func (a *app) identityCommand() *cobra.Command {
	return noun("identity", "Identities: what connections know of people, and the accounts that they are bound to",
		a.identityList(), a.identityBind(), a.identityRebind(), a.identityUnbind())
}

func (a *app) identityList() *cobra.Command {
	type row struct {
		Connection string               `json:"connection"`
		ID         directory.IdentityID `json:"id"`
		UserName   string               `json:"user_name"`
		ExternalID string               `json:"external_id"`
		Active     bool                 `json:"active"`
		Account    directory.AccountID  `json:"account"`
		Manages    bool                 `json:"manages"`
		username   string
	}
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the identities",
		Example: "  rollcall identity list",
		RunE: a.do(func(c *call) error {
			rows := pages(c, func(tx *store.Tx, after directory.Row) (rows []row, last directory.Row, err error) {
				names, err := connectionNames(tx)
				if err != nil {
					return nil, after, err
				}
				identities, err := tx.IdentitiesIn(0, after, pageSize)
				if err != nil {
					return nil, after, err
				}
				for _, i := range identities {
					var account directory.Account
					if i.Account != 0 {
						if account, err = tx.Account(i.Account); err != nil {
							return nil, after, err
						}
					}
					rows = append(rows, row{
						names[i.Connection], i.ID, i.UserName, i.ExternalID, i.Active, account.ID, i.Manages, account.Username,
					})
					after = i.Row
				}
				return rows, after, nil
			})
			return list(c, "CONNECTION|USERNAME|EXTERNAL ID|ACTIVE|ACCOUNT|MANAGES|ID", rows, func(r row) []string {
				return []string{r.Connection, r.UserName, r.ExternalID, yes(r.Active), r.username, yes(r.Manages), string(r.ID)}
			})
		}),
	})
}

func (a *app) identityBind() *cobra.Command {
	return &cobra.Command{
		Use:     "bind ID ACCOUNT",
		Short:   "Bind an identity that is bound to nothing to an account",
		Example: "  rollcall identity bind 06bq1s0v9g7p2k4m8n3r5t6w1x alice",
		RunE: a.do(func(c *call) error {
			if err := c.service.BindIdentity(c.ctx, c.actor, directory.IdentityID(c.args[0]), c.args[1]); err != nil {
				return err
			}
			return c.say("bound %s to %s", c.args[0], c.args[1])
		}),
	}
}

func (a *app) identityRebind() *cobra.Command {
	return &cobra.Command{
		Use:     "rebind ID ACCOUNT",
		Short:   "Move an identity to another account; the one that it managed is closed",
		Example: "  rollcall identity rebind 06bq1s0v9g7p2k4m8n3r5t6w1x alice",
		RunE: a.do(func(c *call) error {
			if err := c.service.RebindIdentity(c.ctx, c.actor, directory.IdentityID(c.args[0]), c.args[1]); err != nil {
				return err
			}
			return c.say("bound %s to %s", c.args[0], c.args[1])
		}),
	}
}

func (a *app) identityUnbind() *cobra.Command {
	return &cobra.Command{
		Use:     "unbind ID",
		Short:   "Part an identity from its account, which stays as it is",
		Example: "  rollcall identity unbind 06bq1s0v9g7p2k4m8n3r5t6w1x",
		RunE: a.do(func(c *call) error {
			if err := c.service.UnbindIdentity(c.ctx, c.actor, directory.IdentityID(c.args[0])); err != nil {
				return err
			}
			return c.say("%s is bound to nothing", c.args[0])
		}),
	}
}

func (a *app) adoptCommand() *cobra.Command {
	var connection, match string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "adopt",
		Short: "Let a connection take over the accounts that no connection manages",
		Long: `Let a connection take over the accounts that no connection manages. Each account passes when the connection pushes the person
that matches.`,
		Example: "  rollcall adopt --connection okta --match email --dry-run",
		RunE: a.do(func(c *call) error {
			plan, err := c.service.Adopt(c.ctx, c.actor, connection, provision.Match(match), dryRun)
			if err != nil {
				return err
			}
			return c.showPlan(plan, match, dryRun)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&connection, "connection", "", "the connection that shall manage the accounts")
	f.StringVar(&match, "match", "", "by what a person is recognised: email or username")
	f.BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	require(cmd, "connection", "match")
	return a.jsonFlag(cmd)
}

// showPlan tells what becomes of each account of a plan.
func (c *call) showPlan(plan []provision.Adoption, match string, dryRun bool) error {
	type row struct {
		Account  directory.AccountID  `json:"account"`
		Username string               `json:"username"`
		Email    string               `json:"email"`
		Key      string               `json:"key"`
		Identity directory.IdentityID `json:"identity"`
		Problem  string               `json:"problem"`
	}
	var rows []row
	for _, p := range plan {
		rows = append(rows, row{p.Account.ID, p.Account.Username, p.Account.Email, p.Key, p.Bound, p.Problem})
	}
	err := list(c, "ACCOUNT|E-MAIL|RESULT", each(rows), func(r row) []string {
		result := "waits for the User with " + match + " " + r.Key
		if r.Problem != "" {
			result = "left alone: " + r.Problem
		} else if r.Identity != "" {
			result = "bound to " + string(r.Identity)
		}
		return []string{r.Username, r.Email, result}
	})
	if dryRun && err == nil {
		c.note("nothing was changed; type it without --dry-run to do it")
	}
	return err
}
