package portal

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/web"
)

const (
	// maxSessions is how many sessions are looked at, and shownSessions how many of them a page shows.
	maxSessions   = 1000
	shownSessions = 100
)

// team is where a person is.
type team struct {
	Name     string    `json:"name"`
	Role     string    `json:"role"`
	Channels []channel `json:"channels"`
}

type channel struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

// teamsOf makes teams and their channels of the places of an account.
func teamsOf(p directory.Places) []team {
	teams := make([]team, len(p.Teams))
	for i, t := range p.Teams {
		teams[i] = team{t.Name, t.Role.String(), []channel{}}
		for _, c := range p.Channels {
			if name, ok := strings.CutPrefix(c.Name, t.Name+"/"); ok {
				teams[i].Channels = append(teams[i].Channels, channel{name, c.Role.String()})
			}
		}
	}
	return teams
}

// homeData is what a person's own page shows.
type homeData struct {
	Name, Username, Email string
	Admin                 bool
	Teams                 []team
	Sessions              []sessionRow
	Tokens                []tokenRow
}

type sessionRow struct {
	ID            directory.SessionID
	From, Agent   string
	Created, Used string
	Here          bool
}

type tokenRow struct {
	ID                         directory.TokenID
	Description, Created, Used string
}

// day writes a time for people. Nobody told us where they are.
func day(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

func (d *Door) home(v *visit) error {
	p, err := d.signedIn(v)
	if err != nil {
		return err
	}
	a := &p.Account
	data := homeData{Name: cmp.Or(strings.TrimSpace(a.FirstName+" "+a.LastName), a.Username), Username: a.Username, Email: emailOf(a), Admin: a.Admin}
	err = d.DB.View(v.Context(), func(tx *store.Tx) error {
		places, err := tx.PlacesOf(a.Row)
		if err != nil {
			return err
		}
		data.Teams = teamsOf(places[a.Row])
		sessions, err := tx.Sessions(a.Row, 0, maxSessions)
		if err != nil {
			return err
		}
		data.Sessions = d.sessionRows(sessions, p.Session.ID)
		tokens, err := tx.PersonalTokens(a.Row)
		data.Tokens = nil
		for _, t := range tokens {
			data.Tokens = append(data.Tokens, tokenRow{t.ID, t.Description, day(t.Created), day(t.Used)})
		}
		return err
	})
	if err != nil {
		return err
	}
	homePage.Write(v.w, http.StatusOK, data.Name, data)
	return nil
}

// emailOf is the address of an account, empty for the one that stands in for none.
func emailOf(a *directory.Account) string {
	if a.Email == directory.Unmailable(a.ID) {
		return ""
	}
	return a.Email
}

// sessionRows shows the sessions that have not ended, newest first.
func (d *Door) sessionRows(sessions []directory.Session, here directory.SessionID) (rows []sessionRow) {
	for _, s := range slices.Backward(sessions) {
		if len(rows) < shownSessions && s.Valid(d.DB.Now()) {
			rows = append(rows, sessionRow{
				s.ID, cmp.Or(s.Connected, "password"), cmp.Or(s.Agent, "unknown browser"), day(s.Created), day(s.Used), s.ID == here,
			})
		}
	}
	return rows
}

// me tells a program, or a page, whose session or personal token it sent.
func (d *Door) me(v *visit) error {
	p, err := d.Login.Person(v.Request, d.cookies)
	if err != nil {
		return d.failed(v, err)
	}
	a := &p.Account
	answer := struct {
		ID         directory.AccountID `json:"id"`
		Username   string              `json:"username"`
		Email      string              `json:"email"`
		FirstName  string              `json:"first_name"`
		LastName   string              `json:"last_name"`
		Admin      bool                `json:"admin"`
		Teams      []team              `json:"teams"`
		By         string              `json:"by"`
		Connection string              `json:"connection"` // by which the person came; empty for a password and a token
	}{a.ID, a.Username, emailOf(a), a.FirstName, a.LastName, a.Admin, nil, "token", ""}
	err = d.DB.View(v.Context(), func(tx *store.Tx) error {
		places, err := tx.PlacesOf(a.Row)
		if err != nil {
			return err
		}
		answer.Teams = teamsOf(places[a.Row])
		if p.Session.Row == 0 {
			return nil
		}
		answer.By = "session"
		sessions, err := tx.Sessions(a.Row, p.Session.Row-1, 1)
		for _, s := range sessions {
			answer.Connection = s.Connected
		}
		return err
	})
	if err != nil {
		return err
	}
	writeJSON(v.w, http.StatusOK, &answer)
	return nil
}

func (d *Door) endSessions(v *visit) error {
	p, err := d.signedIn(v)
	if err != nil {
		return err
	}
	if v.form["all"] != "" {
		if _, err := d.Provision.EndSessions(v.Context(), v.actor(), p.Account.Row, p.Session.ID); err != nil {
			return err
		}
		return v.leave(homePath)
	}
	id := directory.SessionID(v.form["id"])
	if !directory.IsID(string(id)) {
		return directory.Errorf(directory.NotFound, "", "no such session")
	}
	if _, err := d.Provision.EndSession(v.Context(), v.actor(), p.Account.Row, id); err != nil {
		return err
	}
	if id == p.Session.ID {
		d.cookies.Set(v.w, login.SessionCookie, "")
		return v.leave(loginPath)
	}
	return v.leave(homePath)
}

func (d *Door) makeToken(v *visit) error {
	p, err := d.signedIn(v)
	if err != nil {
		return err
	}
	t, secret, err := d.Provision.CreatePersonalToken(v.Context(), v.actor(), p.Account.Row, p.Session.ID, v.form["description"])
	if err != nil {
		return err
	}
	tokenPage.Write(v.w, http.StatusOK, "Your new token", struct{ Description, Secret string }{t.Description, secret})
	return nil
}

func (d *Door) revokeToken(v *visit) error {
	p, err := d.signedIn(v)
	if err != nil {
		return err
	}
	id := directory.TokenID(v.form["id"])
	if !directory.IsID(string(id)) {
		return directory.Errorf(directory.NotFound, "", "no such token")
	}
	if err := d.Provision.RevokePersonalToken(v.Context(), v.actor(), p.Account.Row, id); err != nil {
		return err
	}
	return v.leave(homePath)
}

// failed counts a personal token that opens nothing; a cookie that has had its time does no harm.
func (d *Door) failed(v *visit, err error) error {
	if directory.Is(err, directory.Unauthenticated) && v.Header.Get("Authorization") != "" {
		record := web.RecordOf(v.Context())
		if limited := d.Failures.Take(web.AddressKey(record.Client)); limited != nil {
			record.Reason = "unknown personal token"
			return limited
		}
	}
	return err
}
