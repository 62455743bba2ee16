package bulk

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
)

func decode(t testing.TB, body string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return v
}

func parse(t testing.TB, operations string) *Request {
	t.Helper()
	r, err := Parse(decode(t, `{"Operations":[`+operations+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// post is an operation that makes a resource at path which has others as its members or, a User, as its peers.
func post(path, bulkID string, others ...string) string {
	attribute := "peers"
	if path == Groups {
		attribute = "members"
	}
	values := make([]string, len(others))
	for i, to := range others {
		values[i] = fmt.Sprintf(`{"value":"bulkId:%s"}`, to)
	}
	return fmt.Sprintf(`{"method":"POST","path":%q,"bulkId":%q,"data":{%q:[%s]}}`, path, bulkID, attribute, strings.Join(values, ","))
}

func TestParse_refuses_what_is_no_request(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		want schema.ScimType
	}{
		"no operations":                  {`{}`, schema.InvalidSyntax},
		"an empty list":                  {`{"Operations":[]}`, schema.InvalidSyntax},
		"operations that are an object":  {`{"Operations":{}}`, schema.InvalidSyntax},
		"an operation that is a string":  {`{"Operations":["POST"]}`, schema.InvalidSyntax},
		"a method that is a number":      {`{"Operations":[{"method":1,"path":"/Users"}]}`, schema.InvalidSyntax},
		"a bulkId that is a number":      {`{"Operations":[{"method":"POST","path":"/Users","bulkId":7,"data":{}}]}`, schema.InvalidSyntax},
		"a version that is a number":     {`{"Operations":[{"method":"DELETE","path":"/Users/1","version":7}]}`, schema.InvalidSyntax},
		"a path that is a list":          {`{"Operations":[{"method":"DELETE","path":["/Users/1"]}]}`, schema.InvalidSyntax},
		"no path":                        {`{"Operations":[{"method":"DELETE"}]}`, schema.InvalidSyntax},
		"no method":                      {`{"Operations":[{"path":"/Users/1"}]}`, schema.InvalidSyntax},
		"a POST without bulkId":          {`{"Operations":[{"method":"POST","path":"/Users","data":{}}]}`, schema.InvalidSyntax},
		"a method in two spellings":      {`{"Operations":[{"method":"DELETE","Method":"POST","path":"/Users/1"}]}`, schema.InvalidSyntax},
		"operations in two spellings":    {`{"Operations":[{"method":"DELETE","path":"/Users/1"}],"operations":[]}`, schema.InvalidSyntax},
		"failOnErrors that is a string":  {`{"failOnErrors":"1","Operations":[{"method":"DELETE","path":"/Users/1"}]}`, schema.InvalidSyntax},
		"failOnErrors that is zero":      {`{"failOnErrors":0,"Operations":[{"method":"DELETE","path":"/Users/1"}]}`, schema.InvalidSyntax},
		"failOnErrors that is negative":  {`{"failOnErrors":-1,"Operations":[{"method":"DELETE","path":"/Users/1"}]}`, schema.InvalidSyntax},
		"failOnErrors that is no whole":  {`{"failOnErrors":1.5,"Operations":[{"method":"DELETE","path":"/Users/1"}]}`, schema.InvalidSyntax},
		"two operations with one bulkId": {`{"Operations":[` + post(Users, "a") + `,` + post(Groups, "a") + `]}`, schema.InvalidValue},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(decode(t, tt.body))
			if e, ok := errors.AsType[*schema.Error](err); !ok || e.Type != tt.want {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
	many := strings.Repeat(`{"method":"DELETE","path":"/Users/1"},`, MaxOperations+1)
	if _, err := Parse(decode(t, `{"Operations":[`+strings.TrimSuffix(many, ",")+`]}`)); !directory.Is(err, directory.Limit) {
		t.Errorf("%d operations: %v, want Limit", MaxOperations+1, err)
	}
}

func TestParse_keeps_what_is_wrong_with_one_operation(t *testing.T) {
	for name, tt := range map[string]struct {
		operation string
		want      schema.ScimType
	}{
		"another method":              {`{"method":"GET","path":"/Users/1"}`, schema.InvalidSyntax},
		"a method in lower case":      {`{"method":"delete","path":"/Users/1"}`, schema.InvalidSyntax},
		"Bulk in Bulk":                {`{"method":"POST","path":"/Bulk","bulkId":"a","data":{"Operations":[]}}`, schema.InvalidPath},
		"another endpoint":            {`{"method":"PUT","path":"/Schemas/x","data":{}}`, schema.InvalidPath},
		"an absolute URL":             {`{"method":"DELETE","path":"https://x.test/scim/v2/Users/1"}`, schema.InvalidPath},
		"a path without its slash":    {`{"method":"DELETE","path":"Users/1"}`, schema.InvalidPath},
		"POST to a resource":          {`{"method":"POST","path":"/Users/1","bulkId":"a","data":{}}`, schema.InvalidPath},
		"POST to itself":              {`{"method":"POST","path":"/Users/bulkId:a","bulkId":"a","data":{}}`, schema.InvalidPath},
		"DELETE of all":               {`{"method":"DELETE","path":"/Users"}`, schema.InvalidPath},
		"PUT without data":            {`{"method":"PUT","path":"/Users/1"}`, schema.InvalidSyntax},
		"PATCH with data in a string": {`{"method":"PATCH","path":"/Users/1","data":"{}"}`, schema.InvalidSyntax},
		"POST with a list":            {`{"method":"POST","path":"/Users","bulkId":"a","data":[]}`, schema.InvalidSyntax},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := parse(t, tt.operation).Operations[0].Wrong
			if e, ok := errors.AsType[*schema.Error](wrong); !ok || e.Type != tt.want {
				t.Errorf("%v, want %s", wrong, tt.want)
			}
		})
	}
}

func TestParse_reads_names_in_any_case(t *testing.T) {
	r, err := Parse(decode(t, `{"FAILONERRORS":1e300,"operations":[
		{"Method":"PATCH","PATH":"/Users/u1","bulkid":"q","Version":"W/\"3\"","Data":{"x":1}},{"method":"DELETE","path":"/Groups/g1","data":{"x":1}}]}`))
	want := &Request{FailOnErrors: MaxOperations, Operations: []Operation{
		{Method: "PATCH", BulkID: "q", Version: `W/"3"`, Endpoint: Users, ID: "u1", Data: map[string]any{"x": 1.0}},
		{Method: "DELETE", Endpoint: Groups, ID: "g1"},
	}}
	if err != nil || !reflect.DeepEqual(r, want) {
		t.Errorf("%+v, %v, want %+v", r, err, want)
	}
}

// plan tells the calls in short: the number of the operation, with a + for the rest of one.
func plan(r *Request) string {
	var calls []string
	for _, s := range r.Plan() {
		call := fmt.Sprint(s.Op)
		if s.Rest {
			call += "+"
		}
		if r.Operations[s.Op].Wrong != nil {
			call += "!"
		}
		calls = append(calls, call)
	}
	return strings.Join(calls, " ")
}

func TestPlan_order(t *testing.T) {
	list := func(operations ...string) string { return strings.Join(operations, ",") }
	remove := `{"method":"DELETE","path":"/Users/u1"}`
	for name, tt := range map[string]struct{ operations, want string }{
		"as they come":                           {list(post(Users, "a"), remove, post(Users, "b")), "0 1 2"},
		"a group before its member":              {list(post(Groups, "g", "a"), remove, post(Users, "a")), "1 2 0"},
		"backwards":                              {list(post(Users, "c", "b"), post(Users, "b", "a"), post(Users, "a")), "2 1 0"},
		"what waits comes as soon as it can":     {list(post(Users, "b", "a"), post(Users, "a"), remove), "1 0 2"},
		"two managers of each other":             {list(post(Users, "a", "b"), post(Users, "b", "a"), remove), "1 0 1+ 2"},
		"a circle of three, from behind":         {list(post(Users, "a", "c"), post(Users, "b", "a"), post(Users, "c", "b")), "1 2 0 1+"},
		"somebody who manages himself":           {list(post(Users, "a", "a")), "0 0+"},
		"a reference to nothing":                 {list(post(Users, "a", "x"), remove), "0 1"},
		"a reference to what is wrong":           {list(post(Users, "a", "b"), `{"method":"POST","path":"/Me","bulkId":"b","data":{}}`), "0 1!"},
		"a reference to no POST":                 {list(`{"method":"PUT","path":"/Users/bulkId:b","bulkId":"a","data":{}}`, `{"method":"PUT","path":"/Users/bulkId:a","bulkId":"b","data":{}}`), "0 1"},
		"a path that refers":                     {list(`{"method":"DELETE","path":"/Users/bulkId:a"}`, post(Users, "a")), "1 0"},
		"a group in itself":                      {list(post(Groups, "g", "g"), remove), "0! 1"},
		"two groups in each other":               {list(post(Groups, "g", "h"), remove, post(Groups, "h", "g")), "0! 1 2!"},
		"a group that contains such groups":      {list(post(Groups, "k", "g"), post(Groups, "g", "h"), post(Groups, "h", "g"), post(Groups, "l")), "0! 1! 2! 3"},
		"a group in groups that form no circle":  {list(post(Groups, "g", "h"), post(Groups, "h", "k"), post(Groups, "k")), "2 1 0"},
		"a group and its member in a circle":     {list(post(Groups, "g", "a"), post(Users, "a", "g")), "1 0 1+"},
		"two groups of which one is a member":    {list(`{"method":"POST","path":"/Groups","bulkId":"g","data":{"urn:x":{"owner":"bulkId:h"}}}`, post(Groups, "h", "g")), "1 0 1+"},
		"a user with an attribute like members":  {list(`{"method":"POST","path":"/Users","bulkId":"a","data":{"urn:x:members":["bulkId:g"]}}`, post(Groups, "g", "a")), "1 0 1+"},
		"a user with such a group as a member":   {list(post(Groups, "g", "g"), `{"method":"POST","path":"/Users","bulkId":"a","data":{"urn:x:members":["bulkId:g"]}}`), "0! 1"},
		"two circles that touch":                 {list(post(Users, "a", "b"), post(Users, "b", "a", "c"), post(Users, "c", "b")), "2 1 0 1+ 2+"},
		"a member given by its PATCH":            {list(`{"method":"PATCH","path":"/Groups/bulkId:g","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:a"}]}]}}`, post(Groups, "g"), post(Users, "a")), "1 2 0"},
		"a $ref that is all there is":            {list(`{"method":"PUT","path":"/Users/u1","data":{"manager":{"$ref":"../Users/bulkId:a"}}}`, post(Users, "a")), "1 0"},
		"a text that only looks like a $ref":     {list(`{"method":"PUT","path":"/Users/u1","data":{"title":"/Users/bulkId:a"}}`, post(Users, "a")), "0 1"},
		"a name of a member is no value of data": {list(`{"method":"PUT","path":"/Users/u1","data":{"bulkId:a":true}}`, post(Users, "a")), "0 1"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := plan(parse(t, tt.operations)); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestPlan_divides_what_is_in_a_circle(t *testing.T) {
	r := parse(t, `{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"a","emails":[{"value":"a@x.test"}],
			"Urn:Ext":{"department":"R","manager":{"value":"bulkId:b","$ref":"/Users/bulkId:b"},"peers":[{"value":"bulkId:b"},{"value":"bulkId:c"},{"value":"u1"}]}}},
		{"method":"POST","path":"/Users","bulkId":"b","data":{"userName":"b","manager":"bulkId:a"}},
		{"method":"POST","path":"/Users","bulkId":"c","data":{"userName":"c","peer":{"value":"bulkId:a"},"x":null}}`)
	steps := r.Plan()
	if len(steps) != 5 {
		t.Fatalf("%d calls, want 5: %+v", len(steps), steps)
	}
	made := map[string]Made{}
	var got []string
	for n := range steps {
		if id := r.Operations[steps[n].Op].BulkID; !steps[n].Rest {
			made[id] = Made{ID: "id-" + id, Location: "http://x/Users/id-" + id}
		}
	}
	for n := range steps {
		s, err := steps[n].Resolve(made)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(s.Data)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %s %s", s.Op, s.Method, text))
	}
	want := []string{
		`1 POST {"userName":"b"}`,
		`2 POST {"userName":"c","x":null}`,
		`0 POST {"Urn:Ext":{"department":"R","manager":{"$ref":"http://x/Users/id-b","value":"id-b"},"peers":[{"value":"id-b"},{"value":"id-c"},{"value":"u1"}]},"emails":[{"value":"a@x.test"}],"userName":"a"}`,
		`1 PATCH {"Operations":[{"op":"add","value":{"manager":"id-a"}}]}`,
		`2 PATCH {"Operations":[{"op":"add","value":{"peer":{"value":"id-a"}}}]}`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n%s,\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPlan_divides_lists_and_extensions(t *testing.T) {
	data := decode(t, `{"userName":"a","urn:ext":{"department":"R","manager":{"value":"bulkId:b","note":"n"},"peers":[{"value":"bulkId:b"},{"value":"u1"}],"all":["bulkId:b"]}}`)
	now, rest := split("", data, true, map[string]bool{"b": true})
	wantNow := decode(t, `{"userName":"a","urn:ext":{"department":"R","peers":[{"value":"u1"}]}}`)
	wantRest := decode(t, `{"urn:ext":{"manager":{"value":"bulkId:b","note":"n"},"peers":[{"value":"bulkId:b"}],"all":["bulkId:b"]}}`)
	if !reflect.DeepEqual(now, any(wantNow)) || !reflect.DeepEqual(rest, any(wantRest)) {
		t.Errorf("%v and %v", now, rest)
	}
}

func TestStep_Resolve_refuses_what_was_not_made(t *testing.T) {
	steps := parse(t, post(Users, "a", "b")+`,{"method":"DELETE","path":"/Users/bulkId:c"}`).Plan()
	for n := range steps {
		_, err := steps[n].Resolve(map[string]Made{"x": {ID: "1"}})
		if e, ok := errors.AsType[*schema.Error](err); !ok || e.Type != schema.InvalidValue {
			t.Errorf("call %d: %v, want invalidValue", n, err)
		}
	}
}
