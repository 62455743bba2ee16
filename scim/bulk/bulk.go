// Package bulk reads the body of a Bulk request and plans it: Parse says which operations there are and which of them can never
// be done, Plan in which order they are called and which are called twice, because resources refer to one another in a circle,
// Resolve puts ids where the body has a bulkId.
//
// It leaves to package scim, which calls it, what an operation does and what is answered. It is pure.
//
// RFC 7644, section 3.7.
package bulk

import (
	"errors"
	"math"
	"net/http"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// MaxOperations is the largest number of operations in one request.
const MaxOperations = 1000

// The endpoints that an operation can go to.
const (
	Users  = "/Users"
	Groups = "/Groups"
)

// ErrCircle is the Wrong of a group that would contain itself through others that the same request makes, and of a group that
// would contain such a one: nothing is done about either.
//
// RFC 7644, section 3.7.1.
var ErrCircle = errors.New("members: groups of this request would contain one another, and a group cannot be in itself")

// Request is a Bulk request.
type Request struct {
	FailOnErrors int // after how many errors the rest is left; zero for never
	Operations   []Operation
}

// Operation is one operation as it was sent.
type Operation struct {
	Method   string
	BulkID   string
	Version  string         // the entity tag that the resource must have; empty for any
	Endpoint string         // Users or Groups; empty where Wrong says so
	ID       string         // of the resource, or a reference such as bulkId:x; empty for POST
	Data     map[string]any // nil for DELETE
	Wrong    error          // why it is not even tried
}

// Parse reads the body of a request, names in any case; schemas are not looked at. What is wrong with one operation stands in
// it.
//
// Errors: *directory.Error, Limit, for more than MaxOperations; *schema.Error for what is no Bulk request: InvalidSyntax for a
// part of the wrong type or a POST without bulkId, InvalidValue for a bulkId that two operations have.
func Parse(body map[string]any) (*Request, error) {
	fields, err := fold(body)
	if err != nil {
		return nil, err
	}
	r := &Request{}
	if v := fields["failonerrors"]; v != nil {
		n, ok := v.(float64)
		if !ok || n < 1 || n != math.Trunc(n) {
			return nil, schema.Errorf(schema.InvalidSyntax, "failOnErrors: must be a whole number from 1")
		}
		r.FailOnErrors = int(min(n, MaxOperations))
	}
	list, ok := fields["operations"].([]any)
	if !ok || len(list) == 0 {
		return nil, schema.Errorf(schema.InvalidSyntax, "Operations: must be a list of one or more operations")
	}
	if len(list) > MaxOperations {
		return nil, directory.Errorf(directory.Limit, "Operations", "%d operations, and at most %d are possible", len(list), MaxOperations)
	}
	seen := map[string]bool{}
	for n, v := range list {
		op, err := parseOperation(v)
		if err == nil && op.BulkID != "" && seen[op.BulkID] {
			err = schema.Errorf(schema.InvalidValue, "bulkId: another operation has it too")
		}
		if wrong, ok := errors.AsType[*schema.Error](err); ok {
			return nil, schema.Errorf(wrong.Type, "operation %d: %s", n+1, wrong.Detail)
		}
		seen[op.BulkID] = true
		r.Operations = append(r.Operations, op)
	}
	return r, nil
}

// fold returns the members of an object by name in lower case. Errors: *schema.Error, InvalidSyntax, for a name in two
// spellings.
func fold(object map[string]any) (map[string]any, error) {
	folded := make(map[string]any, len(object))
	for name, v := range object {
		name = strings.ToLower(name)
		if _, taken := folded[name]; taken {
			return nil, schema.Errorf(schema.InvalidSyntax, "%s: is given twice", name)
		}
		folded[name] = v
	}
	return folded, nil
}

// parseOperation returns an error for what makes the request none; everything else is Wrong with the operation.
func parseOperation(v any) (op Operation, err error) {
	object, ok := v.(map[string]any)
	if !ok {
		return op, schema.Errorf(schema.InvalidSyntax, "must be an object with method, path and data")
	}
	fields, err := fold(object)
	if err != nil {
		return op, err
	}
	var path string
	for name, to := range map[string]*string{"method": &op.Method, "path": &path, "bulkId": &op.BulkID, "version": &op.Version} {
		v := fields[strings.ToLower(name)]
		if *to, ok = v.(string); !ok && v != nil {
			return op, schema.Errorf(schema.InvalidSyntax, "%s: must be a string", name)
		}
	}
	if op.Method == "" || path == "" {
		return op, schema.Errorf(schema.InvalidSyntax, "method and path: are required")
	}
	if op.Method == http.MethodPost && op.BulkID == "" {
		return op, schema.Errorf(schema.InvalidSyntax, "bulkId: is required for POST")
	}
	op.Wrong = op.read(path, fields["data"])
	return op, nil
}

// read fills in what the operation is about, or returns why it cannot be done.
func (op *Operation) read(path string, data any) error {
	switch op.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return schema.Errorf(schema.InvalidSyntax, "method: must be POST, PUT, PATCH or DELETE")
	}
	endpoint, id, below := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	endpoint = "/" + endpoint
	if !strings.HasPrefix(path, "/") || endpoint != Users && endpoint != Groups {
		return schema.Errorf(schema.InvalidPath, "path: must be /Users, /Groups or a resource below them, such as /Users/ID")
	}
	if op.Method == http.MethodPost && below {
		return schema.Errorf(schema.InvalidPath, "path: POST goes to /Users or /Groups")
	}
	if op.Method != http.MethodPost && id == "" {
		return schema.Errorf(schema.InvalidPath, "path: must name the resource, such as /Users/ID")
	}
	op.Endpoint, op.ID = endpoint, id
	if op.Method == http.MethodDelete {
		return nil
	}
	var ok bool
	if op.Data, ok = data.(map[string]any); !ok {
		return schema.Errorf(schema.InvalidSyntax, "data: must be an object")
	}
	return nil
}
