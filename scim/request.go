package scim

import (
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
	"github.com/rollcall-id/rollcall/web"
)

// request is a request whose sender is known.
type request struct {
	*http.Request
	w          http.ResponseWriter
	actor      directory.Actor
	id         string           // of the resource, from the path
	body       map[string]any   // nil: it is still to be read
	raw        []byte           // the body as it came
	holds      int64            // what of it counts in Door.held
	limits     limits           // of the body
	base       string           // URL of the door
	user       *schema.Resource // the types of resource, as the connection has them
	group      *schema.Resource
	params     map[string]string
	projection schema.Projection
}

// base returns the URL of the door, as the configuration or else the request says it.
func (d *Door) base(r *http.Request) string {
	return web.BaseURL(d.BaseURL, r) + Base
}

// location returns the URL of a resource.
func (r *request) location(path, id string) string { return r.base + path + id }

// readParams reads what counts for every endpoint: the parameters of the query, the attributes wanted.
func (d *Door) readParams(r *request) error {
	if r.URL.RawQuery != "" {
		if err := r.parseQuery(); err != nil {
			return err
		}
	}
	resource := r.user
	if strings.HasPrefix(r.URL.Path, Base+"/Groups") {
		resource = r.group
	}
	r.projection = resource.Projection(r.params["attributes"], r.params["excludedattributes"])
	return nil
}

// parseQuery reads the query into params, names in lower case, the first of several counts. Unlike net/url it takes a
// semicolon for a character like others.
func (r *request) parseQuery() error {
	r.params = map[string]string{}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return schema.Errorf(schema.InvalidSyntax, "the query is not well encoded")
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return schema.Errorf(schema.InvalidSyntax, "the query is not well encoded")
		}
		if _, seen := r.params[strings.ToLower(name)]; !seen {
			r.params[strings.ToLower(name)] = value
		}
	}
	return nil
}

// search returns a handler that answers a list whose parameters come in the body.
//
// RFC 7644, section 3.4.3.
func (d *Door) search(list handler) handler {
	return func(r *request) (*answer, error) {
		body, err := d.readBody(r, false)
		if err != nil {
			return nil, err
		}
		if r.params, err = searchParams(body); err != nil {
			return nil, err
		}
		return list(r)
	}
}

// searchParams writes the members of a body as a query would have them; those that no query has are ignored, and null is as good
// as nothing, but for a cursor, where it asks for the first page. Errors: *schema.Error, InvalidSyntax, for one of the wrong type, or in two spellings.
func searchParams(body map[string]any) (map[string]string, error) {
	params, seen := map[string]string{}, map[string]bool{}
	for name, v := range body {
		name = strings.ToLower(name)
		if seen[name] {
			return nil, schema.Errorf(schema.InvalidSyntax, "a name stands twice, in two spellings")
		}
		seen[name] = true
		if v == nil && name == "cursor" {
			v = ""
		} else if v == nil {
			continue
		}
		var ok bool
		switch name {
		case "filter", "sortby", "sortorder", "cursor":
			params[name], ok = v.(string)
		case "startindex", "count":
			var n float64
			n, ok = v.(float64)
			params[name] = strconv.FormatFloat(n, 'f', -1, 64)
		case "attributes", "excludedattributes":
			var list []any
			list, ok = v.([]any)
			names := make([]string, len(list))
			for i := range list {
				names[i], _ = list[i].(string)
			}
			params[name] = strings.Join(names, ",")
		default:
			continue
		}
		if !ok {
			return nil, schema.Errorf(schema.InvalidSyntax, "%s has the wrong type", name)
		}
	}
	return params, nil
}

var entityTag = regexp.MustCompile(`^(?:W/)?"([1-9][0-9]{0,17})"$`)

// parseTag reads the version from an entity tag such as W/"7".
//
// RFC 7232, section 2.3.
func parseTag(tag string) (int64, bool) {
	found := entityTag.FindStringSubmatch(strings.TrimSpace(tag))
	if found == nil {
		return 0, false
	}
	version, err := strconv.ParseInt(found[1], 10, 64)
	return version, err == nil
}

// stale is the error of a request whose conditions the version now does not meet.
func stale(now int64) error {
	return directory.Errorf(directory.Stale, "version", "the resource is not as the conditions say; its version is now %d", now)
}

// names reports whether a list of entity tags, as a header has it, has the version. Tags are compared weakly, since ours are weak.
//
// RFC 7232, sections 2.3.2 and 3.2.
func names(tags string, version int64) bool {
	for tag := range strings.SplitSeq(tags, ",") {
		if v, ok := parseTag(tag); ok && v == version || strings.TrimSpace(tag) == "*" {
			return true
		}
	}
	return false
}

// tags returns the entity tags of a header, which may have several lines; empty for none.
func (r *request) tags(header string) string {
	return strings.TrimSpace(strings.Join(r.Header[header], ","))
}

// mustHave returns the version that the resource must have for a change to be done, zero for any. Of several tags it is the one
// that the resource has, as current says. Errors: *directory.Error, Stale; those of current.
//
// RFC 7644, section 3.14. RFC 7232, sections 3.1 and 3.2.
func (r *request) mustHave(current func() (int64, error)) (int64, error) {
	one, other := r.tags("If-Match"), r.tags("If-None-Match")
	if one == "*" {
		one = "" // what is not there is 404 in any case
	}
	if version, ok := parseTag(one); other == "" && (ok || one == "") {
		return version, nil
	}
	now, err := current()
	switch {
	case err != nil:
		return 0, err
	case one != "" && !names(one, now) || names(other, now):
		return 0, stale(now)
	case one == "":
		return 0, nil // versions only grow: one that is excluded does not come back
	}
	return now, nil
}

// notSent answers a GET whose conditions say that the resource, in this version, is not to be sent; nil when it is. Errors:
// *directory.Error, Stale.
//
// RFC 7644, section 3.14. RFC 7232, section 6.
func (r *request) notSent(version int64) (*answer, error) {
	if one := r.tags("If-Match"); one != "" && !names(one, version) {
		return nil, stale(version)
	}
	if names(r.tags("If-None-Match"), version) {
		return &answer{status: http.StatusNotModified, version: version}, nil
	}
	return nil, nil
}

// number reads an integer parameter; one that is too large for the machine is the largest.
func (r *request) number(name string, missing int) (int, error) {
	text := strings.TrimSpace(r.params[name])
	if text == "" {
		return missing, nil
	}
	n, err := strconv.Atoi(text)
	if ne, ok := err.(*strconv.NumError); ok && ne.Err == strconv.ErrRange {
		if strings.HasPrefix(text, "-") {
			return math.MinInt, nil
		}
		return math.MaxInt, nil
	}
	if err != nil {
		return 0, directory.Errorf(directory.Invalid, name, "must be an integer")
	}
	return n, nil
}
