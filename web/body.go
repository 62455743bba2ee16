package web

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// The time that a sender may let the server wait for its body: patience at first and at most, less what it waited, and one
// second more for each paceRate bytes. So an upload over a bad line ends well, and one that drips to hold the connection
// does not.
const (
	patience = 30 * time.Second
	paceRate = 1 << 10
)

// LimitBody allows the body of r at most n bytes. A declared length beyond n is refused at once; otherwise the read that
// passes n returns the error, and the caller finds it with errors.As. Errors: *Error with status 413.
func LimitBody(w http.ResponseWriter, r *http.Request, n int64) error {
	if r.ContentLength > n {
		return tooLarge(n)
	}
	if r.Body != http.NoBody {
		r.Body = limitedBody{http.MaxBytesReader(w, r.Body, n)}
	}
	return nil
}

func tooLarge(n int64) *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Msg: fmt.Sprintf("the body is larger than %d bytes", n)}
}

// limitedBody gives the error of http.MaxBytesReader the form of this package.
type limitedBody struct{ io.ReadCloser }

func (b limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if passed := (*http.MaxBytesError)(nil); errors.As(err, &passed) {
		err = tooLarge(passed.Limit)
	}
	return n, err
}

// pacedBody ends a body that arrives too slowly.
type pacedBody struct {
	io.ReadCloser
	conn *http.ResponseController
	left time.Duration // of the sender's time
}

func pace(w http.ResponseWriter, body io.ReadCloser, now time.Time) pacedBody {
	b := pacedBody{ReadCloser: body, conn: http.NewResponseController(w), left: patience}
	b.until(now.Add(patience)) // also for a body that only the server reads, to throw it away
	return b
}

func (b *pacedBody) Read(p []byte) (int, error) {
	start := time.Now()
	b.until(start.Add(b.left))
	n, err := b.ReadCloser.Read(p)
	earned := time.Duration(n) * time.Second / paceRate
	b.left = min(b.left-time.Since(start)+earned, patience)
	switch timeout := net.Error(nil); {
	case err == io.EOF:
		// From here on the server itself reads, to see whether the client is still there; that read must not time out.
		b.until(time.Time{})
	case errors.As(err, &timeout) && timeout.Timeout():
		err = &Error{Status: http.StatusRequestTimeout, Msg: "the body arrives too slowly"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = &Error{Status: http.StatusBadRequest, Msg: "the body ends early"}
	}
	return n, err
}

// until sets the deadline. Where the ResponseWriter has none, there is no connection to hold up either.
func (b *pacedBody) until(t time.Time) { _ = b.conn.SetReadDeadline(t) }
