package store

import (
	"fmt"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
)

// compiler turns a condition into SQL, with what dialect says of JSON.
type compiler struct {
	d       *dialect
	t       *table
	args    []any
	depth   int
	related bool // inside an Element of rows: its column is the id of the row x
}

func (c *compiler) arg(v any) string {
	c.args = append(c.args, v)
	return fmt.Sprintf("$%d", len(c.args))
}

// cond compiles x; doc is the document that paths begin in, and element says that it is a value of jsonEach.
func (c *compiler) cond(x directory.Cond, doc string, element bool) (string, error) {
	switch x := x.(type) {
	case directory.And:
		return c.all(x, " and ", doc, element)
	case directory.Or:
		return c.all(x, " or ", doc, element)
	case directory.Not:
		s, err := c.cond(x.X, doc, element)
		return "not coalesce(" + s + ", false)", err
	case directory.Element:
		if x.Column != directory.InSearch {
			return c.relation(x)
		}
		c.depth++
		e := fmt.Sprintf("e%d", c.depth)
		from := c.d.jsonEach(doc, c.arg(c.d.jsonPath(x.Path)), e)
		s, err := c.cond(x.Where, e+".value", true)
		return "exists (select 1 from " + from + " where " + s + ")", err
	case directory.Present:
		return c.present(x.Field, doc, element)
	case directory.Compare:
		return c.compare(x, doc, element)
	}
	return "", fmt.Errorf("condition %T is unknown", x)
}

// relation compiles a condition on one of the members of a group, or on one of the groups that an identity is in.
func (c *compiler) relation(x directory.Element) (string, error) {
	c.related = true
	s, err := c.cond(x.Where, "", false)
	c.related = false
	if x.Column == directory.MemberOf {
		return "exists (" + upward("select m.grp from member m where m.identity = "+c.t.row+".row_id") +
			"select 1 from up join grp x on x.row_id = up.grp where " + s + ")", err
	}
	return "(exists (select 1 from member m join identity x on x.row_id = m.identity where m.grp = " + c.t.row + ".row_id and " + s +
		") or exists (select 1 from nesting n join grp x on x.row_id = n.child where n.parent = " + c.t.row + ".row_id and " + s + "))", err
}

func (c *compiler) all(xs []directory.Cond, glue, doc string, element bool) (string, error) {
	if len(xs) == 0 {
		return map[string]string{" and ": "(1 = 1)", " or ": "(1 = 0)"}[glue], nil
	}
	parts := make([]string, len(xs))
	for i, x := range xs {
		s, err := c.cond(x, doc, element)
		if err != nil {
			return "", err
		}
		parts[i] = s
	}
	return "(" + strings.Join(parts, glue) + ")", nil
}

func (c *compiler) present(f directory.Field, doc string, element bool) (string, error) {
	switch {
	case c.related:
		return "(1 = 1)", nil
	case f.Column == directory.Members:
		return "(exists (select 1 from member m where m.grp = " + c.t.row + ".row_id) or " +
			"exists (select 1 from nesting n where n.parent = " + c.t.row + ".row_id))", nil
	case f.Column == directory.MemberOf:
		return "exists (select 1 from member m where m.identity = " + c.t.row + ".row_id)", nil
	}
	left, err := c.field(f, doc, element)
	return "(" + left + " is not null)", err
}

func (c *compiler) compare(x directory.Compare, doc string, element bool) (string, error) {
	switch {
	case c.related:
		return c.operator("x.id", x.Op, x.Value)
	case x.Field.Column == directory.Members:
		id, err := c.operator("x.id", x.Op, x.Value)
		return c.t.row + ".row_id in (select m.grp from identity x join member m on m.identity = x.row_id where " + id +
			" union all select n.parent from grp x join nesting n on n.child = x.row_id where " + id + ")", err
	case x.Field.Column == directory.MemberOf:
		id, err := c.operator("x.id", x.Op, x.Value)
		return c.t.row + ".row_id in (" + downward("select x.row_id from grp x where "+id) +
			"select m.identity from down join member m on m.grp = down.grp)", err
	}
	left, err := c.field(x.Field, doc, element)
	if err != nil {
		return "", err
	}
	if _, text := x.Value.(string); !text && x.Field.Column == directory.InSearch {
		left = c.d.number(left) // a truth value is kept as text there
	}
	return c.operator(left, x.Op, x.Value)
}

func (c *compiler) field(f directory.Field, doc string, element bool) (string, error) {
	if f.Column == directory.InSearch {
		if element && len(f.Path) == 0 {
			return c.d.jsonScalar(doc), nil
		}
		return c.d.jsonText(doc, c.arg(c.d.jsonPath(f.Path))), nil
	}
	if column, ok := c.t.columns[f.Column]; ok {
		return column, nil
	}
	return "", fmt.Errorf("column %d is unknown here", f.Column)
}

// operator compiles left op value. Where left is null it is null, which counts as false, also to not; coalesce here would hide
// the column from its index.
func (c *compiler) operator(left string, op directory.Op, value any) (string, error) {
	text, isText := value.(string)
	right := ""
	switch value := value.(type) {
	case string:
		right = "cast(" + c.arg(text) + " as text)"
	case bool:
		right = c.arg(value)
	case int64:
		right = "cast(" + c.arg(value) + " as bigint)"
	case float64:
		right = "cast(" + c.arg(value) + " as double precision)"
	default:
		return "", fmt.Errorf("value %T cannot be compared", value)
	}
	if op == directory.Eq {
		return left + " = " + right, nil
	}
	order := map[directory.Op]string{directory.Gt: ">", directory.Ge: ">=", directory.Lt: "<", directory.Le: "<="}
	if sign, ok := order[op]; ok {
		if isText {
			left += c.d.collate
		}
		return left + " " + sign + " " + right, nil
	}
	if !isText {
		return "", fmt.Errorf("operator %d needs a text", op)
	}
	switch op {
	case directory.Co:
		return c.d.instr(left, right) + " > 0", nil
	case directory.Sw:
		return "substr(" + left + ", 1, length(" + right + ")) = " + right, nil
	case directory.Ew:
		return "(length(" + left + ") >= length(" + right + ") and " +
			"substr(" + left + ", length(" + left + ") - length(" + right + ") + 1) = " + right + ")", nil
	}
	return "", fmt.Errorf("operator %d is unknown", op)
}
