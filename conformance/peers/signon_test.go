package peers

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/chromedp/cdproto/network"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

func TestSimpleSAMLphp_login(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.hire()
	b := newBrowser(t)
	b.open(o.base + "/")
	b.arrives(o.base + "/login")
	b.shot("nobody is signed in")
	b.press("Sign in with okta")
	b.arrives(o.idp.page("module.php/core/loginuserpass.php"))
	b.shot("the identity provider asks")
	o.idp.signIn(b, "alice", "secret")
	b.arrives(o.base + "/")
	b.sees("Alice")
	b.shot("alice is signed in")
	// Without https no cookie comes along from another site: a page of ours posts the response again.
	o.logs("path=/saml/okta/acs", 2)
	if got := o.account("alice").subject(); got != "u-0001" {
		t.Errorf("the subject of alice is %q, want u-0001", got)
	}
	b.open(o.base + "/me")
	b.sees(`"alice"`)
}

func TestSimpleSAMLphp_path_to_return_to(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.hire()
	b := newBrowser(t)
	b.open(o.base + "/saml/okta/login?return=/me")
	o.idp.signIn(b, "alice", "secret")
	b.arrives(o.base + "/me")
}

func TestSimpleSAMLphp_wrong_password(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.hire()
	b := newBrowser(t)
	b.open(o.base + "/saml/okta/login")
	o.idp.signIn(b, "alice", "wrong")
	b.sees("Incorrect username or password")
	b.shot("the identity provider refuses")
	o.out(b)
	b.open(o.base + "/saml/okta/login")
	o.idp.signIn(b, "alice", "secret")
	b.arrives(o.base + "/")
}

func TestSimpleSAMLphp_encrypted(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "saml_encrypted=true")
	o.hire()
	b := newBrowser(t)
	o.enter(b, "alice")
	b.sees("Sign-in failed")
	b.shot("an assertion that is not encrypted")
	o.idp.change(func(f *facts) { f.Encrypted = true })
	b.open(o.base + "/saml/okta/login")
	b.arrives(o.base + "/")
	b.sees("Alice")
}

// TestSimpleSAMLphp_unsolicited begins at the identity provider, as people do who click a tile there.
func TestSimpleSAMLphp_unsolicited(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.hire()
	tile := o.idp.page("saml2/idp/SSOService.php?spentityid=" + url.QueryEscape(o.base+"/saml/okta/metadata"))
	for _, taken := range []string{"false", "true"} {
		t.Run("saml_idp_initiated="+taken, func(t *testing.T) {
			o.CLI(t, "connection", "set", "okta", "saml_idp_initiated="+taken)
			b := newBrowser(t)
			b.open(tile)
			o.idp.signIn(b, "alice", "secret")
			b.arrives(o.base + "/")
			b.sees("Alice")
		})
	}
	o.logs("path=/saml/okta/login", 1) // the first response was thrown away, and asked for
}

// TestSimpleSAMLphp_force_authn asks for the password of somebody whom the identity provider knows already.
func TestSimpleSAMLphp_force_authn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.hire()
	b := newBrowser(t)
	o.enters(b, "alice")
	b.open(o.base + "/saml/okta/login?return=/me")
	b.arrives(o.base + "/me")
	o.CLI(t, "connection", "set", "okta", "saml_force_authn=true")
	o.enters(b, "alice")
}

// TestSimpleSAMLphp_posted_request needs a page that posts itself to another site, and a signature inside the XML.
func TestSimpleSAMLphp_posted_request(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.hire()
	o.idp.change(func(f *facts) { f.Posted = true })
	o.introduce()
	b := newBrowser(t)
	b.open(o.base + "/login")
	b.press("Sign in with okta")
	o.idp.signIn(b, "alice", "secret")
	b.arrives(o.base + "/")
	b.sees("Alice")
}

func TestSimpleSAMLphp_not_provisioned(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	b := newBrowser(t)
	o.enter(b, "bob")
	b.sees("provisioned")
	b.shot("nobody provisioned bob")
	o.out(b)
}

func TestSimpleSAMLphp_logout(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.hire()
	t.Run("begun by us", func(t *testing.T) {
		b := newBrowser(t)
		o.enters(b, "alice")
		b.press("Sign out")
		b.arrives(o.base + "/login")
		b.shot("signed out")
		o.out(b)
		o.enters(b, "alice") // asked for the password again: the identity provider ended its session too
	})
	t.Run("begun by the identity provider", func(t *testing.T) {
		b := newBrowser(t)
		o.enters(b, "alice")
		b.open(o.idp.page("saml2/idp/SingleLogoutService.php?ReturnTo=" + url.QueryEscape(o.idp.page("module.php/core/frontpage_welcome.php"))))
		b.arrives(o.idp.page("module.php/core/frontpage_welcome.php"))
		b.shot("the identity provider signed out")
		o.out(b)
	})
}

func TestSimpleSAMLphp_its_next_key(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.hire()
	newKey(t, o.idp.folder, "second")
	newKey(t, o.idp.folder, "third")
	o.idp.change(func(f *facts) { f.Next = "second" })
	o.introduce()
	o.enters(newBrowser(t), "alice")
	o.idp.change(func(f *facts) { f.Key, f.Next = "second", "" })
	o.enters(newBrowser(t), "alice")
	o.idp.change(func(f *facts) { f.Key = "third" })
	b := newBrowser(t)
	o.enter(b, "alice")
	b.sees("Sign-in failed")
	b.shot("signed by a key that nobody told of")
	o.out(b)
	o.introduce()
	o.enters(newBrowser(t), "alice")
}

