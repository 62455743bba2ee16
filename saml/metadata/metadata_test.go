package metadata

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

var (
	now    = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	future = now.AddDate(1, 0, 0)

	rsaKey = sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey  = sync.OnceValue(func() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// cert makes a certificate in base64 that ends then.
func cert(name string, key crypto.Signer, until time.Time) string {
	return certFrom(name, key, now.AddDate(-5, 0, 0), until)
}

func certFrom(name string, key crypto.Signer, from, until time.Time) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until}
	return base64.StdEncoding.EncodeToString(must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)))
}

// issued makes a certificate that the one called issuer issued.
func issued(name, issuer string) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(-5, 0, 0), NotAfter: future}
	parent := &x509.Certificate{Subject: pkix.Name{CommonName: issuer}}
	return base64.StdEncoding.EncodeToString(must(x509.CreateCertificate(rand.Reader, template, parent, rsaKey().Public(), rsaKey())))
}

var goodCert = sync.OnceValue(func() string { return cert("good", rsaKey(), future) })

// keyed is a KeyDescriptor.
func keyed(use string, certs ...string) string {
	if use != "" {
		use = ` use="` + use + `"`
	}
	var inside strings.Builder
	for _, c := range certs {
		inside.WriteString("<ds:X509Certificate>" + c + "</ds:X509Certificate>")
	}
	return `<md:KeyDescriptor` + use + `><ds:KeyInfo><ds:X509Data>` + inside.String() + `</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`
}

func service(name, binding, location string) string {
	return `<md:` + name + ` Binding="urn:oasis:names:tc:SAML:2.0:bindings:` + binding + `" Location="` + location + `"/>`
}

const (
	namespaces = ` xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`
	entityID   = "https://idp.example.com/entity"
)

var signIn = service("SingleSignOnService", "HTTP-Redirect", "https://idp.example.com/sso")

