package assertion

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// entraSize makes a Response as large as those of Entra ID: a signed assertion, a certificate, ten claims, 30 groups.
func entraSize(b *testing.B) []byte {
	b.Helper()
	var claims, groups strings.Builder
	for _, name := range []string{"tenantid", "objectidentifier", "displayname", "identityprovider", "authnmethodsreferences", "givenname", "surname", "emailaddress"} {
		fmt.Fprintf(&claims, `<saml:Attribute Name="http://schemas.microsoft.com/identity/claims/%s"><saml:AttributeValue>5e0cd0c1-9f1f-4f3a-a0b0-000000000000</saml:AttributeValue></saml:Attribute>`, name)
	}
	for i := range 30 {
		fmt.Fprintf(&groups, `<saml:AttributeValue>5e0cd0c1-9f1f-4f3a-a0b0-%012d</saml:AttributeValue>`, i)
	}
	return forge{
		seal:   seal{info: keyInfo(issuerPair().cert)},
		before: []string{`<saml:AttributeStatement>`, `<saml:AttributeStatement>` + claims.String(), `<saml:AttributeValue>eng</saml:AttributeValue>`, groups.String()},
	}.make(b)
}

// BenchmarkVerify measures Parse and Verify beside the least that must be done by any verifier: the RSA verification, and one exclusive
// canonicalisation by goxmldsig, once of an element that was read before (bare), once with reading it (read). The metrics x/bare and
// x/read say how many times as long ours takes.
func BenchmarkVerify(b *testing.B) {
	message, v := entraSize(b), verifier()
	var ours, bare, read float64
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(len(message)))
		ours = measure(b, func() error { _, err := verify(v, message, asks, noon); return err })
	})
	value, digest := signedDigest(b)
	verifyOnly := func() error {
		return rsa.VerifyPKCS1v15(&issuerPair().key.PublicKey, crypto.SHA256, digest, value)
	}
	form := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	b.Run("bare", func(b *testing.B) {
		doc := etree.NewDocument()
		if err := doc.ReadFromBytes(message); err != nil {
			b.Fatal(err)
		}
		element := doc.FindElement("//saml:Assertion")
		bare = measure(b, func() error {
			if _, err := form.Canonicalize(element); err != nil {
				return err
			}
			return verifyOnly()
		})
		b.ReportMetric(ours/bare, "x/bare")
	})
	b.Run("read", func(b *testing.B) {
		read = measure(b, func() error {
			doc := etree.NewDocument()
			if err := doc.ReadFromBytes(message); err != nil {
				return err
			}
			if _, err := form.Canonicalize(doc.FindElement("//saml:Assertion")); err != nil {
				return err
			}
			return verifyOnly()
		})
		b.ReportMetric(ours/read, "x/read")
	})
}

func signedDigest(b *testing.B) (value, digest []byte) {
	b.Helper()
	digest = sum(crypto.SHA256, []byte("x"))
	value, err := rsa.SignPKCS1v15(nil, issuerPair().key, crypto.SHA256, digest)
	if err != nil {
		b.Fatal(err)
	}
	return value, digest
}

// measure returns the nanoseconds that one call takes.
func measure(b *testing.B, f func() error) float64 {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	return float64(b.Elapsed().Nanoseconds()) / float64(b.N)
}

func BenchmarkVerify_groups(b *testing.B) {
	var values strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&values, `<saml:AttributeValue>team-%06d</saml:AttributeValue>`, i)
	}
	message, v := forge{before: []string{`<saml:AttributeValue>eng</saml:AttributeValue>`, values.String()}}.make(b), verifier()
	measure(b, func() error { _, err := verify(v, message, asks, noon); return err })
}

// BenchmarkDecodeForm_refused refuses 11 MB.
func BenchmarkDecodeForm_refused(b *testing.B) {
	field := base64.StdEncoding.EncodeToString(make([]byte, 11<<20))
	for b.Loop() {
		if _, err := DecodeForm(field, MaxBytes); err == nil {
			b.Fatal("accepted")
		}
	}
}
