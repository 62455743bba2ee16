package assertion

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Document is a SAMLResponse that was read. Nothing in it is proven.
type Document struct{ tree *tree }

// Parse reads a decoded SAMLResponse and judges nothing but its form: the limits, and whatever no SAML message needs and parsers
// disagree about, are looked at in the one pass over its bytes that reads it. Errors are refusals too_large, xml and message.
func Parse(response []byte) (*Document, error) {
	tree, refusal := readMessage(response, "Response")
	if refusal != nil {
		return nil, refusal
	}
	return &Document{tree}, nil
}

// readMessage reads a message of the protocol.
func readMessage(message []byte, local string) (*tree, *Refusal) {
	if len(message) > MaxBytes {
		return nil, refuse(CodeTooLarge, "the message is larger than "+strconv.Itoa(MaxBytes)+" bytes")
	}
	tree, err := readTree(message, nil)
	if err != nil {
		return nil, refuse(CodeXML, "the message is not XML as SAML needs it: "+err.Error())
	}
	if !tree.root.is(nsProtocol, local) {
		return nil, refuse(CodeMessage, "the message is "+quote(tree.root.local)+", not a "+local+" of SAML 2.0")
	}
	return tree, nil
}

// InResponseTo returns the id of the request that the Response says it answers, empty if it names none. It is unproven: it only tells
// which request to look for.
func (d *Document) InResponseTo() string {
	id, _ := d.tree.root.attr("InResponseTo")
	return id
}

