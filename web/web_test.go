package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-id/rollcall/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// writeError is the form of error of the door under test.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	status, msg := http.StatusInternalServerError, "internal error "+web.RequestID(r.Context())
	if refused := (*web.Error)(nil); errors.As(err, &refused) {
		status, msg = refused.Status, refused.Msg
	} else {
		web.RecordOf(r.Context()).Cause = err
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, msg)
}

// lines is the access log of a door.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// one waits for the single line of the log, since a client has the answer before the line is written.
func (l *lines) one(t *testing.T) map[string]any {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		l.mu.Lock()
		text := l.b.String()
		l.mu.Unlock()
		if strings.HasSuffix(text, "\n") {
			var line map[string]any
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatalf("the log is not one line: %v\n%s", err, text)
			}
			return line
		}
	}
	t.Fatal("no line in the log")
	return nil
}

// open serves h behind a door on a real listener and returns its address and its log.
func open(t *testing.T, h http.HandlerFunc, options ...func(*web.Door)) (addr string, log *lines) {
	t.Helper()
	log = &lines{}
	door := &web.Door{Handler: h, Error: writeError, Log: slog.New(slog.NewJSONHandler(log, nil))}
	for _, o := range options {
		o(door)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(ctx, ln, door, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error("Serve:", err)
		}
	})
	return ln.Addr().String(), log
}

// send writes a request exactly as given and returns what comes back before the connection closes.
func send(t *testing.T, addr, request string) (status int, h http.Header, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return receive(t, conn)
}

func get(path, headers string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + "\r\n"
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func TestDoor_access_log(t *testing.T) {
	addr, log := open(t, func(w http.ResponseWriter, r *http.Request) {
		record := web.RecordOf(r.Context())
		record.Connection, record.TokenID = "okta", "tok1"
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "hello")
	})
	_, h, _ := send(t, addr, get("/Users/a%20b?filter=ann@x.test", ""))
	line := log.one(t)
	for key, want := range map[string]any{
		"msg": "request", "level": "INFO", "request_id": h.Get("X-Request-Id"), "method": "GET", "path": "/Users/a%20b",
		"status": 201.0, "bytes": 5.0, "remote": "127.0.0.1", "connection": "okta", "token_id": "tok1",
	} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	if d, ok := line["duration_ms"].(float64); !ok || d < 0 {
		t.Errorf("duration_ms is %v", line["duration_ms"])
	}
	if len(line) != 12 {
		t.Errorf("the line has %d keys, want time, these and no more: %v", len(line), line)
	}
}

func TestDoor_access_log_of_hostile_input(t *testing.T) {
	for name, tt := range map[string]struct{ request, key, want string }{
		"the path is cut":         {get("/"+strings.Repeat("a", 9999), ""), "path", "/" + strings.Repeat("a", 511) + "…"},
		"the method is cut":       {strings.Replace(get("/", ""), "GET", strings.Repeat("A", 99), 1), "method", strings.Repeat("A", 32) + "…"},
		"no path that is refused": {get("/scim/v2/Users/jo@x.test/%0D%0A", ""), "path", "/…"},
		"no query in the path":    {get("/a?b=ann@x.test", ""), "path", "/a"},
	} {
		t.Run(name, func(t *testing.T) {
			addr, log := open(t, ok)
			send(t, addr, tt.request)
			if got := log.one(t)[tt.key]; got != tt.want {
				t.Errorf("%s is %q, want %q", tt.key, got, tt.want)
			}
		})
	}
}

func TestDoor_answer_without_a_write_is_logged_as_200(t *testing.T) {
	addr, log := open(t, func(http.ResponseWriter, *http.Request) {})
	send(t, addr, get("/", ""))
	if got := log.one(t)["status"]; got != 200.0 {
		t.Errorf("status is %v", got)
	}
}

func TestDoor_panic(t *testing.T) {
	addr, log := open(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `W/"1"`)
		w.Header().Set("Content-Length", "99999")
		panic("out of cheese")
	})
	status, h, body := send(t, addr, get("/", ""))
	id := h.Get("X-Request-Id")
	if status != 500 || body != "internal error "+id || id == "" || h.Get("ETag") != "" {
		t.Errorf("answer %d %q with %v", status, body, h)
	}
	line := log.one(t)
	if line["level"] != "ERROR" || line["error"] != "panic: out of cheese" || line["request_id"] != id || line["status"] != 500.0 {
		t.Errorf("line %v", line)
	}
	if stack := fmt.Sprint(line["stack"]); !strings.Contains(stack, "TestDoor_panic") {
		t.Errorf("the stack does not name the handler: %s", stack)
	}
}

