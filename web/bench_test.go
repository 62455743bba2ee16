package web_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-id/rollcall/web"
)

// sink is a ResponseWriter that costs nothing.
type sink struct{ h http.Header }

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkDoor(b *testing.B) {
	body := make([]byte, 1000)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		record := web.RecordOf(r.Context())
		record.Connection, record.TokenID = "okta", "01k0000000000000000000000"
		_, _ = w.Write(body)
	})
	for name, log := range map[string]*slog.Logger{
		"silent": slog.New(slog.DiscardHandler), "logged": slog.New(slog.NewTextHandler(io.Discard, nil)), "counted": slog.New(slog.DiscardHandler),
	} {
		b.Run(name, func(b *testing.B) {
			var metrics *web.Metrics
			if name == "counted" {
				metrics = web.NewMetrics(prometheus.NewRegistry())
			}
			door := &web.Door{Handler: h, Error: writeError, Log: log, Metrics: metrics, Slashed: []string{"/scim/v2/Users/", "/scim/v2/Groups/"}}
			r := httptest.NewRequest("GET", "/scim/v2/Users/01k0000000000000000000000?attributes=userName", nil)
			w := &sink{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				door.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkServe answers the same bytes over loopback, 32 connections, with and without a door. BenchmarkServe/bare is what
// the door is measured by: at least half as many requests a second are promised, with SCIM behind it.
func BenchmarkServe(b *testing.B) {
	body := make([]byte, 1000)
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	door := &web.Door{Handler: h, Error: writeError, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	b.Run("bare", func(b *testing.B) {
		overLoopback(b, func(ctx context.Context, ln net.Listener) error {
			srv := &http.Server{Handler: h}
			defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
			return srv.Serve(ln)
		})
	})
	b.Run("door", func(b *testing.B) {
		overLoopback(b, func(ctx context.Context, ln net.Listener) error { return web.Serve(ctx, ln, door, slog.Default()) })
	})
}

func overLoopback(b *testing.B, serve func(context.Context, net.Listener) error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() { _ = serve(ctx, ln); close(ended) }()
	b.SetParallelism(max(1, 32/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		request, answer := []byte("GET /scim/v2/Users/01k HTTP/1.1\r\nHost: x\r\n\r\n"), bufio.NewReader(conn)
		for pb.Next() {
			if _, err := conn.Write(request); err != nil {
				b.Error(err)
				return
			}
			res, err := http.ReadResponse(answer, nil)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
		}
	})
	b.StopTimer()
	cancel()
	<-ended
}

func BenchmarkLimiter(b *testing.B) {
	l := web.NewLimiter[string](1e9, 1e9, time.Now)
	b.ReportAllocs()
	for b.Loop() {
		_ = l.Take("01k0000000000000000000000")
	}
}
