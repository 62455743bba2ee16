package schema

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

const costs = "urn:example:costs:1.0:User"

// costsWith is a definition with these attributes.
func costsWith(attributes string) string {
	return `{"id":"` + costs + `","attributes":[` + attributes + `]}`
}

func TestParseExtension_gives_what_is_missing_its_default(t *testing.T) {
	s := parsed(t, costsWith(`{"name":"a"},{"NAME":"b","Type":"DATETIME"},{"name":"c","type":"reference","caseExact":false},{"name":"d","type":"binary"},
		{"name":"e","mutability":"writeOnly"},{"name":"f","type":"complex","multiValued":true,"subAttributes":[{"name":"value"},{"name":"$ref","type":"reference","referenceTypes":["User"]}]}`))
	var got strings.Builder
	characteristics(&got, User(s).Extensions[2].Attributes)
	const want = `a string
b dateTime
c reference caseExact
d binary caseExact
e string writeOnly never
f complex[]
f.value string
f.$ref reference caseExact
`
	if text := strings.ReplaceAll(strings.Join(strings.Fields(got.String()), " "), costs+":", "\n"); strings.TrimSpace(text) != strings.TrimSpace(strings.ReplaceAll(want, "\n", " \n")) {
		t.Errorf("got %s", text)
	}
	if s.Name != costs || !reflect.DeepEqual(s.Attributes[2].ReferenceTypes, []string{"external"}) {
		t.Errorf("name %q, reference types %q", s.Name, s.Attributes[2].ReferenceTypes)
	}
}

func TestParseExtension_reads_what_Definition_writes(t *testing.T) {
	s := parsed(t, costsWith(`{"name":"a","canonicalValues":["x","y"],"description":"A"},{"name":"b","type":"complex","subAttributes":[{"name":"c","type":"decimal","mutability":"immutable"}]}`))
	text := s.Definition()
	if again := parsed(t, string(text)); string(again.Definition()) != string(text) {
		t.Errorf("%s became %s", text, again.Definition())
	}
	for _, builtIn := range User().Extensions {
		var described strings.Builder
		if err := json.MarshalWrite(&described, builtIn.Describe("https://x.test")); err != nil {
			t.Fatal(err)
		}
		if _, err := ParseExtension([]byte(strings.ReplaceAll(described.String(), builtIn.URN, costs))); err != nil && !strings.Contains(err.Error(), "uniqueness") {
			t.Errorf("as /Schemas shows %s: %v", builtIn.URN, err)
		}
	}
}

