package patch

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-id/rollcall/scim/schema"
)

const two = `{"userName":"a","emails":[{"type":"work","value":"w","primary":true},{"type":"home","value":"h"}]}`

// RFC 7644, section 3.5.2.1.
func TestUser_add(t *testing.T) {
	runAll(t, []userCase{
		{"to a single value replaces it", `{"userName":"a","title":"x"}`, `{"op":"add","path":"title","value":"y"}`, `{"userName":"a","title":"y"}`, ""},
		{"the same value changes nothing", `{"userName":"a","title":"x"}`, `{"op":"add","path":"title","value":"x"}`, "", ""},
		{"nothing clears", `{"userName":"a","title":"x"}`, `{"op":"add","path":"title","value":""}`, bare, ""},
		{"parts of a complex value leaves the others", `{"userName":"a","name":{"givenName":"G"}}`, `{"op":"add","path":"name","value":{"familyName":"F"}}`, `{"userName":"a","name":{"givenName":"G","familyName":"F"}}`, ""},
		{
			"appends to values", two, `{"op":"add","path":"emails","value":[{"value":"o","type":"other"}]}`,
			`{"userName":"a","emails":[{"type":"work","value":"w","primary":true},{"type":"home","value":"h"},{"value":"o","type":"other"}]}`, "",
		},
		{"one value without a list", bare, `{"op":"add","path":"emails","value":{"value":"o"}}`, `{"userName":"a","emails":[{"value":"o"}]}`, ""},
		{"a string to values", bare, `{"op":"add","path":"roles","value":"r"}`, `{"userName":"a","roles":[{"value":"r"}]}`, ""},
		{"an equal value changes nothing", two, `{"op":"add","path":"emails","value":[{"value":"h","type":"home"}]}`, "", ""},
		{"a value twice is one", bare, `{"op":"add","path":"roles","value":["r","r"]}`, `{"userName":"a","roles":[{"value":"r"}]}`, ""},
		{
			"the same value and type completes it", two, `{"op":"add","path":"emails","value":[{"value":"h","type":"home","display":"H"}]}`,
			`{"userName":"a","emails":[{"type":"work","value":"w","primary":true},{"type":"home","value":"h","display":"H"}]}`, "",
		},
		{"an equal address changes nothing", `{"userName":"a","addresses":[{"type":"work","locality":"L"}]}`, `{"op":"add","path":"addresses","value":[{"locality":"L","type":"work"}]}`, "", ""},
		{
			"a primary value takes primary away from another", two, `{"op":"add","path":"emails","value":[{"value":"o","primary":true}]}`,
			`{"userName":"a","emails":[{"type":"work","value":"w","primary":false},{"type":"home","value":"h"},{"value":"o","primary":true}]}`, "",
		},
		{"no values adds none", two, `{"op":"add","path":"emails","value":[]},{"op":"add","path":"emails","value":null}`, "", ""},
		{"to an extension by its URN", `{"userName":"a","ENT":{"division":"V"}}`, `{"op":"add","path":"ENT","value":{"department":"D"}}`, `{"userName":"a","ENT":{"division":"V","department":"D"}}`, ""},
		{"to the resource by its URN", bare, `{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User","value":{"title":"T"}}`, `{"userName":"a","title":"T"}`, ""},
		{"with a URN before a core attribute", bare, `{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User:name.givenName","value":"G"}`, `{"userName":"a","name":{"givenName":"G"}}`, ""},
		{"with names in any case", bare, `{"OP":"ADD","PATH":"TITLE","VALUE":"T"}`, `{"userName":"a","title":"T"}`, ""},
		{"with an empty path", bare, `{"op":"add","path":"","value":{"title":"T"}},{"op":"add","path":null,"value":{"nickName":"N"}}`, `{"userName":"a","title":"T","nickName":"N"}`, ""},
		{"parts that the schema does not know", bare, `{"op":"add","path":"name","value":{"foo":"x"}}`, "", ""},
		{"schemas", bare, `{"op":"add","path":"schemas","value":["ENT"]}`, "", ""},
	})
}

