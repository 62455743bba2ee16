package assertion

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestVerify_facts(t *testing.T) {
	facts, err := verify(verifier(), forge{}.make(t), asks, noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range facts.Checks {
		if !c.OK || c.Name == "" {
			t.Errorf("check %+v", c)
		}
	}
	if len(facts.Checks) != len(steps) {
		t.Errorf("%d checks, want %d", len(facts.Checks), len(steps))
	}
	facts.Checks = nil
	want := &Facts{
		ID: "_a", ResponseID: "_r",
		NameID:       NameID{Value: "u-0001", Format: FormatPersistent},
		SessionIndex: "_s", SessionEnds: noon.Add(8 * time.Hour),
		Expires:      noon.Add(5*time.Minute + Skew),
		AuthnInstant: noon.Add(-time.Minute), IssueInstant: noon,
		Context: "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
		Attributes: []Attribute{
			{Name: "id", FriendlyName: "uid", Format: "urn:oasis:names:tc:SAML:2.0:attrname-format:uri", Values: []string{"00u1"}},
			{Name: "groups", Values: []string{"eng", "ops"}},
		},
		Certificate: issuerPair().cert,
	}
	if !reflect.DeepEqual(facts, want) {
		t.Errorf("got  %+v\nwant %+v", facts, want)
	}
}

// unsolicited takes the request away.
var unsolicited = []string{` InResponseTo="` + asks + `"`, ``, ` InResponseTo="` + asks + `"`, ``}

// TestVerify_accepted holds the unforged twins of what is refused, and forms that real identity providers send.
func TestVerify_accepted(t *testing.T) {
	for name, tt := range map[string]struct {
		forge  forge
		asks   string
		now    time.Time
		change func(*Verifier)
	}{
		"the assertion is signed":                       {},
		"the Response is signed":                        {forge: forge{signs: "_r"}},
		"both are signed":                               {forge: forge{signs: "_a _r"}},
		"SHA-384":                                       {forge: forge{seal: seal{method: algRSASHA384, digest: algSHA384}}},
		"SHA-512":                                       {forge: forge{seal: seal{method: algRSASHA512, digest: algSHA512}}},
		"a PrefixList":                                  {forge: forge{seal: seal{list: `<ec:InclusiveNamespaces xmlns:ec="` + nsExclusive + `" PrefixList="saml xs samlp"></ec:InclusiveNamespaces>`}}},
		"unsolicited, and nothing was asked":            {forge: forge{before: unsolicited}, asks: "none"},
		"the certificate is the second of three":        {change: func(v *Verifier) { v.Certificates = append([]*x509.Certificate{strangePair().cert}, v.Certificates...) }},
		"a foreign certificate in KeyInfo is not read":  {forge: forge{seal: seal{info: keyInfo(strangePair().cert)}}},
		"KeyInfo is not even a certificate":             {forge: forge{seal: seal{info: `<ds:KeyInfo><ds:KeyName>x</ds:KeyName></ds:KeyInfo>`}}},
		"the certificate has expired":                   {change: func(v *Verifier) { v.Certificates[0] = expired(v.Certificates[0]) }},
		"the clock of the provider is 3 minutes ahead":  {now: noon.Add(-3 * time.Minute)},
		"5 minutes and the skew have nearly passed":     {now: noon.Add(5*time.Minute + Skew - time.Second)},
		"two audiences in one restriction":              {forge: forge{before: []string{`<saml:Audience>`, `<saml:Audience>https://other.example</saml:Audience><saml:Audience>`}}},
		"two audiences, ours first":                     {forge: forge{before: []string{`</saml:Audience>`, `</saml:Audience><saml:Audience>https://other.example</saml:Audience>`}}},
		"two restrictions, both with us":                {forge: forge{before: []string{restriction, restriction + restriction}}},
		"a holder of key beside the bearer":             {forge: forge{before: []string{confirmation, strings.Replace(confirmation, "bearer", "holder-of-key", 1) + confirmation}}},
		"an address of the browser":                     {forge: forge{before: []string{`<saml:SubjectConfirmationData `, `<saml:SubjectConfirmationData Address="10.0.0.1" `}}},
		"OneTimeUse and ProxyRestriction":               {forge: forge{before: []string{restriction, restriction + `<saml:OneTimeUse/><saml:ProxyRestriction Count="0"/>`}}},
		"no Destination in an unsigned Response":        {forge: forge{before: []string{` Destination="` + acs + `"`, ``}}},
		"no NotOnOrAfter in Conditions":                 {forge: forge{before: []string{` NotOnOrAfter="2026-03-01T13:00:00Z"`, ``}}},
		"fractions of seconds":                          {forge: forge{before: []string{`ID="_a" Version="2.0" IssueInstant="2026-03-01T12:00:00Z"`, `ID="_a" Version="2.0" IssueInstant="2026-03-01T12:00:00.1234567Z"`}}},
		"no SessionIndex and no end of the session":     {forge: forge{before: []string{` SessionIndex="_s" SessionNotOnOrAfter="2026-03-01T20:00:00Z"`, ``}}},
		"an XML declaration":                            {forge: forge{after: []string{`<samlp:Response`, `<?xml version="1.0" encoding="utf-8" standalone="no" ?>` + "\n" + `<samlp:Response`}}},
		"blank lines between elements":                  {forge: forge{before: []string{`<saml:Subject>`, "\r\n\t <saml:Subject>", `<samlp:Status>`, "\n<samlp:Status>", `</samlp:Response>`, "</samlp:Response>\n\n"}}},
		"CDATA and numbered characters in the NameID":   {forge: forge{before: []string{`u-0001<`, `u-<![CDATA[00]]>&#48;&#x31;<`}}},
		"the same bytes written otherwise":              {forge: forge{after: []string{`u-0001<`, `u-<![CDATA[00]]>&#48;1<`, `ID="_a" Version="2.0"`, "Version='2.0'\n ID = '_a' "}}},
		"one prefix for two namespaces":                 {forge: forge{before: []string{`<samlp:Response xmlns:samlp=`, `<a:Response xmlns:a="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:samlp=`, `</samlp:Response>`, `</a:Response>`, `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"`, `<a:Assertion xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion"`, `</saml:Assertion>`, `</a:Assertion>`}}},
		"a default namespace that changes":              {forge: forge{before: []string{`<saml:AttributeValue>00u1</saml:AttributeValue>`, `<AttributeValue xmlns="urn:oasis:names:tc:SAML:2.0:assertion">00u1</AttributeValue>`, `<saml:AttributeValue>eng`, `<saml:AttributeValue><x xmlns="urn:x"><y xmlns=""/></x></saml:AttributeValue><saml:AttributeValue>eng`}}},
		"AuthnContext is one of those that are wanted":  {change: func(v *Verifier) { v.Contexts = []string{"urn:x", "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"} }},
		"the sign-in was recent enough":                 {change: func(v *Verifier) { v.MaxAge = time.Minute }},
		"Extensions and Advice without assertions":      {forge: forge{before: []string{`<samlp:Status>`, `<samlp:Extensions><x/></samlp:Extensions><samlp:Status>`, `</saml:Conditions>`, `</saml:Conditions><saml:Advice><saml:AssertionIDRef>_b</saml:AssertionIDRef></saml:Advice>`}}},
		"an unsigned status message in several levels":  {forge: forge{before: []string{`Success"/>`, `Success"><samlp:StatusCode Value="urn:x"/></samlp:StatusCode>`}}},
		"no NameID, which an attribute may make up for": {forge: forge{before: []string{`<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">u-0001</saml:NameID>`, ``}}},
	} {
		t.Run(name, func(t *testing.T) {
			v, now, request := verifier(), tt.now, asks
			if tt.change != nil {
				tt.change(v)
			}
			if now.IsZero() {
				now = noon
			}
			if tt.asks != "" {
				request = ""
			}
			message := tt.forge.make(t)
			facts, err := verify(v, message, request, now)
			if err != nil {
				t.Fatalf("%v in %s", err, message)
			}
			if len(facts.Attributes) != 2 || facts.ID != "_a" || facts.NameID.Value != "u-0001" && !strings.Contains(name, "no NameID") {
				t.Errorf("facts %+v", facts)
			}
			secondOpinion(t, v, message)
		})
	}
}

func keyInfo(cert *x509.Certificate) string {
	return fmt.Sprintf(`<ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`, encode(cert.Raw))
}

func expired(cert *x509.Certificate) *x509.Certificate {
	old := *cert
	old.NotAfter = noon.AddDate(-1, 0, 0)
	return &old
}

// evil is an assertion about somebody else.
func evil(t *testing.T) string {
	t.Helper()
	return replace(t, clean(claim), []string{`ID="_a"`, `ID="_evil"`, `u-0001`, `admin`, `00u1`, `00u0`})
}

// signedAssertion returns the assertion as it was signed, and its signature.
func signedAssertion(t *testing.T) (whole, unsigned, signature string) {
	t.Helper()
	message := string(forge{}.make(t))
	from, to := strings.Index(message, "<saml:Assertion"), strings.Index(message, "</saml:Assertion>")+len("</saml:Assertion>")
	whole = message[from:to]
	from, to = strings.Index(whole, "<ds:Signature "), strings.Index(whole, "</ds:Signature>")+len("</ds:Signature>")
	signature = whole[from:to]
	return whole, strings.Replace(whole, signature, "", 1), signature
}

// TestVerify_wrapping moves the signed assertion away and puts another one where it is looked for.
//
// Somorovsky et al., On Breaking SAML: Be Whoever You Want to Be (USENIX Security 2012), and the tool SAML Raider.
func TestVerify_wrapping(t *testing.T) {
	whole, unsigned, signature := signedAssertion(t)
	bad := evil(t)
	issuerEnd := `</saml:Issuer>`
	put := func(assertion, child string) string { // behind its Issuer
		return strings.Replace(assertion, issuerEnd, issuerEnd+child, 1)
	}
	signedResponse := string(forge{signs: "_r"}.make(t))
	from, to := strings.Index(signedResponse, "<ds:Signature "), strings.Index(signedResponse, "</ds:Signature>")+len("</ds:Signature>")
	responseSignature := signedResponse[from:to]
	bareResponse := strings.Replace(signedResponse, responseSignature, "", 1)
	evilResponse := strings.NewReplacer(`ID="_r"`, `ID="_evil_r"`, `u-0001`, `admin`).Replace(bareResponse)
	object := func(inside string) string { return `<ds:Object>` + inside + `</ds:Object></ds:Signature>` }
	within := func(content string) string { // a Response with content in the place of the assertion
		return strings.Replace(string(forge{}.make(t)), whole, content, 1)
	}
	for name, message := range map[string]string{
		"1: the original Response in the signature of an evil one": put(evilResponse, strings.Replace(responseSignature, "</ds:Signature>", object(bareResponse), 1)),
		"2: the original Response before the signature":            put(evilResponse, bareResponse+responseSignature),
		"3: an evil assertion before the original":                 within(bad + whole),
		"3b: an evil assertion behind the original":                within(whole + bad),
		"4: the original in the evil assertion":                    within(strings.Replace(bad, "</saml:Assertion>", whole+"</saml:Assertion>", 1)),
		"5: the evil one has the signature, the original is last":  within(put(bad, signature) + unsigned),
		"6: the original in the signature of the evil one":         within(put(bad, strings.Replace(signature, `<ds:KeyInfo`, unsigned+`<ds:KeyInfo`, 1)+unsigned)),
		"7: the evil one in Extensions":                            within(`<samlp:Extensions>` + bad + `</samlp:Extensions>` + whole),
		"8: the original in an Object":                             within(put(bad, strings.Replace(signature, `</ds:Signature>`, object(unsigned), 1))),
		"the original in Advice":                                   within(put(bad, signature+`<saml:Advice>`+unsigned+`</saml:Advice>`)),
		"the original in an attribute":                             within(strings.Replace(put(bad, signature), `eng`, unsigned, 1)),
		"the evil one has the same ID":                             within(strings.Replace(bad, "_evil", "_a", 1) + whole),
		"the same ID by the name Id":                               within(strings.Replace(put(bad, signature), `ID="_evil"`, `ID="_evil" Id="_a"`, 1)),
		"the signature of the assertion in the Response":           within(signature + bad),
		"the signature alone, copied to an evil assertion":         within(put(bad, signature)),
		"the same, with its ID":                                    within(put(strings.Replace(bad, "_evil", "_a", 1), signature)),
		"an EncryptedAssertion beside it":                          within(whole + `<saml:EncryptedAssertion/>`),
		"an assertion of another prefix":                           within(whole + strings.ReplaceAll(bad, "saml:", "evil:")),
		"in a wrapper":                                             within(`<samlp:Extensions>` + whole + `</samlp:Extensions>`),
		"an assertion of no namespace":                             within(`<Assertion ID="_b"/>` + whole),
		"a Signature of the assertion in its Subject":              within(strings.Replace(whole, "<saml:NameID", signature+"<saml:NameID", 1)),
		"two signatures":                                           within(put(whole, signature)),
	} {
		t.Run(name, func(t *testing.T) {
			facts, err := verify(verifier(), []byte(message), asks, noon)
			if got := code(t, err); got == "" {
				t.Errorf("accepted: %+v", facts)
			} else if got == CodeXML && !strings.Contains(err.Error(), "an ID stands twice") && !strings.Contains(err.Error(), "a prefix is not declared") {
				t.Errorf("it is refused because the test is wrong: %v", err)
			}
		})
	}
}

// TestVerify_signatures forges signatures themselves.
func TestVerify_signatures(t *testing.T) {
	for name, tt := range map[string]struct {
		forge forge
		want  string
	}{
		"nothing is signed":                         {forge{signs: "none"}, CodeUnsigned},
		"by a stranger":                             {forge{seal: seal{key: strangePair().key}}, CodeSignature},
		"by a stranger, with his certificate":       {forge{seal: seal{key: strangePair().key, info: keyInfo(strangePair().cert)}}, CodeSignature},
		"by a stranger, with the right certificate": {forge{seal: seal{key: strangePair().key, info: keyInfo(issuerPair().cert)}}, CodeSignature},
		"by us":                                   {forge{seal: seal{key: ourPair().key}}, CodeSignature},
		"RSA with SHA-1":                          {forge{seal: seal{method: "http://www.w3.org/2000/09/xmldsig#rsa-sha1"}}, CodeSignatureAlgorithm},
		"a digest of SHA-1":                       {forge{seal: seal{digest: algSHA1}}, CodeSignatureAlgorithm},
		"HMAC":                                    {forge{seal: seal{method: "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"}}, CodeSignatureAlgorithm},
		"ECDSA":                                   {forge{seal: seal{method: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"}}, CodeSignatureAlgorithm},
		"an algorithm in capitals":                {forge{seal: seal{method: strings.ToUpper(algRSASHA256)}}, CodeSignatureAlgorithm},
		"inclusive canonical form":                {forge{seal: seal{form: "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"}}, CodeSignatureAlgorithm},
		"canonical form with comments":            {forge{seal: seal{form: nsExclusive + "WithComments"}}, CodeSignatureAlgorithm},
		"no transforms":                           {forge{seal: seal{transforms: " "}}, CodeSignature},
		"the enveloped transform alone":           {forge{seal: seal{transforms: `<ds:Transform Algorithm="` + algEnveloped + `"/>`}}, CodeSignature},
		"the transforms in the other order":       {forge{seal: seal{transforms: `<ds:Transform Algorithm="` + nsExclusive + `"/><ds:Transform Algorithm="` + algEnveloped + `"/>`}}, CodeSignatureAlgorithm},
		"XSLT":                                    {forge{seal: seal{transforms: `<ds:Transform Algorithm="` + algEnveloped + `"/><ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>`}}, CodeSignatureAlgorithm},
		"XPath":                                   {forge{seal: seal{transforms: `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>not(self::x)</ds:XPath></ds:Transform><ds:Transform Algorithm="` + nsExclusive + `"/>`}}, CodeSignatureAlgorithm},
		"three transforms":                        {forge{seal: seal{transforms: `<ds:Transform Algorithm="` + algEnveloped + `"/><ds:Transform Algorithm="` + nsExclusive + `"/><ds:Transform Algorithm="` + nsExclusive + `"/>`}}, CodeSignature},
		"a reference to the whole document":       {forge{seal: seal{uri: "?"}, after: []string{`URI="?"`, `URI=""`}}, CodeSignature},
		"a reference to #":                        {forge{seal: seal{uri: "#"}}, CodeSignature},
		"a reference to the Response":             {forge{seal: seal{uri: "#_r"}}, CodeSignature},
		"a reference by XPointer":                 {forge{seal: seal{uri: "#xpointer(id('_a'))"}}, CodeSignature},
		"a reference to the outside":              {forge{seal: seal{uri: "https://idp.example/a#_a"}}, CodeSignature},
		"a reference without URI":                 {forge{seal: seal{rewrite: func(s string) string { return strings.Replace(s, ` URI="#_a"`, ``, 1) }}}, CodeSignature},
		"two references":                          {forge{seal: seal{rewrite: twice("<ds:Reference", "</ds:Reference>")}}, CodeSignature},
		"two canonical forms":                     {forge{seal: seal{rewrite: twice("<ds:CanonicalizationMethod", "</ds:CanonicalizationMethod>")}}, CodeSignature},
		"two digests":                             {forge{seal: seal{rewrite: twice("<ds:DigestValue", "</ds:DigestValue>")}}, CodeSignature},
		"an element in the digest":                {forge{seal: seal{rewrite: func(s string) string { return strings.Replace(s, "<ds:DigestValue>", "<ds:DigestValue><x/>", 1) }}}, CodeSignature},
		"an empty digest":                         {forge{after: []string{digestIn(t), ""}}, CodeSignature},
		"a digest of nothing":                     {forge{seal: seal{rewrite: func(s string) string { return strings.Replace(s, digestIn(t), encode(sum(crypto.SHA256, nil)), 1) }}}, CodeSignature},
		"two SignedInfo":                          {forge{after: []string{"<ds:SignedInfo>", "<ds:SignedInfo></ds:SignedInfo><ds:SignedInfo>"}}, CodeSignature},
		"SignedInfo of another namespace":         {forge{after: []string{"<ds:SignedInfo>", `<SignedInfo xmlns="urn:x"></SignedInfo><ds:SignedInfo>`}}, CodeSignature},
		"two values":                              {forge{after: []string{"</ds:SignatureValue>", "</ds:SignatureValue><ds:SignatureValue/>"}}, CodeSignature},
		"an empty value":                          {forge{after: []string{"<ds:SignatureValue>", "<ds:SignatureValue/><ds:Object>", "</ds:SignatureValue>", "</ds:Object>"}}, CodeSignature},
		"text in the signature":                   {forge{after: []string{"<ds:SignatureValue>", "x<ds:SignatureValue>"}}, CodeSignature},
		"an Object":                               {forge{seal: seal{info: `<ds:Object>x</ds:Object>`}}, CodeSignature},
		"an Object behind KeyInfo":                {forge{seal: seal{info: `<ds:KeyInfo/><ds:Object>x</ds:Object>`}}, CodeSignature},
		"a long PrefixList":                       {forge{seal: seal{list: `<ec:InclusiveNamespaces xmlns:ec="` + nsExclusive + `" PrefixList="` + strings.Repeat("a b c d ", 20) + `"></ec:InclusiveNamespaces>`}}, CodeSignature},
		"the NameID was changed":                  {forge{after: []string{"u-0001", "u-0002"}}, CodeSignature},
		"an attribute was added":                  {forge{after: []string{"<saml:AttributeStatement>", "<saml:AttributeStatement><saml:Attribute Name='x'/>"}}, CodeSignature},
		"a blank was added":                       {forge{after: []string{"<saml:Subject>", " <saml:Subject>"}}, CodeSignature},
		"a prefix was bound to another namespace": {forge{after: []string{`<saml:AttributeStatement>`, `<saml:AttributeStatement xmlns:saml="urn:evil">`}}, CodeSignature},
		"the Response was changed, and the assertion is fine":  {forge{signs: "_a _r", after: []string{"urn:oasis:names:tc:SAML:2.0:status:Success\"/>", "urn:oasis:names:tc:SAML:2.0:status:Success\" />", `ID="_r"`, `ID="_r" Consent="urn:x"`}}, CodeSignature},
		"the assertion was changed under both signatures":      {forge{signs: "_a _r", after: []string{"u-0001", "u-0002"}}, CodeSignature},
		"the assertion was changed under that of the Response": {forge{signs: "_r", after: []string{"u-0001", "u-0002"}}, CodeSignature},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := verify(verifier(), tt.forge.make(t), asks, noon); code(t, err) != tt.want {
				// What was rewritten before it was signed may fail at another step.
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// twice doubles the piece of a text between two marks.
func twice(from, to string) func(string) string {
	return func(s string) string {
		i, j := strings.Index(s, from), strings.Index(s, to)+len(to)
		return s[:j] + s[i:j] + s[j:]
	}
}

// digestIn returns the DigestValue of a plain signed assertion.
func digestIn(t *testing.T) string {
	t.Helper()
	_, rest, _ := strings.Cut(string(forge{}.make(t)), "<ds:DigestValue>")
	value, _, _ := strings.Cut(rest, "<")
	return value
}

func TestVerify_certificates(t *testing.T) {
	weak := forge{seal: seal{key: weakPair().key}}.make(t)
	ec := *issuerPair().cert
	ec.PublicKey = nil
	huge := *issuerPair().cert
	huge.PublicKey = &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 9000), E: 65537}
	for name, tt := range map[string]struct {
		message []byte
		certs   []*x509.Certificate
		want    string
	}{
		"none":                       {forge{}.make(t), nil, CodeCertificate},
		"RSA of 1024 bits":           {weak, []*x509.Certificate{weakPair().cert}, CodeCertificate},
		"RSA of 9001 bits":           {weak, []*x509.Certificate{&huge}, CodeCertificate},
		"no RSA":                     {forge{}.make(t), []*x509.Certificate{&ec}, CodeCertificate},
		"weak one beside a good one": {weak, []*x509.Certificate{weakPair().cert, issuerPair().cert}, CodeSignature},
		"that of another connection": {forge{}.make(t), []*x509.Certificate{strangePair().cert}, CodeSignature},
	} {
		t.Run(name, func(t *testing.T) {
			v := verifier()
			v.Certificates = tt.certs
			if _, err := verify(v, tt.message, asks, noon); code(t, err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestVerify_profile forges what the identity provider itself signs.
func TestVerify_profile(t *testing.T) {
	never := []string{"", ""}
	for name, tt := range map[string]struct {
		before []string
		want   string
	}{
		"Response of version 1.1":              {[]string{`Version="2.0"`, `Version="1.1"`}, CodeMessage},
		"assertion of version 1.1":             {[]string{`ID="_a" Version="2.0"`, `ID="_a" Version="1.1"`}, CodeMessage},
		"assertion without ID":                 {[]string{` ID="_a"`, ``}, CodeUnsigned},
		"an ID with a blank":                   {[]string{`ID="_r"`, `ID="_r r"`}, CodeMessage},
		"a failed status":                      {[]string{`status:Success`, `status:Responder`}, CodeStatus},
		"no status":                            {[]string{`<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>`, ``}, CodeMessage},
		"success only inside":                  {[]string{`<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>`, `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Requester"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:StatusCode>`}, CodeStatus},
		"two statuses":                         {[]string{`<samlp:Status>`, `<samlp:Status/><samlp:Status>`}, CodeMessage},
		"another issuer of the Response":       {[]string{idp, "https://evil.example"}, CodeIssuer},
		"no issuer of the Response":            {[]string{`<saml:Issuer>` + idp + `</saml:Issuer>`, ``}, CodeIssuer},
		"another issuer of the assertion":      {[]string{`<saml:Issuer>` + idp + `</saml:Issuer><?sign _a?>`, `<saml:Issuer>https://evil.example</saml:Issuer><?sign _a?>`}, CodeIssuer},
		"no issuer of the assertion":           {[]string{`<saml:Issuer>` + idp + `</saml:Issuer><?sign _a?>`, `<?sign _a?>`}, CodeIssuer},
		"an issuer with a blank":               {[]string{`<saml:Issuer>` + idp + `</saml:Issuer><?sign _a?>`, `<saml:Issuer>` + idp + ` </saml:Issuer><?sign _a?>`}, CodeIssuer},
		"an issuer of another format":          {[]string{`<saml:Issuer>` + idp + `</saml:Issuer><?sign _a?>`, `<saml:Issuer Format="urn:x">` + idp + `</saml:Issuer><?sign _a?>`}, CodeIssuer},
		"an issuer with elements":              {[]string{`<saml:Issuer>` + idp, `<saml:Issuer><x/>` + idp}, CodeIssuer},
		"another destination":                  {[]string{`Destination="` + acs, `Destination="` + acs + "x"}, CodeDestination},
		"an empty destination":                 {[]string{`Destination="` + acs, `Destination="`}, CodeDestination},
		"the Response answers another request": {[]string{asks, "id-1"}, CodeInResponseTo},
		"the Response answers none":            {[]string{` InResponseTo="` + asks + `"`, ``}, CodeInResponseTo},
		"the assertion answers another":        {[]string{`<saml:SubjectConfirmationData InResponseTo="` + asks + `"`, `<saml:SubjectConfirmationData InResponseTo="id-1"`}, CodeInResponseTo},
		"the assertion answers none":           {[]string{`<saml:SubjectConfirmationData InResponseTo="` + asks + `"`, `<saml:SubjectConfirmationData`}, CodeInResponseTo},
		"no assertion":                         {[]string{claim, ``}, CodeAssertions},
		"LogoutResponse":                       {[]string{`<samlp:Response`, `<samlp:LogoutResponse`, `</samlp:Response>`, `</samlp:LogoutResponse>`}, CodeMessage},
		"Response of another namespace":        {[]string{`xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"`, `xmlns:samlp="urn:oasis:names:tc:SAML:1.0:protocol"`}, CodeMessage},
		"no Subject":                           {[]string{`<saml:Subject>`, `<saml:Advice>`, `</saml:Subject>`, `</saml:Advice>`}, CodeSubject},
		"two Subjects":                         {[]string{`<saml:Subject>`, `<saml:Subject/><saml:Subject>`}, CodeSubject},
		"two NameIDs":                          {[]string{`<saml:NameID`, `<saml:NameID>x</saml:NameID><saml:NameID`}, CodeSubject},
		"an element in the NameID":             {[]string{`u-0001`, `u-<x/>0001`}, CodeSubject},
		"EncryptedID":                          {[]string{`<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">u-0001</saml:NameID>`, `<saml:EncryptedID/>`}, CodeUnsupported},
		"BaseID":                               {[]string{`<saml:NameID `, `<saml:BaseID/><saml:NameID `}, CodeUnsupported},
		"no confirmation":                      {[]string{confirmation, ``}, CodeConfirmation},
		"a confirmation without data":          {[]string{confirmation, `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"/>`}, CodeConfirmation},
		"holder of key":                        {[]string{`cm:bearer`, `cm:holder-of-key`}, CodeConfirmation},
		"sender vouches":                       {[]string{`cm:bearer`, `cm:sender-vouches`}, CodeConfirmation},
		"a confirmation with NotBefore":        {[]string{`<saml:SubjectConfirmationData `, `<saml:SubjectConfirmationData NotBefore="2026-03-01T11:00:00Z" `}, CodeConfirmation},
		"a confirmation without NotOnOrAfter":  {[]string{` NotOnOrAfter="2026-03-01T12:05:00Z"`, ``}, CodeConfirmation},
		"a confirmation that ended":            {[]string{`2026-03-01T12:05:00Z`, `2026-03-01T11:57:00Z`}, CodeExpired},
		"another recipient":                    {[]string{`Recipient="` + acs, `Recipient="https://chat.example/saml/other/acs`}, CodeRecipient},
		"no recipient":                         {[]string{` Recipient="` + acs + `"`, ``}, CodeRecipient},
		"no Conditions":                        {[]string{`<saml:Conditions`, `<saml:Advice`, `</saml:Conditions>`, `</saml:Advice>`}, CodeConditions},
		"two Conditions":                       {[]string{`<saml:Conditions`, `<saml:Conditions/><saml:Conditions`}, CodeConditions},
		"no AudienceRestriction":               {[]string{restriction, ``}, CodeAudience},
		"another audience":                     {[]string{`<saml:Audience>` + sp, `<saml:Audience>https://other.example`}, CodeAudience},
		"an audience in which ours stands":     {[]string{`<saml:Audience>` + sp, `<saml:Audience>` + sp + `/x`}, CodeAudience},
		"an empty restriction":                 {[]string{`<saml:Audience>` + sp + `</saml:Audience>`, ``}, CodeAudience},
		"a second restriction without us":      {[]string{restriction, restriction + `<saml:AudienceRestriction><saml:Audience>https://other.example</saml:Audience></saml:AudienceRestriction>`}, CodeAudience},
		"an unknown condition":                 {[]string{restriction, restriction + `<saml:Condition/>`}, CodeUnsupported},
		"a condition of another namespace":     {[]string{restriction, restriction + `<Fresh xmlns="urn:x"/>`}, CodeUnsupported},
		"Conditions that ended":                {[]string{`2026-03-01T13:00:00Z`, `2026-03-01T11:57:00Z`}, CodeExpired},
		"Conditions that have not begun":       {[]string{`NotBefore="2026-03-01T11:55:00Z"`, `NotBefore="2026-03-01T12:03:01Z"`}, CodeNotYet},
		"Conditions for ten years":             {[]string{`2026-03-01T13:00:00Z`, `2036-03-01T13:00:00Z`}, CodeLifetime},
		"a confirmation for two days":          {[]string{`2026-03-01T12:05:00Z`, `2026-03-03T12:05:00Z`}, CodeLifetime},
		"a time with an offset":                {[]string{`NotOnOrAfter="2026-03-01T13:00:00Z"`, `NotOnOrAfter="2026-03-01T14:00:00+01:00"`}, CodeConditions},
		"a time without a zone":                {[]string{`NotBefore="2026-03-01T11:55:00Z"`, `NotBefore="2026-03-01T11:55:00"`}, CodeConditions},
		"the assertion is of tomorrow":         {[]string{`ID="_a" Version="2.0" IssueInstant="2026-03-01`, `ID="_a" Version="2.0" IssueInstant="2026-03-02`}, CodeNotYet},
		"the assertion is of last week":        {[]string{`ID="_a" Version="2.0" IssueInstant="2026-03-01`, `ID="_a" Version="2.0" IssueInstant="2026-02-22`}, CodeExpired},
		"the Response is of tomorrow":          {[]string{`IssueInstant="2026-03-01`, `IssueInstant="2026-03-02`}, CodeNotYet},
		"no IssueInstant":                      {[]string{`ID="_a" Version="2.0" IssueInstant="2026-03-01T12:00:00Z"`, `ID="_a" Version="2.0"`}, CodeMessage},
		"no AuthnStatement":                    {[]string{`<saml:AuthnStatement `, `<saml:Advice `, `</saml:AuthnStatement>`, `</saml:Advice>`}, CodeAuthn},
		"two AuthnStatements":                  {[]string{`<saml:AuthnStatement `, `<saml:AuthnStatement/><saml:AuthnStatement `}, CodeAuthn},
		"no AuthnInstant":                      {[]string{` AuthnInstant="2026-03-01T11:59:00Z"`, ``}, CodeAuthn},
		"a sign-in in the future":              {[]string{`AuthnInstant="2026-03-01T11:59:00Z"`, `AuthnInstant="2026-03-01T12:59:00Z"`}, CodeNotYet},
		"no AuthnContext":                      {[]string{`<saml:AuthnContext>`, `<x>`, `</saml:AuthnContext>`, `</x>`}, CodeAuthn},
		"two classes":                          {[]string{`<saml:AuthnContextClassRef>`, `<saml:AuthnContextClassRef/><saml:AuthnContextClassRef>`}, CodeAuthn},
		"a session that ended":                 {[]string{`2026-03-01T20:00:00Z`, `2026-03-01T11:57:00Z`}, CodeSessionEnded},
		"an end of the session that is none":   {[]string{`2026-03-01T20:00:00Z`, `tomorrow`}, CodeAuthn},
		"EncryptedAttribute":                   {[]string{`<saml:Attribute `, `<saml:EncryptedAttribute/><saml:Attribute `}, CodeUnsupported},
		"an attribute without name":            {[]string{`<saml:Attribute Name="id"`, `<saml:Attribute`}, CodeMessage},
		"AuthzDecisionStatement":               {[]string{`<saml:AttributeStatement>`, `<saml:AuthzDecisionStatement/><saml:AttributeStatement>`}, CodeUnsupported},
		"text in the assertion":                {[]string{`<saml:Subject>`, `x<saml:Subject>`}, CodeMessage},
		"text in the Response":                 {[]string{`<samlp:Status>`, `x<samlp:Status>`}, CodeMessage},
		"the twin":                             {never, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := verify(verifier(), forge{before: tt.before}.make(t), asks, noon)
			if code(t, err) != tt.want {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err == nil {
				return
			}
			checks := err.(*Refusal).Checks
			if tt.want == CodeMessage && len(checks) == 0 {
				return // refused when it was read
			}
			for i, c := range checks {
				if c.OK != (i < len(checks)-1) {
					t.Errorf("check %d is %+v", i, c)
				}
			}
		})
	}
}

// TestVerify_expectations changes what is expected, not what came.
func TestVerify_expectations(t *testing.T) {
	plain, bare := forge{}.make(t), forge{before: unsolicited}.make(t)
	for name, tt := range map[string]struct {
		message []byte
		asks    string
		now     time.Time
		change  func(*Verifier)
		want    string
	}{
		"nothing was asked, and a request is named":  {plain, "", noon, nil, CodeInResponseTo},
		"something was asked, and none is named":     {bare, asks, noon, nil, CodeInResponseTo},
		"at the end of its time":                     {plain, asks, noon.Add(5*time.Minute + Skew), nil, CodeExpired},
		"before its time":                            {plain, asks, noon.Add(-3*time.Minute - time.Second), nil, CodeNotYet},
		"two days later":                             {plain, asks, noon.Add(48 * time.Hour), nil, CodeExpired},
		"no issuer is configured":                    {plain, asks, noon, func(v *Verifier) { v.Issuer = "" }, CodeIssuer},
		"no audience is configured":                  {plain, asks, noon, func(v *Verifier) { v.Audience = "" }, CodeAudience},
		"encryption is wanted":                       {plain, asks, noon, func(v *Verifier) { v.Encrypted = true }, CodeNotEncrypted},
		"another context is wanted":                  {plain, asks, noon, func(v *Verifier) { v.Contexts = []string{"urn:oasis:names:tc:SAML:2.0:ac:classes:X509"} }, CodeContext},
		"the sign-in is too old":                     {plain, asks, noon.Add(4*time.Minute + time.Second), func(v *Verifier) { v.MaxAge = 2 * time.Minute }, CodeAge},
		"a signed Response must have a destination":  {forge{signs: "_r", before: []string{` Destination="` + acs + `"`, ``}}.make(t), asks, noon, nil, CodeDestination},
		"an audience that is empty on both sides":    {forge{before: []string{`<saml:Audience>` + sp, `<saml:Audience>`}}.make(t), asks, noon, func(v *Verifier) { v.Audience = "" }, CodeAudience},
		"a recipient that is empty on both sides":    {forge{before: []string{` Destination="` + acs + `"`, ``, `Recipient="` + acs, `Recipient="`}}.make(t), asks, noon, func(v *Verifier) { v.Recipient = "" }, CodeRecipient},
		"an issuer that is an empty text everywhere": {forge{before: []string{idp, "", idp, ""}}.make(t), asks, noon, func(v *Verifier) { v.Issuer = "" }, CodeIssuer},
	} {
		t.Run(name, func(t *testing.T) {
			v := verifier()
			if tt.change != nil {
				tt.change(v)
			}
			if _, err := verify(v, tt.message, tt.asks, tt.now); code(t, err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestVerify_expires: once Expires has come, no request that the assertion can be said to answer lets it in again.
func TestVerify_expires(t *testing.T) {
	later := strings.NewReplacer(asks, "id-2", "12:05", "12:30").Replace(confirmation)
	for name, tt := range map[string]struct {
		before []string
		want   time.Time
	}{
		"the confirmation ends first":    {nil, noon.Add(5*time.Minute + Skew)},
		"the conditions end first":       {[]string{"T13:00:00Z", "T12:02:00Z"}, noon.Add(2*time.Minute + Skew)},
		"another confirmation ends last": {[]string{confirmation, confirmation + later}, noon.Add(30*time.Minute + Skew)},
		"the other one stands first":     {[]string{confirmation, later + confirmation}, noon.Add(30*time.Minute + Skew)},
	} {
		t.Run(name, func(t *testing.T) {
			message := forge{before: tt.before}.make(t)
			facts, err := verify(verifier(), message, asks, noon)
			if err != nil {
				t.Fatal(err)
			}
			if !facts.Expires.Equal(tt.want) {
				t.Errorf("expires %s, want %s", facts.Expires, tt.want)
			}
			for _, request := range []string{asks, "id-2"} {
				again := []byte(strings.Replace(string(message), asks, request, 1))
				if _, err := verify(verifier(), again, request, facts.Expires); err == nil {
					t.Errorf("accepted as the answer to %s when it has expired", request)
				}
			}
		})
	}
}

// TestVerify_groups verifies 20,000 values in the longest form that an identity provider has for them.
func TestVerify_groups(t *testing.T) {
	var values strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&values, `<saml:AttributeValue xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">engineering-team-%06d</saml:AttributeValue>`, i)
	}
	message := forge{before: []string{`<saml:AttributeValue>eng</saml:AttributeValue>`, values.String()}}.make(t)
	facts, err := verify(verifier(), message, asks, noon)
	if err != nil {
		t.Fatal(err)
	}
	if got := facts.Attributes[1].Values; len(got) != 20_001 || got[19_999] != "engineering-team-019999" {
		t.Errorf("%d values", len(got))
	}
	t.Logf("%d bytes", len(message))
}
