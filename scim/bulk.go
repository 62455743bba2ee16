package scim

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/bulk"
	"github.com/rollcall-id/rollcall/scim/schema"
	"github.com/rollcall-id/rollcall/web"
)

const (
	// bulkOperations is how many operations of Bulk requests are done at once, beside one of each.
	bulkOperations = 16
)

// bulkJob is a Bulk request under way.
type bulkJob struct {
	*bulk.Request
	d       *Door
	r       *request
	made    map[string]bulk.Made // by bulkId
	results []*bulkResult        // by operation; nil for one that was not tried
	failed  int
}

// bulkResult is what became of an operation, as the answer says it.
//
// RFC 7644, section 3.7.
type bulkResult struct {
	Method   string         `json:"method"`
	BulkID   string         `json:"bulkId,omitzero"`
	Location string         `json:"location,omitzero"`
	Version  string         `json:"version,omitzero"`
	Status   string         `json:"status"`
	Response jsontext.Value `json:"response,omitzero"`
}

// bulk answers a Bulk request. Each operation is what the request of its own would be, and stays done whatever comes of the
// others. No more are begun when the client has gone.
//
// RFC 7644, section 3.7.
func (d *Door) bulk(r *request) (*answer, error) {
	body, err := d.readBody(r, false)
	if err != nil {
		return nil, err
	}
	parsed, err := bulk.Parse(body)
	if err != nil {
		return nil, err
	}
	j := &bulkJob{Request: parsed, d: d, r: r, made: map[string]bulk.Made{}, results: make([]*bulkResult, len(parsed.Operations))}
	if err := j.run(parsed.Plan()); err != nil {
		return nil, err
	}
	return jsonAnswer(map[string]any{
		"schemas":    []string{"urn:ietf:params:scim:api:messages:2.0:BulkResponse"},
		"Operations": slices.DeleteFunc(j.results, func(r *bulkResult) bool { return r == nil }),
	})
}

// run makes the calls, until there are too many errors. Errors: that of the context, when the client has gone.
func (j *bulkJob) run(steps []bulk.Step) error {
	for len(steps) > 0 && (j.FailOnErrors == 0 || j.failed < j.FailOnErrors) {
		n := j.together(steps)
		outcomes, err := j.callAll(steps[:n])
		if err != nil {
			return err
		}
		for i := range n {
			j.note(&steps[i], &outcomes[i])
		}
		steps = steps[n:]
	}
	for i := range steps {
		if s := &steps[i]; s.Rest && j.results[s.Op] != nil && j.results[s.Op].Response == nil {
			j.note(s, &outcome{err: schema.Errorf(schema.InvalidValue, "it was made without its references to what was not made any more")})
		}
	}
	return nil
}

// together returns how many of the next steps can be done at once: creations, or deletions, of Users that have nothing to do with
// one another. Where errors are counted it is one.
func (j *bulkJob) together(steps []bulk.Step) int {
	method := steps[0].Method
	if j.FailOnErrors > 0 || method != http.MethodPost && method != http.MethodDelete {
		return 1
	}
	batch := map[string]bool{}
	inBatch := func(name string) bool { return batch[name] }
	for n := range steps {
		s, op := &steps[n], &j.Operations[steps[n].Op]
		own := append(claims(s.Data), s.ID, op.BulkID)
		if s.Method != method || op.Endpoint != bulk.Users || slices.ContainsFunc(own, inBatch) || slices.ContainsFunc(s.Needs, inBatch) {
			return max(n, 1)
		}
		for _, name := range own {
			batch[name] = name != ""
		}
	}
	return len(steps)
}

// claims returns the names of a User that nobody else may have: of two operations with the same the first is to get it.
func claims(data map[string]any) (names []string) {
	for name, v := range data {
		if text, ok := v.(string); ok && (strings.EqualFold(name, "userName") || strings.EqualFold(name, "externalId")) {
			names = append(names, directory.Key(text))
		}
	}
	return names
}

// outcome is what came of a call.
type outcome struct {
	id     string // of the resource, as far as it is known
	answer *answer
	err    error
}

