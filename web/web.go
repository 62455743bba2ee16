// Package web is what every HTTP door needs: request ids, limits, path rules, recovery, the access log and the metrics of
// requests, and the server that the doors hang in. It leaves to the doors (scim, saml, portal, api4, console) who may come in, what a
// request means and how an error is written: each door has its own form of error and gives it here as an ErrorFunc. The doors
// and cmd call it.
//
// A door is a handler inside a Door. What is asked for often and by name stands in one Record per request.
package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// MaxURL is how many bytes a request target may have; a longer one is answered 414.
const MaxURL = 16 << 10

// BaseURL is what clients call us, without a path: as configured, else as the request says.
func BaseURL(configured string, r *http.Request) string {
	if configured != "" {
		return configured
	}
	return "http://" + r.Host
}

// ErrorFunc writes err in the form of one door. An *Error brings its own status; an error that the door's table does not
// know is an internal one: the answer says "internal error" and RequestID, and the cause goes into Record.Cause.
type ErrorFunc func(w http.ResponseWriter, r *http.Request, err error)

// Door stands around the handler of one door. Before the handler runs it gives the request an id, finds the client's
// address, and refuses, through Error, a URL longer than MaxURL (414), a path that CheckPath refuses (404) and a body with a
// Content-Encoding (415). While the handler runs, reading a body that stalls (408) or ends early (400) returns an *Error.
// After it, one line goes to Log and the request is counted; a panic becomes an internal error, and http.ErrAbortHandler passes.
//
// The ResponseWriter that the handler gets is to be used with http.ResponseController.
type Door struct {
	Handler http.Handler
	Error   ErrorFunc
	Log     *slog.Logger
	Metrics *Metrics // nil: nothing is counted
	Proxies Proxies  // whose X-Forwarded-For and X-Request-Id are believed; nil for nobody's
	Slashed []string // the paths that are served although they end in a slash
}

func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := &scope{Context: r.Context(), start: time.Now(), answer: answer{ResponseWriter: w}}
	client, trusted := d.Proxies.client(r)
	s.record = Record{RequestID: requestID(r, trusted, s.start), Client: client, Path: r.URL.EscapedPath()}
	w.Header()[requestIDHeader] = []string{s.record.RequestID}
	r = r.WithContext(s)
	if r.Body != http.NoBody && r.Body != nil {
		s.body = pace(w, r.Body, s.start)
		r.Body = &s.body
	}
	d.Metrics.begin()
	defer d.finish(s, r)
	if err := d.check(&s.answer, r); err != nil {
		s.record.Path, s.record.Reason = "/…", err.Error() // of what is no path of ours, nobody knows what it holds
		d.Error(&s.answer, r, err)
		return
	}
	d.Handler.ServeHTTP(&s.answer, r)
}

func (d *Door) check(w http.ResponseWriter, r *http.Request) error {
	if len(r.RequestURI) > MaxURL {
		return &Error{Status: http.StatusRequestURITooLong, Msg: fmt.Sprintf("the URL is longer than %d bytes", MaxURL)}
	}
	for _, coding := range r.Header["Content-Encoding"] {
		if !strings.EqualFold(coding, "identity") {
			w.Header().Set("Accept-Encoding", "identity") // RFC 7694, section 3.
			return &Error{Status: http.StatusUnsupportedMediaType, Msg: "a body with a Content-Encoding is not accepted: send it as it is"}
		}
	}
	return CheckPath(r.URL, d.Slashed...)
}

// finish is deferred around the handler: it turns a panic into an answer, as far as none has begun, and logs the request.
func (d *Door) finish(s *scope, r *http.Request) {
	var stack []byte
	abort := false
	switch cause := recover(); cause {
	case nil:
		s.answer.begin(http.StatusOK)
	case http.ErrAbortHandler:
		abort = true
	default:
		stack = debug.Stack()
		abort = s.answer.status != 0
		err := fmt.Errorf("panic: %v", cause)
		if !abort {
			clear(s.answer.Header())
			s.answer.Header()[requestIDHeader] = []string{s.record.RequestID}
			d.Error(&s.answer, r, err)
		}
		s.record.Cause = err
	}
	took := time.Since(s.start)
	d.Metrics.end(r.Method, s.answer.status, &s.record, took)
	d.log(s, r, took, stack)
	if abort {
		panic(http.ErrAbortHandler) // what was sent is not whole: cut the connection, so that nobody takes it for whole
	}
}

func (d *Door) log(s *scope, r *http.Request, took time.Duration, stack []byte) {
	level := slog.LevelInfo
	if s.record.Cause != nil {
		level = slog.LevelError
	}
	if !d.Log.Enabled(s, level) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 13),
		slog.String("request_id", s.record.RequestID),
		slog.String("method", clip(r.Method, 32)),
		slog.String("path", clip(s.record.Path, 512)),
		slog.Int("status", s.answer.status),
		slog.Int64("bytes", s.answer.bytes),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.String("remote", s.record.Client.String()),
		slog.String("connection", s.record.Connection),
		slog.String("token_id", s.record.TokenID),
	)
	if s.record.Route != "" {
		attrs = append(attrs, slog.String("route", s.record.Route))
	}
	if s.record.Reason != "" {
		attrs = append(attrs, slog.String("reason", s.record.Reason))
	}
	if s.record.Cause != nil {
		attrs = append(attrs, slog.Any("error", s.record.Cause))
	}
	if stack != nil {
		attrs = append(attrs, slog.String("stack", string(stack)))
	}
	d.Log.LogAttrs(s, level, "request", attrs...)
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

// scope is everything that one request needs here, in one allocation. It is the request's context.
type scope struct {
	context.Context
	start  time.Time
	record Record
	answer answer
	body   pacedBody
}

type recordKey struct{}

func (s *scope) Value(key any) any {
	if key == (recordKey{}) {
		return &s.record
	}
	return s.Context.Value(key)
}

// answer counts what is sent.
type answer struct {
	http.ResponseWriter
	status int // zero until it is sent
	bytes  int64
}

func (a *answer) begin(status int) {
	if a.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		a.status = status
	}
}

func (a *answer) WriteHeader(status int) {
	a.begin(status)
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.begin(http.StatusOK)
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
