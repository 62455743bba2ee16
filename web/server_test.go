package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-id/rollcall/web"
)

func receive(t *testing.T, conn io.Reader) (status int, h http.Header, body string) {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode, res.Header, string(b)
}

// pipes is a listener whose connections know only the clock of the test.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// inBubble serves h behind a door, with the time of a synctest bubble.
func inBubble(t *testing.T, h http.HandlerFunc, f func(t *testing.T, ln *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		ln := &pipes{make(chan net.Conn), make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		door := &web.Door{Handler: h, Error: writeError, Log: slog.New(slog.DiscardHandler)}
		go func() { ended <- web.Serve(ctx, ln, door, slog.New(slog.DiscardHandler)) }()
		f(t, ln)
		cancel()
		if err := <-ended; err != nil {
			t.Error("Serve:", err)
		}
	})
}

// upload answers with the number of bytes that came, or with the error.
func upload(limit int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := web.LimitBody(w, r, limit)
		var n int64
		if err == nil {
			n, err = io.Copy(io.Discard, r.Body)
		}
		if err != nil {
			writeError(w, r, fmt.Errorf("reading: %w", err))
			return
		}
		_, _ = fmt.Fprint(w, n)
	}
}

func post(body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func postChunked(body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
}

func TestLimitBody(t *testing.T) {
	kb := strings.Repeat("x", 1000)
	for name, tt := range map[string]struct {
		request string
		status  int
		body    string
	}{
		"no body":                      {get("/", ""), 200, "0"},
		"as long as allowed":           {post(kb), 200, "1000"},
		"one byte longer":              {post(kb + "x"), 413, "the body is larger than 1000 bytes"},
		"as long as allowed, chunked":  {postChunked(kb), 200, "1000"},
		"one byte longer, chunked":     {postChunked(kb + "x"), 413, "the body is larger than 1000 bytes"},
		"a great length that is a lie": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n", 413, "the body is larger than 1000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			addr, _ := open(t, upload(1000))
			if status, _, body := send(t, addr, tt.request); status != tt.status || body != tt.body {
				t.Errorf("answer %d %q", status, body)
			}
		})
	}
}

func TestDoor_body_that_ends_early(t *testing.T) {
	addr, log := open(t, upload(1000))
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, strings.TrimSuffix(post("abc"), "c"))
	_ = conn.(*net.TCPConn).CloseWrite()
	status, _, body := receive(t, conn)
	_ = conn.Close()
	if status != 400 || body != "the body ends early" {
		t.Errorf("answer %d %q", status, body)
	}
	if line := log.one(t); line["level"] != "INFO" {
		t.Errorf("the sender's fault is logged as ours: %v", line)
	}
}

func TestDoor_slow_body_that_lives_is_read_to_its_end(t *testing.T) {
	inBubble(t, upload(1<<20), func(t *testing.T, ln *pipes) {
		conn := ln.dial()
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 102400\r\n\r\n")
		for range 50 {
			_, _ = io.WriteString(conn, strings.Repeat("x", 2048))
			time.Sleep(2 * time.Second)
		}
		if status, _, body := receive(t, conn); status != 200 || body != "102400" {
			t.Errorf("answer %d %q", status, body)
		}
	})
}

func TestDoor_body_that_drips_is_given_up(t *testing.T) {
	inBubble(t, upload(1<<20), func(t *testing.T, ln *pipes) {
		conn := ln.dial()
		start := time.Now()
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10240\r\n\r\n")
			for err == nil {
				time.Sleep(time.Second)
				_, err = io.WriteString(conn, "x")
			}
		}()
		if status, _, body := receive(t, conn); status != 408 || body != "the body arrives too slowly" {
			t.Errorf("answer %d %q", status, body)
		}
		if took := time.Since(start); took > 32*time.Second {
			t.Errorf("it held the connection for %v", took)
		}
		_ = conn.Close()
		<-stopped
	})
}

