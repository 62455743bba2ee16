package provision

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// BeginLogin stores a login that was begun, until directory.LoginLife is over. Errors: Forbidden while the connection is disabled.
func (s *Service) BeginLogin(ctx context.Context, r directory.LoginRequest) error {
	return s.update(ctx, directory.Actor{}, func(c *change) error {
		conn, err := c.ConnectionAt(r.Connection)
		if err != nil {
			return err
		}
		if !conn.Enabled {
			return disabled(&conn)
		}
		r.Expires = c.Now().Add(directory.LoginLife)
		return c.AddLoginRequest(&r)
	})
}

func disabled(conn *directory.Connection) error {
	return &directory.Denial{Code: directory.Disabled, Detail: "the connection " + conn.Name + " is disabled"}
}

// errReplay is the error of a message that was used before.
var errReplay = directory.Errorf(directory.Conflict, "", "the message was used before")

// UseMessage uses up a message of a connection's identity provider, known by its id, and the login that it answers, empty for one
// that nobody asked for. The message is remembered until it expires. Nothing of it counts unless this succeeds.
//
// Errors: Conflict when either was used before.
func (s *Service) UseMessage(ctx context.Context, actor directory.Actor, id, request string, expires time.Time) error {
	return s.update(ctx, actor, func(c *change) error {
		isNew, err := c.See(actor.Connection, id, expires)
		if err != nil {
			return err
		}
		taken := true
		if request != "" {
			if taken, err = c.TakeLoginRequest(request); err != nil {
				return err
			}
		}
		if !isNew || !taken {
			return errReplay
		}
		return nil
	})
}

// Browser is where somebody signs in.
type Browser struct {
	Agent    string // what it calls itself
	ReturnTo string // where the person wanted to go, a path of ours
}

// SignedIn is what came of a login.
type SignedIn struct {
	Account  directory.Account
	Identity directory.Identity
	Secret   string // what the browser holds from now on: of a session, or of a newcomer
	Newcomer bool   // the person is to choose a first team, and has no session yet
	ReturnTo string
	Bound    bool // the identity has its subject from this login
	Created  bool // the identity was made
}

// SignIn lets in a person whom a connection's identity provider vouches for. The person is the identity with that subject; else one
// that meets it, as directory.SAMLMeets says, gets it as its subject, once and for ever; else, where directory.FirstLogin says so,
// a new one is made, with an account, by ChooseTeam. What the login says of the person becomes the profile, but for what SCIM has
// written. It never activates anybody.
//
// Errors: *directory.Denial; Conflict, recorded, for the e-mail or userName of another.
func (s *Service) SignIn(ctx context.Context, actor directory.Actor, a directory.Asserted, b Browser) (SignedIn, error) {
	var in SignedIn
	meeting, err := s.meeting(ctx, actor, &a)
	if err != nil {
		return in, err
	}
	err = s.updateAgain(ctx, actor, func(c *change) (err error) {
		if in, err = c.enter(&a, meeting); err == nil && in.Created {
			return errChoose // made when the team is chosen, and not before
		}
		if err != nil {
			return err
		}
		return c.open(&in, &a, &b)
	})
	if !errors.Is(err, errChoose) {
		return in, deny(err)
	}
	return s.welcome(ctx, actor, &a, &b)
}

// errMet rolls back a first login during which the same person came in by another one, or the User that it met was changed.
var errMet = directory.Errorf(directory.Unavailable, "", "the same person signs in elsewhere, or is changed, at this moment")

// updateAgain is update for a fn that may meet errMet: then it runs once more, and finds the person.
func (s *Service) updateAgain(ctx context.Context, actor directory.Actor, fn func(*change) error) error {
	err := s.update(ctx, actor, fn)
	if errors.Is(err, errMet) {
		err = s.update(ctx, actor, fn)
	}
	return err
}

// errChoose rolls back a first login.
var errChoose = errors.New("a team is to be chosen")

// TrySignIn tells what SignIn would do, and does nothing. Errors: those of SignIn, of which none is recorded.
func (s *Service) TrySignIn(ctx context.Context, actor directory.Actor, a directory.Asserted) (SignedIn, error) {
	var in SignedIn
	meeting, err := s.meeting(ctx, actor, &a)
	if err != nil {
		return in, err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) (err error) {
		c := change{Tx: tx, s: s, actor: actor}
		if in, err = c.enter(&a, meeting); err != nil {
			return err
		}
		return errChoose
	})
	if errors.Is(err, errChoose) {
		return in, nil
	}
	if d, ok := errors.AsType[*dispute](err); ok {
		return in, taken(d.Detail)
	}
	return in, deny(err)
}

// deny makes a Denial of a Conflict, which is about the e-mail or userName of another.
func deny(err error) error {
	if e, ok := errors.AsType[*directory.Error](err); ok && e.Kind == directory.Conflict {
		return taken(e.Error())
	}
	return err
}

