package assertion

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"
)

// What all tests agree on.
const (
	idp  = "https://idp.example/metadata"
	sp   = "https://chat.example/saml/okta/metadata"
	acs  = "https://chat.example/saml/okta/acs"
	asks = "id-4711" // our request
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// pair is a key with a certificate of its own.
type pair struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

var (
	issuerPair  = sync.OnceValue(func() pair { return newPair(2048) })
	strangePair = sync.OnceValue(func() pair { return newPair(2048) })
	weakPair    = sync.OnceValue(func() pair { return newPair(1024) })
	ourPair     = sync.OnceValue(func() pair { return newPair(2048) })
	ourNextPair = sync.OnceValue(func() pair { return newPair(3072) })
)

func newPair(bits int) pair {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"},
		NotBefore: noon.AddDate(-2, 0, 0), NotAfter: noon.AddDate(2, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return pair{key, cert}
}

func verifier() *Verifier {
	return &Verifier{
		Issuer: idp, Audience: sp, Recipient: acs,
		Certificates: []*x509.Certificate{issuerPair().cert}, Keys: []*rsa.PrivateKey{ourPair().key},
	}
}

// answer is a Response in which <?sign ID?> stands where a signature goes.
const answer = `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r" Version="2.0" ` +
	`IssueInstant="2026-03-01T12:00:00Z" Destination="` + acs + `" InResponseTo="` + asks + `">` +
	`<saml:Issuer>` + idp + `</saml:Issuer><?sign _r?>` +
	`<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>` +
	`<?encrypt?>` + claim + `<?end?></samlp:Response>`

const claim = `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a" Version="2.0" IssueInstant="2026-03-01T12:00:00Z">` +
	`<saml:Issuer>` + idp + `</saml:Issuer><?sign _a?>` +
	`<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">u-0001</saml:NameID>` + confirmation + `</saml:Subject>` +
	`<saml:Conditions NotBefore="2026-03-01T11:55:00Z" NotOnOrAfter="2026-03-01T13:00:00Z">` + restriction + `</saml:Conditions>` +
	`<saml:AuthnStatement AuthnInstant="2026-03-01T11:59:00Z" SessionIndex="_s" SessionNotOnOrAfter="2026-03-01T20:00:00Z"><saml:AuthnContext>` +
	`<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>` +
	`<saml:AttributeStatement>` + attributes + `</saml:AttributeStatement></saml:Assertion>`

const (
	confirmation = `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">` +
		`<saml:SubjectConfirmationData InResponseTo="` + asks + `" NotOnOrAfter="2026-03-01T12:05:00Z" Recipient="` + acs + `"/></saml:SubjectConfirmation>`
	restriction = `<saml:AudienceRestriction><saml:Audience>` + sp + `</saml:Audience></saml:AudienceRestriction>`
	attributes  = `<saml:Attribute Name="id" FriendlyName="uid" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"><saml:AttributeValue>00u1</saml:AttributeValue></saml:Attribute>` +
		`<saml:Attribute Name="groups"><saml:AttributeValue>eng</saml:AttributeValue><saml:AttributeValue>ops</saml:AttributeValue></saml:Attribute>`
)

// forge says how a Response is made. The zero value makes one whose assertion is signed.
type forge struct {
	signs   string   // ids of what is signed, such as "_a _r"; empty: _a; none: nothing
	seal    seal     // how it is signed
	encrypt *lock    // how it is encrypted
	before  []string // old and new texts, in turn, replaced before it is signed; each old one must be there
	inside  []string // the same, in what is encrypted
	after   []string // the same, when all is signed
}

// make returns the Response.
func (f forge) make(t testing.TB) []byte {
	t.Helper()
	message := replace(t, answer, f.before)
	signs := f.signs
	switch signs {
	case "":
		signs = "_a"
	case "none":
		signs = ""
	}
	if strings.Contains(signs, "_a") {
		message = f.seal.sign(t, message, "_a")
	}
	if f.encrypt != nil {
		before, rest, _ := strings.Cut(message, "<?encrypt?>")
		inside, after, _ := strings.Cut(rest, "<?end?>")
		inside = strings.ReplaceAll(replace(t, inside, f.inside), "<?sign _a?>", "")
		message = before + f.encrypt.element(t, inside) + after
	}
	if strings.Contains(signs, "_r") {
		message = f.seal.sign(t, message, "_r")
	}
	return []byte(replace(t, clean(message), f.after))
}

// clean takes the marks away.
func clean(message string) string {
	return strings.NewReplacer("<?sign _a?>", "", "<?sign _r?>", "", "<?encrypt?>", "", "<?end?>", "").Replace(message)
}

func replace(t testing.TB, s string, pairs []string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(s, pairs[i]) {
			t.Fatalf("nothing to replace: %s", pairs[i])
		}
		s = strings.Replace(s, pairs[i], pairs[i+1], 1)
	}
	return s
}

// seal is how a signature is made; empty fields are what everybody does.
type seal struct {
	key        *rsa.PrivateKey
	method     string
	digest     string
	form       string // CanonicalizationMethod and last transform
	list       string // elements in both of them
	transforms string // all of Transforms
	uri        string
	info       string              // KeyInfo
	rewrite    func(string) string // changes SignedInfo before it is signed
}

// sign puts a signature of the element with that ID where its mark is.
func (s seal) sign(t testing.TB, message, id string) string {
	t.Helper()
	mark := "<?sign " + id + "?>"
	doc, err := readTree([]byte(clean(message)), nil)
	if err != nil {
		t.Fatalf("%v in %s", err, clean(message))
	}
	element := find(doc.root, id)
	if element == nil {
		return message
	}
	form := or(s.form, nsExclusive)
	method, digest := or(s.method, algRSASHA256), or(s.digest, algSHA256)
	transforms := or(s.transforms, `<ds:Transform Algorithm="`+algEnveloped+`"></ds:Transform><ds:Transform Algorithm="`+form+`">`+s.list+`</ds:Transform>`)
	var prefixes []string
	if s.list != "" {
		prefixes = strings.Fields(s.list[strings.Index(s.list, `PrefixList="`)+len(`PrefixList="`) : strings.LastIndex(s.list, `"`)])
		for i := range prefixes {
			prefixes[i] = strings.TrimPrefix(prefixes[i], "#default")
		}
	}
	value := base64.StdEncoding.EncodeToString(digestOf(digest, canonical(element, nil, prefixes)))
	info := `<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="` + form + `">` + s.list + `</ds:CanonicalizationMethod>` +
		`<ds:SignatureMethod Algorithm="` + method + `"></ds:SignatureMethod><ds:Reference URI="` + or(s.uri, "#"+id) + `"><ds:Transforms>` + transforms +
		`</ds:Transforms><ds:DigestMethod Algorithm="` + digest + `"></ds:DigestMethod><ds:DigestValue>` + value + `</ds:DigestValue></ds:Reference></ds:SignedInfo>`
	if s.rewrite != nil {
		info = s.rewrite(info)
	}
	whole := func(value string) string {
		return `<ds:Signature xmlns:ds="` + nsSignature + `">` + info + `<ds:SignatureValue>` + value + `</ds:SignatureValue>` + s.info + `</ds:Signature>`
	}
	placed, err := readTree([]byte(clean(strings.Replace(message, mark, whole(""), 1))), nil)
	if err != nil {
		return strings.Replace(message, mark, whole("AAAA"), 1)
	}
	signed := canonical(find(placed.root, id).only(nsSignature, "Signature").elements()[0], nil, prefixes)
	key := s.key
	if key == nil {
		key = issuerPair().key
	}
	made, err := rsa.SignPKCS1v15(nil, key, hashOf(method), digestOf(method, signed))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(message, mark, whole(base64.StdEncoding.EncodeToString(made)), 1)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func hashOf(algorithm string) crypto.Hash {
	switch {
	case strings.HasSuffix(algorithm, "sha1"):
		return crypto.SHA1
	case strings.HasSuffix(algorithm, "sha384"):
		return crypto.SHA384
	case strings.HasSuffix(algorithm, "sha512"):
		return crypto.SHA512
	}
	return crypto.SHA256
}

func digestOf(algorithm string, data []byte) []byte {
	if hashOf(algorithm) == crypto.SHA1 {
		h := sha1.Sum(data)
		return h[:]
	}
	return sum(hashOf(algorithm), data)
}

func find(n *node, id string) *node {
	if got, _ := n.attr("ID"); got == id {
		return n
	}
	for _, child := range n.elements() {
		if found := find(child, id); found != nil {
			return found
		}
	}
	return nil
}

// lock is how an assertion is encrypted; empty fields are AES-256-GCM and RSA-OAEP with SHA-1 for ourPair.
type lock struct {
	data, wrap  string
	hash, mask  crypto.Hash
	to          []*rsa.PrivateKey
	beside      bool   // the keys stand beside the data, not in its KeyInfo
	around      string // declarations on EncryptedAssertion
	raw         []byte // what stands in the place of the encrypted data
	keyBytes    []byte
	rewrite     []string
	wrapped     []byte // what stands in the place of the encrypted key
	plainInside string // what is encrypted in the place of the assertion
}

func (l *lock) element(t testing.TB, inside string) string {
	t.Helper()
	data, wrap := or(l.data, nsEncrypt11+"aes256-gcm"), or(l.wrap, algOAEPMGF1P)
	c, _ := dataCipher(data)
	key := make([]byte, max(c.key, 16))
	for i := range key {
		key[i] = byte(i)
	}
	if l.keyBytes != nil {
		key = l.keyBytes
	}
	sealed := l.raw
	if sealed == nil {
		sealed = shut(t, data, key, []byte(or(l.plainInside, inside)))
	}
	to := l.to
	if to == nil {
		to = []*rsa.PrivateKey{ourPair().key}
	}
	var keys strings.Builder
	for _, recipient := range to {
		keys.WriteString(l.encryptedKey(t, wrap, key, recipient))
	}
	info, beside := `<ds:KeyInfo xmlns:ds="`+nsSignature+`">`+keys.String()+`</ds:KeyInfo>`, ""
	if l.beside {
		info, beside = "", keys.String()
	}
	return replace(t, `<saml:EncryptedAssertion`+l.around+`><xenc:EncryptedData xmlns:xenc="`+nsEncrypt+`" Type="`+nsEncrypt+`Element">`+
		`<xenc:EncryptionMethod Algorithm="`+data+`"/>`+info+`<xenc:CipherData><xenc:CipherValue>`+base64.StdEncoding.EncodeToString(sealed)+
		`</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>`+beside+`</saml:EncryptedAssertion>`, l.rewrite)
}

func (l *lock) encryptedKey(t testing.TB, wrap string, key []byte, to *rsa.PrivateKey) string {
	t.Helper()
	hash, mask := l.hash, l.mask
	parameters := ""
	if hash == 0 {
		hash = crypto.SHA1
	} else {
		parameters += `<ds:DigestMethod xmlns:ds="` + nsSignature + `" Algorithm="` + map[crypto.Hash]string{
			crypto.SHA1: algSHA1, crypto.SHA256: algSHA256, crypto.SHA384: algSHA384, crypto.SHA512: algSHA512,
		}[hash] + `"/>`
	}
	if mask == 0 {
		mask = crypto.SHA1
	} else {
		parameters += `<xenc11:MGF xmlns:xenc11="` + nsEncrypt11 + `" Algorithm="` + nsEncrypt11 + "mgf1" + strings.ToLower(strings.ReplaceAll(mask.String(), "-", "")) + `"/>`
	}
	wrapped, err := l.wrapped, error(nil)
	switch {
	case wrapped != nil:
	case strings.HasSuffix(wrap, "rsa-1_5"):
		//lint:ignore SA1019 what must be refused
		wrapped, err = rsa.EncryptPKCS1v15(rand.Reader, &to.PublicKey, key)
	default:
		wrapped, err = rsa.EncryptOAEPWithOptions(rand.Reader, &to.PublicKey, key, &rsa.OAEPOptions{Hash: hash, MGFHash: mask})
	}
	if err != nil {
		t.Fatal(err)
	}
	return `<xenc:EncryptedKey xmlns:xenc="` + nsEncrypt + `"><xenc:EncryptionMethod Algorithm="` + wrap + `">` + parameters + `</xenc:EncryptionMethod>` +
		`<xenc:CipherData><xenc:CipherValue>` + base64.StdEncoding.EncodeToString(wrapped) + `</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>`
}

// shut encrypts with an algorithm of XML Encryption.
func shut(t testing.TB, algorithm string, key, plain []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(algorithm, "gcm") {
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			t.Fatal(err)
		}
		nonce := make([]byte, gcm.NonceSize())
		return gcm.Seal(nonce, nonce, plain, nil)
	}
	padding := 16 - len(plain)%16
	plain = append(plain, make([]byte, padding)...)
	plain[len(plain)-1] = byte(padding)
	sealed := make([]byte, 16+len(plain))
	cipher.NewCBCEncrypter(block, sealed[:16]).CryptBlocks(sealed[16:], plain)
	return sealed
}

// verify is Parse and Verify.
func verify(v *Verifier, message []byte, inResponseTo string, now time.Time) (*Facts, error) {
	d, err := Parse(message)
	if err != nil {
		return nil, err
	}
	return v.Verify(d, inResponseTo, now)
}

// code returns the code of a refusal, empty for none.
func code(t testing.TB, err error) string {
	t.Helper()
	var refusal *Refusal
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &refusal):
		t.Fatalf("%v is no Refusal", err)
	case refusal.Detail == "":
		t.Fatalf("%s has no detail", refusal.Code)
	}
	return refusal.Code
}
