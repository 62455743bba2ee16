package schema

import (
	"fmt"
	"strings"
	"testing"
)

// userAttributes is RFC 7643, section 8.7.1, and the common attributes of section 3.1: type, [] for multi-valued, then what
// differs from readWrite, default, no uniqueness, not caseExact, not required.
const userAttributes = `
schemas                 string[] required caseExact readOnly always
id                      string required caseExact readOnly always server
externalId              string caseExact
meta                    complex readOnly
meta.resourceType       string caseExact readOnly
meta.created            dateTime readOnly
meta.lastModified       dateTime readOnly
meta.location           reference caseExact readOnly
meta.version            string caseExact readOnly
userName                string required server
name                    complex
name.formatted          string
name.familyName         string
name.givenName          string
name.middleName         string
name.honorificPrefix    string
name.honorificSuffix    string
displayName             string
nickName                string
profileUrl              reference caseExact
title                   string
userType                string
preferredLanguage       string
locale                  string
timezone                string
active                  boolean
password                string writeOnly never
emails                  complex[]
emails.value            string
emails.display          string
emails.type             string
emails.primary          boolean
phoneNumbers            complex[]
phoneNumbers.value      string
phoneNumbers.display    string
phoneNumbers.type       string
phoneNumbers.primary    boolean
ims                     complex[]
ims.value               string
ims.display             string
ims.type                string
ims.primary             boolean
photos                  complex[]
photos.value            reference caseExact
photos.display          string
photos.type             string
photos.primary          boolean
addresses               complex[]
addresses.formatted     string
addresses.streetAddress string
addresses.locality      string
addresses.region        string
addresses.postalCode    string
addresses.country       string
addresses.type          string
addresses.primary       boolean
groups                  complex[] readOnly
groups.value            string caseExact readOnly
groups.$ref             reference caseExact readOnly
groups.display          string readOnly
groups.type             string readOnly
entitlements            complex[]
entitlements.value      string
entitlements.display    string
entitlements.type       string
entitlements.primary    boolean
roles                   complex[]
roles.value             string
roles.display           string
roles.type              string
roles.primary           boolean
x509Certificates        complex[]
x509Certificates.value  binary caseExact
x509Certificates.display string
x509Certificates.type   string
x509Certificates.primary boolean
ENT                     complex
ENT:employeeNumber      string
ENT:costCenter          string
ENT:organization        string
ENT:division            string
ENT:department          string
ENT:manager             complex
ENT:manager.value       string
ENT:manager.$ref        reference caseExact
ENT:manager.displayName string readOnly
CHAT                    complex readOnly request
CHAT:accountId          string caseExact readOnly request server
CHAT:username           string caseExact readOnly request server
CHAT:teams              complex[] readOnly request
CHAT:teams.value        string caseExact readOnly
CHAT:teams.role         string caseExact readOnly
CHAT:channels           complex[] readOnly request
CHAT:channels.value     string caseExact readOnly
CHAT:channels.role      string caseExact readOnly
`

const groupAttributes = `
displayName             string required server
members                 complex[]
members.value           string caseExact immutable
members.$ref            reference caseExact immutable
members.type            string immutable
members.display         string readOnly
`

func characteristics(b *strings.Builder, all []*Attribute) {
	for _, a := range all {
		words := []string{a.Type}
		if a.MultiValued {
			words[0] += "[]"
		}
		if a.Required {
			words = append(words, "required")
		}
		if a.CaseExact {
			words = append(words, "caseExact")
		}
		for _, w := range []string{a.Mutability, a.Returned, a.Uniqueness} {
			if w != ReadWrite && w != Default && w != "none" {
				words = append(words, w)
			}
		}
		name := strings.NewReplacer(EnterpriseURN, "ENT", ChatURN, "CHAT").Replace(a.String())
		fmt.Fprintf(b, "%-23s %s\n", name, strings.Join(words, " "))
		characteristics(b, a.Sub)
	}
}

