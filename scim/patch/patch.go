// Package patch turns the operations of a SCIM PATCH into edits: Parse reads a request, Apply carries it out on the document
// of a User, Group turns it into a directory.GroupEdit, for a group is changed without being loaded.
//
// It owns what the operations mean, and every form in which identity providers are known to send them. The characteristics
// of attributes are scim/schema's, paths are scim/filter's. It is pure; package scim calls it.
package patch

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// MaxOperations is the largest number of operations in one request.
const MaxOperations = 1000

// Op is one step of a PATCH, checked against the schema. An operation of a request may be several or none. It is never
// changed, so the same steps can be applied again.
type Op struct {
	verb  verb
	attr  *schema.Attribute
	where *selection // which values of a multi-valued attribute; nil: all
	value any        // normalized; see verb
}

type verb uint8

const (
	put    verb = iota + 1 // attr becomes value; nil: attr is no more
	add                    // value, a list, is added to the values of attr
	merge                  // value, sub-attributes by name (nil: no more), is written over the selected values of attr
	remove                 // the selected values of attr are removed
)

// The operations of a request, by the verb that they mean for a multi-valued attribute.
var verbs = map[string]verb{"add": add, "replace": put, "remove": remove}

// parser turns the operations of one request into steps.
type parser struct {
	resource *schema.Resource
	id       string
	ops      []Op
}

// Parse reads the body of a PATCH of the resource called id. Names and operations are read without case, schemas are not
// looked at, and operations on attributes that nobody knows are left out.
//
// Errors: *directory.Error, Limit, for more than MaxOperations; otherwise *schema.Error: InvalidSyntax for a body that is no
// PATCH, InvalidPath, InvalidFilter, InvalidValue, NoTarget for remove without a path, Mutability for what is read-only,
// for another id, and for a required attribute that would be no more.
//
// RFC 7644, section 3.5.2.
func Parse(body map[string]any, r *schema.Resource, id string) ([]Op, error) {
	v, _ := member(body, "Operations")
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, schema.Errorf(schema.InvalidSyntax, "Operations: must be a list of one or more operations")
	}
	if len(list) > MaxOperations {
		return nil, directory.Errorf(directory.Limit, "Operations", "%d operations, and at most %d are possible", len(list), MaxOperations)
	}
	p := parser{resource: r, id: id, ops: make([]Op, 0, len(list))}
	for i, o := range list {
		if err := p.operation(o); err != nil {
			return nil, inOperation(i+1, err)
		}
	}
	return p.ops, nil
}

func inOperation(n int, err error) error {
	if wrong, ok := errors.AsType[*schema.Error](err); ok {
		return schema.Errorf(wrong.Type, "operation %d: %s", n, wrong.Detail)
	}
	return err
}

// member returns the member of object called name in any case.
func member(object map[string]any, name string) (any, bool) {
	if v, ok := object[name]; ok {
		return v, true
	}
	for k, v := range object {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return nil, false
}

func (p *parser) operation(o any) error {
	object, ok := o.(map[string]any)
	if !ok {
		return schema.Errorf(schema.InvalidSyntax, "must be an object with op, path and value")
	}
	name, _ := member(object, "op")
	op, _ := name.(string)
	do, ok := verbs[strings.ToLower(op)]
	if !ok {
		return schema.Errorf(schema.InvalidSyntax, "op: must be add, replace or remove")
	}
	path, err := readPath(object)
	if err != nil {
		return err
	}
	value, given := member(object, "value")
	if do != remove && !given {
		return schema.Errorf(schema.InvalidValue, "value: is required")
	}
	t := target{attr: p.resource.Root}
	if path != "" {
		if t, err = p.target(path); err != nil {
			return err
		}
	}
	switch {
	case t.attr == nil, t.attr == p.resource.Lookup("schemas"):
		return nil // Entra's custom mappings name attributes that no schema has; schemas follow from the attributes
	case t.readOnly():
		return schema.Errorf(schema.Mutability, "%s: is read-only", t)
	case do == remove:
		return p.remove(t, value)
	}
	return p.assign(do, t, value)
}

func readPath(object map[string]any) (string, error) {
	v, _ := member(object, "path")
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return strings.TrimSpace(v), nil
	}
	return "", schema.Errorf(schema.InvalidPath, "path: must be a string")
}

// assign adds to, or replaces, what t names.
func (p *parser) assign(do verb, t target, v any) error {
	a := t.attr
	switch {
	case a.IsResource():
		return p.whole(do, v)
	case a.IsExtension():
		if nothing(v) {
			return p.put(a, nil)
		}
		object, ok := v.(map[string]any)
		if !ok {
			return schema.Errorf(schema.InvalidValue, "%s: must be an object", a)
		}
		return p.members(do, a, object)
	case a.MultiValued:
		return p.assignValues(do, t, v)
	case a.Type == schema.Complex:
		return p.assignParts(a, v)
	}
	v, err := a.Normalize(v)
	if err != nil {
		return err
	}
	return p.put(a, v)
}

// whole reads the value of an operation without a path, whose members are paths.
func (p *parser) whole(do verb, v any) error {
	if s, ok := v.(string); ok { // Keycloak sends the object as a string.
		var object map[string]any
		if err := json.Unmarshal([]byte(s), &object); err != nil {
			return schema.Errorf(schema.InvalidValue, "value: without a path it must be an object")
		}
		v = object
	}
	object, ok := v.(map[string]any)
	if !ok {
		return schema.Errorf(schema.InvalidValue, "value: without a path it must be an object")
	}
	return p.members(do, p.resource.Root, object)
}

