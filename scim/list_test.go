package scim_test

import (
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/scim"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

// query writes parameters, "name value" each, for a URL.
func query(params ...string) string {
	v := url.Values{}
	for _, p := range params {
		name, value, _ := strings.Cut(p, " ")
		v.Set(name, value)
	}
	return "?" + v.Encode()
}

// named are the resources of a list, by userName up to the @ or by displayName, with spaces between.
func named(list map[string]any) string {
	var names []string
	for _, r := range list["Resources"].([]any) {
		m := r.(map[string]any)
		name, _ := m["userName"].(string)
		if name == "" {
			name, _ = m["displayName"].(string)
		}
		name, _, _ = strings.Cut(name, "@")
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// walk reads a list by cursor, count at a time, and does something between two pages.
func (d *door) walk(path string, count int, between func(page int), params ...string) string {
	d.t.Helper()
	var names []string
	cursor := ""
	for page := 0; ; page++ {
		list := d.must(200, "GET", path+query(append(params, "cursor "+cursor, fmt.Sprintf("count %d", count))...), "")
		if n := len(list["Resources"].([]any)); n > count || n == 0 && page > 0 || int(list["itemsPerPage"].(float64)) != n {
			d.t.Errorf("page %d has %d resources: %v", page, n, list)
		}
		if _, ok := list["startIndex"]; ok {
			d.t.Errorf("page %d has a startIndex", page)
		}
		names = append(names, named(list))
		next, more := list["nextCursor"].(string)
		if _, told := list["totalResults"]; told != (page == 0 && !more) {
			d.t.Errorf("page %d of %s has totalResults %v", page, path, list["totalResults"])
		}
		if !more {
			return strings.TrimSpace(strings.Join(names, " "))
		}
		if len(next) >= 200 || strings.Trim(next, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			d.t.Errorf("cursor %q", next)
		}
		if cursor = next; between != nil {
			between(page)
		}
	}
}

// pages reads a list by startIndex.
func (d *door) pages(path string, count int, params ...string) string {
	d.t.Helper()
	var names []string
	for start := 1; ; start += count {
		list := d.must(200, "GET", path+query(append(params, fmt.Sprintf("startIndex %d", start), fmt.Sprintf("count %d", count))...), "")
		names = append(names, named(list))
		if start+count > int(list["totalResults"].(float64)) {
			return strings.TrimSpace(strings.Join(names, " "))
		}
	}
}

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// order is what sortBy makes of the people of sorted: those with a value, ascending, then those without. Descending is the
// reverse of the former behind the latter, unless some have one value and stand as they were made.
type order struct{ by, with, without, descending string }

var userOrders = []order{
	{by: "", without: "cid bob ann dee eve fay"},
	{by: "id", with: "cid bob ann dee eve fay"},
	{by: "userName", with: "ann bob cid dee eve fay"},
	{by: "USERNAME", with: "ann bob cid dee eve fay"},
	{by: "externalId", with: "bob dee ann cid", without: "eve fay"}, // case counts
	{by: "name.familyName", with: "ann dee bob eve fay", without: "cid"},
	{by: "title", with: "bob cid ann", without: "dee eve fay"},
	{by: "active", with: "bob cid ann dee eve fay", descending: "cid ann dee eve fay bob"},
	{by: "emails", with: "cid ann bob eve", without: "dee fay"},
	{by: "emails.value", with: "cid ann bob eve", without: "dee fay"},
	{by: "emails.type", with: "ann bob eve cid", without: "dee fay"},
	{by: "emails.primary", with: "cid bob ann", without: "dee eve fay", descending: "cid bob ann"},
	{by: "emails.display", with: "bob", without: "cid ann dee eve fay"},
	{by: "profileUrl", with: "ann bob", without: "cid dee eve fay"}, // case counts
	{by: enterprise + ":department", with: "eve dee fay", without: "cid bob ann"},
	{by: "department", with: "eve dee fay", without: "cid bob ann"},
	{by: "manager", with: "dee eve", without: "cid bob ann fay"},
	{by: "manager.value", with: "dee eve", without: "cid bob ann fay"},
	{by: "meta.created", with: "cid bob ann dee eve fay"},
	{by: "meta.lastModified", with: "cid ann dee eve fay bob"},
	{by: "meta.version", with: "cid ann dee eve fay bob", descending: "bob cid ann dee eve fay"},
	{by: "meta.location", with: "cid bob ann dee eve fay"},
	{by: "meta.resourceType", without: "cid bob ann dee eve fay"},
	{by: "schemas", without: "cid bob ann dee eve fay"},
	// The first group of ann is the one that her group is in.
	{by: "groups", with: "dee ann", without: "cid bob eve fay"},
	{by: "groups.value", with: "dee ann", without: "cid bob eve fay"},
}

var groupOrders = []order{
	{by: "displayName", with: "a b C À"},
	{by: "externalId", with: "a b", without: "C À"},
	{by: "members", with: "b C a", without: "À"},
	{by: "members.value", with: "b C a", without: "À"},
	{by: "meta.created", with: "b C a À"},
}

// sorted makes people and groups in another order than that of their names.
func (d *door) sorted() {
	d.t.Helper()
	ids := map[string]string{}
	create := func(path, body string) string {
		d.t.Helper()
		time.Sleep(2 * time.Millisecond) // or two are made in one millisecond
		r := d.must(201, "POST", path, body)
		name, _ := r["userName"].(string)
		ids[strings.TrimSuffix(name, "@x.test")] = r["id"].(string)
		return r["id"].(string)
	}
	for _, body := range []string{
		`{"userName":"cid@x.test","externalId":"b1","title":"Äpfel","emails":[{"value":"z@x.test","type":"home"},{"value":"a@x.test","type":"work","primary":true}]}`,
		`{"userName":"Bob@x.test","externalId":"A","name":{"familyName":"Zoë"},"title":"birne","active":false,"profileUrl":"a","emails":[{"value":"C@x.test","type":"other","display":"x","primary":true}]}`,
		`{"userName":"ann@x.test","externalId":"a","name":{"familyName":"lee"},"title":"Çelik","profileUrl":"Z","emails":[{"value":"b@x.test","type":"Home","primary":true},{"value":"0@x.test"}]}`,
		`{"userName":"dee@x.test","externalId":"B","name":{"familyName":"Zimt"},"` + enterprise + `":{"department":"ﬀ","manager":{"value":"m1"}}}`,
		`{"userName":"eve@x.test","name":{"familyName":"Żak"},"emails":[{"value":"d@x.test","type":"p"},{"value":"1@x.test","type":"o"}],"` + enterprise + `":{"department":"E","manager":{"value":"m2"}}}`,
		`{"userName":"fay@x.test","name":{"familyName":"😀"},"` + enterprise + `":{"department":"fé"}}`,
	} {
		create("/Users", body)
	}
	d.must(200, "PATCH", "/Users/"+ids["Bob"], `{"Operations":[{"op":"replace","path":"userName","value":"bob@x.test"}]}`)
	inner := create("/Groups", fmt.Sprintf(`{"displayName":"b","externalId":"2","members":[{"value":%q}]}`, ids["ann"]))
	create("/Groups", fmt.Sprintf(`{"displayName":"C","members":[{"value":%q}]}`, ids["dee"]))
	create("/Groups", fmt.Sprintf(`{"displayName":"a","externalId":"1","members":[{"value":%q}]}`, inner))
	create("/Groups", `{"displayName":"À"}`)
}

// orders asks for every order in both directions, at once, page by page and by cursor.
func (d *door) orders(path string, orders []order) {
	d.t.Helper()
	for _, o := range orders {
		d.token = d.newToken() // whose limit is its own
		backwards := o.descending
		if backwards == "" {
			names := strings.Fields(o.with)
			slices.Reverse(names)
			backwards = strings.Join(names, " ")
		}
		for direction, want := range map[string]string{
			"": o.with + " " + o.without, "Ascending": o.with + " " + o.without, "descending": o.without + " " + backwards,
		} {
			want = strings.TrimSpace(want)
			params := []string{"sortBy " + o.by, "sortOrder " + direction}
			body := fmt.Sprintf(`{"sortBy":%q,"sortOrder":%q}`, o.by, direction)
			for way, got := range map[string]string{
				"at once":      named(d.must(200, "GET", path+query(params...), "")),
				"by POST":      named(d.must(200, "POST", path+"/.search", body)),
				"in pages":     d.pages(path, 2, params...),
				"by cursor, 1": d.walk(path, 1, nil, params...),
				"by cursor, 2": d.walk(path, 2, nil, params...),
				"by cursor, 4": d.walk(path, 4, nil, append(params, "filter id pr")...),
			} {
				if got != want {
					d.t.Errorf("%s sorted by %q %q, %s: %s, want %s", path, o.by, direction, way, got, want)
				}
			}
		}
	}
}

func TestSort_orders_alike_on_both_databases_by_page_and_by_cursor(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.sorted()
		d.orders("/Users", userOrders)
		d.orders("/Groups", groupOrders)
	})
}

func TestSort_refuses_what_has_no_order(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.sorted()
		for path, names := range map[string][]string{
			"/Users": {
				"password", "name", "addresses", "meta", enterprise, "urn:ietf:params:scim:schemas:core:2.0:User", "noSuchThing", "members",
				"groups.display", "groups.type", "manager.displayName", "1;drop table account", "userName'--", "userName desc", "i.document",
			},
			"/Groups": {"members.type", "members.display", "members.$ref", "userName", "active", "password"},
			"":        {"password", "name", "members.type", "noSuchThing"},
		} {
			for _, name := range names {
				if v := d.must(400, "GET", path+query("sortBy "+name), ""); v["scimType"] != "invalidValue" {
					t.Errorf("%s by %s: %v", path, name, v)
				}
			}
		}
		if v := d.must(400, "GET", "/Users"+query("sortBy userName", "sortOrder down"), ""); v["scimType"] != "invalidValue" {
			t.Errorf("sortOrder down: %v", v)
		}
		d.must(200, "GET", "/Users"+query("sortOrder down"), "") // orders nothing
		d.must(400, "GET", "/Groups"+query(`filter members.type eq "User"`), "")
	})
}

