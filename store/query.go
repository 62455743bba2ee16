package store

import (
	"fmt"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
)

// Identities answers q: what answers show of the identities of the page (see IdentityShown), in a stable order, and how many
// there are in all.
func (tx *Tx) Identities(q directory.Query) (page []directory.Identity, total int64, err error) {
	c := compiler{d: tx.d, row: "i", columns: map[directory.Column]string{
		directory.ID: "i.id", directory.UserName: "i.user_name_key", directory.ExternalID: "i.external_id", directory.Active: "i.active",
		directory.Created: "i.created", directory.Modified: "i.modified", directory.Version: "i.version",
	}}
	where, err := c.query(q)
	if err != nil {
		return nil, 0, err
	}
	total, err = tx.page(q, "identity i "+where, c.args, func(pageOf string, args []any) (int, error) {
		page, err = tx.identitiesShown(`select `+shownColumns+` from `+pageOf, args...)
		return len(page), err
	})
	return page, total, err
}

// Groups answers q as Identities does.
func (tx *Tx) Groups(q directory.Query) (page []directory.Group, total int64, err error) {
	c := compiler{d: tx.d, row: "g", columns: map[directory.Column]string{
		directory.ID: "g.id", directory.DisplayName: "g.name_key", directory.ExternalID: "g.external_id",
		directory.Created: "g.created", directory.Modified: "g.modified", directory.Version: "g.version",
	}}
	where, err := c.query(q)
	if err != nil {
		return nil, 0, err
	}
	total, err = tx.page(q, "grp g "+where, c.args, func(pageOf string, args []any) (int, error) {
		page, err = tx.groups(`select `+groupColumns+` from `+pageOf, args...)
		return len(page), err
	})
	return page, total, err
}

// page reads one page by read, and counts all results only where the page does not tell how many there are.
func (tx *Tx) page(q directory.Query, from string, args []any, read func(pageOf string, args []any) (int, error)) (total int64, err error) {
	if q.Limit > 0 {
		n := len(args)
		got, err := read(fmt.Sprintf("%s order by row_id limit $%d offset $%d", from, n+1, n+2), append(args[:n:n], int64(q.Limit), int64(q.Offset)))
		if err != nil {
			return 0, err
		}
		if got < q.Limit && (got > 0 || q.Offset == 0) {
			return int64(q.Offset + got), nil
		}
	}
	_, err = tx.get("select count(*) from "+from, args, &total)
	return total, err
}

// compiler turns a condition into SQL, with what dialect says of JSON.
type compiler struct {
	d       *dialect
	row     string // alias of the table asked
	columns map[directory.Column]string
	args    []any
	depth   int
}

func (c *compiler) arg(v any) string {
	c.args = append(c.args, v)
	return fmt.Sprintf("$%d", len(c.args))
}

func (c *compiler) query(q directory.Query) (string, error) {
	where := "where " + c.row + ".connection = " + c.arg(int64(q.Connection))
	if q.Where == nil {
		return where, nil
	}
	cond, err := c.cond(q.Where, c.row+".search", false)
	return where + " and " + cond, err
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
	switch f.Column {
	case directory.Members:
		return "(exists (select 1 from member m where m.grp = " + c.row + ".row_id) or exists (select 1 from nesting n where n.parent = " + c.row + ".row_id))", nil
	case directory.MemberOf:
		return "exists (select 1 from member m where m.identity = " + c.row + ".row_id)", nil
	}
	left, err := c.field(f, doc, element)
	return "(" + left + " is not null)", err
}

func (c *compiler) compare(x directory.Compare, doc string, element bool) (string, error) {
	switch x.Field.Column {
	case directory.Members:
		id, err := c.operator("x.id", x.Op, x.Value)
		return c.row + ".row_id in (select m.grp from identity x join member m on m.identity = x.row_id where " + id +
			" union all select n.parent from grp x join nesting n on n.child = x.row_id where " + id + ")", err
	case directory.MemberOf:
		id, err := c.operator("x.id", x.Op, x.Value)
		return c.row + ".row_id in (with recursive down (grp) as (select x.row_id from grp x where " + id +
			" union select n.child from down join nesting n on n.parent = down.grp) select m.identity from down join member m on m.grp = down.grp)", err
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
	if column, ok := c.columns[f.Column]; ok {
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
		return "(length(" + left + ") >= length(" + right + ") and substr(" + left + ", length(" + left + ") - length(" + right + ") + 1) = " + right + ")", nil
	}
	return "", fmt.Errorf("operator %d is unknown", op)
}
