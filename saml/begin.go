package saml

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"strings"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/saml/assertion"
	"github.com/rollcall-id/rollcall/web"
	"github.com/rollcall-id/rollcall/web/page"
)

// begin sends the browser to the identity provider with a signed request.
//
// SAML profiles, section 4.1.4.1.
func (d *Door) begin(x *exchange) error { return d.ask(x, web.LocalPath(x.URL.Query().Get("return"))) }

// beginTest does so for an administrator who looks at what would happen.
func (d *Door) beginTest(x *exchange) error {
	person, err := d.Login.Person(x.Request, d.cookies)
	if directory.Is(err, directory.Unauthenticated) {
		return redirect(x, "/login?return="+x.URL.Path)
	}
	if err != nil {
		return err
	}
	if !person.Account.Admin {
		return &web.Error{Status: http.StatusForbidden, Msg: "only a system administrator can test a login"}
	}
	x.test = true
	return d.ask(x, "/")
}

// ask stores a login that begins and asks the identity provider who the person is.
func (d *Door) ask(x *exchange, returnTo string) error {
	if limited := d.begun.Take(web.AddressKey(web.RecordOf(x.Context()).Client)); limited != nil {
		return limited
	}
	keys, err := d.ourKeys(x.Context(), x.actor().Request)
	if err != nil {
		return err
	}
	browser := d.cookies.Get(x.Request, login.LoginCookie)
	if !provision.IsSecret(browser) {
		browser = provision.NewSecret("")
	}
	relay := provision.NewSecret("")
	request := directory.LoginRequest{
		ID: messageID(), Connection: x.conn.Row, Browser: provision.HashToken(browser), Relay: provision.HashToken(relay), ReturnTo: returnTo, Test: x.test,
	}
	if person, err := d.Login.Person(x.Request, d.cookies); err == nil {
		request.Session = person.Session.ID // the answer comes from elsewhere, without the cookie of a session
	}
	if err := d.Provision.BeginLogin(x.Context(), request); err != nil {
		if e := because(err); e != nil {
			return d.refuse(x, e)
		}
		return err
	}
	d.cookies.Set(x.w, login.LoginCookie, browser)
	message, err := xml.Marshal(d.authnRequest(x, request.ID))
	if err != nil {
		return err
	}
	if x.idp.SignInPost {
		signed, err := assertion.SignEnveloped(message, keys.private[0], keys.certificates[0])
		if err != nil {
			return err
		}
		page.Post(x.w, x.idp.SignInURL, [2]string{"SAMLRequest", base64.StdEncoding.EncodeToString(signed)}, [2]string{"RelayState", relay})
		return nil
	}
	query, err := assertion.SignQuery("SAMLRequest", message, relay, keys.private[0])
	if err != nil {
		return err
	}
	return redirect(x, join(x.idp.SignInURL, query))
}

// redirect sends the browser elsewhere.
func redirect(x *exchange, to string) error {
	x.w.Header().Set("Cache-Control", "no-store")
	x.w.Header().Set("Location", to) // as it is: http.Redirect would write it anew
	x.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// messageID makes the id of a message. The underscore is because an XML name begins with no digit.
func messageID() string { return "_" + provision.NewSecret("") }

// join puts a query behind a URL, which may have one already.
func join(to, query string) string {
	if strings.Contains(to, "?") {
		return to + "&" + query
	}
	return to + "?" + query
}

// The element names carry their prefixes, because encoding/xml would declare the namespace anew at each element.
type (
	authnRequest struct {
		XMLName     xml.Name          `xml:"samlp:AuthnRequest"`
		Protocol    string            `xml:"xmlns:samlp,attr"`
		Assertion   string            `xml:"xmlns:saml,attr"`
		ID          string            `xml:"ID,attr"`
		Version     string            `xml:"Version,attr"`
		Issued      string            `xml:"IssueInstant,attr"`
		Destination string            `xml:"Destination,attr"`
		ACS         string            `xml:"AssertionConsumerServiceURL,attr"`
		Binding     string            `xml:"ProtocolBinding,attr"`
		Force       bool              `xml:"ForceAuthn,attr,omitempty"`
		Issuer      string            `xml:"saml:Issuer"`
		NameID      nameIDPolicy      `xml:"samlp:NameIDPolicy"`
		Contexts    *requestedContext `xml:"samlp:RequestedAuthnContext"`
	}
	nameIDPolicy struct {
		Format string `xml:"Format,attr,omitempty"`
		Create bool   `xml:"AllowCreate,attr"`
	}
	requestedContext struct {
		Comparison string   `xml:"Comparison,attr"`
		Classes    []string `xml:"saml:AuthnContextClassRef"`
	}
)

const (
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	bindingPOST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
	// instant is how messages write a time.
	instant = "2006-01-02T15:04:05.000Z"
)

// authnRequest makes the request. A format of the NameID is asked for only where the subject depends on it: an identity provider that
// does not have it would refuse the login.
func (d *Door) authnRequest(x *exchange, id string) *authnRequest {
	r := &authnRequest{
		Protocol: nsProtocol, Assertion: nsAssertion, ID: id, Version: "2.0", Issued: d.stamp(), Destination: x.idp.SignInURL,
		ACS: x.ours.ACS, Binding: bindingPOST, Force: x.conn.Is(directory.SAMLForceAuthn), Issuer: x.ours.EntityID, NameID: nameIDPolicy{Create: true},
	}
	if x.conn.Setting(directory.SAMLSubject) == directory.NameID && !x.conn.Is(directory.SAMLSubjectImmutable) {
		r.NameID.Format = assertion.FormatPersistent
	}
	if contexts := x.conn.AuthnContexts(); len(contexts) > 0 {
		r.Contexts = &requestedContext{"exact", contexts}
	}
	return r
}

func (d *Door) stamp() string { return d.DB.Now().UTC().Truncate(time.Millisecond).Format(instant) }