func TestDoor_slow_handler_keeps_its_context_after_the_body(t *testing.T) {
	inBubble(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(5 * time.Minute)
		_, _ = fmt.Fprint(w, r.Context().Err())
	}, func(t *testing.T, ln *pipes) {
		conn := ln.dial()
		_, _ = io.WriteString(conn, post("abc"))
		if status, _, body := receive(t, conn); status != 200 || body != "<nil>" {
			t.Errorf("answer %d %q", status, body)
		}
	})
}

func TestServe_closes_a_connection_that_sends_no_request(t *testing.T) {
	for name, tt := range map[string]struct {
		sent string
		max  time.Duration
	}{
		"nothing":       {"", 11 * time.Second},
		"half a header": {"GET / HTTP/1.1\r\nHost: ", 11 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, ok, func(t *testing.T, ln *pipes) {
				conn := ln.dial()
				_, _ = io.WriteString(conn, tt.sent)
				start := time.Now()
				_, _ = io.Copy(io.Discard, conn)
				if took := time.Since(start); took > tt.max {
					t.Errorf("it was open for %v", took)
				}
				_ = conn.Close()
			})
		})
	}
}

func TestServe_gives_up_a_client_that_does_not_read(t *testing.T) {
	var gone chan error // made in the bubble, or its clock would not go on
	inBubble(t, func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 1<<20))
		gone <- err
	}, func(t *testing.T, ln *pipes) {
		gone = make(chan error)
		conn := ln.dial()
		_, _ = io.WriteString(conn, get("/", ""))
		start := time.Now()
		if err := <-gone; err == nil {
			t.Error("the write succeeded")
		}
		if took := time.Since(start); took > 31*time.Second {
			t.Errorf("it held the handler for %v", took)
		}
		_ = conn.Close()
	})
}

func TestServe_slow_reader_gets_the_whole_answer(t *testing.T) {
	inBubble(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) }, func(t *testing.T, ln *pipes) {
		conn := ln.dial()
		_, _ = io.WriteString(conn, get("/", ""))
		var n int64
		for err := error(nil); err == nil; time.Sleep(10 * time.Second) {
			var more int64
			more, err = io.CopyN(io.Discard, conn, 32<<10)
			n += more
		}
		if n < 1<<20 {
			t.Errorf("%d bytes came", n)
		}
	})
}

func TestServe_lets_running_requests_finish(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	running := make(chan struct{})
	ended := make(chan error, 1)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(running)
		<-ctx.Done()
		time.Sleep(50 * time.Millisecond)
		_, _ = fmt.Fprint(w, r.Context().Err())
	})
	go func() { ended <- web.Serve(ctx, ln, h, slog.New(slog.DiscardHandler)) }()
	go func() { <-running; cancel() }()
	if status, _, body := send(t, ln.Addr().String(), get("/", "")); status != 200 || body != "<nil>" {
		t.Errorf("answer %d %q", status, body)
	}
	if err := <-ended; err != nil {
		t.Error("Serve:", err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

func TestServe_cuts_off_what_takes_too_long_at_the_end(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := &pipes{make(chan net.Conn), make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- web.Serve(ctx, ln, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				cancel()
				<-r.Context().Done()
			}), slog.New(slog.DiscardHandler))
		}()
		conn := ln.dial()
		_, _ = io.WriteString(conn, get("/", ""))
		start := time.Now()
		if err := <-ended; err != nil || time.Since(start) > 9*time.Second {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		_ = conn.Close()
	})
}

func TestServe_says_why_it_cannot(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	if err := web.Serve(t.Context(), ln, http.NotFoundHandler(), slog.New(slog.DiscardHandler)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

func TestServe_slow_clients_leave_the_others_quick(t *testing.T) {
	const slow = 500 // each takes two of the files that the process may open
	addr, _ := open(t, upload(1<<20))
	for range slow {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nx"); err != nil {
			t.Fatal(err)
		}
	}
	worst := time.Duration(0)
	for range 100 {
		start := time.Now()
		if status, _, _ := send(t, addr, get("/", "")); status != 200 {
			t.Fatalf("answer %d", status)
		}
		worst = max(worst, time.Since(start))
	}
	if worst > time.Second { // 100 ms without the race detector and on a machine of its own
		t.Errorf("a quick request took %v", worst)
	}
}
