package peers

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// python is Debian's, which sees Debian's pysaml2, whatever other Python stands first in the path.
const python = "/usr/bin/python3"

// pysaml2 is an identity provider without pages: a key, and a program that answers one request.
type pysaml2 struct {
	t      *testing.T
	folder string
}

// task is what testdata/pysaml2/issue.py reads.
type task struct {
	Key           string              `json:"key"`
	Certificate   string              `json:"cert"`
	Entity        string              `json:"entity"`
	SignIn        string              `json:"signIn"`
	SP            string              `json:"sp"`
	Request       string              `json:"request"`
	Subject       string              `json:"subject"`
	Attributes    map[string][]string `json:"attributes"`
	SignResponse  bool                `json:"signResponse"`
	SignAssertion bool                `json:"signAssertion"`
	Encrypted     bool                `json:"encrypted"`
}

func newPysaml2(t *testing.T) *pysaml2 {
	t.Helper()
	need(t, "pysaml2", exec.Command(python, "-c", "import saml2").Run() == nil)
	need(t, "xmlsec1", found("xmlsec1") != "")
	p := &pysaml2{t: t, folder: t.TempDir()}
	newKey(t, p.folder, "idp")
	return p
}

// ask runs the program and returns the document that it makes.
func (p *pysaml2) ask(a task) []byte {
	p.t.Helper()
	a.Key, a.Certificate = filepath.Join(p.folder, "idp.key"), filepath.Join(p.folder, "idp.crt")
	a.Entity, a.SignIn = "https://pysaml2.example.com/idp", "https://pysaml2.example.com/sso"
	a.SP = filepath.Join(p.folder, "sp.xml")
	text, err := json.Marshal(a)
	if err != nil {
		p.t.Fatal(err)
	}
	program := exec.Command(python, "testdata/pysaml2/issue.py")
	program.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	program.Stdin = bytes.NewReader(text)
	var complaint bytes.Buffer
	program.Stderr = &complaint
	document, err := program.Output()
	if err != nil {
		p.t.Fatalf("issue.py: %v\n%s", err, &complaint)
	}
	return document
}

// TestPysaml2_responses logs one person in by every form of response that pysaml2 makes, encrypted ones among them, in which
// a prefix means one namespace outside and another inside.
func TestPysaml2_responses(t *testing.T) {
	t.Parallel()
	p := newPysaml2(t)
	o := &office{Server: harness.Start(t, "sqlite"), t: t}
	o.base = o.URL
	o.connect()
	file := filepath.Join(p.folder, "idp.xml")
	write(t, file, p.ask(task{}))
	o.CLI(t, "saml", "import", "--connection", "okta", "--file", file)
	write(t, filepath.Join(p.folder, "sp.xml"), o.metadata())
	o.hire()
	for _, c := range []struct {
		name string
		task task
	}{
		{"the assertion is signed", task{SignAssertion: true}},
		{"the response is signed", task{SignResponse: true}},
		{"both are signed", task{SignAssertion: true, SignResponse: true}},
		{"a signed assertion is encrypted", task{SignAssertion: true, Encrypted: true}},
		{"an encrypted assertion is in a signed response", task{SignResponse: true, Encrypted: true}},
		{"a signed assertion is encrypted in a signed response", task{SignAssertion: true, SignResponse: true, Encrypted: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, o := *p, *o
			p.t, o.t = t, t
			c.task.Subject, c.task.Attributes = "u-0001", map[string][]string{"email": {"alice@example.com"}, "firstName": {"Alice"}}
			if got := o.submit(&p, c.task); !strings.Contains(got, "alice") {
				t.Errorf("GET /me: %s, want alice", got)
			}
		})
	}
}

// TestPysaml2_somebody_else_signs keeps the tests above honest: the same response by another key lets nobody in.
func TestPysaml2_somebody_else_signs(t *testing.T) {
	t.Parallel()
	p := newPysaml2(t)
	o := &office{Server: harness.Start(t, "sqlite"), t: t}
	o.base = o.URL
	o.connect()
	file := filepath.Join(p.folder, "idp.xml")
	write(t, file, p.ask(task{}))
	o.CLI(t, "saml", "import", "--connection", "okta", "--file", file)
	write(t, filepath.Join(p.folder, "sp.xml"), o.metadata())
	o.hire()
	newKey(t, p.folder, "idp")
	if got := o.submit(p, task{
		Subject: "u-0001", Attributes: map[string][]string{"firstName": {"Alice"}}, SignAssertion: true, SignResponse: true, Encrypted: true,
	}); got != "" {
		t.Errorf("GET /me: %s, want nobody", got)
	}
}

// submit asks for a request, answers it by pysaml2, posts the answer as a browser would, and returns what /me then says of
// the person, "" if it knows none.
func (o *office) submit(p *pysaml2, a task) string {
	o.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		o.t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: o.HTTP.CheckRedirect}
	asked, err := client.Get(o.URL + "/saml/okta/login")
	if err != nil {
		o.t.Fatal(err)
	}
	_ = asked.Body.Close()
	to, err := asked.Location()
	if err != nil {
		o.t.Fatalf("login: %s %v", asked.Status, err)
	}
	a.Request = to.Query().Get("SAMLRequest")
	answered, err := client.PostForm(o.URL+"/saml/okta/acs", url.Values{
		"SAMLResponse": {base64.StdEncoding.EncodeToString(p.ask(a))},
		"RelayState":   {to.Query().Get("RelayState")},
	})
	if err != nil {
		o.t.Fatal(err)
	}
	page, _ := io.ReadAll(answered.Body)
	_ = answered.Body.Close()
	me, err := client.Get(o.URL + "/me")
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = me.Body.Close() }()
	text, err := io.ReadAll(me.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	if me.StatusCode != http.StatusOK {
		o.t.Logf("the response is answered by %s\n%s", answered.Status, page)
		return ""
	}
	return string(text)
}
