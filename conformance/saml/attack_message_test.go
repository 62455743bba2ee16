package saml

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// both does one thing and then another to a message.
func both(all ...func(*message)) func(*message) {
	return func(m *message) {
		for _, f := range all {
			if f != nil {
				f(m)
			}
		}
	}
}

// byNameID lets a connection know people by their NameID in place of an attribute.
const byNameID = "saml_subject=nameid"

func TestAttack_04_comments(t *testing.T) {
	suite := func(t *testing.T, s *site) {
		longer := func(m *message) { m.subject = subjectOf(vic) + ".evil" }
		truncated := func(between string) func(*message) {
			return both(longer, after(func(_ *testing.T, xml string) string {
				return strings.ReplaceAll(xml, subjectOf(vic)+".evil", subjectOf(vic)+between+".evil")
			}))
		}
		s.variants(t, []variant{
			{name: "a comment ends the victim's name early", code: "xml", forge: truncated("<!-- -->")},
			{name: "an instruction ends the victim's name early", code: "xml", forge: truncated("<?x y?>")},
			{name: "a comment in the middle of one's own name", code: "xml", forge: after(func(_ *testing.T, xml string) string {
				return strings.ReplaceAll(xml, subjectOf(pat), "00u<!---->pat9xY")
			})},
			{name: "a comment in DigestValue", code: "xml", forge: after(swap("<ds:DigestValue>", "<ds:DigestValue><!--x-->"))},
			{name: "a comment in SignatureValue", code: "xml", forge: after(swap("<ds:SignatureValue>", "<ds:SignatureValue><!--x-->"))},
			{name: "a comment in SignedInfo", code: "xml", forge: after(swap("<ds:SignedInfo>", "<ds:SignedInfo><!--x-->"))},
			{name: "a comment in the issuer", code: "xml", forge: after(swap("</saml:Issuer>", "<!--x--></saml:Issuer>"))},
			{name: "a comment between elements", code: "xml", forge: after(swap("<samlp:Status>", "<!--x--><samlp:Status>"))},
			{name: "a comment before the root", code: "xml", forge: after(swap("<samlp:Response", "<!--x--><samlp:Response"))},
			{name: "an instruction before the root", code: "xml", forge: after(swap("<samlp:Response", "<?x y?><samlp:Response"))},
		})
	}
	attacked(t, suite)
	attacked(t, suite, byNameID)
}

func TestAttack_05_other_spellings_of_a_value(t *testing.T) {
	suite := func(t *testing.T, s *site) {
		spelled := func(p person, text string) func(*message) {
			return after(func(_ *testing.T, xml string) string { return strings.ReplaceAll(xml, subjectOf(p), text) })
		}
		s.accepted(t, map[string]func(*message){
			"CDATA":                     spelled(pat, "<![CDATA["+subjectOf(pat)+"]]>"),
			"CDATA in the middle":       spelled(pat, "00u<![CDATA[pat]]>9xY"),
			"two of CDATA":              spelled(pat, "<![CDATA[00u]]><![CDATA[pat9xY]]>"),
			"references in decimal":     spelled(pat, "00u&#112;at9xY"),
			"references in hexadecimal": spelled(pat, "00u&#x70;at9xY"),
		})
		s.variants(t, []variant{
			{name: "CDATA with another value", code: "signature", forge: spelled(pat, "<![CDATA["+subjectOf(vic)+"]]>")},
			{name: "CDATA that holds a comment", code: "not_provisioned", forge: both(func(m *message) { m.subject = "<![CDATA[" + subjectOf(vic) + "<!-- -->]]>" })},
			{name: "a reference to NUL", code: "xml", forge: spelled(pat, subjectOf(pat)+"&#0;")},
			{name: "a reference to a space at the end", forge: func(m *message) { m.subject += "&#32;" }},
			{name: "a reference to a tab", forge: func(m *message) { m.subject += "&#9;" }},
			{name: "a character without width", code: "not_provisioned", forge: func(m *message) { m.subject += "&#x200B;" }},
			{name: "a look-alike", code: "not_provisioned", forge: func(m *message) { m.subject = strings.Replace(subjectOf(vic), "v", "&#x475;", 1) }},
			{name: "another case", code: "not_provisioned", forge: func(m *message) { m.subject = strings.ToUpper(subjectOf(vic)) }},
		})
	}
	attacked(t, suite)
	attacked(t, suite, byNameID)
}