// DecodeForm decodes a SAMLResponse or SAMLRequest field of a form, which may be broken into lines, to at most most bytes. The length is
// looked at before anything is decoded. Errors are refusals too_large and encoding.
//
// SAML bindings, section 3.5.4.
func DecodeForm(value string, most int) ([]byte, error) {
	// Lines have 64 or 76 characters and two more for their end.
	if len(value) > (most+2)/3*4*66/64+2 {
		return nil, refuse(CodeTooLarge, "the field is larger than "+strconv.Itoa(most)+" bytes of content")
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(value)
	switch {
	case err != nil || len(decoded) == 0:
		return nil, refuse(CodeEncoding, "the field is not base64")
	case len(decoded) > most:
		return nil, refuse(CodeTooLarge, "the field is larger than "+strconv.Itoa(most)+" bytes of content")
	}
	return decoded, nil
}

// Verifier is what one connection expects of a Response. It may be used by many goroutines at once.
type Verifier struct {
	Issuer       string              // entityID of the identity provider
	Certificates []*x509.Certificate // each is tried. Only their RSA keys count: dates are the caller's business, and a KeyInfo in the message is ignored
	Audience     string              // our entityID
	Recipient    string              // the URL of our assertion consumer service
	Keys         []*rsa.PrivateKey   // ours, each is tried for what is encrypted
	Encrypted    bool                // refuse what is not encrypted
	Contexts     []string            // AuthnContextClassRef must be one of these; empty: any
	MaxAge       time.Duration       // of AuthnInstant; zero: any
}

// Facts are what a verified assertion says. Each of them is covered by a signature that verified, but for ResponseID where only the
// assertion was signed.
type Facts struct {
	ID           string // of the assertion. One use: the caller remembers it until Expires
	ResponseID   string
	NameID       NameID // zero if the subject has none
	SessionIndex string
	SessionEnds  time.Time // SessionNotOnOrAfter, zero if there is none
	Expires      time.Time // from then on Verify refuses this assertion, whatever request it is said to answer
	AuthnInstant time.Time
	IssueInstant time.Time
	Context      string // AuthnContextClassRef, empty if there is none
	Attributes   []Attribute
	Certificate  *x509.Certificate // that verified the signature; that of the assertion if the Response is signed too
	Encrypted    bool
	Checks       []Check // all OK
}

// NameID names the subject. SAML core, section 2.2.3.
type NameID struct{ Value, Format, NameQualifier, SPNameQualifier string }

// Attribute is one Attribute element. A value that has elements in it is empty. SAML core, section 2.7.3.1.
type Attribute struct {
	Name, FriendlyName, Format string
	Values                     []string
}

// verification is one call of Verify.
type verification struct {
	*Verifier
	tree         *tree
	response     *node
	assertion    *node
	inResponseTo string
	now          time.Time
	signer       *x509.Certificate // of the Response, nil if it is not signed
	facts        Facts
}

// step is one check. It returns what was found.
type step struct {
	name string
	do   func(*verification) (string, *Refusal)
}

// steps are all checks. What stands behind the signatures reads nothing but what they cover, except where it says so.
var steps = []step{
	{"Form of the Response", (*verification).checkForm},
	{"Status", (*verification).checkStatus},
	{"Issuer of the Response", (*verification).checkResponseIssuer},
	{"Destination", (*verification).checkDestination},
	{"Request", (*verification).checkRequest},
	{"Exactly one assertion", (*verification).checkAssertions},
	{"Signature of the Response", (*verification).checkResponseSignature},
	{"Encryption", (*verification).checkEncryption},
	{"Signature of the assertion", (*verification).checkAssertionSignature},
	{"Form of the assertion", (*verification).checkAssertion},
	{"Issuer of the assertion", (*verification).checkIssuer},
	{"Times", (*verification).checkTimes},
	{"Subject", (*verification).checkSubject},
	{"Bearer confirmation", (*verification).checkConfirmation},
	{"Audience", (*verification).checkConditions},
	{"Authentication", (*verification).checkAuthn},
	{"Attributes", (*verification).checkAttributes},
}

// Verify proves what the document's assertion says, at the time now. InResponseTo is the id of our request that the caller found, and
// that must be named everywhere; empty means that nothing was asked, and that no request may be named anywhere. Errors are refusals.
// That the assertion is used only once is left to the caller.
//
// SAML profiles, section 4.1.4.
func (v *Verifier) Verify(d *Document, inResponseTo string, now time.Time) (*Facts, error) {
	run := &verification{Verifier: v, tree: d.tree, response: d.tree.root, inResponseTo: inResponseTo, now: now}
	checks := make([]Check, 0, len(steps))
	for _, s := range steps {
		found, refusal := s.do(run)
		if refusal != nil {
			refusal.Checks = append(checks, Check{Name: s.name, Detail: refusal.Detail})
			return nil, refusal
		}
		checks = append(checks, Check{Name: s.name, OK: true, Detail: found})
	}
	run.facts.Checks = checks
	return &run.facts, nil
}

// checkForm looks at what may stand in a Response. SAML core, sections 3.2.2. and 3.3.3.
func (v *verification) checkForm() (string, *Refusal) {
	seen := map[string]bool{}
	for _, n := range v.response.elements() {
		switch {
		case n.is(nsAssertion, "Assertion"), n.is(nsAssertion, "EncryptedAssertion"): // counted by checkAssertions
		case !n.is(nsAssertion, "Issuer") && !n.is(nsSignature, "Signature") && !n.is(nsProtocol, "Extensions") && !n.is(nsProtocol, "Status"):
			return "", refuse(CodeMessage, "in the Response stands "+quote(n.local)+", which has no place there")
		case seen[n.local]:
			return "", refuse(CodeMessage, "in the Response "+n.local+" stands twice")
		default:
			seen[n.local] = true
		}
	}
	if !v.response.blank() {
		return "", refuse(CodeMessage, "in the Response stands text")
	}
	id, refusal := header(v.response)
	if refusal != nil {
		return "", refusal
	}
	v.facts.ResponseID = id
	_, refusal = v.issued(v.response)
	return "SAML 2.0", refusal
}

// header reads what every message and assertion begins with.
func header(n *node) (id string, refusal *Refusal) {
	if version, _ := n.attr("Version"); version != "2.0" {
		return "", refuse(CodeMessage, n.local+" has version "+quote(version)+", not 2.0")
	}
	id, _ = n.attr("ID")
	if !isName(id, ".-_") || len(id) > 256 {
		return "", refuse(CodeMessage, n.local+" has no ID, or one that is no name of at most 256 ASCII characters")
	}
	return id, nil
}

// checkStatus refuses what the identity provider itself calls a failure. SAML core, section 3.2.2.1.
func (v *verification) checkStatus() (string, *Refusal) {
	status := v.response.only(nsProtocol, "Status")
	if status == nil {
		return "", refuse(CodeMessage, "the Response has no Status")
	}
	var codes []string // the first counts, and those inside it say more
	for n := status.only(nsProtocol, "StatusCode"); n != nil; n = n.only(nsProtocol, "StatusCode") {
		value, _ := n.attr("Value")
		codes = append(codes, value)
	}
	if len(codes) > 0 && codes[0] == StatusSuccess {
		return "Success", nil
	}
	detail := "the identity provider reports " + quote(strings.Join(codes, " / "))
	if n := status.only(nsProtocol, "StatusMessage"); n != nil {
		if message, _ := n.content(); message != "" {
			detail += ": " + quote(message)
		}
	}
	return "", refuse(CodeStatus, detail)
}

// StatusSuccess is the status of a message that reports no failure. SAML core, section 3.2.2.2.
const StatusSuccess = "urn:oasis:names:tc:SAML:2.0:status:Success"

// checkResponseIssuer asks for an Issuer also where the profile lets it be absent: every identity provider sends it, and a Response
// that says nothing of its sender is not worth a special case.
func (v *verification) checkResponseIssuer() (string, *Refusal) { return v.issuerOf(v.response) }

func (v *verification) issuerOf(n *node) (string, *Refusal) {
	got, refusal := issuer(n)
	if refusal == nil && (got != v.Issuer || got == "") {
		refusal = refuse(CodeIssuer, "the issuer of "+n.local+" is "+quote(got)+", expected "+quote(v.Issuer))
	}
	return got, refusal
}

// issuer returns the text of Issuer. SAML core, section 2.2.5.; SAML profiles, section 4.1.4.2.
func issuer(n *node) (string, *Refusal) {
	child := n.only(nsAssertion, "Issuer")
	if child == nil {
		return "", refuse(CodeIssuer, n.local+" has not exactly one Issuer")
	}
	if format, ok := child.attr("Format"); ok && format != "urn:oasis:names:tc:SAML:2.0:nameid-format:entity" {
		return "", refuse(CodeIssuer, "the Issuer of "+n.local+" has the format "+quote(format)+", not that of an entity")
	}
	text, ok := child.content()
	if !ok {
		return "", refuse(CodeIssuer, "the Issuer of "+n.local+" is no text")
	}
	return text, nil
}

// checkDestination: a signed Response must say where it was sent. SAML bindings, section 3.5.5.2.
func (v *verification) checkDestination() (string, *Refusal) {
	got, ok := v.response.attr("Destination")
	switch {
	case !ok && v.response.only(nsSignature, "Signature") == nil:
		return "none", nil
	case got != v.Recipient || got == "":
		return "", refuse(CodeDestination, "the Response was sent to "+quote(got)+", expected "+quote(v.Recipient))
	}
	return got, nil
}

func (v *verification) checkRequest() (string, *Refusal) {
	if refusal := v.answers(v.response); refusal != nil {
		return "", refusal
	}
	if v.inResponseTo == "" {
		return "unsolicited", nil
	}
	return v.inResponseTo, nil
}

// answers compares the request that n names with the one that is expected.
func (v *verification) answers(n *node) *Refusal {
	got, ok := n.attr("InResponseTo")
	switch {
	case v.inResponseTo == "" && ok:
		return refuse(CodeInResponseTo, n.local+" answers a request, and none was made")
	case v.inResponseTo != "" && !ok:
		return refuse(CodeInResponseTo, n.local+" does not say which request it answers")
	case got != v.inResponseTo:
		return refuse(CodeInResponseTo, n.local+" answers another request")
	}
	return nil
}

// checkAssertions counts wherever an assertion can hide: in Extensions, Advice, an Object or the value of an attribute too. The same
// goes for signatures, which stand only directly in what they sign.
func (v *verification) checkAssertions() (string, *Refusal) {
	if all := v.tree.assertions; len(all) != 1 || all[0].parent != v.response {
		return "", refuse(CodeAssertions, "the Response holds "+strconv.Itoa(len(all))+" assertions, expected exactly one, directly in it")
	}
	v.assertion = v.tree.assertions[0]
	for _, n := range v.tree.signatures {
		if n.parent != v.response && (n.parent != v.assertion || v.assertion.local != "Assertion") {
			return "", refuse(CodeSignature, "a Signature stands in "+quote(n.parent.local)+", where it signs nothing")
		}
	}
	return v.assertion.local, nil
}

func (v *verification) checkResponseSignature() (string, *Refusal) {
	element := v.response.only(nsSignature, "Signature")
	if element == nil {
		return "not signed", nil
	}
	cert, refusal := verifySignature(v.response, element, v.Certificates)
	if refusal != nil {
		return "", refusal
	}
	v.signer, v.facts.Certificate = cert, cert
	return "signed with " + certName(cert), nil
}

func certName(cert *x509.Certificate) string {
	return "certificate " + quote(cert.Subject.String()) + ", valid until " + cert.NotAfter.UTC().Format(time.DateOnly)
}

func (v *verification) checkEncryption() (string, *Refusal) {
	if v.assertion.local == "Assertion" {
		if v.Encrypted {
			return "", refuse(CodeNotEncrypted, "the assertion is not encrypted, and the connection has saml_encrypted=true")
		}
		return "not encrypted", nil
	}
	inside, ok := decrypt(v.assertion, v.Keys, v.signer != nil)
	if !ok {
		return "", refuseEncrypted()
	}
	// IDs inside may be those of the Response: pysaml2 numbers its signatures from 1 in both. Nothing is ever looked up by an ID.
	for _, n := range inside.signatures {
		if n.parent != inside.root {
			return "", refuse(CodeSignature, "a Signature stands in "+quote(n.parent.local)+", where it signs nothing")
		}
	}
	v.assertion, v.facts.Encrypted = inside.root, true
	return "encrypted", nil
}

// checkAssertionSignature verifies the assertion's own signature. Without one, that of the Response must cover it.
func (v *verification) checkAssertionSignature() (string, *Refusal) {
	all := v.assertion.children(nsSignature, "Signature")
	switch {
	case len(all) == 0 && v.signer == nil:
		return "", refuse(CodeUnsigned, "neither the Response nor the assertion is signed")
	case len(all) == 0:
		return "not signed itself", nil
	case len(all) > 1:
		return "", refuse(CodeSignature, "the assertion has more than one Signature")
	}
	cert, refusal := verifySignature(v.assertion, all[0], v.Certificates)
	if refusal != nil {
		return "", refusal
	}
	v.facts.Certificate = cert
	return "signed with " + certName(cert), nil
}
