package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func (a *app) conflictCommand() *cobra.Command {
	return noun("conflict", "Conflicts: two claims on one thing, of which nothing was done", a.conflictList(), a.conflictResolve())
}

func (a *app) conflictList() *cobra.Command {
	type row struct {
		ID         directory.ConflictID `json:"id"`
		Connection string               `json:"connection"`
		Field      string               `json:"field"`
		Value      string               `json:"value"`
		Account    directory.AccountID  `json:"account"`
		Username   string               `json:"account_name"`
		Detail     string               `json:"detail"`
		Time       string               `json:"time"`
	}
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the conflicts that wait for a decision",
		Example: "  rollcall conflict list",
		RunE: a.do(func(c *call) error {
			rows := all(c, func(tx *store.Tx) (rows []row, err error) {
				conflicts, err := tx.Conflicts()
				for _, k := range conflicts {
					var holder directory.Account
					if k.Account != 0 {
						if holder, err = tx.Account(k.Account); err != nil {
							return nil, err
						}
					}
					rows = append(rows, row{k.ID, k.ConnName, k.Field, k.Value, holder.ID, holder.Username, k.Detail, stamp(k.Created)})
				}
				return rows, err
			})
			return list(c, "TIME|CONNECTION|FIELD|VALUE|HELD BY|DETAIL|ID", rows, func(r row) []string {
				return []string{r.Time, r.Connection, r.Field, r.Value, r.Username, r.Detail, string(r.ID)}
			})
		}),
	})
}

func (a *app) conflictResolve() *cobra.Command {
	var adopt, dismiss bool
	cmd := &cobra.Command{
		Use:   "resolve ID",
		Short: "Decide a conflict",
		Long: `Decide a conflict. With --adopt the claimant may have the account: it passes when the connection pushes the person again. With
--dismiss the conflict is forgotten until it happens again.`,
		Example: `  rollcall conflict resolve 06bq1s0v9g7p2k4m8n3r5t6w1x --adopt
  rollcall conflict resolve 06bq1s0v9g7p2k4m8n3r5t6w1x --dismiss`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if adopt == dismiss {
				return misused(cmd, "either --adopt or --dismiss is needed")
			}
			return a.do(func(c *call) error {
				id := directory.ConflictID(args[0])
				done, err := "forgot the conflict "+args[0], error(nil)
				if adopt {
					done, err = c.whatPasses(id)
				}
				if err != nil {
					return err
				}
				if err := c.service.ResolveConflict(c.ctx, c.actor, id, adopt); err != nil {
					return err
				}
				return c.say("%s", done)
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&adopt, "adopt", false, "let the claimant have the account")
	cmd.Flags().BoolVar(&dismiss, "dismiss", false, "forget the conflict")
	return cmd
}

// whatPasses tells which account passes from whom to whom when a claim is granted; nothing if it cannot be.
func (c *call) whatPasses(id directory.ConflictID) (text string, err error) {
	err = c.db.View(c.ctx, func(tx *store.Tx) error {
		conflicts, err := tx.Conflicts()
		if err != nil {
			return err
		}
		for _, k := range conflicts {
			if k.ID != id || k.Account == 0 {
				continue
			}
			holder, err := tx.Account(k.Account)
			if err != nil {
				return err
			}
			manager, err := managerOf(tx, k.Account)
			text = fmt.Sprintf("%s (managed by %s) may be taken over by %s %s at its next push", holder.Username, manager, k.ConnName, k.Value)
			return err
		}
		return nil
	})
	return text, err
}
