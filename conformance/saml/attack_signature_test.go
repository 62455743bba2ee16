package saml

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" // what must be refused is made with it
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
)

func onlyWhole(m *message)     { m.assertion, m.whole = false, true }
func bothSigned(m *message)    { m.whole = true }
func nothingSigned(m *message) { m.assertion, m.whole = false, false }

// after changes the finished message.
func after(all ...surgery) func(m *message) { return func(m *message) { m.after = each(all...) } }

// before changes the message before anything is signed.
func before(all ...surgery) func(m *message) { return func(m *message) { m.before = each(all...) } }

// says makes the message about vic, which pat's identity provider would sign only for vic.
func says(p person) func(m *message) { return func(m *message) { m.subject = subjectOf(p) } }

// wrap rebuilds a message whose assertion is signed out of its parts: the assertion without its signature, the signature, and
// the assertion that the attacker wants to be read.
func wrap(build func(bare, signature, evil string) string) func(m *message) {
	return after(func(_ *testing.T, xml string) string {
		assertion := assertionOf(xml)
		signature := signaturePattern.FindString(assertion)
		bare := strings.Replace(assertion, signature, "", 1)
		return strings.Replace(xml, assertion, build(bare, signature, evil(xml)), 1)
	})
}

// behindIssuer puts text behind the first Issuer.
func behindIssuer(xml, text string) string {
	return strings.Replace(xml, "</saml:Issuer>", "</saml:Issuer>"+text, 1)
}

// within puts text at the end of an element.
func within(element, text string) string {
	i := strings.LastIndex(element, "</")
	return element[:i] + text + element[i:]
}

// wrapWhole rebuilds a message that is signed as a whole.
func wrapWhole(build func(bare, signature, evil string) string) func(m *message) {
	return after(func(_ *testing.T, xml string) string {
		signature := signaturePattern.FindString(xml)
		bare := strings.Replace(xml, signature, "", 1)
		other := strings.Replace(bare, assertionOf(bare), evil(bare), 1)
		return build(bare, signature, strings.Replace(other, idOf(other), newID(), 1))
	})
}

func TestAttack_01_signature_wrapping(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.variants(t, []variant{
			{name: "XSW 1: the signed response inside the signature of another", code: "assertion_count", twin: onlyWhole, forge: wrapWhole(func(bare, signature, evil string) string {
				return behindIssuer(evil, within(signature, bare))
			})},
			{name: "XSW 2: the signed response before its signature in another", code: "message", twin: onlyWhole, forge: wrapWhole(func(bare, signature, evil string) string {
				return behindIssuer(evil, bare+signature)
			})},
			{name: "XSW 3: another assertion before the signed one", code: "assertion_count", forge: wrap(func(bare, signature, evil string) string {
				return evil + behindIssuer(bare, signature)
			})},
			{name: "XSW 4: the signed assertion inside another", code: "assertion_count", forge: wrap(func(bare, signature, evil string) string {
				return within(evil, behindIssuer(bare, signature))
			})},
			{name: "XSW 5: another with the signature of the one behind it", code: "assertion_count", forge: wrap(func(bare, signature, evil string) string {
				return behindIssuer(evil, signature) + bare
			})},
			{name: "XSW 6: another with the signature and in it the signed one", code: "assertion_count", forge: wrap(func(bare, signature, evil string) string {
				return behindIssuer(evil, within(signature, bare))
			})},
			{name: "XSW 7: another in Extensions", code: "assertion_count", forge: after(func(_ *testing.T, xml string) string {
				return behindIssuer(xml, "<samlp:Extensions>"+evil(xml)+"</samlp:Extensions>")
			})},
			{name: "XSW 8: the signed one in an Object of the signature of another", code: "assertion_count", forge: wrap(func(bare, signature, evil string) string {
				return behindIssuer(evil, within(signature, "<ds:Object>"+bare+"</ds:Object>"))
			})},
			{name: "XSW 9: the signed one in StatusDetail and another in its place", code: "assertion_count", forge: after(func(_ *testing.T, xml string) string {
				assertion := assertionOf(xml)
				xml = strings.Replace(xml, assertion, evil(xml), 1)
				return strings.Replace(xml, "</samlp:Status>", "<samlp:StatusDetail>"+assertion+"</samlp:StatusDetail></samlp:Status>", 1)
			})},
			{name: "the signed response in StatusDetail of another", code: "assertion_count", twin: onlyWhole, forge: wrapWhole(func(bare, signature, evil string) string {
				return strings.Replace(evil, "</samlp:Status>", "<samlp:StatusDetail>"+behindIssuer(bare, signature)+"</samlp:StatusDetail></samlp:Status>", 1)
			})},
			{name: "another behind the signed one", code: "assertion_count", forge: wrap(func(bare, signature, evil string) string {
				return behindIssuer(bare, signature) + evil
			})},
		})
	})
}

