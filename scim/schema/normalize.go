package schema

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Normalize makes the document to store of the body of a POST or PUT: what the client may write, under canonical names.
//
// It is lenient towards what IdPs send: names in any case, core attributes nested under the core URN, dotted names, booleans
// as strings, one value where a list belongs, a string for a complex value. Ignored are unknown attributes and schemas, and
// read-only attributes. Null, an empty string, an empty object and an empty list are no value. What can never be returned, such
// as a password, is checked and dropped. Of several values that are primary the last one is.
//
// Errors: *Error, InvalidValue for a value of the wrong type, a control character or a required attribute that is missing,
// InvalidSyntax for an attribute that is given twice.
func (r *Resource) Normalize(body map[string]any) (map[string]any, error) {
	doc := make(map[string]any, len(body))
	if err := r.normalizeInto(doc, r.Root, body); err != nil {
		return nil, err
	}
	r.Root.Tidy(doc) // parts of a complex attribute may have come one by one
	if err := r.Root.complete(doc); err != nil {
		return nil, err
	}
	return doc, nil
}

// normalizeInto reads the attributes of from, which is the resource or an extension of it.
func (r *Resource) normalizeInto(doc map[string]any, from *Attribute, body map[string]any) error {
	for key, v := range body {
		a := from.Find(key)
		if a == nil && from.IsResource() {
			a = r.Lookup(key)
		}
		if a == nil || v == nil || a.Mutability == ReadOnly {
			continue
		}
		if a.IsResource() || a.IsExtension() {
			if v == "" {
				continue
			}
			object, ok := v.(map[string]any)
			if !ok {
				return Errorf(InvalidValue, "%s: must be an object", key)
			}
			if err := r.normalizeInto(doc, a, object); err != nil {
				return err
			}
			continue
		}
		value, err := a.Normalize(v)
		if err != nil {
			return err
		}
		if value == nil || a.Dropped() || a.Parent.MultiValued {
			continue
		}
		if err := put(doc, a, value); err != nil {
			return err
		}
	}
	return nil
}

// put stores value where a belongs. A complex attribute may come in parts.
func put(doc map[string]any, a *Attribute, value any) error {
	for _, name := range a.Path[:len(a.Path)-1] {
		inner, ok := doc[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			doc[name] = inner
		}
		doc = inner
	}
	old, taken := doc[a.Name]
	if !taken {
		doc[a.Name] = value
		return nil
	}
	into, ok := old.(map[string]any)
	parts, isObject := value.(map[string]any)
	if !ok || !isObject {
		return Errorf(InvalidSyntax, "%s: is given twice", a)
	}
	for name, v := range parts {
		if _, taken := into[name]; taken {
			return Errorf(InvalidSyntax, "%s.%s: is given twice", a, name)
		}
		into[name] = v
	}
	return nil
}

// complete refuses an object, a value of a, in which an attribute that is required is missing, at any depth.
func (a *Attribute) complete(object map[string]any) error {
	if err := a.lacks(object); err != nil {
		return err
	}
	for name, v := range object {
		if inner, ok := v.(map[string]any); ok {
			if err := a.Find(name).complete(inner); err != nil {
				return err
			}
		}
	}
	return nil
}

// lacks refuses an object, a value of a, in which a sub-attribute that is required is missing.
func (a *Attribute) lacks(object map[string]any) error {
	for _, sub := range a.Sub {
		if _, ok := object[sub.Name]; !ok && sub.Required && sub.Mutability != ReadOnly {
			return Errorf(InvalidValue, "%s: is required", sub)
		}
	}
	return nil
}

