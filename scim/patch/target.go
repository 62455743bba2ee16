package patch

import (
	"strings"

	"github.com/rollcall-id/rollcall/scim/filter"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// target is what a path names.
type target struct {
	attr  *schema.Attribute // nil: nothing that the schema knows
	where *selection        // the filter in brackets; nil: none
	sub   *schema.Attribute // of the values of a multi-valued attribute; nil: the values themselves
}

func (t target) String() string {
	if t.sub != nil {
		return t.sub.String()
	}
	return t.attr.String()
}

// readOnly reports whether t, or what it is part of, cannot be written.
func (t target) readOnly() bool {
	a := t.attr
	if t.sub != nil {
		a = t.sub
	}
	for ; a != nil; a = a.Parent {
		if a.Mutability == schema.ReadOnly {
			return true
		}
	}
	return false
}

// target finds what path names. An attribute that the schema does not know gives an empty target.
func (p *parser) target(path string) (target, error) {
	a := p.resource.Lookup(path)
	if a == nil && !strings.Contains(path, "[") {
		_, err := filter.ParsePath(path)
		return target{}, badPath(err)
	}
	if a != nil {
		if a.Parent != nil && a.Parent.MultiValued {
			return target{attr: a.Parent, sub: a}, nil
		}
		return target{attr: a}, nil
	}
	parsed, err := filter.ParsePath(path)
	if err != nil {
		return target{}, badPath(err)
	}
	a = p.resource.Lookup(parsed.Path.String())
	if a == nil {
		return target{}, nil
	}
	if !a.MultiValued {
		return target{}, schema.Errorf(schema.InvalidPath, "path: %s has no values to choose from", a)
	}
	t := target{attr: a}
	if parsed.Sub != "" {
		if t.sub = a.Find(parsed.Sub); t.sub == nil {
			return target{}, nil
		}
	}
	t.where, err = selectWhere(a, parsed.Where)
	return t, err
}

func badPath(err error) error {
	if err == nil {
		return nil
	}
	return schema.Errorf(schema.InvalidPath, "path: %v", err)
}
