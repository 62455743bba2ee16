package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// TestBigLink prints how long SCIM requests take while a link on a large group is worked off. It runs only where
// ROLLCALL_BIGLINK says how many members the group shall have (100000 is the figure of the promise), because what it
// prints are figures of this machine.
func TestBigLink(t *testing.T) {
	members, err := strconv.Atoi(os.Getenv("ROLLCALL_BIGLINK"))
	if err != nil {
		t.Skip("ROLLCALL_BIGLINK is not set")
	}
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "okta", "okta")
		s.CLI(t, "team", "create", "--name", "eng", "--display-name", "Engineering")
		clients := c.clients(64)
		ids := fill(t, clients, members)
		var body strings.Builder
		for i, id := range ids {
			if i > 0 {
				body.WriteByte(',')
			}
			fmt.Fprintf(&body, `{"value":%q}`, id)
		}
		began := time.Now()
		c.send("POST /Groups?excludedAttributes=members", `{"displayName":"Everybody","members":[`+body.String()+`]}`).code(201)
		t.Logf("the group of %d was pushed in %v", members, time.Since(began).Round(time.Millisecond))

		var reads, changes, deactivations latencies
		done := make(chan struct{})
		var load sync.WaitGroup
		for w := range 8 {
			load.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-done:
						return
					default:
					}
					id := ids[(w*7919+i*104729)%len(ids)]
					target := "/scim/v2/Users/" + id
					switch {
					case i%20 == 19:
						deactivations.measure(t, clients[w], "PATCH", target, `{"Operations":[`+off+`]}`)
					case i%4 == 3:
						changes.measure(t, clients[w], "PATCH", target,
							fmt.Sprintf(`{"Operations":[{"op":"replace","path":"title","value":"t%d"}]}`, i))
					default:
						reads.measure(t, clients[w], "GET", target, "")
					}
					time.Sleep(5 * time.Millisecond)
				}
			})
		}
		began = time.Now()
		line := s.Where("link", "create", "--connection", "okta", "--group", "Everybody", "--team", "eng")
		out, err := exec.Command(harness.Binary(), line...).CombinedOutput() // with all the time that it takes
		close(done)
		load.Wait()
		if err != nil {
			t.Fatalf("link create: %v %s", err, out)
		}
		t.Logf("link create was done with all members after %v", time.Since(began).Round(time.Millisecond))
		t.Logf("%-14s %8s %10s %10s %10s %8s", "request", "count", "p50", "p99", "max", "p99/250ms")
		reads.print(t, "GET")
		if a := c.accountOf(ids[len(ids)-1]); a.Active && len(a.Teams) != 1 {
			t.Errorf("the last member is in %+v, want the team", a.Teams)
		}
		changes.print(t, "PATCH title")
		deactivations.print(t, "PATCH active")
	})
}

// fill makes n users and gives their ids.
func fill(t *testing.T, clients []*idp, n int) []string {
	t.Helper()
	ids := make([]string, n)
	var next atomic.Int64
	harness.Parallel(len(clients), func(w int) {
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			a, err := clients[w].exchange("POST", "/scim/v2/Users", fmt.Sprintf(`{"userName":"u%06d@x.test","externalId":"e%d"}`, i, i))
			if err != nil || a.status != 201 {
				t.Errorf("create %d: %v %+v", i, err, a)
				return
			}
			ids[i] = a.id()
		}
	})
	return ids
}

// latencies are how long requests of one kind took.
type latencies struct {
	mu   sync.Mutex
	took []time.Duration
}

func (l *latencies) measure(t *testing.T, c *idp, method, target, body string) {
	began := time.Now()
	a, err := c.exchange(method, target, body)
	took := time.Since(began)
	if err != nil || a.status != 200 {
		t.Errorf("%s %s: %v %+v", method, target, err, a)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, took)
}

func (l *latencies) print(t *testing.T, name string) {
	t.Helper()
	if len(l.took) == 0 {
		t.Logf("%-14s none", name)
		return
	}
	slices.Sort(l.took)
	p99 := l.took[len(l.took)*99/100]
	t.Logf("%-14s %8d %10v %10v %10v %8.2f", name, len(l.took), l.took[len(l.took)/2].Round(time.Microsecond),
		p99.Round(time.Microsecond), l.took[len(l.took)-1].Round(time.Microsecond), p99.Seconds()/0.250)
}
