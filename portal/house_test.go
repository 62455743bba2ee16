package portal_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/portal"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
	"github.com/rollcall-id/rollcall/web"
)

const (
	base  = "https://chat.example.com"
	right = "correct horse battery"
)

var admin = directory.Actor{Name: "test"}

// hashed is the hash of right. A hash of it costs as much in each test.
var hashed = func() string {
	hash, err := login.HashPassword(right)
	if err != nil {
		panic(err)
	}
	return hash
}()

// house is a door on a database of its own, whose clock stands still until it is told to go on.
type house struct {
	*testing.T
	db   *store.DB
	s    *provision.Service
	door *portal.Door
	http http.Handler
	now  atomic.Int64
}

// each gives the connection okta, the public team open, the private one closed, and the account ada with the password right.
func each(t *testing.T, f func(h *house)) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		h := &house{T: t}
		h.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
		c.Now = func() time.Time { return time.UnixMilli(h.now.Load()) }
		h.db = storetest.Open(t, c)
		quiet := slog.New(slog.DiscardHandler)
		h.s = provision.New(h.db, quiet)
		h.door = &portal.Door{
			DB: h.db, Provision: h.s, Login: &login.Service{DB: h.db, Provision: h.s, Log: quiet}, Log: quiet, BaseURL: base,
			Failures: web.NewFailureLimiter(), SignUp: true,
		}
		h.serve()
		_, err := h.s.CreateConnection(t.Context(), admin, "okta", "okta", map[string]string{"first_login": "create"})
		h.must(err)
		for name, kind := range map[string]string{"open": directory.Open, "closed": directory.Invite} {
			_, err := h.s.CreateTeam(t.Context(), admin, directory.Team{Name: name, DisplayName: "The " + name + " <b>team</b>", Type: kind})
			h.must(err)
		}
		h.localUser("ada")
		f(h)
	})
}

// serve makes the handler anew, after a change of the door's fields.
func (h *house) serve() { h.http = h.door.Handler() }

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) view(fn func(*store.Tx) error) {
	h.Helper()
	h.must(h.db.View(h.Context(), fn))
}

func (h *house) localUser(name string) directory.Account {
	h.Helper()
	a, err := h.s.CreateUser(h.Context(), admin, provision.LocalUser{Username: name, Email: name + "@x.test", Hash: hashed})
	h.must(err)
	return a
}

func (h *house) team(name string) (t directory.Team) {
	h.Helper()
	h.view(func(tx *store.Tx) (err error) { t, err = tx.Team(name); return err })
	return t
}

func (h *house) account(name string) (a directory.Account) {
	h.Helper()
	h.view(func(tx *store.Tx) (err error) { a, err = tx.FindAccount(name); return err })
	return a
}

func (h *house) sessions(name string) (all []directory.Session) {
	h.Helper()
	a := h.account(name)
	h.view(func(tx *store.Tx) (err error) { all, err = tx.Sessions(a.Row, 0, 1000); return err })
	return all
}

// refusals returns the events of logins that were refused.
func (h *house) refusals() (all []directory.Event) {
	h.Helper()
	h.view(func(tx *store.Tx) error {
		events, err := tx.Events(nil, 1000)
		for _, e := range events {
			if e.Action == "login.refused" {
				all = append(all, e)
			}
		}
		return err
	})
	return all
}

// newcomer is somebody at okta who chooses a first team: the secret of the browser.
func (h *house) newcomer(subject, userName string) string {
	h.Helper()
	in, err := h.signIn(subject, userName)
	h.must(err)
	if !in.Newcomer {
		h.Fatalf("it is no first login: %+v", in)
	}
	return in.Secret
}

func (h *house) signIn(subject, userName string) (provision.SignedIn, error) {
	h.Helper()
	document := fmt.Appendf(nil, `{"userName":%q,"externalId":%q}`, userName, subject)
	return h.s.SignIn(h.Context(), h.okta(), directory.Asserted{
		Subject: subject, UserName: userName, Profile: directory.Profile{Email: userName}, Document: document, Search: document,
	}, provision.Browser{ReturnTo: "/me"})
}

func (h *house) okta() directory.Actor {
	h.Helper()
	var conn directory.Connection
	h.view(func(tx *store.Tx) (err error) { conn, err = tx.Connection("okta"); return err })
	return directory.Actor{Name: "saml", Connection: conn.Row, ConnName: "okta"}
}

// browser keeps cookies and comes from an address.
type browser struct {
	h       *house
	cookies map[string]string
	set     map[string]*http.Cookie // by the last answer
	address string
	headers map[string]string
}

func (h *house) browser() *browser {
	return &browser{h: h, cookies: map[string]string{}, address: "192.0.2.1", headers: map[string]string{"User-Agent": "Browser <i>1</i>", "Sec-Fetch-Site": "same-origin"}}
}

// from is a browser elsewhere.
func (b *browser) from(address string) *browser {
	b.address = address
	return b
}

// with is the browser with another header, for what it sends then.
func (b *browser) with(name, value string) *browser {
	other := *b
	other.headers = map[string]string{name: value}
	for k, v := range b.headers {
		if k != name {
			other.headers[k] = v
		}
	}
	return &other
}

func (b *browser) send(method, target, body string) *answer {
	b.h.Helper()
	r := httptest.NewRequest(method, base+target, strings.NewReader(body))
	r.RemoteAddr = b.address + ":4711"
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.headers {
		r.Header.Set(name, value)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.h.http.ServeHTTP(w, r)
	b.set = map[string]*http.Cookie{}
	for _, c := range w.Result().Cookies() {
		b.set[c.Name] = c
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return &answer{b.h, method + " " + target, w}
}

func (b *browser) get(target string) *answer {
	b.h.Helper()
	return b.send(http.MethodGet, target, "")
}

// post sends a form of name=value pairs.
func (b *browser) post(target string, pairs ...string) *answer {
	b.h.Helper()
	fields := url.Values{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		fields.Add(name, value)
	}
	return b.send(http.MethodPost, target, fields.Encode())
}

// signIn signs in by a password.
func (b *browser) signIn(name, password string) *answer {
	b.h.Helper()
	return b.post("/login", "name="+name, "password="+password)
}

type answer struct {
	h    *house
	what string
	*httptest.ResponseRecorder
}

// code asserts the status.
func (a *answer) code(want int) *answer {
	a.h.Helper()
	if a.Code != want {
		a.h.Errorf("%s: status %d, want %d: %s", a.what, a.Code, want, a.Body)
	}
	return a
}

// leads asserts a redirect.
func (a *answer) leads(to string) *answer {
	a.h.Helper()
	if got := a.code(http.StatusSeeOther).Header().Get("Location"); got != to {
		a.h.Errorf("%s leads to %q, want %q", a.what, got, to)
	}
	return a
}

// has asserts texts of the body.
func (a *answer) has(texts ...string) *answer {
	a.h.Helper()
	for _, text := range texts {
		if !strings.Contains(a.Body.String(), text) {
			a.h.Errorf("%s: no %q in %s", a.what, text, a.Body)
		}
	}
	return a
}

func (a *answer) hasNot(texts ...string) *answer {
	a.h.Helper()
	for _, text := range texts {
		if strings.Contains(a.Body.String(), text) {
			a.h.Errorf("%s: %q in %s", a.what, text, a.Body)
		}
	}
	return a
}
