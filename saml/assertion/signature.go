package assertion

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.Hash.New
	_ "crypto/sha512" // and SHA-384
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
)

// Sizes of RSA keys in bits. More than the larger one only costs time.
const (
	minKey = 2048
	maxKey = 8192
)

// Algorithms that are named in messages.
const (
	algRSASHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	algRSASHA384 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"
	algRSASHA512 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
	algSHA1      = "http://www.w3.org/2000/09/xmldsig#sha1"
	algSHA256    = "http://www.w3.org/2001/04/xmlenc#sha256"
	algSHA384    = "http://www.w3.org/2001/04/xmldsig-more#sha384"
	algSHA512    = "http://www.w3.org/2001/04/xmlenc#sha512"
	algEnveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
)

// signatureHash returns the hash of a signature method that is accepted.
func signatureHash(algorithm string) (crypto.Hash, bool) {
	switch algorithm {
	case algRSASHA256:
		return crypto.SHA256, true
	case algRSASHA384:
		return crypto.SHA384, true
	case algRSASHA512:
		return crypto.SHA512, true
	}
	return 0, false
}

// digestHash returns the hash of a digest method that is accepted in a signature.
func digestHash(algorithm string) (crypto.Hash, bool) {
	switch algorithm {
	case algSHA256:
		return crypto.SHA256, true
	case algSHA384:
		return crypto.SHA384, true
	case algSHA512:
		return crypto.SHA512, true
	}
	return 0, false
}

func sum(hash crypto.Hash, data []byte) []byte {
	h := hash.New()
	h.Write(data)
	return h.Sum(nil)
}

// signature is a ds:Signature in the one form that SAML has for it.
//
// SAML core, section 5.4. XML Signature, section 4.
type signature struct {
	element    *node
	signedInfo *node
	prefixes   []string // of the canonical form of signedInfo
	hash       crypto.Hash
	value      []byte
	reference  enveloped
}

// enveloped is the only Reference of a signature.
type enveloped struct {
	prefixes []string // of the canonical form of what is signed
	hash     crypto.Hash
	digest   []byte
}

// verifySignature proves that one of the certificates signed the element n, and returns that certificate. The signature must be a
// child of n, and refer to n; the reference is compared, never followed. What is proven is exactly canonical(n) without the
// signature.
func verifySignature(n, element *node, certs []*x509.Certificate) (*x509.Certificate, *Refusal) {
	id, _ := n.attr("ID")
	s, refusal := readSignature(element, "#"+id)
	if refusal != nil {
		return nil, refusal
	}
	cert, refusal := verifyRSA(certs, s.hash, canonical(s.signedInfo, nil, s.prefixes), s.value)
	if refusal != nil {
		return nil, refusal
	}
	if !bytes.Equal(sum(s.reference.hash, canonical(n, element, s.reference.prefixes)), s.reference.digest) {
		return nil, refuse(CodeSignature, "what was signed has been changed: the digest of "+n.local+" differs")
	}
	return cert, nil
}

// verifyRSA returns the certificate whose key made the signature of data.
func verifyRSA(certs []*x509.Certificate, hash crypto.Hash, data, value []byte) (*x509.Certificate, *Refusal) {
	digest := sum(hash, data)
	tried := false
	for _, cert := range certs {
		key, ok := cert.PublicKey.(*rsa.PublicKey)
		if !ok || key.N.BitLen() < minKey || key.N.BitLen() > maxKey {
			continue
		}
		tried = true
		if rsa.VerifyPKCS1v15(key, hash, digest, value) == nil {
			return cert, nil
		}
	}
	if !tried {
		return nil, refuse(CodeCertificate, "the connection has no signing certificate with an RSA key of 2048 to 8192 bits; others are not accepted")
	}
	return nil, refuse(CodeSignature, "none of the connection's signing certificates made the signature; has the identity provider a new one?")
}

// readSignature reads a signature that refers to uri, and refuses every form of it but one.
func readSignature(n *node, uri string) (*signature, *Refusal) {
	parts := n.elements()
	if len(parts) != 2 && len(parts) != 3 || !n.blank() || !parts[0].is(nsSignature, "SignedInfo") ||
		!parts[1].is(nsSignature, "SignatureValue") || len(parts) == 3 && !parts[2].is(nsSignature, "KeyInfo") {
		return nil, malformed("Signature")
	}
	s := &signature{element: n, signedInfo: parts[0]}
	value, ok := base64Content(parts[1])
	if !ok || len(value) == 0 {
		return nil, malformed("SignatureValue")
	}
	s.value = value
	return s, s.readSignedInfo(uri)
}

