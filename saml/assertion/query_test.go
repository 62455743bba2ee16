package assertion

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"net/url"
	"strings"
	"testing"
	"time"
)

const logout = `<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_l" Version="2.0" ` +
	`IssueInstant="2026-03-01T12:00:00Z" Destination="https://chat.example/saml/okta/logout" NotOnOrAfter="2026-03-01T12:05:00Z"><saml:Issuer>` + idp + `</saml:Issuer>` +
	`<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" SPNameQualifier="` + sp + `">u-0001</saml:NameID>` +
	`<samlp:SessionIndex>_s</samlp:SessionIndex><samlp:SessionIndex>_t</samlp:SessionIndex></samlp:LogoutRequest>`

func issuerCerts() []*x509.Certificate {
	return []*x509.Certificate{strangePair().cert, issuerPair().cert}
}

func deflated(t *testing.T, content []byte) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return url.QueryEscape(encode(b.Bytes()))
}

// signedQuery signs the octets of a query as they are.
func signedQuery(t *testing.T, octets, algorithm string) string {
	t.Helper()
	octets += "&SigAlg=" + url.QueryEscape(algorithm)
	value, err := rsa.SignPKCS1v15(nil, issuerPair().key, hashOf(algorithm), digestOf(algorithm, []byte(octets)))
	if err != nil {
		t.Fatal(err)
	}
	return octets + "&Signature=" + url.QueryEscape(encode(value))
}

func TestVerifyQuery_roundTrip(t *testing.T) {
	for _, kind := range []string{"SAMLRequest", "SAMLResponse"} {
		for _, relayState := range []string{"", "a token/+&="} {
			raw, err := SignQuery(kind, []byte(logout), relayState, issuerPair().key)
			if err != nil {
				t.Fatal(err)
			}
			got, err := VerifyQuery(raw, issuerCerts())
			if err != nil || got.Kind != kind || string(got.XML) != logout || got.RelayState != relayState {
				t.Errorf("got %+v, %v", got, err)
			}
			if same, err := ParseQuery(raw); err != nil || string(same.XML) != logout {
				t.Errorf("got %+v, %v", same, err)
			}
			if strings.Contains(raw, "RelayState") != (relayState != "") {
				t.Errorf("the query is %s", raw)
			}
		}
	}
	if _, err := SignQuery("SAMLart", nil, "", issuerPair().key); err == nil {
		t.Error("a kind that is none was signed")
	}
}

