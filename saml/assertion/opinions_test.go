package assertion

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
)

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// secondOpinion asks goxmldsig whether the signatures of an accepted Response are right.
func secondOpinion(t *testing.T, v *Verifier, message []byte) {
	t.Helper()
	if strings.Contains(string(message), "InclusiveNamespaces") {
		return // in SignedInfo goxmldsig does not look at it; TestVerify_xmlsec1 does
	}
	ours, err := readTree(message, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range ours.signatures {
		// goxmldsig wants an element without ancestors, with a certificate that is the signer's and valid now.
		id, _ := n.parent.attr("ID")
		theirs := etree.NewDocument()
		if err := theirs.ReadFromBytes(canonical(n.parent, nil, []string{"", "saml", "samlp", "xs", "a"})); err != nil {
			t.Fatal(err)
		}
		keyInfo := theirs.FindElement("//ds:KeyInfo")
		if keyInfo != nil && len(ours.signatures) == 1 {
			keyInfo.Parent().RemoveChild(keyInfo)
		}
		valid := false
		for _, cert := range v.Certificates {
			context := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
			context.Clock = dsig.NewFakeClockAt(cert.NotAfter)
			_, err = context.Validate(theirs.Root())
			valid = valid || err == nil
		}
		if !valid {
			t.Errorf("goxmldsig refuses the signature of %s: %v", id, err)
		}
	}
}

// TestVerify_crewjam asks crewjam/saml for its verdict on what we accept.
func TestVerify_crewjam(t *testing.T) {
	saml.TimeNow = func() time.Time { return noon }
	t.Cleanup(func() { saml.TimeNow = time.Now })
	for name, f := range map[string]forge{
		"assertion signed":                 {},
		"Response signed":                  {signs: "_r"},
		"both signed":                      {signs: "_a _r"},
		"encrypted by AES-128-GCM":         {encrypt: &lock{data: nsEncrypt11 + "aes128-gcm"}},
		"AES-256-CBC in a signed Response": {signs: "_a _r", encrypt: &lock{data: nsEncrypt + "aes256-cbc"}},
	} {
		t.Run(name, func(t *testing.T) {
			message := f.make(t)
			facts, err := verify(verifier(), message, asks, noon)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := crewjam(t).ParseXMLResponse(message, []string{asks}, parseURL(t, acs))
			if err != nil {
				t.Fatal(err.(*saml.InvalidResponseError).PrivateErr)
			}
			if theirs.ID != facts.ID || theirs.Subject.NameID.Value != facts.NameID.Value || len(theirs.AttributeStatements[0].Attributes) != len(facts.Attributes) {
				t.Errorf("it reads %+v", theirs)
			}
		})
	}
}

func crewjam(t *testing.T) *saml.ServiceProvider {
	t.Helper()
	return &saml.ServiceProvider{
		EntityID: sp, Key: ourPair().key, Certificate: ourPair().cert, AcsURL: parseURL(t, acs), HTTPClient: http.DefaultClient,
		IDPMetadata: &saml.EntityDescriptor{EntityID: idp, IDPSSODescriptors: []saml.IDPSSODescriptor{{
			SSODescriptor: saml.SSODescriptor{RoleDescriptor: saml.RoleDescriptor{KeyDescriptors: []saml.KeyDescriptor{{
				Use: "signing", KeyInfo: saml.KeyInfo{X509Data: saml.X509Data{X509Certificates: []saml.X509Certificate{{Data: encode(issuerPair().cert.Raw)}}}},
			}}}},
		}}},
	}
}

func parseURL(t *testing.T, s string) url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return *u
}

