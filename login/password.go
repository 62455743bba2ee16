package login

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

const (
	// MinPassword is the fewest characters of a password, and MaxPassword the most bytes.
	MinPassword = 10
	MaxPassword = 256

	maxName = 256 // bytes of what somebody calls himself

	// bcrypt reads no more bytes of a password, and a hash of a higher cost would keep a processor for seconds.
	bcryptBytes   = 72
	maxBcryptCost = 15

	// hashesAtOnce bounds the memory of all hashings to 152 MiB. They are work for processors: more at once would end no sooner.
	hashesAtOnce = 8
)

// cost is what a hashing with argon2id takes.
type cost struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

// ownCost is the cost of the hashes that we make.
var ownCost = cost{memory: 19 << 10, time: 2, threads: 1}

// maxCost is what a hash in the database may make us spend.
var maxCost = cost{memory: 256 << 10, time: 10, threads: 4}

const (
	saltBytes = 16
	hashBytes = 32
)

// checkPassword refuses what no password may be. There are no rules of composition: length is what counts. The bytes count as typed.
// Errors: Invalid.
func checkPassword(password string) error {
	switch {
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return directory.Errorf(directory.Invalid, "password", "not a text")
	case utf8.RuneCountInString(password) < MinPassword:
		return directory.Errorf(directory.Invalid, "password", "too short: use at least %d characters", MinPassword)
	case len(password) > MaxPassword:
		return directory.Errorf(directory.Invalid, "password", "too long: use at most %d bytes", MaxPassword)
	}
	return nil
}

// HashPassword returns the hash under which a new password is kept: argon2id, in the PHC form. Errors: Invalid.
//
// RFC 9106, section 4.
func HashPassword(password string) (string, error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	return hashPassword(password), nil
}

func hashPassword(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // crypto/rand.Read never returns an error
	h := argon2Hash{cost: ownCost, salt: salt}
	h.sum = h.of(password, hashBytes)
	return h.String()
}

// IsPasswordHash reports whether s is a hash that HashPassword makes.
func IsPasswordHash(s string) bool {
	_, ok := parseArgon2(s)
	return ok
}

// argon2Hash is a hash with all that it takes to make it again.
type argon2Hash struct {
	cost
	salt, sum []byte
}

func (h *argon2Hash) of(password string, size uint32) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, size)
}

func (h *argon2Hash) String() string {
	text := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, text(h.salt), text(h.sum))
}

func parseArgon2(s string) (h argon2Hash, ok bool) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, false
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); n != 3 || err != nil {
		return h, false
	}
	var saltErr, sumErr error
	h.salt, saltErr = base64.RawStdEncoding.DecodeString(parts[4])
	h.sum, sumErr = base64.RawStdEncoding.DecodeString(parts[5])
	ok = saltErr == nil && sumErr == nil && len(h.salt) >= 8 && len(h.sum) >= 16 && len(h.sum) <= 64 && h.String() == s &&
		h.time >= 1 && h.threads >= 1 && h.memory <= maxCost.memory && h.time <= maxCost.time && h.threads <= maxCost.threads
	return h, ok
}

// verify reports whether a hash is that of the password and, if so, whether a hash of ours should stand in its place. A hash that we
// cannot read, or none, costs as much as one of ours.
func verify(hash, password string) (right, old bool) {
	if strings.HasPrefix(hash, "$2") {
		if cost, err := bcrypt.Cost([]byte(hash)); err == nil && cost <= maxBcryptCost {
			cut := password[:min(len(password), bcryptBytes)]
			// Of a longer password bcrypt says nothing of the rest, and what it says nothing of is not to become the password.
			return bcrypt.CompareHashAndPassword([]byte(hash), []byte(cut)) == nil, len(password) <= bcryptBytes
		}
	}
	h, ok := parseArgon2(hash)
	if !ok {
		h = argon2Hash{cost: ownCost, salt: make([]byte, saltBytes), sum: make([]byte, hashBytes)}
	}
	same := subtle.ConstantTimeCompare(h.of(password, uint32(len(h.sum))), h.sum) == 1
	return same && ok, h.cost != ownCost || len(h.salt) != saltBytes || len(h.sum) != hashBytes
}

// hashing waits for its turn among hashesAtOnce, and then runs fn. Errors: that of ctx.
func (s *Service) hashing(ctx context.Context, fn func()) error {
	s.hashesOnce.Do(func() { s.hashes = make(chan struct{}, min(hashesAtOnce, 2*runtime.NumCPU())) })
	select {
	case s.hashes <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.hashes }()
	fn()
	return nil
}

// Hash is HashPassword for what strangers send: few run at once. Errors: Invalid; that of ctx.
func (s *Service) Hash(ctx context.Context, password string) (hash string, err error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	err = s.hashing(ctx, func() { hash = hashPassword(password) })
	return hash, err
}

// Password signs in the person with that username or e-mail and password, and returns what the browser holds from now on, and the
// account, which is zero for an unknown name. agent is what the browser calls itself. A hash that is older than ours is replaced.
//
// However it ends, a hash is computed, so that the time does not tell whether there is such an account; one of bcrypt takes its own
// time until the first login.
//
// Errors: *directory.Denial, of which the sender learns nothing but that he is not let in.
func (s *Service) Password(ctx context.Context, actor directory.Actor, name, password, agent string) (secret string, a directory.Account, err error) {
	var (
		hash    string
		managed bool
	)
	if isName(name) {
		err = s.DB.ViewOne(ctx, func(tx *store.Tx) (err error) {
			a, hash, managed, err = tx.LocalAccount(name)
			return err
		})
		if err != nil && !directory.Is(err, directory.NotFound) {
			return "", a, err
		}
	}
	usable, rehashed := hash, ""
	if managed {
		usable = "" // or the time would tell of a bcrypt hash that opens nothing
	}
	var right, old bool
	err = s.hashing(ctx, func() {
		right, old = verify(usable, password[:min(len(password), MaxPassword+1)])
		if right && old && len(password) <= MaxPassword {
			rehashed = hashPassword(password)
		}
	})
	if err != nil {
		return "", a, err
	}
	switch {
	case a.Row == 0:
		err = &directory.Denial{Code: directory.UnknownAccount, Detail: "no account has the username or e-mail that was typed"}
	case managed:
		err = &directory.Denial{Code: directory.Managed, Detail: "a connection manages the account: its people sign in there"}
	case hash == "":
		err = &directory.Denial{Code: directory.NoPassword, Detail: "the account has no password: rollcall user password gives it one"}
	case !right || len(password) > MaxPassword:
		err = &directory.Denial{Code: directory.WrongPassword, Detail: "the password is wrong"}
	default:
		secret, err = s.Provision.OpenSession(ctx, actor, a.Row, hash, rehashed, agent)
		if directory.Is(err, directory.NotFound) {
			err = &directory.Denial{Code: directory.UnknownAccount, Detail: "the account was removed in the same moment"}
		}
	}
	return secret, a, err
}

// isName reports whether a text can be a username or an e-mail. What cannot is no text for a database.
func isName(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) && !strings.ContainsRune(name, 0)
}
