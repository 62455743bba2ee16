package login_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

var admin = directory.Actor{Name: "test"}

// house is a database whose clock stands still until it is told to go on.
type house struct {
	*testing.T
	config store.Config
	db     *store.DB
	s      *provision.Service
	login  *login.Service
	now    atomic.Int64 // milliseconds since 1970
}

// each gives the connections okta, which takes bare tokens, and plain, which does not.
func each(t *testing.T, f func(h *house)) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		h := &house{T: t}
		h.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
		c.Now = func() time.Time { return time.UnixMilli(h.now.Load()) }
		h.config, h.db = c, storetest.Open(t, c)
		quiet := slog.New(slog.DiscardHandler)
		h.s = provision.New(h.db, quiet)
		h.login = &login.Service{DB: h.db, Provision: h.s, Outbound: outbound(t), Log: quiet, Resource: "/scim/v2"}
		for name, preset := range map[string]string{"okta": "okta", "plain": ""} {
			if _, err := h.s.CreateConnection(t.Context(), admin, name, preset, nil); err != nil {
				t.Fatal(err)
			}
		}
		f(h)
	})
}

func (h *house) token(connection string, expires time.Duration) (directory.Token, string) {
	h.Helper()
	token, secret, err := h.s.CreateToken(h.Context(), admin, connection, expires)
	if err != nil {
		h.Fatal(err)
	}
	return token, secret
}

func (h *house) revoke(token directory.Token) {
	h.Helper()
	if err := h.s.RevokeToken(h.Context(), admin, token.ID); err != nil {
		h.Fatal(err)
	}
}

func (h *house) enable(connection string, enabled bool) {
	h.Helper()
	if _, err := h.s.EnableConnection(h.Context(), admin, connection, enabled); err != nil {
		h.Fatal(err)
	}
}

// admits asserts whom an Authorization header lets in: the token of a connection, or nobody for a reason.
func (h *house) admits(name, authorization string, token directory.Token, refused directory.Kind) {
	h.Helper()
	actor, err := h.login.Connection(h.Context(), base, authorization)
	if refused == 0 {
		want := directory.Actor{Name: "scim", Connection: token.Connection, ConnName: token.ConnName, Token: token.ID}
		if err != nil || actor != want {
			h.Errorf("%s: %+v, %v, want %+v", name, actor, err, want)
		}
		return
	}
	e, ok := errors.AsType[*directory.Error](err)
	if !ok || e.Kind != refused {
		h.Errorf("%s: %+v, %v, want %s", name, actor, err, refused)
	}
	if refused == directory.Unauthenticated && actor != (directory.Actor{}) {
		h.Errorf("%s: it is refused and says who it is: %+v", name, actor)
	}
	if _, secret, _ := strings.Cut(authorization, " "); ok && len(secret) > 8 && strings.Contains(e.Error(), secret) {
		h.Errorf("%s: the error holds the credential: %v", name, e)
	}
}