// members assigns the members of object, a value of in, which is the resource or an extension. A name that the schema does not
// know is ignored, as is what is read-only.
func (p *parser) members(do verb, in *schema.Attribute, object map[string]any) error {
	// In order, so that "name" comes before "name.givenName".
	for _, name := range slices.Sorted(maps.Keys(object)) {
		path := name
		if in.IsExtension() {
			path = in.Name + ":" + name
		}
		t, err := p.target(path)
		if err != nil || t.attr == nil {
			continue
		}
		v := object[name]
		if t.readOnly() {
			if t.String() == "id" && !nothing(v) && v != p.id {
				return schema.Errorf(schema.Mutability, "id: is not the id of this resource")
			}
			continue
		}
		if t.attr.IsResource() && nothing(v) {
			continue
		}
		if err := p.assign(do, t, v); err != nil {
			return err
		}
	}
	return nil
}

// assignParts writes a complex attribute. Its other sub-attributes stay.
func (p *parser) assignParts(a *schema.Attribute, v any) error {
	parts, err := readParts(a, v)
	if err != nil {
		return err
	}
	if parts == nil {
		return p.put(a, nil)
	}
	// In the order of the schema, value before $ref: writing one drops the other.
	for _, sub := range a.Sub {
		if v, ok := parts[sub.Name]; ok {
			if err := p.put(sub, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *parser) assignValues(do verb, t target, v any) error {
	a := t.attr
	switch {
	case t.sub != nil:
		if p.fixed(t.sub) {
			return schema.Errorf(schema.Mutability, "%s: cannot be changed", t.sub)
		}
		v, err := t.sub.Normalize(v)
		if err != nil {
			return err
		}
		if !t.sub.Dropped() {
			p.step(Op{merge, a, t.where, map[string]any{t.sub.Name: v}})
		}
		return nil
	case t.where != nil:
		return p.assignSelected(t, v)
	}
	v, err := a.Normalize(v)
	if err != nil {
		return err
	}
	if do == put {
		return p.put(a, v)
	}
	if v != nil {
		p.step(Op{add, a, nil, v})
	}
	return nil
}

func (p *parser) assignSelected(t target, v any) error {
	a := t.attr
	if a.Type != schema.Complex {
		v, err := a.NormalizeOne(v)
		if err != nil {
			return err
		}
		if v == nil {
			p.step(Op{remove, a, t.where, nil})
		} else {
			p.step(Op{merge, a, t.where, v})
		}
		return nil
	}
	parts, err := readParts(a, v)
	if err != nil {
		return err
	}
	if parts == nil {
		p.step(Op{remove, a, t.where, nil})
	} else {
		p.step(Op{merge, a, t.where, parts})
	}
	return nil
}

func (p *parser) remove(t target, v any) error {
	a := t.attr
	switch {
	case a.IsResource():
		return schema.Errorf(schema.NoTarget, "path: is required to remove something")
	case t.sub != nil && p.fixed(t.sub):
		return schema.Errorf(schema.Mutability, "%s: cannot be changed", t.sub)
	case t.sub != nil:
		p.step(Op{merge, a, t.where, map[string]any{t.sub.Name: nil}})
		return nil
	case t.where != nil:
		p.step(Op{remove, a, t.where, nil})
		return nil
	case a.MultiValued && v != nil:
		// Entra names the values to remove in the body. Only those go, even if they are none.
		where, err := selectListed(a, v)
		if err != nil {
			return err
		}
		p.step(Op{remove, a, where, nil})
		return nil
	}
	return p.put(a, nil)
}

// fixed reports whether a part of a value can never be written on its own: which members a group has is not known here. What is
// immutable in a User may be written once, as Apply sees.
func (p *parser) fixed(sub *schema.Attribute) bool {
	return sub.Mutability == schema.Immutable && p.resource.Core.URN == schema.GroupURN
}

// put appends the step that gives a the value v; nil: none.
func (p *parser) put(a *schema.Attribute, v any) error {
	switch {
	case v != nil, a.Dropped():
	case a.Required:
		return schema.Errorf(schema.Mutability, "%s: is required and cannot be removed", a)
	case len(a.Path) == 1 && a.Name == "active":
		return nil // nobody is shut, or let in, by a value that is missing
	}
	p.step(Op{put, a, nil, v})
	return nil
}

// step appends a step, unless what it writes is accepted and not kept, such as a password.
func (p *parser) step(op Op) {
	if !op.attr.Dropped() {
		p.ops = append(p.ops, op)
	}
}

// readParts reads a value of the complex attribute a, by sub-attribute: its normalized value, or nil for one to remove. The
// whole is nil when v is no value.
func readParts(a *schema.Attribute, v any) (map[string]any, error) {
	if list, ok := v.([]any); ok && len(list) == 1 {
		v = list[0]
	}
	if nothing(v) {
		return nil, nil
	}
	object, ok := v.(map[string]any)
	if s, isString := v.(string); isString && a.Find("value") != nil {
		object, ok = map[string]any{"value": s}, true
	}
	if !ok {
		return nil, schema.Errorf(schema.InvalidValue, "%s: must be a single object", a)
	}
	parts := make(map[string]any, len(object))
	for name, v := range object {
		sub := a.Find(name)
		if sub == nil || sub.Mutability == schema.ReadOnly || sub.Dropped() {
			continue
		}
		v, err := sub.Normalize(v)
		if err != nil {
			return nil, err
		}
		parts[sub.Name] = v
	}
	return parts, nil
}

// nothing reports whether v is no value.
//
// RFC 7643, section 2.5.
func nothing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}