// xmlsec1 runs xmlsec1, on libxml2, with files made of contents, which replace the names of its arguments.
func xmlsec1(t *testing.T, files map[string][]byte, args ...string) []byte {
	t.Helper()
	program, err := exec.LookPath("xmlsec1")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("xmlsec1 is not installed: apt-get install xmlsec1")
		}
		t.Skip("xmlsec1 is not installed: apt-get install xmlsec1")
	}
	dir := t.TempDir()
	for i, arg := range args {
		before, name, cut := strings.Cut(arg, "@")
		if !cut {
			continue
		}
		path := filepath.Join(dir, name)
		if content, ok := files[name]; ok {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		args[i] = before + path
	}
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("xmlsec1 %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	made, err := os.ReadFile(filepath.Join(dir, "out.xml"))
	if err != nil {
		return nil
	}
	return made
}

func pemOf(kind string, der []byte) []byte {
	var b strings.Builder
	b.WriteString("-----BEGIN " + kind + "-----\n")
	for text := encode(der); text != ""; text = text[min(64, len(text)):] {
		b.WriteString(text[:min(64, len(text))] + "\n")
	}
	b.WriteString("-----END " + kind + "-----\n")
	return []byte(b.String())
}

// TestVerify_xmlsec1 verifies what xmlsec1 signed, in forms in which canonicalisers go wrong.
func TestVerify_xmlsec1(t *testing.T) {
	list := func(prefixes string) string {
		return `<ec:InclusiveNamespaces xmlns:ec="` + nsExclusive + `" PrefixList="` + prefixes + `"/>`
	}
	for name, tt := range map[string]struct {
		list    string
		replace []string
	}{
		"plain":                      {},
		"line ends and tabs":         {"", []string{`00u1`, "\r\n00u1\r\t<![CDATA[ & ]]>&#13;&#x9;é&#xe9;&gt;]]&gt;"}},
		"an attribute in many lines": {"", []string{`FriendlyName="uid"`, "FriendlyName = 'u\n\ti\r\nd &#10;&#x9;&#13; &lt;&amp;&quot;&apos;\"'"}},
		"attributes of namespaces":   {"", []string{`<saml:AttributeValue>00u1`, `<saml:AttributeValue xmlns:b="urn:a" xmlns:a="urn:b" b:z="1" a:a="2" z="3" b:a="4" xml:lang="en" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="a:string">00u1`}},
		"default namespaces":         {"", []string{`<saml:AttributeValue>eng`, `<saml:AttributeValue xmlns="urn:x"><x><y xmlns=""><z xmlns="urn:x"/></y></x></saml:AttributeValue><saml:AttributeValue>eng`}},
		"a PrefixList":               {list("xs samlp ds none"), []string{`<saml:Subject>`, `<saml:Subject xmlns:xs="urn:1">`, `<saml:NameID `, `<saml:NameID xmlns:xs="urn:2" `}},
		"a PrefixList with #default": {list("#default xs"), []string{`<samlp:Response`, `<samlp:Response xmlns="urn:outer" xmlns:xs="urn:outer2"`, `<saml:NameID `, `<saml:NameID xmlns="" `}},
		"a prefix bound again":       {"", []string{`<saml:AttributeValue>eng`, `<saml:AttributeValue><saml:x xmlns:saml="urn:x"><saml:y xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/></saml:x></saml:AttributeValue><saml:AttributeValue>eng`}},
	} {
		t.Run(name, func(t *testing.T) {
			template := `<ds:Signature xmlns:ds="` + nsSignature + `"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="` + nsExclusive + `">` + tt.list + `</ds:CanonicalizationMethod>` +
				`<ds:SignatureMethod Algorithm="` + algRSASHA256 + `"/><ds:Reference URI="#_a"><ds:Transforms><ds:Transform Algorithm="` + algEnveloped + `"/>` +
				`<ds:Transform Algorithm="` + nsExclusive + `">` + tt.list + `</ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="` + algSHA256 + `"/><ds:DigestValue/></ds:Reference></ds:SignedInfo>` +
				`<ds:SignatureValue/></ds:Signature>`
			message := clean(strings.Replace(replace(t, answer, tt.replace), "<?sign _a?>", template, 1))
			signed := xmlsec1(t, map[string][]byte{"in.xml": []byte(message), "key.pem": pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(issuerPair().key))},
				"--sign", "--privkey-pem", "@key.pem", "--id-attr:ID", nsAssertion+":Assertion", "--output", "@out.xml", "@in.xml")
			if _, err := verify(verifier(), signed, asks, noon); err != nil {
				t.Errorf("%v in %s", err, signed)
			}
			again := forge{before: tt.replace}
			if tt.list != "" {
				again.seal.list = strings.Replace(tt.list, "/>", "></ec:InclusiveNamespaces>", 1)
			}
			verifyByXmlsec1(t, again.make(t), nsAssertion+":Assertion", issuerPair())
		})
	}
}

