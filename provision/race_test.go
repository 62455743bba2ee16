package provision_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// together runs all of fns at once and returns their errors.
func together(fns ...func() error) []error {
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	start := make(chan struct{})
	for n, fn := range fns {
		wg.Go(func() {
			<-start
			errs[n] = fn()
		})
	}
	close(start)
	wg.Wait()
	return errs
}

func (h *house) mustAll(errs []error) {
	h.t.Helper()
	for _, err := range errs {
		if err != nil {
			h.t.Errorf("%v", err)
		}
	}
}

func TestGroup_keeps_every_change_of_32_who_add_and_remove_members_at_once(t *testing.T) {
	each(t, "okta", func(h *house) {
		const writers = 32
		ids := h.users(2 * writers)
		h.team("eng")
		h.link("G", "eng", "")
		g := h.group("G", ids[writers:]...)
		var all []func() error
		for n := range writers {
			all = append(all, func() error {
				for round := range 3 {
					edits := append(add(ids[n]), drop(ids[writers+n])...)
					if round == 1 {
						edits = append(drop(ids[n]), add(ids[writers+n])...)
					}
					if _, err := h.s.UpdateGroup(h.ctx(), h.okta, g.ID, 0, directory.GroupEdit{Members: edits}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		h.mustAll(together(all...))
		want := slices.Sorted(slices.Values(ids[:writers]))
		if got := h.memberIDs(g); !slices.Equal(got, want) {
			t.Errorf("the group has %d members %v, want %v", len(got), got, want)
		}
		h.view(func(tx *store.Tx) error {
			now, err := tx.Group(h.okta.Connection, g.ID)
			if now.Version != 1+3*writers {
				t.Errorf("the version is %d", now.Version)
			}
			return err
		})
		h.consistent()
	})
}

func TestIdentity_of_64_equal_creations_is_made_once(t *testing.T) {
	each(t, "okta", func(h *house) {
		all := make([]func() error, 64)
		for n := range all {
			all[n] = func() error {
				_, err := h.s.CreateIdentity(h.ctx(), h.okta, person{userName: "jo@x.test", externalID: "1"}.edit())
				return err
			}
		}
		made := 0
		for _, err := range together(all...) {
			if err == nil {
				made++
				continue
			}
			h.fails(err, directory.Conflict, "")
		}
		if made != 1 {
			t.Errorf("%d were made", made)
		}
		h.view(func(tx *store.Tx) error {
			accounts, err := tx.Accounts(0, 10)
			if len(accounts) != 1 {
				t.Errorf("there are %d accounts", len(accounts))
			}
			return err
		})
		if k := h.conflicts(); len(k) != 0 {
			t.Errorf("conflicts: %v", k)
		}
	})
}

func TestUsername_that_32_want_at_once_is_numbered_for_each(t *testing.T) {
	each(t, "okta", func(h *house) {
		const n = 32
		var all []func() error
		for k := range n {
			all = append(all, func() error {
				_, err := h.s.CreateIdentity(h.ctx(), h.okta, person{userName: fmt.Sprintf("info@%d.test", k), externalID: fmt.Sprint(k)}.edit())
				return err
			})
		}
		h.mustAll(together(all...))
		h.account("info")
		for k := 2; k <= n; k++ {
			h.account(fmt.Sprintf("info%d", k))
		}
	})
}

func TestIdentity_keeps_both_of_two_changes_at_once(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		for round := range 20 {
			first, last := fmt.Sprint("first", round), fmt.Sprint("last", round)
			h.mustAll(together(
				func() error {
					_, err := h.s.UpdateIdentity(h.ctx(), h.okta, i.ID, 0, func(i *directory.Identity) error { i.Profile.FirstName = first; return nil })
					return err
				},
				func() error {
					_, err := h.s.UpdateIdentity(h.ctx(), h.okta, i.ID, 0, func(i *directory.Identity) error { i.Profile.LastName = last; return nil })
					return err
				},
			))
			if a := h.accountOf(i); a.FirstName != first || a.LastName != last {
				t.Fatalf("round %d: the account is %s %s", round, a.FirstName, a.LastName)
			}
		}
		if v := h.identity(i.ID).Version; v != 41 {
			t.Errorf("the version is %d", v)
		}
	})
}

// races are changes that meet on one member, one group or one link. Whatever their order, the reasons must be those that the
// rows want in the end.
func TestReasons_are_exact_after_changes_that_meet(t *testing.T) {
	for name, c := range map[string]struct {
		before func(h *house, n int)
		both   func(h *house, n int) []func() error
	}{
		"a deactivation, a new link and a new member": {
			func(h *house, n int) { h.user(fmt.Sprint("u", n)); h.group(fmt.Sprint("G", n)) },
			func(h *house, n int) []func() error {
				return []func() error{h.deactivates(n), h.links(n), h.adds(n)}
			},
		},
		"a new group and a link for it": {
			func(h *house, n int) { h.user(fmt.Sprint("u", n)) },
			func(h *house, n int) []func() error { return []func() error{h.creates(n), h.links(n)} },
		},
		"a new group and a rule for it": {
			func(h *house, n int) { h.user(fmt.Sprint("u", n)) },
			func(h *house, n int) []func() error {
				return []func() error{h.creates(n), func() error {
					_, err := h.s.CreateRule(h.ctx(), h.admin, "okta", directory.Rule{Pattern: fmt.Sprintf("G%d", n), Team: fmt.Sprintf("t-%d", n), Role: 1, Make: true})
					return err
				}}
			},
		},
		"two new groups that a rule gives one new team": {
			func(h *house, n int) { h.rule(fmt.Sprintf("R%d {x}", n), fmt.Sprintf("r-%d", n), "{x}", true) },
			func(h *house, n int) []func() error {
				return []func() error{
					func() error {
						_, err := h.s.CreateGroup(h.ctx(), h.okta, directory.GroupEdit{DisplayName: new(fmt.Sprintf("R%d a", n))})
						return err
					},
					func() error {
						_, err := h.s.CreateGroup(h.ctx(), h.okta, directory.GroupEdit{DisplayName: new(fmt.Sprintf("R%d b", n))})
						return err
					},
				}
			},
		},
		"two new groups of two connections that rules give one new team": {
			func(h *house, n int) {
				for _, name := range []string{"okta", h.connect(fmt.Sprint("c", n), "okta").ConnName} {
					_, err := h.s.CreateRule(h.ctx(), h.admin, name, directory.Rule{Pattern: fmt.Sprintf("S%d", n), Team: fmt.Sprintf("s-%d", n), Channel: "one", Role: 1, Make: true})
					h.must(err)
				}
			},
			func(h *house, n int) []func() error {
				conn := h.connection(fmt.Sprint("c", n))
				create := func(actor directory.Actor) func() error {
					return func() error {
						_, err := h.s.CreateGroup(h.ctx(), actor, directory.GroupEdit{DisplayName: new(fmt.Sprintf("S%d", n))})
						return err
					}
				}
				return []func() error{create(h.okta), create(directory.Actor{Name: "scim", Connection: conn.Row, ConnName: conn.Name})}
			},
		},
		"a rename and a link for the new name": {
			func(h *house, n int) {
				h.group(fmt.Sprint("old", n), string(h.user(fmt.Sprint("u", n)).ID))
			},
			func(h *house, n int) []func() error {
				return []func() error{h.links(n), h.renames(n)}
			},
		},
		"a removed link and a new member": {
			func(h *house, n int) {
				h.user(fmt.Sprint("u", n))
				h.group(fmt.Sprint("G", n))
				h.must(h.links(n)())
			},
			func(h *house, n int) []func() error {
				return []func() error{h.adds(n), h.unlinks(n)}
			},
		},
		"a removed rule and a new member": {
			func(h *house, n int) {
				h.user(fmt.Sprint("u", n))
				h.rule(fmt.Sprint("G", n), "eng", "", false)
				h.group(fmt.Sprint("G", n))
			},
			func(h *house, n int) []func() error {
				return []func() error{h.adds(n), h.unrules(n)}
			},
		},
		"a removed rule and a new group": {
			func(h *house, n int) { h.user(fmt.Sprint("u", n)); h.rule(fmt.Sprint("G", n), "eng", "", false) },
			func(h *house, n int) []func() error { return []func() error{h.creates(n), h.unrules(n)} },
		},
		"a group taken out of a linked one and a new member of it": {
			func(h *house, n int) {
				h.user(fmt.Sprint("u", n))
				h.group(fmt.Sprint("P", n), string(h.group(fmt.Sprint("G", n)).ID))
				h.link(fmt.Sprint("P", n), "eng", "")
			},
			func(h *house, n int) []func() error {
				return []func() error{h.adds(n), h.edits(fmt.Sprint("P", n), directory.MemberEdit{Op: directory.ClearMembers})}
			},
		},
		"a removed group between a linked one and one with a new member": {
			func(h *house, n int) {
				h.user(fmt.Sprint("u", n))
				h.group(fmt.Sprint("P", n), string(h.group(fmt.Sprint("M", n), string(h.group(fmt.Sprint("G", n)).ID)).ID))
				h.link(fmt.Sprint("P", n), "eng", "")
			},
			func(h *house, n int) []func() error {
				return []func() error{h.adds(n), func() error { return h.s.RemoveGroup(h.ctx(), h.okta, h.found(fmt.Sprint("M", n)).ID, 0) }}
			},
		},
		"a binding and a new member": {
			func(h *house, n int) {
				i := h.user(fmt.Sprint("u", n))
				h.group(fmt.Sprint("G", n))
				h.must(h.links(n)())
				h.must(h.s.UnbindIdentity(h.ctx(), h.admin, i.ID))
			},
			func(h *house, n int) []func() error {
				return []func() error{h.adds(n), func() error {
					return h.s.BindIdentity(h.ctx(), h.admin, h.named(n).ID, fmt.Sprint("u", n))
				}}
			},
		},
		"a removed user and its membership": {
			func(h *house, n int) {
				h.user(fmt.Sprint("u", n))
				h.group(fmt.Sprint("G", n))
				h.must(h.links(n)())
			},
			func(h *house, n int) []func() error {
				id := h.named(n).ID
				return []func() error{h.adds(n), func() error { return h.s.RemoveIdentity(h.ctx(), h.okta, id, 0) }}
			},
		},
		"two groups that become members of each other": {
			func(h *house, n int) { h.group(fmt.Sprint("A", n)); h.group(fmt.Sprint("B", n)) },
			func(h *house, n int) []func() error {
				a, b := h.found(fmt.Sprint("A", n)), h.found(fmt.Sprint("B", n))
				return []func() error{
					orInvalid(h.edits(a.DisplayName, add(string(b.ID))...)),
					orInvalid(h.edits(b.DisplayName, add(string(a.ID))...)),
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, "okta", func(h *house) {
				h.team("eng")
				for n := range 16 {
					c.before(h, n)
					h.mustAll(together(staggered(n, c.both(h, n))...))
					h.noCycle()
				}
				h.finish()
				h.consistent()
			})
		})
	}
}

// staggered lets one or the other begin a little later, in each round by another time.
func staggered(round int, fns []func() error) []func() error {
	late := fns[round%len(fns)]
	fns[round%len(fns)] = func() error {
		time.Sleep(time.Duration(round) * 250 * time.Microsecond)
		return late()
	}
	return fns
}

func orInvalid(fn func() error) func() error {
	return func() error {
		err := fn()
		if e, ok := err.(*directory.Error); ok && e.Kind == directory.Invalid {
			return nil
		}
		return err
	}
}

func (h *house) named(n int) (i directory.Identity) {
	h.view(func(tx *store.Tx) error {
		found, err := tx.Claimants(h.okta.Connection, "", fmt.Sprintf("u%d@x.test", n))
		i = found[0]
		return err
	})
	return i
}

func (h *house) found(name string) (g directory.Group) {
	h.view(func(tx *store.Tx) error {
		groups, err := tx.FindGroups(h.okta.Connection, name)
		g = groups[0]
		return err
	})
	return g
}

func (h *house) noCycle() {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		groups, err := tx.GroupsIn(0, 0, 1000)
		for _, g := range groups {
			parents, err := tx.ParentsOf(g.Row)
			if err != nil {
				return err
			}
			down, err := tx.Below([]directory.Row{g.Row})
			if err != nil {
				return err
			}
			for _, p := range parents {
				if slices.Contains(down, p) {
					h.t.Fatalf("%s is in itself", g.DisplayName)
				}
			}
		}
		return err
	})
}

func (h *house) creates(n int) func() error {
	member := string(h.named(n).ID)
	return func() error {
		_, err := h.s.CreateGroup(h.ctx(), h.okta, directory.GroupEdit{DisplayName: new(fmt.Sprint("G", n)), Members: add(member)})
		return err
	}
}

func (h *house) edits(group string, edits ...directory.MemberEdit) func() error {
	g := h.found(group)
	return func() error {
		_, err := h.s.UpdateGroup(h.ctx(), h.okta, g.ID, 0, directory.GroupEdit{Members: edits})
		return err
	}
}

func (h *house) adds(n int) func() error {
	return h.edits(fmt.Sprint("G", n), add(string(h.named(n).ID))...)
}

func (h *house) renames(n int) func() error {
	g := h.found(fmt.Sprint("old", n))
	return func() error {
		_, err := h.s.UpdateGroup(h.ctx(), h.okta, g.ID, 0, directory.GroupEdit{DisplayName: new(fmt.Sprint("G", n))})
		return err
	}
}

func (h *house) links(n int) func() error {
	return func() error {
		_, err := h.s.CreateLink(h.ctx(), h.admin, "okta", fmt.Sprint("G", n), "eng", "", directory.RoleMember)
		return err
	}
}

func (h *house) unlinks(n int) func() error {
	var links []directory.Link
	h.view(func(tx *store.Tx) (err error) {
		links, err = tx.LinksNamed(h.okta.Connection, fmt.Sprint("G", n))
		return err
	})
	return func() error { return h.s.RemoveLink(h.ctx(), h.admin, links[0].ID) }
}

func (h *house) unrules(int) func() error {
	var rules []directory.Rule
	h.view(func(tx *store.Tx) (err error) { rules, err = tx.Rules(0); return err })
	return func() error { return h.s.RemoveRule(h.ctx(), h.admin, rules[len(rules)-1].ID) }
}

func (h *house) deactivates(n int) func() error {
	i := h.named(n)
	return func() error {
		_, err := h.s.UpdateIdentity(h.ctx(), h.okta, i.ID, 0, setActive(false))
		return err
	}
}
