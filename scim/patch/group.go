package patch

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/filter"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// MaxMembers is the largest number of members in one request.
const MaxMembers = 200_000

// Group turns the steps of a PATCH of a Group into an edit of it. Members are never compared with those that the group has:
// steps that follow one another become one of each kind, in which the last word on a member counts.
//
// Errors: *schema.Error, InvalidFilter for members chosen by anything but value and type, Mutability for a member that is to
// become another; *directory.Error, Limit, for more than MaxMembers.
func Group(ops []Op) (directory.GroupEdit, error) {
	var edit directory.GroupEdit
	var m memberSteps
	for _, op := range ops {
		switch op.attr.String() {
		case "displayName":
			name := text(op.value)
			edit.DisplayName = &name
		case "externalId":
			id := text(op.value)
			edit.ExternalID = &id
		case "members":
			if err := m.take(op); err != nil {
				return directory.GroupEdit{}, err
			}
		}
	}
	m.flush()
	edit.Members = m.edits
	return edit, nil
}

// ReplaceGroup makes the edit that the body of a PUT asks for: the name and the externalId that it has or has not; no members
// if the list is empty, and the same as before if there is no list. It serves a POST as well.
//
// Errors: those of schema.Resource.Normalize; *directory.Error, Limit, for more than MaxMembers.
func ReplaceGroup(body map[string]any, r *schema.Resource) (directory.GroupEdit, error) {
	named, rest, err := takeMembers(body, r)
	if err != nil {
		return directory.GroupEdit{}, err
	}
	doc, err := r.Normalize(rest)
	if err != nil {
		return directory.GroupEdit{}, err
	}
	name, id := text(doc["displayName"]), text(doc["externalId"])
	edit := directory.GroupEdit{DisplayName: &name, ExternalID: &id}
	values, given := doc["members"].([]any)
	if !given && !listsMembers(r, body) {
		return edit, nil
	}
	m := memberSteps{cleared: true}
	if err := m.set(true, append(named, ids(values)...)); err != nil {
		return directory.GroupEdit{}, err
	}
	m.flush()
	edit.Members = m.edits
	return edit, nil
}

// takeMembers takes the members out of body where they are ids alone, and returns body without them: to make an object of each of
// 100,000 costs more than all the rest. Errors: those of schema.Attribute.Normalize.
func takeMembers(body map[string]any, r *schema.Resource) (named []string, rest map[string]any, err error) {
	for name, v := range body {
		list, isList := v.([]any)
		a := r.Lookup(name)
		if !isList || a == nil || a.String() != "members" {
			continue
		}
		named = make([]string, 0, len(list))
		for _, v := range list {
			id, isText := v.(string)
			if !isText && v != nil {
				return nil, body, nil
			}
			if _, err := a.Find("value").NormalizeOne(id); err != nil {
				return nil, nil, err
			}
			if id != "" {
				named = append(named, id)
			}
		}
		rest = maps.Clone(body)
		delete(rest, name)
		return named, rest, nil
	}
	return nil, body, nil
}

// listsMembers reports whether body has a list of members, be it empty.
func listsMembers(r *schema.Resource, body map[string]any) bool {
	for name, v := range body {
		switch a := r.Lookup(name); {
		case a == nil:
		case a.IsResource():
			if inner, ok := v.(map[string]any); ok && listsMembers(r, inner) {
				return true
			}
		case a.String() == "members":
			if _, ok := v.([]any); ok {
				return true
			}
		}
	}
	return false
}

// text returns v as a string; nil is empty.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	return fmt.Sprint(v)
}

// ids returns the member ids among normalized values.
func ids(values []any) []string {
	all := make([]string, 0, len(values))
	for _, v := range values {
		if object, ok := v.(map[string]any); ok {
			if id := text(object["value"]); id != "" {
				all = append(all, id)
			}
		}
	}
	return all
}

// memberSteps folds changes of members. What came since the last edit is held as: cleared or not, and of each member named
// whether it is to be in.
type memberSteps struct {
	edits   []directory.MemberEdit
	cleared bool
	in      map[string]bool
	order   []string
	named   int
}

