package conformance

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// clients gives n clients of one connection, each with a token of its own, so that no limit of one token is in the way.
func (c *idp) clients(n int) []*idp {
	c.t.Helper()
	list := make([]*idp, n)
	for i := range list {
		list[i] = c.on(c.t)
		list[i].token = c.newToken(c.t, c.connection)
	}
	return list
}

// walk reads every user by pages and gives how often each userName occurs.
func (c *idp) walk() map[string]int {
	c.t.Helper()
	seen := map[string]int{}
	for start := 1; ; start += 200 {
		a := c.send(fmt.Sprintf("GET /Users?startIndex=%d&count=200&attributes=userName", start), "").code(200)
		list, _ := a.at("Resources").([]any)
		for _, r := range list {
			seen[r.(map[string]any)["userName"].(string)]++
		}
		if len(list) < 200 {
			return seen
		}
	}
}

// Promise R1: a 2xx is on disk.
func TestDurability_kill_in_the_middle_of_creates(t *testing.T) {
	total := 10_000
	if testing.Short() {
		total = 600
	}
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "okta", "okta")
		clients := c.clients(32)
		var next, done atomic.Int64
		var mu sync.Mutex
		acknowledged := map[string]bool{}
		harness.Parallel(len(clients), func(worker int) {
			for i := next.Add(1); i <= int64(total); i = next.Add(1) {
				name := fmt.Sprintf("u%05d@x.test", i)
				a, err := clients[worker].exchange("POST", "/scim/v2/Users", fmt.Sprintf(`{"userName":%q,"externalId":"e%d"}`, name, i))
				if err != nil {
					return // The server is gone, or the answer was cut off.
				}
				if a.status != 201 {
					t.Errorf("%s: %d %s", name, a.status, a.raw)
					return
				}
				mu.Lock()
				acknowledged[name] = true
				mu.Unlock()
				if done.Add(1) == int64(total/2) {
					s.Kill(t)
				}
			}
		})
		if s.Running() {
			t.Fatal("the server was not killed: too many creates failed")
		}
		s.Serve(t)
		after := c.on(t)
		after.names["base"] = s.URL + "/scim/v2"
		there := after.walk()
		lost := 0
		for name := range acknowledged {
			if there[name] != 1 {
				lost++
			}
		}
		if lost > 0 {
			t.Errorf("%d of %d acknowledged creates are not there once", lost, len(acknowledged))
		}
		if len(acknowledged) >= total || len(there) > len(acknowledged)+len(clients) {
			t.Errorf("%d of %d were acknowledged and %d are there: the kill was not in the middle", len(acknowledged), total, len(there))
		}
		t.Logf("%d acknowledged before the kill, %d there after it", len(acknowledged), len(there))
		if out := s.CLI(t, "db", "check"); out == "" {
			t.Error("db check says nothing")
		}
		after.send("POST /Users", `{"userName":"after@x.test"}`).code(201)
	})
}

// Promises R3 and R6, case 42: members that 32 clients add and remove at once.
func TestDurability_members_changed_at_once(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		const workers, people = 32, 6
		c := s.idp(t, "okta", "okta")
		s.world(t, "okta")
		clients := c.clients(workers)
		var ids [workers][people]string
		harness.Parallel(workers, func(w int) {
			for i := range people {
				a, err := clients[w].exchange("POST", "/scim/v2/Users", fmt.Sprintf(`{"userName":"u%d-%d@x.test"}`, w, i))
				if err != nil || a.status != 201 {
					t.Errorf("create: %v %+v", err, a)
					return
				}
				ids[w][i] = a.id()
			}
		})
		// At first the odd ones are in; every worker then puts its even ones in and takes its odd ones out, back and forth.
		var first []string
		for _, mine := range ids {
			for i := 1; i < people; i += 2 {
				c.names[mine[i]] = mine[i]
				first = append(first, mine[i])
			}
		}
		c.group("Engineering", first...)
		target := "/scim/v2/Groups/" + c.names["Engineering"]
		patch := func(w int, operation string) {
			a, err := clients[w].exchange("PATCH", target, `{"schemas":["`+patchURN+`"],"Operations":[`+operation+`]}`)
			if err != nil || a.status != 200 {
				t.Errorf("worker %d: %v %+v", w, err, a)
			}
		}
		add, remove := `{"op":"add","path":"members","value":[{"value":"%s"}]}`, `{"op":"remove","path":"members[value eq \"%s\"]"}`
		harness.Parallel(workers, func(w int) {
			for i, id := range ids[w] {
				if i%2 == 0 {
					patch(w, fmt.Sprintf(add, id))
					patch(w, fmt.Sprintf(remove, id))
					patch(w, fmt.Sprintf(add, id))
				} else {
					patch(w, fmt.Sprintf(remove, id))
				}
			}
		})
		var want []string
		for _, mine := range ids {
			for i := 0; i < people; i += 2 {
				want = append(want, mine[i])
			}
		}
		slices.Sort(want)
		a := c.send("GET /Groups/{Engineering}", "").code(200)
		var got []string
		for _, m := range a.at("members").([]any) {
			got = append(got, m.(map[string]any)["value"].(string))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("the group has %d members, want exactly the %d that were added last", len(got), len(want))
		}
		c.real("u0-0 u0-0@x.test active\neng: link: okta \"Engineering\"\nu0-1 u0-1@x.test active")
		c.real("u31-4 u31-4@x.test active\neng: link: okta \"Engineering\"\nu31-5 u31-5@x.test active")
	})
}

