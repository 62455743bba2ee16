package schema

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

func guarded(t *testing.T) *Resource {
	return User(parsed(t, costsWith(`{"name":"must","required":true},{"name":"once","mutability":"immutable"},{"name":"exact","caseExact":true,"mutability":"immutable"},
		{"name":"set","multiValued":true,"mutability":"immutable"},{"name":"n","type":"integer","mutability":"immutable"},{"name":"free"},
		{"name":"one","type":"complex","subAttributes":[{"name":"must","required":true},{"name":"once","mutability":"immutable"},{"name":"free"}]},
		{"name":"all","type":"complex","multiValued":true,"subAttributes":[{"name":"value"},{"name":"must","required":true}]}`)))
}

// RFC 7643, section 7. RFC 7644, section 3.5.1.
func TestGuard_immutable_and_required(t *testing.T) {
	r := guarded(t)
	const fixed = "mutability " + costs + ":once: is immutable: it has a value and keeps it"
	for name, c := range map[string]struct{ before, after, put, patch string }{ // what is in the extension; "": the same, "-": no extension
		"set for the first time":                     {`{"must":"m"}`, `{"must":"m","once":"x"}`, "", ""},
		"the same value":                             {`{"must":"m","once":"x"}`, `{"must":"m","once":"x","free":"y"}`, "", ""},
		"the same in another case":                   {`{"must":"m","once":"x"}`, `{"must":"m","once":"X"}`, `{"must":"m","once":"x"}`, `{"must":"m","once":"x"}`},
		"another value":                              {`{"must":"m","once":"x"}`, `{"must":"m","once":"y"}`, fixed, fixed},
		"another case where case counts":             {`{"must":"m","exact":"x"}`, `{"must":"m","exact":"X"}`, strings.ReplaceAll(fixed, "once", "exact"), strings.ReplaceAll(fixed, "once", "exact")},
		"no value":                                   {`{"must":"m","once":"x"}`, `{"must":"m"}`, `{"must":"m","once":"x"}`, fixed},
		"no extension":                               {`{"must":"m","once":"x"}`, `-`, `{"once":"x"}`, fixed},
		"values in another order":                    {`{"must":"m","set":["a","b"]}`, `{"must":"m","set":["B","a"]}`, `{"must":"m","set":["a","b"]}`, `{"must":"m","set":["a","b"]}`},
		"a value more":                               {`{"must":"m","set":["a"]}`, `{"must":"m","set":["a","a"]}`, strings.ReplaceAll(fixed, "once", "set"), strings.ReplaceAll(fixed, "once", "set")},
		"a number":                                   {`{"must":"m","n":1}`, `{"must":"m","n":2}`, strings.ReplaceAll(fixed, "once", "n"), strings.ReplaceAll(fixed, "once", "n")},
		"a part set for the first time":              {`{"must":"m","one":{"must":"m"}}`, `{"must":"m","one":{"must":"m","once":"x"}}`, "", ""},
		"another value of a part":                    {`{"must":"m","one":{"must":"m","once":"x"}}`, `{"must":"m","one":{"must":"m","once":"y"}}`, strings.ReplaceAll(fixed, ":once", ":one.once"), strings.ReplaceAll(fixed, ":once", ":one.once")},
		"no value of a part":                         {`{"must":"m","one":{"must":"m","once":"x"}}`, `{"must":"m","one":{"must":"m"}}`, `{"must":"m","one":{"must":"m","once":"x"}}`, strings.ReplaceAll(fixed, ":once", ":one.once")},
		"another attribute without what is required": {`-`, `{"free":"x"}`, "invalidValue " + costs + ":must: is required", "invalidValue " + costs + ":must: is required"},
		"nothing that is touched lacks it":           {`{"free":"x"}`, `{"free":"x"}`, "", ""},
		"a part without what is required":            {`{"must":"m"}`, `{"must":"m","one":{"free":"x"}}`, "invalidValue " + costs + ":one.must: is required", "invalidValue " + costs + ":one.must: is required"},
		"a value of a list without it":               {`{"must":"m"}`, `{"must":"m","all":[{"value":"a","must":"x"},{"value":"b"}]}`, "invalidValue " + costs + ":all.must: is required", "invalidValue " + costs + ":all.must: is required"},
		"a list that is there without it":            {`{"must":"m","all":[{"value":"b"}]}`, `{"must":"m","all":[{"value":"b"}],"free":"x"}`, "", ""},
	} {
		document := func(in string) string {
			if in == "-" {
				return `{"userName":"a"}`
			}
			return `{"userName":"a","` + costs + `":` + in + `}`
		}
		for want, whole := range map[string]bool{"put " + c.put: true, "patch " + c.patch: false} {
			_, want, _ := strings.Cut(want, " ")
			doc := object(t, document(c.after))
			shared := object(t, document(c.after))
			given, _ := doc[costs].(map[string]any)
			err := r.Guard([]byte(document(c.before)), doc, whole, strings.ToLower)
			if err != nil {
				if explain(err) != want {
					t.Errorf("%s (whole %v): %v, want %s", name, whole, err, want)
				}
				continue
			}
			if want == "" {
				want = c.after
			}
			if !strings.HasPrefix(want, "{") {
				t.Errorf("%s (whole %v): no error, want %s", name, whole, want)
				continue
			}
			if !reflect.DeepEqual(doc, object(t, document(want))) {
				t.Errorf("%s (whole %v): %v, want %s", name, whole, doc, want)
			}
			if inside, _ := shared[costs].(map[string]any); !maps.EqualFunc(given, inside, func(x, y any) bool { return reflect.DeepEqual(x, y) }) {
				t.Errorf("%s: what was given is now %v", name, given)
			}
		}
	}
}

