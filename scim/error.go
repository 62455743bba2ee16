package scim

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
	"github.com/rollcall-id/rollcall/web"
)

// statuses is the one table from the kinds of errors to HTTP and to scimType.
//
// RFC 7644, section 3.12.
var statuses = map[directory.Kind]struct {
	status   int
	scimType string
}{
	directory.Invalid:         {http.StatusBadRequest, "invalidValue"},
	directory.NotFound:        {http.StatusNotFound, ""},
	directory.Conflict:        {http.StatusConflict, "uniqueness"},
	directory.Stale:           {http.StatusPreconditionFailed, ""},
	directory.Forbidden:       {http.StatusForbidden, ""},
	directory.Unauthenticated: {http.StatusUnauthorized, ""},
	directory.Limit:           {http.StatusRequestEntityTooLarge, ""},
	directory.Full:            {http.StatusInsufficientStorage, ""},
	directory.Unavailable:     {http.StatusServiceUnavailable, ""},
}

// errTooMany replaces the Limit of a query that ran out of time.
var errTooMany = schema.Errorf(schema.TooMany, "the query takes too long on this directory: filter with eq on userName, externalId, id or a Group's "+
	"displayName, or on members; sort by userName, a Group's displayName or not at all")

// problem is what an error says in this door.
type problem struct {
	status     int
	scimType   string
	detail     string
	retryAfter time.Duration // zero when that is not known
	cause      error         // what an administrator has to see; nil for nothing
}

// problemOf is the only text that tells what an error says.
func problemOf(ctx context.Context, err error) problem {
	if e, ok := errors.AsType[*schema.Error](err); ok {
		return problem{status: http.StatusBadRequest, scimType: string(e.Type), detail: e.Detail}
	}
	if e, ok := errors.AsType[*web.Error](err); ok {
		return problem{status: e.Status, detail: e.Msg, retryAfter: e.RetryAfter}
	}
	if e, ok := errors.AsType[*directory.Error](err); ok {
		known := statuses[e.Kind]
		p := problem{status: known.status, scimType: known.scimType, detail: e.Error()}
		if e.Kind == directory.Unavailable || e.Kind == directory.Full {
			p.cause = err // the administrator's to mend
		}
		if e.Kind == directory.Unavailable {
			p.retryAfter = time.Second
		}
		return p
	}
	return problem{status: http.StatusInternalServerError, detail: "internal error; request " + web.RequestID(ctx), cause: err}
}

// body is the problem as SCIM writes it.
func (p *problem) body() []byte {
	b := []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"` + strconv.Itoa(p.status) + `"`)
	if p.scimType != "" {
		b = append(b, `,"scimType":"`+p.scimType+`"`...)
	}
	return append(appendString(append(b, `,"detail":`...), p.detail), '}')
}

// writeError is the only text that answers with an error.
func (d *Door) writeError(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(r.Context(), err)
	if p.status == http.StatusInternalServerError && errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler) // the client has gone
	}
	if p.cause != nil {
		web.RecordOf(r.Context()).Cause = p.cause
	}
	if p.retryAfter > 0 {
		web.SetRetryAfter(w.Header(), p.retryAfter)
	}
	if p.status == http.StatusUnauthorized { // RFC 6750, section 3.
		w.Header().Set("WWW-Authenticate", `Bearer realm="rollcall"`)
	}
	writeBody(w, r, p.status, p.body())
}