// TestVerify_xmlsec1Encrypted decrypts what xmlsec1 encrypted.
func TestVerify_xmlsec1Encrypted(t *testing.T) {
	bare := []string{`<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"`, `<saml:Assertion`}
	for name, tt := range map[string]struct {
		forge     forge
		data, key string // algorithms, and the size of the key
		digest    string
	}{
		"AES-256-GCM":                {forge{}, nsEncrypt11 + "aes256-gcm", "aes-256", ""},
		"AES-128-GCM":                {forge{}, nsEncrypt11 + "aes128-gcm", "aes-128", ""},
		"a digest method by name":    {forge{}, nsEncrypt11 + "aes192-gcm", "aes-192", algSHA1},
		"namespaces from around it":  {forge{before: bare}, nsEncrypt11 + "aes256-gcm", "aes-256", ""},
		"AES-256-CBC that is signed": {forge{signs: "_a _r"}, nsEncrypt + "aes256-cbc", "aes-256", ""},
	} {
		t.Run(name, func(t *testing.T) {
			parameter := ""
			if tt.digest != "" {
				parameter = `<ds:DigestMethod Algorithm="` + tt.digest + `"/>`
			}
			template := `<xenc:EncryptedData xmlns:xenc="` + nsEncrypt + `" xmlns:ds="` + nsSignature + `" Type="` + nsEncrypt + `Element"><xenc:EncryptionMethod Algorithm="` + tt.data + `"/>` +
				`<ds:KeyInfo><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="` + algOAEPMGF1P + `">` + parameter + `</xenc:EncryptionMethod>` +
				`<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>`
			signed := tt.forge
			signed.signs = "_a"
			message := replace(t, string(signed.make(t)), []string{`<saml:Assertion`, `<saml:EncryptedAssertion><saml:Assertion`, `</saml:Assertion>`, `</saml:Assertion></saml:EncryptedAssertion>`})
			der, err := x509.MarshalPKIXPublicKey(&ourPair().key.PublicKey)
			if err != nil {
				t.Fatal(err)
			}
			sealed := xmlsec1(t, map[string][]byte{"key.pem": pemOf("PUBLIC KEY", der), "template.xml": []byte(template), "in.xml": []byte(message)},
				"--encrypt", "--pubkey-pem", "@key.pem", "--session-key", tt.key, "--xml-data", "@in.xml", "--node-xpath", "//*[local-name()='Assertion']", "--output", "@out.xml", "@template.xml")
			if strings.Contains(tt.forge.signs, "_r") {
				marked := strings.Replace(string(sealed), `<samlp:Status>`, `<?sign _r?><samlp:Status>`, 1)
				sealed = []byte(clean(seal{}.sign(t, marked, "_r")))
			}
			if facts, err := verify(verifier(), sealed, asks, noon); err != nil || !facts.Encrypted {
				t.Errorf("%v in %s", err, sealed)
			}
		})
	}
}

func verifyByXmlsec1(t *testing.T, message []byte, element string, by pair) {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&by.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	xmlsec1(t, map[string][]byte{"in.xml": message, "key.pem": pemOf("PUBLIC KEY", der)},
		"--verify", "--pubkey-pem", "@key.pem", "--id-attr:ID", element, "@in.xml")
}

const request = `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="id-1" Version="2.0" IssueInstant="2026-03-01T12:00:00Z">` +
	`<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">` + sp + `</saml:Issuer><samlp:NameIDPolicy AllowCreate="true"/></samlp:AuthnRequest>`

func TestSignEnveloped_xmlsec1(t *testing.T) {
	signed, err := SignEnveloped([]byte(request), ourPair().key, ourPair().cert.Raw)
	if err != nil {
		t.Fatal(err)
	}
	verifyByXmlsec1(t, signed, nsProtocol+":AuthnRequest", ourPair())
}

func TestSignEnveloped_goxmldsig(t *testing.T) {
	signed, err := SignEnveloped([]byte(request), ourPair().key, ourPair().cert.Raw)
	if err != nil {
		t.Fatal(err)
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(signed); err != nil {
		t.Fatal(err)
	}
	context := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{ourPair().cert}})
	context.Clock = dsig.NewFakeClockAt(noon)
	if _, err := context.Validate(doc.Root()); err != nil {
		t.Error(err)
	}
	var parsed saml.AuthnRequest
	if err := xml.Unmarshal(signed, &parsed); err != nil || parsed.Signature == nil {
		t.Errorf("%v, %+v", err, parsed)
	}
	if !strings.Contains(string(signed), `</saml:Issuer><ds:Signature `) {
		t.Error("the signature does not stand behind Issuer")
	}
}

func TestSignEnveloped_refused(t *testing.T) {
	signed, err := SignEnveloped([]byte(request), ourPair().key, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, message := range map[string]string{
		"no XML":         `x`,
		"no ID":          strings.Replace(request, `ID="id-1"`, ``, 1),
		"no Issuer":      `<a ID="x"/>`,
		"signed already": string(signed),
	} {
		if _, err := SignEnveloped([]byte(message), ourPair().key, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
