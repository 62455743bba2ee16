package provision

import (
	"context"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// Adoption is one account in a plan to let a connection adopt accounts.
type Adoption struct {
	Account directory.Account
	Key     string // what an identity of the connection must have to adopt it
	Bound   directory.IdentityID
	Problem string // why it cannot be adopted; empty when it can
}

// Match says by what a connection's identities recognise the accounts that they may adopt.
type Match string

const (
	MatchEmail      Match = "email"      // the account's e-mail is the identity's
	MatchUsername   Match = "username"   // the account's username is what the connection's template makes
	MatchUserName   Match = "userName"   // the identity of the connection left has the same userName
	MatchExternalID Match = "externalId" // the identity of the connection left has the same externalId
)

// Adopt lets a connection adopt every account that no connection manages: its next identity that matches is bound to the
// account and manages it. An identity that is there already and bound to nothing is bound at once. With dryRun it only says
// what it would do.
//
// Errors: NotFound for the connection; Invalid for a match other than email and username.
func (s *Service) Adopt(ctx context.Context, actor directory.Actor, connection string, match Match, dryRun bool) ([]Adoption, error) {
	if match != MatchEmail && match != MatchUsername {
		return nil, directory.Errorf(directory.Invalid, "match", "%q is not possible: use email or username", match)
	}
	return s.allow(ctx, actor, connection, match, dryRun, func(a *directory.Account, identities []directory.Identity) (string, bool) {
		if len(identities) > 0 && identities[0].Manages || !a.Closed.IsZero() {
			return "", false
		}
		if match == MatchEmail {
			return directory.Key(a.Email), true
		}
		return directory.Key(a.Username), true
	})
}

// MigrateConnection lets the connection to adopt every account that from manages. The identities of from stay bound to their
// accounts and manage them until the connection to has pushed the person.
//
// Errors: NotFound for a connection; Invalid for a match other than externalId, userName and email.
func (s *Service) MigrateConnection(ctx context.Context, actor directory.Actor, from, to string, match Match, dryRun bool) ([]Adoption, error) {
	if match != MatchEmail && match != MatchUserName && match != MatchExternalID {
		return nil, directory.Errorf(directory.Invalid, "match", "%q is not possible: use externalId, userName or email", match)
	}
	if from == to {
		return nil, directory.Errorf(directory.Invalid, "to", "it is the connection that is to be left: name another")
	}
	var left directory.Connection
	if err := s.DB.View(ctx, func(tx *store.Tx) (err error) { left, err = tx.Connection(from); return err }); err != nil {
		return nil, err
	}
	return s.allow(ctx, actor, to, match, dryRun, func(a *directory.Account, identities []directory.Identity) (string, bool) {
		if len(identities) == 0 || !identities[0].Manages || identities[0].Connection != left.Row {
			return "", false
		}
		switch i := identities[0]; match {
		case MatchExternalID:
			return i.ExternalID, true
		case MatchUserName:
			return directory.Key(i.UserName), true
		}
		return directory.Key(a.Email), true
	})
}

// allow walks all accounts and lets the connection adopt those that choose returns a key for.
func (s *Service) allow(ctx context.Context, actor directory.Actor, connection string, match Match, dryRun bool,
	choose func(*directory.Account, []directory.Identity) (key string, ok bool),
) (plan []Adoption, err error) {
	var after directory.Row
	for {
		var page []Adoption
		last := after
		piece := func(c *change) error {
			page, last = nil, after
			conn, err := c.Connection(connection)
			if err != nil {
				return err
			}
			accounts, err := c.Accounts(after, 100)
			if err != nil {
				return err
			}
			unbound, err := c.unbound(&conn, match)
			if err != nil {
				return err
			}
			for _, a := range accounts {
				last = a.Row
				identities, err := c.IdentitiesOf(a.Row)
				if err != nil {
					return err
				}
				key, ok := choose(&a, identities)
				if !ok {
					continue
				}
				adoption, err := c.allowOne(&conn, a, match, key, unbound[key], dryRun)
				if err != nil {
					return err
				}
				page = append(page, adoption)
			}
			return nil
		}
		if dryRun {
			err = s.DB.View(ctx, func(tx *store.Tx) error { return piece(&change{Tx: tx, s: s, actor: actor}) })
		} else {
			err = s.update(ctx, actor, piece)
		}
		if err != nil || last == after {
			return plan, err
		}
		plan, after = append(plan, page...), last
	}
}

// allowOne lets the connection adopt an account. unbound is the identity that has the key already, or empty.
func (c *change) allowOne(conn *directory.Connection, a directory.Account, match Match, key string, unbound directory.IdentityID, dryRun bool) (Adoption, error) {
	adoption := Adoption{Account: a, Key: key, Bound: unbound}
	switch {
	case key == "":
		adoption.Problem = "has no " + string(match)
	case a.Admin:
		adoption.Problem = "is an administrator's: bind it by name, with identity bind"
	}
	if adoption.Problem != "" || dryRun {
		return adoption, nil
	}
	if unbound != "" {
		i, err := c.holdByID(unbound)
		if err != nil || i.Account != 0 {
			return adoption, err
		}
		return adoption, c.bind(&i, &a, "identity.adopt", directory.Changes{})
	}
	added, err := c.AddAdoption(conn.Row, a.Row, string(match), key)
	if err != nil || !added {
		return adoption, err
	}
	return adoption, c.event("account.adoptable", string(a.ID), directory.Changes{"connection": conn.Name, "match": string(match)})
}

// unbound returns the identities of the connection that are bound to nothing, by what they are matched by.
func (c *change) unbound(conn *directory.Connection, match Match) (map[string]directory.IdentityID, error) {
	all, err := c.UnboundIdentities(conn.Row)
	if err != nil {
		return nil, err
	}
	byKey := map[string]directory.IdentityID{}
	for _, i := range all {
		key := map[Match]string{
			MatchEmail: directory.Key(wantedEmail(&i)), MatchUsername: directory.Key(conn.ExpandUsername(&i)),
			MatchUserName: directory.Key(i.UserName), MatchExternalID: i.ExternalID,
		}[match]
		if key != "" {
			byKey[key] = i.ID
		}
	}
	return byKey, nil
}

// BindIdentity binds an identity that is bound to nothing to the account of that id, username or e-mail. It manages the account
// if no other does.
//
// Errors: NotFound; Conflict when the identity is bound.
func (s *Service) BindIdentity(ctx context.Context, actor directory.Actor, id directory.IdentityID, account string) error {
	return s.changeBinding(ctx, actor, id, func(c *change, i *directory.Identity) error {
		if i.Account != 0 {
			return directory.Errorf(directory.Conflict, "identity", "it is bound to an account: use identity rebind")
		}
		a, err := c.FindAccount(account)
		if err != nil {
			return err
		}
		return c.bind(i, &a, "identity.bind", directory.Changes{})
	})
}

// RebindIdentity moves an identity to another account. The account that it managed is closed and its e-mail free; the sessions and
// personal tokens of the one that it leaves end.
//
// Errors: NotFound; Conflict when the identity is bound to that account already.
func (s *Service) RebindIdentity(ctx context.Context, actor directory.Actor, id directory.IdentityID, account string) error {
	return s.changeBinding(ctx, actor, id, func(c *change, i *directory.Identity) error {
		a, err := c.FindAccount(account)
		if err != nil {
			return err
		}
		if i.Account == a.Row {
			return directory.Errorf(directory.Conflict, "identity", "it is bound to %s already", a.Username)
		}
		changes := directory.Changes{}
		changes["account"] = [2]any{nil, string(a.ID)}
		if i.Account != 0 {
			old := *i
			if err := c.putBinding(i, 0, false); err != nil {
				return err
			}
			left, err := c.leaveAccount(&old, directory.Changes{})
			if err != nil {
				return err
			}
			if err := c.shut(left.Row, changes); err != nil { // an account that lives on has tokens that the person made
				return err
			}
			changes["account"] = [2]any{string(left.ID), string(a.ID)}
			if old.Manages {
				changes["closed"] = string(left.ID)
			}
		}
		return c.bind(i, &a, "identity.rebind", changes)
	})
}

// UnbindIdentity parts an identity from its account, which stays as it is and is managed by nobody. Whoever was signed in there, or
// has a personal token of it, is out.
//
// Errors: NotFound; Conflict when the identity is bound to nothing.
func (s *Service) UnbindIdentity(ctx context.Context, actor directory.Actor, id directory.IdentityID) error {
	return s.changeBinding(ctx, actor, id, func(c *change, i *directory.Identity) error {
		if i.Account == 0 {
			return directory.Errorf(directory.Conflict, "identity", "it is bound to no account")
		}
		before, err := c.HoldAccount(i.Account)
		if err != nil {
			return err
		}
		managed := i.Manages
		if err := c.putBinding(i, 0, false); err != nil {
			return err
		}
		a := before
		if managed && !a.Active { // the IdP had deactivated it: it stays so
			a.Suspended = true
		}
		changes := directory.Changes{"account": [2]any{string(a.ID), nil}}
		if err := c.putAccount(&before, &a, changes); err != nil {
			return err
		}
		if err := c.shut(a.Row, changes); err != nil {
			return err
		}
		if err := c.settle([]directory.Row{a.Row}, changes); err != nil {
			return err
		}
		return c.event("identity.unbind", string(i.ID), changes)
	})
}

func (s *Service) changeBinding(ctx context.Context, actor directory.Actor, id directory.IdentityID, fn func(*change, *directory.Identity) error) error {
	return s.update(ctx, actor, func(c *change) error {
		if err := c.HoldAdministrators(); err != nil {
			return err
		}
		i, err := c.holdByID(id)
		if err != nil {
			return err
		}
		return c.guarded(func() error { return fn(c, &i) })
	})
}

// holdByID holds an identity of any connection and returns it as it is now.
func (c *change) holdByID(id directory.IdentityID) (directory.Identity, error) {
	i, err := c.IdentityByID(id)
	if err != nil {
		return i, err
	}
	if _, err := c.HoldIdentity(i.Connection, id); err != nil {
		return i, err
	}
	return c.IdentityByID(id)
}

// putBinding stores another binding of an identity.
func (c *change) putBinding(i *directory.Identity, account directory.Row, manages bool) error {
	i.Account, i.Manages = account, manages
	i.Version, i.Modified = i.Version+1, c.Now()
	if err := c.PutIdentity(i); err != nil {
		return err
	}
	_, err := c.RemoveSessionsBy(i.Row)
	return err
}

// bind binds an unbound identity to an account and lets it manage the account unless another does.
func (c *change) bind(i *directory.Identity, a *directory.Account, action string, changes directory.Changes) error {
	manager, err := c.manager(a.Row)
	if err != nil {
		return err
	}
	if i.Account == 0 && changes["account"] == nil {
		changes["account"] = [2]any{nil, string(a.ID)}
	}
	i.Account, i.Manages = a.Row, manager == nil
	i.Version++
	if err := c.PutIdentity(i); err != nil {
		return err
	}
	changes["manages"] = i.Manages
	if i.Manages {
		if err := c.project(nil, i, changes); err != nil {
			return err
		}
		if err := c.evict(a.Row, changes); err != nil {
			return err
		}
		if err := c.RemoveAdoptions(a.Row); err != nil {
			return err
		}
	}
	if err := c.settle([]directory.Row{a.Row}, changes); err != nil {
		return err
	}
	return c.event(action, string(i.ID), changes)
}

// ResolveConflict ends a conflict. With adopt the claimant may have what it claims: the connection's next push of that person is
// bound to the account. Without, the conflict is forgotten until it happens again.
//
// Errors: NotFound; Invalid when adopt is set and the claim cannot be granted so: it is not on the e-mail of an account, or the
// claimant has an account; Conflict when the account is that of another active person of the same connection.
func (s *Service) ResolveConflict(ctx context.Context, actor directory.Actor, id directory.ConflictID, adopt bool) error {
	return s.update(ctx, actor, func(c *change) error {
		k, err := c.Conflict(id)
		if err != nil {
			return err
		}
		changes := directory.Changes{"adopt": adopt, "field": k.Field, "value": k.Value, "external_id": k.ExternalID}
		if k.AccountID != "" {
			changes["account"] = string(k.AccountID)
		}
		if adopt {
			if err := c.grant(&k); err != nil {
				return err
			}
		}
		if err := c.RemoveConflict(k.Row); err != nil {
			return err
		}
		return c.event("conflict.resolve", string(id), changes)
	})
}

// grant lets the claimant of a conflict adopt the account.
func (c *change) grant(k *directory.OpenConflict) error {
	if k.Field != "email" || k.Account == 0 {
		return directory.Errorf(directory.Invalid, "conflict", "only a claim on the e-mail of an account can be granted: remove or rename the other User, or dismiss the conflict")
	}
	if k.Identity != "" {
		return directory.Errorf(directory.Invalid, "conflict", "the claimant has an account: correct the e-mail in the identity provider and dismiss the conflict, or use identity rebind %s", k.Identity)
	}
	a, err := c.Account(k.Account)
	if err != nil {
		return err
	}
	if a.Admin {
		return directory.Errorf(directory.Invalid, "conflict", "the account is an administrator's: nobody adopts it but by name, with identity bind")
	}
	manager, err := c.manager(k.Account)
	if err != nil {
		return err
	}
	if manager != nil && manager.Connection == k.Connection && manager.Active {
		return directory.Errorf(directory.Conflict, "conflict", "the account is that of another active person of the same connection: correct the e-mail in the identity provider and dismiss the conflict")
	}
	_, err = c.AddAdoption(k.Connection, k.Account, string(MatchEmail), directory.Key(k.Value))
	return err
}