func TestSimpleSAMLphp_our_next_key(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "saml_encrypted=true")
	o.hire()
	o.idp.change(func(f *facts) { f.Encrypted = true })
	o.enters(newBrowser(t), "alice")
	o.CLI(t, "saml", "key", "rotate")
	o.enters(newBrowser(t), "alice") // the identity provider has not read our metadata again
	o.idp.meet(o.metadata())
	o.enters(newBrowser(t), "alice")
	o.CLI(t, "saml", "key", "rotate")
	o.enters(newBrowser(t), "alice")
	o.CLI(t, "saml", "key", "rotate", "--drop-old")
	o.idp.meet(o.metadata())
	o.enters(newBrowser(t), "alice")
}

// TestSimpleSAMLphp_deactivated is the one on both databases: what differs between those is tested elsewhere.
func TestSimpleSAMLphp_deactivated(t *testing.T) {
	t.Parallel()
	for _, database := range harness.Databases(t) {
		t.Run(database, func(t *testing.T) { testDeactivated(t, newOfficeOn(t, database)) })
	}
}

func testDeactivated(t *testing.T, o *office) {
	t.Helper()
	id := o.hire()
	b := newBrowser(t)
	o.enters(b, "alice")
	o.setActive(id, false)
	o.out(b)
	b.shot("deactivated in mid-session")
	b.open(o.base + "/saml/okta/login") // the identity provider still knows the browser
	b.sees("deactivated")
	b.shot("deactivated and signing in")
	o.out(b)
	o.setActive(id, true)
	b.open(o.base + "/saml/okta/login")
	b.arrives(o.base + "/")
}

func TestSimpleSAMLphp_first_login(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "first_login=create")
	o.CLI(t, "team", "create", "--name", "eng", "--display-name", "Engineering")
	o.CLI(t, "team", "create", "--name", "ops", "--display-name", "Operations")
	b := newBrowser(t)
	o.enter(b, "bob")
	b.arrives(o.base + "/welcome")
	b.sees("Engineering")
	b.shot("bob chooses a team")
	b.choose("team", "Engineering")
	b.arrives(o.base + "/")
	b.sees("Bob Baker")
	b.seesNoMore("Operations")
	b.shot("bob has an account")
	b.back()
	b.arrives(o.base + "/")
	b.sees("Bob Baker")
}

func TestSimpleSAMLphp_another_address(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "first_login=create")
	o.CLI(t, "team", "create", "--name", "eng", "--display-name", "Engineering")
	o.hire()
	o.enters(newBrowser(t), "alice")
	b := newBrowser(t)
	o.enter(b, "bob")
	b.choose("team", "Engineering")
	b.arrives(o.base + "/")
	alice, bob := o.account("alice"), o.account("bob")
	o.idp.change(func(f *facts) {
		f.People["alice:secret"]["email"] = "alice@married.example.com"
		f.People["bob:secret"]["email"] = "bob@moved.example.com"
	})
	o.enters(newBrowser(t), "alice")
	o.enters(newBrowser(t), "bob")
	if now := o.account("alice"); now.ID != alice.ID || now.Email != alice.Email {
		t.Errorf("alice, whose address SCIM keeps, is %s %s, was %s %s", now.ID, now.Email, alice.ID, alice.Email)
	}
	if now := o.account("bob"); now.ID != bob.ID || now.Email != "bob@moved.example.com" {
		t.Errorf("bob, of whom SCIM said nothing, is %s %s, was %s %s", now.ID, now.Email, bob.ID, bob.Email)
	}
}

// TestSimpleSAMLphp_https has a proxy in front that speaks TLS, as every real server has: only there do cookies have the
// prefix __Host-, and only there does one come back with the identity provider's POST.
func TestSimpleSAMLphp_https(t *testing.T) {
	t.Parallel()
	var inner *url.URL
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(inner) }})
	t.Cleanup(proxy.Close)
	o := &office{Server: harness.Prepare(t, "sqlite"), t: t, idp: startSimpleSAMLphp(t), base: proxy.URL}
	o.Serve(t, "--outbound-allow", "127.0.0.0/8", "--base-url", proxy.URL)
	inner, _ = url.Parse(o.URL)
	o.connect()
	o.introduce()
	o.hire()
	b := newBrowser(t)
	o.enters(b, "alice")
	session := b.cookies(o.base)["__Host-rollcall"]
	if session == nil || !session.Secure || !session.HTTPOnly || session.SameSite != network.CookieSameSiteLax {
		t.Errorf("the cookie of the session is %+v, want __Host-rollcall, Secure, HttpOnly, SameSite=Lax", session)
	}
	o.logs("path=/saml/okta/acs", 1)
	b.press("Sign out")
	b.arrives(o.base + "/login")
	o.out(b)
}

// TestSimpleSAMLphp_test_login tries the connection as an administrator: it shows what it proved and makes nothing.
func TestSimpleSAMLphp_test_login(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "first_login=create")
	o.person("boss", "--system-admin")
	b := newBrowser(t)
	o.login(b, "boss", password)
	b.arrives(o.base + "/")
	b.open(o.base + "/saml/okta/test")
	o.idp.signIn(b, "bob", "secret")
	b.sees("u-0002")
	b.sees("bob@example.com")
	b.shot("what a login of bob would do")
	if r := o.Try("user", "show", "bob"); r.Code == 0 {
		t.Error("the test login made an account")
	}
	b.open(o.base + "/me")
	b.sees(`"boss"`)
}
