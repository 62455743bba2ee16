package main

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

func TestServer_is_alive_always_and_ready_only_with_its_database(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		if c.URL != "" {
			c.URL = storetest.EmptyPostgres(t)
		}
		db, err := store.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		s := &server{app: &app{db: db}, log: slog.New(slog.DiscardHandler)}
		want := func(when string, ready int) {
			t.Helper()
			for path, status := range map[string]int{"/healthz": 200, "/readyz": ready} {
				w := httptest.NewRecorder()
				if s.ServeHTTP(w, httptest.NewRequest("GET", path, nil)); w.Code != status {
					t.Errorf("%s: %s answers %d %q, want %d", when, path, w.Code, w.Body, status)
				}
			}
		}
		want("before the migration", 503)
		if _, _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		want("migrated", 200)
		s.ending.Store(true)
		want("at the end", 503)
		s.ending.Store(false)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		want("without a database", 503)
	})
}

// sink is where a log goes. While it is shut, writing to it waits.
type sink struct {
	mu   sync.Mutex
	text strings.Builder
	shut chan struct{}
}

func (s *sink) Write(p []byte) (int, error) {
	if s.shut != nil {
		<-s.shut
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *sink) lines() int { return strings.Count(s.String(), "\n") }

func TestLog_is_written_together_soon_and_what_is_bad_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out sink
		log, end := newLog(&out, "text", "info")
		log.Debug("nothing")
		for range 10 {
			log.Info("one of ten")
		}
		time.Sleep(logDelay - time.Millisecond)
		if n := out.lines(); n != 0 {
			t.Errorf("%d lines before the time", n)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if n := out.lines(); n != 10 {
			t.Errorf("%d lines after the time, want 10", n)
		}
		log.Info("one more")
		log.With("a", 1).Error("bad")
		if n := out.lines(); n != 12 {
			t.Errorf("%d lines after an error, want 12", n)
		}
		log.Info("the last")
		end()
		if n := out.lines(); n != 13 {
			t.Errorf("%d lines at the end, want 13", n)
		}
		time.Sleep(2 * logDelay)
	})
}

func TestLog_that_nobody_takes_holds_up_nobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := sink{shut: make(chan struct{})}
		log, end := newLog(&out, "json", "info")
		log.Info("first")
		time.Sleep(2 * logDelay) // it is being written, and stays so
		long := strings.Repeat("x", 1000)
		for range 3 * maxLog / len(long) {
			log.Info(long)
		}
		log.Error("bad")
		close(out.shut)
		time.Sleep(2 * logDelay)
		end()
		text := out.String()
		if !strings.Contains(text, `"msg":"lines of the log were not taken in time and are lost","lines":`) {
			t.Error("it does not tell of the lines that are lost")
		}
		if n := len(text); n > maxLog+1000 || n < maxLog/2 {
			t.Errorf("%d bytes were kept", n)
		}
		time.Sleep(2 * logDelay)
	})
}

func TestLog_level(t *testing.T) {
	for level, lines := range map[string]int{"debug": 4, "info": 3, "warn": 2, "error": 1} {
		var out sink
		log, end := newLog(&out, "json", level)
		log.Debug("a")
		log.Info("b")
		log.Warn("c")
		log.Error("d")
		end()
		if n := out.lines(); n != lines {
			t.Errorf("%s has %d lines, want %d", level, n, lines)
		}
	}
}

func BenchmarkLog(b *testing.B) {
	log, end := newLog(io.Discard, "text", "info")
	defer end()
	b.ReportAllocs()
	for b.Loop() {
		log.Info("request", "request_id", "06dndml8000b6f6e0rs4eqm8ic", "method", "GET", "status", 200)
	}
}

func TestServer_sends_each_request_to_the_door_that_speaks_its_form(t *testing.T) {
	for name, tt := range map[string]struct {
		target, accept, kind string
		want                 bool
	}{
		"a page":                           {"/login", "text/html", "", false},
		"home":                             {"/", "*/*", "", false},
		"a form":                           {"/login", "", "application/x-www-form-urlencoded", false},
		"SCIM":                             {"/scim/v2/Users", "", "", true},
		"in upper case":                    {"/SCIM/v2/Users", "", "", true},
		"with a doubled slash":             {"//scim/v2/Users", "", "", true},
		"with an encoded slash":            {"/scim%2Fv2/Users", "", "", true},
		"with an encoded letter":           {"/%73cim/v2/Users", "", "", true},
		"with dots that lead there":        {"/x/../scim/v2/Users", "", "", true},
		"with dots that lead away":         {"/scim/v2/../../login", "", "", true},
		"another path, of who speaks SCIM": {"/Users", "application/scim+json", "", true},
		"a body of who speaks SCIM":        {"/Users", "", "application/scim+json; charset=utf-8", true},
	} {
		r := httptest.NewRequest("GET", "http://chat.example.com"+tt.target, nil)
		r.Header.Set("Accept", tt.accept)
		r.Header.Set("Content-Type", tt.kind)
		if got := isSCIM(r); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
