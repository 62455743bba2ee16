package filter

import (
	"reflect"
	"strings"
	"testing"
)

func TestParsePath_readsWhatIdentityProvidersSend(t *testing.T) {
	in := func(name string, where Expr, sub string) Target { return Target{attr(name), where, sub} }
	ent := func(name, sub string) Target { return Target{Path: Path{enterprise, name, sub}} }
	checkPath(t, []goodPath{
		{"a name", `displayName`, Target{Path: attr("displayName")}},
		{"a nickname", `nickName`, Target{Path: attr("nickName")}},
		{"the identifier of the sender", `externalId`, Target{Path: attr("externalId")}},
		{"the switch that Entra disables with", `active`, Target{Path: attr("active")}},
		{"members", `members`, Target{Path: attr("members")}},
		{"roles", `roles`, Target{Path: attr("roles")}},
		{"a manager without its URN", `manager`, Target{Path: attr("manager")}},
		{"a sub-attribute", `name.givenName`, Target{Path: sub("name", "givenName")}},
		{"another sub-attribute", `name.familyName`, Target{Path: sub("name", "familyName")}},
		{"an attribute of the enterprise user", enterprise + `:department`, ent("department", "")},
		{"its number", enterprise + `:employeeNumber`, ent("employeeNumber", "")},
		{"its manager", enterprise + `:manager`, ent("manager", "")},
		{"its manager's value", enterprise + `:manager.value`, ent("manager", "value")},
		{"the work address", `emails[type eq "work"].value`, in("emails", work, "value")},
		{"the mobile number", `phoneNumbers[type eq "mobile"].value`, in("phoneNumbers", eq("type", "mobile"), "value")},
		{"the formatted address", `addresses[type eq "work"].formatted`, in("addresses", work, "formatted")},
		{"the primary role, its boolean in quotes", `roles[primary eq "True"].value`, in("roles", eq("primary", "True"), "value")},
		{"one member", `members[value eq "u1"]`, in("members", eq("value", "u1"), "")},
		{"a schema of a test", `urn:ietf:params:scim:schemas:extension:msfttest:2.0:User:x`, Target{Path: Path{"urn:ietf:params:scim:schemas:extension:msfttest:2.0:User", "x", ""}}},
	})
}

func TestParsePath_readsTheWholeGrammar(t *testing.T) {
	home := And{eq("type", "home"), Not{pr("primary")}}
	checkPath(t, []goodPath{
		{"a URN before brackets", core + `:emails[type eq "home" and not (primary pr)].value`, Target{Path{core, "emails", ""}, home, "value"}},
		{"a URN before a sub-attribute", core + `:name.givenName`, Target{Path: Path{core, "name", "givenName"}}},
		{"a reference", `members[value eq "u1"].$ref`, Target{attr("members"), eq("value", "u1"), "$ref"}},
		{"a filter with or", `members[value eq "u1" or value eq "u2"]`, Target{attr("members"), Or{eq("value", "u1"), eq("value", "u2")}, ""}},
		{"blanks around and inside", `  emails [ type eq "work" ]  `, Target{attr("emails"), work, ""}},
		{"case as written", `NAME.GIVENNAME`, Target{Path: sub("NAME", "GIVENNAME")}},
		{"a keyword, which is a name here", `not`, Target{Path: attr("not")}},
		{"a URN alone", enterprise, Target{Path: Path{"urn:ietf:params:scim:schemas:extension:enterprise:2.0", "User", ""}}},
		{"a URN alone that ends with its version", `urn:scim:schemas:core:1.0`, Target{Path: Path{"urn:scim:schemas:core", "1", "0"}}},
		{"a URN alone that lacks its last colon", `urn:ietf:params:scim:schemas:extension:enterprise:2.0User`, Target{Path: Path{"urn:ietf:params:scim:schemas:extension:enterprise", "2", "0User"}}},
	})
}

func TestParsePath_refuses(t *testing.T) {
	terms := "a[b pr" + strings.Repeat(" or b pr", MaxTerms) + "]"
	checkBad(t, func(s string) error { _, err := ParsePath(s); return err }, []bad{
		{"nothing", ``, 0, errName},
		{"only blanks", `  `, 2, errName},
		{"a slash", `/members`, 0, errName},
		{"a path of JSON", `members/0`, 0, errName},
		{"two names", `members displayName`, 8, errEnd},
		{"a filter", `userName eq "x"`, 9, errEnd},
		{"three names", `a.b.c`, 0, errName},
		{"a dot at the end", `name.`, 0, errName},
		{"a name that begins with a digit", `1a`, 0, errName},
		{"a URN without a name", core + `:`, 43, errName},
		{"a colon at the start", `:members`, 0, errURN},
		{"empty brackets", `members[]`, 8, errName},
		{"an index", `members[0]`, 8, errName},
		{"a value alone", `members["u1"]`, 8, errName},
		{"a filter without value", `members[value eq]`, 16, errValue},
		{"brackets that stay open", `members[value eq "u1"`, 7, errOpen},
		{"a bracket too many", `members[value eq "u1"]]`, 22, errEnd},
		{"a string that stays open", `members[value eq "u1]`, 17, errUnquote},
		{"brackets in brackets", `a[b[c pr]]`, 3, errPlain},
		{"a dot in brackets", `emails[emails.type eq "work"]`, 7, errPlain},
		{"brackets behind a sub-attribute", `a.b[c pr]`, 3, errSubPath},
		{"brackets without a name", `[type eq "work"].value`, 0, errName},
		{"two brackets", `a[b pr][c pr]`, 7, errEnd},
		{"a name without a dot behind brackets", `a[b pr]c`, 7, errEnd},
		{"nothing behind the dot", `a[b pr].`, 8, errSub},
		{"two names behind brackets", `a[b pr].c.d`, 8, errSub},
		{"a comparison behind brackets", `a[b pr].c eq "x"`, 10, errEnd},
		{"a NUL", "members\x00", 0, errName},
		{"invalid UTF-8", "members\xff", 7, errUTF8},
		{"33 levels", "a[" + strings.Repeat("(", MaxDepth), MaxDepth + 1, errDepth},
		{"65 terms", terms, 8*MaxTerms + 4, errTerms},
		{"4,097 bytes", strings.Repeat("a", MaxBytes+1), MaxBytes, errLength},
	})
}

func TestPath_StringIsAsWritten(t *testing.T) {
	for _, s := range []string{"userName", "name.givenName", core, core + ":name.givenName", "urn:x:1.0"} {
		if got, err := ParsePath(s); err != nil || got.Path.String() != s {
			t.Errorf("%s became %s, %v", s, got.Path, err)
		}
	}
}

type goodPath struct {
	name, in string
	want     Target
}

func checkPath(t *testing.T, cases []goodPath) {
	t.Helper()
	for _, c := range cases {
		for _, in := range []string{c.in, targetText(c.want)} {
			got, err := ParsePath(in)
			if err != nil {
				t.Errorf("%s: %s: %v", c.name, in, err)
			} else if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %s:\n got %#v\nwant %#v", c.name, in, got, c.want)
			}
		}
	}
}
