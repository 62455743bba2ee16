package assertion

import (
	"crypto/rsa"
	"crypto/x509"
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
		_, _ = ParseLogoutResponse(q.XML)
	})
}
