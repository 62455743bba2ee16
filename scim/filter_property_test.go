package scim

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/filter"
	"github.com/rollcall-id/rollcall/scim/schema"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

// Filters over the whole grammar choose the same resources as the oracle does, on each database.
func TestFilters_choose_what_the_oracle_chooses(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		seed := int(time.Now().UnixNano() & (1<<31 - 1))
		p := populate(t, c, seed)
		t.Logf("the population is that of the seed %d", seed)
		people, crowds := newAsker(p, p.user, p.users), newAsker(p, p.group, p.groups)
		rapid.Check(t, func(t *rapid.T) {
			for range 20 {
				people.ask(t, people.filters.Draw(t, "filter of Users"))
			}
			for range 5 {
				crowds.ask(t, crowds.filters.Draw(t, "filter of Groups"))
			}
		})
	})
}

// asker makes filters over the resources of one type and compares the answers.
type asker struct {
	p          *population
	r          *schema.Resource
	resources  []map[string]any
	attributes []*schema.Attribute
	filters    *rapid.Generator[string]
}

func newAsker(p *population, r *schema.Resource, resources []map[string]any) *asker {
	k := &asker{p: p, r: r, resources: resources}
	for _, resource := range resources {
		withSchemas(r, resource)
	}
	var collect func(a *schema.Attribute)
	collect = func(a *schema.Attribute) {
		for _, sub := range a.Sub {
			k.attributes = append(k.attributes, sub)
			collect(sub)
		}
	}
	collect(r.Root)
	k.filters = rapid.Custom(func(t *rapid.T) string { return k.draw(t, 3) })
	return k
}

// ask puts one filter to the store and to the oracle.
func (k *asker) ask(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string,
) {
	t.Helper()
	where, err := parseFilter(text, k.r)
	tree, bad := filter.Parse(text)
	o := oracle{k.r}
	if bad == nil {
		bad = o.check(tree, nil)
	}
	if (err == nil) != (bad == nil) {
		t.Fatalf("%s\nwe say %v, the oracle %v", text, err, bad)
	}
	if err != nil {
		return
	}
	chosen, err := k.query(where)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	for _, resource := range k.resources {
		want := o.holds(tree, nil, resource)
		if got := slices.Contains(chosen, resource["id"].(string)); got != want {
			shown, _ := json.MarshalIndent(resource, "", " ")
			t.Fatalf("%s\nthe store says %v, the oracle %v of\n%s", text, got, want, shown)
		}
	}
}

func (k *asker) query(where directory.Cond) (ids []string, err error) {
	q := directory.Query{Connection: k.p.actor.Connection, Where: where, Limit: 1000}
	err = k.p.db.View(k.p.t.Context(), func(tx *store.Tx) error {
		if k.r.Name == "Group" {
			page, err := tx.Groups(q)
			for _, g := range page.Items {
				ids = append(ids, string(g.ID))
			}
			return err
		}
		page, err := tx.Identities(q)
		for _, i := range page.Items {
			ids = append(ids, string(i.ID))
		}
		return err
	})
	return ids, err
}

// draw writes a filter of a depth up to n.
func (k *asker) draw(t *rapid.T, n int) string {
	if n > 0 {
		switch roll(t, 10) {
		case 0, 1:
			return k.draw(t, n-1) + word(t, " and ") + k.draw(t, n-1)
		case 2, 3:
			return k.draw(t, n-1) + word(t, " or ") + k.draw(t, n-1)
		case 4:
			return word(t, "not ") + "(" + k.draw(t, n-1) + ")"
		case 5:
			return "(" + k.draw(t, n-1) + ")"
		case 6, 7:
			return k.valuePath(t)
		}
	}
	a := one(t, k.attributes)
	return k.path(t, a) + k.condition(t, a)
}

// valuePath writes an attribute with brackets and perhaps a condition behind them.
func (k *asker) valuePath(t *rapid.T) string {
	complex := slices.DeleteFunc(slices.Clone(k.attributes), func(a *schema.Attribute) bool { return len(a.Sub) == 0 })
	a := one(t, complex)
	s := k.path(t, a) + "[" + k.element(t, a, 2) + "]"
	if roll(t, 4) == 0 {
		sub := one(t, a.Sub)
		s += "." + word(t, sub.Name) + k.condition(t, sub)
	}
	return s
}

