package schema

import (
	"slices"
	"strings"
)

// Projection says which attributes of a resource the client wants to see. The zero Projection is what is returned by default.
//
// RFC 7644, section 3.9.
type Projection struct {
	resource *Resource
	only     map[*Attribute]bool // asked for: true as a whole, false in parts; nil when everything is
	without  map[*Attribute]bool
}

// Projection reads the parameters attributes and excludedAttributes, lists with commas. Names that nobody knows are ignored.
// When both are there, what is excluded is taken from what is asked for.
func (r *Resource) Projection(attributes, excluded string) Projection {
	p := Projection{resource: r}
	if attributes == "" && excluded == "" {
		return p
	}
	if strings.TrimSpace(attributes) != "" {
		p.only = map[*Attribute]bool{}
		for _, a := range r.list(attributes) {
			p.only[a] = true
			for up := a.Parent; up != nil; up = up.Parent {
				p.only[up] = p.only[up] || false
			}
		}
		if p.only[r.Root] {
			p.only = nil
		}
	}
	for _, a := range r.list(excluded) {
		if a.Returned == Always || a.IsResource() {
			continue
		}
		if p.without == nil {
			p.without = map[*Attribute]bool{}
		}
		p.without[a] = true
	}
	return p
}

func (r *Resource) list(names string) []*Attribute {
	var all []*Attribute
	for name := range strings.SplitSeq(names, ",") {
		if a := r.Lookup(strings.TrimSpace(name)); a != nil {
			all = append(all, a)
		}
	}
	return all
}

// Default reports whether the client asked for nothing in particular.
func (p Projection) Default() bool { return p.only == nil && p.without == nil }

// Whole reports whether a resource is returned as it is stored.
func (p Projection) Whole() bool { return p.Default() && (p.resource == nil || !p.resource.hides) }

// Wants reports whether any part of the attribute at path may be returned, so that what is costly to find is not looked for.
func (p Projection) Wants(path string) bool {
	if p.resource == nil {
		return true
	}
	a := p.resource.Lookup(path)
	if a == nil || a.IsResource() {
		return true
	}
	for up := a; up != nil; up = up.Parent {
		if p.without[up] {
			return false
		}
	}
	if a.Returned == Always || p.only == nil && a.Returned != OnRequest {
		return true
	}
	if _, asked := p.only[a]; asked {
		return true
	}
	for up := a.Parent; up != nil; up = up.Parent {
		if p.only[up] {
			return true
		}
	}
	return false
}

// Apply removes from a resource as it would be returned what the client did not ask for or may not see. What is always
// returned stays.
func (p Projection) Apply(resource map[string]any) {
	if p.resource == nil {
		return
	}
	for urn := range p.resource.removed {
		delete(resource, urn)
	}
	p.apply(p.resource.Root, resource, p.only == nil, false)
}

// apply cuts object, which is a value of a. All of it is wanted when whole; named says that the client asked for it by name.
func (p Projection) apply(a *Attribute, object map[string]any, whole, named bool) {
	for name, v := range object {
		sub := a.Find(name)
		if sub == nil {
			continue
		}
		all, asked := p.only[sub]
		byName := named || all
		wanted := (whole || byName) && !p.without[sub]
		switch {
		case sub.Returned == Never:
			delete(object, name)
			continue
		case sub.Returned == Always:
			wanted = true
		case sub.IsExtension() && sub.Returned != OnRequest: // it may have what is always returned
		case p.without[sub], sub.Returned == OnRequest && !byName && !asked, !wanted && !asked:
			delete(object, name)
			continue
		}
		if sub.Type != Complex {
			continue
		}
		if list, ok := v.([]any); ok {
			left := p.applyToAll(sub, list, wanted, byName)
			if object[name] = left; len(left) == 0 && len(list) > 0 {
				delete(object, name)
			}
		} else if inner, ok := v.(map[string]any); ok {
			if p.apply(sub, inner, wanted, byName && !p.without[sub]); len(inner) == 0 {
				delete(object, name)
			}
		}
	}
}

// applyToAll cuts the values of the complex attribute a and returns those of which something is left.
func (p Projection) applyToAll(a *Attribute, values []any, whole, named bool) []any {
	return slices.DeleteFunc(values, func(v any) bool {
		object, ok := v.(map[string]any)
		if ok {
			p.apply(a, object, whole, named)
		}
		return ok && len(object) == 0
	})
}