// RFC 7644, section 3.5.2.3.
func TestUser_replace(t *testing.T) {
	runAll(t, []userCase{
		{"values replaces them all", two, `{"op":"replace","path":"emails","value":[{"value":"o"}]}`, `{"userName":"a","emails":[{"value":"o"}]}`, ""},
		{"values by none removes them", two, `{"op":"replace","path":"emails","value":[]}`, bare, ""},
		{"values without path", two, `{"op":"replace","value":{"emails":[{"value":"o"}],"title":"T"}}`, `{"userName":"a","emails":[{"value":"o"}],"title":"T"}`, ""},
		{"parts of a complex value leaves the others", `{"userName":"a","name":{"givenName":"G","familyName":"F"}}`, `{"op":"replace","path":"name","value":{"familyName":"X"}}`, `{"userName":"a","name":{"givenName":"G","familyName":"X"}}`, ""},
		{"a part by nothing removes it", `{"userName":"a","name":{"givenName":"G","familyName":"F"}}`, `{"op":"replace","value":{"name":{"familyName":"","givenName":"H"}}}`, `{"userName":"a","name":{"givenName":"H"}}`, ""},
		{"the last part by nothing removes the whole", `{"userName":"a","name":{"givenName":"G"}}`, `{"op":"replace","path":"name.givenName","value":null}`, bare, ""},
		{"a complex value by nothing", `{"userName":"a","name":{"givenName":"G"}}`, `{"op":"replace","path":"name","value":{}}`, bare, ""},
		{"an extension by nothing", `{"userName":"a","ENT":{"department":"D","manager":{"value":"m"}}}`, `{"op":"replace","path":"ENT","value":{}}`, bare, ""},
		{
			"the values that a filter chooses", two, `{"op":"replace","path":"emails[type eq \"HOME\"]","value":{"value":"x","display":"X"}}`,
			`{"userName":"a","emails":[{"type":"work","value":"w","primary":true},{"type":"home","value":"x","display":"X"}]}`, "",
		},
		{
			"a part of all values", two, `{"op":"replace","path":"emails.display","value":"d"}`,
			`{"userName":"a","emails":[{"type":"work","value":"w","primary":true,"display":"d"},{"type":"home","value":"h","display":"d"}]}`, "",
		},
		{"a part of no values makes one", bare, `{"op":"replace","path":"emails.value","value":"x"}`, `{"userName":"a","emails":[{"value":"x"}]}`, ""},
		{
			"primary moves", two, `{"op":"replace","path":"emails[type eq \"home\"].primary","value":true}`,
			`{"userName":"a","emails":[{"type":"work","value":"w","primary":false},{"type":"home","value":"h","primary":true}]}`, "",
		},
		{"a value by nothing removes it", two, `{"op":"replace","path":"emails[type eq \"home\"].value","value":""}`, `{"userName":"a","emails":[{"type":"work","value":"w","primary":true}]}`, ""},
		{"an element by nothing removes it", two, `{"op":"replace","path":"emails[type eq \"home\"]","value":null}`, `{"userName":"a","emails":[{"type":"work","value":"w","primary":true}]}`, ""},
		{
			"what the filter looks for", two, `{"op":"replace","path":"emails[value eq \"h\"].value","value":"x"},{"op":"replace","path":"emails[value eq \"h\"].value","value":"x"}`,
			`{"userName":"a","emails":[{"type":"work","value":"w","primary":true},{"type":"home","value":"x"}]}`, "",
		},
		{"another spelling", two, `{"op":"replace","path":"emails[value eq \"H\"].value","value":"H"}`, `{"userName":"a","emails":[{"type":"work","value":"w","primary":true},{"type":"home","value":"H"}]}`, ""},
		{"the core URN by nothing", bare, `{"op":"replace","value":{"urn:ietf:params:scim:schemas:core:2.0:User":null}}`, "", ""},
		{"userName", bare, `{"op":"replace","path":"userName","value":"B"}`, `{"userName":"B"}`, ""},
		{"externalId by nothing", `{"userName":"a","externalId":"e"}`, `{"op":"replace","path":"externalId","value":""}`, bare, ""},
		{"in order", bare, `{"op":"replace","path":"title","value":"1"},{"op":"replace","path":"title","value":"2"},{"op":"remove","path":"title"},{"op":"add","path":"title","value":"3"}`, `{"userName":"a","title":"3"}`, ""},
	})
}