func TestConnection_is_found_by_its_token_and_by_nothing_else(t *testing.T) {
	each(t, func(h *house) {
		plain, secret := h.token("plain", 0)
		okta, bare := h.token("okta", 0)
		hash := provision.HashToken(secret)
		last := len(secret) - 1
		for name, tt := range map[string]struct {
			authorization string
			token         directory.Token
			refused       directory.Kind
		}{
			"as it should be":                      {"Bearer " + secret, plain, 0},
			"lower case":                           {"bearer " + secret, plain, 0},
			"any case":                             {"bEaReR " + secret, plain, 0},
			"more spaces":                          {"Bearer   " + secret + " ", plain, 0},
			"the other connection's":               {"Bearer " + bare, okta, 0},
			"bare where the connection allows it":  {bare, okta, 0},
			"bare where it does not":               {secret, plain, directory.Unauthenticated},
			"nothing":                              {"", plain, directory.Unauthenticated},
			"the word alone":                       {"Bearer", plain, directory.Unauthenticated},
			"the word and a space":                 {"Bearer ", plain, directory.Unauthenticated},
			"another scheme":                       {"Basic " + secret, plain, directory.Unauthenticated},
			"another scheme where bare is allowed": {"Basic " + bare, plain, directory.Unauthenticated},
			"truncated":                            {"Bearer " + secret[:last], plain, directory.Unauthenticated},
			"longer":                               {"Bearer " + secret + "A", plain, directory.Unauthenticated},
			"upper case":                           {"Bearer " + strings.ToUpper(secret), plain, directory.Unauthenticated},
			"without its prefix":                   {"Bearer " + strings.TrimPrefix(secret, "rct_"), plain, directory.Unauthenticated},
			"its hash":                             {"Bearer " + hash, plain, directory.Unauthenticated},
			"its id":                               {"Bearer " + string(plain.ID), plain, directory.Unauthenticated},
			"a wildcard":                           {"Bearer %", plain, directory.Unauthenticated},
			"two at once":                          {"Bearer " + secret + "," + secret, plain, directory.Unauthenticated},
			"too long to look at":                  {"Bearer " + strings.Repeat("a", 1<<20), plain, directory.Unauthenticated},
			"no text":                              {"Bearer \x00\xff", plain, directory.Unauthenticated},
		} {
			h.admits(name, tt.authorization, tt.token, tt.refused)
		}
		for i := range secret {
			other := byte('A')
			if secret[i] == other {
				other = 'B'
			}
			h.admits(fmt.Sprintf("character %d changed", i), "Bearer "+secret[:i]+string(other)+secret[i+1:], plain, directory.Unauthenticated)
		}
	})
}

func TestConnection_takes_bare_tokens_only_as_long_as_it_is_set_so(t *testing.T) {
	each(t, func(h *house) {
		token, secret := h.token("plain", 0)
		for _, set := range []struct {
			value   string
			refused directory.Kind
		}{{"true", 0}, {"false", directory.Unauthenticated}, {"true", 0}, {"", directory.Unauthenticated}} {
			if _, err := h.s.ConfigureConnection(h.Context(), admin, "plain", map[string]string{directory.BareToken: set.value}); err != nil {
				h.Fatal(err)
			}
			h.admits("bare with "+set.value, secret, token, set.refused)
			h.admits("with the word and "+set.value, "Bearer "+secret, token, 0)
		}
	})
}

func TestConnection_refuses_a_token_from_the_moment_that_it_is_revoked(t *testing.T) {
	each(t, func(h *house) {
		token, secret := h.token("plain", 0)
		other, otherSecret := h.token("plain", 0)
		h.admits("before", "Bearer "+secret, token, 0)
		h.revoke(token)
		h.admits("after", "Bearer "+secret, token, directory.Unauthenticated)
		h.admits("another one", "Bearer "+otherSecret, other, 0)
		err := h.s.RevokeToken(h.Context(), admin, token.ID)
		if e, ok := errors.AsType[*directory.Error](err); !ok || e.Kind != directory.NotFound {
			h.Errorf("revoked twice: %v", err)
		}
	})
}

func TestConnection_refuses_a_token_from_the_moment_that_it_expires(t *testing.T) {
	each(t, func(h *house) {
		token, secret := h.token("plain", time.Hour)
		forever, foreverSecret := h.token("plain", 0)
		begin := h.now.Load()
		for _, tt := range []struct {
			after   time.Duration
			refused directory.Kind
		}{
			{0, 0}, {time.Hour - time.Millisecond, 0}, {time.Hour, directory.Unauthenticated}, {100 * 365 * 24 * time.Hour, directory.Unauthenticated},
		} {
			h.now.Store(begin + tt.after.Milliseconds())
			h.admits("after "+tt.after.String(), "Bearer "+secret, token, tt.refused)
			h.admits("forever after "+tt.after.String(), "Bearer "+foreverSecret, forever, 0)
		}
	})
}