func taken(detail string) error {
	return &directory.Denial{Code: directory.AddressTaken, Detail: detail}
}

// meeting looks for the identities that meet a subject by something other than their externalId, which no index leads to. Nil:
// there is no need.
func (s *Service) meeting(ctx context.Context, actor directory.Actor, a *directory.Asserted) (found []directory.Identity, err error) {
	var path []string
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		conn, err := tx.ConnectionAt(actor.Connection)
		if err != nil || conn.Setting(directory.SAMLMeets) == directory.MeetsExternalID {
			return err
		}
		if _, err = tx.IdentityBySubject(conn.Row, a.Subject); directory.Is(err, directory.NotFound) {
			path = directory.AttributePath(conn.Setting(directory.SAMLMeets))
			return nil
		}
		return err
	})
	if err != nil || path == nil {
		return nil, err
	}
	err = s.DB.Search(ctx, func(tx *store.Tx) error {
		found, err = tx.IdentitiesMeeting(actor.Connection, path, a.Subject)
		return err
	})
	return found, err
}

// enter finds, binds or makes the identity and the account of a person. The account is held and active when it succeeds.
func (c *change) enter(a *directory.Asserted, meeting []directory.Identity) (in SignedIn, err error) {
	conn, err := c.ConnectionAt(c.actor.Connection)
	if err != nil {
		return in, err
	}
	if !conn.Enabled {
		return in, disabled(&conn)
	}
	before, err := c.personOf(&conn, a, meeting)
	if directory.Is(err, directory.NotFound) {
		in, err := c.admitNew(&conn, a)
		if _, disputed := errors.AsType[*dispute](err); disputed || directory.Is(err, directory.Conflict) {
			if _, there := c.IdentityBySubject(conn.Row, a.Subject); there == nil {
				return in, errMet
			}
		}
		return in, err
	}
	if err != nil {
		return in, err
	}
	seen := before.Version
	if _, err := c.HoldIdentity(conn.Row, before.ID); err != nil {
		return in, err
	}
	if before, err = c.IdentityByID(before.ID); err != nil {
		return in, err
	}
	if before.Subject == "" && before.Version != seen { // SCIM may have made it another person's between the look and the hold
		return in, errMet
	}
	switch {
	case before.Subject != "" && before.Subject != a.Subject:
		return in, &directory.Denial{Code: directory.SubjectDiffers, Detail: "the User " + string(before.ID) + " has another subject already"}
	case before.Account == 0:
		return in, &directory.Denial{Code: directory.NotBound, Detail: "the User " + string(before.ID) + " is bound to no account: see rollcall identity bind"}
	case !before.Active:
		return in, &directory.Denial{Code: directory.Deactivated, Detail: "the identity provider said, over SCIM, that the User is inactive"}
	}
	in.Identity, in.Bound = before, before.Subject == ""
	if in.Account, err = c.HoldAccount(before.Account); err != nil {
		return in, err
	}
	if !in.Account.Active {
		return in, &directory.Denial{Code: directory.Deactivated, Detail: "the account is deactivated"}
	}
	if err := c.learn(&before, &in.Identity, a); err != nil {
		return in, err
	}
	in.Account, err = c.Account(before.Account)
	return in, err
}

// personOf returns the identity whose subject a login proved, or that may get it. Errors: NotFound; *directory.Denial.
func (c *change) personOf(conn *directory.Connection, a *directory.Asserted, meeting []directory.Identity) (i directory.Identity, err error) {
	i, err = c.IdentityBySubject(conn.Row, a.Subject)
	if !directory.Is(err, directory.NotFound) {
		return i, err
	}
	if conn.Setting(directory.SAMLMeets) == directory.MeetsExternalID {
		return c.IdentityByExternalID(conn.Row, a.Subject)
	}
	switch len(meeting) {
	case 0:
		return i, err
	case 1:
		return meeting[0], nil
	}
	return i, &directory.Denial{Code: directory.AmbiguousSubject, Detail: "several Users have the subject as their " + conn.Setting(directory.SAMLMeets)}
}

