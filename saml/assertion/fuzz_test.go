package assertion

import (
	"crypto/rsa"
	"crypto/x509"
	"reflect"
	"slices"
	"testing"
)

// FuzzVerify: nothing panics, nothing unsigned is believed, and what our reader accepts others read as we do.
func FuzzVerify(f *testing.F) {
	for _, made := range []forge{{}, {signs: "_r"}, {signs: "_a _r"}, {signs: "none"}, {encrypt: &lock{}}, {signs: "_r", encrypt: &lock{data: nsEncrypt + "aes128-cbc"}}} {
		f.Add(made.make(f))
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	v := &Verifier{Issuer: idp, Audience: sp, Recipient: acs, Keys: []*rsa.PrivateKey{ourPair().key}}
	// The key is made anew in each process, so what a mutation finds is never signed with it.
	v.Certificates = []*x509.Certificate{strangePair().cert}
	f.Fuzz(func(t *testing.T, input []byte) {
		agree(t, input)
		if facts, err := verify(v, input, asks, noon); err == nil {
			t.Errorf("believed: %+v", facts)
		}
	})
}

// FuzzQuery: nothing panics, and nothing unsigned is believed.
func FuzzQuery(f *testing.F) {
	raw, err := SignQuery("SAMLRequest", []byte(logout), "abc", issuerPair().key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add("SAMLResponse=fVI%3D&RelayState=&SigAlg=x&Signature=%3D")
	f.Fuzz(func(t *testing.T, input string) {
		if _, err := VerifyQuery(input, []*x509.Certificate{strangePair().cert}); err == nil {
			t.Errorf("believed: %s", input)
		}
		q, err := ParseQuery(input)
		if err != nil {
			return
		}
		if r, err := ParseLogoutRequest(q.XML); err == nil && r.NameID.Value == "" {
			t.Errorf("a request that names nobody: %s", q.XML)
		}
	})
}

// TestVerify_everyByte changes each byte of a signed Response in several ways. What is accepted all the same says the same.
func TestVerify_everyByte(t *testing.T) {
	for _, made := range []forge{{}, {signs: "_a _r"}} {
		message := made.make(t)
		accepted := 0
		for at := range message {
			for _, insert := range []string{"", "x", " ", "&", "<", "0"} {
				if sameFacts(t, message, at, 1, insert) {
					accepted++
				}
			}
		}
		t.Logf("%d of %d changes make no difference", accepted, 6*len(message))
	}
}

// FuzzVerify_edits changes pieces of a signed Response. What is accepted all the same says the same.
func FuzzVerify_edits(f *testing.F) {
	f.Add(uint16(300), uint16(0), "<!---->")
	f.Add(uint16(2400), uint16(6), "admin")
	f.Add(uint16(1000), uint16(0), ` xmlns:saml="urn:x"`)
	message := forge{}.make(f)
	f.Fuzz(func(t *testing.T, at, remove uint16, insert string) {
		sameFacts(t, message, int(at)%len(message), int(remove), insert)
	})
}

// sameFacts replaces a piece of a signed message, and tells whether it is still accepted. Then its facts must be those of the message, but
// for what is not signed.
func sameFacts(t *testing.T, message []byte, at, remove int, insert string) bool {
	t.Helper()
	edited := slices.Concat(message[:at], []byte(insert), message[min(at+remove, len(message)):])
	got, err := verify(verifier(), edited, asks, noon)
	if err != nil {
		return false
	}
	want, err := verify(verifier(), message, asks, noon)
	if err != nil {
		t.Fatal(err)
	}
	got.Checks, got.ResponseID = want.Checks, want.ResponseID
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("the facts changed:\n%+v\n%+v\n%s", got, want, edited)
	}
	return true
}