// RFC 7644, section 3.5.2.2.
func TestUser_remove(t *testing.T) {
	runAll(t, []userCase{
		{"an attribute", `{"userName":"a","title":"x"}`, `{"op":"remove","path":"title"}`, bare, ""},
		{"what is gone", bare, `{"op":"remove","path":"title"},{"op":"remove","path":"name.givenName"},{"op":"remove","path":"emails"},{"op":"remove","path":"emails[type eq \"work\"]"},
			{"op":"remove","path":"emails[type eq \"work\"].value"},{"op":"remove","path":"ENT"},{"op":"remove","path":"manager.value"}`, "", ""},
		{"a part", `{"userName":"a","name":{"givenName":"G","familyName":"F"}}`, `{"op":"remove","path":"name.givenName"}`, `{"userName":"a","name":{"familyName":"F"}}`, ""},
		{"all values", two, `{"op":"remove","path":"emails"}`, bare, ""},
		{"the values that a filter chooses", two, `{"op":"remove","path":"emails[type eq \"work\"]"}`, `{"userName":"a","emails":[{"type":"home","value":"h"}]}`, ""},
		{"the last value that a filter chooses", two, `{"op":"remove","path":"emails[value pr]"}`, bare, ""},
		{"a part of the values that a filter chooses", two, `{"op":"remove","path":"emails[type eq \"work\"].primary"}`, `{"userName":"a","emails":[{"type":"work","value":"w"},{"type":"home","value":"h"}]}`, ""},
		{"the value of an element", two, `{"op":"remove","path":"emails[type eq \"work\"].value"}`, `{"userName":"a","emails":[{"type":"home","value":"h"}]}`, ""},
		{"values that the body names", two, `{"op":"Remove","path":"emails","value":[{"value":"W"}]}`, `{"userName":"a","emails":[{"type":"home","value":"h"}]}`, ""},
		{"values by type", two, `{"op":"Remove","path":"emails","value":[{"type":"home","display":"x"}]}`, `{"userName":"a","emails":[{"type":"work","value":"w","primary":true}]}`, ""},
		{"values that are not there", two, `{"op":"Remove","path":"emails","value":[{"value":"x"},{"value":"w","type":"home"},"y",{}]}`, "", ""},
		{"no values", two, `{"op":"Remove","path":"emails","value":[]}`, "", ""},
		{"an extension", `{"userName":"a","ENT":{"department":"D"}}`, `{"op":"remove","path":"ENT"}`, bare, ""},
		{"the last attribute of an extension", `{"userName":"a","ENT":{"department":"D"}}`, `{"op":"remove","path":"ENT:department"}`, bare, ""},
		{"active changes nothing", `{"userName":"a","active":false}`, `{"op":"remove","path":"active"},{"op":"replace","path":"active","value":null},{"op":"replace","value":{"active":""}}`, "", ""},
	})
}

