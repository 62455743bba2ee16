package scim

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

const missing = "00000000000000000000000000"

// walk asks every path of the route table, and some that it has not, by every method, as anybody.
type walk struct {
	t        *testing.T
	door     *Door
	handler  http.Handler
	s        *provision.Service
	clock    *atomic.Int64
	asked    int
	ids      []string // of what the connection ours has
	token    string   // of ours
	tokenID  directory.TokenID
	expiring string // ours for an hour
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"}

const canary = "canary-of-ours"

func eachWalk(t *testing.T, f func(w *walk)) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		w := &walk{t: t, clock: new(atomic.Int64)}
		w.clock.Store(time.Now().UnixMilli())
		c.Now = func() time.Time { return time.UnixMilli(w.clock.Load()) }
		db, quiet := storetest.Open(t, c), slog.New(slog.DiscardHandler)
		w.s = provision.New(db, quiet)
		w.door = &Door{DB: db, Provision: w.s, Log: quiet, Rate: 1_000_000, Burst: 1_000_000}
		w.handler = w.door.Alone()
		w.token, w.tokenID = w.connect("ours")
		_, expiring, err := w.s.CreateToken(t.Context(), directory.Actor{Name: "test"}, "ours", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		w.expiring = expiring
		user := w.made("/Users", `{"userName":"`+canary+`@x.test"}`)
		w.ids = []string{user, w.made("/Groups", `{"displayName":"`+canary+`","members":[{"value":"`+user+`"}]}`)}
		f(w)
	})
}

func (w *walk) connect(name string) (token string, id directory.TokenID) {
	w.t.Helper()
	admin := directory.Actor{Name: "test"}
	if _, err := w.s.CreateConnection(w.t.Context(), admin, name, "", nil); err != nil {
		w.t.Fatal(err)
	}
	kept, token, err := w.s.CreateToken(w.t.Context(), admin, name, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return token, kept.ID
}

func (w *walk) made(path, body string) (id string) {
	w.t.Helper()
	a := w.ask("POST", path, "Bearer "+w.token, body)
	_, rest, _ := strings.Cut(a.Header().Get("Location"), Base+path+"/")
	if a.Code != 201 || len(rest) != len(missing) {
		w.t.Fatalf("POST %s: %d %s", path, a.Code, a.Body)
	}
	return rest
}

// ask sends a request from an address that nobody else has.
func (w *walk) ask(method, path, authorization, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, Base+path, strings.NewReader(body))
	w.asked++
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", w.asked>>16&255, w.asked>>8&255, w.asked&255)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	a := httptest.NewRecorder()
	w.handler.ServeHTTP(a, r)
	return a
}

// routes are the paths of the table, with {id}, and paths that are not in it.
func (w *walk) routes() []string {
	return append(slices.Sorted(maps.Keys(w.door.endpoints)), "", "/nothing", "/Users/{id}/nothing", "/nothing/{id}", "/%55sers")
}

const anything = `{"userName":"evil","displayName":"evil","members":[],"Operations":[{"op":"remove","path":"members"}]}`

// fingerprint is all of an answer that may not differ.
func fingerprint(a *httptest.ResponseRecorder) string {
	h := a.Header().Clone()
	h.Del("X-Request-Id")
	return fmt.Sprint(a.Code, " ", h, " ", a.Body)
}

// state is what a token of ours sees of ours.
func (w *walk) state() string {
	return w.ask("GET", "/Users", "Bearer "+w.token, "").Body.String() + w.ask("GET", "/Groups", "Bearer "+w.token, "").Body.String()
}

