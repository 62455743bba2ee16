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
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/scim"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
	"github.com/rollcall-id/rollcall/web"
)

// eachConfig is each for tests that also reach for the database beside the store.
func eachConfig(t *testing.T, f func(d *door, c store.Config)) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		quiet := slog.New(slog.DiscardHandler)
		d := &door{t: t, db: storetest.Open(t, c)}
		d.s = provision.New(d.db, quiet)
		if _, err := d.s.CreateConnection(t.Context(), admin, "okta", "okta", nil); err != nil {
			t.Fatal(err)
		}
		d.token = d.newToken()
		d.serve(&scim.Door{DB: d.db, Provision: d.s, Log: quiet})
		f(d, c)
	})
}

// beside opens the database behind the back of the store.
func beside(t *testing.T, c store.Config) *sql.DB {
	t.Helper()
	driver, source := "sqlite3", "file:"+filepath.Join(c.Data, "rollcall.db")+"?_busy_timeout=5000&_txlock=immediate"
	if c.URL != "" {
		driver, source = "pgx", c.URL
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// from is a client with a token of its own and, unless it is empty, an address that a trusted proxy tells.
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
				if took := time.Since(begin); status != 200 || body["totalResults"] != 1.0 || took < 2*time.Second || took > 10*time.Second {
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

// heavy makes Users with many e-mails and returns a filter that takes long on them.
func (d *door) heavy(people int) (filter string) {
	d.t.Helper()
	const addresses, terms = 1000, 64
	var emails, parts []string
	for i := range addresses {
		emails = append(emails, fmt.Sprintf(`{"value":"a-rather-long-address-%04d@x.test","type":"t%d"}`, i, i))
	}
	for i := range terms {
		parts = append(parts, fmt.Sprintf("emails.value%%20co%%20%%22%%23%d%%22", i))
	}
	list := "[" + strings.Join(emails, ",") + "]"
	for i := range people {
		d.must(201, "POST", "/Users?attributes=id", fmt.Sprintf(`{"userName":"u%d@x.test","emails":%s}`, i, strings.ReplaceAll(list, "@", fmt.Sprintf("-%d@", i))))
	}
	return strings.Join(parts, "%20or%20")
}

func TestFilters_that_look_at_too_much_are_ended(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		filter := d.heavy(200)
		begin := time.Now()
		v := d.must(400, "GET", "/Users?filter="+filter, "")
		if took := time.Since(begin); v["scimType"] != "tooMany" || took > 10*time.Second {
			t.Errorf("after %s: %v", took, v)
		}
		d.must(200, "GET", "/Users?count=1&attributes=id&filter=title%20pr", "")
	})
}

func TestFilters_of_one_connection_leave_room_for_those_of_another(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		if _, err := d.s.CreateConnection(t.Context(), admin, "entra", "entra", nil); err != nil {
			t.Fatal(err)
		}
		_, token, err := d.s.CreateToken(t.Context(), admin, "entra", 0)
		if err != nil {
			t.Fatal(err)
		}
		slow := d.heavy(60)
		ctx, cancel := context.WithCancel(t.Context())
		var (
			all     sync.WaitGroup
			refused atomic.Int32
		)
		for range 45 {
			all.Go(func() {
				req, err := http.NewRequestWithContext(ctx, "GET", d.url+"/Users?count=1&attributes=id&filter="+slow, nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+d.token)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					return // it was called back
				}
				body, err := io.ReadAll(res.Body)
				if err := errors.Join(err, res.Body.Close()); err == nil && res.StatusCode == 429 {
					refused.Add(1)
					limited(t, res, string(body))
				}
			})
		}
		time.Sleep(200 * time.Millisecond)
		for range 5 {
			begin := time.Now()
			res, body, err := d.from(token, "")("GET", "/Users?filter=title%20co%20%22t%22", "")
			if took := time.Since(begin); err != nil || res.StatusCode != 200 || took > time.Second {
				t.Errorf("a search of another connection after %s: %v %s", took, err, body)
			}
		}
		cancel()
		all.Wait()
		if n := refused.Load(); n == 0 || n > 45-33 {
			t.Errorf("%d of 45 were refused", n)
		}
		for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) { // until those that were called back are out of the line
			status, _ := d.do("GET", "/Users?count=1&attributes=id&filter=title%20pr", "")
			if status == 200 {
				break
			}
			if time.Since(begin) > 5*time.Second {
				t.Fatalf("a search after them: status %d", status)
			}
		}
	})
}

