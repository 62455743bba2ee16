package scim

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/filter"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// oracle answers filters over resources as a client sees them: it walks the tree, and knows of no database and of no search
// document. Its rules are those of RFC 7644, section 3.4.2.2, and of the decisions on absent values, on the schemas and on the
// grammar.
type oracle struct{ r *schema.Resource }

var errRefused = errors.New("the filter is to be refused")

// find resolves a path, in is the attribute whose brackets it stands in, nil for none.
func (o oracle) find(p filter.Path, in *schema.Attribute) *schema.Attribute {
	if in != nil {
		return named(in.Sub, p.Attr)
	}
	var a *schema.Attribute
	common := slices.DeleteFunc(slices.Clone(o.r.Root.Sub), (*schema.Attribute).IsExtension)
	if p.URN == "" || strings.EqualFold(p.URN, o.r.Core.URN) {
		a = named(common, p.Attr)
	}
	for _, e := range o.r.Root.Sub {
		if a != nil || !e.IsExtension() {
			continue
		}
		switch {
		case strings.EqualFold(p.URN+":"+p.Attr, e.Name):
			a = e
		case strings.EqualFold(p.URN, e.Name), p.URN == "":
			a = named(e.Sub, p.Attr)
		}
	}
	if a != nil && p.Sub != "" {
		a = named(a.Sub, p.Sub)
	}
	return a
}

func named(all []*schema.Attribute, name string) *schema.Attribute {
	for _, a := range all {
		if strings.EqualFold(a.Name, name) {
			return a
		}
	}
	return nil
}

// check returns errRefused for a filter that has no answer.
func (o oracle) check(x filter.Expr, in *schema.Attribute) error {
	switch x := x.(type) {
	case filter.And:
		return o.checkAll(x, in)
	case filter.Or:
		return o.checkAll(x, in)
	case filter.Not:
		return o.check(x.X, in)
	case filter.Present:
		_, err := o.known(x.Path, in)
		return err
	case filter.Any:
		a, err := o.known(x.Path, in)
		if err != nil || len(a.Sub) == 0 {
			return errRefused
		}
		return o.check(x.X, a)
	case filter.Compare:
		return o.checkCompare(x, in)
	}
	return errRefused
}

func (o oracle) checkAll(xs []filter.Expr, in *schema.Attribute) error {
	var errs []error
	for _, x := range xs {
		errs = append(errs, o.check(x, in))
	}
	return errors.Join(errs...)
}

// known is find for an attribute that may be asked for.
func (o oracle) known(p filter.Path, in *schema.Attribute) (*schema.Attribute, error) {
	a := o.find(p, in)
	if a == nil || a.Returned == schema.Never {
		return nil, errRefused
	}
	return a, nil
}

var (
	substring = []filter.Op{filter.Co, filter.Sw, filter.Ew}
	ordering  = []filter.Op{filter.Gt, filter.Ge, filter.Lt, filter.Le}
	numeral   = regexp.MustCompile(`^-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$`)
	aTag      = regexp.MustCompile(`^(?:W/)?"?(-?[0-9]+)"?$`)
)

func (o oracle) checkCompare(x filter.Compare, in *schema.Attribute) error {
	a, err := o.known(x.Path, in)
	if err != nil {
		return err
	}
	equality := x.Op == filter.Eq || x.Op == filter.Ne
	if x.Value == nil && equality {
		return nil // whether there is a value
	}
	if a = valueOf(a); a == nil || x.Value == nil {
		return errRefused
	}
	name, text := a.String(), literal(x.Value)
	_, notNumber := strconv.ParseFloat(text, 64)
	_, notTime := schema.ParseTime(text)
	bad := false
	switch {
	case derivedOf(a):
		bad = true
	case name == "schemas", name == "meta.resourceType":
		bad = !equality
	case name == "meta.version":
		bad = slices.Contains(substring, x.Op) || !aTag.MatchString(text)
	case a.Type == schema.Boolean:
		bad = !equality || !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false")
	case a.Type == schema.DateTime:
		bad = slices.Contains(substring, x.Op) || notTime != nil
	case a.Type == schema.Integer, a.Type == schema.Decimal:
		bad = slices.Contains(substring, x.Op) || !numeral.MatchString(text) || notNumber != nil
	case a.Type == schema.Binary:
		bad = slices.Contains(ordering, x.Op)
	}
	if bad {
		return errRefused
	}
	return nil
}

