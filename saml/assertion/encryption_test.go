package assertion

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"strings"
	"testing"
)

// TestVerify_encrypted holds the unforged twins of what is refused.
func TestVerify_encrypted(t *testing.T) {
	for name, f := range map[string]forge{
		"AES-128-GCM":                              {encrypt: &lock{data: nsEncrypt11 + "aes128-gcm"}},
		"AES-192-GCM":                              {encrypt: &lock{data: nsEncrypt11 + "aes192-gcm"}},
		"AES-256-GCM":                              {encrypt: &lock{}},
		"a signed Response":                        {signs: "_r", encrypt: &lock{}},
		"both are signed":                          {signs: "_a _r", encrypt: &lock{}},
		"AES-128-CBC in a signed Response":         {signs: "_r", encrypt: &lock{data: nsEncrypt + "aes128-cbc"}},
		"AES-192-CBC in a signed Response":         {signs: "_r", encrypt: &lock{data: nsEncrypt + "aes192-cbc"}},
		"AES-256-CBC, both are signed":             {signs: "_a _r", encrypt: &lock{data: nsEncrypt + "aes256-cbc"}},
		"OAEP with SHA-256 and the old identifier": {encrypt: &lock{hash: crypto.SHA256}},
		"OAEP of 2009 by its defaults":             {encrypt: &lock{wrap: algOAEP}},
		"OAEP of 2009 with SHA-256 for both":       {encrypt: &lock{wrap: algOAEP, hash: crypto.SHA256, mask: crypto.SHA256}},
		"OAEP of 2009 with SHA-512 and SHA-1":      {encrypt: &lock{wrap: algOAEP, hash: crypto.SHA512, mask: crypto.SHA1}},
		"the key stands beside the data":           {encrypt: &lock{beside: true}},
		"for our next key":                         {encrypt: &lock{to: []*rsa.PrivateKey{ourNextPair().key}}},
		"for somebody else too":                    {encrypt: &lock{to: []*rsa.PrivateKey{strangePair().key, ourPair().key}}},
		"namespaces are declared around it":        {encrypt: &lock{}, inside: []string{` xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"`, ``}},
		"the default namespace is declared outside": {
			encrypt: &lock{around: ` xmlns="urn:oasis:names:tc:SAML:2.0:assertion"`}, inside: []string{` xmlns="urn:oasis:names:tc:SAML:2.0:assertion"`, ``},
			before: []string{claim, strings.NewReplacer("saml:", "", "xmlns:saml", "xmlns").Replace(claim)},
		},
		"a prefix is bound again around it": {encrypt: &lock{around: ` xmlns:ns0="` + nsEncrypt + `" xmlns:ns1="urn:x"`}, before: prefixes("ns0")},
		"the prefix of the data inside it":  {encrypt: &lock{}, before: prefixes("xenc")},
		"signatures inside and outside have the same Id": {
			signs: "_a _r", encrypt: &lock{}, inside: []string{`<ds:Signature `, `<ds:Signature Id="Signature1" `}, after: []string{`<ds:Signature `, `<ds:Signature Id="Signature1" `},
		},
		"lines of base64": {encrypt: &lock{rewrite: []string{"<xenc:CipherValue>", "<xenc:CipherValue>\n  "}}},
	} {
		t.Run(name, func(t *testing.T) {
			v := verifier()
			v.Keys = []*rsa.PrivateKey{ourPair().key, ourNextPair().key}
			v.Encrypted = true
			message := f.make(t)
			facts, err := verify(v, message, asks, noon)
			if err != nil {
				t.Fatalf("%v in %s", err, message)
			}
			if !facts.Encrypted || facts.NameID.Value != "u-0001" || len(facts.Attributes) != 2 {
				t.Errorf("facts %+v", facts)
			}
		})
	}
}

// prefixes writes the assertion with another prefix.
func prefixes(prefix string) []string {
	return []string{claim, strings.NewReplacer("saml:", prefix+":", "xmlns:saml", "xmlns:"+prefix).Replace(claim)}
}

