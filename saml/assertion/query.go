package assertion

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
)

const (
	// MaxQuery is the length of a query string in bytes.
	MaxQuery = 64 << 10
	// MaxQueryXML is the size in bytes that a message in a query may inflate to.
	MaxQueryXML = 256 << 10

	encodingDeflate = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"
)

// Query is a message that came by the HTTP-Redirect binding.
type Query struct {
	Kind       string // SAMLRequest or SAMLResponse
	XML        []byte
	RelayState string
}

// query is a query string taken apart. Values are as they came, escaped.
type query struct {
	kind, message    string
	relayState       string
	hasRelayState    bool // it may be there and empty
	algorithm, value string
	encoding         string
}

// ParseQuery reads a message without looking at its signature: for what proves nothing. Errors are refusals encoding and too_large.
//
// SAML bindings, section 3.4.4.1.
func ParseQuery(rawQuery string) (Query, error) {
	q, refusal := splitQuery(rawQuery)
	if refusal != nil {
		return Query{}, refusal
	}
	message, refusal := q.decode()
	if refusal != nil {
		return Query{}, refusal
	}
	return message, nil
}

// VerifyQuery reads a message whose signature is by one of the certificates. What was signed are the octets of the query as they came;
// decoding and encoding again would make others of them. Errors are refusals encoding, too_large, unsigned, signature_algorithm,
// certificate and signature.
//
// SAML bindings, section 3.4.4.1.
func VerifyQuery(rawQuery string, certs []*x509.Certificate) (Query, error) {
	q, refusal := splitQuery(rawQuery)
	if refusal != nil {
		return Query{}, refusal
	}
	if refusal = q.verify(certs); refusal != nil {
		return Query{}, refusal
	}
	message, refusal := q.decode()
	if refusal != nil {
		return Query{}, refusal
	}
	return message, nil
}

// splitQuery takes a query string apart. Parameters of other names are left alone (AD FS adds some), but a name that only becomes one of
// ours when it is decoded, or that stands twice, is refused, and so is another order than the one that is signed.
func splitQuery(rawQuery string) (*query, *Refusal) {
	if len(rawQuery) > MaxQuery {
		return nil, refuse(CodeTooLarge, "the query is too long")
	}
	q := &query{}
	last := 0
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if strings.ContainsAny(name, "%+;") {
			return nil, refuse(CodeEncoding, "a name of a parameter is escaped")
		}
		place := q.take(name, value)
		switch {
		case place == 0:
			continue
		case place == last:
			return nil, refuse(CodeEncoding, "a parameter stands twice, or a request beside a response")
		case place < last:
			return nil, refuse(CodeEncoding, "the parameters are not in the order in which they are signed")
		}
		last = place
	}
	if q.kind == "" {
		return nil, refuse(CodeEncoding, "the query has no SAMLRequest and no SAMLResponse")
	}
	return q, nil
}

// take keeps a parameter, and returns its place in what is signed; 0 if it has none.
func (q *query) take(name, value string) int {
	switch name {
	case "SAMLRequest", "SAMLResponse":
		q.kind, q.message = name, value
		return 1
	case "RelayState":
		q.relayState, q.hasRelayState = value, true
		return 2
	case "SigAlg":
		q.algorithm = value
		return 3
	case "Signature":
		q.value = value
		return 4
	case "SAMLEncoding":
		q.encoding += value // twice makes it none that is known
	}
	return 0
}

// signed returns the octets that a signature is made of.
func (q *query) signed() []byte {
	s := q.kind + "=" + q.message
	if q.hasRelayState {
		s += "&RelayState=" + q.relayState
	}
	return []byte(s + "&SigAlg=" + q.algorithm)
}

func (q *query) verify(certs []*x509.Certificate) *Refusal {
	if q.algorithm == "" || q.value == "" {
		return refuse(CodeUnsigned, "the query has no SigAlg or no Signature")
	}
	algorithm, err := url.QueryUnescape(q.algorithm)
	if err != nil {
		return refuse(CodeEncoding, "SigAlg is not escaped as a query is")
	}
	hash, ok := signatureHash(algorithm)
	if !ok {
		return refuse(CodeSignatureAlgorithm, "the signature method is "+quote(algorithm)+"; accepted are RSA with SHA-256, SHA-384 and SHA-512")
	}
	value, refusal := decodeParameter("Signature", q.value)
	if refusal != nil {
		return refusal
	}
	_, refusal = verifyRSA(certs, hash, q.signed(), value)
	return refusal
}

func (q *query) decode() (Query, *Refusal) {
	relayState, err := url.QueryUnescape(q.relayState)
	if err != nil {
		return Query{}, refuse(CodeEncoding, "RelayState is not escaped as a query is")
	}
	if encoding, err := url.QueryUnescape(q.encoding); err != nil || encoding != "" && encoding != encodingDeflate {
		return Query{}, refuse(CodeEncoding, "SAMLEncoding is "+quote(encoding)+"; only DEFLATE is accepted")
	}
	packed, refusal := decodeParameter(q.kind, q.message)
	if refusal != nil {
		return Query{}, refusal
	}
	message, refusal := inflate(packed)
	return Query{Kind: q.kind, XML: message, RelayState: relayState}, refusal
}

func decodeParameter(name, value string) ([]byte, *Refusal) {
	text, err := url.QueryUnescape(value)
	if err != nil {
		return nil, refuse(CodeEncoding, name+" is not escaped as a query is")
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(decoded) == 0 {
		return nil, refuse(CodeEncoding, name+" is not base64")
	}
	return decoded, nil
}

func inflate(packed []byte) ([]byte, *Refusal) {
	rest := bytes.NewReader(packed)
	message, err := io.ReadAll(io.LimitReader(flate.NewReader(rest), MaxQueryXML+1))
	switch {
	case err != nil:
		return nil, refuse(CodeEncoding, "the message is not deflated")
	case len(message) > MaxQueryXML:
		return nil, refuse(CodeTooLarge, fmt.Sprintf("the message inflates to more than %d bytes", MaxQueryXML))
	case rest.Len() > 0:
		return nil, refuse(CodeEncoding, "behind the deflated message stands more")
	}
	return message, nil
}

// packers keep what deflates between two messages: each is 800 KB, which anybody can have us make by beginning a login.
var packers = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestCompression) // it knows the level
	return w
}}

// SignQuery makes the query string that sends a message by the HTTP-Redirect binding, signed with RSA and SHA-256. Kind is SAMLRequest or
// SAMLResponse. An empty relayState is left out.
//
// SAML bindings, section 3.4.4.1.
func SignQuery(kind string, xml []byte, relayState string, key *rsa.PrivateKey) (rawQuery string, err error) {
	if kind != "SAMLRequest" && kind != "SAMLResponse" {
		return "", errors.New("the kind of a message is SAMLRequest or SAMLResponse")
	}
	var packed bytes.Buffer
	w := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	w.Reset(&packed)
	if _, err := w.Write(xml); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	q := query{
		kind:          kind,
		message:       url.QueryEscape(base64.StdEncoding.EncodeToString(packed.Bytes())),
		relayState:    url.QueryEscape(relayState),
		hasRelayState: relayState != "",
		algorithm:     url.QueryEscape(algRSASHA256),
	}
	signed := q.signed()
	value, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum(crypto.SHA256, signed))
	if err != nil {
		return "", err
	}
	return string(signed) + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(value)), nil
}