// Texts that begin alike are told apart by what no cursor holds of them.
func TestSort_by_long_texts(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		long := strings.Repeat("ä", 60) + strings.Repeat("x", 500)
		names := []string{"d", "b", "f", "a", "e", "c"}
		for _, name := range names {
			d.must(201, "POST", "/Users", fmt.Sprintf(`{"userName":"%s@x.test","title":"%s%[1]s","nickName":"%[2]s"}`, name, long))
		}
		for direction, want := range map[string]string{"ascending": "a b c d e f", "descending": "f e d c b a"} {
			params := []string{"sortBy title", "sortOrder " + direction}
			if got := d.walk("/Users", 1, nil, params...); got != want {
				t.Errorf("%s: %s", direction, got)
			}
			// Without the one where the cursor stands, what begins like it comes once more, and nobody is left out.
			got := d.walk("/Users", 2, func(page int) {
				if page == 0 {
					second := strings.Fields(want)[1]
					d.must(204, "DELETE", "/Users/"+d.idOf(second+"@x.test"), "")
					d.must(201, "POST", "/Users", fmt.Sprintf(`{"userName":"%s@x.test","title":"%s%[1]s","nickName":"%[2]s"}`, second, long))
				}
			}, params...)
			if again := want[:3] + " " + want; got != again {
				t.Errorf("%s, with a deletion: %s, want %s", direction, got, again)
			}
		}
		if got := d.walk("/Users", 4, nil, "sortBy nickName", "sortOrder descending"); len(strings.Fields(got)) != 6 {
			t.Errorf("of one value: %s", got)
		}
	})
}

