package conformance

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// crowd makes n users, u00000 and so on, and gives their ids by their names.
func crowd(t *testing.T, c *idp, n int) map[string]string {
	t.Helper()
	clients := c.clients(32)
	ids := make([]string, n)
	harness.Parallel(len(clients), func(worker int) {
		for i := worker; i < n; i += len(clients) {
			a, err := clients[worker].exchange("POST", "/scim/v2/Users?attributes=id", fmt.Sprintf(`{"userName":"u%05d@x.test","title":"T%d"}`, i, i%3))
			if err != nil || a.status != 201 {
				t.Errorf("create %d: %v %+v", i, err, a)
				return
			}
			ids[i], _ = a.object()["id"].(string)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	byName := map[string]string{}
	for i, id := range ids {
		byName[fmt.Sprintf("u%05d@x.test", i)] = id
	}
	return byName
}

// changes gives a function that deletes a user and makes another, 50 times: in turns one that a walk has met already and one that
// it comes to last. Each number of a walk chooses other users. The deleted ones are entered in gone.
func changes(t *testing.T, c *idp, users map[string]string, gone map[string]bool, walk int) (next func()) {
	n := 0
	return func() {
		t.Helper()
		if n == 50 {
			return
		}
		i := walk*100 + n
		if n++; n%2 == 0 {
			i = len(users) - 1 - i
		}
		name := fmt.Sprintf("u%05d@x.test", i)
		c.send("DELETE /Users/"+users[name], "").code(204)
		gone[name] = true
		c.send("POST /Users?attributes=id", fmt.Sprintf(`{"userName":"new%d-%d@x.test"}`, walk, n)).code(201)
	}
}

// cursorWalk reads every user by cursor and gives how often each userName occurs.
func (c *idp) cursorWalk(query string, between func()) map[string]int {
	c.t.Helper()
	seen := map[string]int{}
	for cursor := ""; ; {
		a := c.send("GET /Users?count=200&attributes=userName"+query+"&cursor="+cursor, "").code(200)
		for _, r := range a.at("Resources").([]any) {
			seen[r.(map[string]any)["userName"].(string)]++
		}
		if between(); a.at("nextCursor") == nil {
			return seen
		}
		cursor = a.text("nextCursor")
		if len(cursor) >= 200 || url.QueryEscape(cursor) != cursor {
			a.errorf("the cursor is long or has characters of a URL")
		}
	}
}

func TestCursor_who_was_there_throughout_comes_exactly_once(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		size := 20_000
		if s.Database != "" {
			size = 10_000
		}
		if testing.Short() {
			size = 2_000
		}
		c := s.idp(t, "any", "")
		users, gone := crowd(t, c, size), map[string]bool{}
		for walk, query := range []string{"", "&filter=title pr", "&sortBy=userName"} {
			c := c.clients(1)[0] // whose limit is its own
			seen := c.cursorWalk(query, changes(t, c, users, gone, walk))
			for user := range users {
				if !gone[user] && seen[user] != 1 || seen[user] > 1 {
					t.Errorf("with %q %s came %d times", query, user, seen[user])
				}
			}
		}

		// Whoever stands behind a deleted one moves up: a walk by index may skip somebody, as RFC 7644 says.
		c = c.clients(1)[0]
		change, seen, skipped := changes(t, c, users, gone, 3), map[string]int{}, 0
		for start, total := 1, 1; start <= total; start += 200 {
			a := c.send(fmt.Sprintf("GET /Users?startIndex=%d&count=200&attributes=userName", start), "").code(200)
			for _, r := range a.at("Resources").([]any) {
				seen[r.(map[string]any)["userName"].(string)]++
			}
			n, _ := a.at("totalResults").(json.Number).Int64()
			total = int(n)
			change()
		}
		for user := range users {
			if !gone[user] && seen[user] == 0 {
				skipped++
			}
		}
		t.Logf("of %d users the walk by index skipped %d", len(users), skipped)
	})
}

func TestCursor_is_advertised_and_refused_by_name(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat", "sam", "kim")
		c.group("G", "pat")
		c.send("GET /ServiceProviderConfig", "").code(200).want("pagination/cursor true\npagination/index true\nsort/supported true")
		for _, request := range []string{"GET /Users?cursor&count=2", "GET /Users?cursor=&count=2", "GET /Users/?cursor&count=2"} {
			a := c.send(request, "").code(200).want(`Resources/*/userName ["pat@x.test","sam@x.test"]
				previousCursor absent
				totalResults absent`)
			c.send("GET /Users?count=2&cursor="+a.text("nextCursor"), "").code(200).want("itemsPerPage 1\nnextCursor absent")
		}
		for _, target := range []string{"/Users", "/Groups", ""} {
			a := c.send("POST "+target+"/.search", `{"schemas":["{SEARCH}"],"cursor":"","count":1}`).code(200).want("itemsPerPage 1")
			if target == "/Groups" {
				a.want("nextCursor absent\ntotalResults 1")
				continue
			}
			c.send("POST "+target+"/.search", `{"schemas":["{SEARCH}"],"cursor":"`+a.text("nextCursor")+`","count":1}`).code(200).
				want(`Resources/0/userName "sam@x.test"`)
		}
		c.send("GET /Users", "").code(200).want("startIndex 1\ntotalResults 3\nnextCursor absent") // by index, as before
		c.send("GET /Users?cursor=x", "").fails(400, "invalidCursor")
		c.send("GET /Users?cursor&startIndex=1", "").fails(400, "invalidCursor")
		c.send("GET /Users?cursor&count=0", "").fails(400, "invalidCount")
		c.send("GET /Users?cursor&count=1000", "").code(200).want("itemsPerPage 3\ntotalResults 3\nnextCursor absent")
		c.send("POST /Users/.search", `{"cursor":7}`).fails(400, "invalidSyntax")
	})
}

func TestSearch_at_the_root(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat", "sam")
		c.group("pat", "sam")
		for _, request := range []string{"GET ", "GET /", "POST /.search"} {
			body := map[bool]string{true: `{"schemas":["{SEARCH}"]}`}[strings.HasPrefix(request, "POST")]
			c.send(request, body).code(200).want(`schemas ["` + listURN + `"]
				totalResults 3
				startIndex 1
				Resources/0/userName "pat@x.test"
				Resources/1/meta/location "{base}/Users/{sam}"
				Resources/2/displayName "pat"
				Resources/2/meta/resourceType "Group"
				Resources/2/members #1`)
		}
		c.send(`GET /?filter=meta.resourceType eq "Group"&attributes=displayName`, "").code(200).want("totalResults 1\nResources/0/members absent")
		c.send(`GET /?filter=displayName eq "pat" or userName eq "PAT@x.test"&startIndex=2&count=1`, "").code(200).
			want("totalResults 2\nstartIndex 2\nitemsPerPage 1\nResources/0/displayName \"pat\"")
		c.send(`GET /?filter=nothing eq "pat"`, "").fails(400, "invalidFilter")
		c.send(`GET /?sortBy=userName&sortOrder=descending`, "").code(200).want("Resources/0/userName \"sam@x.test\"")
	})
}
