package directory

import "time"

// Client is a program of a connection that gets short-lived access tokens for its secret. Only the SHA-256 of that is kept.
type Client struct {
	Row        Row
	ID         TokenID // also what its access tokens are known by
	Connection Row
	ConnName   string
	Hash       string // hexadecimal
	Created    time.Time
	Revoked    time.Time // zero while it is not
}

const (
	// AccessTokenLife is how long an access token of ours is valid.
	AccessTokenLife = time.Hour
	// SigningKeyLife is the age at which a signing key gets a successor.
	SigningKeyLife = 90 * 24 * time.Hour
	// signingKeyGrace is how long a key counts beside its successor: until no token of it can be valid, on any node's clock.
	signingKeyGrace = AccessTokenLife + 5*time.Minute
)

// SigningKey signs access tokens. Of several the newest does.
type SigningKey struct {
	Row     Row
	ID      KeyID
	Private string // PKCS #8, DER, in base64; a secret
	Created time.Time
}

// LiveKeys returns those of the keys, given newest first, whose tokens can be valid at now.
func LiveKeys(keys []SigningKey, now time.Time) []SigningKey {
	for i := 1; i < len(keys); i++ {
		if !now.Before(RetiredAt(keys, i)) {
			return keys[:i]
		}
	}
	return keys
}

// RetiredAt returns when key i of those given, newest first, stops to count; zero while it is the newest.
func RetiredAt(keys []SigningKey, i int) time.Time {
	if i == 0 {
		return time.Time{}
	}
	return keys[i-1].Created.Add(signingKeyGrace)
}
