package schema

// Search derives from a document what filters compare: the same names and the same nesting, strings that compare without case
// folded by fold, booleans as "true" and "false", times in milliseconds since 1970. Multi-valued attributes are lists. Values of an
// extension that was removed are in it too, for the day when it is added again.
func (r *Resource) Search(doc map[string]any, fold func(string) string) map[string]any {
	out := searchObject(r.Root, doc, fold)
	for urn, a := range r.removed {
		if object, ok := doc[urn].(map[string]any); ok {
			out[urn] = searchObject(a, object, fold)
		}
	}
	return out
}

func searchObject(a *Attribute, object map[string]any, fold func(string) string) map[string]any {
	out := make(map[string]any, len(object))
	for name, v := range object {
		sub := a.Find(name)
		if sub == nil {
			continue
		}
		list, ok := v.([]any)
		if !ok {
			out[sub.Name] = searchValue(sub, v, fold)
			continue
		}
		values := make([]any, len(list))
		for i, v := range list {
			values[i] = searchValue(sub, v, fold)
		}
		out[sub.Name] = values
	}
	return out
}

func searchValue(a *Attribute, v any, fold func(string) string) any {
	switch v := v.(type) {
	case map[string]any:
		return searchObject(a, v, fold)
	case bool:
		if v {
			return "true"
		}
		return "false"
	case string:
		if a.Type == DateTime {
			if t, err := ParseTime(v); err == nil {
				return t.UnixMilli()
			}
		}
		if !a.CaseExact {
			return fold(v)
		}
	}
	return v
}