// callAll makes calls at once. Errors: that of the context, when the client has gone.
func (j *bulkJob) callAll(steps []bulk.Step) ([]outcome, error) {
	outcomes := make([]outcome, len(steps))
	ctx := j.r.Context()
	if len(steps) == 1 { // no more than a request of its own: it waits for no other
		if ctx.Err() == nil {
			j.call(&steps[0], &outcomes[0])
		}
		return outcomes, ctx.Err()
	}
	var calls sync.WaitGroup
	for i := range steps {
		select {
		case <-ctx.Done():
		case j.d.bulks <- struct{}{}:
			calls.Go(func() {
				defer func() { <-j.d.bulks }()
				if ctx.Err() == nil {
					j.call(&steps[i], &outcomes[i])
				}
			})
		}
	}
	calls.Wait()
	return outcomes, ctx.Err()
}

// call does one step through the handler that a request of its own would have. A panic is the error of this step: in a goroutine
// nothing else would stop it.
func (j *bulkJob) call(s *bulk.Step, o *outcome) {
	defer func() {
		if cause := recover(); cause != nil {
			o.err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	op := &j.Operations[s.Op]
	if errors.Is(op.Wrong, bulk.ErrCircle) {
		o.err = &web.Error{Status: http.StatusConflict, Msg: op.Wrong.Error()}
		return
	}
	if o.err = op.Wrong; o.err != nil {
		return
	}
	step, err := s.Resolve(j.made)
	if s.Rest {
		if j.results[s.Op].Response != nil {
			return // there is nothing to complete
		}
		step.ID = j.made[op.BulkID].ID
	}
	if err != nil {
		o.err = err
		return
	}
	target, route := &url.URL{Path: Base + op.Endpoint}, op.Endpoint
	if step.ID != "" {
		target.Path += "/" + step.ID
		route += "/{id}"
	}
	if o.err = web.CheckPath(target); o.err != nil {
		return
	}
	o.id = step.ID
	r := *j.r
	r.Request = (&http.Request{Method: step.Method, URL: target, Host: j.r.Host, Header: http.Header{}}).WithContext(j.r.Context())
	if op.Version != "" && !s.Rest {
		r.Header.Set("If-Match", op.Version)
	}
	r.id, r.body, r.params, r.projection = step.ID, step.Data, nil, schema.Projection{}
	o.answer, o.err = j.d.endpoints[route][step.Method](&r)
	if o.err == nil && o.id == "" {
		o.id = strings.TrimPrefix(o.answer.location, r.location(op.Endpoint+"/", ""))
	}
}

// note keeps what came of a call. What was made and could not be completed has its location and the error.
func (j *bulkJob) note(s *bulk.Step, o *outcome) {
	op := &j.Operations[s.Op]
	result := j.results[s.Op]
	if result == nil {
		result = &bulkResult{Method: op.Method, BulkID: op.BulkID}
		j.results[s.Op] = result
	}
	if o.id != "" {
		result.Location = j.r.location(op.Endpoint+"/", o.id)
	}
	switch {
	case o.err != nil:
		p := problemOf(j.r.Context(), o.err)
		if p.cause != nil {
			web.RecordOf(j.r.Context()).Cause = p.cause
		}
		result.Status, result.Response = strconv.Itoa(p.status), p.body()
		j.failed++
	case o.answer == nil: // the rest of what was not made
	default:
		if o.answer.version > 0 {
			result.Version = tag(o.answer.version)
		}
		if !s.Rest {
			result.Status = strconv.Itoa(o.answer.status)
		}
		if s.Method == http.MethodPost {
			j.made[op.BulkID] = bulk.Made{ID: o.id, Location: result.Location}
		}
	}
}

// me answers for /Me: a token of a connection is nobody's.
//
// RFC 7644, section 3.11.
func (d *Door) me(*request) (*answer, error) {
	return nil, &web.Error{
		Status: http.StatusNotImplemented, Msg: "this token belongs to a connection and not to a person, so there is no /Me: ask for /Users/{id}",
	}
}
