package web

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

const requestIDHeader = "X-Request-Id"

// Record is what the access log and the metrics say of one request. A Door makes it; the handler adds what only it knows, and only on the
// goroutine that it was called on. Nothing in it may be a secret or a personal datum.
type Record struct {
	RequestID string     // made here, or by a trusted proxy; also in the answer's X-Request-Id
	Client    netip.Addr // who asks: the peer, or whom a trusted proxy names; the zero Addr on a Unix socket

	// Path is logged: as sent, escaped and without the query. A door whose paths hold names puts the route's pattern here.
	Path       string
	Route      string // the pattern of the route, such as /scim/v2/Users/{id}; empty while none was found
	Connection string // name of the connection, once it is known
	TokenID    string // directory.TokenID of the credential, once it is known
	Reason     string // why a request was refused, where the answer does not say: a fixed text, then a comma or colon before particulars
	Cause      error  // of an internal error: it makes the line an error and is logged, and nothing else shows it
}

// RecordOf returns the record of the request that ctx belongs to; never nil.
func RecordOf(ctx context.Context) *Record {
	if r, ok := ctx.Value(recordKey{}).(*Record); ok {
		return r
	}
	return new(Record)
}

// RequestID returns the id of the request that ctx belongs to, empty outside of a Door.
func RequestID(ctx context.Context) string { return RecordOf(ctx).RequestID }

func requestID(r *http.Request, trusted bool, now time.Time) string {
	if trusted {
		if sent := r.Header[requestIDHeader]; len(sent) == 1 && wellFormed(sent[0]) {
			return sent[0]
		}
	}
	return directory.NewID[string](now)
}

// wellFormed accepts 8 to 64 of [A-Za-z0-9._-].
func wellFormed(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return 8 <= len(id) && len(id) <= 64
}
