package metadata

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rollcall-id/rollcall/directory"
)

const (
	minBits = 2048
	maxBits = 8192 // a signature of more would take a login too long to look at

	maxCertificates = 20
)

// ParseCertificates returns the certificates of an IdP. Errors: Invalid.
func ParseCertificates(idp *directory.IdP) ([]*x509.Certificate, error) {
	all := make([]*x509.Certificate, 0, len(idp.Certificates))
	for _, text := range idp.Certificates {
		cert, err := parseCertificate(text)
		if err != nil {
			return nil, err
		}
		all = append(all, cert)
	}
	return all, nil
}

func parseCertificate(text string) (*x509.Certificate, error) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, invalid("an X509Certificate is not base64")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, invalid("an X509Certificate cannot be read: %v", err)
	}
	return cert, nil
}

// Fingerprint is the SHA-256 of a certificate, in hexadecimal.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// unusable says why signatures of a certificate's key are refused, in the words that follow "its key is"; empty if they are not.
func unusable(cert *x509.Certificate) string {
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	switch {
	case !ok:
		return "not RSA but " + cert.PublicKeyAlgorithm.String()
	case key.N.BitLen() < minBits:
		return "RSA of fewer than 2048 bits"
	case key.N.BitLen() > maxBits:
		return "RSA of more than 8192 bits"
	}
	return ""
}

// certificates takes those of the keys that sign. A key without a use signs too; one for encryption never does.
func (r *reader) certificates(role *descriptor) error {
	var refused []string
	for _, key := range role.Keys {
		if use := key.Attrs.get("use"); use != "" && use != "signing" {
			continue
		}
		if len(key.Certificates) == 0 {
			refused = append(refused, "a key without an X509Certificate is not used")
		}
		var all []*x509.Certificate
		for _, text := range key.Certificates {
			cert, err := parseCertificate(text)
			if err != nil {
				return err
			}
			all = append(all, cert)
		}
		for _, cert := range leaves(all) {
			if why := unusable(cert); why != "" {
				refused = append(refused, "the certificate "+Fingerprint(cert)+" is not used: its key is "+why)
			} else if text := base64.StdEncoding.EncodeToString(cert.Raw); !slices.Contains(r.idp.Certificates, text) {
				r.idp.Certificates = append(r.idp.Certificates, text)
				r.warnValidity(cert)
			}
		}
	}
	if len(r.idp.Certificates) == 0 {
		why := "there is none"
		if len(refused) > 0 {
			why = strings.Join(refused, "; ")
		}
		return invalid("holds no certificate whose signatures are accepted (%s): let the identity provider sign with an RSA key of 2048 bits or more", why)
	}
	if len(r.idp.Certificates) > maxCertificates {
		return invalid("holds %d certificates for signing: at most %d are possible", len(r.idp.Certificates), maxCertificates)
	}
	r.warnings = append(r.warnings, refused...)
	return nil
}

// leaves are the certificates of one key without those that issued them: whoever issues certificates need not be one who signs
// responses. Two that are renewals of each other have one name and stay.
func leaves(all []*x509.Certificate) []*x509.Certificate {
	return slices.DeleteFunc(slices.Clone(all), func(cert *x509.Certificate) bool {
		return slices.ContainsFunc(all, func(other *x509.Certificate) bool {
			return bytes.Equal(other.RawIssuer, cert.RawSubject) && !bytes.Equal(other.RawIssuer, other.RawSubject)
		})
	})
}

func (r *reader) warnValidity(cert *x509.Certificate) {
	switch day := cert.NotAfter.UTC().Format(time.DateOnly); {
	case !r.now.Before(cert.NotAfter):
		r.warn("the certificate %s ended on %s: it counts only while %s is true", Fingerprint(cert), day, directory.SAMLExpiredCertificates)
	case r.now.Before(cert.NotBefore):
		r.warn("the certificate %s begins on %s", Fingerprint(cert), cert.NotBefore.UTC().Format(time.DateOnly))
	}
}

// Changes tells what differs between two states of an IdP, for a preview and for an event: its names, its URLs, and its
// certificates by their SHA-256 and last day.
func Changes(before, after *directory.IdP) directory.Changes {
	c := directory.Changes{}
	c.Set("entity_id", before.EntityID, after.EntityID)
	c.Set("sign_in_url", before.SignInURL, after.SignInURL)
	c.Set("sign_in_post", before.SignInPost, after.SignInPost)
	c.Set("logout_url", before.LogoutURL, after.LogoutURL)
	c.Set("answer_url", before.AnswerURL, after.AnswerURL)
	c.Set("source", before.Source, after.Source)
	c.Set("valid_until", day(before.ValidUntil), day(after.ValidUntil))
	for _, text := range after.Certificates {
		if !slices.Contains(before.Certificates, text) {
			c.Add("certificates_added", describe(text))
		}
	}
	for _, text := range before.Certificates {
		if !slices.Contains(after.Certificates, text) {
			c.Add("certificates_removed", describe(text))
		}
	}
	return c
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// describe tells of a certificate by its SHA-256 and its last day.
func describe(text string) string {
	cert, err := parseCertificate(text)
	if err != nil { // the store was tampered with
		return err.Error()
	}
	return Fingerprint(cert) + " until " + day(cert.NotAfter)
}
