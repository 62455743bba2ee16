package main

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"strings"
	"time"
)

const (
	baseURL = "https://chat.example.com" // of the program, while people sign in
	entity  = baseURL + "/saml/bench/metadata"
	acs     = baseURL + "/saml/bench/acs"
	issuer  = "https://idp.example.com/exk1"
)

// idp is the identity provider of the load. It writes each assertion in its canonical form, so that a response costs it little more
// than the signature: the program has to look at every byte all the same.
type idp struct {
	key  *rsa.PrivateKey
	cert string // as XML has it
}

func newIdP() (*idp, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return &idp{key, base64.StdEncoding.EncodeToString(der)}, err
}

// metadata is what `rollcall saml import` reads.
func (i *idp) metadata() string {
	return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + issuer + `">` +
		`<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing">` + i.keyInfo() +
		`</KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="` + issuer +
		`/sso/saml"/></IDPSSODescriptor></EntityDescriptor>`
}

func (i *idp) keyInfo() string {
	return `<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>` + i.cert +
		`</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`
}

// question is what the program asks, by the browser, in the query of a URL.
type question struct{ id, relay string }

// readQuestion reads the Location that the program sends a browser to.
func readQuestion(location string) (q question, err error) {
	_, query, _ := strings.Cut(location, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return q, err
	}
	packed, err := base64.StdEncoding.DecodeString(values.Get("SAMLRequest"))
	if err != nil {
		return q, err
	}
	message, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return q, err
	}
	_, rest, _ := strings.Cut(string(message), ` ID="`)
	id, _, ok := strings.Cut(rest, `"`)
	if !ok {
		return q, fmt.Errorf("a request without an ID: %s", message)
	}
	return question{id, values.Get("RelayState")}, nil
}

// groups are how many the person is in: they make the response as large as one of Entra's.
const groups = 20

var statement = strings.NewReplacer("\t", "", "\n", "").Replace(`
	<saml2:Subject>
		<saml2:NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">{name}@example.com</saml2:NameID>
		<saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
			<saml2:SubjectConfirmationData InResponseTo="{request}" NotOnOrAfter="{until}" Recipient="`+acs+`"></saml2:SubjectConfirmationData>
		</saml2:SubjectConfirmation>
	</saml2:Subject>
	<saml2:Conditions NotBefore="{now}" NotOnOrAfter="{until}">
		<saml2:AudienceRestriction><saml2:Audience>`+entity+`</saml2:Audience></saml2:AudienceRestriction>
	</saml2:Conditions>
	<saml2:AuthnStatement AuthnInstant="{now}" SessionIndex="{id}"><saml2:AuthnContext>
		<saml2:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml2:AuthnContextClassRef>
	</saml2:AuthnContext></saml2:AuthnStatement>
	<saml2:AttributeStatement>`) +
	attribute("id", "00{name}") + attribute("email", "{name}@example.com") + attribute("firstName", "Given-{name}") + attribute("lastName", "Family-{name}") +
	attribute("groups", strings.Split(strings.Repeat("b7f0a1c2-9d3e-4f5a-8b6c-7d8e9f0a1b2c ", groups-1)+"last", " ")...) +
	`</saml2:AttributeStatement></saml2:Assertion>`

func attribute(name string, values ...string) string {
	var b strings.Builder
	b.WriteString(`<saml2:Attribute Name="` + name + `" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified">`)
	for _, v := range values {
		b.WriteString(`<saml2:AttributeValue xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ` +
			`xsi:type="xs:string">` + v + `</saml2:AttributeValue>`)
	}
	b.WriteString(`</saml2:Attribute>`)
	return b.String()
}

const exclusive = `Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"`

// response says, as the answer to q, that the browser is the n-th user's.
func (i *idp) response(q question, n int) (string, error) {
	now := time.Now().UTC()
	id := "_" + rand.Text()
	fill := strings.NewReplacer("{name}", name(n), "{request}", q.id, "{id}", id,
		"{now}", now.Format("2006-01-02T15:04:05.000Z"), "{until}", now.Add(5*time.Minute).Format("2006-01-02T15:04:05.000Z"))
	head := fill.Replace(`<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id}" IssueInstant="{now}" Version="2.0">` +
		`<saml2:Issuer>` + issuer + `</saml2:Issuer>`)
	rest := fill.Replace(statement)
	digest := sha256.Sum256([]byte(head + rest))
	signature, err := i.sign(id, digest[:])
	if err != nil {
		return "", err
	}
	return fill.Replace(`<saml2p:Response xmlns:saml2p="urn:oasis:names:tc:SAML:2.0:protocol" Destination="`+acs+
		`" ID="r{id}" InResponseTo="{request}" IssueInstant="{now}" Version="2.0"><saml2:Issuer xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion">`+
		issuer+`</saml2:Issuer><saml2p:Status><saml2p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></saml2p:Status>`) +
		head + signature + rest + `</saml2p:Response>`, nil
}

// sign makes the Signature of what has an id and a digest.
func (i *idp) sign(id string, digest []byte) (string, error) {
	inside := `<ds:CanonicalizationMethod ` + exclusive + `></ds:CanonicalizationMethod>` +
		`<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod>` +
		`<ds:Reference URI="#` + id + `"><ds:Transforms>` +
		`<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform><ds:Transform ` + exclusive + `>` +
		`<ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="xs"></ec:InclusiveNamespaces></ds:Transform></ds:Transforms>` +
		`<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>` +
		`<ds:DigestValue>` + base64.StdEncoding.EncodeToString(digest) + `</ds:DigestValue></ds:Reference></ds:SignedInfo>`
	sum := sha256.Sum256([]byte(`<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">` + inside))
	value, err := rsa.SignPKCS1v15(nil, i.key, crypto.SHA256, sum[:])
	return `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>` + inside + `<ds:SignatureValue>` +
		base64.StdEncoding.EncodeToString(value) + `</ds:SignatureValue>` + i.keyInfo() + `</ds:Signature>`, err
}

var escaper = strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D")

// form is the body of the POST with which a browser brings a response.
func form(response, relay string) string {
	return "SAMLResponse=" + escaper.Replace(base64.StdEncoding.EncodeToString([]byte(response))) + "&RelayState=" + relay
}

// header returns what stands behind begin in the head of an answer, to the end of its line.
func header(head []byte, begin string) (string, error) {
	_, rest, ok := bytes.Cut(head, []byte("\r\n"+begin))
	if !ok {
		return "", fmt.Errorf("an answer without %s: %s", begin, head)
	}
	value, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(value), nil
}
