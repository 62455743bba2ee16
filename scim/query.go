package scim

import (
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/filter"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// parseFilter turns the text of a filter into a condition that the store can answer. Others are the types that are asked too: an
// attribute that only they have, no resource of this type has. Errors: *schema.Error, InvalidFilter.
//
// RFC 7644, sections 3.4.2.1 and 3.4.2.2.
func parseFilter(text string, r *schema.Resource, others ...*schema.Resource) (directory.Cond, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	expr, err := filter.Parse(text)
	if err != nil {
		return nil, schema.Errorf(schema.InvalidFilter, "%s", err.Error())
	}
	return translation{r: r, others: others}.cond(expr)
}

// translation turns filter expressions into conditions. in is the multi-valued attribute whose elements are spoken of, nil for
// the resource.
type translation struct {
	r      *schema.Resource
	others []*schema.Resource
	in     *schema.Attribute
}

func (t translation) cond(x filter.Expr) (directory.Cond, error) {
	switch x := x.(type) {
	case filter.And:
		all, err := t.each(x)
		return directory.And(all), err
	case filter.Or:
		all, err := t.each(x)
		return directory.Or(all), err
	case filter.Not:
		c, err := t.cond(x.X)
		return directory.Not{X: c}, err
	case filter.Present:
		a, err := t.attribute(x.Path)
		if err != nil || a == nil {
			return directory.Or{}, err
		}
		return t.present(a), nil
	case filter.Any:
		a, err := t.attribute(x.Path)
		if err != nil || a == nil {
			return directory.Or{}, err
		}
		if t.in != nil || len(a.Sub) == 0 {
			return nil, schema.Errorf(schema.InvalidFilter, "%s has no sub-attributes to choose by", a)
		}
		c, err := translation{r: t.r, in: a}.cond(x.X)
		if err != nil {
			return nil, err
		}
		return t.any(a, c), nil
	case filter.Compare:
		return t.compare(x)
	}
	return nil, schema.Errorf(schema.InvalidFilter, "expression %T is unknown", x)
}

// any is true when a value of the complex attribute a meets c.
func (t translation) any(a *schema.Attribute, c directory.Cond) directory.Cond {
	switch col := column(a); {
	case !a.MultiValued:
		return directory.And{t.present(a), c}
	case col == directory.InSearch:
		return directory.Element{Path: a.Path, Where: c}
	default:
		if _, one := c.(directory.Compare); one {
			return c // an index leads to it
		}
		return directory.Element{Column: col, Where: c}
	}
}

func (t translation) each(xs []filter.Expr) ([]directory.Cond, error) {
	all := make([]directory.Cond, len(xs))
	for i, x := range xs {
		c, err := t.cond(x)
		if err != nil {
			return nil, err
		}
		all[i] = c
	}
	return all, nil
}

// attribute resolves a path of the filter, to nil when only another type has the attribute. What is never returned may not be
// asked for either.
func (t translation) attribute(p filter.Path) (a *schema.Attribute, err error) {
	if t.in != nil {
		a = t.in.Find(p.Attr)
	} else {
		a = t.r.Find(p.URN, p.Attr, p.Sub)
	}
	switch {
	case a == nil && t.in == nil && slices.ContainsFunc(t.others, func(o *schema.Resource) bool { return o.Find(p.URN, p.Attr, p.Sub) != nil }):
		return nil, nil
	case a == nil || a.IsResource():
		return nil, schema.Errorf(schema.InvalidFilter, "there is no attribute %s", p)
	case a.Dropped():
		return nil, schema.Errorf(schema.InvalidFilter, "%s cannot be filtered on", a)
	}
	return a, nil
}

func (t translation) compare(x filter.Compare) (directory.Cond, error) {
	a, err := t.attribute(x.Path)
	if err != nil {
		return nil, err
	}
	if a == nil { // absent, which is equal to nothing but null
		if (x.Op == filter.Ne) != (x.Value == nil) {
			return directory.And{}, nil // always
		}
		return directory.Or{}, nil // never
	}
	if x.Value == nil {
		return null(x.Op, t.present(a))
	}
	if a.Type == schema.Complex {
		// A complex attribute that is compared means its value.
		value := a.Find("value")
		if value == nil || a.IsExtension() {
			return nil, schema.Errorf(schema.InvalidFilter, "%s has several sub-attributes: name one of them", a)
		}
		a = value
	}
	switch a.String() {
	case "schemas":
		return t.schemas(x)
	case "meta.resourceType":
		name, _ := x.Value.(string)
		return constant(x.Op, name == t.r.Name, directory.And{}, "meta.resourceType")
	}
	op, negate := x.Op, x.Op == filter.Ne
	if negate {
		op = filter.Eq
	}
	v, err := value(a, x)
	if err != nil {
		return nil, err
	}
	c, err := t.wrap(a, directory.Compare{Op: operators[op], Value: v})
	if negate {
		return directory.Not{X: c}, err
	}
	return c, err
}

var operators = map[filter.Op]directory.Op{
	filter.Eq: directory.Eq, filter.Co: directory.Co, filter.Sw: directory.Sw, filter.Ew: directory.Ew,
	filter.Gt: directory.Gt, filter.Ge: directory.Ge, filter.Lt: directory.Lt, filter.Le: directory.Le,
}

// null compares with null, which is to ask whether there is a value.
func null(op filter.Op, present directory.Cond) (directory.Cond, error) {
	switch op {
	case filter.Eq:
		return directory.Not{X: present}, nil
	case filter.Ne:
		return present, nil
	}
	return nil, schema.Errorf(schema.InvalidFilter, "null can only be compared with eq and ne")
}

// schemas compares the attribute schemas, which is derived from the extensions that the resource has.
func (t translation) schemas(x filter.Compare) (directory.Cond, error) {
	urn, _ := x.Value.(string)
	var c directory.Cond = directory.Or{} // never
	if strings.EqualFold(urn, t.r.Core.URN) {
		c = directory.And{} // always
	} else if a := t.r.Lookup(urn); a != nil && a.IsExtension() {
		c = directory.Present{Field: directory.Field{Path: a.Path}}
	}
	return constant(x.Op, true, c, "schemas")
}

// constant compares what the directory does not keep: equal says whether it is equal where c holds.
func constant(op filter.Op, equal bool, c directory.Cond, name string) (directory.Cond, error) {
	if !equal {
		c = directory.Or{} // never
	}
	switch op {
	case filter.Eq:
		return c, nil
	case filter.Ne:
		return directory.Not{X: c}, nil
	}
	return nil, schema.Errorf(schema.InvalidFilter, "%s can only be compared with eq and ne", name)
}

func (t translation) present(a *schema.Attribute) directory.Cond {
	switch a.String() {
	case "schemas", "meta", "meta.resourceType", "meta.location":
		return directory.And{} // always
	}
	if inRows(a) {
		a = a.Parent
	}
	c, err := t.wrap(a, directory.Present{})
	if err != nil {
		return directory.Or{} // never: what cannot be compared is not kept
	}
	return c
}

// wrap fills in which field of the store the attribute is, inside its list if it is in one.
func (t translation) wrap(a *schema.Attribute, c directory.Cond) (directory.Cond, error) {
	on := func(f directory.Field) directory.Cond {
		switch c := c.(type) {
		case directory.Compare:
			c.Field = f
			return c
		default:
			return directory.Present{Field: f}
		}
	}
	if col := column(a); col != directory.InSearch {
		return on(directory.Field{Column: col}), nil
	}
	if isDerived(a) {
		return nil, schema.Errorf(schema.InvalidFilter, "%s cannot be filtered on", a)
	}
	one := func(path []string) directory.Cond {
		if _, compare := c.(directory.Compare); compare && a.MultiValued {
			return directory.Element{Path: path, Where: on(directory.Field{})}
		}
		return on(directory.Field{Path: path})
	}
	parent := a.Parent
	switch {
	case !parent.MultiValued:
		return one(a.Path), nil
	case t.in == parent:
		return one(a.Path[len(parent.Path):]), nil
	}
	return directory.Element{Path: parent.Path, Where: one(a.Path[len(parent.Path):])}, nil
}

// inRows reports whether a is a part of members or groups, of which rows keep the value alone. The other parts are there when
// the value is.
func inRows(a *schema.Attribute) bool {
	return column(a.Parent) != directory.InSearch && column(a) == directory.InSearch
}

// isDerived reports whether an attribute, which has no column, is made anew for each answer and so kept nowhere.
func isDerived(a *schema.Attribute) bool {
	return a.Mutability == schema.ReadOnly || a.Parent.Mutability == schema.ReadOnly || inRows(a)
}

// column returns where the store keeps an attribute beside the document.
func column(a *schema.Attribute) directory.Column {
	switch a.String() {
	case "id":
		return directory.ID
	case "userName":
		return directory.UserName
	case "externalId":
		return directory.ExternalID
	case "active":
		return directory.Active
	case "displayName":
		if a.Schema == schema.GroupURN {
			return directory.DisplayName
		}
	case "meta.created":
		return directory.Created
	case "meta.lastModified":
		return directory.Modified
	case "meta.version":
		return directory.Version
	case "members", "members.value":
		return directory.Members
	case "groups", "groups.value":
		return directory.MemberOf
	}
	return directory.InSearch
}

// value converts what the filter compares with into what the store keeps of the attribute.
func value(a *schema.Attribute, x filter.Compare) (any, error) {
	wrong := schema.Errorf(schema.InvalidFilter, "%s cannot be compared so: it is a %s", a, a.Type)
	text := ""
	switch v := x.Value.(type) {
	case string:
		text = v
	case filter.Number:
		text = string(v)
	case bool:
		text = strconv.FormatBool(v)
	}
	substring := slices.Contains([]filter.Op{filter.Co, filter.Sw, filter.Ew}, x.Op)
	switch {
	case a.String() == "meta.version":
		v, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(text, "W/"), `"`), 10, 64)
		if err != nil || substring {
			return nil, wrong
		}
		return v, nil
	case a.Type == schema.Boolean:
		b := strings.EqualFold(text, "true")
		if !b && !strings.EqualFold(text, "false") || x.Op != filter.Eq && x.Op != filter.Ne {
			return nil, wrong
		}
		if column(a) != directory.InSearch {
			return b, nil
		}
		return strconv.FormatBool(b), nil
	case a.Type == schema.DateTime:
		when, err := schema.ParseTime(text)
		if err != nil || substring {
			return nil, wrong
		}
		return when.UnixMilli(), nil
	case a.Type == schema.Integer, a.Type == schema.Decimal:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || substring || strings.Trim(text, "+-.0123456789eE") != "" { // it would take NaN, infinity and 0x10 too
			return nil, wrong
		}
		return n, nil
	case a.Type == schema.Binary && x.Op >= filter.Gt: // RFC 7644, section 3.4.2.2, table 3.
		return nil, wrong
	case a.CaseExact:
		return text, nil
	}
	return directory.Key(text), nil
}
