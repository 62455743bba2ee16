package saml

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1"   // what must be refused is made with it
	_ "crypto/sha256" // the hashes of the tables
	_ "crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// Names of XML Signature and XML Encryption.
const (
	dsNS         = "http://www.w3.org/2000/09/xmldsig#"
	rsaSHA1      = dsNS + "rsa-sha1"
	sha1URI      = dsNS + "sha1"
	moreNS       = "http://www.w3.org/2001/04/xmldsig-more#"
	rsaSHA256    = moreNS + "rsa-sha256"
	rsaSHA384    = moreNS + "rsa-sha384"
	rsaSHA512    = moreNS + "rsa-sha512"
	sha256URI    = "http://www.w3.org/2001/04/xmlenc#sha256"
	sha384URI    = moreNS + "sha384"
	sha512URI    = "http://www.w3.org/2001/04/xmlenc#sha512"
	exclusive    = "http://www.w3.org/2001/10/xml-exc-c14n#"
	withComments = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"
	inclusive    = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
	enveloped    = dsNS + "enveloped-signature"
)

// signing says how an element is signed. The zero value of a field is the good one.
type signing struct {
	by         pair
	keyInfo    string // the inside of ds:KeyInfo; "-" leaves it out; "" is by's certificate
	method     string
	digest     string
	c14n       string // of SignedInfo
	transforms string // the inside of ds:Transforms
	uri        string // of the Reference; "-" leaves the attribute out; "+" is an empty one; "" names the element
	references string // more of them, behind the first
	prefixes   string // PrefixList of the exclusive canonicalisation of the element
	value      func(signedInfo []byte) []byte
	signature  func(text string) string // changes the finished ds:Signature
}

// sign puts a signature behind the Issuer of an element that declares every prefix that it uses.
func sign(t *testing.T, element string, s signing) string {
	t.Helper()
	const end = "</saml:Issuer>"
	head, tail, ok := strings.Cut(element, end)
	if !ok {
		t.Fatalf("there is no Issuer to sign behind in %s", element)
	}
	return head + end + signature(t, element, s) + tail
}

// signature makes the ds:Signature over an element.
func signature(t *testing.T, element string, s signing) string {
	t.Helper()
	s.fill(element)
	hashes := map[string]crypto.Hash{
		sha1URI: crypto.SHA1, sha256URI: crypto.SHA256, sha384URI: crypto.SHA384, sha512URI: crypto.SHA512,
	}
	digest := base64.StdEncoding.EncodeToString(sum(hashes[s.digest], canonical(t, element, exclusive, s.prefixes)))
	info := fmt.Sprintf(`<ds:SignedInfo xmlns:ds="%s"><ds:CanonicalizationMethod Algorithm="%s"/><ds:SignatureMethod Algorithm="%s"/>`+
		`<ds:Reference%s><ds:Transforms>%s</ds:Transforms><ds:DigestMethod Algorithm="%s"/><ds:DigestValue>%s</ds:DigestValue></ds:Reference>%s</ds:SignedInfo>`,
		dsNS, s.c14n, s.method, s.uri, s.transforms, s.digest, digest, s.references)
	value := s.value(canonical(t, info, s.c14n, ""))
	text := fmt.Sprintf(`<ds:Signature xmlns:ds="%s">%s<ds:SignatureValue>%s</ds:SignatureValue>%s</ds:Signature>`,
		dsNS, strings.Replace(info, ` xmlns:ds="`+dsNS+`"`, "", 1), base64.StdEncoding.EncodeToString(value), s.keyInfo)
	return s.signature(text)
}

func (s *signing) fill(element string) {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&s.method, rsaSHA256)
	set(&s.digest, sha256URI)
	set(&s.c14n, exclusive)
	list := ""
	if s.prefixes != "" {
		list = fmt.Sprintf(`<ec:InclusiveNamespaces xmlns:ec="%s" PrefixList="%s"/>`, exclusive, s.prefixes)
	}
	set(&s.transforms, transform(enveloped, "")+transform(exclusive, list))
	set(&s.keyInfo, x509Data(s.by))
	set(&s.uri, "#"+idOf(element))
	switch s.uri {
	case "-":
		s.uri = ""
	case "+":
		s.uri = ` URI=""`
	default:
		s.uri = fmt.Sprintf(" URI=%q", s.uri)
	}
	if s.keyInfo == "-" {
		s.keyInfo = ""
	} else {
		s.keyInfo = "<ds:KeyInfo>" + s.keyInfo + "</ds:KeyInfo>"
	}
	if s.value == nil {
		s.value = func(info []byte) []byte { return sealed(s.by, hashOf(s.method), info) }
	}
	if s.signature == nil {
		s.signature = func(text string) string { return text }
	}
}

func transform(algorithm, inside string) string {
	return fmt.Sprintf(`<ds:Transform Algorithm="%s">%s</ds:Transform>`, algorithm, inside)
}

func x509Data(p pair) string {
	return "<ds:X509Data><ds:X509Certificate>" + p.text() + "</ds:X509Certificate></ds:X509Data>"
}

// hashOf is the hash of a method of signing, SHA-256 for one that nobody knows.
func hashOf(method string) crypto.Hash {
	switch {
	case strings.HasSuffix(method, "sha1"):
		return crypto.SHA1
	case strings.HasSuffix(method, "sha384"):
		return crypto.SHA384
	case strings.HasSuffix(method, "sha512"):
		return crypto.SHA512
	}
	return crypto.SHA256
}

func sum(hash crypto.Hash, text []byte) []byte {
	h := hash.New()
	_, _ = h.Write(text)
	return h.Sum(nil)
}

// sealed signs with PKCS #1 1.5, or with what the key is for.
func sealed(p pair, hash crypto.Hash, text []byte) []byte {
	value, err := p.key.Sign(rand.Reader, sum(hash, text), hash)
	if err != nil {
		panic(err)
	}
	return value
}

// sealedPSS signs with RSASSA-PSS.
func sealedPSS(p pair, text []byte) []byte {
	value, err := p.key.Sign(rand.Reader, sum(crypto.SHA256, text), &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256})
	if err != nil {
		panic(err)
	}
	return value
}

// canonical is an element's canonical form by a method; one that nobody knows gives the exclusive one.
func canonical(t *testing.T, element, method, prefixes string) []byte {
	t.Helper()
	doc := etree.NewDocument()
	if err := doc.ReadFromString(element); err != nil {
		t.Fatalf("%v in %s", err, element)
	}
	c := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList(prefixes)
	switch method {
	case withComments:
		c = dsig.MakeC14N10ExclusiveWithCommentsCanonicalizerWithPrefixList(prefixes)
	case inclusive:
		c = dsig.MakeC14N10RecCanonicalizer()
	case "http://www.w3.org/2006/12/xml-c14n11":
		c = dsig.MakeC14N11Canonicalizer()
	}
	text, err := c.Canonicalize(doc.Root())
	if err != nil {
		t.Fatal(err)
	}
	return text
}