func TestRoot_is_both_types(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.sorted()
		const users, groups = "cid bob ann dee eve fay", "b C a À"
		for filter, want := range map[string]string{
			"":                            users + " " + groups,
			`meta.resourceType eq "User"`: users,
			`meta.resourceType ne "User"`: groups,
			`meta.resourceType eq "Group" or userName eq "ann@x.test"`: "ann " + groups,
			`userName pr`:                            users,
			`not (userName pr)`:                      groups,
			`displayName eq "B"`:                     "b",
			`externalId pr`:                          "cid bob ann dee b a",
			`userName eq null`:                       groups,
			`userName ne null`:                       users,
			`active eq false or displayName pr`:      "bob " + groups,
			`emails[type eq "work"]`:                 "cid",
			`not (emails[type eq "work"] or id pr)`:  "",
			`title ne "birne" and externalId eq "1"`: "a",
			`schemas eq "urn:ietf:params:scim:schemas:core:2.0:Group"`: groups,
			`members pr and groups pr`:                                 "",
		} {
			params := []string{"filter " + filter}
			n := len(strings.Fields(want))
			for way, got := range map[string]string{
				"at once":      named(d.must(200, "GET", query(params...), "")),
				"with a slash": named(d.must(200, "GET", "/"+query(params...), "")),
				"by POST":      named(d.must(200, "POST", "/.search", fmt.Sprintf(`{"filter":%q}`, filter))),
				"in pages":     d.pages("", 4, params...),
				"by cursor, 1": d.walk("", 1, nil, params...),
				"by cursor, 3": d.walk("", 3, nil, params...),
				"by cursor, 4": d.walk("", 4, nil, params...),
			} {
				if got != want {
					t.Errorf("%s %s: %s, want %s", filter, way, got, want)
				}
			}
			for _, at := range []string{"count 0", "startIndex 1000", "startIndex 7", "cursor "} {
				if got := d.must(200, "GET", query(append(params, at)...), "")["totalResults"]; got != float64(n) {
					t.Errorf("%s, %s: totalResults %v, want %d", filter, at, got, n)
				}
			}
		}
		for _, filter := range []string{`noSuchThing eq "x"`, `password pr`, `emails[noSuchThing eq "x"]`, `active gt true`} {
			if v := d.must(400, "GET", query("filter "+filter), ""); v["scimType"] != "invalidFilter" {
				t.Errorf("%s: %v", filter, v)
			}
		}
		for by, want := range map[string]string{"userName": "ann bob cid dee eve fay " + groups, "externalId": "bob dee ann cid eve fay a b C À", "members": users + " b C a À"} {
			if got := d.walk("", 4, nil, "sortBy "+by); got != want {
				t.Errorf("by %s: %s, want %s", by, got, want)
			}
		}
		list := d.must(200, "GET", query("startIndex 6", "count 2", "attributes userName,members.value"), "")["Resources"].([]any)
		fay, b := list[0].(map[string]any), list[1].(map[string]any)
		if len(fay) != 3 || fay["userName"] != "fay@x.test" || len(b) != 3 || len(b["members"].([]any)) != 1 {
			t.Errorf("projection: %v", list)
		}
		d.must(405, "POST", "", `{}`)
		d.must(405, "GET", "/.search", "")
	})
}

