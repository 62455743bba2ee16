package scim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/scim"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

var admin = directory.Actor{Name: "test"}

// door is a SCIM door over HTTP with one connection.
type door struct {
	t     *testing.T
	db    *store.DB
	s     *provision.Service
	url   string
	token string
}

func each(t *testing.T, f func(t *testing.T, d *door)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { f(t, newDoor(t, db)) })
}

func newDoor(t *testing.T, db *store.DB) *door {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	s := provision.New(db, quiet)
	if _, err := s.CreateConnection(t.Context(), admin, "okta", "okta", nil); err != nil {
		t.Fatal(err)
	}
	_, token, err := s.CreateToken(t.Context(), admin, "okta", 0)
	if err != nil {
		t.Fatal(err)
	}
	d := &door{t: t, db: db, s: s, token: token}
	d.serve(&scim.Door{DB: db, Provision: s, Log: quiet})
	return d
}

// serve hangs a door of its own before the database of d.
func (d *door) serve(door *scim.Door) {
	server := httptest.NewServer(door.Alone())
	d.t.Cleanup(server.Close)
	d.url = server.URL + scim.Base
}

// do sends a request and returns status and body; the body of an empty answer is nil.
func (d *door) do(method, path, body string) (int, map[string]any) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	raw, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		d.t.Fatal(err)
	}
	if len(raw) == 0 {
		return res.StatusCode, nil
	}
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		d.t.Fatalf("%s %s: %v: %s", method, path, err, raw)
	}
	return res.StatusCode, v
}

// must is do for a status that is expected.
func (d *door) must(status int, method, path, body string) map[string]any {
	d.t.Helper()
	got, v := d.do(method, path, body)
	if got != status {
		d.t.Fatalf("%s %s: status %d, want %d: %v", method, path, got, status, v)
	}
	return v
}

// places returns the account of that name and where it is, such as "eng eng/backend".
func (d *door) places(name string) (a directory.Account, places string) {
	d.t.Helper()
	err := d.db.View(d.t.Context(), func(tx *store.Tx) (err error) {
		if a, err = tx.FindAccount(name); err != nil {
			return err
		}
		reasons, err := tx.Reasons(a.Row)
		var names []string
		for _, r := range reasons {
			name := strings.Trim(r.TeamName+"/"+r.ChannelName, "/")
			if len(names) == 0 || names[len(names)-1] != name {
				names = append(names, name)
			}
		}
		places = strings.Join(names, " ")
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return a, places
}

func TestDoor_a_person_is_pushed_linked_and_shut(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		ctx := t.Context()
		if _, err := d.s.CreateTeam(ctx, admin, directory.Team{Name: "eng", DisplayName: "Engineering", Type: directory.Open}); err != nil {
			t.Fatal(err)
		}
		if _, err := d.s.CreateChannel(ctx, admin, "eng", directory.Channel{Name: "backend", DisplayName: "Backend", Type: directory.Open}); err != nil {
			t.Fatal(err)
		}
		if _, err := d.s.CreateLink(ctx, admin, "okta", "Engineering", "eng", "backend", directory.RoleMember); err != nil {
			t.Fatal(err)
		}
		user := d.must(201, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"alice@x.test","externalId":"00u1",
			"name":{"givenName":"Alice","familyName":"Lee"},"emails":[{"value":"alice@x.test","type":"work","primary":true}],"active":true}`)
		id := user["id"].(string)
		if _, got := d.places("alice"); got != "" {
			t.Errorf("before the group alice is in %q", got)
		}
		group := d.must(201, "POST", "/Groups", fmt.Sprintf(`{"displayName":"Engineering","members":[{"value":%q}]}`, id))
		const all = "eng eng/backend eng/off-topic eng/town-square"
		if a, got := d.places("alice"); got != all || !a.Active {
			t.Errorf("alice (active %v) is in %q, want %q", a.Active, got, all)
		}
		if got := d.must(200, "GET", "/Users/"+id, "")["groups"].([]any); len(got) != 1 {
			t.Errorf("groups %v", got)
		}
		if got := d.must(200, "GET", "/Groups/"+group["id"].(string), "")["members"].([]any); len(got) != 1 {
			t.Errorf("members %v", got)
		}
		d.must(200, "PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","value":{"active":false}}]}`)
		if a, got := d.places("alice"); a.Active || got != all {
			t.Errorf("after active:false alice (active %v) is in %q", a.Active, got)
		}
		d.must(200, "PATCH", "/Users/"+id, `{"Operations":[{"op":"Replace","path":"active","value":"True"}]}`)
		if a, got := d.places("alice"); !a.Active || got != all {
			t.Errorf("after active:true alice (active %v) is in %q", a.Active, got)
		}
		d.must(204, "DELETE", "/Groups/"+group["id"].(string), "")
		if _, got := d.places("alice"); got != "" {
			t.Errorf("after the group alice is in %q", got)
		}
		d.must(204, "DELETE", "/Users/"+id, "")
		d.must(404, "GET", "/Users/"+id, "")
		if a, _ := d.places("alice"); a.Active {
			t.Error("after DELETE alice is active")
		}
	})
}

