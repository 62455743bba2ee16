package portal

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/web"
)

const (
	// From addresses where nobody has signed in by it, a name may be tried with ten wrong passwords, then twice a minute.
	nameRate  = 2.0 / 60
	nameBurst = 10
	// From one where somebody has, ten times a minute: nobody elsewhere can shut out who comes from there.
	pairRate  = 10.0 / 60
	pairBurst = 10

	maxPairs = 1 << 14

	// One address makes ten accounts at once, then ten an hour.
	signUpRate  = 10.0 / 3600
	signUpBurst = 10

	hashesAtOnce = 8   // as login
	hashQueue    = 100 // of a lane
)

// pair is a name that people sign in by and an address from which they do.
type pair struct {
	name    uint64 // hash of its key
	address netip.Addr
}

// tries holds how often passwords are tried. Unlike a token a password can be guessed, so the tries are counted before it is looked
// at, and what was right is given back. It also shares out among addresses the work of hashing.
//
// A pair that once was right is remembered for as long as the process runs, and then counts apart from all others.
type tries struct {
	seed      maphash.Seed
	byAddress *web.Limiter[netip.Addr]
	byName    *web.Limiter[uint64]
	byPair    *web.Limiter[pair]
	lanes     *web.Gate[byte]

	mu    *sync.Mutex
	right map[pair]bool
}

func newTries(failures *web.Limiter[netip.Addr]) tries {
	return tries{
		seed: maphash.MakeSeed(), byAddress: failures, byName: web.NewLimiter[uint64](nameRate, nameBurst, time.Now),
		byPair: web.NewLimiter[pair](pairRate, pairBurst, time.Now), lanes: web.NewGate[byte](min(hashesAtOnce, max(2, runtime.NumCPU())), hashQueue),
		mu: new(sync.Mutex), right: map[pair]bool{},
	}
}

// try is one password that is tried.
type try struct {
	*tries
	pair
	known bool // the pair was right before
}

// begin counts a try. Errors: *web.Error with status 429.
func (t *tries) begin(name string, from netip.Addr) (try, error) {
	one := try{tries: t, pair: pair{maphash.String(t.seed, directory.Key(name)), web.AddressKey(from)}}
	t.mu.Lock()
	one.known = t.right[one.pair]
	t.mu.Unlock()
	if one.known {
		return one, tooMany(t.byPair.Take(one.pair))
	}
	if err := t.byAddress.Take(one.address); err != nil {
		return one, tooMany(err)
	}
	if err := t.byName.Take(one.name); err != nil {
		t.byAddress.Give(one.address)
		return one, tooMany(err)
	}
	return one, nil
}

// tooMany says it in words for people.
func tooMany(err error) error {
	if limited, ok := err.(*web.Error); ok {
		return &web.Error{Status: http.StatusTooManyRequests, Msg: "too many failed attempts: wait a minute and try again", RetryAfter: limited.RetryAfter}
	}
	return err
}

// forget takes back a try of which nobody knows whether it was right.
func (t *try) forget() {
	if t.known {
		t.byPair.Give(t.pair)
		return
	}
	t.byAddress.Give(t.address)
	t.byName.Give(t.name)
}

// succeed takes back a try that was right, and remembers the pair.
func (t *try) succeed() {
	t.forget()
	t.mu.Lock()
	defer t.mu.Unlock()
	for other := range t.right {
		if len(t.right) < maxPairs {
			break
		}
		delete(t.right, other)
	}
	t.right[t.pair] = true
}

// lane is the line in which an address waits for its turn to have a password hashed. There are few, so that the gate stays small;
// which one it is cannot be foreseen.
func (t *tries) lane(from netip.Addr) byte {
	address := web.AddressKey(from).As16()
	return byte(maphash.Bytes(t.seed, address[:]))
}
