package patch

import (
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// sent are the operations that identity providers are known to send; ENT stands for the URN of the enterprise extension.
var sent = []string{
	`{"op":"Replace","path":"displayName","value":"Pat"},{"op":"Replace","path":"emails[type eq \"work\"].value","value":"p@x.test"},
		{"op":"Replace","path":"name.givenName","value":"Pat"},{"op":"Add","path":"nickName","value":"P"},
		{"op":"Replace","path":"externalId","value":"e1"},{"op":"Replace","path":"ENT:department","value":"R&D"}`,
	`{"op":"Replace","path":"active","value":"False"}`,
	`{"op":"Add","path":"active","value":"False"}`,
	`{"op":"Replace","value":{"active":"False"}}`,
	`{"op":"replace","value":{"displayName":"Pat","name.givenName":"Pat","name.familyName":"Lee","ENT:employeeNumber":"77"}}`,
	`{"op":"add","value":{"ENT":{"employeeNumber":"77","manager":["x"]},"emails":[{"value":"b","type":"home","primary":true}]}}`,
	`{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"},{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].display","value":"one"}`,
	`{"op":"Add","path":"addresses[type eq \"work\"].formatted","value":"a\nb"}`,
	`{"op":"Replace","path":"roles[primary eq \"True\"].value","value":"r"}`,
	`{"op":"Add","path":"ENT:manager","value":"m"}`,
	`{"op":"Add","path":"manager","value":[{"$ref":"http://x/Users/m","value":"m"}]}`,
	`{"op":"Replace","path":"ENT:manager","value":""}`,
	`{"op":"Replace","path":"ENT:manager","value":{"value":""}}`,
	`{"op":"Remove","path":"ENT:manager"}`,
	`{"op":"Add","path":"members","value":[{"$ref":null,"value":"u"}]}`,
	`{"op":"Remove","path":"members","value":[{"$ref":null,"value":"u"}]}`,
	`{"op":"remove","path":"members[value eq \"u1\"]"},{"op":"add","path":"members","value":[{"value":"u2","display":"u2@x"}]}`,
	`{"op":"replace","value":{"members":[{"value":"u1"}]}}`,
	`{"op":"remove","path":"members"}`,
	`{"op":"replace","value":{"id":"u0000000000000000000000001","displayName":"G"}}`,
	`{"op":"add","path":"members[value eq \"a\" and type eq \"User\"]","value":{"value":"a"}},{"op":"remove","path":"members[type eq \"Group\"]"}`,
	`{"op":"Add","path":"roles","value":[{"value":"{\"id\":\"1\",\"value\":\"Admin\"}"}]}`,
	`{"op":"replace","path":"roles","value":[{"value":"a","primary":false,"type":"WindowsAzureActiveDirectoryRole"}]}`,
	`{"op":"replace","value":{"password":"secret"}}`,
	`{"op":"replace","value":"{\"active\":false}"}`,
	`{"op":"remove","path":"emails[type eq \"work\" or not (primary eq true)]"}`,
	`{"op":"replace","path":"title","value":"x"},{"op":"replace","path":"emails[value co \"nobody\"].display","value":"x"}`,
	`{"op":"replace","path":"doors[value eq \"a\"]","value":"z"},{"op":"remove","path":"visits[at lt \"2024-06-01T00:00:00Z\"]"}`,
}

// Whatever a PATCH says of whatever document: nothing panics, what fails changes nothing, the same steps always do the same, the
// document stays one that the schema allows, and one operation that was done is done.
func FuzzPatch(f *testing.F) {
	for _, operations := range sent {
		f.Add(strings.ReplaceAll(two, "ENT", schema.EnterpriseURN), strings.ReplaceAll(`{"Operations":[`+operations+`]}`, "ENT", schema.EnterpriseURN))
	}
	users, groups := schema.User(badge(f)), schema.Group()
	f.Fuzz(func(t *testing.T, document, text string) {
		var body, doc map[string]any
		if json.Unmarshal([]byte(text), &body) != nil || json.Unmarshal([]byte(document), &doc) != nil {
			return
		}
		if doc, err := users.Normalize(doc); err == nil {
			fuzzUser(t, users, doc, body)
		}
		ops, err := Parse(body, groups, self)
		if err == nil {
			edit, err := Group(ops)
			checkEdit(t, edit, err)
		}
		edit, err := ReplaceGroup(body, groups)
		checkEdit(t, edit, err)
	})
}

func fuzzUser(t *testing.T, r *schema.Resource, doc, body map[string]any) {
	t.Helper()
	ops, err := Parse(body, r, self)
	if err != nil {
		return
	}
	before, other := clone(doc).(map[string]any), clone(doc).(map[string]any)
	changed, err := Apply(doc, ops)
	if changed == reflect.DeepEqual(before, doc) || changed && err != nil {
		t.Fatalf("changed is %v, the error %v: %v became %v", changed, err, before, doc)
	}
	if _, again := Apply(other, ops); (again == nil) != (err == nil) || !reflect.DeepEqual(other, doc) {
		t.Fatalf("the same steps made %v (%v), then %v (%v)", doc, err, other, again)
	}
	checkNormal(t, r, doc)
	if list, _ := member(body, "Operations"); err != nil || len(list.([]any)) > 1 {
		return
	}
	if changed, err := Apply(other, ops); changed && err == nil {
		t.Fatalf("done once it made %v, done twice %v", doc, other)
	}
}

// checkEdit checks what GroupEdit promises.
func checkEdit(t *testing.T, edit directory.GroupEdit, err error) {
	t.Helper()
	if err != nil && !reflect.DeepEqual(edit, directory.GroupEdit{}) {
		t.Fatalf("%v and %v", edit, err)
	}
	named := 0
	for _, m := range edit.Members {
		seen := map[string]bool{}
		for _, id := range m.Values {
			if named++; seen[id] {
				t.Fatalf("%q twice in %v", id, m)
			}
			seen[id] = true
		}
		if (m.Op == directory.ClearMembers) != (len(m.Values) == 0) || m.Op == directory.AddMembers && m.Only != directory.AnyMember {
			t.Fatalf("%v makes no sense", m)
		}
	}
	if named > MaxMembers {
		t.Fatalf("%d members", named)
	}
}