func TestAttack_02_signature_exclusion(t *testing.T) {
	vic := says(vic)
	stripped := after(cut(`<ds:Signature .*?</ds:Signature>`))
	s := func(list ...func(*message)) func(*message) {
		return func(m *message) {
			for _, f := range list {
				f(m)
			}
		}
	}
	attacked(t, func(t *testing.T, site *site) {
		site.variants(t, []variant{
			{name: "nothing was ever signed", code: "unsigned", forge: s(vic, nothingSigned)},
			{name: "the assertion's signature is cut out", code: "unsigned", forge: s(vic, stripped)},
			{name: "the response's signature is cut out", code: "unsigned", twin: onlyWhole, forge: s(vic, stripped)},
			{name: "both are cut out", code: "unsigned", twin: bothSigned, forge: s(vic, after(cut(`<ds:Signature .*?</ds:Signature>`), cut(`<ds:Signature .*?</ds:Signature>`)))},
			{name: "the value of the signature is empty", code: "signature", forge: after(reform(`<ds:SignatureValue>.*?</ds:SignatureValue>`, `<ds:SignatureValue></ds:SignatureValue>`))},
			{name: "there is no value of the signature", code: "signature", forge: after(cut(`<ds:SignatureValue>.*?</ds:SignatureValue>`))},
			{name: "the signature is empty", code: "signature", forge: after(reform(`(<ds:Signature [^>]*>).*?</ds:Signature>`, `$1</ds:Signature>`))},
			{name: "there is no SignedInfo", code: "signature", forge: after(cut(`<ds:SignedInfo>.*?</ds:SignedInfo>`))},
			{name: "the signature has another namespace", code: "unsigned", forge: after(swap(`<ds:Signature xmlns:ds="`+dsNS+`"`, `<ds:Signature xmlns:ds="`+dsNS+`evil"`))},
			{name: "the signature has another name", code: "unsigned", forge: after(swap("<ds:Signature ", "<ds:Signatur "), swap("</ds:Signature>", "</ds:Signatur>"))},
			{name: "the signature stands deeper than it may", code: "signature", forge: after(func(_ *testing.T, xml string) string {
				signature := signaturePattern.FindString(xml)
				xml = strings.Replace(xml, signature, "", 1)
				return strings.Replace(xml, "<saml:Conditions", "<saml:Advice>"+signature+"</saml:Advice><saml:Conditions", 1)
			})},
		})
	})
}

func TestAttack_03_every_signature_counts(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.accepted(t, map[string]func(*message){
			"only the assertion is signed": nil, "only the response is signed": onlyWhole, "both are signed": bothSigned,
		})
		s.variants(t, []variant{
			{name: "both signed, the response changed", code: "signature", twin: bothSigned, forge: after(swap("<samlp:Status>", `<samlp:Extensions/><samlp:Status>`))},
			{name: "both signed, the assertion changed", code: "signature", twin: bothSigned, forge: after(func(_ *testing.T, xml string) string {
				return strings.ReplaceAll(xml, subjectOf(pat), subjectOf(vic))
			})},
			{name: "the assertion's signature is broken before the response is signed", code: "signature", twin: bothSigned, forge: func(m *message) {
				m.between = func(_ *testing.T, xml string) string { return strings.ReplaceAll(xml, subjectOf(pat), subjectOf(vic)) }
			}},
			{name: "the response is signed by somebody else", code: "signature", twin: bothSigned, forge: func(m *message) {
				m.whole = false
				m.after = func(t *testing.T, xml string) string { return sign(t, xml, signing{by: keys().evil}) }
			}},
			{name: "the assertion is signed by somebody else, the response by the provider", code: "signature", twin: bothSigned, forge: func(m *message) {
				m.assertion = false
				m.between = func(t *testing.T, xml string) string {
					assertion := assertionOf(xml)
					return strings.Replace(xml, assertion, sign(t, assertion, signing{by: keys().evil}), 1)
				}
			}},
			{name: "two signatures of one assertion", code: "signature", forge: after(func(_ *testing.T, xml string) string {
				return strings.Replace(xml, "</ds:Signature>", "</ds:Signature>"+signaturePattern.FindString(xml), 1)
			})},
		})
	})
}