// derivedOf tells what follows from other resources and is not compared.
func derivedOf(a *schema.Attribute) bool {
	switch a.String() {
	case "meta.location", schema.EnterpriseURN + ":manager.displayName":
		return true
	}
	return a.Schema == schema.ChatURN || a.Parent != nil && (a.Parent.Name == "members" || a.Parent.Name == "groups") && a.Name != "value"
}

// valueOf is what is compared when a is: a complex attribute stands for its value. Nil if it has none.
func valueOf(a *schema.Attribute) *schema.Attribute {
	switch {
	case a.Type != schema.Complex:
		return a
	case a.IsExtension():
		return nil
	}
	return named(a.Sub, "value")
}

func literal(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case filter.Number:
		return string(v)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// holds tells whether x is true of a resource, or inside brackets of one element of in.
func (o oracle) holds(x filter.Expr, in *schema.Attribute, object map[string]any) bool {
	switch x := x.(type) {
	case filter.And:
		return !slices.ContainsFunc(x, func(x filter.Expr) bool { return !o.holds(x, in, object) })
	case filter.Or:
		return slices.ContainsFunc(x, func(x filter.Expr) bool { return o.holds(x, in, object) })
	case filter.Not:
		return !o.holds(x.X, in, object)
	case filter.Present:
		return len(values(o.find(x.Path, in), in, object)) > 0
	case filter.Any:
		a := o.find(x.Path, in)
		return slices.ContainsFunc(values(a, in, object), func(element any) bool {
			return o.holds(x.X, a, element.(map[string]any))
		})
	case filter.Compare:
		a := o.find(x.Path, in)
		if x.Value == nil {
			return (x.Op == filter.Eq) == (len(values(a, in, object)) == 0)
		}
		a = valueOf(a)
		op := x.Op
		if op == filter.Ne {
			op = filter.Eq
		}
		some := slices.ContainsFunc(values(a, in, object), func(v any) bool { return meets(a, v, op, literal(x.Value)) })
		return some == (x.Op != filter.Ne)
	}
	return false
}

// values returns all values that a has in object, which is a resource or, unless it is nil, an element of in.
func values(a, in *schema.Attribute, object map[string]any) []any {
	path := a.Path
	if in != nil {
		path = path[len(in.Path):]
	}
	found := []any{object}
	for _, name := range path {
		var next []any
		for _, v := range found {
			switch v := v.(map[string]any)[name].(type) {
			case nil:
			case []any:
				next = append(next, v...)
			default:
				next = append(next, v)
			}
		}
		found = next
	}
	return found
}

// meets compares one value with a literal that suits its type.
func meets(a *schema.Attribute, v any, op filter.Op, literal string) bool {
	switch {
	case a.String() == "meta.version":
		return ordered(number(aTag.FindStringSubmatch(v.(string))[1]), op, number(aTag.FindStringSubmatch(literal)[1]))
	case a.Type == schema.Boolean:
		return strings.EqualFold(strconv.FormatBool(v.(bool)), literal)
	case a.Type == schema.DateTime:
		is, _ := schema.ParseTime(v.(string))
		than, _ := schema.ParseTime(literal)
		return ordered(is.UnixMilli(), op, than.UnixMilli())
	case a.Type == schema.Integer, a.Type == schema.Decimal:
		return ordered(v.(float64), op, number(literal))
	}
	is, than := v.(string), literal
	if !a.CaseExact || a.Name == "schemas" { // URNs have no case
		is, than = directory.Key(is), directory.Key(than)
	}
	switch op {
	case filter.Co:
		return strings.Contains(is, than)
	case filter.Sw:
		return strings.HasPrefix(is, than)
	case filter.Ew:
		return strings.HasSuffix(is, than)
	}
	return ordered(is, op, than)
}

func number(s string) float64 {
	n, _ := strconv.ParseFloat(s, 64)
	return n
}

func ordered[T cmp.Ordered](is T, op filter.Op, than T) bool {
	switch op {
	case filter.Eq:
		return is == than
	case filter.Gt:
		return is > than
	case filter.Ge:
		return is >= than
	case filter.Lt:
		return is < than
	case filter.Le:
		return is <= than
	}
	return false
}
