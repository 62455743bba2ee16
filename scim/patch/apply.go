package patch

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// maxComparisons bounds the work of one PATCH, which else grows with operations times values.
const maxComparisons = 100_000

// Apply carries out the steps of a PATCH on the stored document of a User and reports whether it says anything else now. All
// of them are done, or, when it returns an error, none. The document is changed in place, and shares nothing with the steps.
//
// Errors: *schema.Error, NoTarget for a filter that no value meets and that does not say what to make, InvalidValue for too
// many values, Mutability for an immutable part of a value that has it; *directory.Error, Limit, for too much work.
func Apply(doc map[string]any, ops []Op) (changed bool, err error) {
	e := editor{doc: doc, top: make(map[string]any, 4)}
	for i := range ops {
		if err := e.apply(&ops[i]); err != nil {
			return false, err
		}
	}
	return e.commit(), nil
}

// editor works on copies of the attributes that are touched.
type editor struct {
	doc     map[string]any
	top     map[string]any      // the copies, by name
	touched []*schema.Attribute // those that top holds, or held
	spent   int
}

func (e *editor) apply(op *Op) error {
	switch op.verb {
	case put:
		e.put(op.attr, op.value)
		return nil
	case add:
		return e.add(op.attr, op.value.([]any))
	case merge:
		return e.merge(op)
	}
	return e.remove(op)
}

// object returns the object that holds a, or nil if there is none and none is to be made.
func (e *editor) object(a *schema.Attribute, create bool) map[string]any {
	top := a
	for !top.Parent.IsResource() {
		top = top.Parent
	}
	if !slices.Contains(e.touched, top) {
		e.touched = append(e.touched, top)
		if v, ok := e.doc[top.Name]; ok {
			e.top[top.Name] = clone(v)
		}
	}
	object := e.top
	for _, name := range a.Path[:len(a.Path)-1] {
		inner, ok := object[name].(map[string]any)
		if !ok {
			if !create {
				return nil
			}
			inner = map[string]any{}
			object[name] = inner
		}
		object = inner
	}
	return object
}

func (e *editor) put(a *schema.Attribute, v any) {
	object := e.object(a, v != nil)
	if object == nil {
		return
	}
	if a.Name == "value" && !reflect.DeepEqual(object[a.Name], v) {
		delete(object, "$ref") // that of the old value
	}
	if v == nil {
		delete(object, a.Name)
		return
	}
	object[a.Name] = clone(v)
}

// add appends the values that are not there yet. One with the value and the type of one that is there completes it.
func (e *editor) add(a *schema.Attribute, values []any) error {
	object := e.object(a, true)
	list, _ := object[a.Name].([]any)
	if err := e.spend(weight(list) + weight(values)); err != nil {
		return err
	}
	at := make(map[string]int, len(list)+len(values))
	for i, v := range list {
		at[identity(a, v)] = i
	}
	for _, v := range values {
		id := identity(a, v)
		i, found := at[id]
		if !found {
			i = len(list)
			at[id] = i
			list = append(list, clone(v))
		} else if err := write(a, list[i], unlike(a, list[i], v)); err != nil {
			return err
		}
		movePrimary(list, i, v)
	}
	return store(object, a, list)
}

func store(object map[string]any, a *schema.Attribute, list []any) error {
	if len(list) > schema.MaxValues {
		return schema.Errorf(schema.InvalidValue, "%s: would have more than %d values", a, schema.MaxValues)
	}
	object[a.Name] = list
	return nil
}

// identity returns what tells a value of a multi-valued attribute from the others: value and type, or else all of it.
//
// RFC 7643, section 2.4.
func identity(a *schema.Attribute, v any) string {
	object, ok := v.(map[string]any)
	if !ok {
		return folded(a, v)
	}
	_, hasValue := object["value"]
	var b strings.Builder
	for _, sub := range a.Sub {
		if !hasValue || sub.Name == "value" || sub.Name == "type" {
			b.WriteString(folded(sub, object[sub.Name]))
			b.WriteByte(0)
		}
	}
	return b.String()
}

// folded returns a value of a as a text that is equal for equal values.
//
// RFC 7643, section 2.2.
func folded(a *schema.Attribute, v any) string {
	if s, isString := v.(string); isString && !a.CaseExact {
		return directory.Key(s)
	}
	return text(v)
}

// unlike returns the parts of v that are not equal in object: what is written in another case only, stays.
func unlike(a *schema.Attribute, object, v any) any {
	have, _ := object.(map[string]any)
	parts, ok := v.(map[string]any)
	if !ok {
		return v
	}
	different := make(map[string]any, len(parts))
	for name, v := range parts {
		if !agrees(a.Find(name), have[name], v) {
			different[name] = v
		}
	}
	return different
}