func TestUser_refuses(t *testing.T) {
	runAll(t, []userCase{
		{"an unknown op", two, `{"op":"move","path":"title"}`, "", "invalidSyntax operation 1: op: must be add, replace or remove"},
		{"no op", two, `{"path":"title","value":"x"}`, "", "invalidSyntax operation 1: op: must be add, replace or remove"},
		{"an operation that is none", two, `"x"`, "", "invalidSyntax operation 1: must be an object with op, path and value"},
		{"no operation", two, ``, "", "invalidSyntax Operations: must be a list of one or more operations"},
		{"a path that is no string", two, `{"op":"add","path":1,"value":"x"}`, "", "invalidPath operation 1: path: must be a string"},
		{"values of what has one value", two, `{"op":"add","path":"name[givenName eq \"x\"].givenName","value":"x"}`, "", "invalidPath operation 1: path: name has no values to choose from"},
		{"a filter on an unknown name", two, `{"op":"add","path":"emails[foo eq \"x\"].value","value":"x"}`, "", "invalidFilter operation 1: path: emails has no sub-attribute of the name in the filter"},
		{"a filter with an order of booleans", two, `{"op":"remove","path":"emails[primary gt true]"}`, "", "invalidFilter operation 1: path: emails.primary cannot be compared by gt with that"},
		{"a filter with a boolean that is none", two, `{"op":"remove","path":"emails[primary eq \"x\"]"}`, "", "invalidFilter operation 1: path: emails.primary is compared with a value of another type"},
		{"remove without path", two, `{"op":"remove"}`, "", "noTarget operation 1: path: is required to remove something"},
		{"remove of the resource", two, `{"op":"remove","path":"urn:ietf:params:scim:schemas:core:2.0:User"}`, "", "noTarget operation 1: path: is required to remove something"},
		{"add without value", two, `{"op":"add","path":"title"}`, "", "invalidValue operation 1: value: is required"},
		{"replace without value", two, `{"op":"replace"}`, "", "invalidValue operation 1: value: is required"},
		{"a list without path", two, `{"op":"replace","value":[]}`, "", "invalidValue operation 1: value: without a path it must be an object"},
		{"a number for a string", two, `{"op":"replace","path":"title","value":1}`, "", "invalidValue operation 1: title: must be a string"},
		{"an object for a string", two, `{"op":"replace","value":{"title":{"value":"x"}}}`, "", "invalidValue operation 1: title: must be a string"},
		{"a string for a name", two, `{"op":"replace","path":"name","value":"x"}`, "", "invalidValue operation 1: name: must be a single object"},
		{"a number for a part of values", two, `{"op":"replace","path":"emails[type eq \"work\"].value","value":1}`, "", "invalidValue operation 1: emails.value: must be a string"},
		{"NUL", two, `{"op":"replace","path":"title","value":"\u0000"}`, "", "invalidValue operation 1: title: contains the control character U+0000"},
		{"a text for an extension", two, `{"op":"add","path":"ENT","value":"x"}`, "", "invalidValue operation 1: ENT: must be an object"},
		{"the id", two, `{"op":"replace","path":"id","value":"` + self + `"}`, "", "mutability operation 1: id: is read-only"},
		{"another id in a value", two, `{"op":"replace","value":{"id":"x","title":"T"}}`, "", "mutability operation 1: id: is not the id of this resource"},
		{"another id of another type", two, `{"op":"replace","value":{"id":{"x":1}}}`, "", "mutability operation 1: id: is not the id of this resource"},
		{"groups", two, `{"op":"add","path":"groups","value":[{"value":"g"}]}`, "", "mutability operation 1: groups: is read-only"},
		{"a part of groups", two, `{"op":"remove","path":"groups[value eq \"g\"]"}`, "", "mutability operation 1: groups: is read-only"},
		{"a part of meta", two, `{"op":"replace","path":"meta.created","value":"x"}`, "", "mutability operation 1: meta.created: is read-only"},
		{"the name of the manager", two, `{"op":"replace","path":"manager.displayName","value":"x"}`, "", "mutability operation 1: ENT:manager.displayName: is read-only"},
		{"to remove userName", two, `{"op":"remove","path":"userName"}`, "", "mutability operation 1: userName: is required and cannot be removed"},
		{"to empty userName", two, `{"op":"replace","path":"userName","value":""}`, "", "mutability operation 1: userName: is required and cannot be removed"},
		{"to empty userName without path", two, `{"op":"replace","value":{"userName":null}}`, "", "mutability operation 1: userName: is required and cannot be removed"},
		{"all when the last is wrong", two, `{"op":"replace","path":"title","value":"x"},{"op":"remove","path":"emails"},{"op":"add","path":"phoneNumbers[type sw \"x\"].value","value":"1"}`, "", "noTarget path: no value of phoneNumbers meets the filter"},
		{"too many values", two, `{"op":"add","path":"roles","value":[` + strings.Repeat(`"x",`, schema.MaxValues) + `"x"]}`, "", "invalidValue operation 1: roles: has more than 1000 values"},
	})
	for _, path := range []string{"emails[", "emails[type eq]", "a b", "..", "emails[type eq \\\"work\\\"", "name..givenName", "emails[type eq \\\"x\\\"].value.more", strings.Repeat("(", 5000)} {
		_, err := Parse(request(t, `{"op":"replace","path":"`+path+`","value":"x"}`), user, self)
		if !strings.HasPrefix(explain(err), "invalidPath operation 1: path: ") {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestUser_ignores_what_is_read_only_inside_a_value(t *testing.T) {
	userCase{"read-only names", bare, `{"op":"replace","value":{"id":"` + self + `","meta":{"version":"x"},"groups":[],"schemas":[],"title":"T","emails[value eq \"x\"].foo":1}}`, `{"userName":"a","title":"T"}`, ""}.run(t)
}

func TestUser_adding_ends_at_the_limit_of_values(t *testing.T) {
	doc := object(t, bare)
	var list []any
	for i := range schema.MaxValues {
		list = append(list, map[string]any{"value": strings.Repeat("x", i+1)})
	}
	doc["roles"] = list
	ops, err := Parse(request(t, `{"op":"add","path":"roles","value":"one more"}`), user, self)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Apply(doc, ops); explain(err) != "invalidValue roles: would have more than 1000 values" || len(doc["roles"].([]any)) != schema.MaxValues {
		t.Errorf("got %v", err)
	}
}

func TestUser_work_is_bounded(t *testing.T) {
	doc := object(t, bare)
	var list []any
	for i := range schema.MaxValues {
		list = append(list, map[string]any{"display": strings.Repeat("x", i%50+1), "value": strings.Repeat("x", i+1)})
	}
	doc["roles"] = list
	op := `{"op":"remove","path":"roles","value":[` + strings.Repeat(`"y",`, schema.MaxValues-1) + `"y"]}`
	ops, err := Parse(request(t, op+strings.Repeat(","+op, 99)), user, self)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = Apply(doc, ops); explain(err) != "limit Operations: need more than 100000 comparisons" {
		t.Errorf("got %v", err)
	}
}

func TestParse_too_many_operations(t *testing.T) {
	op := map[string]any{"op": "nonsense"}
	list := make([]any, 100_000)
	for i := range list {
		list[i] = op
	}
	_, err := Parse(map[string]any{"operations": list}, user, self)
	if explain(err) != "limit Operations: 100000 operations, and at most 1000 are possible" {
		t.Errorf("got %v", err)
	}
}

func TestUser_filters(t *testing.T) {
	for filter, chosen := range map[string]string{
		`type eq "WORK"`:                     "w",
		`type eq work`:                       "w",
		`type ne "work"`:                     "hx",
		`type eq null`:                       "x",
		`type ne null`:                       "wh",
		`type pr`:                            "wh",
		`not (type pr)`:                      "x",
		`type sw "wo" or value ew "x"`:       "wx",
		`type co "o" and not (value eq "w")`: "h",
		`value gt "h"`:                       "wx",
		`value ge "h" and value le "w"`:      "wh",
		`value lt "i"`:                       "h",
		`primary eq true`:                    "w",
		`primary eq "True"`:                  "w",
		`primary eq false`:                   "h",
		`primary ne true`:                    "hx",
		`display eq 7`:                       "x",
		`(type eq "work" or type eq "home") and value pr`: "wh",
	} {
		doc := object(t, `{"userName":"a","emails":[{"type":"Work","value":"w","primary":true},{"type":"home","value":"h","primary":false},{"value":"x","display":"7"}]}`)
		ops, err := Parse(request(t, `{"op":"remove","path":"emails[`+strings.ReplaceAll(filter, `"`, `\"`)+`]"}`), user, self)
		if err == nil {
			_, err = Apply(doc, ops)
		}
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		left := ""
		list, _ := doc["emails"].([]any)
		for _, v := range list {
			left += v.(map[string]any)["value"].(string)
		}
		for _, c := range chosen {
			if strings.ContainsRune(left, c) || len(left)+len(chosen) != 3 {
				t.Errorf("%s: left %s", filter, left)
			}
		}
	}
}

func badge(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := schema.ParseExtension([]byte(`{"id":"urn:x:Badge","attributes":[
		{"name":"doors","multiValued":true},
		{"name":"visits","type":"complex","multiValued":true,"subAttributes":[{"name":"at","type":"dateTime"},{"name":"floor","type":"integer"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestUser_custom_extension(t *testing.T) {
	r := schema.User(badge(t))
	for _, c := range []struct{ operations, want string }{
		{`{"op":"add","path":"doors","value":["b","C"]}`, `{"doors":["a","b","C"],"visits":[{"at":"2024-01-01T00:00:00Z","floor":1},{"at":"2025-01-01T00:00:00Z","floor":2}]}`},
		{`{"op":"remove","path":"doors[value eq \"A\"]"}`, `{"doors":["b"],"visits":[{"at":"2024-01-01T00:00:00Z","floor":1},{"at":"2025-01-01T00:00:00Z","floor":2}]}`},
		{`{"op":"remove","path":"doors","value":["b","x"]}`, `{"doors":["a"],"visits":[{"at":"2024-01-01T00:00:00Z","floor":1},{"at":"2025-01-01T00:00:00Z","floor":2}]}`},
		{`{"op":"replace","path":"urn:x:badge:doors[value eq \"a\"]","value":"z"}`, `{"doors":["z","b"],"visits":[{"at":"2024-01-01T00:00:00Z","floor":1},{"at":"2025-01-01T00:00:00Z","floor":2}]}`},
		{`{"op":"replace","path":"doors[value eq \"y\"]","value":"z"}`, `{"doors":["a","b","z"],"visits":[{"at":"2024-01-01T00:00:00Z","floor":1},{"at":"2025-01-01T00:00:00Z","floor":2}]}`},
		{`{"op":"replace","path":"doors[value sw \"a\"]","value":""}`, `{"doors":["b"],"visits":[{"at":"2024-01-01T00:00:00Z","floor":1},{"at":"2025-01-01T00:00:00Z","floor":2}]}`},
		{`{"op":"remove","path":"visits[at lt \"2024-06-01T00:00:00Z\"]"}`, `{"doors":["a","b"],"visits":[{"at":"2025-01-01T00:00:00Z","floor":2}]}`},
		{`{"op":"remove","path":"visits[floor ge 2]"}`, `{"doors":["a","b"],"visits":[{"at":"2024-01-01T00:00:00Z","floor":1}]}`},
		{`{"op":"replace","path":"visits[floor eq 2].at","value":null}`, `{"doors":["a","b"],"visits":[{"at":"2024-01-01T00:00:00Z","floor":1},{"floor":2}]}`},
	} {
		doc := object(t, `{"userName":"a","urn:x:Badge":{"doors":["a","b"],"visits":[{"at":"2024-01-01T00:00:00Z","floor":1},{"at":"2025-01-01T00:00:00Z","floor":2}]}}`)
		ops, err := Parse(request(t, c.operations), r, self)
		if err == nil {
			_, err = Apply(doc, ops)
		}
		if err != nil || !reflect.DeepEqual(doc["urn:x:Badge"], any(object(t, c.want))) {
			t.Errorf("%s: got %v, %v", c.operations, doc, err)
		}
	}
}

func drawPatch(paths []string) *rapid.Generator[map[string]any] {
	names := append([]string{}, paths...)
	scalar := rapid.SampledFrom([]any{nil, "", "x", "work", "true", "False", true, false, 2.0, self})
	part := rapid.MapOf(rapid.SampledFrom([]string{"value", "type", "primary", "display", "$ref", "givenName", "manager", "department", "foo"}), scalar)
	asAny := func(m map[string]any) any { return m }
	value := rapid.OneOf(scalar, rapid.Map(part, asAny),
		rapid.Map(rapid.SliceOfN(rapid.OneOf(scalar, rapid.Map(part, asAny)), 0, 3), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(rapid.SampledFrom(names), rapid.OneOf(scalar, rapid.Map(part, asAny)), 0, 4), asAny))
	return rapid.Custom(func(t *rapid.T) map[string]any {
		op := map[string]any{"op": rapid.SampledFrom([]string{"add", "Replace", "remove", "replace", "replace"}).Draw(t, "op")}
		if path := rapid.SampledFrom(append(names, "")).Draw(t, "path"); path != "" {
			op["path"] = path
		}
		if rapid.IntRange(0, 9).Draw(t, "with value") > 0 {
			op["value"] = value.Draw(t, "value")
		}
		return op
	})
}

var userPaths = []string{
	"userName", "active", "title", "name", "name.givenName", "emails", "emails.value", "emails.primary", `emails[type eq "work"].value`,
	`emails[type eq "work"]`, `emails[type eq "work" and primary eq true].display`, `emails[value eq "x"].value`, `roles[primary eq "True"].value`,
	`roles[not (value pr)]`, "roles", "addresses", `addresses[type eq "work"].formatted`, "manager", "manager.value", schema.EnterpriseURN,
	schema.EnterpriseURN + ":department", schema.UserURN, "id", "groups", "meta", "schemas", "password", "externalId", "unknown", "emails[",
}

// TestUser_properties: whatever comes, nothing panics, a PATCH that fails changes nothing, what Apply says of a change is true, the
// document stays one that Normalize would have made, and replacing twice is replacing once.
func TestUser_properties(t *testing.T) {
	op := drawPatch(userPaths)
	rapid.Check(t, func(t *rapid.T) {
		doc := map[string]any{"userName": "a"}
		for range 4 {
			list := rapid.SliceOfN(op, 1, 3).Draw(t, "operations")
			body := map[string]any{"Operations": toAny(list)}
			before := clone(doc).(map[string]any)
			ops, err := Parse(body, user, self)
			if err != nil {
				continue
			}
			again := clone(doc).(map[string]any)
			changed, err := Apply(doc, ops)
			if err != nil && (changed || !reflect.DeepEqual(doc, before)) {
				t.Fatalf("failed with %v, and %v became %v", err, before, doc)
			}
			if changed == reflect.DeepEqual(doc, before) {
				t.Fatalf("changed is %v: %v became %v", changed, before, doc)
			}
			if _, err2 := Apply(again, ops); (err == nil) != (err2 == nil) || !reflect.DeepEqual(again, doc) {
				t.Fatalf("the same steps made %v, then %v", doc, again)
			}
			checkNormal(t, user, doc)
			if len(list) == 1 && err == nil && strings.EqualFold(list[0]["op"].(string), "replace") && list[0]["path"] != nil {
				if changed, err := Apply(again, ops); changed || err != nil {
					t.Fatalf("a second time: %v, %v: %v became %v", changed, err, doc, again)
				}
			}
		}
	})
}

func checkNormal(t interface{ Fatalf(string, ...any) }, r *schema.Resource, doc map[string]any) {
	normal, err := r.Normalize(clone(doc).(map[string]any))
	if err != nil || !reflect.DeepEqual(normal, doc) {
		t.Fatalf("%v is not normal, but %v (%v)", doc, normal, err)
	}
}

func toAny(list []map[string]any) []any {
	all := make([]any, len(list))
	for i := range list {
		all[i] = list[i]
	}
	return all
}

func BenchmarkUser_patch_active(b *testing.B) {
	doc := object(b, `{"userName":"a@x.test","externalId":"00u1","name":{"givenName":"A","familyName":"B"},"emails":[{"primary":true,"value":"a@x.test","type":"work"}],"active":true}`)
	bodies := []map[string]any{request(b, `{"op":"Replace","path":"active","value":"False"}`), request(b, `{"op":"Replace","path":"active","value":"True"}`)}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		ops, err := Parse(bodies[i%2], user, self)
		if err != nil {
			b.Fatal(err)
		}
		if changed, err := Apply(doc, ops); err != nil || !changed {
			b.Fatal(changed, err)
		}
		i++
	}
}

func BenchmarkUser_patch_value_path(b *testing.B) {
	doc := object(b, two)
	bodies := []map[string]any{
		request(b, `{"op":"Replace","path":"emails[type eq \"work\"].value","value":"x"}`),
		request(b, `{"op":"Replace","path":"emails[type eq \"work\"].value","value":"y"}`),
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		ops, err := Parse(bodies[i%2], user, self)
		if err != nil {
			b.Fatal(err)
		}
		if changed, err := Apply(doc, ops); err != nil || !changed {
			b.Fatal(changed, err)
		}
		i++
	}
}
