package portal

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/web"
	"github.com/rollcall-id/rollcall/web/page"
)

// signUpData is what the page of sign-up shows.
type signUpData struct {
	Notice                string
	Username, Email, Team string
	Teams                 []directory.Team
	Min                   int
}

func (d *Door) showSignUp(v *visit) error {
	if _, err := d.signedIn(v); err == nil {
		return v.leave(homePath)
	} else if !directory.Is(err, directory.Unauthenticated) {
		return err
	}
	return d.writeSignUp(v, http.StatusOK, signUpData{})
}

func (d *Door) writeSignUp(v *visit, status int, data signUpData) (err error) {
	if data.Teams, err = d.Provision.PublicTeams(v.Context()); err != nil {
		return err
	}
	data.Min = login.MinPassword
	signUpPage.Write(v.w, status, "Create an account", data)
	return nil
}

// signUp makes a local account for whoever asks.
func (d *Door) signUp(v *visit) error {
	if limited := d.signUps.Take(web.AddressKey(web.RecordOf(v.Context()).Client)); limited != nil {
		return limited
	}
	u := provision.LocalUser{Username: v.form["username"], Email: v.form["email"]}
	secret := ""
	err := d.inLane(v.Context(), func() (err error) {
		if u.Hash, err = d.Login.Hash(v.Context(), v.form["password"]); err != nil {
			return err
		}
		secret, err = d.Provision.SignUp(v.Context(), v.actor(), u, directory.TeamID(v.form["team"]), v.UserAgent())
		return err
	})
	if e, ok := errors.AsType[*directory.Error](err); ok && e.Field != "" && statuses[e.Kind].status < http.StatusInternalServerError {
		return d.writeSignUp(v, statuses[e.Kind].status, signUpData{
			Notice: sentence(e.Error()), Username: u.Username, Email: u.Email, Team: v.form["team"],
		})
	}
	if err != nil {
		return err
	}
	d.Login.Replace(v.w, v.Request, d.cookies, v.actor(), secret)
	return v.leave(homePath)
}

// welcomeData is what the page of a first login shows.
type welcomeData struct {
	Notice     string
	Connection string
	Team       string // none is chosen yet
	Teams      []directory.Team
}

func (d *Door) showWelcome(v *visit) error { return d.writeWelcome(v, http.StatusOK, "") }

// writeWelcome shows the teams to who chooses one. Whoever has chosen, or comes too late, goes home.
func (d *Door) writeWelcome(v *visit, status int, notice string) error {
	_, conn, err := d.Provision.Newcomer(v.Context(), d.cookies.Get(v.Request, login.NewcomerCookie))
	if directory.Is(err, directory.NotFound) {
		return v.leave(homePath)
	}
	if err != nil {
		return err
	}
	teams, err := d.Provision.PublicTeams(v.Context())
	if err != nil {
		return err
	}
	welcomePage.Write(v.w, status, "Welcome", welcomeData{Notice: notice, Connection: conn.Name, Teams: teams})
	return nil
}

// chooseTeam ends a first login.
func (d *Door) chooseTeam(v *visit) error {
	secret := d.cookies.Get(v.Request, login.NewcomerCookie)
	_, conn, err := d.Provision.Newcomer(v.Context(), secret)
	if directory.Is(err, directory.NotFound) {
		return v.leave(homePath) // a second click, or the button that leads back
	}
	if err != nil {
		return err
	}
	actor := v.actor()
	actor.Connection, actor.ConnName = conn.Row, conn.Name
	record := web.RecordOf(v.Context())
	record.Connection = conn.Name
	in, err := d.Provision.ChooseTeam(v.Context(), actor, secret, directory.TeamID(v.form["team"]), v.UserAgent())
	if denied, ok := errors.AsType[*directory.Denial](err); ok {
		d.cookies.Set(v.w, login.NewcomerCookie, "")
		record.Reason = string(denied.Code)
		if err := d.Provision.RefuseLogin(v.Context(), actor, string(denied.Code), denied.Detail); err != nil {
			return err
		}
		page.Error(v.w, http.StatusForbidden, "Sign-in failed", cmp.Or(refusals[denied.Code], "You cannot be let in. Please ask your administrator."), record.RequestID)
		return nil
	}
	switch {
	case directory.Is(err, directory.NotFound):
		return v.leave(homePath)
	case directory.Is(err, directory.Forbidden):
		return d.writeWelcome(v, http.StatusForbidden, "Choose one of these teams.")
	case err != nil:
		return err
	}
	d.cookies.Set(v.w, login.NewcomerCookie, "")
	d.Login.Replace(v.w, v.Request, d.cookies, actor, in.Secret)
	return v.leave(web.LocalPath(in.ReturnTo))
}

// refusals are what a person reads whose first login comes to nothing.
var refusals = map[directory.DenialCode]string{
	directory.NotProvisioned: "You have no account here yet: you were not provisioned. Please ask your administrator.",
	directory.Deactivated:    "Your account is deactivated. Please ask your administrator.",
	directory.Removed:        "Your account was removed. Please ask your administrator.",
	directory.AddressTaken:   "Your e-mail address or name is already used by another account. Please ask your administrator.",
	directory.Disabled:       "Single sign-on is switched off here. Please ask your administrator.",
}