func role(inside string) string {
	return `<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + inside + `</md:IDPSSODescriptor>`
}

func entity(id, attrs, inside string) string {
	return `<md:EntityDescriptor` + namespaces + ` entityID="` + id + `"` + attrs + `>` + inside + `</md:EntityDescriptor>`
}

// idp is the document of an identity provider whose role holds this.
func idp(inside string) string { return entity(entityID, "", role(inside)) }

func plain() string { return idp(keyed("signing", goodCert()) + signIn) }

// parses parses a document, which must be possible, and checks which warnings there are by a part of each.
func parses(t *testing.T, document string, warnings ...string) directory.IdP {
	t.Helper()
	got, warned, err := Parse([]byte(document), "", now)
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	if len(warned) != len(warnings) {
		t.Fatalf("warnings %q, want %q", warned, warnings)
	}
	for i := range warned {
		if !strings.Contains(warned[i], warnings[i]) {
			t.Errorf("warning %q, want %q", warned[i], warnings[i])
		}
	}
	return got
}

func TestParse_reads_what_an_identity_provider_says(t *testing.T) {
	second := cert("second", rsaKey(), future)
	got := parses(t, "\ufeff"+`<?xml version="1.0" encoding="utf-8"?><!-- made today -->
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://sts.windows.net/t/" validUntil="2027-01-02T03:04:05.6Z">
 <ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/></ds:Signature>
 <RoleDescriptor xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="fed:SecurityTokenServiceType"
  xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706">`+strings.ReplaceAll(keyed("signing", cert("other role", rsaKey(), future)), "md:", "")+`</RoleDescriptor>
 <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:1.1:protocol urn:oasis:names:tc:SAML:2.0:protocol" validUntil="2028-01-02T03:04:05Z">
 <KeyDescriptor use="encryption"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>`+cert("encryption", rsaKey(), future)+`</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
 <KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>
 `+goodCert()[:64]+"\r\n\t"+goodCert()[64:]+`
 </X509Certificate></X509Data></KeyInfo></KeyDescriptor>
 <KeyDescriptor><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>`+second+`</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
 <KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>`+second+`</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
 <SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/post-logout"/>
 <SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/logout" ResponseLocation="https://idp.example.com/answer"/>
 <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="https://idp.example.com/soap"/>
 <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/post"/>
 <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso?idp=1&amp;x=2"/>
 </IDPSSODescriptor></EntityDescriptor>
`)
	want := directory.IdP{
		EntityID: "https://sts.windows.net/t/", SignInURL: "https://idp.example.com/sso?idp=1&x=2", LogoutURL: "https://idp.example.com/logout",
		AnswerURL: "https://idp.example.com/answer", Certificates: []string{goodCert(), second}, ValidUntil: time.Date(2027, 1, 2, 3, 4, 5, 6e8, time.UTC),
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	certs, err := ParseCertificates(&got)
	if err != nil || len(certs) != 2 || certs[1].Subject.CommonName != "second" {
		t.Errorf("the certificates are %v, %v", certs, err)
	}
}

func TestParse_takes_what_it_can_and_warns(t *testing.T) {
	weak := must(x509.ParsePKCS1PrivateKey(must(base64.StdEncoding.DecodeString(weakKey))))
	for name, tt := range map[string]struct {
		document string
		warnings []string
		check    func(directory.IdP) bool
	}{
		"sign-in by HTTP-POST alone": {
			idp(keyed("signing", goodCert()) + service("SingleSignOnService", "HTTP-POST", "https://idp.example.com/post")), nil,
			func(i directory.IdP) bool { return i.SignInPost && i.SignInURL == "https://idp.example.com/post" },
		},
		"logout by HTTP-POST alone": {
			idp(keyed("signing", goodCert()) + signIn + service("SingleLogoutService", "HTTP-POST", "https://idp.example.com/post")),
			[]string{"stays signed in"},
			func(i directory.IdP) bool { return i.LogoutURL == "" },
		},
		"http with an address of the inside": {
			idp(keyed("signing", goodCert()) + service("SingleSignOnService", "HTTP-Redirect", "http://127.0.0.1:8981/sso") +
				service("SingleLogoutService", "HTTP-Redirect", "http://127.0.0.1:8981/slo")),
			[]string{"without TLS: whoever listens there can sign in as anybody", "without TLS: whoever listens there sees who signs out"},
			func(i directory.IdP) bool { return i.SignInURL == "http://127.0.0.1:8981/sso" },
		},
		"an ECDSA and a short RSA key beside a usable one": {
			idp(keyed("signing", cert("ec", ecKey(), future)) + keyed("signing", cert("weak", weak, future)) + keyed("signing", goodCert()) + signIn),
			[]string{"not RSA but ECDSA", "fewer than 2048"},
			func(i directory.IdP) bool { return slices.Equal(i.Certificates, []string{goodCert()}) },
		},
		"a key without certificate beside one that has": {
			idp(keyed("signing") + keyed("signing", goodCert()) + signIn),
			[]string{"without an X509Certificate"},
			func(i directory.IdP) bool { return len(i.Certificates) == 1 },
		},
		"an expired certificate": {
			idp(keyed("signing", cert("old", rsaKey(), now)) + signIn),
			[]string{"ended on 2026-11-25"},
			func(i directory.IdP) bool { return len(i.Certificates) == 1 },
		},
		"a certificate that begins later": {
			idp(keyed("signing", certFrom("early", rsaKey(), now.Add(time.Hour), future)) + signIn),
			[]string{"begins on 2026-11-25"},
			func(i directory.IdP) bool { return len(i.Certificates) == 1 },
		},
		"the issuers of a certificate are no signers": {
			idp(keyed("signing", cert("root", rsaKey(), future), issued("between", "root"), issued("leaf", "between")) + signIn), nil,
			func(i directory.IdP) bool {
				certs := must(ParseCertificates(&i))
				return len(certs) == 1 && certs[0].Subject.CommonName == "leaf"
			},
		},
		"two renewals in one key": {
			idp(keyed("signing", goodCert(), cert("good", rsaKey(), future.AddDate(1, 0, 0))) + signIn), nil,
			func(i directory.IdP) bool { return len(i.Certificates) == 2 },
		},
		"a list with one identity provider": {
			`<md:EntitiesDescriptor` + namespaces + ` validUntil="2026-12-01T00:00:00Z"><md:EntitiesDescriptor validUntil="2026-11-30T00:00:00Z">` +
				entity("https://sp.example.com", "", "") + plain() + `</md:EntitiesDescriptor></md:EntitiesDescriptor>`, nil,
			func(i directory.IdP) bool {
				return i.EntityID == entityID && i.ValidUntil.Equal(time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC))
			},
		},
		"an older role beside that of SAML 2.0": {
			entity(entityID, "", `<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:1.1:protocol"/>`+role(keyed("signing", goodCert())+signIn)), nil,
			func(i directory.IdP) bool { return i.SignInURL != "" },
		},
		"an attribute of another namespace is another": {
			entity(entityID, ` xmlns:x="urn:x" x:entityID="https://evil.example.com" x:validUntil="2000-01-01T00:00:00Z"`, role(keyed("signing", goodCert())+signIn)), nil,
			func(i directory.IdP) bool { return i.EntityID == entityID },
		},
		"elements of another namespace are none": {
			idp(strings.ReplaceAll(keyed("signing", cert("evil", rsaKey(), future)), "<ds:X509Data>", `<ds:X509Data xmlns:ds="urn:x">`) + keyed("signing", goodCert()) + signIn),
			[]string{"without an X509Certificate"},
			func(i directory.IdP) bool { return slices.Equal(i.Certificates, []string{goodCert()}) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := parses(t, tt.document, tt.warnings...); !tt.check(got) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestParse_refuses(t *testing.T) {
	good := keyed("signing", goodCert())
	for name, tt := range map[string]struct{ document, want string }{
		"nothing":                   {" ", "is empty"},
		"a page of HTML":            {"<html><p>Sign in</html>", "begins with html"},
		"a web page":                {"<!doctype html><html><p>Sign in</html>", "is a web page"},
		"a DOCTYPE":                 {`<!DOCTYPE x [<!ENTITY a "b">]>` + plain(), "DOCTYPE"},
		"an entity of its own":      {strings.Replace(plain(), "sso", "&a;", 1), "not XML"},
		"a stylesheet":              {`<?xml-stylesheet href="x"?>` + plain(), "processing instruction"},
		"a late XML declaration":    {plain() + `<?xml version="1.0"?>`, "processing instruction"},
		"another encoding":          {`<?xml version="1.0" encoding="utf-16"?>` + plain(), "not XML in UTF-8"},
		"bytes that are not UTF-8":  {strings.Replace(plain(), "sso", "s\xffo", 1), "not XML in UTF-8"},
		"NUL":                       {strings.Replace(plain(), "sso", "s\x00o", 1), "not XML in UTF-8"},
		"a document that is cut":    {plain()[:200], "not XML"},
		"a second root":             {plain() + plain(), "second root"},
		"text behind the root":      {plain() + "x", "outside of its root"},
		"an attribute twice":        {strings.Replace(plain(), `entityID=`, `entityID="https://a.example.com" entityID=`, 1), "entityID twice"},
		"more bytes than possible":  {plain() + strings.Repeat(" ", MaxDocument), "more than 1048576 bytes"},
		"more nodes than possible":  {strings.Replace(plain(), signIn, strings.Repeat("<a/>", maxNodes/2)+signIn, 1), "more than 20000 nodes"},
		"deeper than possible":      {idp(strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)), "more than 100 elements"},
		"more attributes":           {strings.Replace(plain(), "entityID=", manyAttributes()+"entityID=", 1), "more than 64 attributes"},
		"the wrong namespace":       {strings.ReplaceAll(plain(), "SAML:2.0:metadata", "SAML:1.1:metadata"), "begins with EntityDescriptor"},
		"a service provider":        {entity(entityID, "", "<md:SPSSODescriptor/>"), "no IDPSSODescriptor"},
		"two roles":                 {entity(entityID, "", role(good+signIn)+role(good+signIn)), "has 2 IDPSSODescriptors"},
		"no role of SAML 2.0":       {strings.Replace(plain(), "SAML:2.0:protocol", "SAML:1.1:protocol", 1), "has 0 IDPSSODescriptors"},
		"two identity providers":    {`<md:EntitiesDescriptor` + namespaces + `>` + plain() + entity("https://b.example.com", "", role(good+signIn)) + `</md:EntitiesDescriptor>`, "2 identity providers: name one of " + entityID + ", https://b.example.com"},
		"no entityID":               {entity("", "", role(good+signIn)), "entityID"},
		"an entityID with a space":  {entity("https://a b", "", role(good+signIn)), "entityID"},
		"a long entityID":           {entity("https://"+strings.Repeat("a", 1020), "", role(good+signIn)), "entityID"},
		"an entity that is past":    {entity(entityID, ` validUntil="2026-11-25T12:00:00Z"`, role(good+signIn)), "valid until 2026-11-25T12:00:00Z"},
		"a role that is past":       {strings.Replace(plain(), "<md:IDPSSODescriptor", `<md:IDPSSODescriptor validUntil="2026-11-25T11:00:00Z"`, 1), "valid until"},
		"a list that is past":       {`<md:EntitiesDescriptor` + namespaces + ` validUntil="2026-01-01T00:00:00Z">` + plain() + `</md:EntitiesDescriptor>`, "valid until"},
		"a time that is none":       {entity(entityID, ` validUntil="soon"`, role(good+signIn)), `"soon" is not a time`},
		"no sign-in":                {idp(good), "no SingleSignOnService"},
		"sign-in by SOAP":           {idp(good + service("SingleSignOnService", "SOAP", "https://idp.example.com/sso")), "no SingleSignOnService"},
		"sign-in by a script":       {idp(good + service("SingleSignOnService", "HTTP-Redirect", "javascript:alert(1)")), "Location"},
		"sign-in by http":           {idp(good + service("SingleSignOnService", "HTTP-Redirect", "http://idp.example.com/sso")), "Location"},
		"sign-in without a place":   {idp(good + service("SingleSignOnService", "HTTP-Redirect", "")), "Location"},
		"sign-in with a password":   {idp(good + service("SingleSignOnService", "HTTP-Redirect", "https://a:b@idp.example.com/")), "Location"},
		"sign-in at a path":         {idp(good + service("SingleSignOnService", "HTTP-Redirect", "/sso")), "Location"},
		"logout by a script":        {idp(good + signIn + service("SingleLogoutService", "HTTP-Redirect", "javascript:alert(1)")), "SingleLogoutService"},
		"answers to a script":       {idp(good + signIn + strings.Replace(service("SingleLogoutService", "HTTP-Redirect", "https://idp.example.com/"), "/>", ` ResponseLocation="data:x"/>`, 1)), "SingleLogoutService"},
		"no key":                    {idp(signIn), "there is none"},
		"a key for encryption":      {idp(keyed("encryption", goodCert()) + signIn), "there is none"},
		"a key for something else":  {idp(keyed("Signing", goodCert()) + signIn), "there is none"},
		"a key without certificate": {idp(keyed("signing") + signIn), "without an X509Certificate"},
		"an ECDSA key":              {idp(keyed("signing", cert("ec", ecKey(), future)) + signIn), "not RSA but ECDSA"},
		"a certificate of letters":  {idp(keyed("signing", "no!") + signIn), "not base64"},
		"a certificate of nothing":  {idp(keyed("signing", "AAAA") + signIn), "cannot be read"},
		"too many certificates":     {idp(manyCertificates() + signIn), "21 certificates"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := Parse([]byte(tt.document), "", now)
			if !directory.Is(err, directory.Invalid) || !strings.Contains(err.Error(), tt.want) || got.EntityID != "" {
				t.Errorf("got %+v, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func manyAttributes() string {
	var b strings.Builder
	for i := range 64 {
		fmt.Fprintf(&b, `a%d="" `, i)
	}
	return b.String()
}

func manyCertificates() string {
	var b strings.Builder
	for i := range 21 {
		b.WriteString(keyed("signing", cert(fmt.Sprint("c", i), rsaKey(), future)))
	}
	return b.String()
}

func TestParse_chooses_the_entity_that_is_named(t *testing.T) {
	other := entity("https://b.example.com", "", role(keyed("signing", goodCert())+signIn))
	both := `<md:EntitiesDescriptor` + namespaces + `>` + plain() + other + `</md:EntitiesDescriptor>`
	got, _, err := Parse([]byte(both), "https://b.example.com", now)
	if err != nil || got.EntityID != "https://b.example.com" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, _, err := Parse([]byte(plain()), "https://b.example.com", now); err == nil || !strings.Contains(err.Error(), "is not of the entity https://b.example.com but of "+entityID) {
		t.Errorf("another entity: %v", err)
	}
	twice := strings.Replace(both, "https://b.example.com", entityID, 1)
	if _, _, err := Parse([]byte(twice), entityID, now); err == nil || !strings.Contains(err.Error(), "2 times") {
		t.Errorf("twice: %v", err)
	}
}

func TestChanges_tell_of_names_urls_and_certificates(t *testing.T) {
	before := parses(t, plain())
	if c := Changes(&before, &before); len(c) > 0 {
		t.Errorf("nothing changed, and yet %v", c)
	}
	old := cert("old", rsaKey(), now.AddDate(0, 1, 0))
	before.Certificates = []string{old}
	after := parses(t, idp(keyed("signing", goodCert())+service("SingleSignOnService", "HTTP-POST", "https://idp.example.com/post")))
	got := Changes(&before, &after)
	print := func(text string) string { return Fingerprint(must(parseCertificate(text))) }
	want := directory.Changes{
		"sign_in_url": [2]any{"https://idp.example.com/sso", "https://idp.example.com/post"}, "sign_in_post": [2]any{false, true},
		"certificates_added":   []string{print(goodCert()) + " until 2027-11-25"},
		"certificates_removed": []string{print(old) + " until 2026-12-25"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if c := Changes(&directory.IdP{}, &after); c["entity_id"] != [2]any{"", entityID} {
		t.Errorf("the first import tells %v", c)
	}
}

// FuzzParse holds that what is taken can be worked with.
func FuzzParse(f *testing.F) {
	f.Add([]byte(plain()))
	f.Add([]byte(`<md:EntitiesDescriptor` + namespaces + `>` + plain() + `</md:EntitiesDescriptor>`))
	f.Add([]byte(`<!DOCTYPE a>` + plain()))
	f.Fuzz(func(t *testing.T, document []byte) {
		got, _, err := Parse(document, "", now)
		if err != nil {
			if !directory.Is(err, directory.Invalid) {
				t.Fatalf("the error is no Invalid: %v", err)
			}
			return
		}
		certs, err := ParseCertificates(&got)
		if err != nil || len(certs) == 0 || got.EntityID == "" || !directory.IsURL(got.SignInURL) {
			t.Fatalf("took %+v, %v", got, err)
		}
	})
}

// weakKey is an RSA key of 1024 bits that protects nothing.
const weakKey = "MIICXQIBAAKBgQC/wOW7WJ31zPmRwYYeGFzMb//1LSQ55NBqpDuU2W43InuLC8lj+SA7QzhqINyHNIqqBiB1JKfJwB07hmJY4aSU1IiiFVcBp2keQfxbzqrl8Vi8yEzUAdhmIGKcZLb4DSBTOXSLPUyG/mpfALnZviqsJU39AVzRcqAkhAqwxHDPiQIDAQABAoGAK0T3chWWm2M0A9B0F7Fuq1EwpF4Z2RiJcS77JOUFilp1H1S7DpymSckq30PoD3hrO9+jDlwForB/yDFUWvMb5HecxvYzClh2ktM7fftgKtRhrocGp/bne+1F6hnF4xuO/iRmWYJSYvIqD1A1Ry8su5zUTNyXM3uHuZ+UldMb1psCQQDVyWD2mqg0Apu3QxZByxTQaR3D7XQmajZYmcm9+uo/XXLctbK33iki0mpvJr2RwWq/n3XRuKGXQjD6fxeMDjunAkEA5Z3GK76mpeN9EP9pP1HN/GSQxEj1CkYxbdudqOyy/hUbjumEsxlDKep8FwEaupX0mwssAO1d6rNix461GsFBTwJBAMAgX1yf9sPvCCP1TX5JVOZLYW2f639OepK7eruaUIQrpjtFq1xkclGSCgbkKP9hdF7LnqWgKNB3su6b4vyCGgcCQHvKJ4CF9EoS7uYvDIq6i5a6kOGBg7naReO4NrNPiOA6ePT/KC92OyNp6yRr0AEvvwOnbj3BupRByctUQIcAETkCQQDOWL6c7AT5IzVAqC1kq4YpIrE2Ziw1h3Q3SWbPm09uBwwxMKnsBmyewZ5EdaieNzKTdpvJvzVL6W6F8R1mbVqu"