func (s *signature) readSignedInfo(uri string) *Refusal {
	parts := s.signedInfo.elements()
	if len(parts) != 3 || !s.signedInfo.blank() || !parts[0].is(nsSignature, "CanonicalizationMethod") ||
		!parts[1].is(nsSignature, "SignatureMethod") || !parts[2].is(nsSignature, "Reference") {
		return malformed("SignedInfo")
	}
	var refusal *Refusal
	if s.prefixes, refusal = exclusive(parts[0]); refusal != nil {
		return refusal
	}
	algorithm, _ := parts[1].attr("Algorithm")
	if s.hash, _ = signatureHash(algorithm); s.hash == 0 || parts[1].first != nil {
		return refuse(CodeSignatureAlgorithm, "the signature method is "+quote(algorithm)+"; accepted are RSA with SHA-256, SHA-384 and SHA-512")
	}
	return s.readReference(parts[2], uri)
}

func (s *signature) readReference(n *node, uri string) *Refusal {
	parts := n.elements()
	if len(parts) != 3 || !n.blank() || !parts[0].is(nsSignature, "Transforms") ||
		!parts[1].is(nsSignature, "DigestMethod") || !parts[2].is(nsSignature, "DigestValue") {
		return malformed("Reference")
	}
	if got, ok := n.attr("URI"); !ok || got != uri || uri == "#" {
		return refuse(CodeSignature, "the signature refers to "+quote(got)+", not to the element that it stands in, "+quote(uri))
	}
	transforms := parts[0].elements()
	if len(transforms) != 2 || !parts[0].blank() || !transforms[0].is(nsSignature, "Transform") || !transforms[1].is(nsSignature, "Transform") {
		return malformed("Transforms")
	}
	if algorithm, _ := transforms[0].attr("Algorithm"); algorithm != algEnveloped || transforms[0].first != nil {
		return refuse(CodeSignatureAlgorithm, "the first transform is "+quote(algorithm)+"; it must be that of an enveloped signature")
	}
	var refusal *Refusal
	if s.reference.prefixes, refusal = exclusive(transforms[1]); refusal != nil {
		return refusal
	}
	algorithm, _ := parts[1].attr("Algorithm")
	if s.reference.hash, _ = digestHash(algorithm); s.reference.hash == 0 || parts[1].first != nil {
		return refuse(CodeSignatureAlgorithm, "the digest method is "+quote(algorithm)+"; accepted are SHA-256, SHA-384 and SHA-512")
	}
	digest, ok := base64Content(parts[2])
	if !ok {
		return malformed("DigestValue")
	}
	s.reference.digest = digest
	return nil
}

func malformed(element string) *Refusal {
	return refuse(CodeSignature, element+" is not in the one form that SAML has for a signature")
}

// exclusive returns the PrefixList of a canonicalisation or transform, which must be the exclusive one.
//
// Exclusive XML Canonicalization 1.0, section 4.
func exclusive(n *node) ([]string, *Refusal) {
	if algorithm, _ := n.attr("Algorithm"); algorithm != nsExclusive {
		return nil, refuse(CodeSignatureAlgorithm, "the canonical form is "+quote(algorithm)+"; it must be "+nsExclusive)
	}
	parts := n.elements()
	if len(parts) == 0 && n.blank() {
		return nil, nil
	}
	if len(parts) != 1 || !n.blank() || !parts[0].is(nsExclusive, "InclusiveNamespaces") || parts[0].first != nil {
		return nil, malformed(n.local)
	}
	list, _ := parts[0].attr("PrefixList")
	prefixes := strings.Fields(list)
	if len(prefixes) > 16 {
		return nil, malformed("PrefixList")
	}
	for i, prefix := range prefixes {
		if prefix == "#default" {
			prefixes[i] = ""
		}
	}
	slices.Sort(prefixes)
	return slices.Compact(prefixes), nil
}

// base64Content decodes what stands in an element, in which whitespace may stand anywhere. XML Schema part 2, section 3.2.16.
func base64Content(n *node) ([]byte, bool) {
	text, ok := n.content()
	if !ok {
		return nil, false
	}
	if strings.ContainsAny(text, " \t\r\n") {
		text = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(text)
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	return data, err == nil
}
