package scim

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/rollcall-id/rollcall/scim/bulk"
	"github.com/rollcall-id/rollcall/scim/patch"
	"github.com/rollcall-id/rollcall/scim/schema"
	"github.com/rollcall-id/rollcall/web"
)

const (
	maxDocument = 256 << 10 // of a User, as it is kept
	maxDepth    = 32        // of nesting

	// maxOperations holds for any body, so that no more are read, whatever the body turns out to be.
	maxOperations = max(patch.MaxOperations, bulk.MaxOperations)
)

// readBody decodes the JSON object of a request, unless it came with a Bulk request. If it is that of a group, members become the ids
// that they name. Many large bodies at once wait for one another, since a decoded one takes many times its bytes.
//
// Errors: *web.Error with 413; *schema.Error, InvalidSyntax, for what is not one JSON object without duplicate names; that of the
// context.
func (d *Door) readBody(r *request, group bool) (map[string]any, error) {
	if r.body != nil {
		return r.body, nil
	}
	if weight := min(int64(len(r.raw)), decodingAtOnce); weight > smallBody {
		if err := d.decoding.Acquire(r.Context(), weight); err != nil {
			return nil, err
		}
		defer d.decoding.Release(weight)
	}
	dec := decoder{Decoder: jsontext.NewDecoder(bytes.NewReader(r.raw)), members: group, left: r.limits.values}
	v, err := dec.value("", 0)
	if err == nil {
		if _, err = dec.ReadToken(); err == io.EOF {
			err = nil
		} else if err == nil {
			err = errors.New("there is more behind the object")
		}
	}
	if e, ok := errors.AsType[*web.Error](err); ok {
		return nil, e
	}
	if e, ok := errors.AsType[*schema.Error](err); ok {
		return nil, e
	}
	if err != nil {
		return nil, schema.Errorf(schema.InvalidSyntax, "the body is not valid JSON: %s", syntax(err))
	}
	body, ok := v.(map[string]any)
	if !ok {
		return nil, schema.Errorf(schema.InvalidSyntax, "the body must be a JSON object")
	}
	return body, nil
}

// syntax says what is wrong without repeating what was sent.
func syntax(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "it ends too early"
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return "a name stands twice in one object"
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if e.Err != nil {
			return e.Err.Error()
		}
		return "syntax"
	}
	return "syntax"
}

// decoder reads JSON into maps, lists, strings, numbers and truth values, and no more of them than it should.
type decoder struct {
	*jsontext.Decoder
	members bool // the body is that of a group
	left    int  // values that may still come
}

// value reads one value. in is the name of the member of an object that it stands in, lower case.
func (dec *decoder) value(in string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, schema.Errorf(schema.InvalidSyntax, "the body nests deeper than %d", maxDepth)
	}
	if dec.left--; dec.left < 0 {
		return nil, &web.Error{Status: http.StatusRequestEntityTooLarge, Msg: "the body has too many values"}
	}
	token, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '{':
		object := map[string]any{}
		for dec.PeekKind() != '}' {
			name, err := dec.ReadToken()
			if err != nil {
				return nil, err
			}
			key := name.String()
			if object[key], err = dec.value(strings.ToLower(key), depth+1); err != nil {
				return nil, err
			}
		}
		_, err := dec.ReadToken()
		return object, err
	case '[':
		list := []any{}
		for dec.PeekKind() != ']' {
			read := dec.value
			if dec.members && in != "operations" {
				read = dec.member
			}
			v, err := read(in, depth+1)
			if err != nil {
				return nil, err
			}
			if list = append(list, v); in == "operations" && len(list) > maxOperations {
				return nil, &web.Error{Status: http.StatusRequestEntityTooLarge, Msg: "there are more operations than " + strconv.Itoa(maxOperations)}
			}
		}
		_, err := dec.ReadToken()
		return list, err
	case 'n':
		return nil, nil
	case 't', 'f':
		return token.Bool(), nil
	case '0':
		return token.Float()
	}
	return token.String(), nil
}

// member reads one value of a list in the body of a group, which holds members unless it is that of the operations. Of a member it
// returns the id that it names alone, which is all that counts, and a tenth of the memory; nil of one that names nobody.
func (dec *decoder) member(in string, depth int) (any, error) {
	if dec.PeekKind() != '{' || depth >= maxDepth {
		return dec.value(in, depth)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var id any
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		name := token.String()
		v, err := dec.value(strings.ToLower(name), depth+1)
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(name, "value") {
			if id != nil {
				return nil, schema.Errorf(schema.InvalidSyntax, "members.value: is given twice")
			}
			id = v
		}
	}
	_, err := dec.ReadToken()
	if _, text := id.(string); text || id == nil {
		return id, err
	}
	return map[string]any{"value": id}, err // which is wrong, and will be said
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
			b, _ = jsontext.AppendQuote(b, s) // invalid UTF-8, the only error, is replaced
			return b
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
