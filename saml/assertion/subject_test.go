package assertion

import (
	"strings"
	"testing"
)

func TestFacts_value(t *testing.T) {
	facts := &Facts{Attributes: []Attribute{
		{Name: "id", FriendlyName: "shadow", Values: []string{"00u1"}},
		{Name: "other", FriendlyName: "id", Values: []string{"evil"}},
		{Name: "inner", Values: []string{"a  b"}},
		{Name: "long", Values: []string{strings.Repeat("x", 512)}},
		{Name: "twice", Values: []string{"a"}},
		{Name: "twice", Values: []string{"a"}},
		{Name: "two", Values: []string{"a", "b"}},
		{Name: "one and empty", Values: []string{"a", ""}},
		{Name: "none"},
		{Name: "empty", Values: []string{""}},
		{Name: "before", Values: []string{" a"}},
		{Name: "behind", Values: []string{"a\u00A0"}},
		{Name: "control", Values: []string{"a\tb"}},
		{Name: "too long", Values: []string{strings.Repeat("x", 513)}},
	}}
	for name, want := range map[string]string{"id": "00u1", "other": "evil", "inner": "a  b", "long": strings.Repeat("x", 512)} {
		if got, err := facts.Value(name); got != want || err != nil {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"ID", "shadow", "", "twice", "two", "one and empty", "none", "empty", "before", "behind", "control", "too long"} {
		if got, err := facts.Value(name); code(t, err) != CodeAttribute || got != "" {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
}

// TestFacts_valueOfElements: a value that is no text counts as one, and recognises nobody.
func TestFacts_valueOfElements(t *testing.T) {
	for name, inside := range map[string]string{
		"an element alone":        `<x/>`,
		"an element in a text":    `00<x/>u1`,
		"an element beside value": `00u1</saml:AttributeValue><saml:AttributeValue><x/>`,
	} {
		facts, err := verify(verifier(), forge{before: []string{`00u1`, inside}}.make(t), asks, noon)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := facts.Value("id"); code(t, err) != CodeAttribute {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestNameID_persistent(t *testing.T) {
	for name, tt := range map[string]struct {
		id NameID
		ok bool
	}{
		"plain":                         {NameID{Value: "u-1", Format: FormatPersistent}, true},
		"with qualifiers":               {NameID{"u-1", FormatPersistent, idp, sp}, true},
		"256 characters":                {NameID{Value: strings.Repeat("é", 256), Format: FormatPersistent}, true},
		"qualified by another provider": {NameID{"u-1", FormatPersistent, "https://evil.example", sp}, false},
		"made for another":              {NameID{"u-1", FormatPersistent, idp, "https://other.example"}, false},
		"transient":                     {NameID{Value: "u-1", Format: "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"}, false},
		"unspecified":                   {NameID{Value: "u-1", Format: "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"}, false},
		"an address":                    {NameID{Value: "u-1", Format: "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"}, false},
		"no format":                     {NameID{Value: "u-1"}, false},
		"the format in capitals":        {NameID{Value: "u-1", Format: strings.ToUpper(FormatPersistent)}, false},
		"none":                          {NameID{}, false},
		"empty":                         {NameID{Format: FormatPersistent}, false},
		"a blank":                       {NameID{Value: " ", Format: FormatPersistent}, false},
		"a blank before":                {NameID{Value: " u-1", Format: FormatPersistent}, false},
		"a line end behind":             {NameID{Value: "u-1\n", Format: FormatPersistent}, false},
		"a control character":           {NameID{Value: "u\t1", Format: FormatPersistent}, false},
		"257 characters":                {NameID{Value: strings.Repeat("é", 257), Format: FormatPersistent}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tt.id.Persistent(idp, sp)
			if tt.ok && (err != nil || got != tt.id.Value) || !tt.ok && (code(t, err) != CodeNameID || got != "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
