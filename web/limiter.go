package web

import (
	"container/list"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxKeys bounds a Limiter to some 20 MB. When more are in use at once, the one that was used longest ago is forgotten.
const maxKeys = 1 << 16

const (
	failureRate  = 10.0 / 60 // a second
	failureBurst = 10
)

// Limiter holds each key, a token id or an AddressKey, to a rate. A key is forgotten as soon as that changes nothing: when
// it has not been used for so long that its whole burst is there again. Safe for concurrent use.
//
// A limiter of failed credentials is asked only after one failed: it is never in the way of a valid one. What can be guessed, a
// password, is to be asked for before, and given back when it was right.
type Limiter[K comparable] struct {
	perSecond rate.Limit
	burst     int
	refill    time.Duration // from nothing to the whole burst
	now       func() time.Time

	mu   sync.Mutex
	keys map[K]*list.Element
	used list.List // of *bucket[K], used last in front
}

type bucket[K comparable] struct {
	key  K
	rate *rate.Limiter
	used time.Time
}

// NewLimiter returns a Limiter that allows each key perSecond takes a second on average and burst at once; both are
// above zero.
func NewLimiter[K comparable](perSecond float64, burst int, now func() time.Time) *Limiter[K] {
	return &Limiter[K]{
		perSecond: rate.Limit(perSecond),
		burst:     burst,
		refill:    time.Duration(float64(burst) / perSecond * float64(time.Second)),
		now:       now,
		keys:      map[K]*list.Element{},
	}
}

// NewFailureLimiter returns the Limiter of failed credentials, by AddressKey: ten a minute, ten at once. All doors of a server take
// from the same one, or an address would have as many tries as there are doors.
func NewFailureLimiter() *Limiter[netip.Addr] {
	return NewLimiter[netip.Addr](failureRate, failureBurst, time.Now)
}

// Take takes one from what key may do now. Errors: *Error with status 429 and RetryAfter, and then nothing was taken.
func (l *Limiter[K]) Take(key K) error {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.bucket(key, now).rate.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	r.CancelAt(now)
	return &Error{Status: http.StatusTooManyRequests, Msg: "too many requests: slow down", RetryAfter: wait}
}

// Give gives back what Take took for something that turned out not to count.
func (l *Limiter[K]) Give(key K) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.bucket(key, now).rate.AllowN(now, -1) // the bucket holds no more than its burst all the same
}

// bucket finds or makes the bucket of key, and forgets others that have had their time. The caller holds mu.
func (l *Limiter[K]) bucket(key K, now time.Time) *bucket[K] {
	if e, ok := l.keys[key]; ok {
		l.used.MoveToFront(e)
		b := e.Value.(*bucket[K])
		b.used = now
		return b
	}
	for range 2 { // more than is added, and never so many that others wait for it
		e := l.used.Back()
		if e == nil || len(l.keys) < maxKeys && now.Sub(e.Value.(*bucket[K]).used) < l.refill {
			break
		}
		delete(l.keys, l.used.Remove(e).(*bucket[K]).key)
	}
	b := &bucket[K]{key: key, rate: rate.NewLimiter(l.perSecond, l.burst), used: now}
	l.keys[key] = l.used.PushFront(b)
	return b
}
