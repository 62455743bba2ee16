package patch

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
)

const self = "u0000000000000000000000001"

var (
	user  = schema.User()
	group = schema.Group()
)

// object reads JSON in which ENT stands for the URN of the enterprise extension.
func object(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, "ENT", schema.EnterpriseURN)), &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

// request makes the body of a PATCH of operations, separated by commas.
func request(t testing.TB, operations string) map[string]any {
	t.Helper()
	return object(t, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+operations+`]}`)
}

func explain(err error) string {
	if e, ok := errors.AsType[*schema.Error](err); ok {
		return string(e.Type) + " " + strings.ReplaceAll(e.Detail, schema.EnterpriseURN, "ENT")
	}
	if e, ok := errors.AsType[*directory.Error](err); ok {
		return e.Kind.String() + " " + e.Error()
	}
	return fmt.Sprint(err)
}

type userCase struct {
	name, doc, operations string
	want                  string // the document afterwards; empty: as before
	err                   string
}

// run applies the operations twice, with the same steps, as an edit that is repeated does.
func (c userCase) run(t *testing.T) {
	t.Helper()
	before := object(t, c.doc)
	want := before
	if c.want != "" {
		want = object(t, c.want)
	}
	ops, err := Parse(request(t, c.operations), user, self)
	var got map[string]any
	for range 2 {
		got = object(t, c.doc)
		var changed bool
		if err == nil {
			changed, err = Apply(got, ops)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", c.name, got, want)
		}
		if changed == reflect.DeepEqual(got, before) {
			t.Errorf("%s: changed is %v", c.name, changed)
		}
	}
	if text := explain(err); c.err == "" && err != nil || c.err != "" && text != c.err {
		t.Errorf("%s: error %q, want %q", c.name, text, c.err)
	}
}

func runAll(t *testing.T, cases []userCase) {
	t.Helper()
	for _, c := range cases {
		c.run(t)
	}
}

const bare = `{"userName":"a"}`

func TestUser_E7_replaces_attributes_as_Entra_does_by_default(t *testing.T) {
	userCase{"E7", bare, `
		{"op":"Replace","path":"displayName","value":"Pat"},
		{"op":"Replace","path":"emails[type eq \"work\"].value","value":"p@x.test"},
		{"op":"Replace","path":"name.givenName","value":"Pat"},
		{"op":"Add","path":"nickName","value":"P"},
		{"op":"Replace","path":"externalId","value":"e1"},
		{"op":"Replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"R&D"}`, `
		{"userName":"a","displayName":"Pat","emails":[{"type":"work","value":"p@x.test"}],"name":{"givenName":"Pat"},"nickName":"P","externalId":"e1","ENT":{"department":"R&D"}}`, ""}.run(t)
}

func TestUser_E8_disables_by_a_string(t *testing.T) {
	on, off := `{"userName":"a","active":true}`, `{"userName":"a","active":false}`
	runAll(t, []userCase{
		{"False", on, `{"op":"Replace","path":"active","value":"False"}`, off, ""},
		{"false", on, `{"op":"Replace","path":"active","value":"false"}`, off, ""},
		{"True", off, `{"op":"Replace","path":"active","value":"True"}`, on, ""},
		{"boolean", on, `{"op":"Replace","path":"active","value":false}`, off, ""},
		{"Add", on, `{"op":"Add","path":"active","value":"False"}`, off, ""},
		{"no path", on, `{"op":"Replace","value":{"active":"False"}}`, off, ""},
		{"a title that looks like a boolean", bare, `{"op":"Replace","path":"title","value":"False"}`, `{"userName":"a","title":"False"}`, ""},
		{"another word", on, `{"op":"Replace","path":"active","value":"no"}`, "", "invalidValue operation 1: active: must be true or false"},
	})
}

func TestUser_E9_takes_each_name_in_a_value_as_a_path(t *testing.T) {
	want := `{"userName":"a","displayName":"Pat","name":{"givenName":"Pat","familyName":"Lee"},"ENT":{"employeeNumber":"77"}}`
	const value = `{"displayName":"Pat","name.givenName":"Pat","name.familyName":"Lee","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"77"}`
	runAll(t, []userCase{
		{"replace", bare, `{"op":"replace","value":` + value + `}`, want, ""},
		{"add", bare, `{"op":"add","value":` + value + `}`, want, ""},
		{"nested under the URN", bare, `{"op":"replace","value":{"displayName":"Pat","name":{"givenName":"Pat","familyName":"Lee"},"ENT":{"employeeNumber":"77"}}}`, want, ""},
		{"nested under the core URN", bare, `{"op":"replace","value":{"urn:ietf:params:scim:schemas:core:2.0:User":{"displayName":"Pat","name.givenName":"Pat"},"name.familyName":"Lee","employeeNumber":"77"}}`, want, ""},
		{"value path", bare, `{"op":"replace","value":{"emails[type eq \"work\"].value":"x"}}`, `{"userName":"a","emails":[{"type":"work","value":"x"}]}`, ""},
		{"dotted inside the extension", bare, `{"op":"add","value":{"ENT":{"manager.value":"m"}}}`, `{"userName":"a","ENT":{"manager":{"value":"m"}}}`, ""},
		{"unknown and broken names", bare, `{"op":"add","value":{"foo":1,"foo.bar":2,"a b":3,"emails[":4,"emails[foo eq 1].value":"x","schemas":["x"],"":0}}`, "", ""},
	})
}

