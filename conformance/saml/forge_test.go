package saml

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Names of SAML 2.0.
const (
	protocolNS  = "urn:oasis:names:tc:SAML:2.0:protocol"
	assertionNS = "urn:oasis:names:tc:SAML:2.0:assertion"
	persistent  = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	transient   = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
	emailFormat = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
	unspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
	bearer      = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
	success     = "urn:oasis:names:tc:SAML:2.0:status:Success"
	password    = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
)

// provider is an identity provider: its name for itself and what it signs with.
type provider struct {
	entity string
	pair   pair
}

// surgery changes the text of a message. It fails the test when there is nothing to change, so that no attack passes because
// it never happened.
type surgery func(t *testing.T, xml string) string

// message is a Response in the making, good unless somebody changes it.
type message struct {
	idp      provider
	request  string // the id of the AuthnRequest; "" for none
	relay    string // RelayState as the server gave it
	acs      string
	audience string
	now      time.Time
	response string // IDs
	id       string

	subject    string // the attribute "id"
	nameID     string // the element saml:NameID; "" for a persistent one of the subject
	attributes string // more saml:Attribute elements

	signs     signing // how both are signed
	assertion bool    // whether the assertion is signed, and the response
	whole     bool
	encrypted *encryption

	before   surgery // on the Response that nothing is signed of yet
	inside   surgery // on the assertion, signed, before it is encrypted and the response is signed
	between  surgery // on the Response whose assertion is signed, before it is signed itself
	after    surgery // on the finished message
	finished string  // what the last call of xml made

	connection string           // whose ACS it is posted to
	form       func(url.Values) // changes the form
}

// xml makes the Response.
func (m *message) xml(t *testing.T) string {
	t.Helper()
	text := m.before.on(t, m.unsigned())
	assertion := assertionOf(text)
	made := assertion
	if m.assertion {
		made = sign(t, made, m.signs)
	}
	made = m.inside.on(t, made)
	if m.encrypted != nil {
		made = m.encrypted.element(t, made)
	}
	text = m.between.on(t, strings.Replace(text, assertion, made, 1))
	if m.whole {
		text = sign(t, text, m.signs)
	}
	m.finished = m.after.on(t, text)
	return m.finished
}

func (s surgery) on(t *testing.T, text string) string {
	t.Helper()
	if s == nil {
		return text
	}
	return s(t, text)
}

const response = `<samlp:Response xmlns:samlp="` + protocolNS + `" xmlns:saml="` + assertionNS + `" ID="%s" Version="2.0" IssueInstant="%s" Destination="%s"%s>` +
	`<saml:Issuer>%s</saml:Issuer><samlp:Status><samlp:StatusCode Value="` + success + `"/></samlp:Status>%s</samlp:Response>`

func (m *message) unsigned() string {
	return fmt.Sprintf(response, m.response, stamp(m.now), m.acs, m.inResponseTo(), m.idp.entity, m.statement())
}

func (m *message) inResponseTo() string {
	if m.request == "" {
		return ""
	}
	return fmt.Sprintf(" InResponseTo=%q", m.request)
}

// statement is the assertion alone.
func (m *message) statement() string {
	nameID := m.nameID
	if nameID == "" {
		nameID = fmt.Sprintf(`<saml:NameID Format="%s">%s</saml:NameID>`, persistent, m.subject)
	}
	minutes := func(n int) string { return stamp(m.now.Add(time.Duration(n) * time.Minute)) }
	return fmt.Sprintf(`<saml:Assertion xmlns:saml="%s" ID="%s" Version="2.0" IssueInstant="%s"><saml:Issuer>%s</saml:Issuer>`,
		assertionNS, m.id, minutes(0), m.idp.entity) +
		fmt.Sprintf(`<saml:Subject>%s<saml:SubjectConfirmation Method="%s"><saml:SubjectConfirmationData%s Recipient="%s" NotOnOrAfter="%s"/>`+
			`</saml:SubjectConfirmation></saml:Subject>`, nameID, bearer, m.inResponseTo(), m.acs, minutes(5)) +
		fmt.Sprintf(`<saml:Conditions NotBefore="%s" NotOnOrAfter="%s"><saml:AudienceRestriction><saml:Audience>%s</saml:Audience>`+
			`</saml:AudienceRestriction></saml:Conditions>`, minutes(-1), minutes(5), m.audience) +
		fmt.Sprintf(`<saml:AuthnStatement AuthnInstant="%s" SessionIndex="s%s"><saml:AuthnContext><saml:AuthnContextClassRef>%s`+
			`</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>`, minutes(0), m.id, password) +
		`<saml:AttributeStatement>` + attribute("id", m.subject) + m.attributes + `</saml:AttributeStatement></saml:Assertion>`
}

func attribute(name string, values ...string) string {
	text := ""
	for _, value := range values {
		text += "<saml:AttributeValue>" + value + "</saml:AttributeValue>"
	}
	return fmt.Sprintf(`<saml:Attribute Name="%s">%s</saml:Attribute>`, name, text)
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

func newID() string { return "_" + rand.Text() }

func encode(xml string) string { return base64.StdEncoding.EncodeToString([]byte(xml)) }

var (
	assertionPattern = regexp.MustCompile(`(?s)<saml:Assertion .*</saml:Assertion>`)
	signaturePattern = regexp.MustCompile(`(?s)<ds:Signature .*?</ds:Signature>`)
	idPattern        = regexp.MustCompile(`\bID="([^"]*)"`)
)

func assertionOf(text string) string { return assertionPattern.FindString(text) }

// idOf is the first ID in a text.
func idOf(text string) string {
	if m := idPattern.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// swap replaces the first old text.
func swap(old, text string) surgery {
	return func(t *testing.T, xml string) string {
		t.Helper()
		if old == text || !strings.Contains(xml, old) {
			t.Fatalf("there is no %q to make %q of in\n%s", old, text, xml)
		}
		return strings.Replace(xml, old, text, 1)
	}
}

// reform replaces the first match of a pattern; $1 is the first group.
func reform(pattern, text string) surgery {
	expression := regexp.MustCompile(`(?s)` + pattern)
	return func(t *testing.T, xml string) string {
		t.Helper()
		at := expression.FindStringSubmatchIndex(xml)
		if at == nil {
			t.Fatalf("nothing matches %s in\n%s", pattern, xml)
		}
		return xml[:at[0]] + string(expression.ExpandString(nil, text, xml, at)) + xml[at[1]:]
	}
}

// cut takes the first match of a pattern away.
func cut(pattern string) surgery { return reform(pattern, "") }

// each does one thing after the other.
func each(all ...surgery) surgery {
	return func(t *testing.T, xml string) string {
		t.Helper()
		for _, s := range all {
			xml = s.on(t, xml)
		}
		return xml
	}
}

// evil is a copy of the assertion in xml that says somebody else, under an ID of its own and without a signature.
func evil(xml string) string {
	text := signaturePattern.ReplaceAllString(assertionOf(xml), "")
	text = strings.Replace(text, idOf(text), newID(), 1)
	return strings.ReplaceAll(text, subjectOf(pat), subjectOf(vic))
}
