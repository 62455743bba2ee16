package scim_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/scim"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
	"github.com/rollcall-id/rollcall/web"
)

// from is a door for a client with another token, or, where an address is given, behind a trusted proxy.
func (d *door) from(token, address string) func(method, path, body string) (*http.Response, string, error) {
	return func(method, path, body string) (*http.Response, string, error) {
		req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, strings.NewReader(body))
		if err != nil {
			return nil, "", err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		if address != "" {
			req.Header.Set("X-Forwarded-For", address)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, "", err
		}
		raw, err := io.ReadAll(res.Body)
		return res, string(raw), errors.Join(err, res.Body.Close())
	}
}

// serve hangs a door of its own before the database of d.
func (d *door) serve(door *scim.Door) {
	server := httptest.NewServer(door.Handler())
	d.t.Cleanup(server.Close)
	d.url = server.URL + scim.Base
}

func (d *door) newToken() string {
	d.t.Helper()
	_, token, err := d.s.CreateToken(d.t.Context(), admin, "okta", 0)
	if err != nil {
		d.t.Fatal(err)
	}
	return token
}

// limited asserts a 429 that says how many whole seconds to wait.
func limited(t *testing.T, res *http.Response, body string) {
	t.Helper()
	var v struct {
		Schemas        []string
		Status, Detail string
	}
	if err := json.Unmarshal([]byte(body), &v); err != nil || v.Status != "429" || v.Detail == "" || len(v.Schemas) != 1 {
		t.Errorf("429 with the body %s, %v", body, err)
	}
	if after := res.Header.Get("Retry-After"); !regexp.MustCompile(`^[1-9][0-9]*$`).MatchString(after) {
		t.Errorf("429 with Retry-After %q", after)
	}
}

func TestFilters_have_two_seconds_and_stand_in_nobodys_way(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.must(201, "POST", "/Users", `{"userName":"ann@x.test","title":"T"}`)
		d.must(201, "POST", "/Groups", `{"displayName":"G"}`)
		letGo, holding := make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		for range 2 { // as many as search at once
			all.Go(func() {
				_ = d.db.Search(context.WithoutCancel(t.Context()), func(*store.Tx) error {
					holding <- struct{}{}
					<-letGo
					return nil
				})
			})
			<-holding
		}
		for method, path := range map[string]string{"GET": "/Users?filter=title%20co%20%22t%22", "POST": "/Groups/.search"} {
			all.Go(func() {
				begin := time.Now()
				status, body := d.do(method, path, map[string]string{"POST": `{"filter":"displayName co \"g\""}`}[method])
				if took := time.Since(begin); status != 400 || body["scimType"] != "tooMany" || body["status"] != "400" || took < 1900*time.Millisecond || took > 10*time.Second {
					t.Errorf("%s %s: status %d after %s: %v", method, path, status, took, body)
				}
			})
		}
		for range 20 {
			begin := time.Now()
			d.must(200, "GET", "/Users", "")
			d.must(200, "GET", "/Users?filter=userName%20eq%20%22ann@x.test%22", "")
			d.must(200, "GET", "/Groups?filter=displayName%20eq%20%22g%22", "")
			d.must(200, "PATCH", "/Users/"+d.idOf("ann@x.test"), `{"Operations":[{"op":"add","path":"nickName","value":"A"}]}`)
			if took := time.Since(begin); took > time.Second {
				t.Errorf("requests beside it took %s", took)
			}
		}
		time.AfterFunc(2500*time.Millisecond, func() { close(letGo) })
		all.Wait()
		d.must(200, "GET", "/Users?filter=title%20co%20%22t%22", "")
	})
}

// idOf finds a User by its name.
func (d *door) idOf(userName string) string {
	d.t.Helper()
	list := d.must(200, "GET", "/Users?filter=userName%20eq%20%22"+userName+"%22", "")["Resources"].([]any)
	if len(list) != 1 {
		d.t.Fatalf("%d users are named %s", len(list), userName)
	}
	return list[0].(map[string]any)["id"].(string)
}

