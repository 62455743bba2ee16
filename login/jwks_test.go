package login_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/netguard"
)

// The keys of other issuers in these tests.
var (
	rsaKey  = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })
	weakKey = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 1024); return k })
	p256Key = sync.OnceValue(func() *ecdsa.PrivateKey { k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); return k })
	p384Key = sync.OnceValue(func() *ecdsa.PrivateKey { k, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader); return k })
)

func rsaJWK(kid string, key *rsa.PublicKey) login.JWK {
	return login.JWK{
		Kty: "RSA", Kid: kid, Use: "sig", N: base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		E: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}
}

func ecJWK(kid, crv string, key *ecdsa.PublicKey) login.JWK {
	point, _ := key.Bytes()
	half := (len(point) - 1) / 2
	return login.JWK{
		Kty: "EC", Kid: kid, Crv: crv, X: base64.RawURLEncoding.EncodeToString(point[1 : 1+half]), Y: base64.RawURLEncoding.EncodeToString(point[1+half:]),
	}
}

// issuer publishes keys and counts how often it is asked.
type issuer struct {
	url    string
	mu     sync.Mutex
	keys   []login.JWK
	answer http.HandlerFunc // in place of the keys
	asked  atomic.Int64
}

func newIssuer(t *testing.T, keys ...login.JWK) *issuer {
	i := &issuer{keys: keys}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		i.mu.Lock()
		keys, answer := i.keys, i.answer
		i.mu.Unlock()
		if answer != nil {
			answer(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
	}))
	t.Cleanup(s.Close)
	i.url = s.URL
	return i
}

func (i *issuer) publish(answer http.HandlerFunc, keys ...login.JWK) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys, i.answer = keys, answer
}

func (i *issuer) wasAsked(t *testing.T, times int64, when string) {
	t.Helper()
	if n := i.asked.Load(); n != times {
		t.Errorf("%s: the keys were fetched %d times, want %d", when, n, times)
	}
}

const foreign = "https://sts.example.com/tenant/"

// trust has a connection take the tokens of an issuer.
func (h *house) trust(connection string, i *issuer, audience, subjects string) directory.Token {
	h.Helper()
	conn, err := h.s.ConfigureConnection(h.Context(), admin, connection, map[string]string{
		directory.JWTIssuer: foreign, directory.JWTAudience: audience, directory.JWTKeysURL: i.url, directory.JWTSubjects: subjects,
	})
	if err != nil {
		h.Fatal(err)
	}
	return directory.Token{Connection: conn.Row, ConnName: conn.Name}
}

// foreignDraft is a token that an issuer signs with the RSA key named kid.
func (h *house) foreignDraft(kid string) draft {
	return draft{
		header: map[string]any{"alg": "RS256", "kid": kid, "typ": "JWT"},
		claims: map[string]any{"iss": foreign, "aud": "api://rollcall", "sub": "program", "iat": h.unix(0), "exp": h.unix(time.Hour)},
		method: jwt.SigningMethodRS256, key: rsaKey(),
	}
}

// issuedTo is a connection, as the token of a program of its issuer names it.
type issuedTo directory.Token

func (t issuedTo) to(subject string) directory.Token {
	t.ID = directory.TokenID(subject)
	return directory.Token(t)
}

