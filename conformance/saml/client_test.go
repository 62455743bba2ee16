package saml

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Where a request comes from, as a browser knows it.
type origin string

const (
	own   origin = "same-origin"
	cross origin = "cross-site"
)

// idpOrigin is the site of all identity providers of the tests.
const idpOrigin = "https://idp.example.test"

// browser keeps cookies as browsers do: Secure ones only over TLS, SameSite, the rules of the __Host- prefix.
type browser struct {
	t       *testing.T
	s       *site
	cookies map[string]*http.Cookie
	set     []*http.Cookie // every one that was set, removed ones included
	refused []*http.Cookie // those that a browser does not take
}

func (s *site) browser(t *testing.T) *browser {
	return &browser{t: t, s: s, cookies: map[string]*http.Cookie{}}
}

// page is an answer to a browser.
type page struct {
	status int
	header http.Header
	body   string
}

func (p page) location() string { return p.header.Get("Location") }

// get asks for a page of ours by a link of our own pages.
func (b *browser) get(path string) page {
	b.t.Helper()
	return b.do(b.request(http.MethodGet, path, nil), own)
}

// submit posts a form of our own pages.
func (b *browser) submit(path string, form url.Values) page {
	b.t.Helper()
	return b.do(b.request(http.MethodPost, path, form), own)
}

