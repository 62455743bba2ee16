package filter

import (
	"fmt"
	"strings"
)

// text writes x as a filter that Parse reads as x again.
func text(x Expr) string {
	switch x := x.(type) {
	case And:
		return join(x, " and ")
	case Or:
		return join(x, " or ")
	case Not:
		return "not (" + text(x.X) + ")"
	case Compare:
		return x.Path.String() + " " + x.Op.String() + " " + literal(x.Value, x.Bare)
	case Present:
		return x.Path.String() + " pr"
	case Any:
		return x.Path.String() + "[" + text(x.X) + "]"
	}
	panic(fmt.Sprintf("%T is no filter", x))
}

func join(parts []Expr, word string) string {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = text(part)
		if _, ok := part.(Or); ok {
			texts[i] = "(" + texts[i] + ")"
		}
	}
	return strings.Join(texts, word)
}

func literal(v any, bare bool) string {
	if v == nil {
		return "null"
	}
	s, ok := v.(string)
	if !ok || bare {
		return fmt.Sprint(v)
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

// targetText writes t as a path that ParsePath reads as t again.
func targetText(t Target) string {
	s := t.Path.String()
	if t.Where != nil {
		s += "[" + text(t.Where) + "]"
	}
	if t.Sub != "" {
		s += "." + t.Sub
	}
	return s
}
