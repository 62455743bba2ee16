// Package portal is the door of a person's pages: sign-in by password, sign-up, the first login's choice of a team, and the page on
// which people see who they are, where they are, where they are signed in, and their personal tokens. It owns the pages, their forms
// and how often a password may be tried. What a password or a session proves is login's, what follows from a form provision's, how
// a page looks web/page's, and single sign-on saml's, to whose paths it links. cmd hangs it beside the other doors.
package portal

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/web"
	"github.com/rollcall-id/rollcall/web/page"
)

// The paths of the door.
const (
	homePath    = "/"
	loginPath   = "/login"
	logoutPath  = "/logout"
	signUpPath  = "/signup"
	welcomePath = "/welcome"
	mePath      = "/me"
	endPath     = "/sessions/revoke"
	tokensPath  = "/tokens"
	revokePath  = "/tokens/revoke"

	signedOutPath = loginPath + "?signed_out=1" // also where single logout ends
)

// Door serves the paths above.
type Door struct {
	DB        *store.DB
	Provision *provision.Service
	Login     *login.Service
	Log       *slog.Logger
	BaseURL   string // what clients call us, such as https://chat.example.com, without a path; empty: what the request says
	Proxies   web.Proxies
	Metrics   *web.Metrics // nil: nothing is counted
	// Failures limits failed credentials, at this door and at those that share it.
	Failures *web.Limiter[netip.Addr]
	// SignUp lets everybody make an account.
	SignUp bool
	// SignOut returns where a browser goes whose session ended here, so that it ends at the identity provider too; empty for nowhere.
	// base is what the browser calls us. Nil: nowhere.
	SignOut func(ctx context.Context, base string, s *directory.Session) (string, error)

	cookies login.Cookies
	guard   *http.CrossOriginProtection
	tries   tries
	signUps *web.Limiter[netip.Addr]
	pages   map[string]methods
}

type handler func(*visit) error

// methods is what a path can be asked.
type methods map[string]handler

// Handler returns the handler of the door. It is called once, after the fields are set.
func (d *Door) Handler() http.Handler {
	d.cookies = login.CookiesFor(d.BaseURL)
	d.guard = http.NewCrossOriginProtection()
	if d.BaseURL != "" {
		if err := d.guard.AddTrustedOrigin(d.BaseURL); err != nil { // a proxy may tell us another host than browsers do
			panic(err)
		}
	}
	d.tries = newTries(d.Failures)
	d.signUps = web.NewLimiter[netip.Addr](signUpRate, signUpBurst, time.Now)
	d.pages = map[string]methods{
		homePath:    {http.MethodGet: d.home},
		loginPath:   {http.MethodGet: d.showLogin, http.MethodPost: d.signIn},
		logoutPath:  {http.MethodPost: d.signOut},
		welcomePath: {http.MethodGet: d.showWelcome, http.MethodPost: d.chooseTeam},
		mePath:      {http.MethodGet: d.me},
		endPath:     {http.MethodPost: d.endSessions},
		tokensPath:  {http.MethodPost: d.makeToken},
		revokePath:  {http.MethodPost: d.revokeToken},
	}
	if d.SignUp {
		d.pages[signUpPath] = methods{http.MethodGet: d.showSignUp, http.MethodPost: d.signUp}
	}
	return &web.Door{Handler: http.HandlerFunc(d.serve), Error: d.writeError, Log: d.Log, Metrics: d.Metrics, Proxies: d.Proxies}
}

// visit is one request.
type visit struct {
	*http.Request
	w    http.ResponseWriter
	form form // of a POST
}

// actor is who asks provision for what a request leads to.
func (v *visit) actor() directory.Actor {
	return directory.Actor{Name: "person", Request: web.RequestID(v.Context())}
}

// leave sends the browser to a path of ours.
func (v *visit) leave(path string) error {
	v.w.Header().Set("Location", path) // http.Redirect would write a body without our headers
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

func (d *Door) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if err := d.route(&visit{Request: r, w: w}); err != nil {
		d.writeError(w, r, err)
	}
}