// write writes the parts of v over object, a value of a. A part that is nil goes. Errors: *schema.Error, Mutability.
func write(a *schema.Attribute, object, v any) error {
	into, ok := object.(map[string]any)
	parts, isObject := v.(map[string]any)
	if !ok || !isObject {
		return nil
	}
	for name, v := range parts {
		sub := a.Find(name)
		if had, has := into[name]; has && sub.Mutability == schema.Immutable {
			if !agrees(sub, had, v) {
				return schema.Errorf(schema.Mutability, "%s: is immutable: it has a value and keeps it", sub)
			}
			continue
		}
		if v == nil {
			delete(into, name)
		} else {
			into[name] = clone(v)
		}
	}
	return nil
}

// movePrimary makes the value at i the only primary one if v, which was written there, says so.
func movePrimary(list []any, i int, v any) {
	if parts, ok := v.(map[string]any); !ok || parts["primary"] != true {
		return
	}
	for j := range list {
		if object, ok := list[j].(map[string]any); ok && j != i && object["primary"] == true {
			object["primary"] = false
		}
	}
}

func (e *editor) merge(op *Op) error {
	a := op.attr
	object := e.object(a, true)
	list, _ := object[a.Name].([]any)
	matched := false
	for i, v := range list {
		ok, err := e.selects(op.where, v)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		matched = true
		if a.Type != schema.Complex {
			list[i] = op.value
			continue
		}
		if err := write(a, v, op.value); err != nil {
			return err
		}
		movePrimary(list, i, op.value)
	}
	if matched {
		return nil
	}
	return e.mergeNew(op, object, list)
}

// mergeNew makes the value that a filter describes and that is not there.
func (e *editor) mergeNew(op *Op, object map[string]any, list []any) error {
	a := op.attr
	fresh := op.value
	if parts, ok := op.value.(map[string]any); ok {
		if !slices.ContainsFunc(a.Sub, func(s *schema.Attribute) bool { return parts[s.Name] != nil }) {
			return nil // there is nothing to clear
		}
		made := map[string]any{}
		if op.where != nil {
			if op.where.seed == nil {
				return schema.Errorf(schema.NoTarget, "path: no value of %s meets the filter", a)
			}
			maps.Copy(made, op.where.seed)
		}
		if err := write(a, made, parts); err != nil {
			return err
		}
		fresh = made
	}
	// The same operation, repeated, may have taken from the value what the filter looks for.
	for _, v := range list {
		if err := e.spend(1); err != nil {
			return err
		}
		if holds(v, fresh) {
			return nil
		}
	}
	list = append(list, fresh)
	movePrimary(list, len(list)-1, fresh)
	return store(object, a, list)
}

// holds reports whether value is want, or has all that want has, letter by letter.
func holds(value, want any) bool {
	parts, ok := want.(map[string]any)
	if !ok {
		return reflect.DeepEqual(value, want)
	}
	object, _ := value.(map[string]any)
	for name, w := range parts {
		if !reflect.DeepEqual(object[name], w) {
			return false
		}
	}
	return true
}

func (e *editor) remove(op *Op) error {
	object := e.object(op.attr, false)
	list, _ := object[op.attr.Name].([]any)
	kept := list[:0]
	for _, v := range list {
		ok, err := e.selects(op.where, v)
		if err != nil {
			return err
		}
		if !ok {
			kept = append(kept, v)
		}
	}
	if len(kept) < len(list) {
		object[op.attr.Name] = kept
	}
	return nil
}

func (e *editor) selects(where *selection, v any) (bool, error) {
	if where == nil {
		return true, nil
	}
	if err := e.spend(where.cost * weight(v)); err != nil {
		return false, err
	}
	return where.match(v), nil
}

// weight is what it costs to compare with v, in comparisons of short texts.
func weight(v any) int {
	n := 1
	switch v := v.(type) {
	case string:
		n += len(v) / 32
	case map[string]any:
		for _, part := range v {
			n += weight(part)
		}
	case []any:
		for _, element := range v {
			n += weight(element)
		}
	}
	return n
}

func (e *editor) spend(comparisons int) error {
	if e.spent += comparisons; e.spent > maxComparisons {
		return directory.Errorf(directory.Limit, "Operations", "need more than %d comparisons", maxComparisons)
	}
	return nil
}

// commit puts the copies in the place of what they are copies of.
func (e *editor) commit() (changed bool) {
	for _, a := range e.touched {
		old, had := e.doc[a.Name]
		v := a.Tidy(e.top[a.Name])
		switch {
		case v == nil && had:
			delete(e.doc, a.Name)
			changed = true
		case v != nil && !reflect.DeepEqual(old, v):
			e.doc[a.Name] = v
			changed = true
		}
	}
	return changed
}

// clone copies objects and lists all the way down.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, inner := range v {
			object[name] = clone(inner)
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = clone(v[i])
		}
		return list
	}
	return v
}
