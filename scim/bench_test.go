package scim_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/scim"
	"github.com/rollcall-id/rollcall/store"
)

// sink is a ResponseWriter that keeps the status and the body.
type sink struct {
	h      http.Header
	status int
	body   []byte
}

func (s *sink) Header() http.Header    { return s.h }
func (s *sink) WriteHeader(status int) { s.status = status }
func (s *sink) Write(p []byte) (int, error) {
	s.body = append(s.body[:0], p...)
	return len(p), nil
}

var idInBody = regexp.MustCompile(`"id":"([^"]+)"`)

// BenchmarkDoor answers one request after the other, without the network: what the door itself costs.
func BenchmarkDoor(b *testing.B) {
	db, err := store.Open(b.Context(), store.Config{Data: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, _, err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	s := provision.New(db, slog.New(slog.DiscardHandler))
	if _, err := s.CreateConnection(b.Context(), admin, "okta", "okta", nil); err != nil {
		b.Fatal(err)
	}
	door := (&scim.Door{DB: db, Provision: s, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}).Alone()
	var token string
	made := 0
	ask := func(want int, method, path, body string) *sink {
		if made%900 == 0 { // before the token meets its rate limit
			if _, token, err = s.CreateToken(b.Context(), admin, "okta", 0); err != nil {
				b.Fatal(err)
			}
		}
		made++
		r := httptest.NewRequest(method, "http://x"+scim.Base+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		w := &sink{h: http.Header{}}
		if door.ServeHTTP(w, r); w.status != want {
			b.Fatalf("%s %s: status %d: %s", method, path, w.status, w.body)
		}
		return w
	}
	users := 0
	create := func() string {
		users++
		return string(idInBody.FindSubmatch(ask(201, "POST", "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],
			"userName":"user%d@example.com","externalId":"00u%d","name":{"givenName":"Given","familyName":"Family"},"active":true,
			"emails":[{"value":"user%d@example.com","type":"work","primary":true}]}`, users, users, users)).body)[1])
	}
	id := create()
	run := func(name string, one func(n int)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				one(n)
			}
		})
	}
	run("get", func(int) { ask(200, "GET", "/Users/"+id, "") })
	run("filter", func(int) { ask(200, "GET", "/Users?filter=userName%20eq%20%22user1@example.com%22", "") })
	run("post", func(int) { create() })
	run("patch", func(n int) {
		ask(200, "PATCH", "/Users/"+id, fmt.Sprintf(`{"Operations":[{"op":"replace","value":{"active":%t}}]}`, n%2 == 1))
	})
}
