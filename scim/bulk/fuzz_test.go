package bulk

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// FuzzBulk plans whatever parses and asserts that each operation is called once, that nothing is called before what it needs, and
// that what a circle cost one call is in the other.
func FuzzBulk(f *testing.F) {
	for _, s := range []string{
		post(Groups, "g", "a") + "," + post(Users, "a", "b") + "," + post(Users, "b", "a"),
		post(Groups, "g", "h") + "," + post(Groups, "h", "g") + "," + post(Groups, "k", "g"),
		post(Users, "a", "a", "x") + `,{"method":"DELETE","path":"/Users/bulkId:a","version":"W/\"1\""}`,
		`{"method":"POST","path":"/Users","bulkId":"a","data":{"urn:x":{"m":["bulkId:a",{"$ref":"/Users/bulkId:a"}]},"bulkId:a":{}}}`,
		`{"method":"POST","path":"/Users","bulkId":"bulkId:a","data":{"m":["bulkId:bulkId:a",[["bulkId:bulkId:a"]],"bulkId:"]}}`,
		`{"method":"GET","path":"/Bulk","data":[]},{"method":"PUT","path":"/Users/","data":{"x":null}}`,
	} {
		f.Add([]byte(`{"failOnErrors":1,"Operations":[` + s + `]}`))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var v map[string]any
		if json.Unmarshal(body, &v) != nil {
			return
		}
		r, err := Parse(v)
		if err != nil {
			_, ours := errors.AsType[*schema.Error](err)
			if !ours && !directory.Is(err, directory.Limit) {
				t.Errorf("%v is an error of neither kind", err)
			}
			return
		}
		walk(t, r)
	})
}

func walk(t *testing.T, r *Request) {
	makes := map[string]bool{}
	for _, op := range r.Operations {
		makes[op.BulkID] = op.Method == "POST" && op.Wrong == nil // before groups in circles are marked
	}
	made, called, rest := map[string]Made{}, map[int]bool{}, map[int]bool{}
	for _, s := range r.Plan() {
		op := r.Operations[s.Op]
		seen := called
		if s.Rest {
			seen = rest
			if !called[s.Op] || op.Method != "POST" {
				t.Errorf("the rest of %d is called too early, or without cause", s.Op)
			}
		}
		if seen[s.Op] {
			t.Errorf("%d is called twice", s.Op)
		}
		seen[s.Op] = true
		if op.Wrong != nil {
			continue
		}
		done, err := s.Resolve(made)
		for _, id := range s.Needs {
			if _, ok := made[id]; !ok && makes[id] && !circle(r, id) {
				t.Errorf("%d is called before %q", s.Op, id)
			}
		}
		if err == nil {
			whole(t, done)
		}
		if op.Method == "POST" && !s.Rest {
			made[op.BulkID] = Made{ID: fmt.Sprint("id ", len(made)), Location: fmt.Sprint("http://x/", len(made))}
		}
	}
	if len(called) != len(r.Operations) {
		t.Errorf("%d of %d operations are called", len(called), len(r.Operations))
	}
}

// circle reports whether the group of that bulkId is not made because it is in a circle.
func circle(r *Request, id string) bool {
	for _, op := range r.Operations {
		if op.BulkID == id {
			return errors.Is(op.Wrong, ErrCircle)
		}
	}
	return false
}

// whole asserts that no reference is left in a step.
func whole(t *testing.T, s Step) {
	if strings.HasPrefix(s.ID, prefix) {
		t.Errorf("the path still refers to %q", s.ID)
	}
	each("", s.Data, false, func(id string, _ bool) { t.Errorf("the data still refer to %q", id) })
}