func TestGuard_leaves_what_has_neither_alone(t *testing.T) {
	if err := User().Guard([]byte("no document"), map[string]any{}, true, strings.ToLower); err != nil {
		t.Error(err)
	}
}

func TestProjection_of_an_extension(t *testing.T) {
	gone := parsed(t, strings.ReplaceAll(costsWith(`{"name":"x"}`), "costs", "gone"))
	gone.Removed = true
	r := User(parsed(t, costsWith(`{"name":"always","returned":"always"},{"name":"usual"},{"name":"asked","returned":"request"},{"name":"never","returned":"never"},
		{"name":"box","type":"complex","returned":"always","subAttributes":[{"name":"usual"},{"name":"asked","returned":"request"},{"name":"never","returned":"never"}]}`)), gone)
	const stored = `{"id":"1","userName":"a","urn:example:gone:1.0:User":{"x":"x"},"COSTS":{"always":"1","usual":"2","asked":"3","never":"4","box":{"usual":"5","asked":"6","never":"7"}}}`
	for name, c := range map[string]struct{ attributes, excluded, want string }{
		"by default":                         {"", "", `{"id":"1","userName":"a","COSTS":{"always":"1","usual":"2","box":{"usual":"5"}}}`},
		"something else":                     {"userName", "", `{"id":"1","userName":"a","COSTS":{"always":"1","box":{"usual":"5"}}}`},
		"without the extension":              {"", "COSTS", `{"id":"1","userName":"a","COSTS":{"always":"1","box":{"usual":"5"}}}`},
		"without the attributes":             {"", "COSTS:always,COSTS:usual,COSTS:box.usual", `{"id":"1","userName":"a","COSTS":{"always":"1"}}`},
		"the extension":                      {"COSTS", "", `{"id":"1","COSTS":{"always":"1","usual":"2","asked":"3","box":{"usual":"5","asked":"6"}}}`},
		"what is returned on request":        {"COSTS:asked,COSTS:never", "", `{"id":"1","COSTS":{"always":"1","asked":"3","box":{"usual":"5"}}}`},
		"a part that is returned on request": {"COSTS:box.asked", "", `{"id":"1","COSTS":{"always":"1","box":{"usual":"5","asked":"6"}}}`},
	} {
		costsFor := func(s string) string { return strings.ReplaceAll(s, "COSTS", costs) }
		got := object(t, costsFor(stored))
		p := r.Projection(costsFor(c.attributes), costsFor(c.excluded))
		if p.Apply(got); !reflect.DeepEqual(got, object(t, costsFor(c.want))) {
			b, _ := json.Marshal(got, json.Deterministic(true))
			t.Errorf("%s: got %s", name, b)
		}
		if p.Whole() {
			t.Errorf("%s: what is stored is said to be returned whole", name)
		}
	}
	if !User().Projection("", "").Whole() || !User(parsed(t, costsWith(`{"name":"a"}`))).Projection("", "").Whole() || User().Projection("id", "").Whole() {
		t.Error("without attributes that are hidden, and nothing asked for, a resource is returned as it is stored")
	}
}

func TestProjection_wants_ours_only_when_it_is_asked_for(t *testing.T) {
	for _, c := range []struct {
		attributes, excluded string
		want                 bool
	}{
		{"", "", false},
		{"", "title", false},
		{"userName", "", false},
		{UserURN, "", false},
		{ChatURN, "", true},
		{strings.ToUpper(ChatURN) + ":TEAMS", "", true},
		{ChatURN + ":teams.value,id", "", true},
		{ChatURN, ChatURN, false},
		{"teams", "", false},
	} {
		if got := User().Projection(c.attributes, c.excluded).Wants(ChatURN); got != c.want {
			t.Errorf("%v: got %v", c, got)
		}
	}
}
