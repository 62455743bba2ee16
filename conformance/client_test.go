package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	userURN   = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	entURN    = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	patchURN  = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	searchURN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	listURN   = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	errorURN  = "urn:ietf:params:scim:api:messages:2.0:Error"
	media     = "application/scim+json"
)

// idp is an identity provider that talks to one connection.
type idp struct {
	*server
	t          *testing.T
	connection string
	token      string
	header     http.Header
	query      string            // a query parameter that this IdP's tenant URL carries, or ""
	names      map[string]string // what {name} stands for in requests and expectations
}

// idp makes a connection with a preset ("" for none) and a token, and gives the client for it.
func (s *server) idp(t *testing.T, connection, preset string) *idp {
	t.Helper()
	args := []string{"connection", "create", connection}
	if preset != "" {
		args = append(args, "--preset", preset)
	}
	s.CLI(t, args...)
	return &idp{
		server: s, t: t, connection: connection, token: s.newToken(t, connection),
		header: http.Header{"Content-Type": {media}, "Accept": {media}},
		names: map[string]string{
			"USER": userURN, "GROUP": groupURN, "ENT": entURN, "PATCHOP": patchURN, "SEARCH": searchURN,
			"base": s.URL + "/scim/v2", "missing": strings.Repeat("z", 26),
		},
	}
}

func (s *server) newToken(t *testing.T, connection string) string {
	t.Helper()
	token := s.CLI(t, "token", "create", "--connection", connection)
	if !regexp.MustCompile(`^rct_\S{20,}$`).MatchString(token) {
		t.Fatalf("token create prints %q, want the token alone", token)
	}
	return token
}

// on is the same client reporting to another test, and keeping its names to itself.
func (c *idp) on(t *testing.T) *idp {
	d := *c
	d.t, d.names, d.header = t, maps.Clone(c.names), c.header.Clone()
	return &d
}

// with is the same client with one header changed; an empty value takes the header away.
func (c *idp) with(key, value string) *idp {
	d := c.on(c.t)
	d.header.Set(key, value)
	if value == "" {
		d.header.Del(key)
	}
	return d
}

var placeholder = regexp.MustCompile(`\{([A-Za-z][A-Za-z0-9_-]*)\}`)

// expand puts in what {name} stands for.
func (c *idp) expand(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(m string) string {
		v, ok := c.names[m[1:len(m)-1]]
		if !ok {
			c.t.Fatalf("%s stands for nothing in %s", m, text)
		}
		return v
	})
}

// escape makes a readable query a legal one: spaces, quotes and everything outside ASCII; what is escaped already stays.
func escape(target string) string {
	var b strings.Builder
	for _, ch := range []byte(target) {
		if ch <= ' ' || ch >= 0x7f || strings.IndexByte("\"<>\\^`{|}", ch) >= 0 {
			fmt.Fprintf(&b, "%%%02X", ch)
		} else {
			b.WriteByte(ch)
		}
	}
	return b.String()
}

// send sends one request, "POST /Users" below the SCIM base, and asserts only what is true of every answer.
func (c *idp) send(request, body string) *answer {
	c.t.Helper()
	method, target, _ := strings.Cut(c.expand(request), " ")
	if c.query != "" {
		path, query, ok := strings.Cut(target, "?")
		target = path + "?" + c.query
		if ok {
			target += "&" + query
		}
	}
	a := c.raw(method, "/scim/v2"+escape(target), c.expand(body))
	a.lawful()
	return a
}

// raw sends bytes to a path exactly as written and asserts nothing.
func (c *idp) raw(method, target, body string) *answer {
	c.t.Helper()
	a, err := c.exchange(method, target, body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, target, err)
	}
	return a
}

