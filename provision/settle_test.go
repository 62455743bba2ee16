package provision_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

func (h *house) waiting() (n int64) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) { n, _, err = tx.Tasks(); return err })
	return n
}

func TestChange_of_more_than_a_thousand_accounts_is_finished_by_tasks_exactly_as_a_small_one(t *testing.T) {
	each(t, "okta", func(h *house) {
		ids := h.users(1100)
		h.team("eng")
		h.team("ops")
		h.channel("eng", "backend")
		g := h.group("Big", ids...)
		inner := h.group("Inner", ids[:1050]...)
		outer := h.group("Outer")
		if h.waiting() != 0 {
			t.Error("there are tasks without a link")
		}
		var l directory.Link
		for _, step := range []struct {
			name string
			do   func()
		}{
			{"a link", func() { l = h.link("Big", "eng", "backend") }},
			{"a group with a link that gets a group", func() { h.link("Outer", "ops", ""); h.members(outer.ID, add(string(inner.ID))) }},
			{"the removal of many members", func() { h.members(g.ID, drop(ids[:1040]...)) }},
			{"the same members again", func() { h.members(g.ID, replace(ids...)) }},
			{"the removal of the inner group", func() { h.must(h.s.RemoveGroup(h.ctx(), h.okta, inner.ID, 0)) }},
			{"the removal of the link", func() { h.must(h.s.RemoveLink(h.ctx(), h.admin, l.ID)) }},
			{"a link again, and its group deleted before the task ran", func() {
				h.link("Big", "ops", "")
				h.must(h.s.RemoveGroup(h.ctx(), h.okta, g.ID, 0))
			}},
			{"a group by the same name", func() { g = h.group("BIG", ids...) }},
			{"a new default channel", func() { h.channel("ops", "announcements") }},
		} {
			step.do()
			if h.waiting() == 0 {
				t.Errorf("%s left no task", step.name)
			}
			last := int64(-1)
			h.must(h.s.FinishTasks(h.ctx(), func(done int64) { last = done }))
			if h.waiting() != 0 || last < 0 {
				t.Errorf("%s: %d tasks left, %d done", step.name, h.waiting(), last)
			}
			if h.consistentFast(); t.Failed() {
				t.Fatal("after ", step.name)
			}
		}
		if e := h.events(string(g.ID)); e[0].Changes["in_background"] != true {
			t.Errorf("the event says %v", e[0].Changes)
		}
	})
}

// consistentFast is consistent for many accounts that all are in the same groups or not: it compares how many are where.
func (h *house) consistentFast() {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		want, err := desired(tx)
		if err != nil {
			return err
		}
		accounts, err := tx.Accounts(0, 1_000_000)
		if err != nil {
			return err
		}
		wrong := 0
		for _, a := range accounts {
			reasons, err := tx.Reasons(a.Row)
			if err != nil {
				return err
			}
			exact := len(reasons) == len(want[a.Row])
			for _, r := range reasons {
				exact = exact && want[a.Row][reason{r.Team, r.Channel, r.Kind, r.Link, r.Role}]
			}
			if !exact {
				wrong++
			}
		}
		if wrong > 0 {
			h.t.Errorf("%d of %d accounts have wrong reasons", wrong, len(accounts))
		}
		return nil
	})
}

func TestTask_goes_on_where_another_process_left_it(t *testing.T) {
	each(t, "okta", func(h *house) {
		ids := h.users(1100)
		h.team("eng")
		h.group("Big", ids...)
		h.link("Big", "eng", "")
		stop := fmt.Errorf("killed")
		func() {
			defer func() {
				if recover() != stop { //nolint:errorlint // the very value
					t.Error("it was not stopped")
				}
			}()
			_ = h.s.FinishTasks(h.ctx(), func(done int64) {
				if done > 100 {
					panic(stop)
				}
			})
		}()
		if h.waiting() != 1 {
			t.Fatal("the task is gone")
		}
		i := h.identity(directory.IdentityID(ids[len(ids)-1]))
		h.wantPlaces(i)
		other := provision.New(h.db, h.s.Log)
		h.must(other.FinishTasks(h.ctx(), nil))
		h.wantPlaces(i, inTeam("eng", "Big")...)
		h.consistentFast()
	})
}

func TestTask_and_changes_that_meet_it_end_in_exact_reasons(t *testing.T) {
	each(t, "okta", func(h *house) {
		ids := h.users(1200)
		h.team("eng")
		g := h.group("Big", ids[:1100]...)
		h.link("Big", "eng", "")
		member := func(edits []directory.MemberEdit) error {
			_, err := h.s.UpdateGroup(h.ctx(), h.okta, g.ID, 0, directory.GroupEdit{Members: edits})
			return err
		}
		h.mustAll(together(
			func() error { return h.s.FinishTasks(h.ctx(), nil) },
			func() error { return h.s.FinishTasks(h.ctx(), nil) },
			func() error {
				for n := range 50 {
					if err := member(append(drop(ids[n*20]), add(ids[1100+n])...)); err != nil {
						return err
					}
				}
				return nil
			},
			func() error {
				for n := range 50 {
					id := directory.IdentityID(ids[n*21+1])
					if _, err := h.s.UpdateIdentity(h.ctx(), h.okta, id, 0, setActive(false)); err != nil {
						return err
					}
					if n%2 == 0 {
						if err := h.s.RemoveIdentity(h.ctx(), h.okta, id, 0); err != nil {
							return err
						}
					}
				}
				return nil
			},
		))
		if h.waiting() != 0 {
			t.Error("tasks are left")
		}
		h.consistentFast()
	})
}

func TestLargeGroup_is_replaced_while_its_members_are_removed(t *testing.T) {
	each(t, "okta", func(h *house) {
		ids := h.users(1500)
		h.team("eng")
		h.link("Big", "eng", "")
		g := h.group("Big")
		h.mustAll(together(
			func() error {
				for range 3 {
					for _, edits := range [][]directory.MemberEdit{add(ids...), replace()} {
						if _, err := h.s.UpdateGroup(h.ctx(), h.okta, g.ID, 0, directory.GroupEdit{Members: edits}); err != nil {
							return err
						}
					}
				}
				_, err := h.s.UpdateGroup(h.ctx(), h.okta, g.ID, 0, directory.GroupEdit{Members: add(ids...)})
				return err
			},
			func() error {
				for id := range slices.Chunk(ids[1000:], 1) {
					if err := h.s.RemoveIdentity(h.ctx(), h.okta, directory.IdentityID(id[0]), 0); err != nil {
						return err
					}
				}
				return nil
			},
		))
		h.finish()
		h.wantMembers(g, slices.Clone(ids[:1000])...)
		h.consistentFast()
	})
}