func (k *asker) element(t *rapid.T, in *schema.Attribute, n int) string {
	if n > 0 {
		switch roll(t, 6) {
		case 0, 1:
			return k.element(t, in, n-1) + word(t, " and ") + k.element(t, in, n-1)
		case 2:
			return k.element(t, in, n-1) + word(t, " or ") + k.element(t, in, n-1)
		case 3:
			return word(t, "not ") + "(" + k.element(t, in, n-1) + ")"
		}
	}
	sub := one(t, in.Sub)
	return word(t, sub.Name) + k.condition(t, sub)
}

// path spells an attribute in one of its ways.
func (k *asker) path(t *rapid.T, a *schema.Attribute) string {
	s := a.String()
	top := a
	for !top.Parent.IsResource() {
		top = top.Parent
	}
	switch {
	case roll(t, 100) == 99:
		s = one(t, []string{"nothing", "name.nothing", "urn:example:nothing:x", k.r.Core.URN})
	case top.IsExtension() && top != a && k.r.Lookup(strings.TrimPrefix(s, top.Name+":")) == a && roll(t, 2) == 1:
		s = strings.TrimPrefix(s, top.Name+":") // which ours may not be written without
	case !top.IsExtension() && roll(t, 5) == 0:
		s = k.r.Core.URN + ":" + s
	}
	return word(t, s)
}

// word writes what has no case in another.
func word(t *rapid.T, s string) string {
	switch roll(t, 8) {
	case 6:
		return strings.ToUpper(s)
	case 7:
		return strings.ToLower(s)
	}
	return s
}

// condition writes an operator and a literal for a; now and then they do not suit it.
func (k *asker) condition(t *rapid.T, a *schema.Attribute) string {
	op := one(t, []string{"pr", "eq", "eq", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"})
	v, unsuited := valueOf(a), roll(t, 30) == 29
	switch {
	case unsuited:
	case v == nil, derivedOf(v):
		op = "pr"
	case v.Type == schema.Boolean, v.Name == "schemas", v.Name == "resourceType":
		op = one(t, []string{"pr", "eq", "ne"})
	case v.Type == schema.DateTime, v.Type == schema.Integer, v.Type == schema.Decimal, v.Name == "version":
		op = one(t, []string{"pr", "eq", "ne", "gt", "ge", "lt", "le"})
	case v.Type == schema.Binary:
		op = one(t, []string{"pr", "eq", "ne", "co", "sw", "ew"})
	}
	if op == "pr" {
		return " " + word(t, op)
	}
	if !unsuited && (op == "eq" || op == "ne") && roll(t, 10) == 9 {
		return " " + word(t, op) + " null"
	}
	return " " + word(t, op) + " " + k.literal(t, a)
}

var odd = []string{
	"null", "NULL", "true", "FALSE", `"True"`, "t", "1", "0", "12", "-1", "1.5", "1e3", `"NaN"`, `"inf"`, `"0x10"`, `"1_0"`, "1e999", `""`, `"\u200b"`, "bare", "2011-05-13",
	`"W/\"1\""`, `"\""`, `"a\\b"`, `"\ud83d\ude00"`,
}

// literal writes something to compare a with: mostly a value that a resource has, or what looks like one.
func (k *asker) literal(t *rapid.T, a *schema.Attribute) string {
	if roll(t, 30) == 29 {
		return one(t, odd)
	}
	var pool []any
	if v := valueOf(a); v != nil {
		for _, resource := range k.resources {
			pool = append(pool, values(v, nil, resource)...)
		}
	}
	if len(pool) == 0 {
		pool = []any{"ann", true, 1.0, times[0]}
	}
	v := one(t, pool)
	s, ok := v.(string)
	if ok && a.Type != schema.DateTime {
		s = alter(t, s)
	}
	if !ok {
		b, _ := json.Marshal(v)
		s = string(b)
		if roll(t, 4) > 0 {
			return s
		}
	}
	b, _ := json.Marshal(s)
	return string(b)
}

// alter changes the case of a text, takes a part of it, or leaves it.
func alter(t *rapid.T, s string) string {
	switch roll(t, 7) {
	case 0:
		return strings.ToUpper(s)
	case 1:
		return strings.ToLower(s)
	case 2:
		return directory.Key(s)
	case 3:
		n := roll(t, utf8.RuneCountInString(s)+1)
		return string([]rune(s)[n:])
	case 4:
		n := roll(t, utf8.RuneCountInString(s)+1)
		return string([]rune(s)[:n])
	}
	return s
}