// exchange is raw for goroutines and for servers that may be gone.
func (c *idp) exchange(method, target, body string) (*answer, error) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, c.URL, reader)
	if err != nil {
		return nil, err
	}
	req.URL = &url.URL{Scheme: "http", Host: strings.TrimPrefix(c.URL, "http://"), Opaque: target}
	req.Header = c.header.Clone()
	if body == "" {
		req.Header.Del("Content-Type")
	}
	if _, ok := req.Header["Authorization"]; !ok && c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	c.From(req.Header)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	a := &answer{c: c, request: method + " " + target, sent: body, status: res.StatusCode, header: res.Header}
	if a.raw, err = io.ReadAll(res.Body); err != nil {
		return nil, err
	}
	if len(a.raw) > 0 {
		d := json.NewDecoder(bytes.NewReader(a.raw))
		d.UseNumber()
		a.bad = d.Decode(&a.body)
	}
	return a, nil
}

// answer is what came back for one request.
type answer struct {
	c             *idp
	request, sent string
	status        int
	header        http.Header
	raw           []byte
	body          any
	bad           error // the body is no JSON
}

func (a *answer) errorf(format string, args ...any) {
	a.c.t.Helper()
	a.c.t.Errorf("%s\n   %s\n   sent %s\n   got  %d %s", fmt.Sprintf(format, args...), brief(a.request), brief(a.sent), a.status,
		brief(string(a.raw)))
}

func brief(s string) string {
	if len(s) > 1500 {
		return s[:1500] + "…"
	}
	return s
}

// code asserts the status and gives up when it is another, because what follows would make no sense.
func (a *answer) code(want int) *answer {
	a.c.t.Helper()
	if a.status != want {
		a.errorf("status %d, want %d", a.status, want)
		a.c.t.FailNow()
	}
	return a
}

// fails asserts a refusal with its status and scimType ("" for none).
func (a *answer) fails(status int, scimType string) *answer {
	a.c.t.Helper()
	a.code(status)
	if scimType == "" {
		scimType = "absent"
	} else {
		scimType = strconv.Quote(scimType)
	}
	return a.want("scimType " + scimType)
}

// at is the value at a path, or nil.
func (a *answer) at(path string) any {
	v, _ := lookup(a.body, strings.Split(a.c.expand(path), "/"))
	return v
}

// text is the string at a path; it must be one.
func (a *answer) text(path string) string {
	a.c.t.Helper()
	s, ok := a.at(path).(string)
	if !ok {
		a.errorf("%s is %v, want a string", path, a.at(path))
		a.c.t.FailNow()
	}
	return s
}

func (a *answer) id() string { a.c.t.Helper(); return a.text("id") }

// object is the body as a changeable object.
func (a *answer) object() map[string]any {
	a.c.t.Helper()
	m, ok := a.body.(map[string]any)
	if !ok {
		a.errorf("the body is no object")
		a.c.t.FailNow()
	}
	return m
}

// scimTypes are those of RFC 7644, section 3.12, and of RFC 9865, section 2.1.
var scimTypes = []string{
	"invalidFilter", "tooMany", "uniqueness", "mutability", "invalidSyntax", "invalidPath", "noTarget", "invalidValue",
	"invalidVers", "sensitive", "invalidCursor", "expiredCursor", "invalidCount",
}

// lawful asserts what is true of every answer below the SCIM base.
func (a *answer) lawful() {
	a.c.t.Helper()
	if a.status >= 500 {
		a.errorf("the server failed")
	}
	if a.c.token != "" && bytes.Contains(a.raw, []byte(a.c.token)) {
		a.errorf("the answer holds the token")
	}
	if a.status == 204 || a.status == 304 {
		if len(a.raw) > 0 {
			a.errorf("a body where there must be none")
		}
		return
	}
	want := media
	if a.c.header.Get("Accept") == "application/json" {
		want = "application/json"
	}
	if got := a.header.Get("Content-Type"); got != want {
		a.errorf("Content-Type %q, want %q", got, want)
	}
	if a.bad != nil {
		a.errorf("the body is no JSON: %v", a.bad)
		return
	}
	switch {
	case a.status >= 400:
		a.lawfulError()
	case hasSchema(a.body, listURN):
		a.lawfulList()
	default:
		a.lawfulResource()
	}
	if holdsKey(a.body, "password") {
		a.errorf("the answer holds a password")
	}
}