// Who has no valid credential gets one answer, whatever is asked.
func TestRoutes_tell_nothing_to_who_has_no_valid_credential(t *testing.T) {
	eachWalk(t, func(w *walk) {
		admin, before := directory.Actor{Name: "test"}, w.state()
		revoked, id := w.connect("theirs")
		disabled, _ := w.connect("disabled")
		_, err := w.s.EnableConnection(w.t.Context(), admin, "disabled", false)
		if err == nil {
			err = w.s.RevokeToken(w.t.Context(), admin, id)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		w.clock.Add(time.Hour.Milliseconds())
		last := w.token[len(w.token)-1]
		for name, authorization := range map[string]string{
			"none": "", "empty": "Bearer ", "garbled": "Bearer garbled", "truncated": "Bearer " + w.token[:len(w.token)-1],
			"changed": "Bearer " + w.token[:len(w.token)-1] + string(last^1), "longer": "Bearer " + w.token + "a", "of another scheme": "Basic " + w.token,
			"the token's id": "Bearer " + string(w.tokenID), "revoked": "Bearer " + revoked, "expired": "Bearer " + w.expiring,
			"of a disabled connection": "Bearer " + disabled,
		} {
			want := ""
			for _, route := range w.routes() {
				for _, id := range append(w.ids, missing) {
					for _, method := range methods {
						path := strings.Replace(route, "{id}", id, 1)
						a := w.ask(method, path, authorization, anything)
						if a.Code != 401 && a.Code != 403 {
							w.t.Errorf("%s: %s %s: status %d", name, method, path, a.Code)
						}
						if got := fingerprint(a); want == "" {
							want = got
						} else if got != want {
							w.t.Errorf("%s: %s %s:\n%s\nand elsewhere\n%s", name, method, path, got, want)
						}
					}
				}
			}
		}
		if after := w.state(); after != before {
			w.t.Errorf("something changed: %s\nwas %s", after, before)
		}
	})
}

// A valid token of another connection cannot tell an id of ours from one that never was.
func TestRoutes_of_a_foreign_id_answer_as_of_a_missing_one(t *testing.T) {
	eachWalk(t, func(w *walk) {
		theirs, _ := w.connect("theirs")
		before := w.state()
		for _, route := range w.routes() {
			for _, method := range methods {
				for _, body := range []string{anything, "", "{"} {
					// What never was comes first: nothing that one answer does may show in the other.
					want := fingerprint(w.ask(method, strings.Replace(route, "{id}", missing, 1), "Bearer "+theirs, body))
					if strings.Contains(want, canary) {
						w.t.Errorf("%s %s shows %s", method, route, want)
					}
					for _, id := range w.ids {
						if !strings.Contains(route, "{id}") {
							continue
						}
						path := strings.Replace(route, "{id}", id, 1)
						a := w.ask(method, path, "Bearer "+theirs, body)
						if got := fingerprint(a); a.Code < 400 || got != want {
							w.t.Errorf("%s %s:\n%s\nand of a missing one\n%s", method, path, got, want)
						}
					}
				}
			}
		}
		if after := w.state(); after != before {
			w.t.Errorf("something changed: %s\nwas %s", after, before)
		}
	})
}

// A method that a path has not is 405, which says those that it has; a path that is not there is 404 by every method.
func TestRoutes_have_the_methods_of_the_table(t *testing.T) {
	eachWalk(t, func(w *walk) {
		for _, route := range w.routes() {
			e, known := w.door.endpoints[route]
			if route == "/%55sers" {
				e, known = w.door.endpoints["/Users"]
			}
			for _, method := range methods {
				a := w.ask(method, strings.Replace(route, "{id}", missing, 1), "Bearer "+w.token, anything)
				allow := strings.Join(slices.Sorted(maps.Keys(e)), ", ")
				switch {
				case !known:
					if a.Code != 404 {
						w.t.Errorf("%s %s: status %d, want 404", method, route, a.Code)
					}
				case e[method] == nil && (a.Code != 405 || a.Header().Get("Allow") != allow):
					w.t.Errorf("%s %s: status %d, Allow %q, want 405 and %q", method, route, a.Code, a.Header().Get("Allow"), allow)
				case e[method] != nil && (a.Code == 405 || a.Code >= 500 && a.Code != 501):
					w.t.Errorf("%s %s: status %d", method, route, a.Code)
				}
			}
		}
	})
}
