package saml

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"sync"
	"time"
)

// pair is a key and the certificate that it signed for itself.
type pair struct {
	key  crypto.Signer
	cert []byte // DER
}

// text is the certificate as XML holds it.
func (p pair) text() string { return base64.StdEncoding.EncodeToString(p.cert) }

func (p pair) public() *rsa.PublicKey { return p.key.Public().(*rsa.PublicKey) }

// keyring is every key that the tests sign with, made once.
type keyring struct {
	good, other, next, evil, encryption, expired pair // RSA, 2048 bits
	small                                        pair // RSA, 1024 bits
	curve                                        pair // P-256
}

var keys = sync.OnceValue(func() keyring {
	year := 365 * 24 * time.Hour
	expired := newRSA(2048)
	return keyring{
		good: certify(newRSA(2048), year), other: certify(newRSA(2048), year), next: certify(newRSA(2048), year),
		evil: certify(newRSA(2048), year), encryption: certify(newRSA(2048), year), expired: certify(expired, -time.Hour),
		small: certify(newRSA(1024), year), curve: certify(newCurve(), year),
	}
})

func newRSA(bits int) crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func newCurve() crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// certify makes a certificate that ends so long from now.
func certify(key crypto.Signer, end time.Duration) pair {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "identity provider"}, // the same for all, so that a name cannot tell them apart
		NotBefore:    time.Now().Add(-48 * time.Hour),
		NotAfter:     time.Now().Add(end),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return pair{key, cert}
}
