package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func (a *app) userCommand() *cobra.Command {
	return noun("user", "Accounts of the chat", a.userList(), a.userShow(), a.userCreate(), a.userPassword(), a.userAdmin(), a.userDeactivate(), a.userActivate(), a.userDelete())
}

// userRow is what every command tells of an account.
type userRow struct {
	ID        directory.AccountID `json:"id"`
	Username  string              `json:"username"`
	Email     string              `json:"email"`
	FirstName string              `json:"first_name"`
	LastName  string              `json:"last_name"`
	Active    bool                `json:"active"`
	Suspended bool                `json:"suspended"`
	Admin     bool                `json:"admin"`
}

func rowOfUser(a *directory.Account) userRow {
	return userRow{a.ID, a.Username, a.Email, a.FirstName, a.LastName, a.Active, a.Suspended, a.Admin}
}

// state says whether the account may be used and, if not, whose word that is.
func (r *userRow) state() string {
	switch {
	case r.Active:
		return "active"
	case r.Suspended:
		return "deactivated by an administrator"
	}
	return "deactivated"
}

// mail is the address of an account in words: the one that stands in for none is none.
func mail(id directory.AccountID, email string) string {
	if email == directory.Unmailable(id) {
		return "none"
	}
	return email
}

func (r *userRow) name() string { return strings.TrimSpace(r.FirstName + " " + r.LastName) }

func (a *app) userList() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the accounts",
		Example: "  rollcall user list",
		RunE: a.do(func(c *call) error {
			rows := pages(c, func(tx *store.Tx, after directory.Row) (rows []userRow, last directory.Row, err error) {
				accounts, err := tx.Accounts(after, pageSize)
				for _, account := range accounts {
					rows, after = append(rows, rowOfUser(&account)), account.Row
				}
				return rows, after, err
			})
			return list(c, "USERNAME|E-MAIL|NAME|STATE|ID", rows, func(r userRow) []string {
				return []string{r.Username, mail(r.ID, r.Email), r.name(), r.state(), string(r.ID)}
			})
		}),
	})
}

// userShown is what `user show --json` tells.
type userShown struct {
	userRow
	Password   bool           `json:"password"`
	Sessions   int            `json:"sessions"`
	Identities []userIdentity `json:"identities"`
	Adoptable  []userAdoption `json:"adoptable"`
	Teams      []*userTeam    `json:"teams"`
}

// userAdoption is a connection that may take the account over, at its next push of the User that has the key.
type userAdoption struct {
	Connection string `json:"connection"`
	Match      string `json:"match"`
	Key        string `json:"key"`
}

type userIdentity struct {
	Connection string               `json:"connection"`
	ID         directory.IdentityID `json:"id"`
	UserName   string               `json:"user_name"`
	ExternalID string               `json:"external_id"`
	Subject    string               `json:"subject"`
	Active     bool                 `json:"active"`
	Manages    bool                 `json:"manages"`
}

type userTeam struct {
	userChannel
	Channels []*userChannel `json:"channels"`
}

// userChannel is where an account is, as what, and why.
type userChannel struct {
	Name    string   `json:"name"`
	Role    string   `json:"role"`
	Reasons []string `json:"reasons"`
}

func (a *app) userShow() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "show NAME|EMAIL|ID",
		Short: "Show an account: who manages it, and where it is and why",
		Long: `Show an account: who manages it, and where it is and why. This and every other command finds it by its username, e-mail or id, else
by the id, userName or externalId of a User that is bound to it.`,
		Example: "  rollcall user show alice",
		RunE: a.do(func(c *call) error {
			var shown userShown
			if err := c.db.View(c.ctx, func(tx *store.Tx) (err error) {
				shown, err = lookAtUser(tx, c.args[0])
				return err
			}); err != nil {
				return err
			}
			if c.json {
				return c.show(shown)
			}
			return c.showUser(&shown)
		}),
	})
}