func TestParseExtension_refuses(t *testing.T) {
	many := strings.Repeat(`{"name":"a"},`, MaxAttributes) + `{"name":"b"}`
	for i := range MaxAttributes {
		many = strings.Replace(many, `"a"`, fmt.Sprintf(`"a%d"`, i), 1)
	}
	at := func(attributes string) string { return costsWith(attributes) }
	for text, want := range map[string]string{
		``:                   "invalidSyntax the schema is not one JSON object: ",
		`[]`:                 "invalidSyntax the schema is not one JSON object: it must begin with { and end with }",
		`{"id":"a"} {}`:      "invalidSyntax the schema is not one JSON object: ",
		`{"id":1}`:           "invalidValue the schema: id must be a string",
		`{"attributes":1}`:   "invalidValue the schema: attributes must be a list",
		`{}`:                 "invalidValue id: is missing",
		`{"id":"costs"}`:     `invalidValue id: "costs" is no URN`,
		`{"id":"urn:x"}`:     `invalidValue id: "urn:x" is no URN`,
		`{"id":"urn:x:"}`:    `invalidValue id: "urn:x:" is no URN`,
		`{"id":"urn:x:\"y"}`: "invalidValue id: ",
		`{"id":"urn:x:` + strings.Repeat("y", maxURN) + `"}`:         "invalidValue id: has more than 256 bytes",
		`{"id":"` + UserURN + `"}`:                                   "invalidValue id: urn:ietf:params:scim:schemas:core:… is not yours",
		`{"id":"` + strings.ToUpper(EnterpriseURN) + `"}`:            "invalidValue id: urn:ietf:params:scim:schemas:extension:enterprise:… is not yours",
		`{"id":"urn:rollcall:x"}`:                                    "invalidValue id: urn:rollcall:… is not yours",
		`{"id":"urn:ietf:params:scim:schemas:core"}`:                 "invalidValue id: urn:ietf:params:scim:schemas:core:… is not yours",
		`{"id":"urn:ietf:params:scim:api:messages:2.0:Mine"}`:        "invalidValue id: urn:ietf:params:scim:api:… is not yours",
		`{"id":"URN:ietf:params:scim:schemas:Mine:2.0:User"}`:        "invalidValue id: urn:ietf:params:scim:… is not yours",
		`{"id":"urn:ietf:params:scim"}`:                              "invalidValue id: urn:ietf:params:scim:… is not yours",
		`{"id":"urn:ietf:params:scim:schemas:extension"}`:            "invalidValue id: urn:ietf:params:scim:schemas:extension:enterprise:2.0:User begins with it",
		`{"id":"urn:ietf:params"}`:                                   "invalidValue id: urn:ietf:params:scim:schemas:core:2.0:User begins with it",
		`{"id":"urn:ietf:params:scim:schemas:extension:x:2.0:User"}`: "invalidValue attributes: there must be one",
		`{"id":"urn:x:y"}`:                                           "invalidValue attributes: there must be one",
		`{"id":"urn:x:y","attribute":[]}`:                            `invalidValue the schema: there is no "attribute": use id, name,`,
		`{"id":"urn:x:y","ID":"urn:x:z"}`:                            `invalidSyntax the schema: id is given twice`,
		`{"id":"urn:x:y","meta":{},"Meta":{}}`:                       `invalidSyntax the schema: meta is given twice`,
		at(`{"name":"a","type":"string","TYPE":"string"}`):           `invalidSyntax urn:example:costs:1.0:User:a: type is given twice`,
		costsWith(strings.Repeat(" ", MaxDefinition)):                "invalidValue the schema has more than 64 KiB",
		at(many):                         "invalidValue attributes: there are more than 100",
		at(`1`):                          "invalidValue urn:example:costs:1.0:User: an attribute must be an object",
		at(`{}`):                         "invalidValue urn:example:costs:1.0:User: an attribute has no name",
		at(`{"name":1}`):                 "invalidValue urn:example:costs:1.0:User: name must be a string",
		at(`{"name":"1a"}`):              "invalidValue urn:example:costs:1.0:User: \"1a\" is no name",
		at(`{"name":"$ref"}`):            "invalidValue urn:example:costs:1.0:User: \"$ref\" is no name",
		at(`{"name":"ä"}`):               "invalidValue urn:example:costs:1.0:User: \"ä\" is no name",
		at(`{"name":"a.b"}`):             "invalidValue urn:example:costs:1.0:User: \"a.b\" is no name",
		at(`{"name":"Meta"}`):            "invalidValue urn:example:costs:1.0:User: Meta is the name of a common attribute",
		at(`{"name":"a"},{"name":"A"}`):  "invalidValue urn:example:costs:1.0:User:A: is defined twice",
		at(`{"name":"a","type":"text"}`): "invalidValue urn:example:costs:1.0:User:a: type must be one of string, boolean,",
		at(`{"name":"a","mutability":"sometimes"}`):                                                  "invalidValue urn:example:costs:1.0:User:a: mutability must be one of readWrite,",
		at(`{"name":"a","returned":"sometimes"}`):                                                    "invalidValue urn:example:costs:1.0:User:a: returned must be one of default,",
		at(`{"name":"a","required":"yes"}`):                                                          "invalidValue urn:example:costs:1.0:User:a: required must be true or false",
		at(`{"name":"a","canonicalValues":[1]}`):                                                     "invalidValue urn:example:costs:1.0:User:a: canonicalValues must be a list of strings",
		at(`{"name":"a","multivalue":true}`):                                                         `invalidValue urn:example:costs:1.0:User:a: there is no "multivalue"`,
		at(`{"name":"a","uniqueness":"server"}`):                                                     `invalidValue urn:example:costs:1.0:User:a: uniqueness "server" is not possible`,
		at(`{"name":"a","uniqueness":"global"}`):                                                     `invalidValue urn:example:costs:1.0:User:a: uniqueness "global" is not possible`,
		at(`{"name":"a","type":"complex"}`):                                                          "invalidValue urn:example:costs:1.0:User:a: a complex attribute needs subAttributes",
		at(`{"name":"a","subAttributes":[{"name":"b"}]}`):                                            "invalidValue urn:example:costs:1.0:User:a: only a complex attribute has subAttributes",
		at(`{"name":"a","required":true,"mutability":"readOnly"}`):                                   "invalidValue urn:example:costs:1.0:User:a: nobody could write it",
		at(`{"name":"a","mutability":"writeOnly","returned":"default"}`):                             "invalidValue urn:example:costs:1.0:User:a: returned must be one of never",
		at(`{"name":"a","required":true,"returned":"never"}`):                                        "invalidValue urn:example:costs:1.0:User:a: what is never returned is not kept",
		at(`{"name":"a","mutability":"immutable","returned":"never"}`):                               "invalidValue urn:example:costs:1.0:User:a: what is never returned is not kept",
		at(`{"name":"a","type":"complex","subAttributes":[{"name":"b","type":"complex"}]}`):          "invalidValue urn:example:costs:1.0:User:a.b: a sub-attribute cannot be complex",
		at(`{"name":"a","type":"complex","subAttributes":[{"name":"b","subAttributes":[{}]}]}`):      "invalidValue urn:example:costs:1.0:User:a.b: only a complex attribute has subAttributes",
		at(`{"name":"a","type":"complex","subAttributes":[{"name":"b","uniqueness":"server"}]}`):     `invalidValue urn:example:costs:1.0:User:a.b: uniqueness "server" is not possible`,
		at(`{"name":"a","type":"complex","subAttributes":[{"name":"b"},{"name":"B"}]}`):              "invalidValue urn:example:costs:1.0:User:a.B: is defined twice",
		at(`{"name":"a","type":"complex","subAttributes":["b"]}`):                                    "invalidValue urn:example:costs:1.0:User:a: an attribute must be an object",
		at(`{"name":"` + strings.Repeat("a", maxName+1) + `"}`):                                      "invalidValue urn:example:costs:1.0:User: ",
		strings.Replace(at(`{"name":"a"}`), `"attributes"`, `"name":"a","name":"b","attributes"`, 1): "invalidSyntax the schema is not one JSON object: ",
	} {
		if s, err := ParseExtension([]byte(text)); err == nil || !strings.HasPrefix(explain(err), want) {
			t.Errorf("%.120s: got %v, %v; want %s", text, s, err, want)
		}
	}
}

