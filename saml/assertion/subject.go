package assertion

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// FormatPersistent is the only format of a NameID that promises to name one person for good. SAML core, section 8.3.7.
const FormatPersistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"

// Value returns the value of the attribute that has exactly this Name; FriendlyName never counts. It recognises somebody, so there is one
// such attribute, with one value, which is not empty, has no whitespace at its ends, no control characters, and at most 512 bytes.
// Else the error is a refusal attribute.
func (f *Facts) Value(name string) (string, error) {
	var found *Attribute
	for i := range f.Attributes {
		if f.Attributes[i].Name != name {
			continue
		}
		if found != nil {
			return "", refuse(CodeAttribute, "the attribute "+quote(name)+" stands twice")
		}
		found = &f.Attributes[i]
	}
	switch {
	case found == nil:
		return "", refuse(CodeAttribute, "the assertion has no attribute "+quote(name))
	case len(found.Values) != 1 || found.Values[0] == "":
		return "", refuse(CodeAttribute, "the attribute "+quote(name)+" has not exactly one value that is not empty")
	case len(found.Values[0]) > 512:
		return "", refuse(CodeAttribute, "the value of the attribute "+quote(name)+" is longer than 512 bytes")
	case !plain(found.Values[0]):
		return "", refuse(CodeAttribute, "the value of the attribute "+quote(name)+" has whitespace at an end, or control characters")
	}
	return found.Values[0], nil
}

// Persistent returns the value of a NameID that recognises somebody: of format persistent, with the qualifiers of the identity provider
// idp and of the service provider sp, or without any. Else the error is a refusal name_id. Whether the value looks like an address is
// left to the caller: a format is only a label.
//
// SAML core, section 8.3.7.
func (n NameID) Persistent(idp, sp string) (string, error) {
	switch {
	case n == NameID{}:
		return "", refuse(CodeNameID, "the assertion has no NameID")
	case n.Format != FormatPersistent:
		return "", refuse(CodeNameID, "the NameID has the format "+quote(n.Format)+
			"; please let the identity provider send one of format persistent, or name an attribute that never changes in saml_subject")
	case n.NameQualifier != "" && n.NameQualifier != idp:
		return "", refuse(CodeNameID, "the NameID is qualified by "+quote(n.NameQualifier)+", expected "+quote(idp))
	case n.SPNameQualifier != "" && n.SPNameQualifier != sp:
		return "", refuse(CodeNameID, "the NameID is made for "+quote(n.SPNameQualifier)+", expected "+quote(sp))
	case n.Value == "" || utf8.RuneCountInString(n.Value) > 256:
		return "", refuse(CodeNameID, "the NameID is empty, or longer than 256 characters")
	case !plain(n.Value):
		return "", refuse(CodeNameID, "the NameID has whitespace at an end, or control characters")
	}
	return n.Value, nil
}

// plain tells whether s has no whitespace at its ends and no control characters.
func plain(s string) bool {
	return strings.TrimSpace(s) == s && strings.IndexFunc(s, unicode.IsControl) < 0
}