func TestAttack_06_duplicate_ids(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		// beside puts another assertion before the signed one, under the same id by some attribute.
		beside := func(attribute string) func(*message) {
			return after(func(_ *testing.T, xml string) string {
				signed := idOf(assertionOf(xml))
				other := evil(xml)
				other = strings.Replace(other, `ID="`+idOf(other)+`"`, fmt.Sprintf(attribute, signed), 1)
				return strings.Replace(xml, "<saml:Assertion", other+"<saml:Assertion", 1)
			})
		}
		s.variants(t, []variant{
			{name: "two assertions of one ID", code: "xml", forge: beside(`ID="%s"`)},
			{name: "xml:id", code: "xml", forge: beside(`ID="_evil" xml:id="%s"`)},
			{name: "id", code: "xml", forge: beside(`ID="_evil" id="%s"`)},
			{name: "Id", code: "xml", forge: beside(`ID="_evil" Id="%s"`)},
			{name: "an ID of another namespace", code: "xml", forge: beside(`ID="_evil" xmlns:evil="urn:evil" evil:ID="%s"`)},
			{name: "ID twice on the assertion", code: "xml", forge: after(reform(`(<saml:Assertion [^>]*?)ID="([^"]*)"`, `${1}ID="_evil" ID="$2"`))},
			{name: "ID twice on the response", code: "xml", forge: after(reform(`(<samlp:Response [^>]*?)ID="([^"]*)"`, `${1}ID="$2" ID="_evil"`))},
			{name: "the response has the assertion's ID", code: "xml", forge: after(func(_ *testing.T, xml string) string {
				return strings.Replace(xml, idOf(xml), idOf(assertionOf(xml)), 1)
			})},
			{name: "an attribute twice under two prefixes", code: "xml", forge: after(swap("<samlp:Status>", `<samlp:Status xmlns:a="urn:x" xmlns:b="urn:x" a:y="1" b:y="2">`))},
			{name: "Destination twice", code: "xml", forge: after(reform(`(Destination="[^"]*")`, `$1 $1`))},
			{name: "no ID on the assertion", code: "signature", forge: before(reform(`(<saml:Assertion [^>]*?) ID="[^"]*"`, `$1`))},
			{name: "an empty ID on the assertion", code: "signature", forge: func(m *message) { m.id = "" }},
		})
	})
}

func TestAttack_07_exactly_one_assertion(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		to := s.recipient(t)
		signed := func(m *message, p person) func(t *testing.T) string {
			return func(t *testing.T) string {
				other := *m
				other.subject, other.id, other.after, other.before = subjectOf(p), newID(), nil, nil
				return sign(t, other.statement(), other.signs)
			}
		}
		// more puts another assertion, signed as the first one is, somewhere.
		more := func(p person, put func(xml, other string) string) func(*message) {
			return func(m *message) {
				other := signed(m, p)
				m.after = func(t *testing.T, xml string) string { return put(xml, other(t)) }
			}
		}
		s.variants(t, []variant{
			{name: "two, both signed", code: "assertion_count", forge: more(vic, func(xml, other string) string { return within(xml, other) })},
			{name: "two, the other first", code: "assertion_count", forge: more(vic, func(xml, other string) string {
				return strings.Replace(xml, "<saml:Assertion", other+"<saml:Assertion", 1)
			})},
			{name: "two of the same person", code: "assertion_count", forge: more(pat, func(xml, other string) string { return within(xml, other) })},
			{name: "one and an encrypted one", code: "assertion_count", forge: more(vic, func(xml, other string) string {
				return within(xml, (&encryption{to: to}).element(t, other))
			})},
			{name: "another in Extensions", code: "assertion_count", forge: more(vic, func(xml, other string) string {
				return behindIssuer(xml, "<samlp:Extensions>"+other+"</samlp:Extensions>")
			})},
			{name: "none", code: "assertion_count", forge: after(cut(`<saml:Assertion .*</saml:Assertion>`))},
			{name: "the only one in Extensions", code: "assertion_count", forge: after(func(_ *testing.T, xml string) string {
				assertion := assertionOf(xml)
				return behindIssuer(strings.Replace(xml, assertion, "", 1), "<samlp:Extensions>"+assertion+"</samlp:Extensions>")
			})},
			{name: "the only one in StatusDetail", code: "assertion_count", forge: after(func(_ *testing.T, xml string) string {
				assertion := assertionOf(xml)
				return strings.Replace(strings.Replace(xml, assertion, "", 1), "</samlp:Status>", "<samlp:StatusDetail>"+assertion+"</samlp:StatusDetail></samlp:Status>", 1)
			})},
			{name: "another in Advice", code: "assertion_count", forge: func(m *message) {
				other := signed(m, vic)
				m.before = func(t *testing.T, xml string) string {
					return strings.Replace(xml, "<saml:AuthnStatement", "<saml:Advice>"+other(t)+"</saml:Advice><saml:AuthnStatement", 1)
				}
			}},
			{name: "another in an AttributeValue", code: "assertion_count", forge: func(m *message) {
				other := signed(m, vic)
				m.before = func(t *testing.T, xml string) string {
					return strings.Replace(xml, "<saml:AttributeStatement>", "<saml:AttributeStatement>"+attribute("x", other(t)), 1)
				}
			}},
			{name: "the response inside another element", code: "message", forge: after(func(_ *testing.T, xml string) string { return "<x>" + xml + "</x>" })},
		})
	})
}