func TestWidens_asks_for_what_users_may_have(t *testing.T) {
	before := parsed(t, costsWith(`{"name":"a"},{"name":"b","type":"complex","subAttributes":[{"name":"c"}]}`))
	for now, want := range map[string]string{
		`{"name":"b","type":"complex","subAttributes":[{"name":"d"},{"name":"c","returned":"request"}]},{"name":"e"},{"name":"a","required":true}`: "",
		`{"name":"b","type":"complex","subAttributes":[{"name":"c"}]}`:                                                                             costs + ":a: Users may have values of it, so it cannot be left out",
		`{"name":"A"},{"name":"b","type":"complex","subAttributes":[{"name":"c"}]}`:                                                                costs + ":a: Users may have values of it, so it cannot be left out",
		`{"name":"a","type":"integer"},{"name":"b","type":"complex","subAttributes":[{"name":"c"}]}`:                                               costs + ":a: Users may have values of it, so type, multiValued and caseExact cannot change",
		`{"name":"a","multiValued":true},{"name":"b","type":"complex","subAttributes":[{"name":"c"}]}`:                                             costs + ":a: Users may have values of it, so type, multiValued and caseExact cannot change",
		`{"name":"a"},{"name":"b","type":"complex","subAttributes":[{"name":"c","caseExact":true}]}`:                                               costs + ":b.c: Users may have values of it, so type, multiValued and caseExact cannot change",
	} {
		got := ""
		if err := parsed(t, costsWith(now)).Widens(before); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", now, got, want)
		}
	}
}

func TestLookup_does_not_take_plain_names_for_ours(t *testing.T) {
	r := User()
	for path, want := range map[string]string{
		"teams": "", "accountId": "", "username": "userName", ChatURN + ":teams": ChatURN + ":teams", strings.ToUpper(ChatURN) + ":channels.ROLE": ChatURN + ":channels.role",
	} {
		got := ""
		if a := r.Lookup(path); a != nil {
			got = a.String()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func TestAppendSchemas_names_what_the_document_has(t *testing.T) {
	removed := parsed(t, strings.ReplaceAll(costsWith(`{"name":"a"}`), "costs", "gone"))
	removed.Removed = true
	r := User(parsed(t, costsWith(`{"name":"a"}`)), removed)
	for document, want := range map[string]string{
		`{"userName":"a"}`: `"` + UserURN + `"`,
		`{"urn:example:costs:1.0:User":{"a":"x"},"userName":"a"}`:                                           `"` + UserURN + `","` + costs + `"`,
		`{"title":"\"urn:example:costs:1.0:User\":{","userName":"a"}`:                                       `"` + UserURN + `"`,
		`{"urn:example:gone:1.0:User":{"a":"x"},"` + EnterpriseURN + `":{"department":"D"},"userName":"a"}`: `"` + UserURN + `","` + EnterpriseURN + `"`,
	} {
		if got := string(r.AppendSchemas(nil, []byte(document))); got != want {
			t.Errorf("%s: got %s", document, got)
		}
	}
}

// FuzzParseExtension shows that no definition makes us panic, neither when it is read nor when it is used.
func FuzzParseExtension(f *testing.F) {
	f.Add(costsWith(`{"name":"a"},{"name":"b","type":"complex","multiValued":true,"subAttributes":[{"name":"value"},{"name":"type"}]}`))
	f.Add(`{"id":"urn:ietf:params:scim:schemas:extension:x:2.0:User","attributes":[{"name":"$"},null]}`)
	f.Add(`{"id":"urn:x:y:","attributes":{"name":"a","type":"complex"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseExtension([]byte(text))
		if err != nil {
			return
		}
		if _, err := ParseExtension(s.Definition()); err != nil {
			t.Fatalf("%s: %v", s.Definition(), err)
		}
		r := User(s)
		body := map[string]any{"userName": "a", s.URN: map[string]any{s.Attributes[0].Name: "x"}}
		if doc, err := r.Normalize(body); err == nil {
			r.Search(doc, strings.ToLower)
			r.Projection(s.URN, "").Apply(doc)
		}
	})
}