func TestJWT_of_another_issuer_is_taken_and_every_forgery_is_not(t *testing.T) {
	each(t, func(h *house) {
		i := newIssuer(t, rsaJWK("r", &rsaKey().PublicKey), ecJWK("e", "P-256", &p256Key().PublicKey), ecJWK("f", "P-384", &p384Key().PublicKey))
		want := issuedTo(h.trust("plain", i, "api://rollcall", "program, other-program"))
		good := h.foreignDraft("r")
		for name, tt := range map[string]struct {
			change  func(*draft)
			subject string
		}{
			"as it should be":                 {func(*draft) {}, "program"},
			"RS384":                           {signedBy("RS384", jwt.SigningMethodRS384, rsaKey()), "program"},
			"RS512":                           {signedBy("RS512", jwt.SigningMethodRS512, rsaKey()), "program"},
			"PS256":                           {signedBy("PS256", jwt.SigningMethodPS256, rsaKey()), "program"},
			"ES256":                           {func(d *draft) { signedBy("ES256", jwt.SigningMethodES256, p256Key())(d); d.header["kid"] = "e" }, "program"},
			"ES384":                           {func(d *draft) { signedBy("ES384", jwt.SigningMethodES384, p384Key())(d); d.header["kid"] = "f" }, "program"},
			"one of two audiences":            {set("aud", []string{"x", "api://rollcall"}), "program"},
			"known by azp":                    {func(d *draft) { d.claims["sub"], d.claims["azp"] = "oid", "other-program" }, "other-program"},
			"known by appid":                  {func(d *draft) { d.claims["sub"], d.claims["appid"] = "oid", "program" }, "program"},
			"without a type":                  {func(d *draft) { delete(d.header, "typ") }, "program"},
			"with scopes, as Okta does":       {set("scp", []string{"scim"}), "program"},
			"expired within the leeway":       {set("exp", h.unix(-59*time.Second)), "program"},
			"as large as Entra's ever become": {set("groups", strings.Repeat("x", 5<<10)), "program"},
		} {
			h.admits(name, "Bearer "+good.but(tt.change).sign(t), want.to(tt.subject), 0)
		}
		for name, token := range h.attacks(good, &rsaKey().PublicKey) {
			h.admits(name, "Bearer "+token, want.to("program"), directory.Unauthenticated)
		}
		for name, change := range map[string]func(*draft){
			"PS384":                       signedBy("PS384", jwt.SigningMethodPS384, rsaKey()),
			"PS512":                       signedBy("PS512", jwt.SigningMethodPS512, rsaKey()),
			"the key of another kid":      header("kid", "e"),
			"ES384 by a key of P-256":     func(d *draft) { d.header["alg"], d.header["kid"] = "ES384", "e" },
			"a program that is not named": set("sub", "stranger"),
			"a part of a name":            set("sub", "prog"),
			"both names in one":           set("sub", "program, other-program"),
			"names in a list":             set("sub", []string{"program"}),
			"a person, by means of azp": func(d *draft) {
				d.claims["sub"], d.claims["azp"], d.claims["scp"] = "person", "program", "user_impersonation"
			},
			"a person, by means of appid":    func(d *draft) { d.claims["sub"], d.claims["appid"], d.claims["scp"] = "person", "program", "" },
			"a client id where none belongs": func(d *draft) { d.claims["sub"], d.claims["client_id"] = "person", "program" },
		} {
			h.admits(name, "Bearer "+good.but(change).sign(t), want.to("program"), directory.Unauthenticated)
		}
		h.admits("without Bearer", good.sign(t), want.to("program"), directory.Unauthenticated)
		h.enable("plain", false)
		h.admits("disabled", "Bearer "+good.sign(t), want.to("program"), directory.Forbidden)
		h.enable("plain", true)
		h.trust("plain", i, "api://rollcall", "other-program")
		h.admits("no longer named", "Bearer "+good.sign(t), want.to("program"), directory.Unauthenticated)
	})
}

func TestJWT_of_another_issuer_belongs_to_one_connection(t *testing.T) {
	each(t, func(h *house) {
		i := newIssuer(t, rsaJWK("r", &rsaKey().PublicKey))
		okta, plain := issuedTo(h.trust("okta", i, "api://okta", "program")), issuedTo(h.trust("plain", i, "api://plain", "program"))
		good := h.foreignDraft("r")
		h.admits("okta's", "Bearer "+good.but(set("aud", "api://okta")).sign(t), okta.to("program"), 0)
		h.admits("okta's, bare", good.but(set("aud", "api://okta")).sign(t), okta.to("program"), 0)
		h.admits("plain's", "Bearer "+good.but(set("aud", "api://plain")).sign(t), plain.to("program"), 0)
		h.admits("both's", "Bearer "+good.but(set("aud", []string{"api://plain", "api://okta"})).sign(t), plain.to("program"), directory.Unauthenticated)
		if _, err := h.s.ConfigureConnection(h.Context(), admin, "plain", map[string]string{
			directory.JWTIssuer: "", directory.JWTAudience: "", directory.JWTKeysURL: "", directory.JWTSubjects: "",
		}); err != nil {
			t.Fatal(err)
		}
		h.admits("plain's, no longer", "Bearer "+good.but(set("aud", "api://plain")).sign(t), plain.to("program"), directory.Unauthenticated)
	})
}

