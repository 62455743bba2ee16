package main

import (
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
					rows = append(rows, row{k.ID, k.ConnName, k.Field, k.Value, k.AccountID, k.Detail, stamp(k.Created)})
				}
				return rows, err
			})
			return list(c, "TIME|CONNECTION|FIELD|VALUE|HELD BY|DETAIL|ID", rows, func(r row) []string {
				return []string{r.Time, r.Connection, r.Field, r.Value, string(r.Account), r.Detail, string(r.ID)}
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
				if err := c.service.ResolveConflict(c.ctx, c.actor, directory.ConflictID(args[0]), adopt); err != nil {
					return err
				}
				if adopt {
					return c.say("the account passes when the connection pushes the person again")
				}
				return c.say("forgot the conflict %s", args[0])
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&adopt, "adopt", false, "let the claimant have the account")
	cmd.Flags().BoolVar(&dismiss, "dismiss", false, "forget the conflict")
	return cmd
}