func TestAttack_14_trust(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.connect(t, "other", "okta", keys().other)
		s.imports(t, "okta", s.idps["okta"].metadata(keyDescriptor("encryption", keys().encryption), keyDescriptor("signing", keys().next)))
		sp := certificatePattern.FindStringSubmatch(s.ours(t, "okta"))
		by := func(p pair) func(*message) { return func(m *message) { m.signs.by = p } }
		claims := func(p pair, info string) func(*message) {
			return func(m *message) { m.signs.by, m.signs.keyInfo = p, info }
		}
		s.accepted(t, map[string]func(*message){
			"the second certificate of the metadata": by(keys().next),
			"no KeyInfo":                             func(m *message) { m.signs.keyInfo = "-" },
			"a foreign certificate in KeyInfo, which is not looked at": func(m *message) { m.signs.keyInfo = x509Data(keys().evil) },
		})
		s.variants(t, []variant{
			{name: "a key that nobody knows, with its certificate", code: "signature", forge: by(keys().evil)},
			{name: "a key that nobody knows, with the right certificate", code: "signature", forge: claims(keys().evil, x509Data(keys().good))},
			{name: "a key that nobody knows, without a certificate", code: "signature", forge: claims(keys().evil, "-")},
			{name: "a key that nobody knows, as KeyValue", code: "signature", forge: claims(keys().evil, keyValue(keys().evil))},
			{name: "the key of another connection's provider", code: "signature", forge: by(keys().other)},
			{name: "our own certificate", code: "signature", forge: claims(keys().evil, "<ds:X509Data><ds:X509Certificate>"+sp[1]+"</ds:X509Certificate></ds:X509Data>")},
			{name: "the key that the provider only encrypts with", code: "signature", forge: by(keys().encryption)},
			{name: "a certificate fetched from elsewhere", code: "signature", forge: claims(keys().evil, `<ds:RetrievalMethod URI="http://127.0.0.1:9/evil.crt"/>`)},
		})
		t.Run("a certificate whose time is over", func(t *testing.T) {
			s.imports(t, "okta", s.idps["okta"].metadata(keyDescriptor("signing", keys().expired)))
			s.signIn(t, by(keys().expired)).enters(pat)
			s.settings(t, "saml_expired_certificates=false")
			s.signIn(t).enters(pat)
			s.refuses(t, refusal{code: "signature"}, func() result { return s.signIn(t, by(keys().expired)) })
		})
	})
}

func keyValue(p pair) string {
	return fmt.Sprintf("<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>%s</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>",
		base64.StdEncoding.EncodeToString(p.public().N.Bytes()))
}

// mac is an HMAC whose secret is what everybody has: the certificate of the provider.
func mac(m *message, secret []byte) {
	m.signs.method = moreNS + "hmac-sha256"
	m.signs.value = func(info []byte) []byte {
		h := hmac.New(sha256.New, secret)
		_, _ = h.Write(info)
		return h.Sum(nil)
	}
}

