package login

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

const (
	// freshTime is how long fetched keys count without another look.
	freshTime = time.Hour
	// staleTime is how long they count while no fetch succeeds: a key that its issuer withdrew shall not live for ever.
	staleTime = 24 * time.Hour
	// fetchPause is the time between two fetches of one URL, whatever for.
	fetchPause = time.Minute

	maxKeys = 100
	minRSA  = 2048
	maxRSA  = 8192
)

// JWK is a public key as it is published.
//
// RFC 7517, section 4. RFC 7518, section 6.
type JWK struct {
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Use string `json:"use,omitzero"`
	Alg string `json:"alg,omitzero"`
	Crv string `json:"crv,omitzero"`
	X   string `json:"x,omitzero"`
	Y   string `json:"y,omitzero"`
	N   string `json:"n,omitzero"`
	E   string `json:"e,omitzero"`
}

// publicKey is a key of another issuer and how it may sign.
type publicKey struct {
	id      string
	methods []string
	key     crypto.PublicKey
}

// parseKeySet reads the keys that can sign a token. Keys of other kinds and uses, without an id, or too weak, are left out.
//
// RFC 7517, section 5.
func parseKeySet(document []byte) ([]publicKey, error) {
	var set struct {
		Keys []JWK `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, errors.New("the document is no set of keys")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the set has more than %d keys", maxKeys)
	}
	var keys []publicKey
	for _, k := range set.Keys {
		if p, ok := k.public(); ok && k.Kid != "" && (k.Use == "" || k.Use == "sig") {
			keys = append(keys, p)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the set has no key that could sign a token")
	}
	return keys, nil
}

// public returns the key with the methods that it is good for.
func (k *JWK) public() (p publicKey, ok bool) {
	p.id = k.Kid
	switch k.Kty + k.Crv {
	case "RSA":
		p.methods = []string{"RS256", "RS384", "RS512", "PS256"}
		p.key, ok = rsaKey(k.N, k.E)
	case "ECP-256":
		p.methods = []string{"ES256"}
		p.key, ok = ecKey(elliptic.P256(), k.X, k.Y)
	case "ECP-384":
		p.methods = []string{"ES384"}
		p.key, ok = ecKey(elliptic.P384(), k.X, k.Y)
	}
	if k.Alg != "" {
		p.methods = slices.DeleteFunc(p.methods, func(m string) bool { return m != k.Alg })
	}
	return p, ok && len(p.methods) > 0
}

func rsaKey(n, e string) (*rsa.PublicKey, bool) {
	nb, err1 := base64.RawURLEncoding.DecodeString(n)
	eb, err2 := base64.RawURLEncoding.DecodeString(e)
	modulus, exponent := new(big.Int).SetBytes(nb), new(big.Int).SetBytes(eb)
	if err1 != nil || err2 != nil || modulus.BitLen() < minRSA || modulus.BitLen() > maxRSA || modulus.Bit(0) == 0 ||
		exponent.BitLen() > 31 || exponent.Int64() < 3 || exponent.Bit(0) == 0 {
		return nil, false
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, true
}

func ecKey(curve elliptic.Curve, x, y string) (*ecdsa.PublicKey, bool) {
	xb, err1 := base64.RawURLEncoding.DecodeString(x)
	yb, err2 := base64.RawURLEncoding.DecodeString(y)
	if size := (curve.Params().BitSize + 7) / 8; err1 != nil || err2 != nil || len(xb) != size || len(yb) != size {
		return nil, false
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, xb, yb)) // checks that it is on the curve
	return key, err == nil
}

// keySets are the keys of other issuers, by URL.
type keySets struct {
	mu   sync.Mutex
	sets map[string]*keySet
}

type keySet struct {
	keys     []publicKey
	fetched  time.Time     // when keys came
	tried    time.Time     // when they were asked for last
	err      error         // of the last fetch
	fetching chan struct{} // closed at the end of the fetch that is under way; nil while there is none
}

// at returns the set of a URL. The caller holds mu.
func (k *keySets) at(url string) *keySet {
	set := k.sets[url]
	if set == nil {
		if k.sets == nil {
			k.sets = map[string]*keySet{}
		}
		set = &keySet{}
		k.sets[url] = set
	}
	return set
}

// find returns the keys of that id which may sign by method, or why there are none. The caller holds mu.
func (s *keySet) find(id, method string, now time.Time) (found jwt.VerificationKeySet, err error) {
	if now.Sub(s.fetched) < staleTime {
		for _, k := range s.keys {
			if k.id == id && slices.Contains(k.methods, method) {
				found.Keys = append(found.Keys, k.key)
			}
		}
	}
	switch {
	case len(found.Keys) > 0:
		return found, nil
	case s.err != nil:
		return found, fmt.Errorf("jwt_jwks_url: %w", s.err)
	}
	return found, errors.New("the token is signed by a key that jwt_jwks_url does not have")
}

// keys returns the keys at url with that id which may sign by method. It fetches them when they are not fresh or do not have
// the id, at most once in fetchPause, and once for all who ask at the same time. Who can do with what is there does not wait.
func (s *Service) keys(ctx context.Context, url, id, method string) (jwt.VerificationKeySet, error) {
	now := s.DB.Now()
	s.keySets.mu.Lock()
	set := s.keySets.at(url)
	found, err := set.find(id, method, now)
	if old := err != nil || now.Sub(set.fetched) >= freshTime; old && set.fetching == nil && now.Sub(set.tried) >= fetchPause {
		set.tried, set.fetching = now, make(chan struct{})
		go s.fetch(context.WithoutCancel(ctx), url, set) // others wait for it too
	}
	fetching := set.fetching
	s.keySets.mu.Unlock()
	if err == nil || fetching == nil {
		return found, err
	}
	select {
	case <-fetching:
	case <-ctx.Done():
		return found, ctx.Err()
	}
	s.keySets.mu.Lock()
	defer s.keySets.mu.Unlock()
	return set.find(id, method, s.DB.Now())
}

// fetch fetches the keys at url into set, which keeps those that it had when that fails.
func (s *Service) fetch(ctx context.Context, url string, set *keySet) {
	document, err := s.Outbound.Get(ctx, url)
	var keys []publicKey
	if err == nil {
		keys, err = parseKeySet(document)
	}
	if err != nil {
		s.Log.Warn("the keys of an issuer cannot be fetched", "url", url, "error", err)
	}
	s.keySets.mu.Lock()
	defer s.keySets.mu.Unlock()
	if err == nil {
		set.keys, set.fetched = keys, s.DB.Now()
	}
	set.err = err
	close(set.fetching)
	set.fetching = nil
}