func (a *answer) lawfulError() {
	a.c.t.Helper()
	a.want(fmt.Sprintf(`schemas [%q]
		status "%d"
		detail present`, errorURN, a.status))
	if s, ok := a.at("detail").(string); !ok || strings.TrimSpace(s) == "" {
		a.errorf("the detail says nothing")
	}
	if v := a.at("scimType"); v != nil && !slices.Contains(scimTypes, fmt.Sprint(v)) {
		a.errorf("scimType %v is not in the table of the RFC", v)
	}
	switch {
	case a.status == 401 && a.header.Get("WWW-Authenticate") == "":
		a.errorf("401 without WWW-Authenticate")
	case a.status == 405 && a.header.Get("Allow") == "":
		a.errorf("405 without Allow")
	case a.status == 429 && !regexp.MustCompile(`^[0-9]+$`).MatchString(a.header.Get("Retry-After")):
		a.errorf("429 with Retry-After %q, want an integer", a.header.Get("Retry-After"))
	}
}

func (a *answer) lawfulList() {
	a.c.t.Helper()
	resources, _ := a.at("Resources").([]any)
	names := []string{"totalResults", "itemsPerPage", "startIndex"}
	if strings.Contains(a.request+a.sent, "cursor") { // RFC 9865, section 2.
		names = names[1:2]
		a.want("startIndex absent")
	}
	for _, name := range names {
		n, ok := a.at(name).(json.Number)
		if _, err := n.Int64(); !ok || err != nil {
			a.errorf("%s is %v, want an integer", name, a.at(name))
		}
	}
	a.want(fmt.Sprintf("itemsPerPage %d", len(resources)))
}

func (a *answer) lawfulResource() {
	a.c.t.Helper()
	location, version := a.at("meta/location"), a.at("meta/version")
	if a.status == 201 {
		a.want("id present\nschemas present")
		if got := a.header.Get("Location"); got == "" || location != nil && got != location {
			a.errorf("Location %q, want meta.location %v", got, location)
		}
	}
	if version != nil && a.header.Get("ETag") != version {
		a.errorf("ETag %q, want meta.version %v", a.header.Get("ETag"), version)
	}
}

func hasSchema(body any, urn string) bool {
	list, _ := lookup(body, []string{"schemas"})
	urns, _ := list.([]any)
	return slices.Contains(urns, any(urn))
}

// user pushes a person as simply as can be, and keeps the id under the part of the name before the @.
func (c *idp) user(name string) string {
	c.t.Helper()
	key, _, _ := strings.Cut(name, "@")
	a := c.send("POST /Users", fmt.Sprintf(`{"schemas":["{USER}"],"userName":%q,"externalId":%q,"active":true}`,
		name, "ext-"+name))
	c.names[key] = a.code(201).id()
	return c.names[key]
}

// users pushes several people with the address NAME@x.test.
func (c *idp) users(names ...string) {
	c.t.Helper()
	for _, name := range names {
		c.user(name + "@x.test")
	}
}

// group pushes a group with the people (or groups) named, and keeps its id under its name.
func (c *idp) group(name string, members ...string) string {
	c.t.Helper()
	a := c.send("POST /Groups", fmt.Sprintf(`{"schemas":["{GROUP}"],"displayName":%q,"members":%s}`, name, c.values(members...)))
	c.names[name] = a.code(201).id()
	return c.names[name]
}

// values is the JSON list of members of these names.
func (c *idp) values(names ...string) string {
	c.t.Helper()
	list := []string{}
	for _, name := range names {
		list = append(list, c.expand(`{"value":"{`+name+`}"}`))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// patch sends PATCH operations, given as the inside of the JSON list.
func (c *idp) patch(target, operations string) *answer {
	c.t.Helper()
	return c.send("PATCH "+target, `{"schemas":["{PATCHOP}"],"Operations":[`+operations+`]}`)
}

// hangUp sends a request and closes the connection without waiting for the answer.
func (c *idp) hangUp(method, target, body string) {
	if conn := c.begin(method, target, body); conn != nil {
		_ = conn.Close()
	}
}

// begin sends a request and leaves the answer, nil if that is not possible.
func (c *idp) begin(method, target, body string) net.Conn {
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
	if err != nil {
		return nil
	}
	_, _ = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		method, target, c.token, media, len(body), body)
	return conn
}