func lookAtUser(tx *store.Tx, name string) (shown userShown, err error) {
	account, err := tx.FindAccount(name)
	if err != nil {
		return shown, err
	}
	shown = userShown{userRow: rowOfUser(&account), Identities: []userIdentity{}, Adoptable: []userAdoption{}}
	identities, err := tx.IdentitiesOf(account.Row)
	if err != nil {
		return shown, err
	}
	for _, i := range identities {
		conn, err := tx.ConnectionAt(i.Connection)
		if err != nil {
			return shown, err
		}
		shown.Identities = append(shown.Identities, userIdentity{conn.Name, i.ID, i.UserName, i.ExternalID, i.Subject, i.Active, i.Manages})
	}
	adoptions, err := tx.AdoptionsOf(account.Row)
	if err != nil {
		return shown, err
	}
	for _, d := range adoptions {
		shown.Adoptable = append(shown.Adoptable, userAdoption{d.Connection, d.Field, d.Key})
	}
	hash, err := tx.Password(account.Row)
	if err != nil {
		return shown, err
	}
	shown.Password = hash != ""
	sessions, err := tx.Sessions(account.Row, 0, pageSize)
	if err != nil {
		return shown, err
	}
	shown.Sessions = len(sessions)
	reasons, err := tx.Reasons(account.Row)
	shown.Teams = nest(reasons)
	return shown, err
}

// nest makes teams and their channels of reasons, in which each place is in one piece. Of several roles the highest counts.
func nest(reasons []directory.Reason) []*userTeam {
	teams := []*userTeam{}
	var at *userChannel
	var place [2]directory.Row
	role := directory.RoleMember
	for _, r := range reasons {
		if here := [2]directory.Row{r.Team, r.Channel}; here != place {
			if r.Team != place[0] {
				teams = append(teams, &userTeam{userChannel: userChannel{Name: r.TeamName, Reasons: []string{}}, Channels: []*userChannel{}})
			}
			team := teams[len(teams)-1]
			at = &team.userChannel
			if r.Channel != 0 {
				at = &userChannel{Name: r.ChannelName, Reasons: []string{}}
				team.Channels = append(team.Channels, at)
			}
			place, role = here, directory.RoleMember
		}
		role = max(role, r.Role)
		at.Role = role.String()
		if why := because(&r); !slices.Contains(at.Reasons, why) {
			at.Reasons = append(at.Reasons, why)
		}
	}
	return teams
}

// because is a reason in words.
func because(r *directory.Reason) string {
	switch {
	case r.Kind == directory.ByDefault:
		return "default channel"
	case r.Kind == directory.ByHand:
		return "by hand"
	case r.Rule:
		return fmt.Sprintf("rule: %s %q", r.Connection, r.Group)
	}
	return fmt.Sprintf("link: %s %q", r.Connection, r.Group)
}

// managers are the lines about who manages the account, and who may.
func (shown *userShown) managers() (facts [][2]string) {
	for _, i := range shown.Identities {
		text, state := fmt.Sprintf("%s %s (id %s", i.Connection, i.UserName, i.ID), "inactive"
		if i.ExternalID != "" {
			text += ", externalId " + i.ExternalID
		}
		if i.Active {
			state = "active"
		}
		if text += "), " + state; i.Manages {
			text += ", manages the account"
		}
		facts = append(facts, [2]string{"identity", text})
	}
	if len(shown.Identities) == 0 {
		facts = append(facts, [2]string{"identity", "none"})
	}
	for _, d := range shown.Adoptable {
		facts = append(facts, [2]string{"adoptable", fmt.Sprintf("by %s, when it pushes the User with %s %s", d.Connection, d.Match, d.Key)})
	}
	return facts
}