func TestKeySet_is_fetched_once_an_hour_and_once_a_minute_for_unknown_keys(t *testing.T) {
	each(t, func(h *house) {
		one, two := rsaJWK("one", &rsaKey().PublicKey), rsaJWK("two", &rsaKey().PublicKey)
		i := newIssuer(t, one)
		want := issuedTo(h.trust("plain", i, "api://rollcall", "program")).to("program")
		try := func(name, kid string, refused directory.Kind) {
			h.Helper()
			h.admits(name, "Bearer "+h.foreignDraft(kid).sign(t), want, refused)
		}
		try("first", "one", 0)
		try("again", "one", 0)
		i.wasAsked(t, 1, "once there")
		try("an unknown key within the minute", "two", directory.Unauthenticated)
		i.wasAsked(t, 1, "within the minute")
		h.now.Add(time.Minute.Milliseconds())
		parallel(50, func(n int) {
			h.admits("a flood", "Bearer "+h.foreignDraft(fmt.Sprint("flood", n)).sign(t), want, directory.Unauthenticated)
		})
		i.wasAsked(t, 2, "after a flood of unknown keys")
		i.publish(nil, one, two)
		h.now.Add(time.Minute.Milliseconds())
		try("a key that came since", "two", 0)
		i.wasAsked(t, 3, "for the new key")
		i.publish(nil, two)
		h.now.Add(time.Hour.Milliseconds())
		try("in the hour after which another look is due", "one", 0)
		i.eventually(t, 4)
		h.settled("a key that was withdrawn", "Bearer "+h.foreignDraft("one").sign(t), directory.Unauthenticated)
		try("a key that stays", "two", 0)
		i.wasAsked(t, 4, "at the end")
	})
}

// eventually waits until the keys were fetched so often.
func (i *issuer) eventually(t *testing.T, times int64) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); i.asked.Load() < times && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	i.wasAsked(t, times, "in the end")
}

// settled waits until a fetch that goes on beside the requests has made its difference.
func (h *house) settled(name, authorization string, refused directory.Kind) {
	h.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		_, err := h.login.Connection(h.Context(), base, authorization)
		if directory.Is(err, refused) {
			return
		}
		if time.Now().After(deadline) {
			h.Errorf("%s: %v, want %s", name, err, refused)
			return
		}
	}
}

func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

func TestKeySet_of_an_issuer_that_fails_counts_for_a_day(t *testing.T) {
	each(t, func(h *house) {
		key := rsaJWK("one", &rsaKey().PublicKey)
		i := newIssuer(t, key)
		want := issuedTo(h.trust("plain", i, "api://rollcall", "program")).to("program")
		try := func(name string, refused directory.Kind) {
			h.Helper()
			h.admits(name, "Bearer "+h.foreignDraft("one").sign(t), want, refused)
		}
		broken := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", http.StatusInternalServerError) }
		i.publish(broken)
		try("before any key came", directory.Unauthenticated)
		try("within the minute", directory.Unauthenticated)
		i.wasAsked(t, 1, "while it fails")
		i.publish(nil, key)
		h.now.Add(time.Minute.Milliseconds())
		try("when it is mended", 0)
		i.publish(broken)
		h.now.Add(23 * time.Hour.Milliseconds())
		try("23 hours later", 0)
		i.eventually(t, 3)
		h.now.Add(time.Hour.Milliseconds())
		try("a day later", directory.Unauthenticated)
		i.publish(nil, key)
		h.now.Add(time.Minute.Milliseconds())
		try("when it is mended again", 0)
	})
}

func TestKeySet_that_hangs_does_not_hold_up_those_who_need_nothing_of_it(t *testing.T) {
	each(t, func(h *house) {
		key := rsaJWK("one", &rsaKey().PublicKey)
		i := newIssuer(t, key)
		want := issuedTo(h.trust("plain", i, "api://rollcall", "program")).to("program")
		h.admits("first", "Bearer "+h.foreignDraft("one").sign(t), want, 0)
		release := make(chan struct{})
		i.publish(func(http.ResponseWriter, *http.Request) { <-release })
		h.now.Add(2 * time.Hour.Milliseconds())
		start := time.Now()
		h.admits("with the keys that there are", "Bearer "+h.foreignDraft("one").sign(t), want, 0)
		h.admits("again", "Bearer "+h.foreignDraft("one").sign(t), want, 0)
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("they waited %v", took)
		}
		close(release)
	})
}

func TestKeySet_is_not_fetched_from_the_inside(t *testing.T) {
	each(t, func(h *house) {
		i := newIssuer(t, rsaJWK("one", &rsaKey().PublicKey))
		want := issuedTo(h.trust("plain", i, "api://rollcall", "program")).to("program")
		h.login = &login.Service{DB: h.db, Outbound: netguard.New(nil, nil), Log: slog.New(slog.DiscardHandler)}
		h.admits("not allowed", "Bearer "+h.foreignDraft("one").sign(t), want, directory.Unauthenticated)
		i.wasAsked(t, 0, "on loopback")
	})
}

