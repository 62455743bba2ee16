package assertion

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	_ "crypto/sha1" // OAEP with SHA-1, which is sound: nothing there rests on collisions
)

// Algorithms of XML Encryption 1.1, sections 5.2., 5.5. and 5.8.
const (
	algOAEPMGF1P = nsEncrypt + "rsa-oaep-mgf1p"
	algOAEP      = nsEncrypt11 + "rsa-oaep"
	maxKeys      = 4 // EncryptedKeys of one assertion, one for each recipient
)

// blockCipher is an algorithm for data: the length of its key in bytes, and whether it proves that nothing was changed.
type blockCipher struct {
	key  int
	sure bool
}

func dataCipher(algorithm string) (blockCipher, bool) {
	switch algorithm {
	case nsEncrypt11 + "aes128-gcm":
		return blockCipher{16, true}, true
	case nsEncrypt11 + "aes192-gcm":
		return blockCipher{24, true}, true
	case nsEncrypt11 + "aes256-gcm":
		return blockCipher{32, true}, true
	case nsEncrypt + "aes128-cbc":
		return blockCipher{16, false}, true
	case nsEncrypt + "aes192-cbc":
		return blockCipher{24, false}, true
	case nsEncrypt + "aes256-cbc":
		return blockCipher{32, false}, true
	}
	return blockCipher{}, false
}

// refuseEncrypted is the one answer to all that is wrong with something encrypted. Whoever could tell a wrong padding from a wrong key,
// or either from malformed XML, could decrypt messages of others by asking often enough.
func refuseEncrypted() *Refusal {
	return refuse(CodeEncrypted, "it could not be decrypted; it must be encrypted for a key that our metadata shows, "+
		"by RSA-OAEP and AES-GCM, or AES-CBC where the Response is signed too")
}

// decrypt returns the assertion in an EncryptedAssertion. Signed says that a verified signature covers what is encrypted: without it
// CBC is not touched, since its errors would tell of the content.
//
// SAML core, section 2.3.4. XML Encryption 1.1, sections 3.2. to 3.5.
func decrypt(n *node, keys []*rsa.PrivateKey, signed bool) (*tree, bool) {
	data := n.only(nsEncrypt, "EncryptedData")
	if data == nil {
		return nil, false
	}
	method := data.only(nsEncrypt, "EncryptionMethod")
	sealed, ok := cipherValue(data)
	if method == nil || !ok {
		return nil, false
	}
	algorithm, _ := method.attr("Algorithm")
	c, ok := dataCipher(algorithm)
	if !ok || !c.sure && !signed {
		return nil, false
	}
	for _, encrypted := range encryptedKeys(n, data) {
		for _, key := range unwrap(encrypted, keys) {
			if len(key) != c.key {
				continue
			}
			if plain, ok := c.open(key, sealed); ok {
				return readInside(plain, n)
			}
		}
	}
	return nil, false
}

// encryptedKeys returns the keys that may open data: those in its KeyInfo, and those beside it. References among them are not
// followed: each is tried.
func encryptedKeys(n, data *node) []*node {
	all := n.children(nsEncrypt, "EncryptedKey")
	if info := data.only(nsSignature, "KeyInfo"); info != nil {
		all = append(info.children(nsEncrypt, "EncryptedKey"), all...)
	}
	return all[:min(len(all), maxKeys)]
}

// cipherValue returns the octets that stand in the CipherData of n. A CipherReference is refused.
func cipherValue(n *node) ([]byte, bool) {
	data := n.only(nsEncrypt, "CipherData")
	if data == nil {
		return nil, false
	}
	value := data.only(nsEncrypt, "CipherValue")
	if value == nil || len(data.elements()) != 1 {
		return nil, false
	}
	return base64Content(value)
}

// unwrap returns what an EncryptedKey holds, by each of our keys that opens it. A key of PKCS #1 v1.5 is not opened.
//
// XML Encryption 1.1, section 5.5.2.
func unwrap(n *node, keys []*rsa.PrivateKey) (opened [][]byte) {
	method := n.only(nsEncrypt, "EncryptionMethod")
	wrapped, ok := cipherValue(n)
	if method == nil || !ok {
		return nil
	}
	options, ok := oaep(method)
	if !ok {
		return nil
	}
	for _, key := range keys {
		if plain, err := key.Decrypt(nil, wrapped, options); err == nil {
			opened = append(opened, plain)
		}
	}
	return opened
}

// oaep reads the parameters of RSA-OAEP. The older identifier always means MGF1 with SHA-1.
func oaep(method *node) (*rsa.OAEPOptions, bool) {
	options := &rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1}
	algorithm, _ := method.attr("Algorithm")
	if algorithm != algOAEPMGF1P && algorithm != algOAEP {
		return nil, false
	}
	for _, n := range method.elements() {
		value, _ := n.attr("Algorithm")
		ok := false
		switch {
		case n.is(nsSignature, "DigestMethod"):
			options.Hash, ok = oaepHash(value)
		case n.is(nsEncrypt11, "MGF") && algorithm == algOAEP:
			options.MGFHash, ok = maskHash(value)
		case n.is(nsEncrypt, "OAEPparams"):
			options.Label, ok = base64Content(n)
		case n.is(nsEncrypt, "KeySize"):
			ok = true
		}
		if !ok {
			return nil, false
		}
	}
	return options, true
}

func oaepHash(algorithm string) (crypto.Hash, bool) {
	if algorithm == algSHA1 {
		return crypto.SHA1, true
	}
	return digestHash(algorithm)
}

func maskHash(algorithm string) (crypto.Hash, bool) {
	switch algorithm {
	case nsEncrypt11 + "mgf1sha1":
		return crypto.SHA1, true
	case nsEncrypt11 + "mgf1sha256":
		return crypto.SHA256, true
	case nsEncrypt11 + "mgf1sha384":
		return crypto.SHA384, true
	case nsEncrypt11 + "mgf1sha512":
		return crypto.SHA512, true
	}
	return 0, false
}

// open decrypts sealed, which begins with its initialisation vector.
func (c blockCipher) open(key, sealed []byte) ([]byte, bool) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, false
	}
	if !c.sure {
		return openCBC(block, sealed)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil || len(sealed) < gcm.NonceSize() {
		return nil, false
	}
	plain, err := gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], nil)
	return plain, err == nil
}

// openCBC decrypts and takes the padding away, whose last byte is its length.
//
// XML Encryption 1.1, section 5.2.2.
func openCBC(block cipher.Block, sealed []byte) ([]byte, bool) {
	size := block.BlockSize()
	if len(sealed) < 2*size || len(sealed)%size != 0 {
		return nil, false
	}
	plain := make([]byte, len(sealed)-size)
	cipher.NewCBCDecrypter(block, sealed[:size]).CryptBlocks(plain, sealed[size:])
	padding := int(plain[len(plain)-1])
	if padding < 1 || padding > size {
		return nil, false
	}
	return plain[:len(plain)-padding], true
}

// readInside reads what was encrypted. Most senders encrypt an assertion that stands alone; some leave declarations to the elements
// around it, which is tried where it does not.
func readInside(plain []byte, around *node) (*tree, bool) {
	inside, err := readTree(plain, nil)
	if err != nil || !inside.root.is(nsAssertion, "Assertion") {
		if inside, err = readTree(plain, around.scope()); err != nil {
			return nil, false
		}
	}
	return inside, inside.root.is(nsAssertion, "Assertion") && len(inside.assertions) == 1
}