func TestFilters_that_look_at_too_much_are_ended(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		const people, addresses, terms = 400, 1000, 64
		var emails, filter []string
		for i := range addresses {
			emails = append(emails, fmt.Sprintf(`{"value":"a-rather-long-address-%04d@x.test","type":"t%d"}`, i, i))
		}
		for i := range terms {
			filter = append(filter, fmt.Sprintf("emails.value%%20co%%20%%22%%23%d%%22", i))
		}
		list := "[" + strings.Join(emails, ",") + "]"
		for i := range people {
			d.must(201, "POST", "/Users?attributes=id", fmt.Sprintf(`{"userName":"u%d@x.test","emails":%s}`, i, strings.ReplaceAll(list, "@", fmt.Sprintf("-%d@", i))))
		}
		begin := time.Now()
		v := d.must(400, "GET", "/Users?filter="+strings.Join(filter, "%20or%20"), "")
		if took := time.Since(begin); v["scimType"] != "tooMany" || took > 10*time.Second {
			t.Errorf("after %s: %v", took, v)
		}
		d.must(200, "GET", "/Users?count=1&attributes=id&filter=title%20pr", "")
	})
}

func TestDoor_limits_each_token_by_itself(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		noisy, calm := d.from(d.token, ""), d.from(d.newToken(), "")
		var (
			passed, refused atomic.Int32
			all             sync.WaitGroup
		)
		begin := time.Now()
		for range 8 {
			all.Go(func() {
				for refused.Load() == 0 && time.Since(begin) < 20*time.Second {
					res, body, err := noisy("GET", "/ServiceProviderConfig", "")
					switch {
					case err != nil:
						t.Error(err)
						return
					case res.StatusCode == 429:
						refused.Add(1)
						limited(t, res, body)
					case res.StatusCode == 200:
						passed.Add(1)
					default:
						t.Errorf("status %d: %s", res.StatusCode, body)
					}
				}
			})
		}
		all.Wait()
		if passed.Load() < 1000 || refused.Load() == 0 {
			t.Fatalf("%d passed and %d were refused in %s, want a burst of 1000 and then a refusal", passed.Load(), refused.Load(), time.Since(begin))
		}
		for range 20 {
			if res, body, err := calm("GET", "/Users", ""); err != nil || res.StatusCode != 200 {
				t.Errorf("another token of the connection: %v %s", err, body)
			}
		}
		time.Sleep(time.Second) // as Retry-After says
		d.must(200, "GET", "/Users", "")
	})
}

func TestDoor_limits_failed_credentials_of_an_address(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.serve(&scim.Door{
			DB: d.db, Provision: d.s, Log: slog.New(slog.DiscardHandler), Proxies: web.Proxies{netip.MustParsePrefix("127.0.0.1/32")},
		})
		for n := range 15 {
			res, body, err := d.from(fmt.Sprintf("rct_wrong%d", n), "192.0.2.1")("GET", "/Users", "")
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: 401, false: 429}[n < 10]; res.StatusCode != want {
				t.Errorf("the wrong token number %d: status %d, want %d: %s", n+1, res.StatusCode, want, body)
			}
			if res.StatusCode == 429 {
				limited(t, res, body)
			}
			if res, body, err := d.from(d.token, "192.0.2.1")("GET", "/Users", ""); err != nil || res.StatusCode != 200 {
				t.Errorf("a valid token of the same address after %d wrong ones: %v %s", n+1, err, body)
			}
		}
		for address, want := range map[string]int{"192.0.2.2": 401, "192.0.2.1": 429} {
			if res, body, err := d.from("rct_wrong", address)("GET", "/nothing", ""); err != nil || res.StatusCode != want {
				t.Errorf("a wrong token from %s: %v %s", address, err, body)
			}
		}
	})
}