// Normalize returns v as it is stored: a string, bool or float64, a map of canonical names to such, or a list of these; nil when
// v is no value. It is as lenient as Resource.Normalize.
//
// Errors: *Error, InvalidValue.
func (a *Attribute) Normalize(v any) (any, error) {
	if !a.MultiValued {
		// Entra sends a manager as a list of one.
		if list, ok := v.([]any); ok && a.Type == Complex {
			switch len(list) {
			case 0:
				return nil, nil
			case 1:
				v = list[0]
			default:
				return nil, Errorf(InvalidValue, "%s: must be a single value", a)
			}
		}
		return a.NormalizeOne(v)
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if len(list) > MaxValues && !a.unbounded {
		return nil, Errorf(InvalidValue, "%s: has more than %d values", a, MaxValues)
	}
	values := make([]any, 0, len(list))
	for _, v := range list {
		v, err := a.NormalizeOne(v)
		if err != nil {
			return nil, err
		}
		if v != nil {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return nil, nil
	}
	onePrimary(values)
	return values, nil
}

// onePrimary makes every value but the last primary one not primary.
func onePrimary(values []any) {
	found := false
	for i := len(values) - 1; i >= 0; i-- {
		if m, ok := values[i].(map[string]any); ok && m["primary"] == true {
			if found {
				m["primary"] = false
			}
			found = true
		}
	}
}

// NormalizeOne is Normalize for one value of an attribute.
func (a *Attribute) NormalizeOne(v any) (any, error) {
	if v == nil || v == "" {
		return nil, nil
	}
	switch a.Type {
	case Complex:
		return a.object(v)
	case Boolean:
		return a.boolean(v)
	case Integer, Decimal:
		n, ok := v.(float64)
		if !ok || a.Type == Integer && (n != math.Trunc(n) || math.Abs(n) > maxInteger) {
			return nil, Errorf(InvalidValue, "%s: must be a number of type %s", a, a.Type)
		}
		return n, nil
	}
	s, ok := v.(string)
	if !ok {
		return nil, Errorf(InvalidValue, "%s: must be a string", a)
	}
	if a.Type == DateTime {
		if _, err := ParseTime(s); err != nil {
			return nil, Errorf(InvalidValue, "%s: must be a date and time such as 2008-01-23T04:56:22Z", a)
		}
	}
	return s, a.checkText(s)
}

func (a *Attribute) object(v any) (any, error) {
	from, ok := v.(map[string]any)
	if s, isString := v.(string); isString && a.Find("value") != nil {
		from, ok = map[string]any{"value": s}, true
	}
	if !ok {
		return nil, Errorf(InvalidValue, "%s: must be an object", a)
	}
	to := make(map[string]any, len(from))
	for key, v := range from {
		sub := a.Find(key)
		if sub == nil || sub.Mutability == ReadOnly {
			continue
		}
		v, err := sub.Normalize(v)
		if err != nil {
			return nil, err
		}
		if v == nil || sub.Dropped() {
			continue
		}
		if _, taken := to[sub.Name]; taken {
			return nil, Errorf(InvalidSyntax, "%s: is given twice", sub)
		}
		to[sub.Name] = v
	}
	if a.hollow(to) {
		return nil, nil
	}
	if err := a.complete(to); err != nil {
		return nil, err
	}
	return to, nil
}

// Tidy returns v, a value or the values of a, without the objects and lists that say nothing: those that are empty, and those
// that only describe a value that is not there, such as an e-mail with a type and no address, or a manager with a $ref and no
// value. It changes v, and returns nil if nothing is left.
func (a *Attribute) Tidy(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if sub := a.Find(name); sub != nil && (sub.MultiValued || sub.Type == Complex) {
				if inner = sub.Tidy(inner); inner == nil {
					delete(v, name)
				} else {
					v[name] = inner
				}
			}
		}
		if a.hollow(v) {
			return nil
		}
	case []any:
		v = slices.DeleteFunc(v, func(inner any) bool { return a.Tidy(inner) == nil })
		if len(v) == 0 {
			return nil
		}
		return v
	}
	return v
}

func (a *Attribute) hollow(object map[string]any) bool {
	for name := range object {
		describes := a.MultiValued && (name == "type" || name == "primary") || name == "$ref" && a.Find("value") != nil
		if !describes {
			return false
		}
	}
	return true
}

// boolean accepts strings, which Entra sends.
func (a *Attribute) boolean(v any) (any, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		if strings.EqualFold(v, "true") {
			return true, nil
		}
		if strings.EqualFold(v, "false") {
			return false, nil
		}
	}
	return nil, Errorf(InvalidValue, "%s: must be true or false", a)
}

// maxInteger is the largest number below which each whole one is kept exactly, and written without an exponent.
const maxInteger = 1 << 53

// MaxText is the most bytes of one text.
const MaxText = 32 << 10

func (a *Attribute) checkText(s string) error {
	if len(s) > MaxText {
		return Errorf(InvalidValue, "%s: has more than %d bytes", a, MaxText)
	}
	if !utf8.ValidString(s) {
		return Errorf(InvalidValue, "%s: is not valid UTF-8", a)
	}
	for _, r := range s {
		if unicode.IsControl(r) && !(a.multiline && (r == '\n' || r == '\r' || r == '\t')) {
			return Errorf(InvalidValue, "%s: contains the control character U+%04X", a, r)
		}
	}
	return nil
}

// ParseTime reads a dateTime with any number of fractional digits; without a zone it is UTC.
//
// RFC 7643, section 2.3.5.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		if local, err := time.Parse("2006-01-02T15:04:05", s); err == nil {
			return local, nil
		}
	}
	return t, err
}