func TestUser_E10_makes_the_value_that_no_filter_meets(t *testing.T) {
	home := `{"userName":"a","emails":[{"type":"home","value":"h","primary":true}]}`
	for _, op := range []string{"Add", "Replace"} {
		runAll(t, []userCase{
			{
				op + " mail", home, `{"op":"` + op + `","path":"emails[type eq \"work\"].value","value":"w"}`,
				`{"userName":"a","emails":[{"type":"home","value":"h","primary":true},{"type":"work","value":"w"}]}`, "",
			},
			{op + " phone", bare, `{"op":"` + op + `","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"}`, `{"userName":"a","phoneNumbers":[{"type":"mobile","value":"1"}]}`, ""},
			{
				op + " several parts of one address", bare, `
				{"op":"` + op + `","path":"addresses[type eq \"work\"].formatted","value":"F"},
				{"op":"` + op + `","path":"addresses[type eq \"work\"].locality","value":"L"},
				{"op":"` + op + `","path":"addresses[type eq \"work\"].postalCode","value":"P"}`,
				`{"userName":"a","addresses":[{"type":"work","formatted":"F","locality":"L","postalCode":"P"}]}`, "",
			},
			{
				op + " role", bare, `{"op":"` + op + `","path":"roles[primary eq \"True\"].value","value":"Admin"},{"op":"` + op + `","path":"roles[primary eq \"True\"].display","value":"Adm"}`,
				`{"userName":"a","roles":[{"primary":true,"value":"Admin","display":"Adm"}]}`, "",
			},
			{
				op + " primary first, value later", home, `{"op":"` + op + `","path":"emails[type eq \"work\"].primary","value":"True"},{"op":"` + op + `","path":"emails[type eq \"work\"].value","value":"w"}`,
				`{"userName":"a","emails":[{"type":"home","value":"h","primary":false},{"type":"work","value":"w","primary":true}]}`, "",
			},
			{op + " whole", bare, `{"op":"` + op + `","path":"emails[type eq \"work\" and primary eq true]","value":{"value":"w"}}`, `{"userName":"a","emails":[{"type":"work","primary":true,"value":"w"}]}`, ""},
			{op + " nothing", home, `{"op":"` + op + `","path":"emails[type eq \"work\"].value","value":""}`, "", ""},
			{op + " what the filter leaves open", home, `{"op":"` + op + `","path":"emails[type ne \"home\"].value","value":"x"}`, "", "noTarget path: no value of emails meets the filter"},
		})
	}
}

func TestUser_E11_manager_in_five_forms_and_none(t *testing.T) {
	const set, manager = `{"userName":"a","ENT":{"manager":{"value":"m"}}}`, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"
	const other = `{"userName":"a","ENT":{"manager":{"value":"m0","$ref":"http://x.test/Users/m0"}}}`
	for _, doc := range []string{bare, other} {
		runAll(t, []userCase{
			{"string", doc, `{"op":"Add","path":"` + manager + `","value":"m"}`, set, ""},
			{"object", doc, `{"op":"Replace","path":"` + manager + `","value":{"value":"m"}}`, set, ""},
			{"list without URN", doc, `{"op":"Add","path":"manager","value":[{"$ref":"http://x.test/Users/m","value":"m"}]}`, `{"userName":"a","ENT":{"manager":{"value":"m","$ref":"http://x.test/Users/m"}}}`, ""},
			{"sub-attribute", doc, `{"op":"Add","path":"` + manager + `.value","value":"m"}`, set, ""},
			{"no path", doc, `{"op":"Replace","value":{"` + manager + `":"m"}}`, set, ""},
			{"no path, nested", doc, `{"op":"Replace","value":{"ENT":{"manager":{"value":"m","displayName":"M"}}}}`, set, ""},
		})
	}
	for _, doc := range []string{set, other} {
		runAll(t, []userCase{
			{"removed by an empty string", doc, `{"op":"Replace","path":"` + manager + `","value":""}`, bare, ""},
			{"removed by an empty value", doc, `{"op":"Replace","path":"` + manager + `","value":{"value":""}}`, bare, ""},
			{"removed by an empty list", doc, `{"op":"Replace","path":"manager","value":[]}`, bare, ""},
			{"removed by null", doc, `{"op":"Replace","path":"manager","value":null}`, bare, ""},
			{"removed", doc, `{"op":"Remove","path":"` + manager + `"}`, bare, ""},
			{"removed with its value", doc, `{"op":"Remove","path":"manager","value":"m"}`, bare, ""},
			{"removed without path", doc, `{"op":"Replace","value":{"` + manager + `":""}}`, bare, ""},
		})
	}
	userCase{"removed when there is none", bare, `{"op":"Remove","path":"manager"}`, "", ""}.run(t)
	userCase{"two", bare, `{"op":"Add","path":"manager","value":["a","b"]}`, "", "invalidValue operation 1: ENT:manager: must be a single object"}.run(t)
}

