package web_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/web"
)

// sink is a ResponseWriter that costs nothing.
type sink struct{ h http.Header }

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkDoor(b *testing.B) {
	body := make([]byte, 1000)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		record := web.RecordOf(r.Context())
		record.Connection, record.TokenID = "okta", "01k0000000000000000000000"
		_, _ = w.Write(body)
	})
	for name, log := range map[string]*slog.Logger{
		"silent": slog.New(slog.DiscardHandler), "logged": slog.New(slog.NewTextHandler(io.Discard, nil)),
	} {
		b.Run(name, func(b *testing.B) {
			door := &web.Door{Handler: h, Error: writeError, Log: log, Slashed: []string{"/scim/v2/Users/", "/scim/v2/Groups/"}}
			r := httptest.NewRequest("GET", "/scim/v2/Users/01k0000000000000000000000?attributes=userName", nil)
			w := &sink{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				door.ServeHTTP(w, r)
			}
		})
	}
}

func BenchmarkLimiter(b *testing.B) {
	l := web.NewLimiter[string](1e9, 1e9, time.Now)
	b.ReportAllocs()
	for b.Loop() {
		_ = l.Take("01k0000000000000000000000")
	}
}
