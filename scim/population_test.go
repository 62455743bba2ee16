package scim

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/scim/patch"
	"github.com/rollcall-id/rollcall/scim/schema"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

// everyKind is an extension with an attribute of each type, single and in lists.
func everyKind(t *testing.T) *schema.Schema {
	const simple = `{"name":"badge","caseExact":true},{"name":"tags","multiValued":true},{"name":"codes","multiValued":true,"caseExact":true},
		{"name":"remote","type":"boolean"},{"name":"level","type":"integer"},{"name":"floors","type":"integer","multiValued":true},
		{"name":"score","type":"decimal"},{"name":"marks","type":"decimal","multiValued":true},
		{"name":"hired","type":"dateTime"},{"name":"reviews","type":"dateTime","multiValued":true},
		{"name":"print","type":"binary"},{"name":"page","type":"reference","referenceTypes":["external"]}`
	s, err := schema.ParseExtension([]byte(`{"id":"urn:example:params:scim:schemas:extension:kinds:2.0:User","attributes":[` + simple + `,
		{"name":"desk","type":"complex","subAttributes":[` + simple + `]},
		{"name":"devices","type":"complex","multiValued":true,"subAttributes":[` + simple + `,{"name":"value"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// texts fold, look like other things, or mean something to a database.
var texts = []string{
	"ann", "Ann", "ANN", "Ünal", "ÜNAL", "u\u0308nal", "straße", "STRASSE", "ﬁsch", "Fisch", "\u212aim", "kim", "İpek", "i\u0307pek", "ıpek",
	"\uff41\uff4e\uff4e", "a\u200bnn", "co\u00adop", "日本", "😀", "o'neil", `a"b`, `back\slash`, "50%", "a_b", "*)(uid=*", "x y", "true", "False", "12",
	"1e3", "null", "2011-05-13T04:42:34Z", "W/\"1\"", "work", "Work", "home", "$.a", "z",
}

var (
	numbers = []any{0.0, -1.0, 1.0, 2.0, 12.0, 1000.0, 9007199254740992.0, -9007199254740992.0}
	decimal = []any{1.5, 0.1, -2.25, 1e-30, 1e-60, 5e-324, 1e30, 1e60, -1e300}
	times   = []any{
		"2011-05-13T04:42:34Z", "2011-05-13T06:42:34+02:00", "2011-05-13T04:42:34.123Z", "2011-05-13T04:42:34.1239999Z", "1969-12-31T23:59:59.999Z",
		"0001-01-01T00:00:00Z", "2011-05-13T04:42:34", "9999-12-31T23:59:59Z",
	}
)

// roll gives a number below n, each as often as the others; rapid's own numbers are mostly small.
func roll(t *rapid.T, n int) int {
	v := 0
	for limit := 1; limit < 8*n; limit *= 2 {
		v *= 2
		if rapid.Bool().Draw(t, "bit") {
			v++
		}
	}
	return v % n
}

func one[T any](t *rapid.T, of []T) T { return of[roll(t, len(of))] }

// drawOne makes one value of an attribute.
func drawOne(t *rapid.T, a *schema.Attribute) any {
	switch a.Type {
	case schema.Boolean:
		return roll(t, 2) == 1
	case schema.Integer:
		return one(t, numbers)
	case schema.Decimal:
		return one(t, slices.Concat(numbers, decimal))
	case schema.DateTime:
		return one(t, times)
	case schema.Complex:
		return drawObject(t, a, 5)
	}
	return one(t, texts)
}

func drawObject(t *rapid.T, a *schema.Attribute, tenths int) map[string]any {
	object := map[string]any{}
	for _, sub := range a.Sub {
		if roll(t, 10) >= tenths {
			continue
		}
		if !sub.MultiValued {
			object[sub.Name] = drawOne(t, sub)
			continue
		}
		list := []any{}
		for range 1 + roll(t, 3) {
			list = append(list, drawOne(t, sub))
		}
		object[sub.Name] = list
	}
	return object
}

// population is a connection with Users and Groups, and what a client sees of each.
type population struct {
	t     *testing.T
	db    *store.DB
	s     *provision.Service
	actor directory.Actor
	user  *schema.Resource
	group *schema.Resource

	users, groups []map[string]any
	clock         *atomic.Int64
}

const people, crowds = 40, 15

func populate(t *testing.T, c store.Config, seed int) *population {
	t.Helper()
	p := &population{t: t, user: schema.User(everyKind(t)), group: schema.Group(), clock: new(atomic.Int64)}
	p.clock.Store(time.Date(2011, 5, 13, 4, 42, 34, 0, time.UTC).UnixMilli())
	c.Now = func() time.Time { return time.UnixMilli(p.clock.Load()) }
	p.db = storetest.Open(t, c)
	p.s = provision.New(p.db, slog.New(slog.DiscardHandler))
	conn, err := p.s.CreateConnection(t.Context(), directory.Actor{Name: "test"}, "okta", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	p.actor = directory.Actor{Name: "scim", Connection: conn.Row, ConnName: conn.Name}
	for n := range people {
		p.addUser(n, rapid.Custom(func(t *rapid.T) map[string]any { return drawObject(t, p.user.Root, 4) }).Example(seed+n))
		p.clock.Add(int64(n % 2 * 1500))
	}
	for n := range crowds {
		p.addGroup(n, seed+people+n)
		p.clock.Add(int64(n % 2 * 1500))
	}
	if len(p.users) < people/2 || len(p.groups) < crowds/2 {
		t.Fatalf("only %d Users and %d Groups were made", len(p.users), len(p.groups))
	}
	return p
}

// addUser makes a User of body, unless it clashes with another, and changes every third.
func (p *population) addUser(n int, body map[string]any) {
	body["userName"] = fmt.Sprintf("%s %d", texts[n%len(texts)], n)
	if _, ok := body["externalId"]; ok {
		body["externalId"] = fmt.Sprintf("%s%d", texts[n%len(texts)], n/2)
	}
	doc, err := p.user.Normalize(body)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, said := doc["active"]; !said {
		doc["active"] = true
	}
	i, err := p.s.CreateIdentity(p.t.Context(), p.actor, content(p.user, doc))
	if directory.Is(err, directory.Conflict) || directory.Is(err, directory.Invalid) {
		return
	}
	if err == nil && n%3 == 0 {
		p.clock.Add(1000)
		doc = maps.Clone(doc)
		doc["nickName"] = texts[n/3%len(texts)]
		i, err = p.s.UpdateIdentity(p.t.Context(), p.actor, i.ID, 0, content(p.user, doc))
	}
	if err != nil {
		p.t.Fatal(err)
	}
	seen := p.seen(p.user, string(i.ID), i.Version, i.Created, i.Modified)
	maps.Copy(seen, doc)
	p.users = append(p.users, seen)
}

// addGroup makes a Group of Users, of Groups that were there before, and of a stranger.
func (p *population) addGroup(n, seed int) {
	chosen := rapid.Custom(func(t *rapid.T) []map[string]any {
		none := roll(t, 5) == 0
		return slices.DeleteFunc(slices.Concat(p.users, p.groups), func(map[string]any) bool {
			return none || roll(t, 6) > 0
		})
	}).Example(seed)
	body := map[string]any{"displayName": fmt.Sprintf("%s %d", texts[n*5%len(texts)], n)}
	if n%2 == 0 {
		body["externalId"] = fmt.Sprint(texts[n], n)
	}
	members := []any{map[string]any{"value": "stranger"}}
	for _, m := range chosen {
		members = append(members, map[string]any{"value": m["id"]})
	}
	body["members"] = members
	edit, err := patch.ReplaceGroup(body, p.group)
	if err != nil {
		p.t.Fatal(err)
	}
	g, err := p.s.CreateGroup(p.t.Context(), p.actor, edit)
	if err != nil {
		p.t.Fatal(err)
	}
	seen := p.seen(p.group, string(g.ID), g.Version, g.Created, g.Modified)
	delete(body, "members")
	maps.Copy(seen, body)
	for _, m := range chosen {
		kind := m["meta"].(map[string]any)["resourceType"].(string)
		enter(seen, "members", m, kind)
		p.join(m, seen)
	}
	p.groups = append(p.groups, seen)
}

// join tells m, and whoever is in it, of a group that it is in now.
func (p *population) join(m, group map[string]any) {
	if _, isUser := m["userName"]; isUser {
		enter(m, "groups", group, "direct or not")
		return
	}
	for _, v := range listOf(m, "members") {
		for _, inner := range slices.Concat(p.users, p.groups) {
			if inner["id"] == v.(map[string]any)["value"] {
				p.join(inner, group)
			}
		}
	}
}

func listOf(resource map[string]any, name string) []any {
	list, _ := resource[name].([]any)
	return list
}

func enter(resource map[string]any, list string, other map[string]any, kind string) {
	resource[list] = append(listOf(resource, list), map[string]any{"value": other["id"], "$ref": "there", "type": kind, "display": "name"})
}

// seen is what every resource has.
func (p *population) seen(r *schema.Resource, id string, version int64, created, modified time.Time) map[string]any {
	return map[string]any{"id": id, "meta": map[string]any{
		"resourceType": r.Name, "location": "there", "version": fmt.Sprintf(`W/"%d"`, version),
		"created": created.Format(time.RFC3339Nano), "lastModified": modified.Format(time.RFC3339Nano),
	}}
}

// withSchemas adds what follows from the rest of a resource.
func withSchemas(r *schema.Resource, resource map[string]any) map[string]any {
	resource["schemas"] = []any{r.Core.URN}
	for _, e := range r.Extensions {
		if _, ok := resource[e.URN]; ok {
			resource["schemas"] = append(listOf(resource, "schemas"), e.URN)
		}
	}
	return resource
}