func TestUser_E14_roles(t *testing.T) {
	const json1 = `{\"id\":\"1\",\"value\":\"Admin\",\"displayName\":\"Admin\"}`
	runAll(t, []userCase{
		{
			"single, in place", `{"userName":"a","roles":[{"primary":true,"value":"User"}]}`, `{"op":"Replace","path":"roles[primary eq \"True\"].value","value":"Admin"}`,
			`{"userName":"a","roles":[{"primary":true,"value":"Admin"}]}`, "",
		},
		{"complex", bare, `{"op":"Add","path":"roles","value":[{"value":"` + json1 + `"}]}`, `{"userName":"a","roles":[{"value":"` + json1 + `"}]}`, ""},
		{
			"assertive", `{"userName":"a","roles":[{"value":"x"}]}`, `{"op":"replace","path":"roles","value":[{"primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"y"},{"primary":"False","type":"WindowsAzureActiveDirectoryRole","value":"z"}]}`,
			`{"userName":"a","roles":[{"primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"y"},{"primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"z"}]}`, "",
		},
	})
}

func TestUser_E15_keeps_spellings(t *testing.T) {
	userCase{"E15", bare, `{"op":"Add","path":"phoneNumbers[type eq \"Work\"].value","value":"+1 (0) 2"}`, `{"userName":"a","phoneNumbers":[{"type":"Work","value":"+1 (0) 2"}]}`, ""}.run(t)
}

func TestUser_E21_ignores_what_no_schema_declares(t *testing.T) {
	runAll(t, []userCase{
		{"a test extension", bare, `{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:msfttest:2.0:User:thing","value":"x"}`, "", ""},
		{"with values", bare, `{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:msfttest:2.0:User:things[type eq \"a\"].value","value":"x"}`, "", ""},
		{"an attribute", bare, `{"op":"Replace","path":"shoeSize","value":44}`, "", ""},
		{"a sub-attribute", bare, `{"op":"Replace","path":"name.nick","value":"x"}`, "", ""},
		{"a sub-attribute of values", bare, `{"op":"Replace","path":"emails[type eq \"work\"].verified","value":true}`, "", ""},
		{"removed", bare, `{"op":"Remove","path":"shoeSize"}`, "", ""},
		{"among others", bare, `{"op":"Replace","path":"shoeSize","value":44},{"op":"Replace","path":"title","value":"T"}`, `{"userName":"a","title":"T"}`, ""},
	})
}

func TestUser_O5_activates_deactivates_and_sends_passwords(t *testing.T) {
	runAll(t, []userCase{
		{"deactivate", `{"userName":"a","active":true}`, `{"op":"replace","value":{"active":false}}`, `{"userName":"a","active":false}`, ""},
		{"activate", `{"userName":"a","active":false}`, `{"op":"replace","value":{"active":true}}`, `{"userName":"a","active":true}`, ""},
		{"password", bare, `{"op":"replace","value":{"password":"xyz"}}`, "", ""},
		{"password by path", bare, `{"op":"replace","path":"password","value":"xyz"}`, "", ""},
		{"password removed", bare, `{"op":"remove","path":"password"}`, "", ""},
	})
}

func TestUser_O6_reactivates(t *testing.T) {
	userCase{"O6", `{"userName":"a","active":false}`, `{"op":"replace","path":"active","value":true}`, `{"userName":"a","active":true}`, ""}.run(t)
}

func TestUser_Keycloak_sends_the_value_as_a_string(t *testing.T) {
	runAll(t, []userCase{
		{"object", bare, `{"op":"replace","value":"{\"active\":false,\"name\":{\"givenName\":\"G\"}}"}`, `{"userName":"a","active":false,"name":{"givenName":"G"}}`, ""},
		{"no JSON", bare, `{"op":"replace","value":"x"}`, "", "invalidValue operation 1: value: without a path it must be an object"},
		{"a list", bare, `{"op":"replace","value":"[1]"}`, "", "invalidValue operation 1: value: without a path it must be an object"},
		{"names twice", bare, `{"op":"replace","value":"{\"title\":\"a\",\"title\":\"b\"}"}`, "", "invalidValue operation 1: value: without a path it must be an object"},
	})
}