func TestDoor_limits_each_token_by_itself(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.serve(&scim.Door{DB: d.db, Provision: d.s, Log: slog.New(slog.DiscardHandler), Rate: 20}) // which a slow machine passes too
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
		d.serve(&scim.Door{
			DB: d.db, Log: slog.New(slog.NewTextHandler(log, nil)), Provision: provision.New(nil, slog.New(slog.DiscardHandler)), // changes have nowhere to go
		})
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
	eachConfig(t, func(d *door, c store.Config) {
		t, log := d.t, new(journal)
		d.serve(&scim.Door{DB: d.db, Provision: d.s, Log: slog.New(slog.NewTextHandler(log, nil))})
		id := d.must(201, "POST", "/Users", `{"userName":"ann@x.test"}`)["id"].(string)
		for _, table := range []string{"stray", "member", "event"} {
			if _, err := beside(t, c).ExecContext(t.Context(), "drop table "+table); err != nil {
				t.Fatal(err)
			}
		}
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

// The one whose client goes away has a statement that takes long, so that it is running when the client goes.
func TestDoor_a_client_that_goes_away_takes_nobody_with_it(t *testing.T) {
	eachConfig(t, func(d *door, c store.Config) {
		members := `{"value":"0"}`
		for i := range 20_000 {
			members += fmt.Sprintf(`,{"value":"%d"}`, i)
		}
		for round, after := range []time.Duration{-1, 0, 2, 4, 6, 8, 12, 16, 24, 32} {
			ctx, cancel := context.WithCancel(d.t.Context())
			letGo := d.hold(c)
			commits, updates := d.db.Batches()
			wait := d.create(ctx, round, fmt.Sprintf(`{"displayName":"Long %d","members":[%s]}`, round, members))
			if after < 0 { // while all wait for the database
				cancel()
				time.Sleep(20 * time.Millisecond)
			}
			letGo()
			time.Sleep(max(after, 0) * time.Millisecond)
			cancel()
			d.created(round, wait())
			if c1, u1 := d.db.Batches(); c.URL == "" && u1-updates <= c1-commits {
				d.t.Errorf("round %d: %d changes in %d commits: they shared none", round, u1-updates, c1-commits)
			}
		}
	})
}

// hold keeps every change waiting until it is let go: on SQLite it has the turn to write.
func (d *door) hold(c store.Config) (letGo func()) {
	d.t.Helper()
	if c.URL == "" {
		held, free, done := make(chan struct{}), make(chan struct{}), make(chan error)
		go func() {
			done <- d.db.Update(d.t.Context(), func(*store.Tx) error { close(held); <-free; return nil })
		}()
		<-held
		return func() {
			close(free)
			if err := <-done; err != nil {
				d.t.Error(err)
			}
		}
	}
	tx, err := beside(d.t, c).BeginTx(d.t.Context(), nil)
	if err == nil {
		_, err = tx.ExecContext(d.t.Context(), "lock table identity, grp in share row exclusive mode")
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			d.t.Error(err)
		}
	}
}

func userName(round, i int) string { return fmt.Sprintf("r%d-%02d@x.test", round, i) }

// create sends 31 new Users at once and, under ctx, a long Group, and gives them time to come as far as they can. wait returns
// the statuses of the Users.
func (d *door) create(ctx context.Context, round int, long string) (wait func() []int) {
	d.t.Helper()
	statuses := make([]int, 31)
	var all sync.WaitGroup
	send := func(ctx context.Context, path, body string) (int, error) {
		req, err := http.NewRequestWithContext(ctx, "POST", d.url+path, strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Authorization", "Bearer "+d.token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, res.Body)
		return res.StatusCode, errors.Join(err, res.Body.Close())
	}
	all.Go(func() {
		if status, err := send(ctx, "/Groups?excludedAttributes=members", long); err == nil && status != 201 {
			d.t.Errorf("round %d: the long one was answered %d", round, status)
		}
	})
	for i := range statuses {
		all.Go(func() {
			time.Sleep(time.Duration(i*10) * time.Millisecond) // so that the long one comes in their midst
			status, err := send(d.t.Context(), "/Users", `{"userName":"`+userName(round, i)+`"}`)
			if err != nil {
				d.t.Errorf("%s: %v", userName(round, i), err)
			}
			statuses[i] = status
		})
	}
	time.Sleep(500 * time.Millisecond)
	return func() []int { all.Wait(); return statuses }
}

// created asserts that everybody was told 201 and is there, with an active account.
func (d *door) created(round int, statuses []int) {
	d.t.Helper()
	for i, status := range statuses {
		name := userName(round, i)
		if status != 201 {
			d.t.Errorf("%s was answered %d", name, status)
			continue
		}
		d.idOf(name)
		local, _, _ := strings.Cut(name, "@")
		if a, _ := d.places(local); !a.Active {
			d.t.Errorf("%s has no active account", name)
		}
	}
}
