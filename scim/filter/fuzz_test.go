package filter

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`userName eq "a@x.test"`,
		`externalId eq jyoung`,
		`emails[type eq "work"].value eq "x"`,
		`emails[type eq "work" or type eq "home"].value pr`,
		`not (a pr and b pr) or c.d Ne -1.5e3`,
		`a eq true or b eq False or c eq null`,
		`urn:ietf:params:scim:schemas:core:2.0:User:name.givenName sw "\uD83D\uDE00\n\"\\"`,
		`members[$ref pr and not (value ew "x")]`,
		`((((a pr))))`,
		`a eq "\u0000"`,
		strings.Repeat("(", 40),
		"a eq \"\xff\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x, err := Parse(s)
		if err != nil {
			checkError(t, s, err)
			return
		}
		n := 0
		checkTree(t, x, false, &n)
		checkTerms(t, n)
		again, err := Parse(text(x))
		if !longer(s, text(x)) && err != nil || err == nil && !reflect.DeepEqual(x, again) {
			t.Errorf("%q is %#v,\nits text %q is %#v, %v", s, x, text(x), again, err)
		}
	})
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{
		`members`,
		`name.givenName`,
		`members[value eq "u1"]`,
		`emails[type eq "work"].value`,
		`roles[primary eq "True"].value`,
		`a[not (b pr) and (c eq x or d gt 1)].$ref`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value`,
		`urn:scim:schemas:core:1.0`,
		`a[b pr].`,
		"\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := ParsePath(s)
		if err != nil {
			checkError(t, s, err)
			return
		}
		checkAttr(t, target.Path)
		if target.Where != nil {
			n := 0
			checkTree(t, Any{target.Path, target.Where}, false, &n)
			checkTerms(t, n)
		} else if strings.TrimSpace(s) != target.Path.String() {
			t.Errorf("%q became %q", s, target.Path)
		}
		again, err := ParsePath(targetText(target))
		if !longer(s, targetText(target)) && err != nil || err == nil && !reflect.DeepEqual(target, again) {
			t.Errorf("%q is %#v,\nits text %q is %#v, %v", s, target, targetText(target), again, err)
		}
	})
}

func TestParse_readsTheTextOfEveryTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := tree(3, false).Draw(t, "tree")
		got, err := Parse(text(x))
		if err != nil || !reflect.DeepEqual(got, x) {
			t.Fatalf("%s: got %#v, %v", text(x), got, err)
		}
	})
}

// tree makes trees of a depth up to n, for the inside of a value path or for the outside.
func tree(n int, element bool) *rapid.Generator[Expr] {
	path := rapid.Custom(func(t *rapid.T) Path {
		p := Path{Attr: rapid.StringMatching(`[a-z$][A-Za-z0-9_$-]{3,6}`).Draw(t, "attr")}
		if !element {
			p.URN = rapid.SampledFrom([]string{"", "", core}).Draw(t, "urn")
			p.Sub = rapid.SampledFrom([]string{"", "", "value", "$ref"}).Draw(t, "sub")
		}
		return p
	})
	present := rapid.Custom(func(t *rapid.T) Expr { return Present{path.Draw(t, "path")} })
	quoted := rapid.Map(rapid.StringN(0, 8, -1), func(s string) any { return strings.ReplaceAll(s, "\x00", "") })
	compare := rapid.Custom(func(t *rapid.T) Expr {
		return Compare{
			Path:  path.Draw(t, "path"),
			Op:    Op(rapid.Uint8Range(uint8(Eq), uint8(Le)).Draw(t, "op")),
			Value: rapid.OneOf(rapid.SampledFrom([]any{true, false, nil, Number("-1.5")}), quoted).Draw(t, "value"),
		}
	})
	if n == 0 {
		return rapid.OneOf(present, compare)
	}
	below := tree(n-1, element)
	not := rapid.Map(below, func(x Expr) Expr { return Not{x} })
	and := rapid.Map(rapid.SliceOfN(below, 2, 3), func(xs []Expr) Expr {
		var all And
		for _, x := range xs {
			all = appendAnd(all, x)
		}
		return all
	})
	or := rapid.Map(rapid.SliceOfN(below, 2, 3), func(xs []Expr) Expr {
		var all Or
		for _, x := range xs {
			all = appendOr(all, x)
		}
		return all
	})
	if element {
		return rapid.OneOf(compare, not, and, or)
	}
	valuePath := rapid.Custom(func(t *rapid.T) Expr {
		p := path.Draw(t, "path")
		p.Sub = ""
		return Any{p, tree(n-1, true).Draw(t, "element")}
	})
	return rapid.OneOf(compare, not, and, or, valuePath)
}

// longer tells whether the text of a tree may pass a limit that s kept: it has blanks that s may lack, and parentheses
// where s has a name behind its brackets.
func longer(s, text string) bool {
	return len(text) > MaxBytes || strings.Count(text, "(") > strings.Count(s, "(")
}

func checkError(t *testing.T, s string, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Pos < 0 || e.Pos > len(s) || e.Msg == "" {
		t.Errorf("%q: %#v", s, err)
	}
}

func checkTerms(t *testing.T, n int) {
	t.Helper()
	if n < 1 || n > MaxTerms {
		t.Errorf("%d terms", n)
	}
}

func checkAttr(t *testing.T, p Path) {
	t.Helper()
	if p.Attr == "" {
		t.Error("a path without a name")
	}
}

// checkTree checks what the types of a tree promise, and adds its terms to n.
func checkTree(t *testing.T, x Expr, element bool, n *int) {
	t.Helper()
	switch x := x.(type) {
	case And:
		checkList[And](t, x, element, n)
	case Or:
		checkList[Or](t, x, element, n)
	case Not:
		checkTree(t, x.X, element, n)
	case Any:
		checkAttr(t, x.Path)
		if element || x.Path.Sub != "" {
			t.Errorf("a value path at %q", x.Path)
		}
		checkTree(t, x.X, true, n)
	case Present:
		checkTermPath(t, x.Path, element, n)
	case Compare:
		checkTermPath(t, x.Path, element, n)
		if s, ok := x.Value.(string); ok && (!utf8.ValidString(s) || strings.Contains(s, "\x00")) || x.Bare && !ok {
			t.Errorf("value %#v", x.Value)
		}
	default:
		t.Errorf("%T in the tree", x)
	}
}

func checkList[Same Expr](t *testing.T, xs []Expr, element bool, n *int) {
	t.Helper()
	if len(xs) < 2 {
		t.Errorf("a list of %d", len(xs))
	}
	for _, x := range xs {
		if _, ok := x.(Same); ok {
			t.Errorf("%T in %T", x, x)
		}
		checkTree(t, x, element, n)
	}
}

func checkTermPath(t *testing.T, p Path, element bool, n *int) {
	t.Helper()
	*n++
	checkAttr(t, p)
	if element && p != attr(p.Attr) {
		t.Errorf("%q in brackets", p)
	}
}
