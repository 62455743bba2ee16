package login_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

const right = "correct horse battery"

func hashOf(t *testing.T, password string) string {
	t.Helper()
	hash, err := login.HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func (h *house) localUser(name, hash string) directory.Account {
	h.Helper()
	a, err := h.s.CreateUser(h.Context(), admin, provision.LocalUser{Username: name, Email: name + "@x.test", Hash: hash})
	if err != nil {
		h.Fatal(err)
	}
	return a
}

// stored returns the hash of the password of an account.
func (h *house) stored(a directory.Account) (hash string) {
	h.Helper()
	if err := h.db.View(h.Context(), func(tx *store.Tx) (err error) { hash, err = tx.Password(a.Row); return err }); err != nil {
		h.Fatal(err)
	}
	return hash
}

// lets asserts who is let in by a name and a password: an account, or nobody for a reason.
func (h *house) lets(name, password, want string, code directory.DenialCode) {
	h.Helper()
	secret, a, err := h.login.Password(h.Context(), admin, name, password, "test")
	if code == "" {
		if err != nil || a.Username != want {
			h.Errorf("%q with %q: %q, %v, want %q", name, password, a.Username, err, want)
			return
		}
		if s, _, err := h.db.Session(h.Context(), provision.HashToken(secret)); err != nil || s.Account != a.Row {
			h.Errorf("the session: %+v, %v", s, err)
		}
		return
	}
	d, ok := errors.AsType[*directory.Denial](err)
	if !ok || d.Code != code || a.Username != want || secret != "" && err == nil {
		h.Errorf("%q with %q: %q, %v, want %s of %q", name, password, a.Username, err, code, want)
	}
}

func TestHashPassword_rules(t *testing.T) {
	for name, tt := range map[string]struct {
		password string
		want     bool
	}{
		"ten characters":             {"0123456789", true},
		"nine":                       {"012345678", false},
		"ten of two bytes":           {strings.Repeat("é", 10), true},
		"spaces and signs":           {"  a b  ☃ ''--", true},
		"256 bytes":                  {strings.Repeat("x", 256), true},
		"257 bytes":                  {strings.Repeat("x", 257), false},
		"NUL":                        {"0123456789\x00", false},
		"not UTF-8":                  {"0123456789\xff", false},
		"nothing":                    {"", false},
		"no digit and no upper case": {"correct horse battery", true},
	} {
		hash, err := login.HashPassword(tt.password)
		if (err == nil) != tt.want || err != nil && !directory.Is(err, directory.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (!login.IsPasswordHash(hash) || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$")) {
			t.Errorf("%s: the hash is %s", name, hash)
		}
	}
	if one, two := hashOf(t, right), hashOf(t, right); one == two {
		t.Error("two hashes have one salt")
	}
	for _, wrong := range []string{
		"", "x", "$2a$10$abc", "$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=99999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=19456,t=0,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=19456,t=2,p=1x$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=19456,t=2,p=1$$",
	} {
		if login.IsPasswordHash(wrong) {
			t.Errorf("%q is a hash", wrong)
		}
	}
}

func TestPassword_lets_in_by_username_and_by_address(t *testing.T) {
	each(t, func(h *house) {
		a := h.localUser("ada", hashOf(h.T, right))
		h.localUser("bo", hashOf(h.T, "another one here"))
		for _, name := range []string{"ada", "ADA", "Ada@X.test", "ａｄａ"} {
			h.lets(name, right, "ada", "")
		}
		for name, tt := range map[string]struct {
			name, password, want string
			code                 directory.DenialCode
		}{
			"another's password":       {"ada", "another one here", "ada", directory.WrongPassword},
			"nothing":                  {"ada", "", "ada", directory.WrongPassword},
			"a space more":             {"ada", right + " ", "ada", directory.WrongPassword},
			"in another case":          {"ada", strings.ToUpper(right), "ada", directory.WrongPassword},
			"too long":                 {"ada", right + strings.Repeat("x", 10_000), "ada", directory.WrongPassword},
			"nobody":                   {"nobody", right, "", directory.UnknownAccount},
			"no name":                  {"", right, "", directory.UnknownAccount},
			"no text":                  {"ada\x00", right, "", directory.UnknownAccount},
			"not UTF-8":                {"ada\xff", right, "", directory.UnknownAccount},
			"a name without end":       {strings.Repeat("a", 100_000), right, "", directory.UnknownAccount},
			"the id of the account":    {string(a.ID), right, "", directory.UnknownAccount},
			"what a database could be": {"' or '1'='1", right, "", directory.UnknownAccount},
		} {
			h.Run(name, func(t *testing.T) {
				(&house{T: t, db: h.db, s: h.s, login: h.login}).lets(tt.name, tt.password, tt.want, tt.code)
			})
		}
	})
}

func TestPassword_of_an_account_that_is_shut_or_managed_opens_nothing(t *testing.T) {
	each(t, func(h *house) {
		h.localUser("ada", hashOf(h.T, right))
		h.localUser("bo", "")
		h.lets("bo", right, "bo", directory.NoPassword)
		if _, err := h.s.SuspendAccount(h.Context(), admin, "ada"); err != nil {
			h.Fatal(err)
		}
		h.lets("ada", right, "ada", directory.Deactivated)
		h.lets("ada", "wrong password", "ada", directory.WrongPassword)
		if _, err := h.s.LiftSuspension(h.Context(), admin, "ada"); err != nil {
			h.Fatal(err)
		}
		h.lets("ada", right, "ada", "")
		conn, err := h.s.CreateConnection(h.Context(), admin, "idp", "", nil)
		if err != nil {
			h.Fatal(err)
		}
		i, err := h.s.CreateIdentity(h.Context(), directory.Actor{Connection: conn.Row}, func(i *directory.Identity) error {
			i.UserName, i.Active, i.Document, i.Search = "cy@x.test", true, []byte("{}"), []byte("{}")
			return nil
		})
		if err == nil {
			err = h.s.UnbindIdentity(h.Context(), admin, i.ID)
		}
		if err == nil {
			err = h.s.BindIdentity(h.Context(), admin, i.ID, "ada")
		}
		if err != nil {
			h.Fatal(err)
		}
		h.lets("ada", right, "ada", directory.Managed)
	})
}

func TestPassword_hashes_of_others_are_read_and_replaced(t *testing.T) {
	each(t, func(h *house) {
		bcrypted := func(password string) string {
			b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
			if err != nil {
				h.Fatal(err)
			}
			return string(b)
		}
		salt := []byte("0123456789abcdef")
		text := base64.RawStdEncoding.EncodeToString
		cheap := fmt.Sprintf("$argon2id$v=19$m=64,t=1,p=1$%s$%s", text(salt), text(argon2.IDKey([]byte(right), salt, 1, 64, 1, 32)))
		hash := bcrypted(right)
		for name, stored := range map[string]string{
			"bcrypt-2a": hash, "bcrypt-2b": "$2b" + hash[3:], "bcrypt-2y": "$2y" + hash[3:], "cheap-argon2id": cheap,
		} {
			a := h.localUser(name, stored)
			h.lets(name, "wrong password", name, directory.WrongPassword)
			if h.stored(a) != stored {
				h.Errorf("%s: a wrong password has replaced the hash", name)
			}
			h.lets(name, right, name, "")
			if now := h.stored(a); !strings.HasPrefix(now, "$argon2id$v=19$m=19456,") {
				h.Errorf("%s: the hash is %s", name, now)
			}
			h.lets(name, right, name, "")
			h.lets(name, "wrong password", name, directory.WrongPassword)
		}
		own := h.localUser("own", hashOf(h.T, right))
		before := h.stored(own)
		h.lets("own", right, "own", "")
		if h.stored(own) != before {
			h.Error("a hash that is as it should be was replaced")
		}
		// Of a password of more than 72 bytes bcrypt knows only those.
		long := strings.Repeat("long password ", 6)
		a := h.localUser("long", bcrypted(long[:72]))
		h.lets("long", long+"and another end", "long", "")
		h.lets("long", long, "long", "")
		if !strings.HasPrefix(h.stored(a), "$2a$") {
			h.Error("what bcrypt did not look at has become the password")
		}
		for name, broken := range map[string]string{
			"garbage": "garbage", "endless": "$2a$31" + hash[6:], "huge": strings.Replace(cheap, "m=64", "m=4000000000", 1), "cut": cheap[:40],
		} {
			h.localUser(name, broken)
			h.lets(name, right, name, directory.WrongPassword)
		}
	})
}

// TestPassword_takes_as_long_for_everybody compares the shortest of several times, taken by turns: others on the machine disturb all of
// them alike. Who computed no hash would be a hundred times as quick.
func TestPassword_takes_as_long_for_everybody(t *testing.T) {
	each(t, func(h *house) {
		h.localUser("ada", hashOf(h.T, right))
		h.localUser("nopassword", "")
		h.localUser("broken", "garbage")
		names := []string{"ada", "nobody", "nopassword", "broken", "not\x00text"}
		best := map[string]time.Duration{}
		for range 12 {
			for _, name := range names {
				start := time.Now()
				if _, _, err := h.login.Password(h.Context(), admin, name, "wrong password", ""); err == nil {
					h.Fatal("let in")
				}
				if took := time.Since(start); best[name] == 0 || took < best[name] {
					best[name] = took
				}
			}
		}
		for _, name := range names {
			if got, want := best[name], best["ada"]; got < want/4 || got > want*4 {
				h.Errorf("%q takes %v, a wrong password %v", name, got, want)
			}
		}
	})
}

func TestPassword_hashings_are_few_at_once_and_wait_as_long_as_their_request(t *testing.T) {
	var s login.Service
	var running, most atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			err := s.Hashing(t.Context(), func() {
				n := running.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				time.Sleep(time.Millisecond)
				running.Add(-1)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most.Load() > login.HashesAtOnce {
		t.Errorf("%d at once", most.Load())
	}
	free := make(chan struct{})
	begun := make(chan struct{}, login.HashesAtOnce)
	for range most.Load() {
		all.Go(func() { _ = s.Hashing(t.Context(), func() { begun <- struct{}{}; <-free }) })
	}
	for range most.Load() {
		<-begun
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Hashing(ctx, func() { t.Error("it ran") }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ended with %v", err)
	}
	close(free)
	all.Wait()
}
