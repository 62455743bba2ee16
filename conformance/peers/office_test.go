package peers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// office is a server with the connection okta, and the identity provider behind it.
type office struct {
	*harness.Server
	t     *testing.T
	idp   *simplesamlphp
	base  string // the address that people know it by
	token string // what the identity provider pushes Users with
}

// newOffice starts both, with SQLite, and lets each know the other. The settings are those of the connection.
func newOffice(t *testing.T, settings ...string) *office {
	t.Helper()
	return newOfficeOn(t, "sqlite", settings...)
}

func newOfficeOn(t *testing.T, database string, settings ...string) *office {
	t.Helper()
	o := &office{Server: harness.Prepare(t, database), t: t, idp: startSimpleSAMLphp(t)}
	o.Serve(t, "--outbound-allow", "127.0.0.0/8")
	o.base = o.URL
	o.connect(settings...)
	o.introduce()
	return o
}

// connect makes the connection.
func (o *office) connect(settings ...string) {
	o.t.Helper()
	o.CLI(o.t, "connection", "create", "okta")
	if len(settings) > 0 {
		o.CLI(o.t, append([]string{"connection", "set", "okta"}, settings...)...)
	}
	o.token = o.CLI(o.t, "token", "create", "--connection", "okta")
}

// introduce gives each the metadata of the other, as it is now.
func (o *office) introduce() {
	o.t.Helper()
	// With PostgreSQL the command fetches by itself, and takes nothing from the flags of the server.
	o.CLI(o.t, "saml", "import", "--connection", "okta", "--url", o.idp.metadata(), "--outbound-allow", "127.0.0.0/8")
	o.idp.meet(o.metadata())
}

// metadata is what we say of ourselves.
func (o *office) metadata() []byte {
	o.t.Helper()
	r, err := o.HTTP.Get(o.URL + "/saml/okta/metadata")
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		o.t.Fatalf("metadata: %s %v\n%s", r.Status, err, text)
	}
	return text
}

// scim sends a request of SCIM, which must succeed, and returns what it answered.
func (o *office) scim(method, path, body string) map[string]any {
	o.t.Helper()
	request, err := http.NewRequest(method, o.URL+"/scim/v2"+path, strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+o.token)
	request.Header.Set("Content-Type", "application/scim+json")
	r, err := o.HTTP.Do(request)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode >= 300 {
		o.t.Fatalf("%s %s: %s %v\n%s", method, path, r.Status, err, text)
	}
	answer := make(map[string]any)
	if len(bytes.TrimSpace(text)) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			o.t.Fatal(err)
		}
	}
	return answer
}

// hire pushes alice as a User, and returns the id that SCIM knows her by.
func (o *office) hire() string {
	o.t.Helper()
	id, _ := o.scim("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"u-0001",
		"userName":"alice","name":{"givenName":"Alice","familyName":"Archer"},"emails":[{"value":"alice@example.com","primary":true}]}`)["id"].(string)
	return id
}

// setActive says by SCIM whether a User may log in.
func (o *office) setActive(id string, active bool) {
	o.t.Helper()
	value, _ := json.Marshal(active)
	o.scim("PATCH", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
		"Operations":[{"op":"replace","path":"active","value":`+string(value)+`}]}`)
}

// enter opens the login by the connection and signs in at the identity provider as somebody whose password is secret.
func (o *office) enter(b *browser, name string) {
	b.t.Helper()
	b.open(o.base + "/saml/okta/login")
	o.idp.signIn(b, name, "secret")
}

// enters is enter, where it must end at the person's own page.
func (o *office) enters(b *browser, name string) {
	b.t.Helper()
	o.enter(b, name)
	b.arrives(o.base + "/")
	b.sees(name)
}

// out asserts that the browser has no session.
func (o *office) out(b *browser) {
	b.t.Helper()
	b.open(o.base + "/")
	b.arrives(o.base + "/login")
}

// logs waits until the server's log holds a text so many times.
func (o *office) logs(text string, times int) {
	o.t.Helper()
	eventually(o.t, fmt.Sprintf("the log holds %q %d times", text, times), func() bool {
		return strings.Count(o.Log.String(), text+" ") == times
	})
}

// account is what an administrator sees of somebody.
type account struct {
	ID         string `json:"id"`
	Email      string `json:"email"`
	Identities []struct {
		Subject string `json:"subject"`
	} `json:"identities"`
}

func (a account) subject() string {
	if len(a.Identities) != 1 {
		return ""
	}
	return a.Identities[0].Subject
}

func (o *office) account(name string) account {
	o.t.Helper()
	var a account
	o.Show(o.t, &a, "user", "show", name)
	return a
}
