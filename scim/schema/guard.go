package schema

import (
	"maps"
	"reflect"
	"slices"

	"github.com/go-json-experiment/json"
)

// Guard holds doc, which is to take the place of the stored document, to what only both together can show: an immutable attribute
// keeps the value that it has, and what is changed has all that it requires. What nobody touches is not looked at, so a
// deactivation is never refused for a schema that came later. Values are compared with fold where case does not matter; the
// stored spelling stays.
//
// whole says that doc came as a whole, by a PUT, in which an immutable attribute that is absent is unchanged. Guard changes doc
// and no object inside it.
//
// Errors: *Error, Mutability, and InvalidValue for what is missing.
//
// RFC 7643, section 7. RFC 7644, section 3.5.1.
func (r *Resource) Guard(stored []byte, doc map[string]any, whole bool, fold func(string) string) error {
	if !r.guarded {
		return nil
	}
	var before map[string]any
	if err := json.Unmarshal(stored, &before); err != nil {
		return err
	}
	return guard{whole, fold}.object(r.Root, before, doc)
}

type guard struct {
	whole bool
	fold  func(string) string
}

func (g guard) object(in *Attribute, before, doc map[string]any) error {
	for _, a := range in.Sub {
		old, had := before[a.Name]
		v, has := doc[a.Name]
		var err error
		switch {
		case a.Mutability == ReadOnly || !had && !has:
		case a.Mutability == Immutable && had:
			if has && !g.same(a, old, v) || !has && !g.whole {
				return Errorf(Mutability, "%s: is immutable: it has a value and keeps it", a)
			}
			doc[a.Name] = old
		case a.Type == Complex && !a.MultiValued:
			err = g.inside(a, old, v, doc)
		case has && a.Type == Complex && !reflect.DeepEqual(old, v):
			values, _ := v.([]any)
			for _, v := range values {
				if object, ok := v.(map[string]any); ok && err == nil {
					err = a.lacks(object)
				}
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inside guards what a single complex attribute of doc, or an extension, has in it.
func (g guard) inside(a *Attribute, old, v any, doc map[string]any) error {
	before, _ := old.(map[string]any)
	object, has := v.(map[string]any)
	now := maps.Clone(object)
	if now == nil {
		now = map[string]any{}
	}
	if err := g.object(a, before, now); err != nil {
		return err
	}
	if len(now) > 0 {
		doc[a.Name] = now
	}
	if !has || reflect.DeepEqual(before, now) {
		return nil
	}
	return a.lacks(now)
}

// same compares two values of a, or two lists of them in any order.
func (g guard) same(a *Attribute, x, y any) bool {
	return slices.Equal(g.texts(a, x), g.texts(a, y))
}

func (g guard) texts(a *Attribute, v any) []string {
	values, ok := v.([]any)
	if !ok {
		values = []any{v}
	}
	all := make([]string, len(values))
	for i, v := range values {
		b, _ := json.Marshal(searchValue(a, v, g.fold), json.Deterministic(true)) // it came as JSON
		all[i] = string(b)
	}
	slices.Sort(all)
	return all
}