func TestSearch_takes_null_for_absent(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.sorted()
		if got := named(d.must(200, "POST", "/Users/.search", `{"count":null,"startIndex":null,"filter":null,"attributes":null,"sortBy":null}`)); got != "cid bob ann dee eve fay" {
			t.Errorf("got %s", got)
		}
		if v := d.must(200, "POST", "/Users/.search", `{"cursor":null,"count":2}`); named(v) != "cid bob" || v["nextCursor"] == nil {
			t.Errorf("cursor null: %v", v)
		}
	})
}

func TestCursor_errors(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.sorted()
		cursor := d.must(200, "GET", "/Users"+query("cursor ", "count 2", "sortBy userName"), "")["nextCursor"].(string)
		good := []string{"cursor " + cursor, "sortBy userName"}
		if got := named(d.must(200, "GET", "/Users"+query(good...), "")); got != "cid dee eve fay" {
			t.Errorf("the cursor leads to %s", got)
		}
		if got := named(d.must(200, "POST", "/Users/.search", fmt.Sprintf(`{"cursor":%q,"count":1,"sortBy":"userName"}`, cursor))); got != "cid" {
			t.Errorf("by POST the cursor leads to %s", got)
		}
		refused := func(kind, path string, params ...string) {
			t.Helper()
			if v := d.must(400, "GET", path+query(params...), ""); v["scimType"] != kind {
				t.Errorf("%s %q: %v", path, params, v)
			}
		}
		for i := range cursor {
			changed := []byte(cursor)
			if changed[i]++; changed[i] == 'z'+1 || changed[i] == 'Z'+1 || changed[i] == '9'+1 {
				changed[i] = '-'
			}
			refused("invalidCursor", "/Users", "cursor "+string(changed), "sortBy userName")
		}
		for _, wrong := range []string{"x", "null", "1", cursor[1:], cursor + "A", cursor + "\n", cursor + "==", strings.Repeat("A", 9000)} {
			refused("invalidCursor", "/Users", "cursor "+wrong, "sortBy userName")
		}
		refused("invalidCursor", "", good...)
		refused("invalidCursor", "/Users", "cursor "+cursor)
		refused("invalidCursor", "/Users", "cursor "+cursor, "sortBy title")
		refused("invalidCursor", "/Users", append(good, "sortOrder descending")...)
		refused("invalidCursor", "/Users", append(good, "filter title pr")...)
		refused("invalidCursor", "/Users", append(good, "startIndex 1")...)
		byID := d.must(200, "GET", "/Users"+query("cursor ", "count 2", "sortBy id"), "")["nextCursor"].(string)
		refused("invalidCursor", "/Groups", "cursor "+byID, "sortBy id")
		for _, count := range []string{"x", "0", "-1", "1.5"} {
			refused("invalidCount", "/Users", append(good, "count "+count)...)
			refused("invalidCount", "/Users", "cursor ", "count "+count)
		}
		d.must(200, "GET", "/Users"+query(append(good, "count 99999999999999999999", "startIndex ")...), "")

		if _, err := d.s.CreateConnection(t.Context(), admin, "other", "okta", nil); err != nil {
			t.Fatal(err)
		}
		_, token, err := d.s.CreateToken(t.Context(), admin, "other", 0)
		if err != nil {
			t.Fatal(err)
		}
		mine := d.token
		d.token = token
		refused("invalidCursor", "/Users", good...)
		d.token = mine

		// Another node knows the cursor.
		d.serve(&scim.Door{DB: d.db, Provision: d.s, Log: slog.New(slog.DiscardHandler)})
		if got := named(d.must(200, "GET", "/Users"+query(good...), "")); got != "cid dee eve fay" {
			t.Errorf("on another node the cursor leads to %s", got)
		}
	})
}