func TestParseKeySet(t *testing.T) {
	good := rsaJWK("r", &rsaKey().PublicKey)
	ec := ecJWK("e", "P-256", &p256Key().PublicKey)
	but := func(k login.JWK, change func(*login.JWK)) login.JWK { change(&k); return k }
	big := rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Set(rsaKey().N), 9000, 1), E: 65537}
	many := make([]login.JWK, 101)
	for i := range many {
		many[i] = good
	}
	for name, tt := range map[string]struct {
		keys []login.JWK
		want string // the methods of each key
	}{
		"one of each":              {[]login.JWK{good, ec}, "map[e:[ES256] r:[RS256 RS384 RS512 PS256]]"},
		"an alg narrows":           {[]login.JWK{but(good, func(k *login.JWK) { k.Alg = "RS256" })}, "map[r:[RS256]]"},
		"two of one id":            {[]login.JWK{but(good, func(k *login.JWK) { k.Alg = "RS256" }), but(ec, func(k *login.JWK) { k.Kid = "r" })}, "map[r:[RS256 ES256]]"},
		"a secret is left out":     {[]login.JWK{ec, {Kty: "oct", Kid: "s", Alg: "HS256"}}, "map[e:[ES256]]"},
		"as many as may be":        {many[:100], "map[r:[" + strings.TrimSuffix(strings.Repeat("RS256 RS384 RS512 PS256 ", 100), " ") + "]]"},
		"too many":                 {many, ""},
		"none":                     {nil, ""},
		"for encryption":           {[]login.JWK{but(good, func(k *login.JWK) { k.Use = "enc" })}, ""},
		"without an id":            {[]login.JWK{but(good, func(k *login.JWK) { k.Kid = "" })}, ""},
		"alg that is not allowed":  {[]login.JWK{but(good, func(k *login.JWK) { k.Alg = "PS512" })}, ""},
		"alg of another type":      {[]login.JWK{but(good, func(k *login.JWK) { k.Alg = "ES256" })}, ""},
		"alg of a secret":          {[]login.JWK{but(good, func(k *login.JWK) { k.Alg = "HS256" })}, ""},
		"RSA of 1024 bits":         {[]login.JWK{rsaJWK("w", &weakKey().PublicKey)}, ""},
		"RSA of 9001 bits":         {[]login.JWK{rsaJWK("b", &big)}, ""},
		"exponent 1":               {[]login.JWK{but(good, func(k *login.JWK) { k.E = "AQ" })}, ""},
		"exponent even":            {[]login.JWK{but(good, func(k *login.JWK) { k.E = "BA" })}, ""},
		"exponent empty":           {[]login.JWK{but(good, func(k *login.JWK) { k.E = "" })}, ""},
		"exponent huge":            {[]login.JWK{but(good, func(k *login.JWK) { k.E = k.N })}, ""},
		"modulus even":             {[]login.JWK{but(good, func(k *login.JWK) { k.N = k.N[:len(k.N)-2] + "AA" })}, ""},
		"modulus no base64":        {[]login.JWK{but(good, func(k *login.JWK) { k.N = "?" })}, ""},
		"a point beside the curve": {[]login.JWK{but(ec, func(k *login.JWK) { k.X = k.Y })}, ""},
		"a point of another curve": {[]login.JWK{but(ec, func(k *login.JWK) { k.Crv = "P-384" })}, ""},
		"a curve that is unknown":  {[]login.JWK{but(ec, func(k *login.JWK) { k.Crv = "P-521" })}, ""},
		"a point cut short":        {[]login.JWK{but(ec, func(k *login.JWK) { k.X = k.X[4:] })}, ""},
	} {
		document, err := json.Marshal(map[string]any{"keys": tt.keys})
		if err != nil {
			t.Fatal(err)
		}
		got, err := login.ParseKeySet(document)
		if (err != nil) != (tt.want == "") || err == nil && fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, %v, want %s", name, got, err, tt.want)
		}
	}
	for _, text := range []string{"", "null", "[]", "{}", `{"keys":{}}`, `{"keys":[],"keys":[]}`, `{"keys":[1]}`, "<html>"} {
		if got, err := login.ParseKeySet([]byte(text)); err == nil {
			t.Errorf("%s is read as %v", text, got)
		}
	}
}

func FuzzParseKeySet(f *testing.F) {
	for _, k := range []login.JWK{rsaJWK("r", &rsaKey().PublicKey), ecJWK("e", "P-256", &p256Key().PublicKey), {Kty: "RSA", Kid: "x", N: "AQ", E: "AQAB"}} {
		document, err := json.Marshal(map[string]any{"keys": []login.JWK{k}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(document)
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		methods, err := login.ParseKeySet(document)
		if err == nil && len(methods) == 0 {
			t.Error("it succeeds and has no keys")
		}
	})
}