func TestVerifyQuery_forms(t *testing.T) {
	message := deflated(t, []byte(logout))
	plain := signedQuery(t, "SAMLRequest="+message+"&RelayState=abc", algRSASHA256)
	without := signedQuery(t, "SAMLRequest="+message, algRSASHA256)
	_, value, _ := strings.Cut(plain, "&Signature=")
	lower := strings.NewReplacer("%2B", "%2b", "%2F", "%2f", "%3D", "%3d").Replace(message)
	for name, tt := range map[string]struct{ query, want string }{
		"plain":                               {plain, ""},
		"without RelayState":                  {without, ""},
		"SHA-384":                             {signedQuery(t, "SAMLRequest="+message, algRSASHA384), ""},
		"SHA-512":                             {signedQuery(t, "SAMLRequest="+message, algRSASHA512), ""},
		"escapes in small letters":            {signedQuery(t, "SAMLRequest="+lower+"&RelayState=%7e", algRSASHA256), ""},
		"an empty RelayState":                 {signedQuery(t, "SAMLRequest="+message+"&RelayState=", algRSASHA256), ""},
		"a parameter of somebody else":        {plain + "&client-request-id=1", ""},
		"one in the middle":                   {strings.Replace(plain, "&SigAlg", "&x=y&SigAlg", 1), ""},
		"the encoding by name":                {plain + "&SAMLEncoding=" + url.QueryEscape(encodingDeflate), ""},
		"another encoding":                    {plain + "&SAMLEncoding=urn:x", CodeEncoding},
		"no signature":                        {"SAMLRequest=" + message, CodeUnsigned},
		"an empty signature":                  {strings.Replace(plain, value, "", 1), CodeUnsigned},
		"no algorithm":                        {strings.Replace(plain, "&SigAlg="+url.QueryEscape(algRSASHA256), "", 1), CodeUnsigned},
		"SHA-1":                               {signedQuery(t, "SAMLRequest="+message, "http://www.w3.org/2000/09/xmldsig#rsa-sha1"), CodeSignatureAlgorithm},
		"another algorithm":                   {strings.Replace(plain, "rsa-sha256", "rsa-sha512", 1), CodeSignature},
		"no base64":                           {strings.Replace(plain, value, "*", 1), CodeEncoding},
		"another RelayState":                  {strings.Replace(plain, "abc", "abd", 1), CodeSignature},
		"RelayState taken away":               {strings.Replace(plain, "&RelayState=abc", "", 1), CodeSignature},
		"RelayState added":                    {strings.Replace(without, "&SigAlg", "&RelayState=abc&SigAlg", 1), CodeSignature},
		"an empty RelayState added":           {strings.Replace(without, "&SigAlg", "&RelayState=&SigAlg", 1), CodeSignature},
		"the same, escaped otherwise":         {strings.Replace(plain, "abc", "%61bc", 1), CodeSignature},
		"another order":                       {signedQuery(t, "RelayState=abc&SAMLRequest="+message, algRSASHA256), CodeEncoding},
		"RelayState twice":                    {strings.Replace(plain, "&RelayState=abc", "&RelayState=abc&RelayState=evil", 1), CodeEncoding},
		"RelayState once more at the end":     {plain + "&RelayState=evil", CodeEncoding},
		"the message twice":                   {"SAMLRequest=" + message + "&" + plain, CodeEncoding},
		"a request beside a response":         {"SAMLResponse=" + message + "&" + plain, CodeEncoding},
		"a response at the end":               {plain + "&SAMLResponse=" + message, CodeEncoding},
		"the signature twice":                 {plain + "&Signature=" + value, CodeEncoding},
		"the algorithm twice":                 {strings.Replace(plain, "&Signature", "&SigAlg=x&Signature", 1), CodeEncoding},
		"a name that is escaped":              {strings.Replace(plain, "SAMLRequest", "%53AMLRequest", 1), CodeEncoding},
		"a name that is escaped, beside":      {plain + "&Relay%53tate=evil", CodeEncoding},
		"semicolons":                          {strings.ReplaceAll(plain, "&", ";"), CodeUnsigned},
		"no message":                          {"RelayState=abc", CodeEncoding},
		"an artifact":                         {"SAMLart=AAQ", CodeEncoding},
		"nothing":                             {"", CodeEncoding},
		"a broken escape":                     {signedQuery(t, "SAMLRequest=%zz", algRSASHA256), CodeEncoding},
		"a broken escape in RelayState":       {signedQuery(t, "SAMLRequest="+message+"&RelayState=%zz", algRSASHA256), CodeEncoding},
		"not deflated":                        {signedQuery(t, "SAMLRequest="+url.QueryEscape(encode([]byte(logout))), algRSASHA256), CodeEncoding},
		"cut off":                             {signedQuery(t, "SAMLRequest="+url.QueryEscape(encode([]byte{0x4b, 0x4c})), algRSASHA256), CodeEncoding},
		"more behind it":                      {signedQuery(t, "SAMLRequest="+url.QueryEscape(encode(append(inflated(t, message), 'x'))), algRSASHA256), CodeEncoding},
		"a bomb":                              {signedQuery(t, "SAMLRequest="+deflated(t, make([]byte, 40<<20)), algRSASHA256), CodeTooLarge},
		"too long":                            {signedQuery(t, "SAMLRequest="+strings.Repeat("A", MaxQuery), algRSASHA256), CodeTooLarge},
		"signed by itself, unsigned in query": {"SAMLRequest=" + deflated(t, forge{}.make(t)), CodeUnsigned},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			got, err := VerifyQuery(tt.query, issuerCerts())
			if code(t, err) != tt.want || err == nil && string(got.XML) != logout {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if took := time.Since(start); took > 100*time.Millisecond {
				t.Errorf("it took %s", took)
			}
		})
	}
	if _, err := VerifyQuery(plain, []*x509.Certificate{strangePair().cert}); code(t, err) != CodeSignature {
		t.Errorf("by a stranger's certificate: %v", err)
	}
	if _, err := VerifyQuery(plain, nil); code(t, err) != CodeCertificate {
		t.Errorf("by no certificate: %v", err)
	}
}

// inflated returns the bytes behind a parameter.
func inflated(t *testing.T, parameter string) []byte {
	t.Helper()
	b, refusal := decodeParameter("x", parameter)
	if refusal != nil {
		t.Fatal(refusal)
	}
	return b
}

