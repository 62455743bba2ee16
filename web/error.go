package web

import (
	"net/http"
	"strconv"
	"time"
)

// Error is a refusal for which only HTTP has a word: a URL too long (414), a body too large (413), slow (408), cut off (400)
// or encoded (415), a path that names nothing (404), a
// method that it does not have (405), a rate that is passed (429). Refusals in words of the domain are
// directory.Error, and every door has one table for those. Msg is written for the sender: lower case, no secret.
type Error struct {
	Status     int
	Msg        string
	RetryAfter time.Duration // when the same request may succeed; zero when that is not known
}

func (e *Error) Error() string { return e.Msg }

// SetRetryAfter sets Retry-After to whole seconds, at least 1.
func SetRetryAfter(h http.Header, wait time.Duration) {
	seconds := max(1, int64((wait+time.Second-1)/time.Second))
	h.Set("Retry-After", strconv.FormatInt(seconds, 10))
}
