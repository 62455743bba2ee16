package bulk

import (
	"strings"

	"github.com/rollcall-id/rollcall/scim/schema"
)

const prefix = "bulkId:"

// Made is a resource that an operation has made.
type Made struct {
	ID       string
	Location string // its URL
}

// reference returns the bulkId that a text is, bulkId:x, or that a $ref ends in, /Users/bulkId:x.
func reference(name, text string) (id string, found bool) {
	if id, found = strings.CutPrefix(text, prefix); found {
		return id, true
	}
	if strings.EqualFold(name, "$ref") {
		_, id, found = strings.Cut(text, "/"+prefix)
	}
	return id, found
}

// each calls fn with every bulkId that v, the value of the member called name, refers to. inMembers says that the reference
// makes something a member of a group.
func each(name string, v any, inMembers bool, fn func(id string, inMembers bool)) {
	switch v := v.(type) {
	case string:
		if id, ok := reference(name, v); ok {
			fn(id, inMembers)
		}
	case []any:
		for _, v := range v {
			each(name, v, inMembers, fn)
		}
	case map[string]any:
		for name, v := range v {
			folded := strings.ToLower(name)
			each(name, v, inMembers || folded == "members" || strings.HasSuffix(folded, ":members"), fn)
		}
	}
}

// Resolve returns the step with ids and URLs in place of its references; the step itself is not changed. Errors: *schema.Error,
// InvalidValue, for a reference to what this request did not make, or not yet.
func (s *Step) Resolve(made map[string]Made) (Step, error) {
	resolved := *s
	if len(s.Needs) == 0 {
		return resolved, nil
	}
	for _, id := range s.Needs {
		if _, ok := made[id]; !ok {
			return resolved, schema.Errorf(schema.InvalidValue, "a bulkId that it refers to is of no resource that this request made")
		}
	}
	if id, ok := strings.CutPrefix(s.ID, prefix); ok {
		resolved.ID = made[id].ID
	}
	if s.Data != nil {
		resolved.Data = put("", s.Data, made).(map[string]any)
	}
	return resolved, nil
}

// put returns a copy of v with what was made in place of the references.
func put(name string, v any, made map[string]Made) any {
	switch v := v.(type) {
	case string:
		id, ok := reference(name, v)
		switch {
		case !ok:
			return v
		case strings.EqualFold(name, "$ref"):
			return made[id].Location
		}
		return made[id].ID
	case []any:
		list := make([]any, len(v))
		for n := range v {
			list[n] = put(name, v[n], made)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, v := range v {
			object[name] = put(name, v, made)
		}
		return object
	}
	return v
}

// split divides a value, that of the member called name, into what can be written at once and what refers to one of later; nil
// for nothing. A container, which is a resource or an extension, is divided by its members and a list by its elements; any other
// object is written as a whole.
func split(name string, v any, container bool, later map[string]bool) (now, rest any) {
	waits := false
	each(name, v, false, func(id string, _ bool) { waits = waits || later[id] })
	if !waits {
		return v, nil
	}
	switch v := v.(type) {
	case []any:
		var here, there []any
		for _, v := range v {
			if now, rest := split(name, v, false, later); rest == nil {
				here = append(here, now)
			} else {
				there = append(there, rest)
			}
		}
		if here == nil {
			return nil, there
		}
		return here, there
	case map[string]any:
		if !container {
			return nil, v
		}
		here, there := map[string]any{}, map[string]any{}
		for name, v := range v {
			now, rest := split(name, v, strings.Contains(name, ":"), later)
			if now != nil || rest == nil {
				here[name] = now
			}
			if rest != nil {
				there[name] = rest
			}
		}
		return here, there
	}
	return nil, v
}