// admitNew makes the identity and the account of a person whom nobody pushed.
func (c *change) admitNew(conn *directory.Connection, a *directory.Asserted) (in SignedIn, err error) {
	gone, err := c.WasHere(conn.Row, a.Subject)
	if err != nil {
		return in, err
	}
	if gone {
		return in, &directory.Denial{Code: directory.Removed, Detail: "the person's User was deleted: the identity provider has to push it again"}
	}
	if conn.Setting(directory.FirstLogin) != directory.CreateAccount {
		return in, &directory.Denial{
			Code: directory.NotProvisioned, Detail: "no User has the subject as its " + conn.Setting(directory.SAMLMeets) + ", and first_login is off",
		}
	}
	claimants, err := c.Claimants(conn.Row, a.Subject, a.UserName)
	if err != nil {
		return in, err
	}
	for _, other := range claimants {
		return in, &dispute{directory.OpenConflict{
			Connection: conn.Row, Field: "userName", Value: a.UserName, ExternalID: a.Subject, Account: other.Account,
			Detail: "somebody signs in whose userName another User of the connection has",
		}}
	}
	in.Created, in.Bound = true, true
	in.Identity = directory.Identity{
		ID: directory.NewID[directory.IdentityID](c.Now()), Connection: conn.Row, Version: 1, Active: true, Created: c.Now(), Modified: c.Now(),
		UserName: a.UserName, ExternalID: a.Subject, Subject: a.Subject,
		Profile: a.Profile, Asserted: a.Profile, ByLogin: true, Document: a.Document, Search: a.Search,
	}
	if err := in.Identity.Validate(); err != nil {
		return in, err
	}
	if err := c.apply(nil, &in.Identity, nil); err != nil {
		return in, err
	}
	if in.Account, err = c.HoldAccount(in.Identity.Account); err == nil && !in.Account.Active {
		err = &directory.Denial{Code: directory.Deactivated, Detail: "the account is deactivated"}
	}
	return in, err
}

// learn stores what a login proved and says. A userName that another User has meanwhile is passed over.
func (c *change) learn(before, after *directory.Identity, a *directory.Asserted) error {
	after.Subject, after.Asserted = a.Subject, a.Profile.Or(before.Asserted)
	if before.ByLogin && before.ExternalID == a.Subject {
		claimants, err := c.Claimants(before.Connection, "", a.UserName)
		if err != nil {
			return err
		}
		if len(claimants) == 0 || claimants[0].Row == before.Row {
			after.UserName, after.Profile, after.Document, after.Search = a.UserName, a.Profile, a.Document, a.Search
		}
	}
	if err := after.Validate(); err != nil {
		return err
	}
	return c.apply(before, after, nil)
}

// open makes the session of who entered, and its event.
func (c *change) open(in *SignedIn, a *directory.Asserted, b *Browser) error {
	in.Secret, in.ReturnTo = NewSecret(""), b.ReturnTo
	s := directory.Session{Account: in.Account.Row, Identity: in.Identity.Row, Name: a.Name, Agent: b.Agent, Expires: a.Ends}
	changes := directory.Changes{"identity": string(in.Identity.ID)}
	if in.Bound {
		changes["subject"] = [2]any{nil, a.Subject}
	}
	return c.addSession(&s, in.Secret, &in.Account, changes)
}

const maxAgent = 200

// addSession stores the session of an account that is held and active, and the event of the login.
func (c *change) addSession(s *directory.Session, secret string, a *directory.Account, changes directory.Changes) error {
	s.ID, s.Hash, s.Created, s.Used = directory.NewID[directory.SessionID](c.Now()), HashToken(secret), c.Now(), c.Now()
	if most := c.Now().Add(directory.SessionLife); s.Expires.IsZero() || s.Expires.After(most) {
		s.Expires = most
	}
	s.Agent = clipText(s.Agent, maxAgent)
	if err := c.AddSession(s); err != nil {
		return err
	}
	changes["session"] = string(s.ID)
	return c.event("login.succeed", string(a.ID), changes)
}

// welcome stores a newcomer, if there is a team to choose.
func (s *Service) welcome(ctx context.Context, actor directory.Actor, a *directory.Asserted, b *Browser) (in SignedIn, err error) {
	in = SignedIn{Secret: NewSecret(""), Newcomer: true}
	err = s.update(ctx, actor, func(c *change) error {
		teams, err := c.publicTeams()
		if err != nil {
			return err
		}
		if len(teams) == 0 {
			return &directory.Denial{Code: directory.NoTeam, Detail: "a person who comes for the first time chooses a public team, and there is none"}
		}
		return c.AddNewcomer(&directory.Newcomer{
			Hash: HashToken(in.Secret), Connection: actor.Connection, Asserted: *a, ReturnTo: b.ReturnTo, Expires: c.Now().Add(directory.LoginLife),
		})
	})
	return in, err
}

// publicTeams returns the teams that anybody may join.
func (c *change) publicTeams() (open []directory.Team, err error) {
	teams, err := c.Teams()
	for _, t := range teams {
		if t.Type == directory.Open {
			open = append(open, t)
		}
	}
	return open, err
}

// PublicTeams returns the teams that anybody may join, by name.
func (s *Service) PublicTeams(ctx context.Context) (open []directory.Team, err error) {
	err = s.DB.ViewOne(ctx, func(tx *store.Tx) error {
		open, err = (&change{Tx: tx, s: s}).publicTeams()
		return err
	})
	return open, err
}

