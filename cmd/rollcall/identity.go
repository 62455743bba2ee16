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
			id := directory.IdentityID(c.args[0])
			if _, _, err := c.binding(id); err != nil {
				return err
			}
			if err := c.service.BindIdentity(c.ctx, c.actor, id, c.args[1]); err != nil {
				return err
			}
			return c.sayBound(id, "")
		}),
	}
}

func (a *app) identityRebind() *cobra.Command {
	return &cobra.Command{
		Use:     "rebind ID ACCOUNT",
		Short:   "Move an identity to another account; the one that it managed is closed",
		Example: "  rollcall identity rebind 06bq1s0v9g7p2k4m8n3r5t6w1x alice",
		RunE: a.do(func(c *call) error {
			id := directory.IdentityID(c.args[0])
			before, account, err := c.binding(id)
			if err != nil {
				return err
			}
			if err := c.service.RebindIdentity(c.ctx, c.actor, id, c.args[1]); err != nil {
				return err
			}
			if !before.Manages {
				return c.sayBound(id, "")
			}
			return c.sayBound(id, "; "+account.Username+" is closed and its e-mail is free")
		}),
	}
}

// binding returns an identity and the account that it is bound to, if any. Errors: NotFound, which names the identity: the
// store's own answer does not.
func (c *call) binding(id directory.IdentityID) (i directory.Identity, account directory.Account, err error) {
	err = c.db.View(c.ctx, func(tx *store.Tx) error {
		i, err = tx.IdentityByID(id)
		if err != nil && unlessMissing(err) == nil {
			return directory.Errorf(directory.NotFound, "", "there is no identity %s", id)
		}
		if err != nil || i.Account == 0 {
			return err
		}
		account, err = tx.Account(i.Account)
		return err
	})
	return i, account, err
}

// sayBound tells which account an identity is bound to now, what else came of that, and who manages the account instead of it.
func (c *call) sayBound(id directory.IdentityID, consequence string) error {
	i, account, err := c.binding(id)
	if err != nil {
		return err
	}
	if !i.Manages {
		manager := ""
		if err := c.db.View(c.ctx, func(tx *store.Tx) (err error) {
			manager, err = managerOf(tx, account.Row)
			return err
		}); err != nil {
			return err
		}
		consequence += "; " + account.Username + " is still managed by " + manager
	}
	return c.say("bound %s to %s%s", id, account.Username, consequence)
}

// managerOf names the identity that manages an account by connection and userName, or says that none does.
func managerOf(tx *store.Tx, account directory.Row) (string, error) {
	identities, err := tx.IdentitiesOf(account)
	for _, i := range identities {
		if i.Manages {
			conn, err := tx.ConnectionAt(i.Connection)
			return conn.Name + " " + i.UserName, err
		}
	}
	return "no connection", err
}

func (a *app) identityUnbind() *cobra.Command {
	return &cobra.Command{
		Use:     "unbind ID",
		Short:   "Part an identity from its account, which stays as it is",
		Example: "  rollcall identity unbind 06bq1s0v9g7p2k4m8n3r5t6w1x",
		RunE: a.do(func(c *call) error {
			id := directory.IdentityID(c.args[0])
			_, account, err := c.binding(id)
			if err != nil {
				return err
			}
			if err := c.service.UnbindIdentity(c.ctx, c.actor, id); err != nil {
				return err
			}
			if err := c.say("%s is bound to nothing", id); err != nil {
				return err
			}
			return c.warnUnmanaged(&account)
		}),
	}
}

func (a *app) adoptCommand() *cobra.Command {
	var connection string
	match := choice{words: []string{string(provision.MatchEmail), string(provision.MatchUsername)}}
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "adopt",
		Short: "Let a connection take over the accounts that no connection manages",
		Long: `Let a connection take over the accounts that no connection manages. Each account passes when the connection pushes the person
that matches.`,
		Example: "  rollcall adopt --connection okta --match email --dry-run",
		RunE: a.do(func(c *call) error {
			plan, err := c.service.Adopt(c.ctx, c.actor, connection, provision.Match(match.value), dryRun)
			if err != nil {
				return err
			}
			return c.showPlan(plan, match.value, dryRun, "no account is without a connection")
		}),
	}
	f := cmd.Flags()
	f.StringVar(&connection, "connection", "", "the connection that shall manage the accounts")
	f.Var(&match, "match", "by what a person is recognised: email or username")
	f.BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	require(cmd, "connection", "match")
	return a.jsonFlag(cmd)
}

// showPlan tells what becomes of each account of a plan, or that there is none.
func (c *call) showPlan(plan []provision.Adoption, match string, dryRun bool, none string) error {
	if len(plan) == 0 && !c.json {
		return c.say("%s", none)
	}
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
		return []string{r.Username, mail(r.Account, r.Email), result}
	})
	if dryRun && err == nil {
		c.note("nothing was changed; type it without --dry-run to do it")
	}
	return err
}
