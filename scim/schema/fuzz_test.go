package schema

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// bodies are what identity providers are known to send as a User; ENT stands for the URN of the enterprise extension.
var bodies = []string{
	`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"a@x.test","name":{"givenName":"A","familyName":"B"},
		"emails":[{"primary":true,"value":"a@x.test","type":"work"}],"displayName":"A B","locale":"en-US","externalId":"00u1","groups":[],
		"password":"xyz","active":true}`,
	`{"userName":"a","active":"False","meta":{"resourceType":"User"},"roles":[],"addresses":null,"title":null,"ENTUser":{"department":"x"}}`,
	`{"id":"x","userName":"a","name":{"middleName":"","givenName":"A"},"meta":{"version":"W/\"1\""},"emails":"v","phoneNumbers":{"value":"1"}}`,
	`{"urn:ietf:params:scim:schemas:core:2.0:User":{"userName":"a","name.givenName":"G"},"ENT":{"manager":[{"value":"m","$ref":"r"}]},"department":"D"}`,
	`{"USERNAME":"a","Emails":[{"Value":"1","primary":"True"},{"value":"2","primary":true}],"ENT:manager":"m"}`,
	`{"userName":"a","ENT:manager":"m","ENT:manager.value":"m"}`,
	`{"userName":"a","roles":[{"value":"{\"id\":\"1\"}"},"x"],"addresses":[{"formatted":"x\ny"}],"x509Certificates":[{"value":"aGVsbG8="}]}`,
}

// Whatever the body of a User or a Group says: nothing panics, what is kept is what the schema says, and to normalize it again
// changes nothing.
func FuzzNormalize(f *testing.F) {
	for _, body := range bodies {
		f.Add(strings.ReplaceAll(body, "ENT", EnterpriseURN))
	}
	f.Add(`{"displayName":"G","members":[{"$ref":null,"value":"u","type":"User"},"v",{"display":"d"}],"externalId":"e"}`)
	user, group := User(extension(f)), Group()
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range []*Resource{user, group} {
			var body map[string]any
			if json.Unmarshal([]byte(text), &body) != nil {
				return
			}
			doc, err := r.Normalize(body)
			if err != nil {
				continue
			}
			r.Root.conforms(t, doc)
			kept, err := json.Marshal(doc, json.Deterministic(true))
			if err != nil {
				t.Fatal(err)
			}
			again, err := r.Normalize(doc)
			if text, _ := json.Marshal(again, json.Deterministic(true)); err != nil || string(text) != string(kept) {
				t.Fatalf("%s became %s, %v", kept, text, err)
			}
			r.Search(doc, strings.ToLower)
			r.Projection("name.givenName,"+EnterpriseURN, "emails.type").Apply(doc)
		}
	})
}

// conforms checks a value of a, without the list around it, against the characteristics of a.
func (a *Attribute) conforms(t *testing.T, v any) {
	t.Helper()
	object, isObject := v.(map[string]any)
	kind := map[string]reflect.Kind{Boolean: reflect.Bool, Integer: reflect.Float64, Decimal: reflect.Float64, Complex: reflect.Map}[a.Type]
	if kind == reflect.Invalid {
		kind = reflect.String
	}
	if reflect.ValueOf(v).Kind() != kind {
		t.Fatalf("%s is %#v", a, v)
	}
	if s, ok := v.(string); ok && (s == "" || !utf8.ValidString(s) || len(s) > MaxText) {
		t.Fatalf("%s is %q", a, s)
	}
	if isObject && len(object) == 0 && !a.IsResource() {
		t.Fatalf("%s says nothing", a)
	}
	for name, v := range object {
		sub := a.Find(name)
		if sub == nil || sub.Name != name || sub.Mutability == ReadOnly || sub.Mutability == WriteOnly || sub.Returned == Never {
			t.Fatalf("%s.%s is kept", a, name)
		}
		if !sub.MultiValued {
			sub.conforms(t, v)
			continue
		}
		list, ok := v.([]any)
		if !ok || len(list) == 0 || len(list) > MaxValues && !sub.unbounded {
			t.Fatalf("%s is %v", sub, v)
		}
		primary := 0
		for _, v := range list {
			sub.conforms(t, v)
			if object, ok := v.(map[string]any); ok && object["primary"] == true {
				primary++
			}
		}
		if primary > 1 {
			t.Fatalf("%s has %d primary values", sub, primary)
		}
	}
	for _, sub := range a.Sub {
		if _, ok := object[sub.Name]; !ok && isObject && sub.Required && sub.Mutability != ReadOnly {
			t.Fatalf("%s is missing", sub)
		}
	}
}