func TestParseLogoutRequest_forms(t *testing.T) {
	r, err := ParseLogoutRequest([]byte(logout))
	if err != nil {
		t.Fatal(err)
	}
	if r.ID != "_l" || r.NameID.Value != "u-0001" || r.NameID.SPNameQualifier != sp || strings.Join(r.SessionIndexes, " ") != "_s _t" ||
		r.Issuer != idp || !r.IssueInstant.Equal(noon) || !r.NotOnOrAfter.Equal(noon.Add(5*time.Minute)) {
		t.Errorf("got %+v", r)
	}
	for name, tt := range map[string]struct{ old, new, want string }{
		"another message":       {`LogoutRequest`, `AuthnRequest`, CodeXML},
		"version 1.1":           {`Version="2.0"`, `Version="1.1"`, CodeMessage},
		"no ID":                 {` ID="_l"`, ``, CodeMessage},
		"no time":               {` IssueInstant="2026-03-01T12:00:00Z"`, ``, CodeMessage},
		"no time of its end":    {`2026-03-01T12:05:00Z`, `soon`, CodeMessage},
		"no issuer":             {`<saml:Issuer>` + idp + `</saml:Issuer>`, ``, CodeIssuer},
		"no NameID":             {`<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" SPNameQualifier="` + sp + `">u-0001</saml:NameID>`, ``, CodeSubject},
		"an empty NameID":       {`u-0001`, ``, CodeSubject},
		"two NameIDs":           {`</saml:NameID>`, `</saml:NameID><saml:NameID>x</saml:NameID>`, CodeSubject},
		"EncryptedID":           {`<saml:NameID `, `<saml:EncryptedID/><saml:NameID `, CodeUnsupported},
		"an empty SessionIndex": {`>_s<`, `><`, CodeMessage},
		"an assertion":          {`<samlp:SessionIndex>`, `<saml:Assertion/><samlp:SessionIndex>`, CodeMessage},
		"a comment":             {`u-0001`, `u-<!---->0001`, CodeXML},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseLogoutRequest([]byte(replace(t, logout, []string{tt.old, tt.new}))); code(t, err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := ParseLogoutRequest(forge{}.make(t)); code(t, err) != CodeMessage {
		t.Errorf("a Response: %v", err)
	}
}

func TestLogoutRequest_check(t *testing.T) {
	const to = "https://chat.example/saml/okta/logout"
	for name, tt := range map[string]struct {
		change          func(*LogoutRequest)
		issuer, address string
		now             time.Time
		want            string
	}{
		"now":                      {nil, idp, to, noon, ""},
		"the clock is behind":      {nil, idp, to, noon.Add(-Skew), ""},
		"the clock is far behind":  {nil, idp, to, noon.Add(-Skew - time.Second), CodeNotYet},
		"at its end":               {nil, idp, to, noon.Add(5*time.Minute + Skew), CodeExpired},
		"without an end, in time":  {func(r *LogoutRequest) { r.NotOnOrAfter = time.Time{} }, idp, to, noon.Add(MaxLogoutAge + Skew), ""},
		"without an end, too late": {func(r *LogoutRequest) { r.NotOnOrAfter = time.Time{} }, idp, to, noon.Add(MaxLogoutAge + Skew + time.Second), CodeExpired},
		"another issuer":           {nil, "https://evil.example", to, noon, CodeIssuer},
		"another address":          {nil, idp, to + "x", noon, CodeDestination},
		"no address":               {func(r *LogoutRequest) { r.Destination = "" }, idp, "", noon, CodeDestination},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := ParseLogoutRequest([]byte(logout))
			if err != nil {
				t.Fatal(err)
			}
			if tt.change != nil {
				tt.change(&r)
			}
			if err := r.Check(tt.issuer, tt.address, tt.now); code(t, err) != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// crypto alone is the other side of SignQuery.
func TestSignQuery_signature(t *testing.T) {
	raw, err := SignQuery("SAMLRequest", []byte(request), "r", ourPair().key)
	if err != nil {
		t.Fatal(err)
	}
	octets, escaped, _ := strings.Cut(raw, "&Signature=")
	values, err := url.ParseQuery(octets + "&Signature=" + escaped)
	if err != nil {
		t.Fatal(err)
	}
	if values.Get("SigAlg") != algRSASHA256 || values.Get("RelayState") != "r" {
		t.Errorf("the query is %v", values)
	}
	n, refusal := decodeParameter("Signature", escaped)
	if refusal != nil {
		t.Fatal(refusal)
	}
	if err := rsa.VerifyPKCS1v15(&ourPair().key.PublicKey, crypto.SHA256, sum(crypto.SHA256, []byte(octets)), n); err != nil {
		t.Error(err)
	}
}