func TestAttack_08_audience_recipient_destination(t *testing.T) {
	const restriction = `<saml:AudienceRestriction>.*?</saml:AudienceRestriction>`
	foreign := `<saml:AudienceRestriction><saml:Audience>https://other.example.test</saml:Audience></saml:AudienceRestriction>`
	attacked(t, func(t *testing.T, s *site) {
		s.accepted(t, map[string]func(*message){
			"two audiences in one restriction, ours first": before(swap("</saml:Audience>", "</saml:Audience><saml:Audience>https://other.example.test</saml:Audience>")),
			"two audiences in one restriction, ours last":  before(swap("<saml:Audience>", "<saml:Audience>https://other.example.test</saml:Audience><saml:Audience>")),
		})
		s.variants(t, []variant{
			{name: "another audience", code: "audience_mismatch", forge: func(m *message) { m.audience = "https://other.example.test" }},
			{name: "our audience with something behind it", code: "audience_mismatch", forge: func(m *message) { m.audience += ".evil.test" }},
			{name: "our audience in another case", code: "audience_mismatch", forge: func(m *message) { m.audience = strings.Replace(m.audience, "saml", "SAML", 1) }},
			{name: "our address in place of our name", code: "audience_mismatch", forge: func(m *message) { m.audience = m.acs }},
			{name: "no restriction", code: "audience_mismatch", forge: before(cut(restriction))},
			{name: "an empty restriction", code: "audience_mismatch", forge: before(reform(restriction, `<saml:AudienceRestriction></saml:AudienceRestriction>`))},
			{name: "an empty audience", code: "audience_mismatch", forge: func(m *message) { m.audience = "" }},
			{name: "a second restriction to somebody else", code: "audience_mismatch", forge: before(swap("</saml:AudienceRestriction>", "</saml:AudienceRestriction>"+foreign))},
			{name: "a first restriction to somebody else", code: "audience_mismatch", forge: before(swap("<saml:AudienceRestriction>", foreign+"<saml:AudienceRestriction>"))},
			{name: "no conditions", code: "conditions", forge: before(cut(`<saml:Conditions .*?</saml:Conditions>`))},
			{name: "a condition that nobody knows", code: "unsupported", forge: before(swap("</saml:Conditions>", `<saml:Condition xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:x="urn:x" xsi:type="x:y"/></saml:Conditions>`))},
			{name: "another recipient", code: "recipient_mismatch", forge: before(reform(`Recipient="[^"]*"`, `Recipient="https://other.example.test/acs"`))},
			{name: "no recipient", code: "recipient_mismatch", forge: before(cut(` Recipient="[^"]*"`))},
			{name: "another destination", code: "destination_mismatch", forge: before(reform(`Destination="[^"]*"`, `Destination="https://other.example.test/acs"`))},
			{name: "another destination, signed", code: "destination_mismatch", twin: onlyWhole, forge: before(reform(`Destination="[^"]*"`, `Destination="https://other.example.test/acs"`))},
			{name: "no destination where the response is signed", code: "destination_mismatch", twin: onlyWhole, forge: before(cut(` Destination="[^"]*"`))},
			{name: "an empty destination", code: "destination_mismatch", forge: before(reform(`Destination="[^"]*"`, `Destination=""`))},
			{name: "our destination in another scheme", code: "destination_mismatch", forge: before(reform(`Destination="https://`, `Destination="http://`))},
		})
	})
}

