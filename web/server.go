package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	headerTime = 10 * time.Second  // from the first byte of a request to the end of its headers
	idleTime   = 120 * time.Second // between two requests; longer than an IdP's client keeps a connection
	graceTime  = 8 * time.Second   // for the requests that run when Serve is told to end; a container has 10 s
	maxHeader  = 128 << 10         // far above MaxURL, so that a long URL gets the answer of its door and not the server's 431

	// A client takes each piece of an answer within writeTime, or a second less, or it is gone.
	writeTime  = 30 * time.Second
	writePiece = 64 << 10
)

// Serve serves h on ln until ctx ends, then lets the running requests finish and cuts off those that take longer than
// graceTime. It closes ln and returns nil when ctx ended it; what the server has to complain of goes to log. There is no limit
// on how long a request may take, only on how long a client may stall: reading is paced by Door, writing here.
func Serve(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(pacedListener{ln}) }()
	select {
	case err := <-served:
		return errors.Join(err, srv.Close())
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
	defer cancel()
	err := srv.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("requests were cut off at the end", "grace", graceTime)
		err = srv.Close()
	}
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

type pacedListener struct{ net.Listener }

func (l pacedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &pacedConn{Conn: c}, nil
}

// pacedConn gives every piece that it writes a deadline. A deadline for the whole answer, http.Server's WriteTimeout, would
// count from the request's headers and cut off slow uploads and large answers over a slow line.
type pacedConn struct {
	net.Conn
	paced time.Time // when the deadline was set last; it costs as much as a short write
}

func (c *pacedConn) Write(p []byte) (written int, err error) {
	for {
		piece := p[written:min(written+writePiece, len(p))]
		if now := time.Now(); now.Sub(c.paced) > time.Second {
			c.paced = now
			if err := c.SetWriteDeadline(now.Add(writeTime)); err != nil {
				return written, err
			}
		}
		n, err := c.Conn.Write(piece)
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
	}
}
