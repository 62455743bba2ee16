package peers

import (
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

const password = "correct horse battery staple"

// newLobby starts a server that no identity provider is connected to.
func newLobby(t *testing.T, flags ...string) *office {
	t.Helper()
	o := &office{Server: harness.Prepare(t, "sqlite"), t: t}
	o.Serve(t, flags...)
	o.base = o.URL
	return o
}

// person makes a local account with the password.
func (o *office) person(name string, flags ...string) {
	o.t.Helper()
	args := append([]string{"user", "create", "--email", name + "@example.com", "--username", name, "--password-stdin"}, flags...)
	command := exec.Command(harness.Binary(), o.Where(args...)...)
	command.Env, command.Stdin = harness.Environment(), strings.NewReader(password+"\n")
	if out, err := command.CombinedOutput(); err != nil {
		o.t.Fatalf("rollcall %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// login fills in our own form.
func (o *office) login(b *browser, name, password string) {
	b.t.Helper()
	b.open(o.base + "/login")
	b.fill(`[name="name"]`, name)
	b.fill(`[name="password"]`, password)
	b.press("Sign in")
}

// knows tells whether /me answers somebody who shows a personal token.
func (o *office) knows(token string) bool {
	o.t.Helper()
	request, err := http.NewRequest("GET", o.URL+"/me", nil)
	if err != nil {
		o.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	r, err := o.HTTP.Do(request)
	if err != nil {
		o.t.Fatal(err)
	}
	_ = r.Body.Close()
	return r.StatusCode == http.StatusOK
}

func TestPortal_login(t *testing.T) {
	t.Parallel()
	o := newLobby(t)
	o.person("pat")
	b := newBrowser(t)
	o.login(b, "pat", "wrong")
	b.sees("The name or the password is wrong")
	b.shot("a wrong password")
	o.out(b)
	o.login(b, "pat", password)
	b.arrives(o.base + "/")
	b.sees("pat")
	b.shot("pat is signed in")
	b.press("Sign out")
	b.arrives(o.base + "/login")
	b.shot("signed out")
	o.out(b)
	o.login(b, "pat@example.com", password)
	b.arrives(o.base + "/")
}

func TestPortal_sign_up(t *testing.T) {
	t.Parallel()
	o := newLobby(t, "--sign-up")
	o.CLI(t, "team", "create", "--name", "eng", "--display-name", "Engineering")
	b := newBrowser(t)
	b.open(o.base + "/login")
	b.shot("one may sign up")
	b.open(o.base + "/signup")
	b.shot("the form")
	b.fill(`[name="email"]`, "kim@example.com")
	b.fill(`[name="username"]`, "kim")
	b.fill(`[name="password"]`, password)
	b.choose("team", "Engineering")
	b.arrives(o.base + "/")
	b.sees("kim@example.com")
	b.shot("kim has an account")
}

func TestPortal_sign_up_is_off(t *testing.T) {
	t.Parallel()
	o := newLobby(t)
	r, err := o.HTTP.Get(o.URL + "/signup")
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if r.StatusCode != http.StatusNotFound {
		t.Errorf("GET /signup: %s, want 404", r.Status)
	}
}

func TestPortal_sessions(t *testing.T) {
	t.Parallel()
	o := newLobby(t)
	o.person("pat")
	here, there := newBrowser(t), newBrowser(t)
	for _, b := range []*browser{there, here} {
		o.login(b, "pat", password)
		b.arrives(o.base + "/")
	}
	here.open(o.base + "/")
	here.sees("Sign out all others")
	here.shot("two sessions")
	here.click(`form[action="/sessions/revoke"]:has([name="id"]) button`)
	here.seesNoMore("Sign out all others")
	here.shot("the other is revoked")
	o.out(there)
}

func TestPortal_tokens(t *testing.T) {
	t.Parallel()
	o := newLobby(t)
	o.person("pat")
	b := newBrowser(t)
	o.login(b, "pat", password)
	b.arrives(o.base + "/")
	b.fill(`form[action="/tokens"] [name="description"]`, "laptop")
	b.click(`form[action="/tokens"] button`)
	b.sees("rcp_")
	b.shot("the token is shown once")
	token := regexp.MustCompile(`rcp_\S+`).FindString(b.text())
	if !o.knows(token) {
		t.Errorf("/me does not know the token %q", token)
	}
	b.open(o.base + "/")
	b.sees("laptop")
	b.seesNoMore(token)
	b.shot("the token in the list")
	b.click(`form[action="/tokens/revoke"] button`)
	b.arrives(o.base + "/")
	eventually(t, "the token is revoked", func() bool { return !o.knows(token) })
}

// TestPortal_telephone keeps pictures of the pages as a telephone shows them, and asserts that none is wider than it.
func TestPortal_telephone(t *testing.T) {
	t.Parallel()
	o := newLobby(t, "--sign-up")
	o.person("pat")
	b := newBrowser(t)
	b.narrow()
	for _, path := range []string{"/login", "/signup"} {
		b.open(o.base + path)
		b.fits()
		b.shot(strings.Trim(path, "/"))
	}
	o.login(b, "pat", password)
	b.arrives(o.base + "/")
	b.fits()
	b.shot("pat")
}
