package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-id/rollcall/web"
)

func wait(t *testing.T, err error) time.Duration {
	t.Helper()
	var refused *web.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusTooManyRequests || refused.RetryAfter <= 0 {
		t.Fatalf("error %v, want a 429 that says when", err)
	}
	return refused.RetryAfter
}

func TestLimiter_burst_then_rate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := web.NewLimiter[string](500, 1000, time.Now)
		for i := range 1000 {
			if err := l.Take("a"); err != nil {
				t.Fatalf("take %d: %v", i, err)
			}
		}
		if got := wait(t, l.Take("a")); got != 2*time.Millisecond {
			t.Errorf("retry after %v", got)
		}
		if err := l.Take("b"); err != nil {
			t.Errorf("another key suffers: %v", err)
		}
		time.Sleep(time.Second)
		for i := range 500 {
			if err := l.Take("a"); err != nil {
				t.Fatalf("take %d a second later: %v", i, err)
			}
		}
		wait(t, l.Take("a"))
	})
}

func TestLimiter_a_refused_take_costs_nothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := web.NewLimiter[int](10.0/60, 10, time.Now)
		for range 10 {
			if err := l.Take(1); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			if got := wait(t, l.Take(1)); got != 6*time.Second {
				t.Fatalf("retry after %v", got)
			}
		}
		time.Sleep(6 * time.Second)
		if err := l.Take(1); err != nil {
			t.Error(err)
		}
		wait(t, l.Take(1))
	})
}

func TestLimiter_what_is_given_back_can_be_taken_again_and_never_adds_up(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := web.NewLimiter[int](1.0/60, 3, time.Now)
		for range 10 {
			if err := l.Take(1); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			l.Give(1)
		}
		for range 10 {
			l.Give(1)
		}
		for range 3 {
			if err := l.Take(1); err != nil {
				t.Fatal(err)
			}
		}
		wait(t, l.Take(1))
	})
}

func TestLimiter_a_pause_forgets_the_key_and_changes_nothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := web.NewLimiter[string](1, 3, time.Now)
		for round := range 3 {
			for range 3 {
				if err := l.Take("a"); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
			}
			wait(t, l.Take("a"))
			time.Sleep(3 * time.Second)
			if err := l.Take(fmt.Sprint(round)); err != nil { // a new key makes the limiter look for old ones
				t.Fatal(err)
			}
		}
	})
}

func TestLimiter_memory_is_bounded(t *testing.T) {
	l := web.NewLimiter[int](10.0/60, 10, time.Now)
	before := heap()
	for i := range 500_000 {
		if err := l.Take(i); err != nil {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown > 32<<20 {
		t.Errorf("500,000 keys keep %d MiB", grown>>20)
	}
	for range 10 {
		_ = l.Take(499_999)
	}
	wait(t, l.Take(499_999))
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestSetRetryAfter_is_whole_seconds(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		0: "1", -time.Second: "1", time.Millisecond: "1", time.Second: "1", time.Second + 1: "2", time.Minute: "60",
	} {
		h := http.Header{}
		if web.SetRetryAfter(h, wait); h.Get("Retry-After") != want {
			t.Errorf("%v gives %q, want %q", wait, h.Get("Retry-After"), want)
		}
	}
}
