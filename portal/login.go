package portal

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/web"
	"github.com/rollcall-id/rollcall/web/page"
)

// loginData is what the page of sign-in shows.
type loginData struct {
	Notice      string
	Done        string
	Name        string
	Return      string
	Connections []connectionLink
	SignUp      bool
}

type connectionLink struct{ Name, URL string }

func (d *Door) showLogin(v *visit) error {
	back := web.LocalPath(v.URL.Query().Get("return"))
	if _, err := d.signedIn(v); err == nil {
		return v.leave(back)
	} else if !directory.Is(err, directory.Unauthenticated) {
		return err
	}
	data := loginData{Return: back}
	if v.URL.Query().Has("signed_out") {
		data.Done = "You are signed out."
	}
	return d.writeLogin(v, http.StatusOK, data)
}

func (d *Door) writeLogin(v *visit, status int, data loginData) error {
	var names []string
	err := d.DB.ViewOne(v.Context(), func(tx *store.Tx) (err error) { names, err = tx.SignOnConnections(); return err })
	if err != nil {
		return err
	}
	for _, name := range names {
		link := "/saml/" + name + "/login"
		if data.Return != "/" {
			link += "?return=" + url.QueryEscape(data.Return)
		}
		data.Connections = append(data.Connections, connectionLink{name, link})
	}
	data.SignUp = d.SignUp
	loginPage.Write(v.w, status, "Sign in", data)
	return nil
}

// wrong is what everybody reads whom a password does not let in, whatever the reason: it tells nobody who has an account.
const wrong = "The name or the password is wrong."

// signIn takes a name and a password.
func (d *Door) signIn(v *visit) error {
	name, back := v.form["name"], web.LocalPath(v.form["return"])
	record := web.RecordOf(v.Context())
	try, err := d.tries.begin(name, record.Client)
	if err != nil {
		record.Reason = "too many failed passwords"
		return err
	}
	var (
		secret  string
		account directory.Account
	)
	err = d.inLane(v.Context(), func() (err error) {
		secret, account, err = d.Login.Password(v.Context(), v.actor(), name, v.form["password"], v.UserAgent())
		return err
	})
	if denied, ok := errors.AsType[*directory.Denial](err); ok {
		record.Reason = "password: " + string(denied.Code)
		refusal := provision.LoginRefusal{Account: account.ID, Code: string(denied.Code), Detail: denied.Detail}
		if err := d.Provision.RefuseLogin(v.Context(), v.actor(), refusal); err != nil {
			return err
		}
		return d.writeLogin(v, http.StatusForbidden, loginData{Notice: wrong, Name: name, Return: back})
	}
	if err != nil {
		try.forget()
		return err
	}
	try.succeed()
	d.Login.Replace(v.w, v.Request, d.cookies, v.actor(), secret, "")
	return v.leave(back)
}

// inLane does the work of hashing a password when it is the turn of the address that sent it. Errors: those of fn; *web.Error with
// status 429 when too many wait.
func (d *Door) inLane(ctx context.Context, fn func() error) error {
	lane := d.tries.lane(web.RecordOf(ctx).Client)
	if err := d.tries.lanes.Enter(ctx, lane, false); err != nil {
		return err
	}
	defer d.tries.lanes.Leave(lane)
	return fn()
}

// signOut ends the session of the browser, here first, and then at the identity provider.
func (d *Door) signOut(v *visit) error {
	p, err := d.signedIn(v)
	d.cookies.Set(v.w, login.SessionCookie, "")
	if directory.Is(err, directory.Unauthenticated) {
		return v.leave(signedOutPath)
	}
	if err != nil {
		return err
	}
	ended, err := d.Provision.EndSession(v.Context(), v.actor(), p.Account.Row, p.Session.ID)
	if err != nil && !directory.Is(err, directory.NotFound) {
		return err
	}
	if d.SignOut == nil {
		return v.leave(signedOutPath)
	}
	there, err := d.SignOut(v.Context(), web.BaseURL(d.BaseURL, v.Request), &ended)
	if err != nil {
		d.Log.Warn("a session that ended here goes on at the identity provider", "error", err, "request_id", web.RequestID(v.Context()))
	}
	if there == "" {
		return v.leave(signedOutPath)
	}
	page.Go(v.w, "Signing out", there)
	return nil
}