func TestAttack_15_algorithms(t *testing.T) {
	method := func(name string) func(*message) { return func(m *message) { m.signs.method = name } }
	attacked(t, func(t *testing.T, s *site) {
		s.imports(t, "okta", s.idps["okta"].metadata(keyDescriptor("signing", keys().small), keyDescriptor("signing", keys().curve)))
		s.accepted(t, map[string]func(*message){
			"rsa-sha256": method(rsaSHA256), "rsa-sha384": method(rsaSHA384), "rsa-sha512": method(rsaSHA512),
			"digest sha512": func(m *message) { m.signs.digest = sha512URI }, "digest sha384": func(m *message) { m.signs.digest = sha384URI },
		})
		s.variants(t, []variant{
			{name: "rsa-sha1", code: "signature_algorithm", forge: method(rsaSHA1)},
			{name: "a digest of SHA-1", code: "signature_algorithm", forge: func(m *message) { m.signs.digest = sha1URI }},
			{name: "rsa-sha1 with a digest of SHA-1", code: "signature_algorithm", forge: func(m *message) { m.signs.method, m.signs.digest = rsaSHA1, sha1URI }},
			{name: "hmac-sha256 with the certificate", code: "signature_algorithm", forge: func(m *message) { mac(m, m.idp.pair.cert) }},
			{name: "hmac-sha256 with the certificate as PEM", code: "signature_algorithm", forge: func(m *message) {
				mac(m, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.idp.pair.cert}))
			}},
			{name: "hmac-sha256 with the public key", code: "signature_algorithm", forge: func(m *message) { mac(m, x509.MarshalPKCS1PublicKey(m.idp.pair.public())) }},
			{name: "hmac-sha256 without a key", code: "signature_algorithm", forge: func(m *message) { mac(m, nil) }},
			{name: "hmac-sha1", code: "signature_algorithm", forge: func(m *message) {
				m.signs.method = dsNS + "hmac-sha1"
				m.signs.value = func(info []byte) []byte {
					h := hmac.New(sha1.New, m.idp.pair.cert)
					_, _ = h.Write(info)
					return h.Sum(nil)
				}
			}},
			{name: "dsa-sha1", code: "signature_algorithm", forge: method(dsNS + "dsa-sha1")},
			{name: "rsa-md5", code: "signature_algorithm", forge: method(moreNS + "rsa-md5")},
			{name: "a method that nobody knows", code: "signature_algorithm", forge: method("urn:none")},
			{name: "none", code: "signature_algorithm", forge: method("none")},
			{name: "an empty method", code: "signature_algorithm", forge: func(m *message) { m.signs.method = " " }},
			{name: "rsa-pss", code: "signature_algorithm", forge: func(m *message) {
				m.signs.method = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"
				m.signs.value = func(info []byte) []byte { return sealedPSS(m.idp.pair, info) }
			}},
			{name: "a key of 1024 bits in the metadata", code: "signature", forge: func(m *message) { m.signs.by = keys().small }},
			{name: "ecdsa-sha256 as DER", code: "signature_algorithm", forge: func(m *message) { m.signs.by, m.signs.method = keys().curve, moreNS+"ecdsa-sha256" }},
			{name: "ecdsa-sha256 as r and s", code: "signature_algorithm", forge: func(m *message) {
				m.signs.by, m.signs.method = keys().curve, moreNS+"ecdsa-sha256"
				m.signs.value = curveValue
			}},
			{name: "two methods", code: "signature", forge: func(m *message) {
				m.signs.method = rsaSHA256 + `"/><ds:SignatureMethod Algorithm="` + rsaSHA1
			}},
		})
	})
}