func (d *Door) route(v *visit) error {
	record := web.RecordOf(v.Context())
	there, ok := d.pages[v.URL.Path]
	if !ok {
		record.Path = "/…" // people paste anything
		return &web.Error{Status: http.StatusNotFound, Msg: "there is no such page"}
	}
	record.Route = v.URL.Path
	method := v.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	handle := there[method]
	if handle == nil {
		if there[http.MethodGet] != nil {
			v.w.Header().Add("Allow", "GET, HEAD")
		}
		if there[http.MethodPost] != nil {
			v.w.Header().Add("Allow", "POST")
		}
		return &web.Error{Status: http.StatusMethodNotAllowed, Msg: "this page cannot be asked so"}
	}
	if err := d.guard.Check(v.Request); err != nil {
		record.Reason = "cross-origin request"
		return &web.Error{Status: http.StatusForbidden, Msg: "the form came from another site, so nothing was done"}
	}
	if method == http.MethodPost {
		if err := v.readForm(); err != nil {
			return err
		}
	}
	return handle(v)
}

// signedIn returns who has a session in the browser. Errors: *login.Refused, also for a personal token: pages are for browsers.
func (d *Door) signedIn(v *visit) (login.Person, error) {
	p, err := d.Login.Person(v.Request, d.cookies)
	if err == nil && p.Session.Row == 0 {
		err = &login.Refused{Reason: "a personal token opens no page"}
	}
	return p, err
}

// statuses is the one table from the kinds of errors to statuses, and to sentences where the error's own is not for people.
var statuses = map[directory.Kind]struct {
	status int
	text   string
}{
	directory.Invalid:     {http.StatusBadRequest, ""},
	directory.NotFound:    {http.StatusNotFound, "it is not there, or not any more"},
	directory.Conflict:    {http.StatusConflict, ""},
	directory.Forbidden:   {http.StatusForbidden, ""},
	directory.Limit:       {http.StatusConflict, ""},
	directory.Full:        {http.StatusInsufficientStorage, "nothing can be stored at the moment"},
	directory.Unavailable: {http.StatusServiceUnavailable, "please try again in a moment"},
}

// writeError is the only text that writes an error of this door.
func (d *Door) writeError(w http.ResponseWriter, r *http.Request, err error) {
	record := web.RecordOf(r.Context())
	status, text := http.StatusInternalServerError, "something went wrong on our side"
	if e, ok := errors.AsType[*web.Error](err); ok {
		status, text = e.Status, e.Msg
		if e.RetryAfter > 0 {
			web.SetRetryAfter(w.Header(), e.RetryAfter)
		}
	} else if e, ok := errors.AsType[*login.Refused](err); ok {
		record.Reason = e.Reason
		if r.URL.Path != mePath {
			_ = (&visit{Request: r, w: w}).leave(loginPath)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="rollcall"`)
		status, text = http.StatusUnauthorized, "sign in, or send a personal token"
	} else if e, ok := errors.AsType[*directory.Error](err); ok && statuses[e.Kind].status != 0 {
		known := statuses[e.Kind]
		if status, text = known.status, known.text; text == "" {
			text = e.Error()
		}
		if status >= http.StatusInternalServerError {
			web.SetRetryAfter(w.Header(), time.Second)
			record.Cause = err
		}
	} else if errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler) // the client has gone
	} else {
		record.Cause = err
	}
	if record.Reason == "" && status < http.StatusInternalServerError {
		record.Reason = http.StatusText(status)
	}
	if r.URL.Path == mePath {
		writeJSON(w, status, map[string]string{"error": text, "request": record.RequestID})
		return
	}
	page.Error(w, status, http.StatusText(status), text, record.RequestID)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic(err) // nothing of ours is like that
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may have gone
}

// samlConnections returns the names of the connections by which people can sign in.
func (d *Door) samlConnections(ctx context.Context) (names []string, err error) {
	err = d.DB.View(ctx, func(tx *store.Tx) error {
		names = nil
		idps, err := tx.IdPs()
		if err != nil {
			return err
		}
		conns, err := tx.Connections()
		for _, c := range conns {
			if _, ok := idps[c.Row]; ok && c.Enabled {
				names = append(names, c.Name)
			}
		}
		return err
	})
	return slices.Sorted(slices.Values(names)), err
}
