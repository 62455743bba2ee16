package web_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-id/rollcall/web"
)

// work is how long a request at the gate takes, in the time of a synctest bubble.
const work = 10 * time.Millisecond

// pass does the work of one request of key and returns how long that took.
func pass(t *testing.T, g *web.Gate[string], key string) time.Duration {
	t.Helper()
	begin := time.Now()
	if err := g.Enter(t.Context(), key, false); err != nil {
		t.Error(err)
		return 0
	}
	time.Sleep(work)
	g.Leave(key)
	return time.Since(begin)
}

func TestGate_a_noisy_connection_delays_nobody_else(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := web.NewGate[string](128, 1000)
		var all sync.WaitGroup
		for range 300 {
			all.Go(func() {
				for range 20 {
					pass(t, g, "noisy")
				}
			})
		}
		for range 10 {
			all.Go(func() {
				for range 20 {
					if took := pass(t, g, "calm"); took >= 2*work {
						t.Errorf("a request took %s instead of %s", took, work)
					}
				}
			})
		}
		all.Wait()
		if n := g.Waiting(); n != 0 {
			t.Errorf("%d wait", n)
		}
	})
}

// fill takes all the room of two keys.
func fill(t *testing.T, g *web.Gate[string], each int) {
	t.Helper()
	for range each {
		for _, key := range []string{"x", "y"} {
			if err := g.Enter(t.Context(), key, false); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestGate_lets_connections_in_by_turns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := web.NewGate[string](4, 10)
		fill(t, g, 2)
		var order []string
		for _, name := range strings.Fields("a1 a2 a3 b1 b2 c1 a4") {
			go func() {
				if err := g.Enter(t.Context(), name[:1], false); err != nil {
					t.Error(err)
				}
				order = append(order, name)
			}()
			synctest.Wait()
		}
		for i := range 7 {
			g.Leave([]string{"x", "y", "x", "y", "a", "b", "a"}[i])
			synctest.Wait()
		}
		if got := strings.Join(order, " "); got != "a1 b1 c1 a2 b2 a3 a4" {
			t.Errorf("the order was %s", got)
		}
	})
}

func TestGate_who_waits_too_much_is_refused_unless_patient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := web.NewGate[string](4, 3)
		fill(t, g, 2)
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { pass(t, g, "x") })
		}
		synctest.Wait()
		if got := wait(t, g.Enter(t.Context(), "x", false)); got != time.Second {
			t.Errorf("retry after %s", got)
		}
		all.Go(func() {
			if err := g.Enter(t.Context(), "x", true); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() { pass(t, g, "z") })
		synctest.Wait()
		if n := g.Waiting(); n != 5 {
			t.Errorf("%d wait, want 5", n)
		}
		for range 2 {
			g.Leave("x")
			g.Leave("y")
		}
		all.Wait()
	})
}

func TestGate_waiting_ends_with_the_request(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := web.NewGate[string](4, 10)
		fill(t, g, 2)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 5)
		for i := range 5 {
			go func() { ended <- g.Enter(ctx, strconv.Itoa(i%2), true) }()
			synctest.Wait()
		}
		cancel()
		for range 5 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("one ended with %v", err)
			}
		}
		if n := g.Waiting(); n != 0 {
			t.Errorf("%d wait", n)
		}
		g.Leave("x")
		pass(t, g, "z") // there is the room that nobody took
	})
}

// TestGate_room_is_never_lost lets requests give up at the moment at which they are let in.
func TestGate_room_is_never_lost(t *testing.T) {
	g := web.NewGate[string](2, 10)
	for range 2000 {
		limited, done := context.WithTimeout(t.Context(), 10*time.Second)
		if err := g.Enter(limited, "x", false); err != nil {
			t.Fatal("room is lost:", err)
		}
		done()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- g.Enter(ctx, "x", false) }()
		for g.Waiting() == 0 {
			runtime.Gosched()
		}
		cancel()
		g.Leave("x")
		if <-ended == nil {
			g.Leave("x")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, key := range []string{"x", "y"} {
		if err := g.Enter(ctx, key, false); err != nil {
			t.Error("room is lost:", err)
		}
	}
	if n := g.Waiting(); n != 0 {
		t.Errorf("%d wait", n)
	}
}

func TestGate_costs_no_memory_while_there_is_room(t *testing.T) {
	g := web.NewGate[int64](128, 1000)
	if n := testing.AllocsPerRun(100, func() {
		_ = g.Enter(t.Context(), 7, false)
		g.Leave(7)
	}); n > 0 {
		t.Errorf("a request allocates %v times", n)
	}
}

func BenchmarkGate(b *testing.B) {
	g := web.NewGate[int64](128, 1000)
	ctx := context.Background()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = g.Enter(ctx, 7, false)
			g.Leave(7)
		}
	})
}
