package scim

import (
	"context"
	"errors"
	"net/http"
	"strconv"

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
var errTooMany = &schema.Error{Type: "tooMany", Detail: "the filter takes too long on this directory: filter on userName, externalId, id or displayName"}

// writeError is the only text that writes an error of this door.
func (d *Door) writeError(w http.ResponseWriter, r *http.Request, err error) {
	status, scimType, detail := http.StatusInternalServerError, "", "internal error; request "+web.RequestID(r.Context())
	if e, ok := errors.AsType[*schema.Error](err); ok {
		status, scimType, detail = http.StatusBadRequest, string(e.Type), e.Detail
	} else if e, ok := errors.AsType[*web.Error](err); ok {
		status, detail = e.Status, e.Msg
		if e.RetryAfter > 0 {
			web.SetRetryAfter(w.Header(), e.RetryAfter)
		}
	} else if e, ok := errors.AsType[*directory.Error](err); ok {
		known := statuses[e.Kind]
		status, scimType, detail = known.status, known.scimType, e.Error()
		if e.Kind == directory.Unavailable || e.Kind == directory.Full {
			web.RecordOf(r.Context()).Cause = err // the administrator's to mend
		}
		if e.Kind == directory.Unavailable {
			w.Header().Set("Retry-After", "1")
		}
	} else if errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler) // the client has gone
	} else {
		web.RecordOf(r.Context()).Cause = err
	}
	if status == http.StatusUnauthorized { // RFC 6750, section 3.
		w.Header().Set("WWW-Authenticate", `Bearer realm="rollcall"`)
	}
	b := []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"` + strconv.Itoa(status) + `"`)
	if scimType != "" {
		b = append(b, `,"scimType":"`+scimType+`"`...)
	}
	b = append(appendString(append(b, `,"detail":`...), detail), '}')
	writeBody(w, r, status, b)
}
