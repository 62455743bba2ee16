package patch

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/filter"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// selection chooses values of a multi-valued attribute: by a filter, or because they were listed.
type selection struct {
	match  func(value any) bool
	cost   int            // comparisons for one value
	seed   map[string]any // what a value has that is made because none matches; nil: none can be made
	filter filter.Expr    // nil: listed
	listed []any
}

// selectListed chooses the values that agree with one of those in v in all that it says.
func selectListed(a *schema.Attribute, v any) (*selection, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	s := &selection{cost: len(list)}
	for _, v := range list {
		want, err := readListed(a, v)
		if err != nil {
			return nil, err
		}
		if !nothing(want) {
			s.listed = append(s.listed, want)
		}
	}
	s.match = func(value any) bool {
		return slices.ContainsFunc(s.listed, func(want any) bool { return agrees(a, value, want) })
	}
	return s, nil
}

// readListed reads one value to be removed. How it is to be displayed, and where it is found, do not tell it from others.
func readListed(a *schema.Attribute, v any) (any, error) {
	if a.Type != schema.Complex {
		return a.NormalizeOne(v)
	}
	parts, err := readParts(a, v)
	if err != nil {
		return nil, err
	}
	want := make(map[string]any, len(parts))
	for name, v := range parts {
		if v != nil && name != "display" && name != "$ref" {
			want[name] = v
		}
	}
	return want, nil
}

// agrees reports whether value is equal to want, or has all that want has.
func agrees(a *schema.Attribute, value, want any) bool {
	if parts, ok := want.(map[string]any); ok {
		object, _ := value.(map[string]any)
		for name, w := range parts {
			if !agrees(a.Find(name), object[name], w) {
				return false
			}
		}
		return true
	}
	x, isString := value.(string)
	y, _ := want.(string)
	if isString && !a.CaseExact {
		return directory.Key(x) == directory.Key(y)
	}
	return reflect.DeepEqual(value, want)
}

// selectWhere chooses the values of a that meet a filter.
func selectWhere(a *schema.Attribute, x filter.Expr) (*selection, error) {
	s := &selection{filter: x}
	var err error
	if s.match, err = s.compile(a, x); err != nil {
		return nil, err
	}
	if a.Type == schema.Complex {
		s.seed = seed(a, x)
	}
	return s, nil
}

// compile makes a function of a filter. A comparison with what is not there is false, and its negation true.
func (s *selection) compile(a *schema.Attribute, x filter.Expr) (func(any) bool, error) {
	switch x := x.(type) {
	case filter.And:
		return s.compileAll(a, x, false)
	case filter.Or:
		return s.compileAll(a, x, true)
	case filter.Not:
		f, err := s.compile(a, x.X)
		return func(v any) bool { return !f(v) }, err
	case filter.Present:
		s.cost++
		sub, err := within(a, x.Path)
		return func(v any) bool { return part(a, sub, v) != nil }, err
	case filter.Compare:
		s.cost++
		sub, err := within(a, x.Path)
		if err != nil {
			return nil, err
		}
		test, err := comparison(sub, x)
		return func(v any) bool { return test(part(a, sub, v)) }, err
	}
	return nil, schema.Errorf(schema.InvalidFilter, "path: this filter is not possible here")
}

// compileAll makes a function that stops at the first operand that gives until.
func (s *selection) compileAll(a *schema.Attribute, operands []filter.Expr, until bool) (func(any) bool, error) {
	all := make([]func(any) bool, len(operands))
	for i, x := range operands {
		var err error
		if all[i], err = s.compile(a, x); err != nil {
			return nil, err
		}
	}
	return func(v any) bool {
		for _, f := range all {
			if f(v) == until {
				return until
			}
		}
		return !until
	}, nil
}

// within finds a name of a filter in brackets. The values of an attribute that is not complex are called value.
func within(a *schema.Attribute, path filter.Path) (*schema.Attribute, error) {
	if a.Type != schema.Complex && strings.EqualFold(path.String(), "value") {
		return a, nil
	}
	if sub := a.Find(path.String()); sub != nil {
		return sub, nil
	}
	return nil, schema.Errorf(schema.InvalidFilter, "path: %s has no sub-attribute of the name in the filter", a)
}

// part returns what of a value of a is called sub; nil for nothing.
func part(a, sub *schema.Attribute, value any) any {
	if a == sub {
		return value
	}
	object, _ := value.(map[string]any)
	return object[sub.Name]
}