func TestFilters_choose_the_same_on_both_databases(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		for _, body := range []string{
			`{"userName":"Ann@x.test","externalId":"E1","name":{"familyName":"Zimt"},"emails":[{"value":"ann@x.test","type":"work"}],"title":"Boss"}`,
			`{"userName":"bob@x.test","externalId":"e1","emails":[{"value":"bob@home.test","type":"home"},{"value":"bob@x.test","type":"work","primary":true}],"active":false}`,
			`{"userName":"cid@x.test","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R&D","manager":{"value":"m1"}}}`,
		} {
			d.must(201, "POST", "/Users", body)
		}
		for filter, want := range map[string]string{
			`userName eq "ANN@X.TEST"`: "ann", `username EQ "ann@x.test"`: "ann", `externalId eq "e1"`: "bob", `externalId eq "E1"`: "ann",
			`active eq false`: "bob", `active eq "True"`: "ann cid", `active ne true`: "bob", `not (active eq true)`: "bob",
			`emails eq "bob@x.test"`: "bob", `emails[type eq "work"].value eq "bob@x.test"`: "bob", `emails[type eq "home"].value eq "bob@x.test"`: "",
			`emails[type eq "home" and value co "home"]`: "bob", `emails.type eq "home"`: "bob", `emails[primary eq "True"]`: "bob",
			`name.familyName pr`: "ann", `title pr or externalId eq "e1"`: "ann bob", `not (title pr)`: "bob cid", `title eq null`: "bob cid",
			`name.familyName sw "zi"`: "ann", `name.familyName ew "MT"`: "ann", `name.familyName co "im"`: "ann", `name.familyName gt "y"`: "ann", `name.familyName lt "y"`: "",
			`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "r&d"`: "cid", `manager eq "m1"`: "cid", `manager.value eq "m1"`: "cid",
			`userName sw "b" or userName sw "c"`: "bob cid", `userName co "x.test" and active eq true`: "ann cid", `title ne "boss"`: "bob cid",
			`meta.created gt "2001-01-01T00:00:00Z"`: "ann bob cid", `meta.lastModified lt "2001-01-01T00:00:00Z"`: "", `externalId eq E1`: "ann",
			`emails pr`: "ann bob", `emails.value ew "home.test"`: "bob", `schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"`: "ann bob cid",
			`schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`: "cid", `groups pr`: "", `groups eq "x"`: "", `id pr`: "ann bob cid",
		} {
			status, list := d.do("GET", "/Users?filter="+strings.NewReplacer(" ", "%20", `"`, "%22", "&", "%26", "#", "%23").Replace(filter), "")
			if status != 200 {
				t.Errorf("%s: status %d: %v", filter, status, list)
				continue
			}
			var names []string
			for _, r := range list["Resources"].([]any) {
				name, _, _ := strings.Cut(strings.ToLower(r.(map[string]any)["userName"].(string)), "@")
				names = append(names, name)
			}
			if got := strings.Join(names, " "); got != want {
				t.Errorf("%s: %q, want %q", filter, got, want)
			}
			if int(list["totalResults"].(float64)) != len(names) {
				t.Errorf("%s: totalResults %v for %d", filter, list["totalResults"], len(names))
			}
		}
	})
}
