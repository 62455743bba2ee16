package login

import "context"

// ParseKeySet returns the methods of each key of a document, by id.
func ParseKeySet(document []byte) (map[string][]string, error) {
	keys, err := parseKeySet(document)
	methods := map[string][]string{}
	for _, k := range keys {
		methods[k.id] = append(methods[k.id], k.methods...)
	}
	return methods, err
}

// Open returns the header alg and the claim iss of a JWT with two dots.
func Open(token string) (alg, iss string, err error) {
	e, err := open(token)
	return e.method, e.issuer, err
}

// HashesAtOnce is the most hashings that run at once.
const HashesAtOnce = hashesAtOnce

// Hashing runs fn as a hashing of a password is run.
func (s *Service) Hashing(ctx context.Context, fn func()) error { return s.hashing(ctx, fn) }