// comparison makes the test of one value against the literal of x.
func comparison(a *schema.Attribute, x filter.Compare) (func(any) bool, error) {
	if x.Op == filter.Ne {
		x.Op = filter.Eq
		eq, err := comparison(a, x)
		return func(v any) bool { return !eq(v) }, err
	}
	literal, err := readLiteral(a, x.Value)
	if err != nil {
		return nil, err
	}
	if x.Op == filter.Eq && (literal == nil || a.Type == schema.Boolean) {
		return func(v any) bool { return v == literal }, nil
	}
	switch want := literal.(type) {
	case string:
		return compareStrings(a, x.Op, want), nil
	case float64:
		if test := ordered[float64](x.Op); test != nil {
			return func(v any) bool { n, ok := v.(float64); return ok && test(n, want) }, nil
		}
	case int64:
		if test := ordered[int64](x.Op); test != nil {
			return func(v any) bool {
				s, _ := v.(string)
				t, err := schema.ParseTime(s)
				return err == nil && test(t.UnixMilli(), want)
			}, nil
		}
	}
	return nil, schema.Errorf(schema.InvalidFilter, "path: %s cannot be compared by %s with that", a, x.Op)
}

func compareStrings(a *schema.Attribute, op filter.Op, want string) func(any) bool {
	fold := directory.Key
	if a.CaseExact {
		fold = func(s string) string { return s }
	}
	want = fold(want)
	test := ordered[string](op)
	switch op {
	case filter.Co:
		test = strings.Contains
	case filter.Sw:
		test = strings.HasPrefix
	case filter.Ew:
		test = strings.HasSuffix
	}
	return func(v any) bool { s, ok := v.(string); return ok && test(fold(s), want) }
}

// ordered returns the test that op means for values with an order; nil for an operator of strings.
func ordered[T string | float64 | int64](op filter.Op) func(x, y T) bool {
	switch op {
	case filter.Eq:
		return func(x, y T) bool { return x == y }
	case filter.Gt:
		return func(x, y T) bool { return x > y }
	case filter.Ge:
		return func(x, y T) bool { return x >= y }
	case filter.Lt:
		return func(x, y T) bool { return x < y }
	case filter.Le:
		return func(x, y T) bool { return x <= y }
	}
	return nil
}

// readLiteral returns the literal of a filter as values of a are compared: nil, a bool, float64, string, or int64 for a time.
// Entra compares booleans with strings.
func readLiteral(a *schema.Attribute, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	wrong := schema.Errorf(schema.InvalidFilter, "path: %s is compared with a value of another type", a)
	switch a.Type {
	case schema.Boolean:
		b, err := a.NormalizeOne(v)
		if err != nil || b == nil {
			return nil, wrong
		}
		return b, nil
	case schema.Integer, schema.Decimal:
		n, _ := v.(filter.Number)
		f, err := strconv.ParseFloat(string(n), 64)
		if err != nil {
			return nil, wrong
		}
		return f, nil
	case schema.Complex:
		return nil, wrong
	}
	s := literalText(v)
	if a.Type == schema.DateTime {
		t, err := schema.ParseTime(s)
		if err != nil {
			return nil, wrong
		}
		return t.UnixMilli(), nil
	}
	return s, nil
}

// literalText returns a literal as it was written, for numbers and booleans that stand without quotes where a string belongs.
func literalText(v any) string {
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

// seed returns what the value has that x describes: Entra sends emails[type eq "work"].value for an address that is not there
// yet. It is nil when x leaves open what to make.
func seed(a *schema.Attribute, x filter.Expr) map[string]any {
	switch x := x.(type) {
	case filter.And:
		all := map[string]any{}
		for _, x := range x {
			one := seed(a, x)
			if one == nil {
				return nil
			}
			for name, v := range one {
				if _, taken := all[name]; taken {
					return nil
				}
				all[name] = v
			}
		}
		return all
	case filter.Present:
		return map[string]any{} // what is missing comes with the value
	case filter.Compare:
		sub := a.Find(x.Path.Attr)
		if x.Op != filter.Eq || sub == nil || sub.Mutability == schema.ReadOnly || sub.Dropped() {
			return nil
		}
		v := x.Value
		if sub.Type == schema.String || sub.Type == schema.Reference || sub.Type == schema.Binary {
			v = literalText(v)
		}
		if v, err := sub.NormalizeOne(v); err == nil && v != nil {
			return map[string]any{sub.Name: v}
		}
	}
	return nil
}
