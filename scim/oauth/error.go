package oauth

import (
	"context"
	"errors"
	"net/http"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/web"
)

// The words for errors.
//
// RFC 6749, section 5.2. The last two stand in section 4.1.2.1, for another endpoint; there are none better.
const (
	invalidRequest       = "invalid_request"
	invalidClient        = "invalid_client"
	unauthorizedClient   = "unauthorized_client"
	unsupportedGrantType = "unsupported_grant_type"
	unavailable          = "temporarily_unavailable"
	serverError          = "server_error"
)

// oauthError is a request that will stay wrong. Its text has no quotes, backslashes or characters beyond ASCII.
type oauthError struct {
	code string
	text string
}

func (e *oauthError) Error() string { return e.text }

// writeError is the only text that writes an error of this door.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	record := web.RecordOf(r.Context())
	status, code, text := http.StatusInternalServerError, serverError, "internal error; request "+record.RequestID
	if e, ok := errors.AsType[*oauthError](err); ok {
		status, code, text = http.StatusBadRequest, e.code, e.text
	} else if e, ok := errors.AsType[*web.Error](err); ok {
		status, code, text = e.Status, invalidRequest, e.Msg
		if e.Status == http.StatusTooManyRequests {
			code = unavailable
		}
		if e.RetryAfter > 0 {
			web.SetRetryAfter(w.Header(), e.RetryAfter)
		}
	} else if directory.Is(err, directory.Unauthenticated) {
		status, code, text = http.StatusUnauthorized, invalidClient, "the client is unknown, its secret is wrong, or it was revoked"
		w.Header().Set("WWW-Authenticate", `Basic realm="rollcall"`)
	} else if directory.Is(err, directory.Forbidden) {
		status, code, text = http.StatusBadRequest, unauthorizedClient, "the connection of the client is disabled"
	} else if directory.Is(err, directory.Unavailable) {
		status, code, text = http.StatusServiceUnavailable, unavailable, "try again"
		w.Header().Set("Retry-After", "1")
		record.Cause = err
	} else if errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler) // the client has gone
	} else {
		record.Cause = err
	}
	if record.Reason == "" && status < http.StatusInternalServerError {
		record.Reason = text
	}
	writeJSON(w, r, status, "no-store", map[string]any{"error": code, "error_description": text})
}