// TestVerify_encryptedRefused: whatever is wrong with something encrypted, the answer is one.
func TestVerify_encryptedRefused(t *testing.T) {
	key := make([]byte, 32)
	cbc := nsEncrypt + "aes256-cbc"
	broken := func(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 1; return b }
	plain := clean(claim)
	sealedGCM := shut(t, "gcm", key, []byte(plain))
	for name, f := range map[string]forge{
		"RSA 1.5":                                {encrypt: &lock{wrap: nsEncrypt + "rsa-1_5"}},
		"RSA 1.5 in a signed Response":           {signs: "_r", encrypt: &lock{wrap: nsEncrypt + "rsa-1_5"}},
		"an unknown algorithm for the key":       {encrypt: &lock{wrap: "urn:x"}},
		"3DES":                                   {signs: "_r", encrypt: &lock{data: nsEncrypt + "tripledes-cbc", raw: make([]byte, 64), keyBytes: make([]byte, 24)}},
		"an unknown algorithm":                   {signs: "_r", encrypt: &lock{data: "urn:x", raw: make([]byte, 64)}},
		"CBC in an unsigned Response":            {encrypt: &lock{data: cbc}},
		"for a key of somebody else":             {encrypt: &lock{to: []*rsa.PrivateKey{strangePair().key}}},
		"for no key":                             {encrypt: &lock{to: []*rsa.PrivateKey{}}},
		"an empty wrapped key":                   {encrypt: &lock{wrapped: []byte{}}},
		"a short wrapped key":                    {encrypt: &lock{wrapped: []byte{1, 2, 3}}},
		"a long wrapped key":                     {encrypt: &lock{wrapped: make([]byte, 4096)}},
		"a key of the wrong length":              {encrypt: &lock{keyBytes: key[:16], raw: shut(t, "gcm", key[:16], []byte(plain))}},
		"an empty key":                           {encrypt: &lock{keyBytes: []byte{}, raw: sealedGCM}},
		"GCM with nothing":                       {encrypt: &lock{raw: []byte{}}},
		"GCM that is shorter than its nonce":     {encrypt: &lock{raw: make([]byte, 11)}},
		"GCM without a tag":                      {encrypt: &lock{raw: make([]byte, 12)}},
		"GCM with a bit changed":                 {encrypt: &lock{keyBytes: key, raw: broken(sealedGCM, 40)}},
		"GCM with a bit of the tag changed":      {encrypt: &lock{keyBytes: key, raw: broken(sealedGCM, len(sealedGCM)-1)}},
		"CBC that is no whole number of blocks":  {signs: "_r", encrypt: &lock{data: cbc, raw: make([]byte, 47)}},
		"CBC with nothing":                       {signs: "_r", encrypt: &lock{data: cbc, raw: []byte{}}},
		"CBC with a vector and nothing":          {signs: "_r", encrypt: &lock{data: cbc, raw: make([]byte, 16)}},
		"CBC with a wrong padding":               {signs: "_r", encrypt: &lock{data: cbc, keyBytes: key, raw: make([]byte, 64)}},
		"no XML":                                 {encrypt: &lock{plainInside: "x"}},
		"XML and more":                           {encrypt: &lock{plainInside: plain + "<x/>"}},
		"a comment inside":                       {encrypt: &lock{plainInside: strings.Replace(plain, "u-0001", "u-<!---->0001", 1)}},
		"an assertion in the assertion":          {encrypt: &lock{plainInside: strings.Replace(plain, "<saml:Subject>", `<saml:Advice><saml:Assertion/></saml:Advice><saml:Subject>`, 1)}},
		"encrypted twice":                        {encrypt: &lock{plainInside: (&lock{}).element(t, plain)}},
		"another element":                        {encrypt: &lock{plainInside: `<saml:Issuer xmlns:saml="` + nsAssertion + `"/>`}},
		"a reference to the cipher":              {encrypt: &lock{rewrite: []string{"<xenc:CipherData><xenc:CipherValue>", `<xenc:CipherData><xenc:CipherReference URI="https://evil.example"/></xenc:CipherData><xenc:CipherData><xenc:CipherValue>`}}},
		"a reference beside the cipher":          {encrypt: &lock{beside: true, rewrite: []string{"<xenc:CipherData><xenc:CipherValue>", `<xenc:CipherData><xenc:CipherReference URI="https://evil.example"/><xenc:CipherValue>`}}},
		"no base64":                              {encrypt: &lock{rewrite: []string{"<xenc:CipherValue>", "<xenc:CipherValue>*"}}},
		"two EncryptedData":                      {encrypt: &lock{rewrite: []string{"<saml:EncryptedAssertion>", "<saml:EncryptedAssertion><xenc:EncryptedData xmlns:xenc='" + nsEncrypt + "'/>"}}},
		"no EncryptedData":                       {encrypt: &lock{rewrite: []string{"<xenc:EncryptedData", "<xenc:Data", "</xenc:EncryptedData>", "</xenc:Data>"}}},
		"no EncryptionMethod":                    {encrypt: &lock{rewrite: []string{"<xenc:EncryptionMethod ", "<xenc:Method "}}},
		"an unknown parameter of OAEP":           {encrypt: &lock{rewrite: []string{`rsa-oaep-mgf1p">`, `rsa-oaep-mgf1p"><x/>`}}},
		"a mask that the old identifier has not": {encrypt: &lock{mask: crypto.SHA256}},
		"MD5 in OAEP":                            {encrypt: &lock{hash: crypto.SHA256, rewrite: []string{`"` + algSHA256 + `"`, `"http://www.w3.org/2001/04/xmldsig-more#md5"`}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := verify(verifier(), f.make(t), asks, noon)
			if code(t, err) != CodeEncrypted || err.Error() != refuseEncrypted().Error() {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestVerify_encryptedInside: what was decrypted must still be signed, and is judged as any other.
func TestVerify_encryptedInside(t *testing.T) {
	for name, tt := range map[string]struct {
		forge forge
		want  string
	}{
		"nothing is signed":             {forge{signs: "none", encrypt: &lock{}}, CodeUnsigned},
		"signed by a stranger":          {forge{seal: seal{key: strangePair().key}, encrypt: &lock{}}, CodeSignature},
		"changed before it was sealed":  {forge{encrypt: &lock{}, inside: []string{"u-0001", "u-0002"}}, CodeSignature},
		"sealed in a changed Response":  {forge{signs: "_r", encrypt: &lock{}, after: []string{`Version="2.0"`, `Version="2.0" Consent="urn:x"`}}, CodeSignature},
		"another audience":              {forge{encrypt: &lock{}, before: []string{`<saml:Audience>` + sp, `<saml:Audience>https://other.example`}}, CodeAudience},
		"a signature beside what it is": {forge{encrypt: &lock{}, before: []string{`<saml:NameID `, `<ds:Signature xmlns:ds="` + nsSignature + `"/><saml:NameID `}}, CodeSignature},
		"a signature around it":         {forge{encrypt: &lock{rewrite: []string{`<saml:EncryptedAssertion>`, `<saml:EncryptedAssertion><ds:Signature xmlns:ds="` + nsSignature + `"/>`}}}, CodeSignature},
		"our own key signed it":         {forge{seal: seal{key: ourPair().key}, encrypt: &lock{}}, CodeSignature},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := verify(verifier(), tt.forge.make(t), asks, noon); code(t, err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
