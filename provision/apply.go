package provision

import (
	"fmt"
	"maps"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

// apply stores a new identity (before is nil) or a changed one, and all that follows: the binding, the account's profile and
// activity, memberships that come back, and one event. An identity that did not change writes nothing. before must be held.
// differ is how the documents differ, or nil if nobody has looked; it stays as it is.
func (c *change) apply(before, after *directory.Identity, differ directory.Changes) error {
	if before == nil {
		return c.create(after)
	}
	if after.SameContent(before) {
		return nil
	}
	if err := c.checkNames(before, after); err != nil {
		return err
	}
	if !after.SameResource(before) {
		after.Version, after.Modified = before.Version+1, c.Now()
	}
	after.InactiveSince = before.InactiveSince
	switch {
	case after.Active:
		after.InactiveSince = time.Time{}
	case before.Active:
		after.InactiveSince = c.Now()
	}
	if err := c.PutIdentity(after); err != nil {
		return err
	}
	changes := maps.Clone(differ) // which may be needed again
	if changes == nil {
		var err error
		if changes, err = directory.Diff(before.Document, after.Document); err != nil {
			return err
		}
	}
	if after.Account != 0 && after.Manages {
		if err := c.project(before, after, changes); err != nil {
			return err
		}
	}
	if before.Active && !after.Active {
		if err := c.endSessionsBy(after, changes); err != nil {
			return err
		}
	}
	if after.Active && !before.Active {
		if err := c.restore(before, after, changes); err != nil {
			return err
		}
	}
	changes.Set("subject", before.Subject, after.Subject)
	changes.Set("by_login", before.ByLogin, after.ByLogin)
	if !after.ByLogin { // else the document says it
		changes.Set("asserted", before.Asserted, after.Asserted)
	}
	return c.event(action(before, after), string(after.ID), changes)
}

func action(before, after *directory.Identity) string {
	switch {
	case before.Active && !after.Active:
		return "identity.deactivate"
	case !before.Active && after.Active:
		return "identity.activate"
	}
	return "identity.update"
}

// checkNames refuses a userName or externalId that another identity of the connection has.
func (c *change) checkNames(before, after *directory.Identity) error {
	if after.UserName == before.UserName && after.ExternalID == before.ExternalID {
		return nil
	}
	claimants, err := c.Claimants(after.Connection, after.ExternalID, after.UserName)
	if err != nil {
		return err
	}
	for _, i := range claimants {
		if i.Row == after.Row {
			continue
		}
		if i.ExternalID == after.ExternalID && i.ExternalID != "" {
			return directory.Errorf(directory.Conflict, "externalId", "another User has this externalId")
		}
		return directory.Errorf(directory.Conflict, "userName", "another User has it")
	}
	return nil
}

// create binds a new identity to the account that it may have, or to a new one.
func (c *change) create(i *directory.Identity) error {
	conn, err := c.ConnectionAt(i.Connection)
	if err != nil {
		return err
	}
	if !i.Active {
		i.InactiveSince = c.Now()
	}
	changes := directory.Changes{"userName": [2]any{nil, i.UserName}, "externalId": [2]any{nil, i.ExternalID}, "active": [2]any{nil, i.Active}}
	owner, err := c.ownerOf(&conn, i)
	if err != nil {
		return err
	}
	i.Manages = true
	if owner == 0 {
		if err := c.newAccount(&conn, i, changes); err != nil {
			return err
		}
	} else if err := c.takeOver(owner, i, changes); err != nil {
		return err
	}
	if err := c.AddIdentity(i); err != nil {
		return err
	}
	if owner != 0 {
		if err := c.project(nil, i, changes); err != nil {
			return err
		}
	}
	return c.event("identity.create", string(i.ID), changes)
}

// ownerOf returns the existing account that a new identity belongs to: one that an administrator allowed it to adopt, or the
// one that its externalId had before it was removed. Zero: none.
func (c *change) ownerOf(conn *directory.Connection, i *directory.Identity) (directory.Row, error) {
	if i.ByLogin {
		return 0, nil // what a login says of an e-mail or a name leads to nobody's account
	}
	account, err := c.Adoption(conn.Row, wantedEmail(i), conn.ExpandUsername(i), i.UserName, i.ExternalID)
	if err != nil || account != 0 || i.ExternalID == "" || !conn.Is(directory.ExternalIDImmutable) {
		return account, err
	}
	return c.Tombstone(conn.Row, i.ExternalID)
}

// takeOver makes room for i as the identity that manages an existing account.
func (c *change) takeOver(account directory.Row, i *directory.Identity, changes directory.Changes) error {
	a, others, err := c.holdPerson(account)
	if err != nil {
		return err
	}
	managed := false
	for _, other := range others {
		if !other.Manages {
			continue
		}
		managed = true
		if err := c.putBinding(&other, other.Account, false); err != nil {
			return err
		}
		changes["managed_by"] = [2]any{string(other.ID), string(i.ID)}
	}
	i.Account = a.Row
	changes["account"] = [2]any{nil, string(a.ID)}
	if !managed {
		if err := c.evict(account, changes); err != nil {
			return err
		}
	}
	return c.RemoveAdoptions(account)
}

func (c *change) newAccount(conn *directory.Connection, i *directory.Identity, changes directory.Changes) error {
	a := directory.Account{ID: directory.NewID[directory.AccountID](c.Now()), Created: c.Now(), Modified: c.Now()}
	a.Email = wantedEmail(i)
	if a.Email == "" {
		a.Email = directory.Unmailable(a.ID)
	}
	i.InForce().Project(&a)
	a.Settle(i)
	if err := c.addAccount(conn, i, &a); err != nil {
		return err
	}
	changes["account"] = [2]any{nil, string(a.ID)}
	changes["account.username"] = [2]any{nil, a.Username}
	i.Account = a.Row
	return nil
}

// addAccount gives a the username that it can have and stores it. Others may take that name, or the e-mail, between the look
// and the insert; then it looks again.
func (c *change) addAccount(conn *directory.Connection, i *directory.Identity, a *directory.Account) error {
	for {
		holder, err := c.EmailHolder(a.Email)
		if err != nil {
			return err
		}
		if holder != 0 {
			return &dispute{emailConflict(i, a.Email, holder)}
		}
		if a.Username, err = c.freeUsername(conn.ExpandUsername(i), 0); err != nil {
			return err
		}
		if err := c.AddAccount(a); !directory.Is(err, directory.Conflict) {
			return err
		}
	}
}

func emailConflict(i *directory.Identity, email string, holder directory.Row) directory.OpenConflict {
	return directory.OpenConflict{
		Connection: i.Connection, Field: "email", Value: email, ExternalID: i.ExternalID, Account: holder,
		Detail: fmt.Sprintf("User %q claims the e-mail of an account that it may not adopt", i.UserName),
	}
}

// wantedEmail is the address that an identity gives its account; empty when it gives none.
func wantedEmail(i *directory.Identity) string {
	switch {
	case directory.IsEmail(i.Profile.Email):
		return i.Profile.Email
	case directory.IsEmail(i.UserName):
		return i.UserName
	case directory.IsEmail(i.Asserted.Email):
		return i.Asserted.Email
	}
	return ""
}

// project writes profile and activity of the managing identity onto its account. before is nil when the identity is new to
// the account.
func (c *change) project(before, after *directory.Identity, changes directory.Changes) error {
	was, err := c.HoldAccount(after.Account)
	if err != nil {
		return err
	}
	a := was
	if before == nil {
		a.Closed = time.Time{}
	}
	after.InForce().Project(&a)
	a.Settle(after)
	if err := c.rename(before, after, &was, &a); err != nil {
		return err
	}
	if before == nil || a.Email != wantedEmail(after) {
		if err := c.changeEmail(after, &a, changes); err != nil {
			return err
		}
	}
	return c.putAccount(&was, &a, changes)
}

// rename gives the account the username that the connection's template makes, or the next free one behind it. It does so only
// when what the template is made of has changed, or when the account was closed: a repeated PUT does not turn jsmith2 into jsmith.
func (c *change) rename(before, after *directory.Identity, was, a *directory.Account) error {
	if before == nil && was.Closed.IsZero() {
		return nil
	}
	if before != nil && before.UserName == after.UserName && before.ExternalID == after.ExternalID && before.Profile == after.Profile {
		return nil
	}
	conn, err := c.ConnectionAt(after.Connection)
	if err != nil {
		return err
	}
	wanted := conn.ExpandUsername(after)
	if wanted == a.Username || before != nil && wanted == conn.ExpandUsername(before) {
		return nil
	}
	a.Username, err = c.freeUsername(wanted, a.Row)
	return err
}

// changeEmail gives the account the address that the identity wants. An address that another account has is passed over and
// becomes a conflict; the rest of the update goes on.
func (c *change) changeEmail(i *directory.Identity, a *directory.Account, changes directory.Changes) error {
	wanted := wantedEmail(i)
	if wanted == "" {
		a.Email = directory.Unmailable(a.ID)
		return nil
	}
	holder, err := c.EmailHolder(wanted)
	if err != nil {
		return err
	}
	if holder != 0 && holder != a.Row {
		changes["account.email_refused"] = wanted
		k := emailConflict(i, wanted, holder)
		k.Identity = i.ID
		return c.conflict(&k)
	}
	a.Email = wanted
	return nil
}

func (c *change) putAccount(before, after *directory.Account, changes directory.Changes) error {
	changes.Set("account.username", before.Username, after.Username)
	changes.Set("account.email", before.Email, after.Email)
	changes.Set("account.active", before.Active, after.Active)
	changes.Set("account.suspended", before.Suspended, after.Suspended)
	if *after == *before {
		return nil
	}
	after.Modified = c.Now()
	if err := c.PutAccount(after); err != nil || !before.Active || after.Active {
		return err
	}
	return c.shut(after.Row, changes)
}

// restore gives an identity that is active again its groups back, or takes it out of them, as the connection says.
func (c *change) restore(before, after *directory.Identity, changes directory.Changes) error {
	conn, err := c.ConnectionAt(after.Connection)
	if err != nil || after.Account == 0 {
		return err
	}
	if !conn.Restores(before.InactiveSince, c.Now()) {
		groups, err := c.DropMemberEverywhere(after.Row)
		if err != nil {
			return err
		}
		changes["groups_dropped"] = len(groups)
		if err := c.settle([]directory.Row{after.Account}, changes); err != nil {
			return err
		}
	}
	reasons, err := c.Reasons(after.Account)
	if err != nil {
		return err
	}
	if back := places(reasons); len(back) > 0 {
		changes["memberships_restored"] = back
	}
	return nil
}

// places names the teams and channels of reasons, each once: "eng", "eng/backend".
func places(reasons []directory.Reason) (names []string) {
	for _, r := range reasons {
		name := r.TeamName
		if r.ChannelName != "" {
			name += "/" + r.ChannelName
		}
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return names
}

// freeUsername returns wanted, or wanted with the next free number behind it. What the account has itself is free to it.
func (c *change) freeUsername(wanted string, account directory.Row) (string, error) {
	numbered := func(n int) string {
		if n == 1 {
			return wanted
		}
		suffix := fmt.Sprint(n)
		return wanted[:min(len(wanted), directory.MaxUsername-len(suffix))] + suffix
	}
	taken := func(n int) (bool, error) {
		holder, err := c.UsernameHolder(numbered(n))
		return holder != 0 && holder != account, err
	}
	if yes, err := taken(1); err != nil || !yes {
		return wanted, err
	}
	if err := c.ReleaseUsername(wanted, c.Now().Add(-directory.UsernameHold).UnixMilli()); err != nil {
		return "", err
	}
	// Double until one is free, then halve: a name that thousands share costs a few look-ups.
	low, high := 0, 1
	for {
		yes, err := taken(high)
		if err != nil {
			return "", err
		}
		if !yes {
			break
		}
		low, high = high, high*2
	}
	for high-low > 1 {
		middle := (low + high) / 2
		yes, err := taken(middle)
		if err != nil {
			return "", err
		}
		if yes {
			low = middle
		} else {
			high = middle
		}
	}
	return numbered(high), nil
}
