package patch

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-id/rollcall/directory"
)

// show writes an edit down: name=…, id=…, then +a,b for added, -a for removed, 0 for cleared, U or G behind it for one kind.
func show(e directory.GroupEdit) string {
	var b strings.Builder
	if e.DisplayName != nil {
		fmt.Fprintf(&b, "name=%s ", *e.DisplayName)
	}
	if e.ExternalID != nil {
		fmt.Fprintf(&b, "id=%s ", *e.ExternalID)
	}
	for _, m := range e.Members {
		b.WriteString(map[directory.MemberOp]string{directory.AddMembers: "+", directory.RemoveMembers: "-", directory.ClearMembers: "0"}[m.Op])
		b.WriteString(strings.Join(m.Values, ",") + [...]string{"", "U", "G"}[m.Only] + " ")
	}
	return strings.TrimSpace(b.String())
}

func runGroup(t *testing.T, cases [][3]string) {
	t.Helper()
	for _, c := range cases {
		name, operations, want := c[0], c[1], c[2]
		ops, err := Parse(request(t, operations), group, "g1")
		var edit directory.GroupEdit
		if err == nil {
			edit, err = Group(ops)
		}
		got := show(edit)
		if err != nil {
			got = explain(err)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestGroup_E12_members(t *testing.T) {
	runGroup(t, [][3]string{
		{"add", `{"op":"Add","path":"members","value":[{"$ref":null,"value":"u1"}]}`, "+u1"},
		{"add several", `{"op":"Add","path":"members","value":[{"$ref":null,"value":"u1"},{"$ref":null,"value":"u2"}]}`, "+u1,u2"},
		{"remove in the body", `{"op":"Remove","path":"members","value":[{"$ref":null,"value":"u1"}]}`, "-u1"},
		{"remove by filter", `{"op":"remove","path":"members[value eq \"u1\"]"}`, "-u1"},
		{"remove all", `{"op":"remove","path":"members"}`, "0"},
		{"remove nobody in the body", `{"op":"Remove","path":"members","value":[]}`, ""},
		{"remove all with a value of null", `{"op":"Remove","path":"members","value":null}`, "0"},
		{"replace", `{"op":"replace","path":"members","value":[{"value":"u1"},{"value":"u2"}]}`, "0 +u1,u2"},
	})
}

func TestGroup_E13_rename(t *testing.T) {
	runGroup(t, [][3]string{
		{"path", `{"op":"Replace","path":"displayName","value":"Ops 2"}`, "name=Ops 2"},
		{"no path", `{"op":"replace","value":{"displayName":"Ops 2"}}`, "name=Ops 2"},
		{"externalId", `{"op":"replace","value":{"externalId":"e"}}`, "id=e"},
		{"externalId cleared", `{"op":"replace","path":"externalId","value":null}`, "id="},
		{"name removed", `{"op":"remove","path":"displayName"}`, "mutability operation 1: displayName: is required and cannot be removed"},
	})
}

func TestGroup_O7_push(t *testing.T) {
	runGroup(t, [][3]string{
		{"rename with the id", `{"op":"replace","value":{"id":"g1","displayName":"G"}}`, "name=G"},
		{"rename with another id", `{"op":"replace","value":{"id":"g2","displayName":"G"}}`, "mutability operation 1: id: is not the id of this resource"},
		{"one out, one in", `{"op":"remove","path":"members[value eq \"u1\"]"},{"op":"add","path":"members","value":[{"value":"u2","display":"u2@x"}]}`, "-u1 +u2"},
		{"full push", `{"op":"replace","path":"members","value":[{"value":"u1","display":"u1@x"}]}`, "0 +u1"},
		{"full push without path", `{"op":"replace","value":{"members":[{"value":"u1"}]}}`, "0 +u1"},
		{"full push of nobody", `{"op":"replace","value":{"members":[]}}`, "0"},
	})
}

func TestGroup_folds_member_operations(t *testing.T) {
	remove := func(id string) string { return `{"op":"remove","path":"members[value eq \"` + id + `\"]"}` }
	add := func(id string) string { return `{"op":"add","path":"members","value":[{"value":"` + id + `"}]}` }
	runGroup(t, [][3]string{
		{"adds", add("a") + "," + add("b") + "," + add("a"), "+a,b"},
		{"removes", remove("a") + "," + remove("b"), "-a,b"},
		{"the last word counts", add("a") + "," + remove("a") + "," + remove("b") + "," + add("b"), "-a +b"},
		{"alternating", remove("a") + "," + add("b") + "," + remove("c") + "," + add("d"), "-a,c +b,d"},
		{"replace forgets what was before", add("a") + `,{"op":"replace","path":"members","value":["b"]}`, "0 +b"},
		{"replace and go on", `{"op":"replace","path":"members","value":["b","c"]},` + remove("b") + "," + add("d"), "0 +c,d"},
		{"strings and single objects", `{"op":"add","path":"members","value":"a"},{"op":"add","path":"members","value":{"value":"b"}},{"op":"add","path":"members","value":["c",{"value":""},null]}`, "+a,b,c"},
		{"remove a string", `{"op":"remove","path":"members","value":"a"}`, "-a"},
		{"add nobody", `{"op":"add","path":"members","value":[]}`, ""},
		{"replace by null", `{"op":"replace","path":"members","value":null}`, "0"},
		{"a filter of several", `{"op":"remove","path":"members[value eq \"a\" or value eq \"b\" or value eq \"a\"]"}`, "-a,b"},
		{"a filter that no one meets", `{"op":"remove","path":"members[value eq \"a\" and value eq \"b\"]"}`, ""},
		{"all of a kind", add("a") + `,{"op":"remove","path":"members[type eq \"group\"]"},` + add("b"), "+a 0G +b"},
		{"one of a kind", `{"op":"remove","path":"members[value eq \"a\" and type eq \"User\"]"}`, "-aU"},
		{"of both kinds", `{"op":"remove","path":"members[type eq \"User\" and type eq \"Group\"]"}`, ""},
		{"of no kind", `{"op":"remove","path":"members[type eq \"Device\"]"}`, ""},
		{"replace forgets kinds too", `{"op":"remove","path":"members[type eq \"User\"]"},{"op":"replace","path":"members","value":[]}`, "0"},
		{"add by filter", `{"op":"add","path":"members[value eq \"a\"]","value":{"value":"a","display":"A"}}`, "+a"},
		{"another by filter", `{"op":"replace","path":"members[value eq \"a\"]","value":{"value":"b"}}`, "mutability members.value: cannot be changed"},
		{"add by another filter", `{"op":"add","path":"members[type eq \"User\"]","value":{"type":"User","value":"x"}}`, "noTarget members: the filter does not say whom to add"},
		{"a filter on the name", `{"op":"remove","path":"members[display eq \"x\"]"}`, "invalidFilter members: can be chosen by value eq and type eq only"},
		{"a filter with not", `{"op":"remove","path":"members[not (value eq \"x\")]"}`, "invalidFilter members: can be chosen by value eq and type eq only"},
		{"a kind or an id", `{"op":"remove","path":"members[value eq \"x\" or type eq \"User\"]"}`, "invalidFilter members: can be chosen by value eq and type eq only"},
		{"the name of a member", `{"op":"replace","path":"members[value eq \"a\"].display","value":"x"}`, "mutability operation 1: members.display: is read-only"},
		{"the id of a member", `{"op":"replace","path":"members[value eq \"a\"].value","value":"x"}`, "mutability operation 1: members.value: cannot be changed"},
		{"the id of a member removed", `{"op":"remove","path":"members.value"}`, "mutability operation 1: members.value: cannot be changed"},
		{"a number", `{"op":"add","path":"members","value":[1]}`, "invalidValue operation 1: members: must be an object"},
		{"a number as id", `{"op":"remove","path":"members","value":[{"value":1}]}`, "invalidValue operation 1: members.value: must be a string"},
		{"NUL in an id", `{"op":"add","path":"members","value":["a\u0000"]}`, "invalidValue operation 1: members.value: contains the control character U+0000"},
		{"an unknown attribute", `{"op":"replace","path":"description","value":"x"}`, ""},
	})
}

func TestGroup_more_members_than_MaxMembers(t *testing.T) {
	list := make([]any, MaxMembers+1)
	for i := range list {
		list[i] = fmt.Sprint("u", i)
	}
	body := request(t, `{"op":"add","path":"members","value":[]}`)
	body["Operations"].([]any)[0].(map[string]any)["value"] = list
	ops, err := Parse(body, group, "g1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Group(ops); explain(err) != "limit members: more than 200000 in one request" {
		t.Errorf("got %v", err)
	}
	body["Operations"].([]any)[0].(map[string]any)["value"] = list[1:]
	if ops, err = Parse(body, group, "g1"); err != nil {
		t.Fatal(err)
	}
	if edit, err := Group(ops); err != nil || len(edit.Members) != 1 || len(edit.Members[0].Values) != MaxMembers {
		t.Errorf("got %v", err)
	}
}

func TestReplaceGroup(t *testing.T) {
	for name, c := range map[string][2]string{
		"Okta's PUT":                 {`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"other","displayName":"G","members":[{"value":"u1","display":"x"},{"value":"u2"},{"value":"u1"}]}`, "name=G id= 0 +u1,u2"},
		"without members":            {`{"displayName":"G","externalId":"e"}`, "name=G id=e"},
		"members null":               {`{"displayName":"G","members":null}`, "name=G id="},
		"members empty":              {`{"displayName":"G","Members":[]}`, "name=G id= 0"},
		"members empty under URN":    {`{"urn:ietf:params:scim:schemas:core:2.0:Group":{"displayName":"G","members":[]}}`, "name=G id= 0"},
		"one member without a list":  {`{"displayName":"G","members":"u1"}`, "name=G id= 0 +u1"},
		"an empty string of members": {`{"displayName":"G","members":""}`, "name=G id="},
		"Entra's POST":               {`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"o","displayName":"Ops","meta":{"resourceType":"Group"}}`, "name=Ops id=o"},
		"without a name":             {`{"members":[]}`, "invalidValue displayName: is required"},
		"an empty name":              {`{"displayName":""}`, "invalidValue displayName: is required"},
		"members of another type":    {`{"displayName":"G","members":1}`, "invalidValue members: must be an object"},
	} {
		edit, err := ReplaceGroup(object(t, c[0]), group)
		got := show(edit)
		if err != nil {
			got = explain(err)
		}
		if got != c[1] {
			t.Errorf("%s: got %q, want %q", name, got, c[1])
		}
	}
}

// TestGroup_folding_keeps_the_outcome compares what the folded steps make of a set with what the operations make one by one.
func TestGroup_folding_keeps_the_outcome(t *testing.T) {
	id := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]bool{"a": true, "b": true}
		got := map[string]bool{"a": true, "b": true}
		var operations []any
		for range rapid.IntRange(1, 8).Draw(t, "operations") {
			ids := rapid.SliceOfN(id, 0, 3).Draw(t, "ids")
			values := make([]any, len(ids))
			for i := range ids {
				values[i] = ids[i]
			}
			op := rapid.SampledFrom([]string{"add", "add", "remove", "remove", "replace"}).Draw(t, "op")
			if op == "replace" {
				clear(want)
			}
			for _, id := range ids {
				want[id] = op != "remove"
			}
			operations = append(operations, map[string]any{"op": op, "path": "members", "value": values})
		}
		ops, err := Parse(map[string]any{"Operations": operations}, group, "g1")
		if err != nil {
			t.Fatal(err)
		}
		edit, err := Group(ops)
		if err != nil || len(edit.Members) > 2 {
			t.Fatalf("%s, %v", show(edit), err)
		}
		for _, m := range edit.Members {
			if m.Op == directory.ClearMembers {
				clear(got)
			}
			for _, id := range m.Values {
				got[id] = m.Op == directory.AddMembers
			}
		}
		for _, id := range []string{"a", "b", "c", "d"} {
			if got[id] != want[id] {
				t.Fatalf("%s: %s is %v, want %v", show(edit), id, got[id], want[id])
			}
		}
		for _, m := range edit.Members {
			if sorted := slices.Sorted(slices.Values(m.Values)); len(slices.Compact(sorted)) != len(m.Values) {
				t.Fatalf("%s names a member twice", show(edit))
			}
		}
	})
}

func BenchmarkGroup_add_one(b *testing.B) {
	body := request(b, `{"op":"Add","path":"members","value":[{"$ref":null,"value":"u1"}]}`)
	b.ReportAllocs()
	for b.Loop() {
		ops, err := Parse(body, group, "g1")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Group(ops); err != nil {
			b.Fatal(err)
		}
	}
}