func (m *memberSteps) take(op Op) error {
	values, _ := op.value.([]any)
	switch {
	case op.verb == put:
		*m = memberSteps{cleared: true, named: m.named}
		return m.set(true, ids(values))
	case op.verb == add:
		return m.set(true, ids(values))
	case op.where.filter == nil:
		return m.set(false, ids(op.where.listed))
	}
	chosen, err := choose(op.attr, op.where.filter)
	if err != nil {
		return err
	}
	if op.verb == remove {
		return m.remove(chosen)
	}
	// To write members[value eq "x"] is to add x: nothing that can be written is in a member but its value.
	if len(chosen.values) != 1 || chosen.only != directory.AnyMember {
		return schema.Errorf(schema.NoTarget, "members: the filter does not say whom to add")
	}
	parts, _ := op.value.(map[string]any)
	if id, given := parts["value"]; given && id != chosen.values[0] {
		return schema.Errorf(schema.Mutability, "members.value: cannot be changed")
	}
	return m.set(true, chosen.values)
}

// set says of members whether they are to be in.
func (m *memberSteps) set(in bool, ids []string) error {
	if m.named += len(ids); m.named > MaxMembers {
		return directory.Errorf(directory.Limit, "members", "more than %d in one request", MaxMembers)
	}
	if m.in == nil {
		m.in = make(map[string]bool, len(ids))
	}
	for _, id := range ids {
		if _, known := m.in[id]; !known {
			m.order = append(m.order, id)
		}
		m.in[id] = in
	}
	return nil
}

func (m *memberSteps) remove(c choice) error {
	switch {
	case !c.all && len(c.values) == 0:
		return nil
	case c.only == directory.AnyMember:
		return m.set(false, c.values)
	}
	op := directory.RemoveMembers
	if c.all {
		op = directory.ClearMembers
	}
	m.flush()
	m.edits = append(m.edits, directory.MemberEdit{Op: op, Only: c.only, Values: c.values})
	return nil
}

// flush makes edits of what is held.
func (m *memberSteps) flush() {
	var gone, come []string
	for _, id := range m.order {
		if m.in[id] {
			come = append(come, id)
		} else {
			gone = append(gone, id)
		}
	}
	if m.cleared {
		m.edits = append(m.edits, directory.MemberEdit{Op: directory.ClearMembers})
	} else if gone != nil {
		m.edits = append(m.edits, directory.MemberEdit{Op: directory.RemoveMembers, Values: gone})
	}
	if come != nil {
		m.edits = append(m.edits, directory.MemberEdit{Op: directory.AddMembers, Values: come})
	}
	m.cleared, m.in, m.order = false, nil, nil
}

// choice is the members that a filter chooses: all or those in values, of one kind or of both.
type choice struct {
	all    bool
	values []string
	only   directory.MemberKind
}

// choose reads a filter on members, which are known by value and type alone.
func choose(members *schema.Attribute, x filter.Expr) (choice, error) {
	switch x := x.(type) {
	case filter.And:
		c := choice{all: true}
		for _, x := range x {
			d, err := choose(members, x)
			if err != nil {
				return choice{}, err
			}
			c = c.and(d)
		}
		return c, nil
	case filter.Or:
		var c choice
		for _, x := range x {
			d, err := choose(members, x)
			if err != nil {
				return choice{}, err
			}
			if d.all || d.only != directory.AnyMember {
				return choice{}, errMemberFilter
			}
			for _, id := range d.values {
				if !slices.Contains(c.values, id) {
					c.values = append(c.values, id)
				}
			}
		}
		return c, nil
	case filter.Compare:
		literal := text(x.Value)
		switch sub := members.Find(x.Path.Attr); {
		case x.Op != filter.Eq || sub == nil:
		case sub.Name == "value":
			return choice{values: []string{literal}}, nil
		case sub.Name == "type" && strings.EqualFold(literal, "User"):
			return choice{all: true, only: directory.OnlyIdentities}, nil
		case sub.Name == "type" && strings.EqualFold(literal, "Group"):
			return choice{all: true, only: directory.OnlyGroups}, nil
		case sub.Name == "type":
			return choice{}, nil
		}
	}
	return choice{}, errMemberFilter
}

var errMemberFilter = schema.Errorf(schema.InvalidFilter, "members: can be chosen by value eq and type eq only")

// and returns what both c and d choose.
func (c choice) and(d choice) choice {
	if c.only != d.only && c.only != directory.AnyMember && d.only != directory.AnyMember {
		return choice{}
	}
	switch {
	case c.all:
		c.all, c.values = d.all, d.values
	case !d.all:
		c.values = slices.DeleteFunc(slices.Clone(c.values), func(id string) bool { return !slices.Contains(d.values, id) })
	}
	c.only = max(c.only, d.only)
	return c
}
