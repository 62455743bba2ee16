package assertion

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"strings"
)

// SignEnveloped signs a message of ours that is sent by a form: RSA with SHA-256, exclusive canonical form, the certificate (DER) in
// KeyInfo. The signature stands where the schema wants it, behind Issuer, so the message needs an ID and an Issuer of its own.
//
// SAML core, section 5.4.
func SignEnveloped(xml []byte, key *rsa.PrivateKey, cert []byte) ([]byte, error) {
	message, err := readTree(xml, nil)
	if err != nil {
		return nil, err
	}
	id, _ := message.root.attr("ID")
	after := message.root.only(nsAssertion, "Issuer")
	if !isName(id, ".-_") || after == nil || len(message.signatures) > 0 {
		return nil, errors.New("what is signed needs an ID, one Issuer, and no signature yet")
	}
	digest := base64.StdEncoding.EncodeToString(sum(crypto.SHA256, canonical(message.root, nil, nil)))
	inside := `<ds:CanonicalizationMethod Algorithm="` + nsExclusive + `"></ds:CanonicalizationMethod>` +
		`<ds:SignatureMethod Algorithm="` + algRSASHA256 + `"></ds:SignatureMethod>` +
		`<ds:Reference URI="#` + id + `"><ds:Transforms><ds:Transform Algorithm="` + algEnveloped + `"></ds:Transform>` +
		`<ds:Transform Algorithm="` + nsExclusive + `"></ds:Transform></ds:Transforms>` +
		`<ds:DigestMethod Algorithm="` + algSHA256 + `"></ds:DigestMethod><ds:DigestValue>` + digest + `</ds:DigestValue></ds:Reference></ds:SignedInfo>`
	// Written so, SignedInfo is in its canonical form but for the declaration, which Signature has in the message.
	value, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum(crypto.SHA256, []byte(`<ds:SignedInfo xmlns:ds="`+nsSignature+`">`+inside)))
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.Write(xml[:after.end])
	b.WriteString(`<ds:Signature xmlns:ds="` + nsSignature + `"><ds:SignedInfo>` + inside)
	b.WriteString(`<ds:SignatureValue>` + base64.StdEncoding.EncodeToString(value) + `</ds:SignatureValue>`)
	if len(cert) > 0 {
		b.WriteString(`<ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(cert) +
			`</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`)
	}
	b.WriteString(`</ds:Signature>`)
	b.Write(xml[after.end:])
	return []byte(b.String()), nil
}
