package bulk

import (
	"net/http"
	"slices"
)

// Step is one call that carries out an operation, or the rest of one.
type Step struct {
	Op     int // index of the operation
	Method string
	ID     string         // of the resource, or a reference; empty for POST, and for the rest of one
	Data   map[string]any // with references
	Needs  []string       // the bulkIds that ID and Data refer to, each once
	Rest   bool           // of the operation: what had to wait until its resource was made; a PATCH of that
}

// Plan returns the calls in the order in which they are to be made: that of the request, but none before what it needs. Where
// POSTs refer to one another in a circle, one of them leaves such a reference out and a second call adds it.
//
// Of groups that would contain one another it marks the operations as Wrong.
func (r *Request) Plan() []Step {
	p := newPlanner(r)
	p.markCircles()
	return p.steps(p.later())
}

// planner knows what the operations of a request need.
type planner struct {
	*Request
	makes   map[string]int // the operation that makes the resource of a bulkId
	needs   [][]string     // by operation: the bulkIds that it refers to, each once
	members [][]int        // by operation: the groups made by this request that a group made by it is to contain
}

func newPlanner(r *Request) *planner {
	n := len(r.Operations)
	p := &planner{Request: r, makes: map[string]int{}, needs: make([][]string, n), members: make([][]int, n)}
	for i := range r.Operations {
		if op := &r.Operations[i]; op.Method == http.MethodPost && op.Wrong == nil {
			p.makes[op.BulkID] = i
		}
	}
	for i := range r.Operations {
		op := &r.Operations[i]
		if op.Wrong != nil {
			continue
		}
		p.needs[i] = references(op.ID, op.Data, func(id string, inMembers bool) {
			to, ok := p.makes[id]
			if ok && inMembers && op.Method == http.MethodPost && op.Endpoint == Groups && r.Operations[to].Endpoint == Groups {
				p.members[i] = append(p.members[i], to)
			}
		})
	}
	return p
}

// references returns the bulkIds in an id and in data, each once. It calls also, unless nil, with each of data.
func references(id string, data map[string]any, also func(id string, inMembers bool)) []string {
	var all []string
	seen := map[string]bool{}
	add := func(id string) {
		if !seen[id] {
			seen[id] = true
			all = append(all, id)
		}
	}
	if id, ok := reference("", id); ok {
		add(id)
	}
	each("", data, false, func(id string, inMembers bool) {
		add(id)
		if also != nil {
			also(id, inMembers)
		}
	})
	slices.Sort(all) // a map has no order, and the plan of a request is always the same
	return all
}

// markCircles marks the groups that would contain one another, and those that would contain one of these.
func (p *planner) markCircles() {
	possible := make([]bool, len(p.Operations))
	for _, i := range order(p.members) {
		possible[i] = true
	}
	for i := range p.Operations {
		if !possible[i] {
			p.Operations[i].Wrong = ErrCircle
			p.needs[i] = nil
		}
	}
}

// later returns for each operation the bulkIds that it must do without at first. Only a POST can be in a circle, for nothing
// refers to anything else.
func (p *planner) later() []map[string]bool {
	const under, done = 1, 2
	state := make([]int, len(p.Operations))
	later := make([]map[string]bool, len(p.Operations))
	var visit func(i int)
	visit = func(i int) { // no deeper than there are operations
		state[i] = under
		for _, id := range p.needs[i] {
			to, ok := p.makes[id]
			switch {
			case !ok:
			case state[to] == under:
				if later[i] == nil {
					later[i] = map[string]bool{}
				}
				later[i][id] = true
			case state[to] == 0:
				visit(to)
			}
		}
		state[i] = done
	}
	for i := range p.Operations {
		if state[i] == 0 {
			visit(i)
		}
	}
	return later
}

// steps makes the calls and orders them. Call 2i is operation i, call 2i+1 the rest of it, which comes later since it refers to what
// needs operation i.
func (p *planner) steps(later []map[string]bool) []Step {
	calls := make([]*Step, 2*len(p.Operations))
	needs := make([][]int, len(calls))
	for i := range p.Operations {
		op := &p.Operations[i]
		first := &Step{Op: i, Method: op.Method, ID: op.ID, Data: op.Data, Needs: p.needs[i]}
		calls[2*i] = first
		if later[i] == nil {
			continue
		}
		now, rest := split("", op.Data, true, later[i])
		first.Data = now.(map[string]any)
		first.Needs = references(first.ID, first.Data, nil)
		operation := map[string]any{"op": "add", "value": rest}
		calls[2*i+1] = &Step{
			Op: i, Method: http.MethodPatch, Rest: true, Needs: references("", rest.(map[string]any), nil),
			Data: map[string]any{"Operations": []any{operation}},
		}
	}
	for n, s := range calls {
		if s == nil {
			continue
		}
		for _, id := range s.Needs {
			if to, ok := p.makes[id]; ok {
				needs[n] = append(needs[n], 2*to)
			}
		}
	}
	var steps []Step
	for _, n := range order(needs) {
		if calls[n] != nil {
			steps = append(steps, *calls[n])
		}
	}
	return steps
}

// order returns 0 to len(needs)-1 so that each comes after what it needs, and else the lowest first. What needs itself, through
// others or not, is left out with all that need it.
func order(needs [][]int) []int {
	missing := make([]int, len(needs))
	neededBy := make([][]int, len(needs))
	for i, all := range needs {
		missing[i] = len(all)
		for _, to := range all {
			neededBy[to] = append(neededBy[to], i)
		}
	}
	var ordered []int
	taken := make([]bool, len(needs))
	for i := 0; i < len(needs); {
		if taken[i] || missing[i] > 0 {
			i++
			continue
		}
		taken[i] = true
		ordered = append(ordered, i)
		next := i + 1
		for _, waiting := range neededBy[i] {
			missing[waiting]--
			if missing[waiting] == 0 {
				next = min(next, waiting)
			}
		}
		i = next
	}
	return ordered
}
