package saml

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// person is somebody whom the tests know. What an identity provider never changes of them is subjectOf.
type person string

const (
	pat person = "pat" // signs in
	vic person = "vic" // the victim: a person whom the attacker wants to be
)

func subjectOf(p person) string { return "00u" + string(p) + "9xY" }

func (p person) address() string { return string(p) + "@x.test" }

// site is a server with people, connections and the identity providers of these.
type site struct {
	*harness.Server
	base   string // what browsers call it
	tokens map[string]string
	idps   map[string]provider
	ids    map[person]string // of the identities at okta

	generic string // the page of a refusal, without its id
}

// attacked runs a suite on every database against a site where pat and vic were pushed by okta, behind TLS. settings are okta's.
func attacked(t *testing.T, suite func(t *testing.T, s *site), settings ...string) {
	t.Helper()
	for _, kind := range harness.Databases(t) {
		t.Run(strings.Join(append([]string{kind}, settings...), " "), func(t *testing.T) {
			s := open(t, kind, "https://chat.example.test")
			s.connect(t, "okta", "okta", keys().good)
			s.settings(t, settings...)
			s.push(t, "okta", pat)
			s.push(t, "okta", vic)
			suite(t, s)
		})
	}
}

// open starts a server with a team and no connection. An empty base lets it be called by its address, without TLS.
func open(t *testing.T, kind, base string, flags ...string) *site {
	t.Helper()
	s := &site{Server: harness.Prepare(t, kind), base: base, tokens: map[string]string{}, idps: map[string]provider{}, ids: map[person]string{}}
	if base != "" {
		flags = append(flags, "--base-url", base)
	}
	s.ServeProxied(t, flags...)
	if base == "" {
		s.base = s.URL
	}
	s.CLI(t, "team", "create", "--name", "eng", "--display-name", "Engineering")
	return s
}

// connect makes a connection and an identity provider of its own for it.
func (s *site) connect(t *testing.T, connection, preset string, with pair) provider {
	t.Helper()
	args := []string{"connection", "create", connection}
	if preset != "" {
		args = append(args, "--preset", preset)
	}
	s.CLI(t, args...)
	s.tokens[connection] = s.CLI(t, "token", "create", "--connection", connection)
	idp := provider{entity: idpOrigin + "/" + connection, pair: with}
	s.idps[connection] = idp
	s.imports(t, connection, idp.metadata())
	return idp
}

// imports gives a connection metadata of an identity provider.
func (s *site) imports(t *testing.T, connection, metadata string, flags ...string) {
	t.Helper()
	s.CLI(t, s.importing(t, connection, metadata, flags...)...)
}

func (s *site) importing(t *testing.T, connection, metadata string, flags ...string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "idp.xml")
	if err := os.WriteFile(file, []byte(metadata), 0o600); err != nil {
		t.Fatal(err)
	}
	return append([]string{"saml", "import", "--connection", connection, "--file", file}, flags...)
}

// metadata is what an identity provider says of itself, with more keys if they are named, as use and certificate.
func (p provider) metadata(more ...string) string {
	descriptors := keyDescriptor("signing", p.pair)
	return fmt.Sprintf(`<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="%s" entityID="%s">`+
		`<md:IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="%s">%s%s`+
		`<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="%s/logout"/>`+
		`<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="%s/sso"/>`+
		`</md:IDPSSODescriptor></md:EntityDescriptor>`,
		dsNS, p.entity, protocolNS, descriptors, strings.Join(more, ""), p.entity, p.entity)
}

func keyDescriptor(use string, p pair) string {
	return fmt.Sprintf(`<md:KeyDescriptor use="%s"><ds:KeyInfo>%s</ds:KeyInfo></md:KeyDescriptor>`, use, x509Data(p))
}