func TestAttack_09_times(t *testing.T) {
	// at puts a time so far from now into an attribute of the assertion.
	at := func(pattern string, away time.Duration) func(*message) {
		return func(m *message) {
			m.before = reform(pattern, "${1}"+stamp(m.now.Add(away))+"${2}")
		}
	}
	const (
		confirmed = `(<saml:SubjectConfirmationData[^>]*NotOnOrAfter=")[^"]*(")`
		until     = `(<saml:Conditions[^>]*NotOnOrAfter=")[^"]*(")`
		from      = `(<saml:Conditions[^>]*NotBefore=")[^"]*(")`
		issued    = `(<saml:Assertion [^>]*IssueInstant=")[^"]*(")`
		sent      = `(<samlp:Response [^>]*IssueInstant=")[^"]*(")`
		signedIn  = `(AuthnInstant=")[^"]*(")`
	)
	clock := func(away time.Duration) func(*message) { return func(m *message) { m.now = m.now.Add(away) } }
	attacked(t, func(t *testing.T, s *site) {
		s.accepted(t, map[string]func(*message){
			"the provider's clock is two minutes ahead": clock(2 * time.Minute), "the provider's clock is two minutes behind": clock(-2 * time.Minute),
			"a session that ends in an hour": func(m *message) {
				m.before = swap(` SessionIndex=`, ` SessionNotOnOrAfter="`+stamp(m.now.Add(time.Hour))+`" SessionIndex=`)
			},
		})
		s.variants(t, []variant{
			{name: "the confirmation has expired", code: "expired", forge: at(confirmed, -4*time.Minute)},
			{name: "the conditions have expired", code: "expired", forge: at(until, -4*time.Minute)},
			{name: "the conditions are of later", code: "not_yet_valid", forge: at(from, 4*time.Minute)},
			{name: "the assertion is of later", code: "not_yet_valid", forge: at(issued, 10*time.Minute)},
			{name: "the response is of later", code: "not_yet_valid", forge: at(sent, 10*time.Minute)},
			{name: "the response is of two days ago", code: "expired", forge: at(sent, -48*time.Hour)},
			{name: "the assertion is of two days ago", code: "expired", forge: at(issued, -48*time.Hour)},
			{name: "the whole message is of two days ago", code: "expired", forge: clock(-48 * time.Hour)},
			{name: "the person signed in in the future", code: "not_yet_valid", forge: at(signedIn, 10*time.Minute)},
			{name: "valid for ten years", code: "lifetime", forge: at(until, 10*365*24*time.Hour)},
			{name: "valid for 25 hours", code: "lifetime", forge: at(until, 25*time.Hour)},
			{name: "a confirmation for ten years", code: "lifetime", forge: at(confirmed, 10*365*24*time.Hour)},
			{name: "a confirmation without an end", code: "confirmation", forge: before(reform(`(<saml:SubjectConfirmationData[^>]*) NotOnOrAfter="[^"]*"`, `$1`))},
			{name: "a session that is over", code: "session_ended", forge: func(m *message) {
				m.before = swap(` SessionIndex=`, ` SessionNotOnOrAfter="`+stamp(m.now.Add(-4*time.Minute))+`" SessionIndex=`)
			}},
			{name: "a time that is none", code: "conditions", forge: before(reform(until, `${1}tomorrow$2`))},
			{name: "a time of another zone", code: "conditions", forge: before(reform(confirmed, `${1}2099-01-01T00:00:00+14:00$2`))},
			{name: "an empty time", code: "conditions", forge: before(reform(confirmed, `$1$2`))},
			{name: "no time of the assertion", code: "message", forge: before(reform(`(<saml:Assertion [^>]*) IssueInstant="[^"]*"`, `$1`))},
			{name: "another version of the assertion", code: "message", forge: before(reform(`(<saml:Assertion [^>]*Version=")2.0`, `${1}1.1`))},
			{name: "another version of the response", code: "message", forge: before(swap(`Version="2.0"`, `Version="1.1"`))},
		})
	})
}

