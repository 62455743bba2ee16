package scim_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/scim"
)

// client takes an answer piece by piece, each when it is let.
type client struct {
	*httptest.ResponseRecorder
	came    chan struct{} // gets one value for the first piece
	let     <-chan struct{}
	largest int // of the pieces, in bytes
}

func (c *client) Write(b []byte) (int, error) {
	select {
	case c.came <- struct{}{}:
	default:
	}
	c.largest = max(c.largest, len(b))
	<-c.let
	return c.ResponseRecorder.Write(b)
}

// ask sends a GET as a client that takes nothing until let is closed.
func (d *door) ask(h http.Handler, all *sync.WaitGroup, path string, let <-chan struct{}) *client {
	c := &client{ResponseRecorder: httptest.NewRecorder(), came: make(chan struct{}, 1), let: let}
	req := httptest.NewRequestWithContext(d.t.Context(), "GET", scim.Base+path, nil)
	req.Header.Set("Authorization", "Bearer "+d.token)
	all.Go(func() { h.ServeHTTP(c, req) })
	return c
}

// turns asserts that four large answers are written at once and not five, that small does not wait for them, and that no piece
// of any is larger than most.
func (d *door) turns(large, small string, resources, most int) {
	d.t.Helper()
	h := (&scim.Door{DB: d.db, Provision: d.s, Log: slog.New(slog.DiscardHandler)}).Alone()
	let, now := make(chan struct{}), make(chan struct{})
	close(now)
	var all sync.WaitGroup
	var asked []*client
	for n := range 5 {
		c := d.ask(h, &all, large, let)
		asked = append(asked, c)
		wait := 10 * time.Second
		if n == 4 {
			wait = 300 * time.Millisecond
		}
		select {
		case <-c.came:
			if n == 4 {
				d.t.Errorf("%s: the fifth is in memory with four others", large)
			}
		case <-time.After(wait):
			if n < 4 {
				d.t.Errorf("%s: number %d waits", large, n+1)
			}
		}
	}
	select {
	case <-d.ask(h, &all, small, now).came:
	case <-time.After(10 * time.Second):
		d.t.Errorf("%s waits for what is large", small)
	}
	close(let)
	all.Wait()
	for n, c := range asked {
		var list struct{ Resources []any }
		if err := json.Unmarshal(c.Body.Bytes(), &list); err != nil || c.Code != 200 || len(list.Resources) != resources {
			d.t.Errorf("%s number %d: status %d with %d resources, %v", large, n+1, c.Code, len(list.Resources), err)
		}
		if c.largest > most {
			d.t.Errorf("%s leaves in pieces of %d bytes", large, c.largest)
		}
	}
}

func TestLists_hold_few_large_documents_in_memory(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		const users, size = 6, 200 << 10
		photo := `{"value":"` + strings.Repeat("x", 20<<10) + `"}`
		for n := range users {
			d.must(201, "POST", "/Users?attributes=id", fmt.Sprintf(`{"userName":"u%d@x.test","photos":[%s]}`, n, strings.Repeat(photo+",", size>>10/20-1)+photo))
		}
		d.must(413, "POST", "/Users", `{"userName":"v@x.test","photos":[`+strings.Repeat(photo+",", 13)+photo+`]}`)
		for _, path := range []string{"/Users", "/Users?cursor", "/Users?filter=photos%20pr", "/Users?excludedAttributes=title", "/Users?sortBy=userName"} {
			d.turns(path, "/Users?count=1", users, 2*size)
		}
		d.must(201, "POST", "/Groups", `{"displayName":"g","members":[{"value":"`+d.idOf("u0@x.test")+`"}]}`)
		d.turns("?excludedAttributes=externalId", "/Groups", users+1, 2*size) // four places, and none for the groups
	})
}

func TestLists_hold_few_groups_in_memory(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		const groups, members = 4, 1200
		var ids []string
		for part := range members / 400 {
			var operations []string
			for n := range 400 {
				operations = append(operations, bulkUser(fmt.Sprintf("%s%d-%d", strings.Repeat("u", 100), part, n), ""))
			}
			answer := d.must(200, "POST", "/Bulk", `{"Operations":[`+strings.Join(operations, ",")+`]}`)
			for _, o := range answer["Operations"].([]any) {
				location := o.(map[string]any)["location"].(string)
				ids = append(ids, fmt.Sprintf(`{"value":%q}`, location[strings.LastIndex(location, "/")+1:]))
			}
		}
		for n := range groups {
			d.must(201, "POST", "/Groups?attributes=id", fmt.Sprintf(`{"displayName":"g%d","members":[%s]}`, n, strings.Join(ids, ",")))
		}
		one := len(strings.Join(ids, ",")) * 9
		for _, path := range []string{"/Groups?attributes=members", "/Groups?cursor&excludedAttributes=meta"} {
			d.turns(path, "/Groups?attributes=displayName", groups, one)
		}
	})
}