// push lets a connection push somebody by SCIM.
func (s *site) push(t *testing.T, connection string, p person) {
	t.Helper()
	r := s.scim(t, connection, "POST /Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"externalId":%q,
		"name":{"givenName":%q,"familyName":"Lee"},"emails":[{"value":%[1]q,"primary":true}],"active":true}`, p.address(), subjectOf(p), string(p)))
	if r.status != http.StatusCreated {
		t.Fatalf("push %s: %d %s", p, r.status, r.body)
	}
	s.ids[p] = r.value("id")
}

// active lets okta say whether somebody is.
func (s *site) active(t *testing.T, p person, active bool) {
	t.Helper()
	s.patch(t, "okta", s.ids[p], fmt.Sprintf(`{"op":"replace","path":"active","value":%t}`, active))
}

func (s *site) patch(t *testing.T, connection, id, operation string) {
	t.Helper()
	r := s.scim(t, connection, "PATCH /Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+operation+`]}`)
	if r.status != http.StatusOK {
		t.Fatalf("PATCH: %d %s", r.status, r.body)
	}
}

// value is a value at the top of a JSON body.
func (p page) value(name string) string {
	var body map[string]any
	_ = json.Unmarshal([]byte(p.body), &body)
	return fmt.Sprint(body[name])
}

// scim sends a SCIM request of a connection.
func (s *site) scim(t *testing.T, connection, request, body string) page {
	t.Helper()
	p, err := s.tryScim(connection, request, body)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *site) tryScim(connection, request, body string) (page, error) {
	method, path, _ := strings.Cut(request, " ")
	req, err := http.NewRequest(method, s.URL+"/scim/v2"+path, strings.NewReader(body))
	if err != nil {
		return page{}, err
	}
	req.Header.Set("Content-Type", "application/scim+json")
	req.Header.Set("Authorization", "Bearer "+s.tokens[connection])
	res, err := s.HTTP.Do(req)
	if err != nil {
		return page{}, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	return page{res.StatusCode, res.Header, string(raw)}, err
}

// message begins a login of pat in a browser and makes the good answer to it.
func (s *site) message(b *browser, connection string) *message {
	b.t.Helper()
	r := b.begin(connection, "")
	return s.answer(connection, r)
}

// answer is the good Response of a connection's identity provider to a request.
func (s *site) answer(connection string, r begun) *message {
	idp := s.idps[connection]
	return &message{
		idp: idp, request: r.id, relay: r.relay, acs: r.acs, audience: r.issuer, now: time.Now(), response: newID(), id: newID(),
		subject: subjectOf(pat), signs: signing{by: idp.pair}, assertion: true, connection: connection,
		attributes: attribute("email", pat.address()) + attribute("userName", pat.address()) + attribute("firstName", "Pat") + attribute("lastName", "Lee"),
	}
}

// result is how a login ended.
type result struct {
	page
	b   *browser
	who string // the username of whom the browser is signed in as, "" for nobody
}

// id is the correlation id of the answer.
func (r result) id() string { return r.header.Get("X-Request-Id") }

// signIn lets a new browser sign in with a message that with changes.
func (s *site) signIn(t *testing.T, with ...func(*message)) result {
	t.Helper()
	b := s.browser(t)
	m := s.message(b, "okta")
	for _, change := range with {
		if change != nil {
			change(m)
		}
	}
	return b.hand(m)
}

// hand delivers a message and looks at who is signed in then.
func (b *browser) hand(m *message) result {
	b.t.Helper()
	values := form(m.xml(b.t), m.relay)
	if m.form != nil {
		m.form(values)
	}
	return b.ended(b.deliver(m.connection, values))
}

func (b *browser) ended(p page) result {
	b.t.Helper()
	return result{p, b, b.username()}
}

// enters asserts that a login ended well.
func (r result) enters(p person) result {
	r.b.t.Helper()
	if r.status != http.StatusSeeOther || r.who != string(p) {
		r.b.t.Fatalf("the login ends with %d %q, signed in as %q, want 303 as %q: %s\nevents %s", r.status, r.location(), r.who, p, r.text(), r.b.s.told(r.b.t, r.id()))
	}
	return r
}

var markupPattern = regexp.MustCompile(`(?s)<style>.*?</style>|<script>.*?</script>|<[^>]*>|\s+`)

// text is what a page says, on one line.
func (p page) text() string {
	text := strings.Join(strings.Fields(markupPattern.ReplaceAllString(p.body, " ")), " ")
	if len(text) > 500 {
		text = text[:500] + "…"
	}
	return text
}

// event is one line of the audit log.
type event struct {
	Action, Object string
	Connection     string
	RequestID      string `json:"request_id"`
	Changes        map[string]any
}

func (s *site) events(t *testing.T, args ...string) (list []event) {
	t.Helper()
	s.Show(t, &list, append([]string{"audit", "list"}, args...)...)
	return list
}

// eventsOf are those of a request, of which there may be none.
func (s *site) eventsOf(t *testing.T, request string) (list []event) {
	t.Helper()
	r := s.Try("audit", "list", "--request", request, "--json")
	if r.Code == 1 && strings.Contains(r.Stderr, "there is no event") {
		return nil
	}
	if err := json.Unmarshal([]byte(r.Stdout), &list); err != nil {
		t.Fatalf("audit list --request %s: %v, %+v", request, err, r)
	}
	return list
}

// told is what the audit log tells of a request.
func (s *site) told(t *testing.T, request string) string {
	t.Helper()
	return fmt.Sprintf("%+v", s.eventsOf(t, request))
}

// state is what an attack must not change: who has a session, and all accounts and identities.
type state struct{ sessions, users, identities string }

func (s *site) state(t *testing.T) state {
	t.Helper()
	var list []struct{ ID string }
	s.Show(t, &list, "session", "list")
	ids := []string{}
	for _, session := range list {
		ids = append(ids, session.ID)
	}
	slices.Sort(ids)
	return state{strings.Join(ids, " "), s.CLI(t, "user", "list", "--json"), s.CLI(t, "identity", "list", "--json")}
}

// refusal is how an attack must end.
type refusal struct {
	status int    // 403 if zero
	code   string // of the event login.refused; "" for any
}

// refuses asserts that an attack changed nothing, told the attacker nothing and the administrator something.
func (s *site) refuses(t *testing.T, want refusal, attack func() result) {
	t.Helper()
	before := s.state(t)
	r := attack()
	if want.status == 0 {
		want.status = http.StatusForbidden
	}
	if r.status != want.status {
		t.Errorf("status %d %s, want %d: %s\nevents %s", r.status, r.location(), want.status, r.text(), s.told(t, r.id()))
	}
	if r.who != "" {
		t.Errorf("the attacker is signed in as %s", r.who)
	}
	if after := s.state(t); after != before {
		t.Errorf("the attack changed\n%+v to\n%+v", before, after)
	}
	s.silent(t, r, want.status, tells(t, r, s.eventsOf(t, r.id()), want.code))
}

// tells asserts that of the events of a refusal exactly one tells of it, under the id that the page shows, and returns its code.
func tells(t *testing.T, r result, list []event, want string) (code string) {
	t.Helper()
	// A claim on what another account has is a conflict too, which an administrator decides.
	list = slices.DeleteFunc(list, func(e event) bool { return e.Action == "conflict.open" })
	if len(list) != 1 || list[0].Action != "login.refused" || list[0].RequestID != r.id() {
		t.Errorf("the events of %q are %+v, want one login.refused", r.id(), list)
		return ""
	}
	code = fmt.Sprint(list[0].Changes["code"])
	if want != "" && code != want {
		t.Errorf("the event says %s, %v, want %s", code, list[0].Changes["detail"], want)
	}
	if _, told := list[0].Changes["subject"]; !told && code != "connection_disabled" && pages[code] != "" {
		t.Errorf("the event says %v, and not who was refused", list[0].Changes)
	}
	if want == "" {
		t.Logf("refused with %s: %v", code, list[0].Changes["detail"])
	}
	return code
}

// pages are what those say that the people concerned may know more of. All other refusals have one page.
var pages = map[string]string{
	"deactivated": "deactivated", "not_provisioned": "not provisioned", "removed": "removed", "address_taken": "already used", "no_team": "no team",
	"connection_disabled": "switched off",
}

// silent asserts that the page of a refusal is the one of all refusals but for its id, or of its own kind.
func (s *site) silent(t *testing.T, r result, status int, code string) {
	t.Helper()
	for _, secret := range []string{subjectOf(pat), subjectOf(vic), "saml:", vic.address(), "xmldsig"} {
		if strings.Contains(r.body, secret) {
			t.Errorf("the page holds %q", secret)
		}
	}
	if status != http.StatusForbidden {
		return
	}
	if r.id() == "" || !strings.Contains(r.body, r.id()) {
		t.Errorf("the page does not show the id %q: %s", r.id(), r.text())
	}
	text := strings.ReplaceAll(r.body, r.id(), "ID")
	switch {
	case pages[code] != "":
		if !strings.Contains(text, pages[code]) {
			t.Errorf("the page does not say %q: %s", pages[code], r.text())
		}
	case s.generic == "":
		if s.generic = text; !strings.Contains(text, "Sign-in failed") {
			t.Errorf("the page says %s", r.text())
		}
	case text != s.generic:
		t.Errorf("the page says %s, or differs elsewhere from that of other refusals", r.text())
	}
}

// variant is one way to do an attack. twin is done to the good message too, which must sign in; forge only to the forged one.
type variant struct {
	name        string
	code        string // of the event
	twin, forge func(m *message)
}

// variants proves of each that its twin signs in and that it does not. What an administrator sees of it all is looked at once, in
// the end: each command would take longer than the attack.
func (s *site) variants(t *testing.T, list []variant) {
	t.Helper()
	before := s.state(t)
	results := map[string]result{}
	twins := 0
	for _, v := range list {
		t.Run(v.name, func(t *testing.T) {
			s.signIn(t, v.twin).enters(pat)
			twins++
			r := s.signIn(t, v.twin, v.forge)
			if r.status != http.StatusForbidden || r.who != "" {
				t.Errorf("status %d %s, signed in as %q, want 403: %s", r.status, r.location(), r.who, r.text())
			}
			results[v.name] = r
		})
	}
	after := s.state(t)
	if made := len(strings.Fields(after.sessions)) - len(strings.Fields(before.sessions)); made != twins {
		t.Errorf("%d sessions were made, want one of each of the %d good logins", made, twins)
	}
	if after.users != before.users || after.identities != before.identities {
		t.Errorf("the attacks changed\n%+v to\n%+v", before, after)
	}
	events := map[string][]event{}
	for _, e := range s.events(t) {
		events[e.RequestID] = append(events[e.RequestID], e)
	}
	for _, v := range list {
		if r, ok := results[v.name]; ok {
			t.Run(v.name+", as it is told", func(t *testing.T) {
				s.silent(t, r, http.StatusForbidden, tells(t, r, events[r.id()], v.code))
			})
		}
	}
}

// accepted proves of each that it signs pat in, so that what is refused is not refused for being unusual.
func (s *site) accepted(t *testing.T, list map[string]func(m *message)) {
	t.Helper()
	for name, change := range list {
		t.Run(name, func(t *testing.T) { s.signIn(t, change).enters(pat) })
	}
}

var certificatePattern = regexp.MustCompile(`(?s)<(?:\w+:)?X509Certificate[^>]*>\s*([^<]+?)\s*</`)

// recipient is the key that the service provider wants assertions encrypted for.
func (s *site) recipient(t *testing.T) *rsa.PublicKey {
	t.Helper()
	m := certificatePattern.FindStringSubmatch(s.ours(t, "okta"))
	if m == nil {
		t.Fatal("our metadata has no certificate")
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(m[1]), ""))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert.PublicKey.(*rsa.PublicKey)
}

// ours is the metadata of the service provider.
func (s *site) ours(t *testing.T, connection string) string {
	t.Helper()
	p := s.browser(t).get("/saml/" + connection + "/metadata")
	if p.status != http.StatusOK {
		t.Fatalf("metadata: %d %s", p.status, p.body)
	}
	return p.body
}

// settings changes those of okta.
func (s *site) settings(t *testing.T, list ...string) {
	t.Helper()
	if len(list) > 0 {
		s.CLI(t, append([]string{"connection", "set", "okta"}, list...)...)
	}
}

// holds reports whether the log or the audit log tells a text.
func (s *site) holds(t *testing.T, text string) (where []string) {
	t.Helper()
	if strings.Contains(s.Log.String(), text) {
		where = append(where, "log")
	}
	if bytes.Contains([]byte(s.CLI(t, "audit", "list", "--json")), []byte(text)) {
		where = append(where, "audit")
	}
	return where
}

var _ = url.Values{}
