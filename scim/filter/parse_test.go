package filter

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

const (
	core       = "urn:ietf:params:scim:schemas:core:2.0:User"
	enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

func attr(name string) Path     { return Path{Attr: name} }
func sub(name, sub string) Path { return Path{Attr: name, Sub: sub} }
func pr(name string) Expr       { return Present{attr(name)} }
func eq(name string, v any) Expr {
	return Compare{Path: attr(name), Op: Eq, Value: v}
}

var work = eq("type", "work")

func TestParse_readsWhatIdentityProvidersSend(t *testing.T) {
	check(t, []good{
		{"Entra and Okta match a user", `userName eq "a@x.test"`, eq("userName", "a@x.test")},
		{"Ping capitalises the operator", `userName Eq "a@x.test"`, eq("userName", "a@x.test")},
		{"Ping lowers the attribute", `username Eq "a"`, eq("username", "a")},
		{"Ping searches an address", `email Co "x.test"`, Compare{Path: attr("email"), Op: Co, Value: "x.test"}},
		{"Entra matches by externalId", `externalId eq "e1"`, eq("externalId", "e1")},
		{
			"Entra leaves the quotes out", `externalId eq jyoung`,
			Compare{Path: attr("externalId"), Op: Eq, Value: "jyoung", Bare: true},
		},
		{"Entra matches by the work address", `emails[type eq "work"].value eq "x"`, Any{attr("emails"), And{work, eq("value", "x")}}},
		{"Entra and Okta match a group", `displayName eq "Ops"`, eq("displayName", "Ops")},
		{"Entra checks a manager", `id eq "u1" and manager eq "u2"`, And{eq("id", "u1"), eq("manager", "u2")}},
		{"Entra checks a member", `id eq "g1" and members eq "u1"`, And{eq("id", "g1"), eq("members", "u1")}},
		{"a boolean comes in quotes", `roles[primary eq "True"].value eq "r"`, Any{attr("roles"), And{eq("primary", "True"), eq("value", "r")}}},
		{
			"an extension is named in full", enterprise + `:manager.value eq "x"`,
			Compare{Path: Path{enterprise, "manager", "value"}, Op: Eq, Value: "x"},
		},
	})
}

// The examples of RFC 7644, section 3.4.2.2.
func TestParse_readsTheExamplesOfTheRFC(t *testing.T) {
	user := eq("userType", "Employee")
	com := Compare{Path: attr("emails"), Op: Co, Value: "example.com"}
	org := Compare{Path: sub("emails", "value"), Op: Co, Value: "example.org"}
	modified := func(op Op) Expr {
		return Compare{Path: sub("meta", "lastModified"), Op: op, Value: "2011-05-13T04:42:34Z"}
	}
	at := Compare{Path: attr("value"), Op: Co, Value: "@example.com"}
	im := And{eq("type", "xmpp"), Compare{Path: attr("value"), Op: Co, Value: "@foo.com"}}
	check(t, []good{
		{"equal", `userName eq "bjensen"`, eq("userName", "bjensen")},
		{"a sub-attribute contains", `name.familyName co "O'Malley"`, Compare{Path: sub("name", "familyName"), Op: Co, Value: "O'Malley"}},
		{"starts with", `userName sw "J"`, Compare{Path: attr("userName"), Op: Sw, Value: "J"}},
		{"a URN", core + `:userName sw "J"`, Compare{Path: Path{core, "userName", ""}, Op: Sw, Value: "J"}},
		{"present", `title pr`, pr("title")},
		{"greater than a time", `meta.lastModified gt "2011-05-13T04:42:34Z"`, modified(Gt)},
		{"greater than or equal to a time", `meta.lastModified ge "2011-05-13T04:42:34Z"`, modified(Ge)},
		{"less than a time", `meta.lastModified lt "2011-05-13T04:42:34Z"`, modified(Lt)},
		{"less than or equal to a time", `meta.lastModified le "2011-05-13T04:42:34Z"`, modified(Le)},
		{"and", `title pr and userType eq "Employee"`, And{pr("title"), user}},
		{"or", `title pr or userType eq "Intern"`, Or{pr("title"), eq("userType", "Intern")}},
		{"a schema", `schemas eq "` + enterprise + `"`, eq("schemas", enterprise)},
		{
			"parentheses", `userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")`,
			And{user, Or{com, org}},
		},
		{
			"not", `userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")`,
			And{Compare{Path: attr("userType"), Op: Ne, Value: "Employee"}, Not{Or{com, org}}},
		},
		{
			"a group with one term", `userType eq "Employee" and (emails.type eq "work")`,
			And{user, Compare{Path: sub("emails", "type"), Op: Eq, Value: "work"}},
		},
		{
			"a value path", `userType eq "Employee" and emails[type eq "work" and value co "@example.com"]`,
			And{user, Any{attr("emails"), And{work, at}}},
		},
		{
			"two value paths", `emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]`,
			Or{Any{attr("emails"), And{work, at}}, Any{attr("ims"), im}},
		},
	})
}

func TestParse_bindsNotBeforeAndBeforeOr(t *testing.T) {
	a, b, c, d := pr("a"), pr("b"), pr("c"), pr("d")
	check(t, []good{
		{"and before or, and on the left", `a pr and b pr or c pr`, Or{And{a, b}, c}},
		{"and before or, and on the right", `a pr or b pr and c pr`, Or{a, And{b, c}}},
		{"and on both sides of or", `a pr and b pr or c pr and d pr`, Or{And{a, b}, And{c, d}}},
		{"and between two or", `a pr or b pr and c pr or d pr`, Or{a, And{b, c}, d}},
		{"parentheses before and", `(a pr or b pr) and c pr`, And{Or{a, b}, c}},
		{"not before and", `not (a pr) and b pr`, And{Not{a}, b}},
		{"not before or", `not (a pr) or b pr`, Or{Not{a}, b}},
		{"not of a group", `not (a pr and b pr or c pr)`, Not{Or{And{a, b}, c}}},
		{"not of not", `not (not (a pr))`, Not{Not{a}}},
		{"a chain of and is one And", `a pr and b pr and c pr`, And{a, b, c}},
		{"a chain of or is one Or", `a pr or b pr or c pr`, Or{a, b, c}},
		{"an and inside an and is the same And", `(a pr and b pr) and (c pr and d pr)`, And{a, b, c, d}},
		{"an or inside an or is the same Or", `a pr or (b pr or (c pr or d pr))`, Or{a, b, c, d}},
		{"parentheses around one term are nothing", `(((a pr)))`, a},
	})
}

func TestParse_readsValuePaths(t *testing.T) {
	value, home := pr("value"), eq("type", "home")
	check(t, []good{
		{"presence behind the bracket", `emails[type eq "work"].value pr`, Any{attr("emails"), And{work, value}}},
		{"an and goes on behind the bracket", `emails[type eq "work" and primary eq true].value pr`, Any{attr("emails"), And{work, eq("primary", true), value}}},
		{"an or is one condition of it", `emails[type eq "work" or type eq "home"].value pr`, Any{attr("emails"), And{Or{work, home}, value}}},
		{"not inside", `emails[not (type eq "work")]`, Any{attr("emails"), Not{work}}},
		{"parentheses inside", `emails[(type eq "work" or type eq "home") and value pr]`, Any{attr("emails"), And{Or{work, home}, value}}},
		{"not around", `not (emails[value pr])`, Not{Any{attr("emails"), value}}},
		{"a URN before it", core + `:emails[type eq "work"]`, Any{Path{core, "emails", ""}, work}},
		{"a URN before and a name behind it", core + `:emails[type eq "work"].value pr`, Any{Path{core, "emails", ""}, And{work, value}}},
		{"a reference", `members[$ref pr].$ref pr`, Any{attr("members"), And{pr("$ref"), pr("$ref")}}},
		{"terms after it", `emails[value pr] and a pr`, And{Any{attr("emails"), value}, pr("a")}},
		{"names with a dot are free again behind it", `emails[value pr] and name.givenName pr`, And{Any{attr("emails"), value}, Present{sub("name", "givenName")}}},
		{"two of them behind brackets", `emails[type eq "work"].value pr or ims[value pr]`, Or{Any{attr("emails"), And{work, value}}, Any{attr("ims"), value}}},
		{"blanks in the brackets", `emails[ type eq "work" ]`, Any{attr("emails"), work}},
		{"a blank before the bracket", `emails [type eq "work"]`, Any{attr("emails"), work}},
	})
}

func TestParse_readsNamesAsWritten(t *testing.T) {
	check(t, []good{
		{"case is kept", `USERNAME pr`, pr("USERNAME")},
		{"the case of a URN is kept", `URN:IETF:Params:2.0:USER:Name.GivenName pr`, Present{Path{"URN:IETF:Params:2.0:USER", "Name", "GivenName"}}},
		{"digits, hyphens and underscores", `x-509_b2 pr`, pr("x-509_b2")},
		{"a dollar", `$ref pr`, pr("$ref")},
		{"a dollar in a sub-attribute", `members.$ref pr`, Present{sub("members", "$ref")}},
		{"a name that begins like a keyword", `android pr and order pr and nothing pr`, And{pr("android"), pr("order"), pr("nothing")}},
		{"a name that is an operator", `eq eq "x"`, eq("eq", "x")},
		{"a name that is a literal", `true pr`, pr("true")},
		{"a keyword with a URN", `urn:x:not pr`, Present{Path{"urn:x", "not", ""}}},
		{"a URN that is not of the IETF", `urn:okta:acme_1:1.0:user:custom:badge pr`, Present{Path{"urn:okta:acme_1:1.0:user:custom", "badge", ""}}},
		{"a URI that is no URN", `http://x.test/2.0/User:badge pr`, Present{Path{"http://x.test/2.0/User", "badge", ""}}},
		{"a URN without a word behind its version", `urn:scim:schemas:extension:enterprise:1.0:department pr`, Present{Path{"urn:scim:schemas:extension:enterprise:1.0", "department", ""}}},
	})
}

func TestParse_readsWordsWithoutCase(t *testing.T) {
	check(t, []good{
		{"and", `a pr AND b pr`, And{pr("a"), pr("b")}},
		{"or", `a pr Or b pr`, Or{pr("a"), pr("b")}},
		{"not", `NOT (a pr)`, Not{pr("a")}},
		{"pr", `a PR`, pr("a")},
		{"true", `active eq True`, eq("active", true)},
		{"false", `active eq FALSE`, eq("active", false)},
		{"null", `a eq Null`, eq("a", nil)},
	})
	for op := Eq; op <= Le; op++ {
		want := Compare{Path: attr("a"), Op: op, Value: "x"}
		check(t, []good{
			{"operator " + op.String(), `a ` + op.String() + ` "x"`, want},
			{"operator " + strings.ToUpper(op.String()), `a ` + strings.ToUpper(op.String()) + ` "x"`, want},
		})
	}
}

func TestParse_readsLiterals(t *testing.T) {
	bare := func(s string) Expr { return Compare{Path: attr("a"), Op: Eq, Value: s, Bare: true} }
	check(t, []good{
		{"true", `a eq true`, eq("a", true)},
		{"false", `a eq false`, eq("a", false)},
		{"null", `a eq null`, eq("a", nil)},
		{"a quoted true is a string", `a eq "true"`, eq("a", "true")},
		{"the empty string", `a eq ""`, eq("a", "")},
		{"a string with blanks and brackets", `a eq " ( [ ] ) and "`, eq("a", " ( [ ] ) and ")},
		{"every short escape", `a eq "\"\\\/\b\f\n\r\t"`, eq("a", "\"\\/\b\f\n\r\t")},
		{"an escape between other text", `a eq "x\"y\\z"`, eq("a", `x"y\z`)},
		{"an escaped letter", `a eq "Zo\u00eB"`, eq("a", "Zoë")},
		{"an escaped control character", `a eq "\u0001"`, eq("a", "\x01")},
		{"a surrogate pair", `a eq "\uD83D\ude00!"`, eq("a", "😀!")},
		{"an escaped replacement character", `a eq "\uFFFD"`, eq("a", "\uFFFD")},
		{"text that is not ASCII", `a eq "田中 😀 \uFFFD"`, eq("a", "田中 😀 \uFFFD")},
		{"a replacement character as sent", "a eq \"\uFFFD\"", eq("a", "\uFFFD")},
		{"an integer", `a eq 12`, eq("a", Number("12"))},
		{"zero", `a eq 0`, eq("a", Number("0"))},
		{"a negative number", `a eq -1`, eq("a", Number("-1"))},
		{"a fraction", `a eq 0.50`, eq("a", Number("0.50"))},
		{"an exponent", `a eq 1.5E-3`, eq("a", Number("1.5E-3"))},
		{"a signed exponent", `a eq 1e+3`, eq("a", Number("1e+3"))},
		{"more digits than a float has", `a eq 12345678901234567890`, eq("a", Number("12345678901234567890"))},
		{"a word", `a eq jyoung`, bare("jyoung")},
		{"an address", `a eq j.young+1@x.test`, bare("j.young+1@x.test")},
		{"a time", `a eq 2011-05-13T04:42:34Z`, bare("2011-05-13T04:42:34Z")},
		{"digits that are no number", `a eq 007`, bare("007")},
		{"a minus alone", `a eq -`, bare("-")},
		{"a number that breaks off", `a eq 1.`, bare("1.")},
		{"an exponent that breaks off", `a eq 1e`, bare("1e")},
		{"a signed exponent that breaks off", `a eq 1e+`, bare("1e+")},
		{"a GUID that begins like a number", `a eq 1e5f-77`, bare("1e5f-77")},
		{"letters that are not ASCII", `a eq Zoë`, bare("Zoë")},
		{"a word with an apostrophe", `a eq O'Malley`, bare("O'Malley")},
		{"a word that is an operator", `a eq pr`, bare("pr")},
		{"a word that only looks like false", `a eq falſe`, bare("falſe")},
		{"a word before a parenthesis", `(a eq x)`, bare("x")},
		{"a word before a bracket", `b[a eq x]`, Any{attr("b"), bare("x")}},
	})
}

func TestParse_toleratesBlanks(t *testing.T) {
	two := And{eq("a", "x"), pr("b")}
	check(t, []good{
		{"around everything", `   a   eq   "x"   and   b   pr   `, two},
		{"inside parentheses", `(  a eq "x"  ) and ( b pr )`, two},
		{"none around parentheses", `(a eq "x")and(b pr)`, two},
		{"none around a string", `a eq"x"and b pr`, two},
		{"none behind not", `not(a pr)`, Not{pr("a")}},
		{"several behind not", `not   (a pr)`, Not{pr("a")}},
	})
}

func TestParse_refuses(t *testing.T) {
	long := `userName eq "` + strings.Repeat("x", MaxBytes) + `"`
	checkBad(t, func(s string) error { _, err := Parse(s); return err }, []bad{
		{"nothing", ``, 0, errName},
		{"only blanks", `   `, 3, errName},
		{"a name alone", `userName`, 8, errOp},
		{"a name and a value", `userName "x"`, 9, errOp},
		{"an unknown operator", `userName equals "x"`, 9, errOp},
		{"an operator that only looks like one", `userName ſw "x"`, 9, errOp},
		{"an equals sign", `userName = "x"`, 9, errOp},
		{"an equals sign without blanks", `userName="x"`, 0, errName},
		{"no value", `userName eq`, 11, errValue},
		{"no value before and", `userName eq and a pr`, 12, errValue},
		{"no value before or", `userName eq OR a pr`, 12, errValue},
		{"not as a value", `userName eq not (a pr)`, 12, errValue},
		{"no value before a parenthesis", `(userName eq)`, 12, errValue},
		{"a parenthesis as a value", `userName eq ("x")`, 12, errValue},
		{"a value behind pr", `title pr "x"`, 9, errLogic},
		{"a string of two words without quotes", `displayName eq Pat Lee`, 19, errLogic},
		{"a parenthesis in a string without quotes", `displayName eq Ops(1)`, 18, errLogic},
		{"two terms without and", `a pr b pr`, 5, errLogic},
		{"a string behind a string", `a eq "x" "y"`, 9, errLogic},
		{"and at the start", `and a pr`, 0, errName},
		{"or at the start", `or a pr`, 0, errName},
		{"and at the end", `a pr and`, 8, errName},
		{"or at the end", `a pr or `, 8, errName},
		{"and twice", `a pr and and b pr`, 9, errName},
		{"and then or", `a pr and or b pr`, 9, errName},
		{"not without parentheses", `not a pr`, 4, errNot},
		{"not alone", `not`, 3, errNot},
		{"not with nothing in it", `not ()`, 5, errName},
		{"empty parentheses", `()`, 1, errName},
		{"a parenthesis that stays open", `(a pr`, 0, errOpen},
		{"the inner one of two stays open", `(a pr and (b pr`, 10, errOpen},
		{"a parenthesis too many", `a pr)`, 4, errClose},
		{"a closing parenthesis alone", `)`, 0, errName},
		{"a bracket closes a parenthesis", `(a pr]`, 5, errClose},
		{"a parenthesis closes a bracket", `emails[a pr)`, 11, errClose},
		{"empty brackets", `emails[]`, 7, errName},
		{"brackets that stay open", `emails[type eq "work"`, 6, errOpen},
		{"brackets without a name", `[type eq "work"]`, 0, errName},
		{"a bracket too many", `emails[type eq "work"]]`, 22, errClose},
		{"brackets in brackets", `a[b[c pr]]`, 3, errPlain},
		{"brackets behind a sub-attribute", `a.b[c pr]`, 3, errSubPath},
		{"a dot in brackets", `emails[emails.type eq "work"]`, 7, errPlain},
		{"a URN in brackets", `emails[` + core + `:type eq "work"]`, 50, errPlain},
		{"a dot alone behind brackets", `emails[type pr].`, 16, errSub},
		{"a blank behind the dot", `emails[type pr]. value pr`, 16, errSub},
		{"two names behind brackets", `emails[type pr].a.b pr`, 16, errSub},
		{"brackets behind brackets", `emails[type pr][type pr]`, 15, errLogic},
		{"brackets behind the name behind brackets", `emails[type pr].value[a pr]`, 21, errOp},
		{"a name behind brackets without operator", `emails[type pr].value`, 21, errOp},
		{"an operator behind brackets", `emails[type pr] eq "x"`, 16, errLogic},
		{"a name without blank behind brackets", `emails[type pr]value pr`, 15, errLogic},
		{"three names", `a.b.c pr`, 0, errName},
		{"a dot at the start", `.a pr`, 0, errName},
		{"a dot at the end", `a. pr`, 0, errName},
		{"a name that begins with a digit", `1a pr`, 0, errName},
		{"a sub-attribute that begins with a digit", `a.1 pr`, 0, errName},
		{"a name that begins with a hyphen", `-a pr`, 0, errName},
		{"a name that is not ASCII", `näme pr`, 0, errName},
		{"a string as a name", `"a" eq "x"`, 0, errName},
		{"a sign in a name", `a/b pr`, 0, errName},
		{"a URN without a name", core + `: pr`, 43, errName},
		{"a colon at the start", `:a pr`, 0, errURN},
		{"a URN that begins with a digit", `2.0:a pr`, 0, errURN},
		{"a URN that is not ASCII", `urn:ä:a pr`, 0, errURN},
		{"a control character in a URN", "urn:\x01:a pr", 0, errURN},
		{"single quotes", `userName eq 'x'`, 12, errQuotes},
		{"curly quotes", `userName eq “x”`, 12, errQuotes},
		{"a string that stays open", `userName eq "x`, 12, errUnquote},
		{"a string that ends with its escape", `userName eq "x\"`, 12, errUnquote},
		{"a backslash at the end", `userName eq "x\`, 14, errEscape},
		{"an unknown escape", `userName eq "\x41"`, 13, errEscape},
		{"an escape in capitals", `userName eq "\U0041"`, 13, errEscape},
		{"three hexadecimal digits", `userName eq "\u041"`, 13, errEscape},
		{"a sign among the digits", `userName eq "\u+041"`, 13, errEscape},
		{"an escape that breaks off", `userName eq "\u004`, 13, errEscape},
		{"a high half alone", `userName eq "\uD83D"`, 13, errHalf},
		{"a high half before other text", `userName eq "\uD83Dxxxxxx"`, 13, errHalf},
		{"a high half before a letter", `userName eq "\uD83D\u0041"`, 13, errHalf},
		{"a high half before a short escape", `userName eq "\uD83D\n"`, 13, errHalf},
		{"a low half alone", `userName eq "\uDE00"`, 13, errHalf},
		{"the halves swapped", `userName eq "\uDE00\uD83D"`, 13, errHalf},
		{"an escaped NUL", `userName eq "\u0000"`, 13, errNUL},
		{"a NUL in a string", "userName eq \"x\x00\"", 14, errControl},
		{"a NUL outside a string", "userName\x00 pr", 0, errName},
		{"a NUL in a string without quotes", "userName eq x\x00", 13, errControl},
		{"a line feed in a string", "userName eq \"x\ny\"", 14, errControl},
		{"a tab for a blank", "userName\teq \"x\"", 0, errName},
		{"a DEL in a string without quotes", "userName eq x\x7f", 13, errControl},
		{"invalid UTF-8 in a string", "userName eq \"\uFFFD\xff\"", 16, errUTF8},
		{"invalid UTF-8 in a name", "user\xc3 pr", 4, errUTF8},
		{"a surrogate as UTF-8", "userName eq \"\xed\xa0\x80\"", 13, errUTF8},
		{"4,097 bytes and more", long, MaxBytes, errLength},
	})
}

func TestParse_limits(t *testing.T) {
	terms := func(n int) string { return "a pr" + strings.Repeat(" or a pr", n-1) }
	nest := func(open, close string, n int) string {
		return strings.Repeat(open, n) + "a pr" + strings.Repeat(close, n)
	}
	padded := func(n int) string { return `a eq "` + strings.Repeat("x", n-7) + `"` }
	for name, s := range map[string]string{
		"4,096 bytes":                              padded(MaxBytes),
		"64 terms":                                 terms(MaxTerms),
		"64 terms in and behind brackets":          "a[" + terms(MaxTerms-1) + "].a pr",
		"32 parentheses":                           nest("(", ")", MaxDepth),
		"32 nots":                                  nest("not(", ")", MaxDepth),
		"31 parentheses and brackets":              strings.Repeat("(", MaxDepth-1) + "a[b pr]" + strings.Repeat(")", MaxDepth-1),
		"brackets and 31 parentheses":              "b[" + nest("(", ")", MaxDepth-1) + "]",
		"more than 32 pairs beside, not inside":    strings.Repeat("(a pr) and ", MaxDepth+1) + "a pr",
		"more than 32 brackets beside, not inside": strings.Repeat("a[b pr] or ", MaxDepth+1) + "a pr",
	} {
		if _, err := Parse(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	checkBad(t, func(s string) error { _, err := Parse(s); return err }, []bad{
		{"4,097 bytes", padded(MaxBytes + 1), MaxBytes, errLength},
		{"65 terms", terms(MaxTerms + 1), 8*MaxTerms + 2, errTerms},
		{"65 terms in and behind brackets", "a[" + terms(MaxTerms) + "].a pr", 8*MaxTerms + 2, errTerms},
		{"5,000 terms", terms(5000), MaxBytes, errLength},
		{"33 parentheses", nest("(", ")", MaxDepth+1), MaxDepth, errDepth},
		{"33 nots", nest("not(", ")", MaxDepth+1), 4*MaxDepth + 3, errDepth},
		{"33 parentheses that stay open", strings.Repeat("(", MaxDepth+1), MaxDepth, errDepth},
		{"32 parentheses and brackets", strings.Repeat("(", MaxDepth) + "a[b pr]", MaxDepth + 1, errDepth},
		{"brackets and 32 parentheses", "b[" + nest("(", ")", MaxDepth) + "]", MaxDepth + 1, errDepth},
		{"as many parentheses as fit", strings.Repeat("(", MaxBytes), MaxDepth, errDepth},
		{"100,000 parentheses", strings.Repeat("(", 100_000), MaxBytes, errLength},
		{"100,000 nots", strings.Repeat("not(", 100_000), MaxBytes, errLength},
	})
}

func TestError_namesTheLimitsAndThePosition(t *testing.T) {
	for msg, limit := range map[string]int{errLength: MaxBytes, errDepth: MaxDepth, errTerms: MaxTerms} {
		if !strings.Contains(msg, strconv.Itoa(limit)) {
			t.Errorf("%q does not name %d", msg, limit)
		}
	}
	if _, err := Parse("title"); err.Error() != "position 5: "+errOp {
		t.Errorf("got %q", err)
	}
}

func TestParse_allocatesTheTermAndItsStringAlone(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		if _, err := Parse(`userName eq "x@y.z"`); err != nil {
			t.Fatal(err)
		}
	})
	if n > 2 {
		t.Errorf("%v allocations", n)
	}
}

func TestOp_numbersThatAreNoOperatorHaveNoName(t *testing.T) {
	if Op(0).String() != "" || (Le+1).String() != "" {
		t.Error("a name")
	}
}

type good struct {
	name, in string
	want     Expr
}

// check parses each filter, and once more what its tree looks like as text.
func check(t *testing.T, cases []good) {
	t.Helper()
	for _, c := range cases {
		for _, in := range []string{c.in, text(c.want)} {
			got, err := Parse(in)
			if err != nil {
				t.Errorf("%s: %s: %v", c.name, in, err)
			} else if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %s:\n got %#v\nwant %#v", c.name, in, got, c.want)
			}
		}
	}
}

type bad struct {
	name, in string
	pos      int
	msg      string
}

func checkBad(t *testing.T, parse func(string) error, cases []bad) {
	t.Helper()
	for _, c := range cases {
		err := parse(c.in)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %.80q: got %v, want an *Error", c.name, c.in, err)
		} else if *e != (Error{c.pos, c.msg}) {
			t.Errorf("%s: %.80q:\n got %v\nwant %v", c.name, c.in, e, &Error{c.pos, c.msg})
		}
	}
}
