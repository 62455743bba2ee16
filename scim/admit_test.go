package scim_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// late sends a request whose body comes when rest is closed, and returns the status.
func (d *door) late(method, path, body string, rest <-chan struct{}) <-chan int {
	const wait = 20 * time.Millisecond
	begun, end := io.Pipe()
	status := make(chan int, 1)
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, begun)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	go func() {
		_, _ = io.WriteString(end, body[:5])
		<-rest
		_, _ = io.WriteString(end, body[5:])
		_ = end.Close()
	}()
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			status <- 0
			return
		}
		_ = res.Body.Close()
		status <- res.StatusCode
	}()
	time.Sleep(wait) // until it was let in
	return status
}

func TestAdmission_ends_with_the_credential_whatever_is_under_way(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		tokens, err := d.tokens()
		if err != nil {
			t.Fatal(err)
		}
		rest := make(chan struct{})
		twin := d.late("POST", "/Users", `{"userName":"twin@x.test"}`, rest)
		close(rest)
		if got := <-twin; got != 201 {
			t.Fatalf("the twin: %d", got)
		}
		id := d.must(201, "POST", "/Users", `{"userName":"ann@x.test"}`)["id"].(string)
		for _, c := range []struct {
			what string
			shut func() error
			want int
		}{
			{"a disabled connection", func() error { _, err := d.s.EnableConnection(t.Context(), admin, "okta", false); return err }, 403},
			{"a revoked token", func() error { return d.s.RevokeToken(t.Context(), admin, tokens[0].ID) }, 401},
		} {
			rest := make(chan struct{})
			post := d.late("POST", "/Users", `{"userName":"`+strings.ReplaceAll(c.what, " ", "")+`@x.test"}`, rest)
			patch := d.late("PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","path":"title","value":"late"}]}`, rest)
			group := d.late("POST", "/Groups", `{"displayName":"`+c.what+`"}`, rest)
			if err := c.shut(); err != nil {
				t.Fatal(err)
			}
			close(rest)
			for name, status := range map[string]<-chan int{"POST": post, "PATCH": patch, "POST of a group": group} {
				if got := <-status; got != c.want {
					t.Errorf("%s: %s that was under way: %d, want %d", c.what, name, got, c.want)
				}
			}
			if _, err := d.s.EnableConnection(t.Context(), admin, "okta", true); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestAdmission_ends_in_the_middle_of_a_Bulk(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		tokens, err := d.tokens()
		if err != nil {
			t.Fatal(err)
		}
		var operations []string
		for n := range 1000 {
			operations = append(operations, fmt.Sprintf(`{"method":"POST","path":"/Groups","bulkId":"g%d","data":{"displayName":"g%d"}}`, n, n))
		}
		var sent sync.WaitGroup
		sent.Go(func() { d.do("POST", "/Bulk", `{"Operations":[`+strings.Join(operations, ",")+`]}`) })
		count := func() (n int) {
			for _, e := range d.events() {
				if e.Action == "group.create" {
					n++
				}
			}
			return n
		}
		for count() == 0 {
			time.Sleep(time.Millisecond)
		}
		if err := d.s.RevokeToken(t.Context(), admin, tokens[0].ID); err != nil {
			t.Fatal(err)
		}
		then := count()
		sent.Wait()
		if now := count(); now > then+1 { // one may have been in its transaction on PostgreSQL
			t.Errorf("%d groups stood when the revocation was answered, %d afterwards", then, now)
		}
	})
}

func (d *door) tokens() (all []directory.Token, err error) {
	err = d.db.View(d.t.Context(), func(tx *store.Tx) (err error) { all, err = tx.Tokens(0); return err })
	return all, err
}

func (d *door) events() (all []directory.Event) {
	if err := d.db.View(d.t.Context(), func(tx *store.Tx) (err error) { all, err = tx.Events(nil, 10_000); return err }); err != nil {
		d.t.Error(err)
	}
	return all
}

func TestBody_that_takes_its_time_keeps_nobody_waiting(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		id := d.must(201, "POST", "/Users", `{"userName":"ann@x.test"}`)["id"].(string)
		rest := make(chan struct{})
		var slow []<-chan int
		for n := range 100 { // more than may run at once
			slow = append(slow, d.late("POST", "/Users", fmt.Sprintf(`{"userName":"slow%d@x.test"}`, n), rest))
		}
		began := time.Now()
		d.must(200, "PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("a deactivation took %s", took)
		}
		close(rest)
		for _, status := range slow {
			if got := <-status; got != 201 {
				t.Errorf("a slow one: %d", got)
			}
		}
	})
}
