package schema

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"
)

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, "ENT", EnterpriseURN)), &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

func TestNormalize_user(t *testing.T) {
	r := User()
	for name, c := range map[string]struct{ body, want string }{
		"schemas may be missing":           {`{"userName":"a"}`, `{"userName":"a"}`},
		"names in any case":                {`{"USERNAME":"a","Name":{"GivenName":"A"}}`, `{"userName":"a","name":{"givenName":"A"}}`},
		"core attributes nested under URN": {`{"urn:ietf:params:scim:schemas:core:2.0:User":{"userName":"a","active":false}}`, `{"userName":"a","active":false}`},
		"dotted names":                     {`{"userName":"a","name.givenName":"G","name":{"familyName":"F"}}`, `{"userName":"a","name":{"givenName":"G","familyName":"F"}}`},
		"a name with URN":                  {`{"userName":"a","ENT:department":"D"}`, `{"userName":"a","ENT":{"department":"D"}}`},
		"an enterprise name without URN":   {`{"userName":"a","department":"D","ENT":{"division":"V"}}`, `{"userName":"a","ENT":{"department":"D","division":"V"}}`},
		"unknown attributes and schemas":   {`{"userName":"a","foo":1,"urn:x:User":{"a":1},"name":{"foo":"x","givenName":"G"}}`, `{"userName":"a","name":{"givenName":"G"}}`},
		"a misspelt extension": {
			`{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0User":{"department":"x"}}`,
			`{"userName":"a"}`,
		},
		"read-only attributes":              {`{"userName":"a","id":"x","meta":{"resourceType":"User"},"groups":[{"value":"g"}]}`, `{"userName":"a"}`},
		"a password":                        {`{"userName":"a","password":"secret"}`, `{"userName":"a"}`},
		"nothing in many forms":             {`{"userName":"a","title":null,"nickName":"","name":{},"roles":[],"emails":[null,{},{"value":""}],"ENT":{}}`, `{"userName":"a"}`},
		"an object of nothing":              {`{"userName":"a","name":{"middleName":"","givenName":null},"ENT":{"department":""}}`, `{"userName":"a"}`},
		"an extension that is null or text": {`{"userName":"a","ENT":null,"urn:ietf:params:scim:schemas:core:2.0:User":""}`, `{"userName":"a"}`},
		"a value with a type alone":         {`{"userName":"a","phoneNumbers":[{"type":"work","primary":false,"value":""}]}`, `{"userName":"a"}`},
		"booleans as strings":               {`{"userName":"a","active":"False","emails":[{"value":"v","primary":"true"}]}`, `{"userName":"a","active":false,"emails":[{"value":"v","primary":true}]}`},
		"strings that look like booleans":   {`{"userName":"a","title":"True"}`, `{"userName":"a","title":"True"}`},
		"an empty boolean":                  {`{"userName":"a","active":""}`, `{"userName":"a"}`},
		"one object where a list belongs":   {`{"userName":"a","emails":{"value":"v","type":"work"}}`, `{"userName":"a","emails":[{"value":"v","type":"work"}]}`},
		"a string where a list belongs":     {`{"userName":"a","emails":"v"}`, `{"userName":"a","emails":[{"value":"v"}]}`},
		"strings in a list of objects":      {`{"userName":"a","roles":["x","y"]}`, `{"userName":"a","roles":[{"value":"x"},{"value":"y"}]}`},
		"a manager as a string":             {`{"userName":"a","ENT":{"manager":"m"}}`, `{"userName":"a","ENT":{"manager":{"value":"m"}}}`},
		"a manager as a list":               {`{"userName":"a","ENT":{"manager":[{"value":"m","$ref":"r"}]}}`, `{"userName":"a","ENT":{"manager":{"value":"m","$ref":"r"}}}`},
		"a manager without value":           {`{"userName":"a","ENT":{"manager":{"$ref":"r","displayName":"d","value":null}}}`, `{"userName":"a"}`},
		"two primary values: the last one":  {`{"userName":"a","emails":[{"value":"1","primary":true},{"value":"2","primary":true},{"value":"3"}]}`, `{"userName":"a","emails":[{"value":"1","primary":false},{"value":"2","primary":true},{"value":"3"}]}`},
		"a manager's $ref alone":            {`{"userName":"a","manager.$ref":"r"}`, `{"userName":"a"}`},
		"lines in an address":               {`{"userName":"a","addresses":[{"formatted":"x\ny\tz\r\n"}]}`, `{"userName":"a","addresses":[{"formatted":"x\ny\tz\r\n"}]}`},
		"strings are not judged": {
			`{"userName":"a","profileUrl":"no url","locale":"?","emails":[{"value":"no mail","type":"odd"}],"roles":[{"value":"{\"id\":\"1\"}"}]}`,
			`{"userName":"a","profileUrl":"no url","locale":"?","emails":[{"value":"no mail","type":"odd"}],"roles":[{"value":"{\"id\":\"1\"}"}]}`,
		},
		"spellings stay as sent": {`{"userName":"ÄÖ@X.Test","externalId":"Ab","phoneNumbers":[{"value":"+1 (0) 2"}]}`, `{"userName":"ÄÖ@X.Test","externalId":"Ab","phoneNumbers":[{"value":"+1 (0) 2"}]}`},
	} {
		got, err := r.Normalize(object(t, c.body))
		if err != nil || !reflect.DeepEqual(got, object(t, c.want)) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestNormalize_refuses(t *testing.T) {
	r := User()
	for name, c := range map[string]struct{ body, want string }{
		"a missing userName":         {`{"displayName":"x"}`, "invalidValue userName: is required"},
		"an empty userName":          {`{"userName":""}`, "invalidValue userName: is required"},
		"a number for a string":      {`{"userName":1}`, "invalidValue userName: must be a string"},
		"an object for a string":     {`{"userName":"a","title":{"value":"x"}}`, "invalidValue title: must be a string"},
		"a list for a string":        {`{"userName":["a"]}`, "invalidValue userName: must be a string"},
		"a word for a boolean":       {`{"userName":"a","active":"yes"}`, "invalidValue active: must be true or false"},
		"a number for a boolean":     {`{"userName":"a","active":1}`, "invalidValue active: must be true or false"},
		"a string for a name":        {`{"userName":"a","name":"x"}`, "invalidValue name: must be an object"},
		"a number in a list":         {`{"userName":"a","emails":[1]}`, "invalidValue emails: must be an object"},
		"a number in a value":        {`{"userName":"a","emails":[{"value":1}]}`, "invalidValue emails.value: must be a string"},
		"a string for an extension":  {`{"userName":"a","ENT":"x"}`, "invalidValue " + EnterpriseURN + ": must be an object"},
		"a number in an extension":   {`{"userName":"a","ENT":{"department":1}}`, "invalidValue " + EnterpriseURN + ":department: must be a string"},
		"two managers":               {`{"userName":"a","ENT":{"manager":["x","y"]}}`, "invalidValue " + EnterpriseURN + ":manager: must be a single value"},
		"a password of another type": {`{"userName":"a","password":1}`, "invalidValue password: must be a string"},
		"NUL":                        {`{"userName":"a\u0000"}`, "invalidValue userName: contains the control character U+0000"},
		"a line break in a name":     {`{"userName":"a","displayName":"x\ny"}`, "invalidValue displayName: contains the control character U+000A"},
		"escape in an address":       {`{"userName":"a","addresses":[{"formatted":"\u001b["}]}`, "invalidValue addresses.formatted: contains the control character U+001B"},
		"a name twice":               {`{"userName":"a","USERNAME":"b"}`, "invalidSyntax userName: is given twice"},
		"a part twice":               {`{"userName":"a","name":{"givenName":"x"},"name.givenName":"y"}`, "invalidSyntax name.givenName: is given twice"},
		"a sub-attribute twice":      {`{"userName":"a","name":{"givenName":"x","GIVENNAME":"y"}}`, "invalidSyntax name.givenName: is given twice"},
		"too many values":            {`{"userName":"a","roles":[` + strings.Repeat(`"x",`, MaxValues) + `"x"]}`, "invalidValue roles: has more than 1000 values"},
	} {
		got, err := r.Normalize(object(t, c.body))
		if text := explain(err); text != c.want {
			t.Errorf("%s: got %v, %q; want %q", name, got, text, c.want)
		}
	}
	if _, err := r.Normalize(map[string]any{"userName": "\xff"}); explain(err) != "invalidValue userName: is not valid UTF-8" {
		t.Errorf("invalid UTF-8: %v", err)
	}
}

func explain(err error) string {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return "no *Error"
	}
	return string(e.Type) + " " + e.Detail
}

func TestNormalize_group(t *testing.T) {
	r := Group()
	got, err := r.Normalize(object(t, `{"displayName":"G","externalId":"e","members":["u1",{"value":"u2","display":"d","$ref":null},null,{"value":""}]}`))
	want := object(t, `{"displayName":"G","externalId":"e","members":[{"value":"u1"},{"value":"u2"}]}`)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := r.Normalize(object(t, `{"members":[]}`)); explain(err) != "invalidValue displayName: is required" {
		t.Errorf("without a name: %v", err)
	}
}

func parsed(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := ParseExtension([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

func extension(t testing.TB) *Schema {
	return parsed(t, `{"id":"urn:x:Badge","attributes":[
		{"name":"since","type":"dateTime"},
		{"name":"floor","type":"integer","required":true},
		{"name":"doors","multiValued":true},
		{"name":"note","returned":"request"}]}`)
}

func TestNormalize_custom_extension(t *testing.T) {
	r := User(extension(t))
	for name, c := range map[string]struct{ body, want string }{
		"all types":         {`{"since":"2024-01-02T03:04:05.1234567Z","floor":3,"doors":["a","","b"]}`, ""},
		"local time":        {`{"since":"2024-01-02T03:04:05","floor":3}`, ""},
		"no time":           {`{"since":"yesterday","floor":3}`, "invalidValue urn:x:Badge:since: must be a date and time such as 2008-01-23T04:56:22Z"},
		"half a floor":      {`{"floor":1.5}`, "invalidValue urn:x:Badge:floor: must be a number of type integer"},
		"a high floor":      {`{"floor":1e15}`, ""},
		"a floor too high":  {`{"floor":1e21}`, "invalidValue urn:x:Badge:floor: must be a number of type integer"},
		"a floor too deep":  {`{"floor":-9007199254740994}`, "invalidValue urn:x:Badge:floor: must be a number of type integer"},
		"a floor in words":  {`{"floor":"3"}`, "invalidValue urn:x:Badge:floor: must be a number of type integer"},
		"no floor":          {`{"note":"x"}`, "invalidValue urn:x:Badge:floor: is required"},
		"no extension":      {`{}`, ""},
		"a list of numbers": {`{"doors":[1],"floor":1}`, "invalidValue urn:x:Badge:doors: must be a string"},
	} {
		doc, err := r.Normalize(object(t, `{"userName":"a","URN:X:badge":`+c.body+`}`))
		if c.want == "" && err != nil || c.want != "" && explain(err) != c.want {
			t.Errorf("%s: got %v, %v", name, doc, err)
		}
	}
}

// TestNormalize_is_idempotent also shows that no JSON makes it panic.
func TestNormalize_is_idempotent(t *testing.T) {
	r := User(extension(t))
	rapid.Check(t, func(t *rapid.T) {
		body := drawObject(r).Draw(t, "body")
		once, err := r.Normalize(body)
		if err != nil {
			return
		}
		before := maps.Clone(once)
		twice, err := r.Normalize(once)
		if err != nil || !reflect.DeepEqual(before, twice) {
			t.Fatalf("%v became %v, %v", once, twice, err)
		}
		r.Search(once, strings.ToLower)
	})
}

func drawObject(r *Resource) *rapid.Generator[map[string]any] {
	names := slices.Sorted(maps.Keys(r.index))
	for _, a := range r.Root.Sub {
		for _, s := range a.Sub {
			names = append(names, s.Name)
		}
	}
	scalar := rapid.OneOf(
		rapid.Just[any](nil), rapid.Just[any](""), rapid.Just[any]("x"), rapid.Just[any]("true"), rapid.Just[any](true),
		rapid.Just[any](2.0), rapid.Just[any]("2024-01-02T03:04:05Z"),
	)
	one := rapid.MapOf(rapid.SampledFrom(names), scalar)
	asAny := func(m map[string]any) any { return m }
	value := rapid.OneOf(scalar, rapid.Map(one, asAny),
		rapid.Map(rapid.SliceOf(rapid.OneOf(scalar, rapid.Map(one, asAny))), func(l []any) any { return l }))
	return rapid.Custom(func(t *rapid.T) map[string]any {
		m := rapid.MapOf(rapid.SampledFrom(names), value).Draw(t, "members")
		if rapid.Bool().Draw(t, "named") {
			for name := range m {
				if r.Lookup(name) == r.Lookup("userName") {
					delete(m, name)
				}
			}
			m["userName"] = "a"
		}
		return m
	})
}

func BenchmarkNormalize(b *testing.B) {
	r := User()
	body := object(b, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"a@x.test","name":{"givenName":"A","familyName":"B"},
		"emails":[{"primary":true,"value":"a@x.test","type":"work"}],"displayName":"A B","locale":"en-US","externalId":"00u1","groups":[],"active":true}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Normalize(body); err != nil {
			b.Fatal(err)
		}
	}
}
