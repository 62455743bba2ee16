package schema

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, v any) {
	t.Helper()
	got, err := json.Marshal(v, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, append(got, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != string(want) {
		t.Errorf("%s differs; got\n%s", name, got)
	}
}

func TestDescribe_schemas_and_resource_types(t *testing.T) {
	const base = "https://chat.x.test/scim/v2"
	user, group := User(), Group()
	golden(t, "schema-user.json", user.Core.Describe(base))
	golden(t, "schema-enterprise.json", user.Extensions[0].Describe(base))
	golden(t, "schema-group.json", group.Core.Describe(base))
	golden(t, "resource-types.json", []any{user.Describe(base), group.Describe(base)})
}

func TestDescribe_gives_every_characteristic_and_no_null(t *testing.T) {
	var check func(where string, v any)
	check = func(where string, v any) {
		switch v := v.(type) {
		case nil:
			t.Errorf("%s is null", where)
		case []any:
			for _, v := range v {
				check(where, v)
			}
		case map[string]any:
			if _, isAttribute := v["multiValued"]; isAttribute {
				for _, name := range []string{"name", "type", "description", "required", "caseExact", "mutability", "returned", "uniqueness"} {
					if _, ok := v[name]; !ok {
						t.Errorf("%s.%v has no %s", where, v["name"], name)
					}
				}
				if (v["type"] == "complex") != (v["subAttributes"] != nil) || (v["type"] == "reference") != (v["referenceTypes"] != nil) {
					t.Errorf("%s.%v: %v", where, v["name"], v)
				}
			}
			for name, v := range v {
				check(where+"."+name, v)
			}
		}
	}
	check("user", User().Core.Describe(""))
	check("enterprise", User().Extensions[0].Describe(""))
	check("group", Group().Core.Describe(""))
}

func TestSearch_holds_what_filters_compare(t *testing.T) {
	r := User(extension(t))
	doc := object(t, `{"userName":"ABC","externalId":"ABC","active":true,"profileUrl":"HTTP://X","emails":[{"value":"A@X","type":"Work","primary":false}],
		"ENT":{"department":"R&D","manager":{"value":"M","$ref":"R"}},"urn:x:Badge":{"since":"2024-01-02T03:04:05.1234567Z","floor":3,"doors":["Front"]}}`)
	want := object(t, `{"userName":"abc","externalId":"ABC","active":"true","profileUrl":"HTTP://X","emails":[{"value":"a@x","type":"work","primary":"false"}],
		"ENT":{"department":"r&d","manager":{"value":"m","$ref":"R"}},"urn:x:Badge":{"floor":3,"doors":["front"]}}`)
	want["urn:x:Badge"].(map[string]any)["since"] = int64(1704164645123)
	if got := r.Search(doc, strings.ToLower); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

const answer = `{"schemas":["s"],"id":"1","externalId":"e","meta":{"location":"l","version":"v"},"userName":"a","name":{"givenName":"G","familyName":"F"},
	"emails":[{"value":"x","type":"work"},{"value":"y"}],"groups":[{"value":"g","display":"d"}],"password":"p",
	"ENT":{"department":"D","manager":{"value":"m","$ref":"r"}},"urn:x:Badge":{"floor":1,"note":"n"}}`

func TestProjection_of_a_user(t *testing.T) {
	r := User(extension(t))
	for name, c := range map[string]struct{ attributes, excluded, want string }{
		"by default": {
			"", "",
			`{"schemas":["s"],"id":"1","externalId":"e","meta":{"location":"l","version":"v"},"userName":"a","name":{"givenName":"G","familyName":"F"},
			"emails":[{"value":"x","type":"work"},{"value":"y"}],"groups":[{"value":"g","display":"d"}],
			"ENT":{"department":"D","manager":{"value":"m","$ref":"r"}},"urn:x:Badge":{"floor":1}}`,
		},
		"one attribute":                       {"USERNAME", "", `{"schemas":["s"],"id":"1","userName":"a"}`},
		"a list with blanks":                  {" userName , externalId", "", `{"schemas":["s"],"id":"1","userName":"a","externalId":"e"}`},
		"id alone":                            {"id", "", `{"schemas":["s"],"id":"1"}`},
		"an unknown attribute":                {"nonsense", "", `{"schemas":["s"],"id":"1"}`},
		"a sub-attribute":                     {"name.givenName", "", `{"schemas":["s"],"id":"1","name":{"givenName":"G"}}`},
		"sub-attributes of values":            {"emails.type", "", `{"schemas":["s"],"id":"1","emails":[{"type":"work"}]}`},
		"sub-attributes that no value has":    {"emails.display,emails.primary", "", `{"schemas":["s"],"id":"1"}`},
		"an attribute and a part of it":       {"name,name.givenName", "", `{"schemas":["s"],"id":"1","name":{"givenName":"G","familyName":"F"}}`},
		"an extension":                        {"ENT", "", `{"schemas":["s"],"id":"1","ENT":{"department":"D","manager":{"value":"m","$ref":"r"}}}`},
		"an attribute of an extension":        {"ENT:manager.value", "", `{"schemas":["s"],"id":"1","ENT":{"manager":{"value":"m"}}}`},
		"an enterprise attribute without URN": {"department", "", `{"schemas":["s"],"id":"1","ENT":{"department":"D"}}`},
		"a core attribute with URN":           {UserURN + ":userName", "", `{"schemas":["s"],"id":"1","userName":"a"}`},
		"never a password":                    {"password", "", `{"schemas":["s"],"id":"1"}`},
		"what is returned on request":         {"urn:x:Badge:note", "", `{"schemas":["s"],"id":"1","urn:x:Badge":{"note":"n"}}`},
		"without much": {
			"", "emails.value,groups,name,ENT,urn:x:Badge,meta.version,externalId",
			`{"schemas":["s"],"id":"1","meta":{"location":"l"},"userName":"a","emails":[{"type":"work"}]}`,
		},
		"without what is always returned":   {"userName", "id,schemas", `{"schemas":["s"],"id":"1","userName":"a"}`},
		"both":                              {"name", "name.familyName", `{"schemas":["s"],"id":"1","name":{"givenName":"G"}}`},
		"all of the resource by its schema": {UserURN, "emails,groups,ENT,urn:x:Badge,name,meta,externalId", `{"schemas":["s"],"id":"1","userName":"a"}`},
	} {
		got := object(t, answer)
		r.Projection(strings.ReplaceAll(c.attributes, "ENT", EnterpriseURN), strings.ReplaceAll(c.excluded, "ENT", EnterpriseURN)).Apply(got)
		if want := object(t, c.want); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestProjection_keeps_empty_lists(t *testing.T) {
	got := object(t, `{"id":"1","members":[]}`)
	Group().Projection("members", "").Apply(got)
	if want := object(t, `{"id":"1","members":[]}`); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestProjection_wants(t *testing.T) {
	r := Group()
	for _, c := range []struct {
		attributes, excluded string
		want                 bool
	}{
		{"", "", true},
		{"", "members", false},
		{"", "Members", false},
		{"", "displayName", true},
		{"", "members.display", true},
		{"members", "", true},
		{"displayName", "", false},
		{"members.value", "", true},
		{GroupURN + ":members", "", true},
		{"id", "", false},
		{"members", "members", false},
	} {
		p := r.Projection(c.attributes, c.excluded)
		if got := p.Wants("members"); got != c.want {
			t.Errorf("%v: got %v", c, got)
		}
		if p.Default() != (c.attributes == "" && c.excluded == "") {
			t.Errorf("%v: Default is %v", c, p.Default())
		}
		if !p.Wants("id") {
			t.Errorf("%v: id is always wanted", c)
		}
	}
	if !(Projection{}).Wants("members") {
		t.Error("the zero projection wants all")
	}
}