// opaque asserts an answer that says nothing of what went wrong but where to look for it.
func opaque(t *testing.T, res *http.Response, body string) {
	t.Helper()
	id := res.Header.Get("X-Request-Id")
	want := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"500","detail":"internal error; request ` + id + `"}`
	if res.StatusCode != 500 || len(id) != 26 || body != want {
		t.Errorf("status %d, request id %q, body %s", res.StatusCode, id, body)
	}
	if kind := res.Header.Get("Content-Type"); kind != "application/scim+json" {
		t.Errorf("Content-Type %q", kind)
	}
	names := slices.Sorted(maps.Keys(res.Header))
	if !slices.Equal(names, []string{"Content-Length", "Content-Type", "Date", "X-Request-Id"}) {
		t.Errorf("headers %v", names)
	}
}

// journal is a log that a test can read.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

// tells waits for a line with all the texts, since a client has its answer before the line is written.
func (j *journal) tells(t *testing.T, texts ...string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		j.mu.Lock()
		log := j.b.String()
		j.mu.Unlock()
		for line := range strings.Lines(log) {
			if !slices.ContainsFunc(texts, func(s string) bool { return !strings.Contains(line, s) }) {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Errorf("no line of the log has all of %q:\n%s", texts, log)
			return
		}
	}
}

func TestDoor_hides_a_panic(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		log := new(journal)
		d.serve(&scim.Door{DB: d.db, Log: slog.New(slog.NewTextHandler(log, nil))}) // changes have nowhere to go
		for _, r := range [][2]string{{"POST", "/Users"}, {"PUT", "/Users/x"}, {"DELETE", "/Groups/x"}} {
			res, body, err := d.from(d.token, "")(r[0], r[1], `{"userName":"hidden@x.test","password":"secret-canary"}`)
			if err != nil {
				t.Fatal(err)
			}
			opaque(t, res, body)
			log.tells(t, "level=ERROR", "request_id="+res.Header.Get("X-Request-Id"), "status=500", "panic: ", "stack=")
			d.must(200, "GET", "/Users", "")
		}
		log.mu.Lock()
		defer log.mu.Unlock()
		for _, secret := range []string{d.token, "secret-canary", "hidden@x.test"} {
			if strings.Contains(log.b.String(), secret) {
				t.Errorf("the log holds %s", secret)
			}
		}
	})
}

func TestDoor_hides_an_error_that_nobody_expects(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		log := new(journal)
		d := &door{t: t, db: storetest.Open(t, c)}
		d.s = provision.New(d.db, nil, slog.New(slog.DiscardHandler))
		if _, err := d.s.CreateConnection(t.Context(), admin, "okta", "okta", nil); err != nil {
			t.Fatal(err)
		}
		d.token = d.newToken()
		d.serve(&scim.Door{DB: d.db, Provision: d.s, Log: slog.New(slog.NewTextHandler(log, nil))})
		id := d.must(201, "POST", "/Users", `{"userName":"ann@x.test"}`)["id"].(string)
		damage(t, c, "drop table stray", "drop table member", "drop table event")
		for _, r := range [][3]string{
			{"GET", "/Users/" + id, ""},
			{"GET", "/Users", ""},
			{"GET", "/Users?filter=groups%20pr", ""},
			{"POST", "/Users", `{"userName":"bob@x.test"}`},
			{"DELETE", "/Users/" + id, ""},
			{"POST", "/Groups", `{"displayName":"G","members":[{"value":"` + id + `"}]}`},
		} {
			res, body, err := d.from(d.token, "")(r[0], r[1], r[2])
			if err != nil {
				t.Fatal(err)
			}
			opaque(t, res, body)
			log.tells(t, "level=ERROR", "request_id="+res.Header.Get("X-Request-Id"), "status=500", "error=")
		}
		d.must(200, "GET", "/Users?excludedAttributes=groups&filter=userName%20eq%20%22ann@x.test%22", "")
		if n := d.must(200, "GET", "/Users?excludedAttributes=groups", "")["totalResults"]; n != 1.0 {
			t.Errorf("%v users are left, want the one that was there", n)
		}
	})
}

// damage changes a database behind the back of the store, as nobody should.
func damage(t *testing.T, c store.Config, statements ...string) {
	t.Helper()
	driver, source := "sqlite3", "file:"+filepath.Join(c.Data, "rollcall.db")+"?_busy_timeout=5000"
	if c.URL != "" {
		driver, source = "pgx", c.URL
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDoor_a_client_that_goes_away_takes_nobody_with_it(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		for round, after := range []time.Duration{-time.Millisecond, 0, time.Millisecond, 3 * time.Millisecond, 6 * time.Millisecond, 12 * time.Millisecond} {
			name := func(i int) string { return fmt.Sprintf("r%d-%02d@x.test", round, i) }
			ctx, cancel := context.WithCancel(t.Context())
			statuses := d.together(32, func(i int) (context.Context, string) {
				if i == 16 {
					return ctx, name(i)
				}
				return t.Context(), name(i)
			}, func(letGo func()) {
				if after < 0 { // while it waits for its turn
					cancel()
					time.Sleep(20 * time.Millisecond)
					letGo()
					return
				}
				letGo()
				time.Sleep(after)
				cancel()
			})
			for i, status := range statuses {
				list := d.must(200, "GET", "/Users?filter=userName%20eq%20%22"+name(i)+"%22", "")
				switch there := list["totalResults"] == 1.0; {
				case i == 16 && status == 0: // its client does not know, and it is there or not
				case status != 201 || !there:
					t.Errorf("round %d: %s was answered %d, and is it there? %v", round, name(i), status, there)
				}
				if a, _ := d.account(name(i)); i != 16 && !a.Active {
					t.Errorf("round %d: %s has no active account", round, name(i))
				}
			}
			if round == 0 && statuses[16] != 0 {
				t.Errorf("the one whose client went away was answered %d", statuses[16])
			}
		}
	})
}

// account is the account that a new User of that name has.
func (d *door) account(userName string) (a directory.Account, err error) {
	err = d.db.View(d.t.Context(), func(tx *store.Tx) (err error) {
		local, _, _ := strings.Cut(userName, "@")
		a, err = tx.FindAccount(local)
		return err
	})
	return a, err
}

// together sends n POSTs that come while the database is held, so that they make one batch where there are batches, and
// returns their statuses, zero for none. As soon as all have come, then is called with what lets the database go.
func (d *door) together(n int, request func(i int) (context.Context, string), then func(letGo func())) []int {
	d.t.Helper()
	held, free := make(chan struct{}), make(chan struct{})
	reached := sync.OnceFunc(func() { close(held) })
	var all sync.WaitGroup
	all.Go(func() {
		err := d.db.Update(d.t.Context(), func(tx *store.Tx) error {
			c, err := tx.Connection("okta")
			if err == nil {
				_, err = tx.HoldConnection(c.Row)
			}
			reached()
			<-free
			return err
		})
		if err != nil {
			d.t.Error(err)
		}
	})
	<-held
	statuses := make([]int, n)
	for i := range n {
		all.Go(func() {
			ctx, name := request(i)
			req, err := http.NewRequestWithContext(ctx, "POST", d.url+"/Users", strings.NewReader(`{"userName":"`+name+`"}`))
			if err != nil {
				d.t.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+d.token)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				if ctx.Err() == nil {
					d.t.Errorf("%s: %v", name, err)
				}
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			statuses[i] = res.StatusCode
		})
	}
	time.Sleep(300 * time.Millisecond) // until all wait for the database
	then(sync.OnceFunc(func() { close(free) }))
	all.Wait()
	return statuses
}
