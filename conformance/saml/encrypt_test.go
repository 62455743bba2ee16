package saml

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" // what must be refused is made with it
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // what rsa-oaep-mgf1p means
	"encoding/base64"
	"fmt"
	"math/big"
	"testing"
)

// Names of XML Encryption.
const (
	xencNS    = "http://www.w3.org/2001/04/xmlenc#"
	gcm128    = "http://www.w3.org/2009/xmlenc11#aes128-gcm"
	gcm256    = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
	cbc128    = xencNS + "aes128-cbc"
	cbc256    = xencNS + "aes256-cbc"
	tripleDES = xencNS + "tripledes-cbc"
	oaep      = xencNS + "rsa-oaep-mgf1p"
	rsa15     = xencNS + "rsa-1_5"
)

// encryption says how an assertion is encrypted. The zero value of a field is the good one.
type encryption struct {
	to        *rsa.PublicKey
	data, key string              // algorithms
	secret    func([]byte) []byte // changes the key that is wrapped
	sealed    func([]byte) []byte // changes the encrypted bytes
	edit      func(string) string // changes the EncryptedAssertion
}

// element makes the saml:EncryptedAssertion of a text.
func (e *encryption) element(t *testing.T, text string) string {
	t.Helper()
	data, transport := e.data, e.key
	if data == "" {
		data = gcm256
	}
	if transport == "" {
		transport = oaep
	}
	key := make([]byte, map[string]int{gcm128: 16, cbc128: 16, gcm256: 32, cbc256: 32, tripleDES: 24}[data])
	_, _ = rand.Read(key)
	sealed := changed(e.sealed, encryptBytes(t, data, key, []byte(text)))
	digest := ""
	if transport == oaep {
		digest = fmt.Sprintf(`<ds:DigestMethod xmlns:ds="%s" Algorithm="%s"/>`, dsNS, sha1URI)
	}
	element := fmt.Sprintf(`<saml:EncryptedAssertion xmlns:saml="%s"><xenc:EncryptedData xmlns:xenc="%s" Type="%sElement">`+
		`<xenc:EncryptionMethod Algorithm="%s"/><ds:KeyInfo xmlns:ds="%s"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="%s">%s`+
		`</xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>`+
		`<xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion>`,
		assertionNS, xencNS, xencNS, data, dsNS, transport, digest, wrapped(t, transport, e.to, changed(e.secret, key)),
		base64.StdEncoding.EncodeToString(sealed))
	if e.edit != nil {
		element = e.edit(element)
	}
	return element
}

func changed(f func([]byte) []byte, b []byte) []byte {
	if f == nil {
		return b
	}
	return f(b)
}

// wrapped is the secret for whoever has the private key, in base64.
func wrapped(t *testing.T, transport string, to *rsa.PublicKey, secret []byte) string {
	t.Helper()
	if transport == rsa15 {
		padded := append([]byte{0, 2}, bytes.Repeat([]byte{0xff}, to.Size()-len(secret)-3)...)
		message := new(big.Int).SetBytes(append(append(padded, 0), secret...))
		return base64.StdEncoding.EncodeToString(message.Exp(message, big.NewInt(int64(to.E)), to.N).FillBytes(make([]byte, to.Size())))
	}
	out, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, to, secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(out)
}

// encryptBytes gives the initialisation vector and what follows it.
func encryptBytes(t *testing.T, algorithm string, key, text []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if algorithm == tripleDES {
		block, err = des.NewTripleDESCipher(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	if algorithm == gcm128 || algorithm == gcm256 {
		seal, err := cipher.NewGCM(block)
		if err != nil {
			t.Fatal(err)
		}
		nonce := make([]byte, seal.NonceSize())
		_, _ = rand.Read(nonce)
		return seal.Seal(nonce, nonce, text, nil)
	}
	size := block.BlockSize()
	pad := size - len(text)%size
	text = append(append([]byte{}, text...), bytes.Repeat([]byte{byte(pad)}, pad)...)
	out := make([]byte, size+len(text))
	_, _ = rand.Read(out[:size])
	cipher.NewCBCEncrypter(block, out[:size]).CryptBlocks(out[size:], text)
	return out
}