func TestDoor_panic_in_the_middle_of_an_answer_cuts_it(t *testing.T) {
	for name, cause := range map[string]any{"a panic": "x", "http.ErrAbortHandler": http.ErrAbortHandler} {
		t.Run(name, func(t *testing.T) {
			door := &web.Door{Error: writeError, Log: slog.New(slog.DiscardHandler), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "half")
				panic(cause)
			})}
			defer func() {
				if got := recover(); got != http.ErrAbortHandler {
					t.Errorf("panic %v, want http.ErrAbortHandler", got)
				}
			}()
			w := httptest.NewRecorder()
			door.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		})
	}
}

func TestDoor_internal_error_is_logged_with_its_cause(t *testing.T) {
	addr, log := open(t, func(w http.ResponseWriter, r *http.Request) { writeError(w, r, errors.New("disk on fire")) })
	if status, _, body := send(t, addr, get("/", "")); status != 500 || strings.Contains(body, "fire") {
		t.Errorf("answer %d %q", status, body)
	}
	if line := log.one(t); line["level"] != "ERROR" || line["error"] != "disk on fire" || line["stack"] != nil {
		t.Errorf("line %v", line)
	}
}

func TestDoor_refusals(t *testing.T) {
	longest := "/" + strings.Repeat("a", web.MaxURL-1)
	for name, tt := range map[string]struct {
		request string
		status  int
	}{
		"a URL of the greatest length":     {get(longest, ""), 200},
		"a URL one byte longer":            {get(longest+"a", ""), 414},
		"a query can be too long":          {get("/?filter="+strings.Repeat("%28", 8000), ""), 414},
		"a URL of 100,000 bytes":           {get("/"+strings.Repeat("(", 100_000), ""), 414},
		"gzip":                             {get("/", "Content-Encoding: gzip\r\n"), 415},
		"gzip, then identity":              {get("/", "Content-Encoding: identity, gzip\r\n"), 415},
		"identity":                         {get("/", "Content-Encoding: Identity\r\n"), 200},
		"a doubled slash":                  {get("//", ""), 404},
		"an encoded slash":                 {get("/scim%2Fv2/Users", ""), 404},
		"a trailing slash":                 {get("/scim/v2/Users/1/", ""), 404},
		"the trailing slash that is named": {get("/scim/v2/Users/?filter=x", ""), 200},
		"an absolute target":               {get("http://other.test/scim/v2/Users/1", ""), 200},
	} {
		t.Run(name, func(t *testing.T) {
			addr, log := open(t, ok, func(d *web.Door) { d.Slashed = []string{"/scim/v2/Users/"} })
			status, h, body := send(t, addr, tt.request)
			if status != tt.status || h.Get("X-Request-Id") == "" || h.Get("Location") != "" {
				t.Errorf("answer %d %q with %v, want %d", status, body, h, tt.status)
			}
			if line := log.one(t); line["status"] != float64(tt.status) || line["level"] != "INFO" {
				t.Errorf("line %v", line)
			}
		})
	}
}

func TestDoor_request_id(t *testing.T) {
	made := regexp.MustCompile(`^[a-z0-9]{26}$`)
	loopback, err := web.ParseProxies([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		proxies web.Proxies
		sent    string
		kept    bool
	}{
		"none sent":                           {loopback, "", false},
		"a client's is not taken":             {nil, "abcdef-12345", false},
		"a trusted proxy's is taken":          {loopback, "abcdef-12345", true},
		"a trusted proxy's that is too short": {loopback, "abc", false},
		"a trusted proxy's that is too long":  {loopback, strings.Repeat("a", 65), false},
		"a trusted proxy's that is not plain": {loopback, "abcdef\x1b[31m", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = "127.0.0.1:5000"
			if tt.sent != "" {
				r.Header.Set("X-Request-Id", tt.sent)
			}
			var inside string
			door := &web.Door{Proxies: tt.proxies, Error: writeError, Log: slog.New(slog.DiscardHandler), Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				inside = web.RequestID(r.Context())
			})}
			w := httptest.NewRecorder()
			door.ServeHTTP(w, r)
			id := w.Header().Get("X-Request-Id")
			if id != inside {
				t.Errorf("the header says %q, the context %q", id, inside)
			}
			if tt.kept != (id == tt.sent) || !tt.kept && !made.MatchString(id) {
				t.Errorf("request id %q for %q", id, tt.sent)
			}
		})
	}
}

func TestRecordOf_outside_of_a_door(t *testing.T) {
	if r := web.RecordOf(t.Context()); r == nil || r.RequestID != "" {
		t.Errorf("record %v", r)
	}
}
