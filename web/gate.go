package web

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Gate shares out among keys, here connections, how many requests run at once. A key has never more than half, so that one
// that is noisy leaves room for the others. Who finds no room waits: within a key the first first, between keys by turns. A
// key is remembered for as long as the Gate lives. Safe for concurrent use.
type Gate[K comparable] struct {
	atOnce int // requests that run, of all keys
	each   int // of one key
	queue  int // requests of one key that wait

	mu      sync.Mutex
	running int
	waiting int
	lines   map[K]*line
	turns   []*line // those in which somebody waits
}

// line is one key at a Gate.
type line struct {
	running int
	queue   []chan struct{} // closed when its request is let in
}

// NewGate returns a Gate that lets in atOnce requests, at least 2, and lets queue of each key wait.
func NewGate[K comparable](atOnce, queue int) *Gate[K] {
	return &Gate[K]{atOnce: atOnce, each: atOnce / 2, queue: queue, lines: map[K]*line{}}
}

// Enter returns nil when a request of key may run; its caller then calls Leave. A patient one waits however many wait already.
// Errors: *Error with status 429 when too many wait; that of ctx when it ends first.
func (g *Gate[K]) Enter(ctx context.Context, key K, patient bool) error {
	g.mu.Lock()
	l := g.lines[key]
	if l == nil {
		l = new(line)
		g.lines[key] = l
	}
	if len(l.queue) == 0 && g.running < g.atOnce && l.running < g.each { // others that wait have their half
		g.running++
		l.running++
		g.mu.Unlock()
		return nil
	}
	if len(l.queue) >= g.queue && !patient {
		g.mu.Unlock()
		return &Error{Status: http.StatusTooManyRequests, Msg: "too many requests at once: slow down", RetryAfter: time.Second}
	}
	turn := make(chan struct{})
	if len(l.queue) == 0 {
		g.turns = append(g.turns, l)
	}
	l.queue = append(l.queue, turn)
	g.waiting++
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		g.withdraw(l, turn)
		return ctx.Err()
	}
}

// withdraw takes a request out of its line, or gives back the room that it has been given meanwhile.
func (g *Gate[K]) withdraw(l *line, turn chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(l.queue, turn)
	if i < 0 {
		g.leave(l)
		return
	}
	l.queue = slices.Delete(l.queue, i, i+1)
	g.waiting--
	if len(l.queue) == 0 {
		i := slices.Index(g.turns, l)
		g.turns = slices.Delete(g.turns, i, i+1)
	}
}

// Leave ends a request of key that Enter let in, and lets in the next.
func (g *Gate[K]) Leave(key K) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leave(g.lines[key])
}

// leave makes room for one, so it lets in one. The caller holds mu.
func (g *Gate[K]) leave(l *line) {
	g.running--
	l.running--
	for i, next := range g.turns {
		if next.running >= g.each {
			continue
		}
		close(next.queue[0])
		next.queue = slices.Delete(next.queue, 0, 1)
		next.running++
		g.running++
		g.waiting--
		g.turns = slices.Delete(g.turns, i, i+1)
		if len(next.queue) > 0 {
			g.turns = append(g.turns, next)
		}
		return
	}
}

// Waiting is how many requests wait now.
func (g *Gate[K]) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting
}