// request is for a path of ours, with a form if there is one.
func (b *browser) request(method, path string, form url.Values) *http.Request {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, b.s.URL+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

// do sends a request with the cookies that belong to it.
func (b *browser) do(req *http.Request, from origin) page {
	b.t.Helper()
	p, err := b.try(req, from)
	if err != nil {
		b.t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	return p
}

func (b *browser) try(req *http.Request, from origin) (page, error) {
	req.Host = strings.TrimPrefix(strings.TrimPrefix(b.s.base, "https://"), "http://")
	req.Header.Set("Sec-Fetch-Site", string(from))
	if req.Method == http.MethodPost {
		req.Header.Set("Origin", map[origin]string{own: b.s.base, cross: idpOrigin}[from])
	}
	for _, c := range b.cookies {
		if from == own || c.SameSite == http.SameSiteNoneMode || req.Method == http.MethodGet && c.SameSite != http.SameSiteStrictMode {
			req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	b.s.From(req.Header)
	res, err := b.s.HTTP.Do(req)
	if err != nil {
		return page{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	for _, c := range res.Cookies() {
		b.keep(c)
	}
	return page{res.StatusCode, res.Header, string(body)}, err
}

func (b *browser) keep(c *http.Cookie) {
	b.set = append(b.set, c)
	tls := strings.HasPrefix(b.s.base, "https://")
	switch {
	case c.Secure && !tls, c.SameSite == http.SameSiteNoneMode && !c.Secure,
		strings.HasPrefix(c.Name, "__Host-") && (!c.Secure || c.Path != "/" || c.Domain != ""):
		b.refused = append(b.refused, c)
	case c.MaxAge < 0, !c.Expires.IsZero() && c.Expires.Before(time.Now()), c.Value == "":
		delete(b.cookies, c.Name)
	default:
		b.cookies[c.Name] = c
	}
}

// cookie is the name of one of our cookies, session for "".
func (s *site) cookie(part string) string {
	name := "rollcall"
	if part != "" {
		name += "-" + part
	}
	if strings.HasPrefix(s.base, "https://") {
		name = "__Host-" + name
	}
	return name
}

// begun is a login that the server has sent a browser away with.
type begun struct {
	query          url.Values
	raw            string // the query as sent
	xml            string // the AuthnRequest
	id, acs        string
	issuer, relay  string
	forced, passed string // ForceAuthn; the classes that are asked for
}

// begin starts a login at a connection.
func (b *browser) begin(connection, returnTo string) begun {
	b.t.Helper()
	path := "/saml/" + connection + "/login"
	if returnTo != "" {
		path += "?return=" + url.QueryEscape(returnTo)
	}
	p := b.get(path)
	if p.status != http.StatusSeeOther {
		b.t.Fatalf("GET %s: %d %s, want 303", path, p.status, p.body)
	}
	return asked(b.t, p.location())
}

var (
	acsPattern    = regexp.MustCompile(`AssertionConsumerServiceURL="([^"]*)"`)
	issuerPattern = regexp.MustCompile(`Issuer[^>]*>([^<]*)<`)
	forcePattern  = regexp.MustCompile(`ForceAuthn="([^"]*)"`)
	classPattern  = regexp.MustCompile(`AuthnContextClassRef[^>]*>([^<]*)<`)
)

// asked reads the request in an address of the identity provider.
func asked(t *testing.T, location string) begun {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	r := begun{query: u.Query(), raw: u.RawQuery, relay: u.Query().Get("RelayState")}
	r.xml = inflate(t, r.query.Get("SAMLRequest"))
	first := func(p *regexp.Regexp) string {
		if m := p.FindStringSubmatch(r.xml); m != nil {
			return html.UnescapeString(m[1])
		}
		return ""
	}
	r.id, r.acs, r.issuer = first(idPattern), first(acsPattern), first(issuerPattern)
	r.forced, r.passed = first(forcePattern), first(classPattern)
	if r.id == "" || r.acs == "" || r.issuer == "" || r.relay == "" {
		t.Fatalf("the request is %+v", r)
	}
	return r
}

func inflate(t *testing.T, text string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	out, err := io.ReadAll(flate.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func deflate(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// form is what an identity provider lets the browser post.
func form(xml, relay string) url.Values {
	values := url.Values{"SAMLResponse": {encode(xml)}}
	if relay != "" {
		values.Set("RelayState", relay)
	}
	return values
}

// deliver posts a form to an ACS as the page of an identity provider does. Where the cookies of our own site are needed, our
// page posts it once more.
func (b *browser) deliver(connection string, form url.Values) page {
	b.t.Helper()
	return b.again(b.do(b.request(http.MethodPost, "/saml/"+connection+"/acs", form), cross))
}

var (
	actionPattern = regexp.MustCompile(`<form[^>]*\baction="([^"]*)"`)
	inputPattern  = regexp.MustCompile(`<input\b[^>]*>`)
	partPattern   = regexp.MustCompile(`\b(name|value)="([^"]*)"`)
)

// again lets the browser post what a page tells it to post once more.
func (b *browser) again(p page) page {
	b.t.Helper()
	action := actionPattern.FindStringSubmatch(p.body)
	if p.status != http.StatusOK || action == nil || !strings.Contains(action[1], "again=1") {
		return p
	}
	path := strings.TrimPrefix(html.UnescapeString(action[1]), b.s.base)
	return b.submit(path, inputs(p.body))
}

// inputs are the fields of the forms of a page, with their values.
func inputs(body string) url.Values {
	values := url.Values{}
	for _, input := range inputPattern.FindAllString(body, -1) {
		parts := map[string]string{}
		for _, m := range partPattern.FindAllStringSubmatch(input, -1) {
			parts[m[1]] = html.UnescapeString(m[2])
		}
		if parts["name"] != "" {
			values.Add(parts["name"], parts["value"])
		}
	}
	return values
}

// me is who the browser is signed in as, nil for nobody.
func (b *browser) me() map[string]any {
	b.t.Helper()
	p := b.get("/me")
	switch p.status {
	case http.StatusUnauthorized:
		return nil
	case http.StatusOK:
		var who map[string]any
		if err := json.Unmarshal([]byte(p.body), &who); err != nil {
			b.t.Fatalf("/me: %v in %s", err, p.body)
		}
		return who
	}
	b.t.Fatalf("/me: %d %s", p.status, p.body)
	return nil
}

// username is that of whom the browser is signed in as, "" for nobody.
func (b *browser) username() string {
	b.t.Helper()
	name, _ := b.me()["username"].(string)
	return name
}
