package scim

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

func TestBody_is_bounded_alone_and_with_others(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := provision.New(db, slog.New(slog.DiscardHandler))
		admin := directory.Actor{Name: "test"}
		if _, err := s.CreateConnection(t.Context(), admin, "okta", "okta", nil); err != nil {
			t.Fatal(err)
		}
		_, token, err := s.CreateToken(t.Context(), admin, "okta", 0)
		if err != nil {
			t.Fatal(err)
		}
		d := &Door{DB: db, Provision: s, Log: slog.New(slog.DiscardHandler)}
		handler := d.Alone()
		post := func(path, body string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("POST", Base+path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			return w
		}
		user := func(name string, padding int) string {
			return `{"userName":"` + name + `"` + strings.Repeat(" ", padding) + `}`
		}
		many := func(n int) string {
			return `{"userName":"many","unknown":[` + strings.TrimSuffix(strings.Repeat("1,", n), ",") + `]}`
		}
		for _, c := range []struct {
			what, path, body string
			held             int64
			status           int
		}{
			{"a small body", "/Users", user("a", 0), 0, 201},
			{"a large body", "/Users", user("b", 500_000), 0, 201},
			{"a body beyond the limit", "/Users", user("c", 1<<20), 0, 413},
			{"19,000 values", "/Users", many(19_000), 0, 201},
			{"20,001 values", "/Users", many(20_001), 0, 413},
			{"members that name nobody", "/Groups", `{"displayName":"g","members":[` + strings.Repeat(`{"a":1},`, 300_000) + `{}]}`, 0, 201},
			{"a small body while others hold all there is", "/Users", user("d", 1000), maxHeld, 201},
			{"a large body while others hold all there is", "/Users", user("e", 500_000), maxHeld, 503},
		} {
			d.held.Add(c.held)
			w := post(c.path, c.body)
			if d.held.Add(-c.held); w.Code != c.status {
				t.Errorf("%s: %d %.200s", c.what, w.Code, w.Body)
			}
			if c.status == 503 && w.Header().Get("Retry-After") != "1" {
				t.Errorf("%s: Retry-After %q", c.what, w.Header().Get("Retry-After"))
			}
			if held := d.held.Load(); held != 0 {
				t.Fatalf("%s: %d bytes are held afterwards", c.what, held)
			}
		}
	})
}