func TestAttack_13_issuer(t *testing.T) {
	const issuer = `<saml:Issuer>[^<]*</saml:Issuer>`
	attacked(t, func(t *testing.T, s *site) {
		s.variants(t, []variant{
			{name: "another in the response", code: "issuer_mismatch", forge: before(reform(issuer, `<saml:Issuer>https://evil.example.test</saml:Issuer>`))},
			{name: "another in the response, signed", code: "issuer_mismatch", twin: onlyWhole, forge: before(reform(issuer, `<saml:Issuer>https://evil.example.test</saml:Issuer>`))},
			{name: "another in the assertion", code: "issuer_mismatch", forge: before(reform(`(<saml:Assertion [^>]*>)`+issuer, `$1<saml:Issuer>https://evil.example.test</saml:Issuer>`))},
			{name: "an empty one in the assertion", code: "issuer_mismatch", forge: before(reform(`(<saml:Assertion [^>]*>)`+issuer, `$1<saml:Issuer></saml:Issuer>`))},
			{name: "with something behind it", code: "issuer_mismatch", forge: func(m *message) { m.idp.entity += "/" }},
			{name: "two in the assertion", code: "issuer_mismatch", forge: before(reform(`(<saml:Assertion [^>]*>)(`+issuer+`)`, `$1$2<saml:Issuer>https://evil.example.test</saml:Issuer>`))},
			{name: "none in the assertion", code: "issuer_mismatch", twin: onlyWhole, forge: before(reform(`(<saml:Assertion [^>]*>)`+issuer, `$1`))},
			{name: "of another format", code: "issuer_mismatch", forge: before(reform(`(<saml:Assertion [^>]*>)<saml:Issuer>`, `$1<saml:Issuer Format="`+persistent+`">`))},
		})
	})
}

func TestAttack_22_status(t *testing.T) {
	const code = `<samlp:StatusCode Value="[^"]*"/>`
	status := func(name string) string {
		return `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:` + name + `"/>`
	}
	under := func(above, below string) string {
		return strings.Replace(status(above), "/>", ">"+status(below)+"</samlp:StatusCode>", 1)
	}
	attacked(t, func(t *testing.T, s *site) {
		var list []variant
		for name, text := range map[string]string{
			"Requester": status("Requester"), "Responder": status("Responder"), "VersionMismatch": status("VersionMismatch"),
			"AuthnFailed": under("Responder", "AuthnFailed"), "NoPassive": under("Responder", "NoPassive"),
			"InvalidNameIDPolicy": under("Requester", "InvalidNameIDPolicy"), "RequestDenied": under("Requester", "RequestDenied"),
			"Success below a failure": under("Responder", "Success"), "a status of one's own": `<samlp:StatusCode Value="urn:evil"/>`,
			"an empty status": `<samlp:StatusCode Value=""/>`, "two codes": status("Responder") + status("Success"), "no code": "",
		} {
			list = append(list,
				variant{code: "status", name: name + ", with an assertion", forge: before(reform(code, text))},
				variant{code: "status", name: name + ", signed, with an assertion", twin: onlyWhole, forge: before(reform(code, text))},
				variant{code: "status", name: name + ", without an assertion", forge: after(reform(code, text), cut(`<saml:Assertion .*</saml:Assertion>`))})
		}
		s.variants(t, append(list, variant{name: "no status", code: "message", forge: before(cut(`<samlp:Status>.*</samlp:Status>`))}))
	})
}

