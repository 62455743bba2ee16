package scim

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/rollcall-id/rollcall/web"
)

// limits are those of a body.
type limits struct {
	bytes  int64
	values int // in it, of any kind: each takes a hundred bytes when it is decoded
}

var (
	plainLimits = limits{1 << 20, 20_000}
	groupLimits = limits{32 << 20, 1_250_000} // 200,000 members with all that is said of each, of which little is kept
	bulkLimits  = limits{8 << 20, 200_000}
)

const (
	// smallBody is the size up to which nothing is counted: nearly every body, and each that deactivates somebody.
	smallBody = 64 << 10
	// maxHeld is how many bytes of larger bodies are held at once.
	maxHeld = 128 << 20
	// decodingAtOnce is how many bytes of larger bodies are decoded at once.
	decodingAtOnce = 32 << 20
)

// limitsOf returns the limits of the bodies that an endpoint takes.
func limitsOf(route string) limits {
	switch {
	case route == Base+"/Bulk":
		return bulkLimits
	case route == Base+"/Groups", route == Base+"/Groups/{id}":
		return groupLimits
	}
	return plainLimits
}

// fetch reads the body of a request as it comes, before the request takes the place of another: a body may take its time.
//
// Errors: *web.Error with 413, 415, 503 and what else the transfer meets.
func (d *Door) fetch(r *request) (err error) {
	if kind := r.Header.Get("Content-Type"); kind != "" && r.Body != http.NoBody {
		media, _, err := mime.ParseMediaType(kind)
		if err != nil || media != scimJSON && media != plainJSON {
			return &web.Error{Status: http.StatusUnsupportedMediaType, Msg: "the body must be " + scimJSON + " or " + plainJSON}
		}
	}
	if err := web.LimitBody(r.w, r.Request, r.limits.bytes); err != nil || r.Body == http.NoBody {
		return err
	}
	// Room for what is promised, as far as a promise is worth it, and a byte to see the end.
	b := make([]byte, 0, min(max(r.ContentLength, 511), smallBody)+1)
	for {
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			r.raw = b
			return nil
		}
		if err != nil {
			return err
		}
		if len(b) < cap(b) {
			continue
		}
		more := int64(cap(b)) // it doubles
		if d.held.Add(more) > maxHeld {
			d.held.Add(-more)
			return &web.Error{Status: http.StatusServiceUnavailable, Msg: "too many large requests at once; try again", RetryAfter: time.Second}
		}
		r.holds += more
		b = append(make([]byte, 0, 2*cap(b)), b...)
	}
}

// drop forgets the body.
func (d *Door) drop(r *request) {
	r.raw, r.body = nil, nil
	d.held.Add(-r.holds)
	r.holds = 0
}

// takesBody reports whether a handler of the method reads a body.
func takesBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}
