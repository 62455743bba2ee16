package patch

import (
	"reflect"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/scim/schema"
)

const assets = "urn:example:assets:1.0:User"

func characteristics(t *testing.T) *schema.Resource {
	t.Helper()
	s, err := schema.ParseExtension([]byte(`{"id":"` + assets + `","attributes":[
		{"name":"things","type":"complex","multiValued":true,"subAttributes":[{"name":"value"},{"name":"type"},{"name":"serial","mutability":"immutable"},
			{"name":"pin","mutability":"writeOnly"},{"name":"made","mutability":"readOnly"}]},
		{"name":"tags","multiValued":true},{"name":"codes","multiValued":true,"caseExact":true},
		{"name":"secret","returned":"never"},{"name":"secrets","mutability":"writeOnly","multiValued":true},
		{"name":"safe","type":"complex","returned":"never","subAttributes":[{"name":"code"}]},
		{"name":"vaults","type":"complex","mutability":"writeOnly","multiValued":true,"subAttributes":[{"name":"value"}]},
		{"name":"must","required":true},{"name":"derived","mutability":"readOnly"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return schema.User(s)
}

// RFC 7643, section 7.
func TestUser_characteristics_of_an_extension(t *testing.T) {
	r := characteristics(t)
	const lamp = `{"must":"m","things":[{"value":"lamp","type":"work","serial":"S1"}]}`
	for name, c := range map[string]struct{ before, operations, want string }{ // want: the extension, or the error
		"an immutable part is set once":                  {`{"must":"m","things":[{"value":"lamp"}]}`, `{"op":"replace","path":"PRE:things[value eq \"lamp\"].serial","value":"S1"}`, `{"must":"m","things":[{"value":"lamp","serial":"S1"}]}`},
		"an immutable part of a value that is not there": {`{"must":"m"}`, `{"op":"replace","path":"PRE:things[type eq \"work\"].serial","value":"S1"}`, `{"must":"m","things":[{"type":"work","serial":"S1"}]}`},
		"an immutable part, the same":                    {lamp, `{"op":"replace","path":"things[value eq \"lamp\"].serial","value":"s1"}`, lamp},
		"an immutable part, another value":               {lamp, `{"op":"replace","path":"things[value eq \"lamp\"].serial","value":"S2"}`, "mutability PRE:things.serial: is immutable: it has a value and keeps it"},
		"an immutable part, in an object":                {lamp, `{"op":"replace","path":"things[value eq \"lamp\"]","value":{"serial":"S2"}}`, "mutability PRE:things.serial: is immutable: it has a value and keeps it"},
		"an immutable part, by adding":                   {lamp, `{"op":"add","path":"things","value":[{"value":"lamp","type":"work","serial":"S2"}]}`, "mutability PRE:things.serial: is immutable: it has a value and keeps it"},
		"an immutable part, removed":                     {lamp, `{"op":"remove","path":"things[value eq \"lamp\"].serial"}`, "mutability PRE:things.serial: is immutable: it has a value and keeps it"},
		"an immutable part that is not there, removed":   {`{"must":"m","things":[{"value":"lamp"}]}`, `{"op":"remove","path":"things.serial"}`, `{"must":"m","things":[{"value":"lamp"}]}`},
		"a value with an immutable part goes as a whole": {lamp, `{"op":"remove","path":"things[value eq \"lamp\"]"}`, `{"must":"m"}`},
		"a text that is there in another case":           {`{"must":"m","tags":["Red"]}`, `{"op":"add","path":"tags","value":["RED","blue"]}`, `{"must":"m","tags":["Red","blue"]}`},
		"a text in another case where case counts":       {`{"must":"m","codes":["Red"]}`, `{"op":"add","path":"codes","value":["RED"]}`, `{"must":"m","codes":["Red","RED"]}`},
		"a value that is there in another case":          {lamp, `{"op":"add","path":"things","value":{"value":"LAMP","type":"Work","serial":"s1"}}`, lamp},
		"removing a text in another case":                {`{"must":"m","tags":["Red"]}`, `{"op":"remove","path":"tags","value":["red"]}`, `{"must":"m"}`},
		"removing a text where case counts":              {`{"must":"m","codes":["Red"]}`, `{"op":"remove","path":"codes","value":["red"]}`, `{"must":"m","codes":["Red"]}`},
		"choosing where case counts":                     {`{"must":"m","codes":["Red","red"]}`, `{"op":"remove","path":"codes[value eq \"red\"]"}`, `{"must":"m","codes":["Red"]}`},
		"what is never returned":                         {`{"must":"m"}`, `{"op":"add","path":"PRE:secret","value":"x"},{"op":"replace","value":{"PRE":{"secret":"x","secrets":["x"],"safe":{"code":"x"}}}}`, `{"must":"m"}`},
		"what is never returned, by its parts":           {`{"must":"m"}`, `{"op":"add","path":"safe.code","value":"x"},{"op":"add","path":"vaults","value":[{"value":"x"}]},{"op":"replace","path":"vaults[value eq \"x\"].value","value":"y"},{"op":"remove","path":"vaults"},{"op":"remove","path":"secrets[value eq \"x\"]"}`, `{"must":"m"}`},
		"a part that is never returned":                  {lamp, `{"op":"replace","path":"things[type eq \"work\"].pin","value":"x"},{"op":"replace","path":"things[type eq \"work\"]","value":{"pin":"x"}}`, lamp},
		"what is never returned makes nothing":           {`{"must":"m"}`, `{"op":"replace","path":"things[pin eq \"x\"].value","value":"y"}`, "noTarget path: no value of PRE:things meets the filter"},
		"what is never returned, of another type":        {`{"must":"m"}`, `{"op":"add","path":"secret","value":1}`, "invalidValue operation 1: PRE:secret: must be a string"},
		"what is required, removed":                      {`{"must":"m","tags":["a"]}`, `{"op":"remove","path":"PRE:must"}`, "mutability operation 1: PRE:must: is required and cannot be removed"},
		"what is required, empty":                        {`{"must":"m","tags":["a"]}`, `{"op":"replace","path":"PRE:must","value":""}`, "mutability operation 1: PRE:must: is required and cannot be removed"},
		"the extension as a whole":                       {`{"must":"m","tags":["a"]}`, `{"op":"remove","path":"PRE"}`, `null`},
		"what is read-only, by its path":                 {`{"must":"m"}`, `{"op":"add","path":"PRE:derived","value":"x"}`, "mutability operation 1: PRE:derived: is read-only"},
		"what is read-only, in a value":                  {`{"must":"m"}`, `{"op":"add","value":{"PRE":{"derived":"x"}}}`, `{"must":"m"}`},
		"a part that is read-only":                       {lamp, `{"op":"add","path":"things[type eq \"work\"].made","value":"x"}`, "mutability operation 1: PRE:things.made: is read-only"},
		"ours, by its path":                              {`{"must":"m"}`, `{"op":"add","path":"CHAT","value":{"username":"root"}}`, "mutability operation 1: CHAT: is read-only"},
		"ours, by a part of its path":                    {`{"must":"m"}`, `{"op":"add","path":"CHAT:teams","value":[{"value":"eng"}]}`, "mutability operation 1: CHAT:teams: is read-only"},
		"ours, chosen by a filter":                       {`{"must":"m"}`, `{"op":"replace","path":"CHAT:teams[value eq \"eng\"].role","value":"admin"}`, "mutability operation 1: CHAT:teams.role: is read-only"},
		"ours, in a value":                               {`{"must":"m"}`, `{"op":"add","value":{"CHAT":{"username":"root"},"CHAT:accountId":"x"}}`, `{"must":"m"}`},
		"a name like one of ours, which nobody knows":    {`{"must":"m"}`, `{"op":"add","path":"teams","value":["x"]}`, `{"must":"m"}`},
	} {
		text := strings.NewReplacer("PRE", assets, "CHAT", schema.ChatURN)
		doc := object(t, `{"userName":"a","`+assets+`":`+c.before+`}`)
		ops, err := Parse(request(t, text.Replace(c.operations)), r, self)
		if err == nil {
			_, err = Apply(doc, ops)
		}
		if err != nil {
			if got := explain(err); got != text.Replace(c.want) {
				t.Errorf("%s: %s", name, got)
			}
			continue
		}
		want := object(t, `{"userName":"a","`+assets+`":`+c.want+`}`)
		if c.want == "null" {
			delete(want, assets)
		}
		if !reflect.DeepEqual(doc, want) {
			t.Errorf("%s: %v", name, doc)
		}
	}
}

// A group is not loaded, so nothing is known of the members that it has.
func TestGroup_parts_of_members_are_not_written_on_their_own(t *testing.T) {
	for _, operation := range []string{
		`{"op":"replace","path":"members.value","value":"x"}`, `{"op":"replace","path":"members[value eq \"x\"].type","value":"User"}`,
		`{"op":"remove","path":"members[value eq \"x\"].value"}`,
	} {
		if _, err := Parse(request(t, operation), group, self); err == nil || !strings.HasPrefix(explain(err), "mutability ") {
			t.Errorf("%s: %v", operation, err)
		}
	}
}
