package store_test

import (
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

// It is asked inside every change of an administrator's, so it is not to look at all accounts.
func TestTx_BreakGlass_looks_at_administrators_alone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		update(t, db, func(tx *store.Tx) error {
			if _, err := tx.BreakGlass(); err != nil {
				return err
			}
			explain := "explain query plan "
			if db.OnPostgres() {
				explain = "explain "
				if _, err := tx.Exec("set local enable_seqscan = off"); err != nil { // it would read a small table whole
					return err
				}
			}
			plan, err := tx.Explained(explain + db.Ran("join password p on p.account = a.row_id"))
			if !strings.Contains(plan, "account_admin") {
				t.Errorf("the plan is\n%s", plan)
			}
			return err
		})
	})
}