// publicTeam returns the team of that id, if anybody may join it. Errors: Forbidden.
func (c *change) publicTeam(id directory.TeamID) (directory.Team, error) {
	teams, err := c.publicTeams()
	for _, t := range teams {
		if t.ID == id {
			return t, nil
		}
	}
	return directory.Team{}, cmp.Or(err, error(directory.Errorf(directory.Forbidden, "team", "choose one of the public teams")))
}

// Newcomer returns who chooses a first team in the browser that holds secret. Errors: NotFound.
func (s *Service) Newcomer(ctx context.Context, secret string) (n directory.Newcomer, conn directory.Connection, err error) {
	err = s.DB.ViewOne(ctx, func(tx *store.Tx) error {
		n, conn, err = tx.Newcomer(HashToken(secret))
		return err
	})
	return n, conn, err
}

// ChooseTeam makes the account of a newcomer, puts it into a public team, and lets the person in. A team that is refused costs
// nothing; any other answer uses up the choice. Who has got an account meanwhile gets into it, and not into the team.
//
// Errors: NotFound when there is no such newcomer, any more; Forbidden for a team that is not public; those of SignIn.
func (s *Service) ChooseTeam(ctx context.Context, actor directory.Actor, secret string, team directory.TeamID, agent string) (SignedIn, error) {
	var in SignedIn
	hash := HashToken(secret)
	n, conn, err := s.Newcomer(ctx, secret)
	if err != nil {
		return in, err
	}
	actor.Connection, actor.ConnName = conn.Row, conn.Name
	meeting, err := s.meeting(ctx, actor, &n.Asserted)
	if err != nil {
		return in, err
	}
	err = s.updateAgain(ctx, actor, func(c *change) error {
		t, err := c.publicTeam(team)
		if err != nil {
			return err
		}
		if there, err := c.TakeNewcomer(hash); err != nil || !there {
			return cmp.Or(err, error(directory.Errorf(directory.NotFound, "", "the choice was made already")))
		}
		if in, err = c.enter(&n.Asserted, meeting); err != nil {
			return err
		}
		changes := directory.Changes{}
		if in.Created {
			if err := c.AddByHand(in.Account.Row, t.Row, directory.RoleMember); err != nil {
				return err
			}
			if err := c.settle([]directory.Row{in.Account.Row}, changes); err != nil {
				return err
			}
			if err := c.event("team.join", string(in.Account.ID), directory.Changes{"team": [2]any{nil, t.Name}}); err != nil {
				return err
			}
		}
		return c.open(&in, &n.Asserted, &Browser{Agent: agent, ReturnTo: n.ReturnTo})
	})
	if err != nil && !directory.Is(err, directory.NotFound) && !isForbiddenTeam(err) {
		_ = s.update(ctx, actor, func(c *change) error { _, err := c.TakeNewcomer(hash); return err }) // it ends by itself too
	}
	return in, deny(err)
}

func isForbiddenTeam(err error) bool {
	e, ok := errors.AsType[*directory.Error](err)
	return ok && e.Field == "team"
}

// LoginRefusal is why somebody was not let in. It never holds what was sent: people type their password where the name belongs.
type LoginRefusal struct {
	Account directory.AccountID // whose password it was to be; empty for a name that nobody has, and with a connection
	Subject string              // of a connection, where it was proven; empty otherwise
	Code    string              // a directory.DenialCode, or a word of the door
	Detail  string              // for the administrator
}

// RefuseLogin writes down that somebody was not let in: about the account, where it is known, or about the connection of the actor.
func (s *Service) RefuseLogin(ctx context.Context, actor directory.Actor, r LoginRefusal) error {
	return s.update(ctx, actor, func(c *change) error {
		object := string(r.Account)
		if c.actor.Connection != 0 {
			conn, err := c.ConnectionAt(c.actor.Connection)
			if err != nil {
				return err
			}
			if object, err = c.personRefused(&conn, r.Subject); err != nil {
				return err
			}
		}
		changes := directory.Changes{"code": r.Code, "detail": clipText(r.Detail, 1000)}
		if r.Subject != "" {
			changes["subject"] = clipText(r.Subject, 1000)
		}
		return c.event("login.refused", object, changes)
	})
}

// personRefused returns the id of the account that a subject leads to, or of the connection where it leads to none.
func (c *change) personRefused(conn *directory.Connection, subject string) (string, error) {
	if subject == "" {
		return string(conn.ID), nil
	}
	i, err := c.IdentityBySubject(conn.Row, subject)
	if directory.Is(err, directory.NotFound) || err == nil && i.Account == 0 {
		return string(conn.ID), nil
	}
	if err != nil {
		return "", err
	}
	a, err := c.Account(i.Account)
	return string(a.ID), err
}

// clipText shortens a text that others sent.
func clipText(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "…"
	}
	return strings.ToValidUTF8(s, "")
}