func TestConnection_is_forbidden_while_it_is_disabled(t *testing.T) {
	each(t, func(h *house) {
		token, secret := h.token("okta", 0)
		revoked, revokedSecret := h.token("okta", 0)
		plain, plainSecret := h.token("plain", 0)
		h.revoke(revoked)
		h.enable("okta", false)
		h.admits("disabled", "Bearer "+secret, token, directory.Forbidden)
		h.admits("disabled, bare", secret, token, directory.Forbidden)
		h.admits("disabled and revoked", "Bearer "+revokedSecret, revoked, directory.Unauthenticated)
		h.admits("disabled and changed", "Bearer "+secret+"A", token, directory.Unauthenticated)
		h.admits("the other connection", "Bearer "+plainSecret, plain, 0)
		h.enable("okta", true)
		h.admits("enabled again", "Bearer "+secret, token, 0)
	})
}

// A secret is known to its owner alone: of the database, and of the files that it is in, only the SHA-256 can be had.
func TestToken_is_stored_as_its_hash_and_in_no_other_form(t *testing.T) {
	each(t, func(h *house) {
		token, secret := h.token("okta", time.Hour)
		h.admits("used", "Bearer "+secret, token, 0)
		h.revoke(token)
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(secret, "rct_"))
		if err != nil || len(raw) != 32 {
			h.Fatalf("the token has %d random bytes, %v", len(raw), err)
		}
		forms := []string{strings.TrimPrefix(secret, "rct_"), string(raw), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw)}
		sum := sha256.Sum256([]byte(secret))
		var hashed []string
		for _, cell := range h.cells() {
			for _, form := range forms {
				if strings.Contains(strings.ToLower(cell.value), strings.ToLower(form)) {
					h.Errorf("%s holds the secret: %q", cell.column, cell.value)
				}
			}
			if strings.Contains(cell.value, hex.EncodeToString(sum[:])) {
				hashed = append(hashed, cell.column)
			}
		}
		if !slices.Equal(hashed, []string{"token.hash"}) {
			h.Errorf("the hash stands in %v, want token.hash alone", hashed)
		}
		for _, file := range h.files() {
			content, err := os.ReadFile(file)
			if err != nil {
				h.Fatal(err)
			}
			for _, form := range forms {
				if strings.Contains(string(content), form) {
					h.Errorf("%s holds the secret", filepath.Base(file))
				}
			}
		}
	})
}

// files are those of the database where they are within reach.
func (h *house) files() []string {
	h.Helper()
	if h.config.URL != "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(h.config.Data, "rollcall.db*"))
	if err != nil || len(files) == 0 {
		h.Fatalf("%v, %v", files, err)
	}
	return files
}

// cell is one value of the database, as text.
type cell struct{ column, value string }

// cells reads every column of every table, beside the store, which has no such question.
func (h *house) cells() (all []cell) {
	h.Helper()
	driver, source := "sqlite3", "file:"+filepath.Join(h.config.Data, "rollcall.db")+"?mode=ro"
	tables := "select name from sqlite_schema where type = 'table'"
	if h.config.URL != "" {
		driver, source = "pgx", h.config.URL
		tables = "select table_name from information_schema.tables where table_schema = 'public'"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, table := range h.read(db, "", tables) {
		all = append(all, h.read(db, table.value, `select * from "`+table.value+`"`)...)
	}
	return all
}

// read returns what a query of a table returns.
func (h *house) read(db *sql.DB, table, query string) (all []cell) {
	h.Helper()
	rows, err := db.QueryContext(h.Context(), query)
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		h.Fatal(err)
	}
	for rows.Next() {
		values, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			h.Fatal(err)
		}
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			all = append(all, cell{table + "." + columns[i], fmt.Sprint(v)})
		}
	}
	if err := rows.Err(); err != nil {
		h.Fatal(err)
	}
	return all
}
