package scim

import (
	"slices"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// parseSort turns sortBy and sortOrder into an order of resources of type r, nil when they make none. Others are the types that are
// asked too. Errors: *schema.Error, InvalidValue.
//
// RFC 7644, section 3.4.2.3.
func parseSort(by, order string, r *schema.Resource, others ...*schema.Resource) (*directory.Sort, error) {
	if by = strings.TrimSpace(by); by == "" {
		return nil, nil
	}
	descending := strings.EqualFold(order, "descending")
	if !descending && order != "" && !strings.EqualFold(order, "ascending") {
		return nil, schema.Errorf(schema.InvalidValue, "sortOrder: must be ascending or descending")
	}
	a := r.Lookup(by)
	if a == nil && slices.ContainsFunc(others, func(o *schema.Resource) bool { return o.Lookup(by) != nil }) {
		return nil, nil // all are without a value
	}
	if a == nil || a.IsResource() {
		return nil, schema.Errorf(schema.InvalidValue, "sortBy: there is no such attribute")
	}
	if a.Type == schema.Complex {
		value := a.Find("value")
		if value == nil || a.IsExtension() {
			return nil, schema.Errorf(schema.InvalidValue, "sortBy: %s has several sub-attributes: name one of them", a)
		}
		a = value
	}
	switch a.String() {
	case "schemas", "meta.resourceType":
		return nil, nil // all have the same value
	case "meta.location":
		a = r.Lookup("id") // in which alone the locations differ
	}
	s := &directory.Sort{Field: directory.Field{Column: column(a)}, Descending: descending}
	s.Number = a.Type == schema.DateTime || a.Type == schema.Integer || a.Type == schema.Decimal || s.Field.Column == directory.Version
	if s.Field.Column != directory.InSearch {
		return s, nil
	}
	in := a.Parent
	if isDerived(a) || a.Dropped() || in.Dropped() || a.MultiValued && in.MultiValued {
		return nil, schema.Errorf(schema.InvalidValue, "sortBy: %s cannot be sorted by", a)
	}
	s.Field.Path, s.List = a.Path, a.MultiValued
	if in.MultiValued {
		s.Field.Path, s.List, s.Element = in.Path, true, a.Path[len(in.Path):]
	}
	return s, nil
}