// curveValue is how XML Signature writes what an elliptic curve signs.
func curveValue(info []byte) []byte {
	key := keys().curve.key.(*ecdsa.PrivateKey)
	r, s, err := ecdsa.Sign(rand.Reader, key, sum(crypto.SHA256, info))
	if err != nil {
		panic(err)
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

func TestAttack_16_transforms_and_references(t *testing.T) {
	transforms := func(all ...string) func(*message) {
		return func(m *message) { m.signs.transforms = strings.Join(all, "") }
	}
	uri := func(u string) func(*message) { return func(m *message) { m.signs.uri = u } }
	usual := []string{transform(enveloped, ""), transform(exclusive, "")}
	emptyDigest := base64.StdEncoding.EncodeToString(sum(crypto.SHA256, nil))
	more := `<ds:Reference URI="#%s"><ds:Transforms>` + strings.Join(usual, "") + `</ds:Transforms><ds:DigestMethod Algorithm="` + sha256URI + `"/><ds:DigestValue>` + emptyDigest + `</ds:DigestValue></ds:Reference>`
	attacked(t, func(t *testing.T, s *site) {
		s.accepted(t, map[string]func(*message){"with the usual transforms": transforms(usual...)})
		s.variants(t, []variant{
			{name: "XSLT", code: "signature_algorithm", forge: transforms(usual[0], transform("http://www.w3.org/TR/1999/REC-xslt-19991116",
				`<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"><x/></xsl:template></xsl:stylesheet>`))},
			{name: "XPath", code: "signature", forge: transforms(usual[0], transform("http://www.w3.org/TR/1999/REC-xpath-19991116", `<ds:XPath>not(//saml:Subject)</ds:XPath>`), usual[1])},
			{name: "XPath filter 2", code: "signature", forge: transforms(usual[0], transform("http://www.w3.org/2002/06/xmldsig-filter2", ""), usual[1])},
			{name: "base64", code: "signature_algorithm", forge: transforms(usual[0], transform(dsNS+"base64", ""))},
			{name: "no transforms", code: "signature", forge: transforms(" ")},
			{name: "enveloped alone", code: "signature", forge: transforms(usual[0])},
			{name: "three", code: "signature", forge: transforms(usual[0], usual[1], usual[1])},
			{name: "in the other order", code: "signature_algorithm", forge: transforms(usual[1], usual[0])},
			{name: "one that nobody knows", code: "signature_algorithm", forge: transforms(usual[0], transform("urn:none", ""))},
			{name: "no URI", code: "signature", forge: uri("-")},
			{name: "an empty URI", code: "signature", forge: uri("+")},
			{name: "an xpointer to the root", code: "signature", forge: uri("#xpointer(/)")},
			{name: "an xpointer to an id", code: "signature", forge: func(m *message) { m.signs.uri = "#xpointer(id('" + m.id + "'))" }},
			{name: "http", code: "signature", forge: uri("http://127.0.0.1:9/assertion")},
			{name: "file", code: "signature", forge: uri("file:///etc/passwd")},
			{name: "the id of nothing", code: "signature", forge: uri("#_nothing")},
			{name: "the response's id on the assertion", code: "signature", forge: func(m *message) { m.signs.uri = "#" + m.response }},
			{name: "the id without #", code: "signature", forge: func(m *message) { m.signs.uri = m.id }},
			{name: "two references", code: "signature", forge: func(m *message) { m.signs.references = fmt.Sprintf(more, m.id) }},
			{name: "a reference to something else too", code: "signature", forge: func(m *message) { m.signs.references = fmt.Sprintf(more, m.response) }},
			{name: "no reference", code: "signature", forge: func(m *message) {
				m.signs.signature = func(text string) string { return cut(`<ds:Reference .*</ds:Reference>`).on(t, text) }
			}},
			{name: "two SignedInfo, the wrong one first", code: "signature", forge: after(reform(`(<ds:SignedInfo>.*?</ds:SignedInfo>)`, `<ds:SignedInfo></ds:SignedInfo>$1`))},
			{name: "two SignedInfo, the wrong one last", code: "signature", forge: after(func(_ *testing.T, xml string) string {
				i := strings.Index(xml, "<ds:SignedInfo>")
				info := xml[i : strings.Index(xml, "</ds:SignedInfo>")+len("</ds:SignedInfo>")]
				return strings.Replace(xml, info, info+strings.Replace(info, "<ds:DigestValue>", "<ds:DigestValue>AAAA", 1), 1)
			})},
			{name: "two values of the digest", code: "signature", forge: after(reform(`(<ds:DigestValue>[^<]*</ds:DigestValue>)`, `<ds:DigestValue>`+emptyDigest+`</ds:DigestValue>$1`))},
			{name: "a Manifest in an Object", code: "signature", forge: after(swap("</ds:Signature>", "<ds:Object><ds:Manifest/></ds:Object></ds:Signature>"))},
			{name: "an Object", code: "signature", forge: after(swap("</ds:Signature>", "<ds:Object>x</ds:Object></ds:Signature>"))},
		})
	})
}

func TestAttack_17_canonicalisation(t *testing.T) {
	emptyDigest := base64.StdEncoding.EncodeToString(sum(crypto.SHA256, nil))
	attacked(t, func(t *testing.T, s *site) {
		s.accepted(t, map[string]func(*message){
			"a PrefixList that names what is not there": func(m *message) { m.signs.prefixes = "xs xsi" },
			"the spelling that the canonical form undoes": after(func(_ *testing.T, xml string) string {
				return strings.Replace(strings.Replace(xml, `<saml:Conditions `, "<saml:Conditions\n\t", 1), `<samlp:StatusCode `, `<samlp:StatusCode  `, 1)
			}),
		})
		s.variants(t, []variant{
			{name: "the digest of nothing", code: "signature", forge: after(each(reform(`<ds:DigestValue>[^<]*<`, `<ds:DigestValue>`+emptyDigest+`<`)))},
			{name: "inclusive, and then changed", code: "signature_algorithm", forge: func(m *message) {
				m.signs.c14n = inclusive
				m.after = func(_ *testing.T, xml string) string { return strings.ReplaceAll(xml, subjectOf(pat), subjectOf(vic)) }
			}},
			{name: "with comments, and one is put in", code: "xml", forge: func(m *message) {
				m.signs.transforms = transform(enveloped, "") + transform(withComments, "")
				m.after = swap(subjectOf(pat), subjectOf(pat)+"<!-- -->")
			}},
			{name: "a canonicalisation that nobody knows", code: "signature_algorithm", forge: func(m *message) { m.signs.c14n = "urn:none" }},
			{name: "a relative namespace, and then changed", code: "xml", forge: func(m *message) {
				m.before = swap("<saml:Conditions", `<saml:Conditions xmlns:x="1"`)
				m.after = func(_ *testing.T, xml string) string { return strings.ReplaceAll(xml, subjectOf(pat), subjectOf(vic)) }
			}},
			{name: "a relative namespace on the signature", code: "xml", forge: after(swap("<ds:SignedInfo>", `<ds:SignedInfo xmlns:x="1">`), func(_ *testing.T, xml string) string {
				return strings.ReplaceAll(xml, subjectOf(pat), subjectOf(vic))
			})},
			{name: "a huge PrefixList", code: "signature", forge: func(m *message) { m.signs.prefixes = strings.TrimSpace(strings.Repeat("evil ", 20_000)) }},
			{name: "whitespace in a value", code: "signature", forge: after(swap(subjectOf(pat)+"</saml:AttributeValue>", subjectOf(pat)+" </saml:AttributeValue>"))},
		})
	})
}

func TestAttack_18_namespaces(t *testing.T) {
	twice := func(_ *testing.T, xml string) string { return strings.ReplaceAll(xml, subjectOf(pat), subjectOf(vic)) }
	attacked(t, func(t *testing.T, s *site) {
		s.accepted(t, map[string]func(*message){
			"one prefix for two namespaces, one inside the other": func(m *message) {
				m.after = func(_ *testing.T, xml string) string {
					head, rest, _ := strings.Cut(xml, assertionOf(xml))
					whole := strings.NewReplacer("samlp:", "a:", "xmlns:samlp", "xmlns:a")
					return whole.Replace(head) + assertionOf(xml) + whole.Replace(rest)
				}
			},
			"the protocol as the default namespace": after(func(_ *testing.T, xml string) string {
				assertion := assertionOf(xml)
				plain := strings.NewReplacer("samlp:", "", "xmlns:samlp=", "xmlns=")
				head, rest, _ := strings.Cut(xml, assertion)
				return plain.Replace(head) + assertion + plain.Replace(rest)
			}),
		})
		s.variants(t, []variant{
			{name: "the assertion's prefix means something else", code: "message", forge: after(swap(`<saml:Assertion xmlns:saml="`+assertionNS+`"`, `<saml:Assertion xmlns:saml="urn:evil"`))},
			{name: "the response is of another namespace", code: "message", forge: after(swap(`xmlns:samlp="`+protocolNS+`"`, `xmlns:samlp="urn:evil"`))},
			{name: "the prefix of the signature is bound again", code: "signature", forge: after(swap("<ds:SignedInfo>", `<ds:SignedInfo xmlns:ds="urn:evil">`))},
			{name: "the prefix of the signature is bound again in an Object", code: "signature", forge: after(swap("</ds:Signature>", `<ds:Object xmlns:samlp="urn:evil" xmlns:saml="urn:evil">x</ds:Object></ds:Signature>`))},
			{name: "a declaration without a prefix", code: "xml", forge: after(swap("<samlp:Status>", `<samlp:Status xmlns:="urn:evil">`))},
			{name: "a prefix that is undone", code: "xml", forge: after(swap("<samlp:Status>", `<samlp:Status xmlns:saml="">`))},
			{name: "the prefix xml bound to something else", code: "xml", forge: after(swap("<samlp:Status>", `<samlp:Status xmlns:xml="urn:evil">`))},
			{name: "a prefix that nobody declared", code: "xml", forge: after(swap("<samlp:Status>", `<samlp:Status><evil:x/>`))},
			{name: "a name with two colons", code: "xml", forge: after(swap("<samlp:Status>", `<samlp:Status><saml:x:y/>`))},
			{name: "an Assertion of no namespace before the signed one", code: "message", forge: after(func(t *testing.T, xml string) string {
				other := strings.NewReplacer("<saml:", "<", "</saml:", "</", "xmlns:saml=", "xmlns:x=").Replace(evil(xml))
				return strings.Replace(xml, "<saml:Assertion", other+"<saml:Assertion", 1)
			})},
			{name: "another prefix for the namespace, and another subject", code: "signature", forge: after(twice)},
			{name: "an attribute of the namespace of assertions", code: "signature", forge: after(reform(`(<saml:Assertion [^>]*?) ID=`, `$1 saml:ID="_evil" ID=`))},
		})
	})
}