func TestCursor_expires(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		now := time.Now()
		c.Now = func() time.Time { return now }
		d := newDoor(t, storetest.Open(t, c))
		d.sorted()
		cursor := d.must(200, "GET", "/Users"+query("cursor ", "count 2"), "")["nextCursor"].(string)
		now = now.Add(time.Hour)
		d.must(200, "GET", "/Users"+query("cursor "+cursor), "")
		now = now.Add(time.Second)
		if v := d.must(400, "GET", "/Users"+query("cursor "+cursor), ""); v["scimType"] != "expiredCursor" {
			t.Errorf("after an hour: %v", v)
		}
		d.must(200, "GET", "/Users"+query("cursor "), "")
	})
}

func TestCursor_total_is_told_where_one_page_holds_all(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.sorted()
		for params, want := range map[string]any{"count 6": 6.0, "count 5": nil, "filter title pr": 3.0} {
			if got := d.must(200, "GET", "/Users"+query("cursor ", params), "")["totalResults"]; got != want {
				t.Errorf("%s: totalResults %v, want %v", params, got, want)
			}
		}
	})
}

// Nobody is skipped or repeated while others come and go, in the order in which they were made.
func TestCursor_others_come_and_go(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		const all = 60
		for i := range all {
			d.must(201, "POST", "/Users?attributes=id", fmt.Sprintf(`{"userName":"u%02d@x.test","title":"T%d"}`, i, i%7))
		}
		gone, came := map[string]bool{}, 0
		change := func(page int) {
			for _, i := range []int{page * 5, 59 - page} { // some behind the cursor, some before it
				name := fmt.Sprintf("u%02d", i)
				if !gone[name] {
					d.must(204, "DELETE", "/Users/"+d.idOf(name+"@x.test"), "")
				}
				gone[name] = true
			}
			came++
			d.must(201, "POST", "/Users?attributes=id", fmt.Sprintf(`{"userName":"new%d@x.test","title":"T0"}`, came))
		}
		for _, params := range [][]string{nil, {`filter title sw "t"`}} {
			seen := map[string]int{}
			for _, name := range strings.Fields(d.walk("/Users", 5, change, params...)) {
				seen[name]++
			}
			for i := range all {
				if name := fmt.Sprintf("u%02d", i); !gone[name] && seen[name] != 1 || seen[name] > 1 {
					t.Errorf("%v: %s came %d times", params, name, seen[name])
				}
			}
		}
	})
}

func TestSearch_refuses_a_name_in_two_spellings(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		for _, body := range []string{`{"filter":"id pr","Filter":"title pr"}`, `{"count":1,"COUNT":null}`, `{"x":1,"X":1}`} {
			if v := d.must(400, "POST", "/Users/.search", body); v["scimType"] != "invalidSyntax" {
				t.Errorf("%s: %v", body, v)
			}
		}
	})
}