func TestAttack_26_confirmation(t *testing.T) {
	const data = `<saml:SubjectConfirmationData[^>]*/>`
	method := func(name string) func(*message) { return before(swap(bearer, "urn:oasis:names:tc:SAML:2.0:cm:"+name)) }
	attacked(t, func(t *testing.T, s *site) {
		s.accepted(t, map[string]func(*message){
			"one of holder-of-key beside the bearer's": before(swap(`<saml:SubjectConfirmation `,
				`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"/><saml:SubjectConfirmation `)),
			// Providers write the address that they saw. Behind NAT, or in a house with IPv4 and IPv6, we see another.
			"an address that is not ours to see": before(swap(`<saml:SubjectConfirmationData `, `<saml:SubjectConfirmationData Address="192.0.2.1" `)),
		})
		s.variants(t, []variant{
			{name: "none", code: "confirmation", forge: before(cut(`<saml:SubjectConfirmation .*</saml:SubjectConfirmation>`))},
			{name: "no data", code: "confirmation", forge: before(cut(data))},
			{name: "empty data", code: "confirmation", forge: before(reform(data, `<saml:SubjectConfirmationData/>`))},
			{name: "holder-of-key", code: "confirmation", forge: method("holder-of-key")},
			{name: "sender-vouches", code: "confirmation", forge: method("sender-vouches")},
			{name: "no method", code: "confirmation", forge: before(cut(` Method="[^"]*"`))},
			{name: "NotBefore", code: "confirmation", forge: func(m *message) {
				m.before = swap(`<saml:SubjectConfirmationData `, `<saml:SubjectConfirmationData NotBefore="`+stamp(m.now.Add(-time.Minute))+`" `)
			}},
			{name: "no InResponseTo", code: "in_response_to", forge: before(reform(`(<saml:SubjectConfirmationData[^>]*) InResponseTo="[^"]*"`, `$1`))},
			{name: "another InResponseTo", code: "in_response_to", forge: before(reform(`(<saml:SubjectConfirmationData[^>]*InResponseTo=")[^"]*`, `${1}_evil`))},
			{name: "no subject", code: "subject", forge: before(cut(`<saml:Subject>.*</saml:Subject>`))},
		})
	})
}

func TestAttack_27_names(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		named := func(attributes, value string) func(*message) {
			return func(m *message) { m.nameID = fmt.Sprintf(`<saml:NameID%s>%s</saml:NameID>`, attributes, value) }
		}
		of := func(format string) string { return fmt.Sprintf(" Format=%q", format) }
		right := subjectOf(pat)
		s.variants(t, []variant{
			{name: "transient", code: "name_id", forge: named(of(transient), right)},
			{name: "no format", code: "name_id", forge: named("", right)},
			{name: "empty", code: "name_id", forge: named(of(persistent), "")},
			{name: "whitespace alone", code: "name_id", forge: named(of(persistent), " \t\n")},
			{name: "whitespace before", code: "name_id", forge: named(of(persistent), " "+right)},
			{name: "whitespace behind", code: "name_id", forge: named(of(persistent), right+"\n")},
			{name: "over-long", code: "name_id", forge: named(of(persistent), strings.Repeat("a", 257))},
			{name: "longer than anything", code: "name_id", forge: named(of(persistent), strings.Repeat("a", 200_000))},
			{name: "an element inside", code: "subject", forge: named(of(persistent), right+"<saml:x/>")},
			{name: "none", code: "name_id", forge: before(cut(`<saml:NameID .*?</saml:NameID>`))},
			{name: "two", code: "subject", forge: before(reform(`(<saml:NameID .*?</saml:NameID>)`, `$1$1`))},
			{name: "BaseID", code: "unsupported", forge: before(reform(`<saml:NameID .*?</saml:NameID>`, `<saml:BaseID NameQualifier="x"/>`))},
			{name: "EncryptedID", code: "unsupported", forge: before(reform(`<saml:NameID .*?</saml:NameID>`, `<saml:EncryptedID><xenc:EncryptedData xmlns:xenc="`+xencNS+`"/></saml:EncryptedID>`))},
		})
	}, byNameID)
}