func (c *call) showUser(shown *userShown) error {
	facts := [][2]string{
		{"username", shown.Username},
		{"name", shown.name()},
		{"e-mail", mail(shown.ID, shown.Email)},
		{"id", string(shown.ID)},
		{"state", shown.state()},
		{"administrator", yes(shown.Admin)},
		{"password", yes(shown.Password)},
		{"sessions", fmt.Sprint(shown.Sessions)},
	}
	facts = append(facts, shown.managers()...)
	if len(shown.Teams) == 0 {
		facts = append(facts, [2]string{"teams", "none"})
	} else if !shown.Active {
		facts = append(facts, [2]string{"teams", "none while deactivated; kept for a return:"})
	}
	if err := c.facts(facts...); err != nil || len(shown.Teams) == 0 {
		return err
	}
	var places []userChannel
	for _, t := range shown.Teams {
		places = append(places, t.userChannel)
		for _, ch := range t.Channels {
			places = append(places, userChannel{place(t.Name, ch.Name), ch.Role, ch.Reasons})
		}
	}
	if err := c.say(""); err != nil {
		return err
	}
	return list(c, "TEAM OR CHANNEL|ROLE|REASONS", each(places), func(p userChannel) []string {
		return []string{p.Name, p.Role, strings.Join(p.Reasons, ", ")}
	})
}

func (a *app) userDeactivate() *cobra.Command {
	return &cobra.Command{
		Use:     "deactivate NAME|EMAIL|ID",
		Short:   "Shut an account until it is activated here, whatever its identity provider says",
		Example: "  rollcall user deactivate alice",
		RunE: a.do(func(c *call) error {
			account, err := c.service.SuspendAccount(c.ctx, c.actor, c.args[0])
			if err != nil {
				return err
			}
			return c.say("%s is deactivated", account.Username)
		}),
	}
}

func (a *app) userActivate() *cobra.Command {
	return &cobra.Command{
		Use:   "activate NAME|EMAIL|ID",
		Short: "Open an account that was deactivated here",
		Long: `Open an account that was deactivated here. It stays shut while its identity provider says that it is inactive. One that no
connection manages, because its User was removed, is open from then on until it is deactivated here.`,
		Example: "  rollcall user activate alice",
		RunE: a.do(func(c *call) error {
			account, err := c.service.LiftSuspension(c.ctx, c.actor, c.args[0])
			if err != nil {
				return err
			}
			if !account.Active {
				return c.say("%s stays deactivated, because its identity provider says so", account.Username)
			}
			if err := c.say("%s is active", account.Username); err != nil {
				return err
			}
			return c.warnUnmanaged(&account)
		}),
	}
}

// warnUnmanaged warns of an account that is open and that nobody but an administrator will shut.
func (c *call) warnUnmanaged(account *directory.Account) error {
	var identities []directory.Identity
	if err := c.db.View(c.ctx, func(tx *store.Tx) (err error) { identities, err = tx.IdentitiesOf(account.Row); return err }); err != nil {
		return err
	}
	if account.Active && (len(identities) == 0 || !identities[0].Manages) {
		c.note("warning: no connection manages %s: no identity provider will shut it", account.Username)
	}
	return nil
}

func (a *app) userDelete() *cobra.Command {
	var confirm, force bool
	cmd := &cobra.Command{
		Use:   "delete NAME|EMAIL|ID",
		Short: "Remove an account and all its content",
		Long: `Remove an account and all its content; nothing of it can be brought back. It is refused while the identity provider says that
the person is active, unless --force is given: the identity provider may push the person again, to a new account.`,
		Example: "  rollcall user delete alice --confirm",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !confirm {
				c := misused(cmd, "this removes the account %s and all its content for ever", args[0])
				c.do = "type it again with --confirm"
				return c
			}
			return a.do(func(c *call) error {
				account, err := c.service.RemoveAccount(c.ctx, c.actor, c.args[0], force)
				if err != nil {
					return err
				}
				return c.say("removed the account %s", account.Username)
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&confirm, "confirm", false, "yes, remove it")
	cmd.Flags().BoolVar(&force, "force", false, "also if its identity provider says that it is active")
	return cmd
}
