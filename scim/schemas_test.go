package scim_test

import (
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim"
	"github.com/rollcall-id/rollcall/store"
)

const (
	costs = "urn:example:costs:1.0:User"
	chat  = "urn:rollcall:params:scim:schemas:extension:chat:2.0:User"
)

func (d *door) extend(attributes string) {
	d.t.Helper()
	if _, err := d.s.AddExtension(d.t.Context(), admin, "okta", []byte(`{"id":"`+costs+`","attributes":[`+attributes+`]}`)); err != nil {
		d.t.Fatal(err)
	}
}

// user pushes a User with that in the extension and returns its id.
func (d *door) user(name, extension string) string {
	d.t.Helper()
	return d.must(201, "POST", "/Users", `{"userName":"`+name+`@x.test","`+costs+`":`+extension+`}`)["id"].(string)
}

// patch sends one operation on an attribute of the extension and returns the answer's extension.
func (d *door) patch(status int, id, op, path, value string) any {
	d.t.Helper()
	if value != "" {
		value = `,"value":` + value
	}
	return d.must(status, "PATCH", "/Users/"+id, fmt.Sprintf(`{"Operations":[{"op":%q,"path":%q%s}]}`, op, costs+":"+path, value))[costs]
}

// named lists the userNames that a filter finds, without what is behind the @.
func (d *door) named(filter string) string {
	d.t.Helper()
	var names []string
	for _, r := range d.must(200, "GET", "/Users?filter="+url.QueryEscape(filter), "")["Resources"].([]any) {
		name, _, _ := strings.Cut(r.(map[string]any)["userName"].(string), "@")
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func object(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

func (d *door) equal(what string, got, want any) {
	d.t.Helper()
	if !reflect.DeepEqual(got, want) {
		d.t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestSchemas_required(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		before := d.must(201, "POST", "/Users", `{"userName":"old@x.test","`+costs+`":{"free":"ignored"}}`)["id"].(string)
		d.extend(`{"name":"must","required":true},{"name":"free"}`)
		status, v := d.do("POST", "/Users", `{"userName":"a@x.test","`+costs+`":{"free":"x"}}`)
		d.equal("without it", fmt.Sprint(status, " ", v["scimType"], " ", v["detail"]), "400 invalidValue "+costs+":must: is required")
		id := d.user("a", `{"must":"m"}`)
		d.must(201, "POST", "/Users", `{"userName":"none@x.test"}`)
		d.must(400, "PUT", "/Users/"+id, `{"userName":"a@x.test","`+costs+`":{"free":"x"}}`)
		d.patch(400, id, "remove", "must", "")
		d.patch(400, before, "add", "free", `"x"`)
		d.must(200, "PATCH", "/Users/"+before, `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
		d.equal("as it was", d.must(200, "GET", "/Users/"+id, "")[costs], object("must", "m"))
	})
}

func TestSchemas_mutability(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.extend(`{"name":"once","mutability":"immutable"},{"name":"ours","mutability":"readOnly"},{"name":"pin","mutability":"writeOnly"},{"name":"free"},
			{"name":"hash","returned":"never"}`)
		id := d.user("a", `{"ours":"x","pin":"4711-pin","hash":"4711-hash","free":"f"}`)
		d.equal("after POST", d.must(200, "GET", "/Users/"+id, "")[costs], object("free", "f"))
		d.equal("set once", d.patch(200, id, "add", "once", `"Gold"`), object("free", "f", "once", "Gold"))
		d.equal("the same", d.patch(200, id, "replace", "once", `"gold"`), object("free", "f", "once", "Gold"))
		put := func(status int, extension string) any {
			t.Helper()
			return d.must(status, "PUT", "/Users/"+id, `{"userName":"a@x.test","`+costs+`":`+extension+`}`)[costs]
		}
		d.equal("the same by PUT", put(200, `{"once":"GOLD","free":"g"}`), object("free", "g", "once", "Gold"))
		d.equal("absent in a PUT", put(200, `{"ours":"y","pin":"4711-pin"}`), object("once", "Gold"))
		for _, refused := range []func() any{
			func() any { return put(400, `{"once":"Silver"}`) },
			func() any { return d.patch(400, id, "replace", "once", `"Silver"`) },
			func() any { return d.patch(400, id, "remove", "once", "") },
			func() any { return d.patch(400, id, "add", "ours", `"x"`) },
			func() any {
				return d.must(400, "PATCH", "/Users/"+id, `{"Operations":[{"op":"remove","path":"`+costs+`"}]}`)
			},
		} {
			refused()
		}
		_, v := d.do("PUT", "/Users/"+id, `{"userName":"a@x.test","`+costs+`":{"once":"Silver"}}`)
		d.equal("the error", fmt.Sprint(v["scimType"], " ", v["detail"]), "mutability "+costs+":once: is immutable: it has a value and keeps it")
		d.equal("in the end", d.must(200, "GET", "/Users/"+id, "")[costs], object("once", "Gold"))
		d.patch(200, id, "add", "pin", `"4711-pin"`)
		d.patch(200, id, "add", "hash", `"4711-hash"`)
		d.must(400, "GET", "/Users?filter="+url.QueryEscape(costs+`:pin eq "4711-pin"`), "")
		d.must(400, "GET", "/Users?filter="+url.QueryEscape(costs+`:hash pr`), "")
		if err := d.db.View(t.Context(), func(tx *store.Tx) error {
			i, err := tx.Identity(d.okta().Row, directory.IdentityID(id))
			if strings.Contains(string(i.Document)+string(i.Search), "4711") {
				t.Errorf("kept: %s", i.Document)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}

func (d *door) okta() (c directory.Connection) {
	d.t.Helper()
	if err := d.db.View(d.t.Context(), func(tx *store.Tx) (err error) { c, err = tx.Connection("okta"); return err }); err != nil {
		d.t.Fatal(err)
	}
	return c
}

func TestSchemas_returned(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.extend(`{"name":"always","returned":"always"},{"name":"usual"},{"name":"asked","returned":"request"}`)
		id := d.user("a", `{"always":"1","usual":"2","asked":"3"}`)
		for query, want := range map[string]any{
			"":                                object("always", "1", "usual", "2"),
			"?attributes=userName":            object("always", "1"),
			"?attributes=" + costs:            object("always", "1", "usual", "2", "asked", "3"),
			"?attributes=" + costs + ":asked": object("always", "1", "asked", "3"),
			"?attributes=asked":               object("always", "1", "asked", "3"),
			"?excludedAttributes=" + costs:    object("always", "1"),
			"?excludedAttributes=" + costs + ":usual": object("always", "1"),
		} {
			d.equal("GET "+query, d.must(200, "GET", "/Users/"+id+query, "")[costs], want)
			list := d.must(200, "GET", "/Users"+query, "")["Resources"].([]any)
			d.equal("list "+query, list[0].(map[string]any)[costs], want)
		}
		d.equal("filtered on", d.named(costs+`:asked eq "3"`), "a")
		d.equal("the answer of a POST", d.must(201, "POST", "/Users", `{"userName":"b","`+costs+`":{"asked":"3"}}`)[costs], nil)
	})
}

func TestSchemas_caseExact_and_types_in_filters(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.extend(`{"name":"loose","canonicalValues":["Red"]},{"name":"exact","caseExact":true},{"name":"n","type":"integer"},{"name":"d","type":"decimal"},{"name":"on","type":"boolean"},
			{"name":"at","type":"dateTime"},{"name":"tags","multiValued":true},{"name":"b","type":"binary"},{"name":"odd$-_1"},
			{"name":"things","type":"complex","multiValued":true,"subAttributes":[{"name":"value"},{"name":"size","type":"integer"},{"name":"code","caseExact":true}]},
			{"name":"one","type":"complex","subAttributes":[{"name":"part"}]}`)
		d.user("a", `{"loose":"Red","exact":"Red","n":1,"d":1.5,"on":true,"at":"2024-01-01T00:00:00Z","tags":["x","Y"],"b":"QQ==","odd$-_1":"o",
			"things":[{"value":"lamp","size":3,"code":"A"}],"one":{"part":"P"}}`)
		d.user("b", `{"loose":"Mauve","n":2,"tags":["z"],"things":[{"value":"lamp","size":5,"code":"a"},{"value":"desk","size":3}]}`)
		d.must(201, "POST", "/Users", `{"userName":"c@x.test"}`)
		for filter, want := range map[string]string{
			`X:loose eq "RED"`: "a", `X:exact eq "Red"`: "a", `X:exact eq "red"`: "", `loose sw "ma"`: "b", `X:n gt 1`: "b", `X:n eq 1`: "a", `X:d lt 2`: "a",
			`X:on eq true`: "a", `X:at gt "2023-01-01T00:00:00Z"`: "a", `X:tags eq "y"`: "a", `X:tags pr`: "a b", `X:b eq "QQ=="`: "a", `X:b eq "qq=="`: "", `X:odd$-_1 eq "o"`: "a",
			`X:things[value eq "LAMP" and size lt 4]`: "a", `X:things[value eq "desk"].size eq 3`: "b", `X:things.code eq "a"`: "b", `X:things.code eq "A"`: "a",
			`X:one.part eq "p"`: "a", `X pr`: "a b", `not (X:loose pr)`: "c", `schemas eq "X"`: "a b", `X:n ge 1 and userName sw "b"`: "b",
			`urn:example:COSTS:1.0:USER:Loose eq "red"`: "a",
		} {
			if got := d.named(strings.ReplaceAll(filter, "X", costs)); got != want {
				t.Errorf("%s: %q, want %q", filter, got, want)
			}
		}
		for _, filter := range []string{`X:none eq "x"`, `X:n co "1"`, `X:on gt true`, `X:at sw "2"`, `X eq "x"`, `X:one eq "x"`} {
			if status, v := d.do("GET", "/Users?filter="+url.QueryEscape(strings.ReplaceAll(filter, "X", costs)), ""); status != 400 || v["scimType"] != "invalidFilter" {
				t.Errorf("%s: %d %v", filter, status, v)
			}
		}
	})
}

func TestSchemas_are_seen_by_a_door_that_did_not_change_them(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		count := func(want int, urns ...string) {
			t.Helper()
			list := d.must(200, "GET", "/Schemas", "")["Resources"].([]any)
			d.equal("/Schemas", len(list), want)
			types := d.must(200, "GET", "/ResourceTypes/User", "")["schemaExtensions"].([]any)
			for _, urn := range urns {
				if !slices.ContainsFunc(types, func(e any) bool { return e.(map[string]any)["schema"] == urn }) {
					t.Errorf("the resource type does not name %s", urn)
				}
			}
		}
		count(4, chat)
		id := d.user("a", `{"kept":"k"}`)
		d.extend(`{"name":"kept"}`)
		count(5, chat, costs)
		d.equal("what came before", d.must(200, "GET", "/Users/"+id, "")[costs], nil)
		d.patch(200, id, "add", "kept", `"k"`)
		d.extend(`{"name":"kept"},{"name":"more"}`)
		d.equal("wider", d.patch(200, id, "add", "more", `"m"`), object("kept", "k", "more", "m"))

		if _, err := d.s.RemoveExtension(t.Context(), admin, "okta", costs); err != nil {
			t.Fatal(err)
		}
		count(4)
		d.must(404, "GET", "/Schemas/"+costs, "")
		user := d.must(200, "GET", "/Users/"+id, "")
		d.equal("after removal", user[costs], nil)
		d.equal("its schemas", user["schemas"], []any{"urn:ietf:params:scim:schemas:core:2.0:User"})
		d.must(400, "GET", "/Users?filter="+url.QueryEscape(costs+` pr`), "")
		d.equal("a PATCH of what is no more", d.patch(200, id, "add", "kept", `"new"`), nil)
		d.must(200, "PATCH", "/Users/"+id, `{"Operations":[{"op":"add","path":"title","value":"T"}]}`)

		d.extend(`{"name":"kept"},{"name":"more","returned":"request"}`)
		d.equal("added again", d.must(200, "GET", "/Users/"+id, "")[costs], object("kept", "k"))
		d.equal("found again", d.named(costs+`:more eq "M"`), "a")
		if _, err := d.s.RemoveExtension(t.Context(), admin, "okta", costs); err != nil {
			t.Fatal(err)
		}
		d.must(200, "PUT", "/Users/"+id, `{"userName":"a@x.test"}`)
		d.extend(`{"name":"kept"},{"name":"more"}`)
		d.equal("after a PUT", d.must(200, "GET", "/Users/"+id, "")[costs], nil)
	})
}

func TestChat_tells_where_the_account_is(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		ctx := t.Context()
		if _, err := d.s.CreateTeam(ctx, admin, directory.Team{Name: "eng", DisplayName: "Engineering", Type: directory.Open}); err != nil {
			t.Fatal(err)
		}
		if _, err := d.s.CreateChannel(ctx, admin, "eng", directory.Channel{Name: "backend", DisplayName: "Backend", Type: directory.Open}); err != nil {
			t.Fatal(err)
		}
		for channel, role := range map[string]directory.Role{"backend": directory.RoleAdmin, "": directory.RoleMember} {
			if _, err := d.s.CreateLink(ctx, admin, "okta", "Engineering", "eng", channel, role); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.s.CreateLink(ctx, admin, "okta", "Staff", "eng", "backend", directory.RoleMember); err != nil {
			t.Fatal(err)
		}
		made := d.must(201, "POST", "/Users?attributes="+chat+":username", `{"userName":"Alice@x.test","`+chat+`":{"username":"root","teams":[{"value":"ops"}]}}`)
		d.equal("the answer of a POST", made[chat], object("username", "alice"))
		id := made["id"].(string)
		d.must(201, "POST", "/Users", `{"userName":"bob@x.test"}`)
		for _, group := range []string{"Engineering", "Staff"} {
			d.must(201, "POST", "/Groups", fmt.Sprintf(`{"displayName":%q,"members":[{"value":%q}]}`, group, id))
		}
		account, _ := d.places("alice")
		role := func(name, role string) any { return object("value", name, "role", role) }
		teams := []any{role("eng", "member")}
		channels := []any{role("eng/backend", "admin"), role("eng/off-topic", "member"), role("eng/town-square", "member")}
		core := "urn:ietf:params:scim:schemas:core:2.0:User"

		for query, want := range map[string]any{
			"": nil, "?attributes=userName": nil, "?attributes=teams": nil, "?excludedAttributes=" + chat: nil,
			"?attributes=" + chat:                                               object("accountId", string(account.ID), "username", "alice", "teams", teams, "channels", channels),
			"?attributes=userName," + chat + ":teams":                           object("teams", teams),
			"?attributes=" + strings.ToUpper(chat) + ":Teams.value":             object("teams", []any{object("value", "eng")}),
			"?attributes=" + chat + "&excludedAttributes=" + chat + ":channels": object("accountId", string(account.ID), "username", "alice", "teams", teams),
		} {
			schemas := []any{core}
			if want != nil {
				schemas = append(schemas, chat)
			}
			got := d.must(200, "GET", "/Users/"+id+query, "")
			d.equal("GET "+query, got[chat], want)
			d.equal("schemas of GET "+query, got["schemas"], schemas)
			list := d.must(200, "GET", "/Users"+query, "")["Resources"].([]any)
			d.equal("list "+query, list[0].(map[string]any)[chat], want)
		}
		search := d.must(200, "POST", "/Users/.search", `{"attributes":["`+chat+`"],"filter":"userName sw \"bob\""}`)["Resources"].([]any)
		d.equal("the places of bob", len(search[0].(map[string]any)[chat].(map[string]any)), 2)

		before := d.must(200, "GET", "/Users/"+id, "")["meta"]
		put := d.must(200, "PUT", "/Users/"+id+"?attributes="+chat+":username,meta.version", `{"userName":"Alice@x.test","`+chat+`":{"username":"root"}}`)
		d.equal("after a PUT", put[chat], object("username", "alice"))
		d.equal("the version", put["meta"].(map[string]any)["version"], before.(map[string]any)["version"])
		for path, status := range map[string]int{chat: 400, chat + ":username": 400, chat + ":teams": 400, "teams": 200} {
			d.must(status, "PATCH", "/Users/"+id, fmt.Sprintf(`{"Operations":[{"op":"replace","path":%q,"value":{"value":"ops"}}]}`, path))
		}
		d.must(200, "PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","value":{"`+chat+`":{"username":"root"}}}]}`)
		for _, filter := range []string{`:username eq "alice"`, `:teams[value eq "eng"]`, `:teams.value eq "eng"`, ` eq "x"`} {
			status, v := d.do("GET", "/Users?filter="+url.QueryEscape(chat+filter), "")
			d.equal("filter "+filter, fmt.Sprint(status, " ", v["scimType"]), "400 invalidFilter")
		}
		names := slices.Sorted(maps.Keys(d.must(200, "GET", "/Schemas/"+chat, "")))
		d.equal("the schema", names, []string{"attributes", "description", "id", "meta", "name", "schemas"})
	})
}

// Two doors on one database stand for two nodes.
func TestSchemas_change_while_other_doors_answer(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		other := &door{t: t, db: d.db, s: d.s, token: d.token}
		other.serve(&scim.Door{DB: d.db, Provision: d.s, Log: slog.New(slog.DiscardHandler)})
		d.extend(`{"name":"a0"}`)
		id := d.user("a", `{"a0":"x"}`)
		done := make(chan struct{})
		var clients sync.WaitGroup
		for _, at := range []*door{d, d, other, other} {
			clients.Go(func() {
				for range 200 { // fewer than the door takes at once
					select {
					case <-done:
						return
					default:
					}
					if status, v := at.do("GET", "/Users/"+id, ""); status != 200 || v[costs] == nil {
						t.Errorf("%d %v", status, v)
						return
					}
				}
			})
		}
		attributes := `{"name":"a0"}`
		for n := 1; n <= 8; n++ {
			attributes += fmt.Sprintf(`,{"name":"a%d"}`, n)
			d.extend(attributes)
			name := fmt.Sprintf("a%d", n)
			got := other.patch(200, id, "add", name, `"y"`).(map[string]any)
			d.equal("another door", got[name], "y")
		}
		close(done)
		clients.Wait()
	})
}

func TestCursor_ends_with_the_meaning_of_its_names(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.extend(`{"name":"a"}`)
		for n := range 3 {
			d.user(fmt.Sprint("u", n), `{"a":"x"}`)
		}
		path := "/Users" + query("cursor ", "count 1", "sortBy a", `filter a eq "x"`)
		cursor := d.must(200, "GET", path, "")["nextCursor"].(string)
		path = strings.Replace(path, "cursor=", "cursor="+cursor, 1)
		d.must(200, "GET", path, "")
		d.extend(`{"name":"a"},{"name":"b"}`)
		if v := d.must(400, "GET", path, ""); v["scimType"] != "invalidCursor" {
			t.Errorf("after the schema has changed: %v", v)
		}
	})
}
