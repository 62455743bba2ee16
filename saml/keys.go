package saml

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"sync"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/saml/metadata"
	"github.com/rollcall-id/rollcall/store"
)

type certificate = x509.Certificate

// ourKeys are our keys, read: the first signs.
type ourKeys struct {
	private      []*rsa.PrivateKey
	certificates [][]byte // DER
}

// keyring remembers keys that were read, by what they were read from: that costs more than to use them.
type keyring struct {
	making sync.Mutex

	mu    sync.Mutex
	ours  string // the ids of
	read  *ourKeys
	certs map[string][]*certificate
}

// maxRemembered is far above the number of connections that one server has.
const maxRemembered = 1000

// ourKeys returns our keys, as the database has them now.
func (d *Door) ourKeys(ctx context.Context, request string) (*ourKeys, error) {
	var keys []directory.SAMLKey
	err := d.DB.ViewOne(ctx, func(tx *store.Tx) (err error) { keys, err = tx.SAMLKeys(); return err })
	if err == nil && len(keys) < 2 { // it is so once, and to make them takes long
		d.keys.making.Lock()
		keys, err = d.Provision.SAMLKeys(ctx, directory.Actor{Name: "rollcall", Request: request})
		d.keys.making.Unlock()
	}
	if err != nil {
		return nil, err
	}
	var ids strings.Builder
	for _, k := range keys {
		ids.WriteString(string(k.ID))
	}
	d.keys.mu.Lock()
	defer d.keys.mu.Unlock()
	if d.keys.ours != ids.String() {
		read, err := readKeys(keys)
		if err != nil {
			return nil, err
		}
		d.keys.ours, d.keys.read = ids.String(), read
	}
	return d.keys.read, nil
}

// readKeys reads what provision made.
func readKeys(keys []directory.SAMLKey) (*ourKeys, error) {
	var read ourKeys
	for _, k := range keys {
		der, err := base64.StdEncoding.DecodeString(k.Private)
		if err != nil {
			return nil, errDamaged
		}
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		private, ok := parsed.(*rsa.PrivateKey)
		if err != nil || !ok {
			return nil, errDamaged
		}
		cert, err := base64.StdEncoding.DecodeString(k.Certificate)
		if err != nil {
			return nil, errDamaged
		}
		read.private, read.certificates = append(read.private, private), append(read.certificates, cert)
	}
	return &read, nil
}

var errDamaged = errors.New("a key for SAML in the database is damaged")

// trusted returns the certificates whose keys an identity provider signs with. They are not to be changed.
func (k *keyring) trusted(idp *directory.IdP) ([]*certificate, error) {
	name := strings.Join(idp.Certificates, " ")
	k.mu.Lock()
	certs, ok := k.certs[name]
	k.mu.Unlock()
	if ok {
		return certs, nil
	}
	certs, err := metadata.ParseCertificates(idp)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.certs == nil || len(k.certs) >= maxRemembered {
		k.certs = map[string][]*certificate{}
	}
	k.certs[name] = certs
	return certs, nil
}
