package saml

import (
	"fmt"
	"strings"
	"testing"
)

func TestBinding_B16_attribute_missing_or_many(t *testing.T) {
	const id = `<saml:Attribute Name="id">.*?</saml:Attribute>`
	attacked(t, func(t *testing.T, s *site) {
		s.variants(t, []variant{
			{name: "missing", code: "attribute", forge: before(cut(id))},
			{name: "without a value", code: "attribute", forge: before(reform(id, `<saml:Attribute Name="id"></saml:Attribute>`))},
			{name: "empty", code: "attribute", forge: before(reform(id, attribute("id", "")))},
			{name: "whitespace", code: "attribute", forge: before(reform(id, attribute("id", " ")))},
			{name: "two values", code: "attribute", forge: before(reform(id, attribute("id", subjectOf(pat), subjectOf(vic))))},
			{name: "the same value twice", code: "attribute", forge: before(reform(id, attribute("id", subjectOf(pat), subjectOf(pat))))},
			{name: "a value and an empty one", code: "attribute", forge: before(reform(id, attribute("id", subjectOf(pat), "")))},
			{name: "over-long", code: "attribute", forge: func(m *message) { m.subject = strings.Repeat("a", 600) }},
			{name: "a value of elements", code: "attribute", forge: before(reform(id, attribute("id", "<saml:x>"+subjectOf(pat)+"</saml:x>")))},
			{name: "no attributes", code: "attribute", forge: before(cut(`<saml:AttributeStatement>.*</saml:AttributeStatement>`))},
		})
	})
}

func TestBinding_B17_attribute_that_shadows_another(t *testing.T) {
	named := func(name, friendly, value string) string {
		return fmt.Sprintf(`<saml:Attribute Name="%s" FriendlyName="%s"><saml:AttributeValue>%s</saml:AttributeValue></saml:Attribute>`, name, friendly, value)
	}
	const id = `<saml:Attribute Name="id">.*?</saml:Attribute>`
	attacked(t, func(t *testing.T, s *site) {
		s.accepted(t, map[string]func(*message){
			"FriendlyName of another attribute, before":    before(swap("<saml:AttributeStatement>", "<saml:AttributeStatement>"+named("evil", "id", subjectOf(vic)))),
			"FriendlyName of another attribute, behind":    before(swap("</saml:AttributeStatement>", named("evil", "id", subjectOf(vic))+"</saml:AttributeStatement>")),
			"the name in capitals":                         before(swap("<saml:AttributeStatement>", "<saml:AttributeStatement>"+attribute("ID", subjectOf(vic)))),
			"the name with a space":                        before(swap("<saml:AttributeStatement>", "<saml:AttributeStatement>"+attribute("id ", subjectOf(vic)))),
			"the name is FriendlyName of the right one":    before(reform(id, named("id", "evil", subjectOf(pat)))),
			"another attribute has a name that ends in it": before(swap("<saml:AttributeStatement>", "<saml:AttributeStatement>"+attribute("urn:id", subjectOf(vic)))),
		})
		s.variants(t, []variant{
			{name: "the name twice, the wrong one first", code: "attribute", forge: before(swap("<saml:AttributeStatement>", "<saml:AttributeStatement>"+attribute("id", subjectOf(vic))))},
			{name: "the name twice, the wrong one last", code: "attribute", forge: before(swap("</saml:AttributeStatement>", attribute("id", subjectOf(vic))+"</saml:AttributeStatement>"))},
			{name: "the name twice, both right", code: "attribute", forge: before(swap("</saml:AttributeStatement>", attribute("id", subjectOf(pat))+"</saml:AttributeStatement>"))},
			{name: "in two statements", code: "attribute", forge: before(swap("</saml:AttributeStatement>", "</saml:AttributeStatement><saml:AttributeStatement>"+attribute("id", subjectOf(vic))+"</saml:AttributeStatement>"))},
			{name: "only as FriendlyName", code: "attribute", forge: before(reform(id, named("evil", "id", subjectOf(pat))))},
			{name: "only in capitals", code: "attribute", forge: before(swap(`Name="id"`, `Name="ID"`))},
		})
	})
}

func TestBinding_B18_format_of_the_name(t *testing.T) {
	named := func(format, value string) func(*message) {
		return func(m *message) { m.nameID = fmt.Sprintf(`<saml:NameID Format="%s">%s</saml:NameID>`, format, value) }
	}
	attacked(t, func(t *testing.T, s *site) {
		s.variants(t, []variant{
			{name: "transient", code: "name_id", forge: named(transient, subjectOf(pat))},
			{name: "unspecified", code: "name_id", forge: named(unspecified, subjectOf(pat))},
			{name: "e-mail", code: "name_id", forge: named(emailFormat, subjectOf(pat))},
			{name: "an e-mail that is called persistent", code: "subject_mutable", forge: func(m *message) { m.subject = pat.address() }},
			{name: "the userName that is called persistent", code: "subject_mutable", forge: is("patlee", "pat@x.test", "PatLee")},
			{name: "the userName to the letter", code: "subject_mutable", forge: is("patlee", "pat@x.test", "patlee")},
		})
		t.Run("where an administrator says that it never changes", func(t *testing.T) {
			s.settings(t, "saml_subject_immutable=true")
			s.signIn(t, named(unspecified, subjectOf(pat))).enters(pat)
			s.refuses(t, refusal{code: "name_id"}, func() result { return s.signIn(t, named(transient, subjectOf(pat))) })
		})
	}, byNameID)
}

func TestBinding_B19_qualifiers_of_the_name(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		us := s.browser(t).begin("okta", "").issuer
		named := func(qualifiers string) func(*message) {
			return func(m *message) {
				m.nameID = fmt.Sprintf(`<saml:NameID Format="%s"%s>%s</saml:NameID>`, persistent, qualifiers, m.subject)
			}
		}
		okta := s.idps["okta"].entity
		s.accepted(t, map[string]func(*message){
			"none": named(""), "the provider's": named(fmt.Sprintf(" NameQualifier=%q", okta)), "ours": named(fmt.Sprintf(" SPNameQualifier=%q", us)),
			"both": named(fmt.Sprintf(" NameQualifier=%q SPNameQualifier=%q", okta, us)), "empty": named(` NameQualifier="" SPNameQualifier=""`),
		})
		s.variants(t, []variant{
			{name: "of another service provider", code: "name_id", forge: named(` SPNameQualifier="https://other.example.test"`)},
			{name: "of another provider", code: "name_id", forge: named(` NameQualifier="https://other.example.test"`)},
			{name: "ours with something behind it", code: "name_id", forge: named(fmt.Sprintf(" SPNameQualifier=%q", us+"x"))},
		})
	}, byNameID)
}