func TestAttack_28_how_the_person_signed_in(t *testing.T) {
	const x509 = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"
	attacked(t, func(t *testing.T, s *site) {
		class := func(name string) func(*message) { return before(swap(password, name)) }
		s.signIn(t, class(x509)).enters(pat)
		s.settings(t, "saml_authn_contexts="+x509)
		if r := s.browser(t).begin("okta", ""); r.passed != x509 {
			t.Errorf("the request asks for %q", r.passed)
		}
		s.variants(t, []variant{
			{name: "a weaker class than is asked for", code: "authn_context", twin: class(x509), forge: func(m *message) { m.before = nil }},
			{name: "no class", code: "authn_context", twin: class(x509), forge: before(cut(`<saml:AuthnContextClassRef>.*?</saml:AuthnContextClassRef>`))},
			{name: "the class with something behind it", code: "authn_context", twin: class(x509), forge: class(x509 + "x")},
			{name: "no statement", code: "authn_statement", twin: class(x509), forge: before(cut(`<saml:AuthnStatement .*?</saml:AuthnStatement>`))},
		})
		s.settings(t, "saml_authn_contexts=", "saml_force_authn=true")
		if r := s.browser(t).begin("okta", ""); r.forced != "true" {
			t.Errorf("the request has ForceAuthn %q", r.forced)
		}
		s.variants(t, []variant{
			{name: "signed in an hour ago, where that must be new", code: "authn_too_old", forge: func(m *message) {
				m.before = reform(`AuthnInstant="[^"]*"`, `AuthnInstant="`+stamp(m.now.Add(-time.Hour))+`"`)
			}},
			{name: "signed in nobody knows when", code: "authn_statement", forge: before(cut(` AuthnInstant="[^"]*"`))},
		})
	})
}

func TestAttack_29_other_documents(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		whole := func(text func(m *message) string) func(*message) {
			return func(m *message) {
				m.after = func(t *testing.T, _ string) string { return sign(t, text(m), m.signs) }
			}
		}
		// root makes another document of what a Response holds.
		root := func(name string) func(*message) {
			return whole(func(m *message) string {
				return strings.NewReplacer("<samlp:Response", "<samlp:"+name, "</samlp:Response", "</samlp:"+name).Replace(m.unsigned())
			})
		}
		s.variants(t, []variant{
			{name: "a LogoutResponse", code: "message", twin: onlyWhole, forge: root("LogoutResponse")},
			{name: "an ArtifactResponse", code: "message", twin: onlyWhole, forge: root("ArtifactResponse")},
			{name: "an AuthnRequest", code: "message", twin: onlyWhole, forge: root("AuthnRequest")},
			{name: "an ArtifactResponse with a Response", code: "message", twin: onlyWhole, forge: whole(func(m *message) string {
				inner := m.unsigned()
				return strings.NewReplacer("<samlp:Response", "<samlp:ArtifactResponse", "</samlp:Response", "</samlp:ArtifactResponse").Replace(
					strings.Replace(inner, m.statement(), strings.Replace(inner, m.response, newID(), 1), 1))
			})},
			{name: "a Response of SAML 1.1", code: "message", twin: onlyWhole, forge: whole(func(m *message) string {
				return strings.Replace(m.unsigned(), protocolNS, "urn:oasis:names:tc:SAML:1.0:protocol", 1)
			})},
			{name: "an assertion alone", code: "message", forge: after(func(_ *testing.T, xml string) string { return assertionOf(xml) })},
			{name: "the answer to an attribute query", code: "authn_statement", twin: onlyWhole, forge: before(cut(`<saml:AuthnStatement .*?</saml:AuthnStatement>`))},
			{name: "signed metadata that carries a response", code: "message", twin: onlyWhole, forge: func(m *message) {
				m.after = func(t *testing.T, _ string) string {
					text := strings.Replace(m.idp.metadata(), "entityID=", fmt.Sprintf(`ID="%s" xmlns:saml="%s" entityID=`, newID(), assertionNS), 1)
					text = strings.Replace(text, "<md:IDPSSODescriptor", "<saml:Issuer>"+m.idp.entity+"</saml:Issuer><md:IDPSSODescriptor", 1)
					return within(sign(t, text, m.signs), m.unsigned())
				}
			}},
			{name: "a Response with the signature of signed metadata", code: "signature", forge: func(m *message) {
				m.assertion = false
				m.after = func(t *testing.T, xml string) string {
					text := strings.Replace(m.idp.metadata(), "entityID=", fmt.Sprintf(`ID="%s" entityID=`, m.id), 1)
					return strings.Replace(xml, "</saml:Issuer><saml:Subject>", "</saml:Issuer>"+signature(t, text, m.signs)+"<saml:Subject>", 1)
				}
			}},
		})
	})
}