// Promise R4, case 41: create is idempotent.
func TestDurability_equal_creates_at_once(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "okta", "okta")
		for _, target := range []string{"/scim/v2/Users", "/scim/v2/Groups"} {
			var created, conflicts atomic.Int32
			harness.Parallel(64, func(int) {
				a, err := c.exchange("POST", target, `{"userName":"pat@x.test","externalId":"e1","displayName":"Engineering"}`)
				switch {
				case err != nil:
					t.Error(err)
				case a.status == 201:
					created.Add(1)
				case a.status == 409 && a.at("scimType") == "uniqueness":
					conflicts.Add(1)
				default:
					t.Errorf("%d %s", a.status, a.raw)
				}
			})
			if created.Load() != 1 || conflicts.Load() != 63 {
				t.Errorf("%s: %d times 201 and %d times 409, want one and 63", target, created.Load(), conflicts.Load())
			}
		}
		c.send("GET /Users", "").code(200).want("totalResults 1")
		c.send("GET /Groups", "").code(200).want("totalResults 1")
		c.real("pat pat@x.test active")
	})
}

// Promise R3: no lost update, with and without If-Match.
func TestDurability_no_lost_update(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "okta", "okta")
		c.users("pat")
		target := "/scim/v2/Users/" + c.names["pat"]
		attributes := []string{
			"displayName", "title", "nickName", "userType", "locale", "timezone", "preferredLanguage", "profileUrl",
			"name.givenName", "name.familyName", "name.middleName", "name.formatted", entURN + ":department", entURN + ":division",
			entURN + ":costCenter", entURN + ":organization",
		}
		for round := range 5 {
			harness.Parallel(len(attributes), func(i int) {
				a, err := c.exchange("PATCH", target, fmt.Sprintf(
					`{"Operations":[{"op":"replace","path":%q,"value":"round %d"}]}`, attributes[i], round))
				if err != nil || a.status != 200 {
					t.Errorf("%s: %v %+v", attributes[i], err, a)
				}
			})
			for _, name := range []string{
				"displayName", "title", "nickName", "userType", "locale", "timezone", "preferredLanguage", "profileUrl",
				"name/givenName", "name/familyName", "name/middleName", "name/formatted", "{ENT}/department", "{ENT}/division",
				"{ENT}/costCenter", "{ENT}/organization",
			} {
				c.send("GET /Users/{pat}", "").code(200).want(fmt.Sprintf("%s \"round %d\"", name, round))
			}
		}
		version := c.version("/Users/{pat}")
		var won, stale atomic.Int32
		harness.Parallel(16, func(i int) {
			a, err := c.with("If-Match", version).exchange("PATCH", target, fmt.Sprintf(
				`{"Operations":[{"op":"replace","path":"title","value":"writer %d"}]}`, i))
			switch {
			case err != nil:
				t.Error(err)
			case a.status == 200:
				won.Add(1)
			case a.status == 412:
				stale.Add(1)
			default:
				t.Errorf("%d %s", a.status, a.raw)
			}
		})
		if won.Load() != 1 || stale.Load() != 15 {
			t.Errorf("of 16 writers with one version %d won and %d were stale, want one and 15", won.Load(), stale.Load())
		}
	})
}

// Case 40: the answer is lost, the request is repeated, the effect is there once.
func TestDurability_client_goes_away(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "okta", "okta")
		clients := c.clients(32)
		var made atomic.Int32
		harness.Parallel(len(clients), func(w int) {
			for i := range 20 {
				body := fmt.Sprintf(`{"userName":"u%d-%d@x.test","externalId":"e%d-%d"}`, w, i, w, i)
				if i%4 == 3 {
					clients[w].hangUp("POST", "/scim/v2/Users", body)
				}
				a, err := clients[w].exchange("POST", "/scim/v2/Users", body)
				if err != nil || a.status != 201 && (i%4 != 3 || a.status != 409) {
					t.Errorf("create: %v %+v", err, a)
				}
				made.Add(1)
			}
		})
		there := c.walk()
		if len(there) != int(made.Load()) {
			t.Errorf("%d people are there, want %d", len(there), made.Load())
		}
		for name, n := range there {
			if n != 1 {
				t.Errorf("%s is there %d times", name, n)
			}
		}
	})
}
