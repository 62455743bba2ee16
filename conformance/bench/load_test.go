package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// answering is a process, this one, that gives every request the same answer.
func answering(t *testing.T, response string) *process {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				buf := make([]byte, 4096)
				for {
					if _, err := conn.Read(buf); err != nil {
						return
					}
					if _, err := conn.Write([]byte(response)); err != nil {
						return
					}
				}
			}()
		}
	}()
	return &process{cmd: &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}, addr: ln.Addr().String()}
}

func TestLoad_ends_when_the_source_is_empty(t *testing.T) {
	p := answering(t, "HTTP/1.1 204 No Content\r\n\r\n")
	var mu sync.Mutex
	left := 50
	next := func(b []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		if left == 0 {
			return b
		}
		left--
		return append(b, "GET / HTTP/1.1\r\n\r\n"...)
	}
	r, err := load{to: p, next: next}.run(t.Context(), 4, time.Second)
	if err != nil || len(r.took) != 50 {
		t.Errorf("%d answers, error %v; want 50", len(r.took), err)
	}
}

func TestBench_walks_to_the_cursor_behind_a_page(t *testing.T) {
	const suffix = "+/=" // what a request target must escape
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if page, _ := strconv.Atoi(strings.TrimSuffix(query.Get("cursor"), suffix)); !query.Has("cursor") || page != asked {
			t.Errorf("request %d is %s", asked, r.URL)
		}
		if asked++; asked < 5 {
			_, _ = fmt.Fprintf(w, `{"nextCursor":"%d%s"}`, asked, suffix)
		} else {
			_, _ = fmt.Fprint(w, `{}`)
		}
	}))
	defer server.Close()
	b := &bench{large: fixture{Tokens: []string{"t"}}}
	p := &process{addr: server.Listener.Addr().String()}
	for pages, want := range map[int]string{4: "4" + suffix, 5: ""} {
		asked = 0
		if got, err := b.walk(p, pages); err != nil || got != want {
			t.Errorf("behind %d pages is %q, error %v; want %q", pages, got, err, want)
		}
	}
}

func TestLoad_fails_on_another_status(t *testing.T) {
	p := answering(t, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
	next := func(b []byte) []byte { return append(b, "GET / HTTP/1.1\r\n\r\n"...) }
	for _, want := range []int{200, 0} {
		if _, err := (load{to: p, next: next, status: want}).run(t.Context(), 2, time.Second); err == nil {
			t.Errorf("404 passes where %d is wanted", want)
		}
	}
}

func TestShare(t *testing.T) {
	p := answering(t, "")
	var mu sync.Mutex
	seen := map[int]int{}
	if err := share(p.addr, 8, 100, func(_ *client, i int) error {
		mu.Lock()
		defer mu.Unlock()
		seen[i]++
		return nil
	}); err != nil || len(seen) != 100 || seen[0] != 1 || seen[99] != 1 {
		t.Errorf("error %v, worked off %d of 100 numbers", err, len(seen))
	}
	broken := errors.New("broken")
	if err := share(p.addr, 8, 100, func(_ *client, i int) error {
		if i == 3 {
			return broken
		}
		return nil
	}); !errors.Is(err, broken) {
		t.Errorf("error %v, want that of the work", err)
	}
}

func TestFixture_toggles_changes_something_with_every_request(t *testing.T) {
	f := fixture{Users: 100, Tokens: []string{"t"}}
	for n := range f.Users {
		f.IDs = append(f.IDs, name(n))
	}
	next, inactive := f.toggles(), map[string]bool{}
	for i := range 1000 {
		request := next(nil)
		target, _, _ := strings.Cut(string(request), " HTTP")
		if to := bytes.Contains(request, []byte(`"active":false`)); inactive[target] == to {
			t.Fatalf("request %d to %s changes nothing", i, target)
		} else {
			inactive[target] = to
		}
	}
	if len(inactive) != f.Users {
		t.Errorf("%d of %d users are changed", len(inactive), f.Users)
	}
}

func TestBench_byTurns_shows_the_median_cost(t *testing.T) {
	b := &bench{rounds: 3}
	rates := []float64{1, 500, 400, 1000} // the first warms up
	ours := func(context.Context) (r result, err error) {
		r.rate, rates = rates[0], rates[1:]
		return r, nil
	}
	other := func(context.Context) (result, error) { return result{rate: 1000}, nil }
	pairs, err := b.byTurns(t.Context(), ours, other)
	if err != nil {
		t.Fatal(err)
	}
	b.addCost("it", 1.9, pairs)
	if r := b.rows[0]; r.ratio() != "2.000" || r.held() != "no" || r.unit.format(r.ours) != "2000 µs" {
		t.Errorf("ratio %s, held %s, ours %s", r.ratio(), r.held(), r.unit.format(r.ours))
	}
}

func TestProcess_memory(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("no /proc")
	}
	p := &process{cmd: &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}}
	p.forgetPeak()
	before := p.memory(resident)
	big := make([]byte, 64<<20)
	for i := 0; i < len(big); i += 4096 {
		big[i] = 1
	}
	if grown := p.memory(peak) - before; grown < 60 {
		t.Errorf("grown by %.1f MiB, want 64 at least", grown)
	}
	if big[0] != 1 {
		t.Error("nothing was written")
	}
}