func TestUser_has_the_attributes_of_the_RFC(t *testing.T) {
	var b strings.Builder
	characteristics(&b, User().Root.Sub)
	if got, want := b.String(), userAttributes[1:]; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestGroup_has_the_attributes_of_the_RFC(t *testing.T) {
	var b strings.Builder
	characteristics(&b, Group().Core.Attributes)
	if got, want := b.String(), groupAttributes[1:]; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLookup_finds_every_spelling(t *testing.T) {
	r := User()
	for path, want := range map[string]string{
		"userName":                           "userName",
		"USERNAME":                           "userName",
		"name.givenname":                     "name.givenName",
		"externalID":                         "externalId",
		"meta.lastModified":                  "meta.lastModified",
		UserURN + ":userName":                "userName",
		strings.ToUpper(UserURN) + ":Emails": "emails",
		UserURN + ":name.familyName":         "name.familyName",
		UserURN + ":id":                      "id",
		"emails.value":                       "emails.value",
		"manager":                            EnterpriseURN + ":manager",
		"Manager.Value":                      EnterpriseURN + ":manager.value",
		"department":                         EnterpriseURN + ":department",
		EnterpriseURN:                        EnterpriseURN,
		strings.ToLower(EnterpriseURN) + ":MANAGER.$REF": EnterpriseURN + ":manager.$ref",
		UserURN:                     "",
		"displayName":               "displayName",
		EnterpriseURN + ":userName": "unknown",
		UserURN + ":department":     "unknown",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department": "unknown",
		"name.value":         "unknown",
		"name.givenName.x":   "unknown",
		"members":            "unknown",
		"":                   "unknown",
		EnterpriseURN + ":":  "unknown",
		"manager.value.here": "unknown",
	} {
		got := "unknown"
		if a := r.Lookup(path); a != nil {
			got = a.String()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", path, got, want)
		}
	}
}

func TestFind_joins_the_parts_of_a_path(t *testing.T) {
	r := User()
	for _, c := range []struct{ urn, attr, sub, want string }{
		{"", "userName", "", "userName"},
		{"", "Emails", "Type", "emails.type"},
		{UserURN, "name", "givenName", "name.givenName"},
		{EnterpriseURN, "manager", "value", EnterpriseURN + ":manager.value"},
		{"urn:ietf:params:scim:schemas:extension:enterprise:2.0", "User", "", EnterpriseURN},
		{"urn:ietf:params:scim:schemas:extension:enterprise:2.0", "User", "department", EnterpriseURN + ":department"},
		{"urn:x:y", "userName", "", "unknown"},
		{"", "userName", "value", "unknown"},
	} {
		got := "unknown"
		if a := r.Find(c.urn, c.attr, c.sub); a != nil {
			got = a.String()
		}
		if got != c.want {
			t.Errorf("%v: got %s", c, got)
		}
	}
}

func custom(t *testing.T, urn string, names ...string) *Schema {
	return parsed(t, `{"id":"`+urn+`","attributes":[{"name":"`+strings.Join(names, `"},{"name":"`)+`"}]}`)
}

func TestLookup_of_a_name_in_two_schemas_is_that_of_the_first(t *testing.T) {
	r := User(custom(t, "urn:x:A", "department", "badge", "shared", "title"), custom(t, "urn:x:B", "shared"))
	for path, want := range map[string]string{
		"department":         EnterpriseURN + ":department",
		"shared":             "urn:x:A:shared",
		"urn:x:a:Department": "urn:x:A:department",
		"urn:x:B:shared":     "urn:x:B:shared",
		"badge":              "urn:x:A:badge",
		"title":              "title",
	} {
		got := ""
		if a := r.Lookup(path); a != nil {
			got = a.String()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func TestPath_leads_through_the_document(t *testing.T) {
	r := User()
	for path, want := range map[string]string{
		"userName":       "[userName]",
		"name.givenName": "[name givenName]",
		"manager.value":  "[" + EnterpriseURN + " manager value]",
	} {
		if got := fmt.Sprint(r.Lookup(path).Path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	r := User()
	b.ReportAllocs()
	for b.Loop() {
		if r.Lookup("userName") == nil || r.Find("", "username", "") == nil {
			b.Fatal()
		}
	}
}
