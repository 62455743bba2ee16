package login_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/netguard"
	"github.com/rollcall-id/rollcall/store"
)

const base = "https://chat.example.com"

// outbound reaches the servers of the test.
func outbound(t *testing.T) *netguard.Client {
	t.Helper()
	return netguard.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, nil)
}

// draft is a JWT before it is signed. The maps become its header and claims, and the texts, where there are any, stand in their
// place.
type draft struct {
	header, claims         map[string]any
	headerText, claimsText string
	method                 jwt.SigningMethod
	key                    any
}

func (d draft) sign(t *testing.T) string {
	t.Helper()
	encode := func(v map[string]any, text string) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if text != "" {
			b = []byte(text)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := encode(d.header, d.headerText) + "." + encode(d.claims, d.claimsText)
	signature, err := d.method.Sign(text, d.key)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// but is d with a change.
func (d draft) but(change func(*draft)) draft {
	d.header, d.claims = maps.Clone(d.header), maps.Clone(d.claims)
	change(&d)
	return d
}

func publicPEM(t *testing.T, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// client makes a client, and the access token that it gets.
func (h *house) client(connection string) (directory.Token, string, string) {
	h.Helper()
	client, secret, err := h.s.CreateClient(h.Context(), admin, connection)
	if err != nil {
		h.Fatal(err)
	}
	return directory.Token{ID: client.ID, Connection: client.Connection, ConnName: client.ConnName}, secret, h.issue(client.ID, secret)
}

func (h *house) issue(id directory.TokenID, secret string) string {
	h.Helper()
	actor, err := h.login.Client(h.Context(), string(id), secret)
	if err != nil {
		h.Fatal(err)
	}
	token, err := h.login.Issue(h.Context(), base, actor)
	if err != nil {
		h.Fatal(err)
	}
	return token
}

// ownKey is the key that signs.
func (h *house) ownKey() (id string, key *ecdsa.PrivateKey) {
	h.Helper()
	var keys []directory.SigningKey
	if err := h.db.View(h.Context(), func(tx *store.Tx) (err error) {
		keys, err = tx.SigningKeys()
		return err
	}); err != nil {
		h.Fatal(err)
	}
	der, err := base64.StdEncoding.DecodeString(keys[0].Private)
	if err != nil {
		h.Fatal(err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		h.Fatal(err)
	}
	return string(keys[0].ID), parsed.(*ecdsa.PrivateKey)
}

func (h *house) unix(after time.Duration) int64 { return h.db.Now().Add(after).Unix() }

func set(name string, value any) func(*draft) {
	return func(d *draft) { d.claims[name] = value }
}

func unset(name string) func(*draft) { return func(d *draft) { delete(d.claims, name) } }

func header(name string, value any) func(*draft) {
	return func(d *draft) { d.header[name] = value }
}

func signedBy(alg string, method jwt.SigningMethod, key any) func(*draft) {
	return func(d *draft) { d.header["alg"], d.method, d.key = alg, method, key }
}

// attacks are what is wrong with a JWT whoever is its issuer. public is the key with which the good one is verified.
func (h *house) attacks(good draft, public crypto.PublicKey) map[string]string {
	h.Helper()
	attacker, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.Fatal(err)
	}
	_, edKey, _ := ed25519.GenerateKey(nil)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		h.Fatal(err)
	}
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { h.Error("a URL in a header was fetched") }))
	h.Cleanup(trap.Close)
	point, _ := attacker.PublicKey.Bytes()
	embedded := map[string]any{
		"kty": "EC", "crv": "P-256", "x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]), "kid": "evil",
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		h.Fatal(err)
	}
	text := good.sign(h.T)
	parts := strings.Split(text, ".")
	claims, _ := json.Marshal(good.claims)
	head, _ := json.Marshal(good.header)
	both := func(changes ...func(*draft)) string {
		return good.but(func(d *draft) {
			for _, c := range changes {
				c(d)
			}
		}).sign(h.T)
	}
	evil := signedBy("ES256", jwt.SigningMethodES256, attacker)
	none := signedBy("none", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType)
	all := map[string]string{
		"none":                                  both(none),
		"None":                                  both(none, header("alg", "None")),
		"nOnE with the good signature":          both(header("alg", "nOnE")),
		"no alg":                                both(func(d *draft) { delete(d.header, "alg") }),
		"the good one without its signature":    parts[0] + "." + parts[1] + ".",
		"HS256 with the public key in PEM":      both(signedBy("HS256", jwt.SigningMethodHS256, publicPEM(h.T, public))),
		"HS256 with the public key in DER":      both(signedBy("HS256", jwt.SigningMethodHS256, der)),
		"HS512 with an empty secret":            both(signedBy("HS512", jwt.SigningMethodHS512, []byte{})),
		"EdDSA":                                 both(signedBy("EdDSA", jwt.SigningMethodEdDSA, edKey)),
		"ES512":                                 both(signedBy("ES512", jwt.SigningMethodES512, p521)),
		"another key":                           both(evil),
		"another key, kid of a file":            both(evil, header("kid", "../../etc/passwd")),
		"kid of a file":                         both(header("kid", "../../etc/passwd")),
		"kid of a URL":                          both(evil, header("kid", trap.URL)),
		"kid of SQL":                            both(evil, header("kid", "' union select 'x' --")),
		"kid with a NUL":                        both(header("kid", "\x00")),
		"kid empty":                             both(header("kid", "")),
		"kid missing":                           both(func(d *draft) { delete(d.header, "kid") }),
		"kid a number":                          both(header("kid", 1)),
		"jku":                                   both(evil, header("kid", "evil"), header("jku", trap.URL)),
		"jku with the good kid":                 both(evil, header("jku", trap.URL)),
		"x5u":                                   both(evil, header("x5u", trap.URL)),
		"jwk":                                   both(evil, header("kid", "evil"), header("jwk", embedded)),
		"jwk with the good kid":                 both(evil, header("jwk", embedded)),
		"x5c":                                   both(evil, header("x5c", []string{base64.StdEncoding.EncodeToString(der)})),
		"crit":                                  both(header("crit", []string{"exp"}), header("exp", 1)),
		"crit null":                             both(header("crit", nil)),
		"wrong aud":                             both(set("aud", "https://other.example.com/scim/v2")),
		"aud of another case":                   both(func(d *draft) { d.claims["aud"] = strings.ToUpper(d.claims["aud"].(string)) }),
		"aud a longer one":                      both(func(d *draft) { d.claims["aud"] = d.claims["aud"].(string) + "/" }),
		"aud empty":                             both(set("aud", "")),
		"aud an empty list":                     both(set("aud", []string{})),
		"no aud":                                both(unset("aud")),
		"AUD instead":                           both(unset("aud"), func(d *draft) { d.claims["AUD"] = good.claims["aud"] }),
		"no exp":                                both(unset("exp")),
		"exp null":                              both(set("exp", nil)),
		"exp a text":                            both(set("exp", "4000000000")),
		"exp zero":                              both(set("exp", 0)),
		"expired":                               both(set("exp", h.unix(-61*time.Second))),
		"not yet valid":                         both(set("nbf", h.unix(62*time.Second))),
		"made in the future":                    both(set("iat", h.unix(1000*time.Hour))),
		"foreign issuer":                        both(set("iss", "https://other.example.com")),
		"issuer with a slash more":              both(func(d *draft) { d.claims["iss"] = d.claims["iss"].(string) + "/" }),
		"issuer of another case":                both(func(d *draft) { d.claims["iss"] = strings.ToUpper(d.claims["iss"].(string)) }),
		"no issuer":                             both(unset("iss")),
		"issuer a list":                         both(func(d *draft) { d.claims["iss"] = []any{d.claims["iss"]} }),
		"sub of nobody":                         both(set("sub", "nobody"), set("azp", "nobody"), set("appid", "nobody")),
		"sub with a NUL":                        both(set("sub", "\x00"), unset("azp"), unset("appid")),
		"no sub":                                both(unset("sub"), unset("azp"), unset("appid")),
		"a claim twice":                         both(func(d *draft) { d.claimsText = `{"aud":"x",` + string(claims[1:]) }),
		"a claim twice, deeper":                 both(func(d *draft) { d.claimsText = `{"x":{"a":1,"a":1},` + string(claims[1:]) }),
		"a header twice":                        both(func(d *draft) { d.headerText = `{"alg":"none",` + string(head[1:]) }),
		"bytes after the claims":                both(func(d *draft) { d.claimsText = string(claims) + "{}" }),
		"claims that are a list":                both(func(d *draft) { d.claimsText = "[" + string(claims) + "]" }),
		"claims that are no JSON":               both(func(d *draft) { d.claimsText = "x" }),
		"a header that is null":                 both(func(d *draft) { d.headerText = "null" }),
		"deep claims":                           both(func(d *draft) { d.claimsText = strings.Repeat("[", 5000) }),
		"claims that are no UTF-8":              both(func(d *draft) { d.claimsText = "{\"x\":\"\xff\"," + string(claims[1:]) }),
		"other claims under the good signature": parts[0] + "." + strings.Split(both(set("x", 1)), ".")[1] + "." + parts[2],
		"padding":                               text + "=",
		"a space inside":                        parts[0] + ". " + parts[1] + "." + parts[2],
		"one character less":                    text[:len(text)-1],
		"one character more":                    text + "A",
		"no header":                             "." + parts[1] + "." + parts[2],
		"two dots alone":                        "..",
		"four parts":                            text + ".x",
		"the parts of a JWE":                    text + ".x.x",
		"two tokens":                            text + "," + text,
		"a million dots":                        strings.Repeat(".", 1_000_000),
		"two dots in a megabyte":                "." + strings.Repeat("a", 1_000_000) + ".",
		"too long":                              both(set("x", strings.Repeat("x", 8<<10))),
		"the unused bits of the last character set": spoil(text),
	}
	for i, name := range []string{"header", "claims", "signature"} {
		changed := []byte(parts[i])
		changed[len(changed)/2] ^= 1
		all["one bit of the "+name] = strings.Join(append(append(append([]string{}, parts[:i]...), string(changed)), parts[i+1:]...), ".")
	}
	return all
}

// spoil changes a bit of the last character that decoders skip unless they are strict.
func spoil(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last^1])
}

func TestJWT_of_ours_is_taken_and_every_forgery_is_not(t *testing.T) {
	each(t, func(h *house) {
		client, _, issued := h.client("plain")
		kid, key := h.ownKey()
		h.admits("as issued", "Bearer "+issued, client, 0)
		good := draft{
			header: map[string]any{"alg": "ES256", "kid": kid, "typ": "at+jwt"},
			claims: map[string]any{"iss": base, "aud": base + "/scim/v2", "sub": string(client.ID), "iat": h.unix(0), "exp": h.unix(time.Hour)},
			method: jwt.SigningMethodES256, key: key,
		}
		for name, change := range map[string]func(*draft){
			"as it should be":           func(*draft) {},
			"one more header":           header("jku", "https://evil.example.com"),
			"one of two audiences":      set("aud", []string{"x", base + "/scim/v2"}),
			"expired within the leeway": set("exp", h.unix(-59*time.Second)),
			"valid within the leeway":   set("nbf", h.unix(59*time.Second)),
			"a type in capitals":        header("typ", "AT+JWT"),
			"nearly too long":           set("x", strings.Repeat("x", 5<<10)),
		} {
			h.admits(name, "Bearer "+good.but(change).sign(t), client, 0)
		}
		for name, token := range h.attacks(good, &key.PublicKey) {
			h.admits(name, "Bearer "+token, client, directory.Unauthenticated)
		}
		h.admits("without Bearer", good.sign(t), client, directory.Unauthenticated)
		h.admits("as Basic", "Basic "+good.sign(t), client, directory.Unauthenticated)
		for _, typ := range []any{"JWT", "", "id+jwt"} {
			h.admits("another type", "Bearer "+good.but(header("typ", typ)).sign(t), client, directory.Unauthenticated)
		}
	})
}

func TestJWT_of_ours_lives_an_hour_and_no_longer_than_its_client_and_key(t *testing.T) {
	each(t, func(h *house) {
		client, secret, token := h.client("plain")
		other, _, others := h.client("plain")
		bare, _, bares := h.client("okta")
		h.admits("bare where the connection allows it", bares, bare, 0)

		h.now.Add((time.Hour + 59*time.Second).Milliseconds())
		h.admits("in the last minute", "Bearer "+token, client, 0)
		h.now.Add(time.Second.Milliseconds())
		h.admits("after it", "Bearer "+token, client, directory.Unauthenticated)
		token, others = h.issue(client.ID, secret), others[:0]

		h.enable("plain", false)
		h.admits("disabled", "Bearer "+token, client, directory.Forbidden)
		if _, err := h.login.Client(h.Context(), string(client.ID), secret); !directory.Is(err, directory.Forbidden) {
			t.Errorf("a client of a disabled connection: %v", err)
		}
		h.enable("plain", true)

		if _, err := h.s.RotateSigningKey(h.Context(), admin, false); err != nil {
			t.Fatal(err)
		}
		h.admits("of the key before", "Bearer "+token, client, 0)
		next := h.issue(client.ID, secret)
		if _, err := h.s.RotateSigningKey(h.Context(), admin, true); err != nil {
			t.Fatal(err)
		}
		h.admits("of a dropped key", "Bearer "+token, client, directory.Unauthenticated)
		h.admits("of another dropped key", "Bearer "+next, client, directory.Unauthenticated)

		next = h.issue(client.ID, secret)
		h.admits("of the new key", "Bearer "+next, client, 0)
		if err := h.s.RevokeClient(h.Context(), admin, client.ID); err != nil {
			t.Fatal(err)
		}
		h.admits("of a revoked client", "Bearer "+next, client, directory.Unauthenticated)
		if _, err := h.login.Client(h.Context(), string(client.ID), secret); !directory.Is(err, directory.Unauthenticated) {
			t.Errorf("a revoked client: %v", err)
		}
		if others != "" || other.ID == client.ID {
			t.Error("two clients with one id")
		}
	})
}

// A key of which no valid token can be there opens nothing, even while its row is.
func TestJWT_of_ours_with_a_key_that_was_retired_is_refused(t *testing.T) {
	each(t, func(h *house) {
		client, _, _ := h.client("plain")
		kid, key := h.ownKey()
		if _, err := h.s.RotateSigningKey(h.Context(), admin, false); err != nil {
			t.Fatal(err)
		}
		forged := func() string {
			return draft{
				header: map[string]any{"alg": "ES256", "kid": kid, "typ": "at+jwt"},
				claims: map[string]any{"iss": base, "aud": base + "/scim/v2", "sub": string(client.ID), "exp": h.unix(time.Hour)},
				method: jwt.SigningMethodES256, key: key,
			}.sign(t)
		}
		h.admits("before", "Bearer "+forged(), client, 0)
		h.now.Add(66 * time.Minute.Milliseconds())
		h.admits("after", "Bearer "+forged(), client, directory.Unauthenticated)
	})
}

func TestClient_is_known_by_its_secret_alone(t *testing.T) {
	each(t, func(h *house) {
		client, secret, _ := h.client("plain")
		other, otherSecret, _ := h.client("okta")
		token, opaque := h.token("plain", 0)
		actor, err := h.login.Client(h.Context(), string(client.ID), secret)
		if want := (directory.Actor{Name: "scim", Connection: client.Connection, ConnName: "plain", Token: client.ID}); err != nil || actor != want {
			t.Errorf("%+v, %v", actor, err)
		}
		for name, pair := range map[string][2]string{
			"nothing":            {"", ""},
			"no secret":          {string(client.ID), ""},
			"no id":              {"", secret},
			"another's secret":   {string(client.ID), otherSecret},
			"another's id":       {string(other.ID), secret},
			"a longer secret":    {string(client.ID), secret + "A"},
			"a shorter secret":   {string(client.ID), secret[:len(secret)-1]},
			"an opaque token":    {string(token.ID), opaque},
			"a wildcard":         {"%", secret},
			"an id in capitals":  {strings.ToUpper(string(client.ID)), secret},
			"too long to hash":   {string(client.ID), strings.Repeat("a", 1<<20)},
			"an id without text": {"\xff\x00", secret},
		} {
			actor, err := h.login.Client(h.Context(), pair[0], pair[1])
			if !directory.Is(err, directory.Unauthenticated) || actor != (directory.Actor{}) {
				t.Errorf("%s: %+v, %v", name, actor, err)
			}
		}
		h.admits("the secret as a token", "Bearer "+secret, client, directory.Unauthenticated)
	})
}

func TestPublicKeys_verify_what_is_issued(t *testing.T) {
	each(t, func(h *house) {
		if keys, err := h.login.PublicKeys(t.Context()); err != nil || keys == nil || len(keys) != 0 {
			t.Errorf("before the first: %v, %v", keys, err)
		}
		_, _, token := h.client("plain")
		if _, err := h.s.RotateSigningKey(h.Context(), admin, false); err != nil {
			t.Fatal(err)
		}
		keys, err := h.login.PublicKeys(t.Context())
		if err != nil || len(keys) != 2 {
			t.Fatalf("%v, %v", keys, err)
		}
		document, err := json.Marshal(map[string]any{"keys": keys})
		if err != nil || strings.Contains(string(document), `"d"`) {
			t.Errorf("%s, %v", document, err)
		}
		methods, err := login.ParseKeySet(document)
		if err != nil || len(methods) != 2 || strings.Join(methods[keys[1].Kid], ",") != "ES256" {
			t.Errorf("as we read keys: %v, %v", methods, err)
		}
		parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
		if err != nil || parsed.Header["kid"] != keys[1].Kid || parsed.Header["typ"] != "at+jwt" {
			t.Errorf("the header is %v, %v", parsed.Header, err)
		}
		x, _ := base64.RawURLEncoding.DecodeString(keys[1].X)
		y, _ := base64.RawURLEncoding.DecodeString(keys[1].Y)
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
		if err != nil {
			t.Fatal(err)
		}
		if err := jwt.SigningMethodES256.Verify(token[:strings.LastIndexByte(token, '.')], parsed.Signature, public); err != nil {
			t.Error(err)
		}
		claims := parsed.Claims.(jwt.MapClaims)
		if claims["client_id"] != claims["sub"] || claims["iss"] != base || claims["aud"] != base+"/scim/v2" || claims["jti"] == "" ||
			claims["exp"].(float64)-claims["iat"].(float64) != 3600 {
			t.Errorf("claims: %v", claims)
		}
	})
}

// What we read of a token before it is verified is what the verifier reads.
func FuzzOpen(f *testing.F) {
	encode := base64.RawURLEncoding.EncodeToString
	for _, claims := range []string{`{"iss":"a","exp":1}`, `{"iss":"a","iss":"b"}`, `{"ISS":"a"}`, `{}`, `[]`, `{"iss":"\u0061"}`, `{"iss":"a"} `} {
		f.Add([]byte(`{"alg":"ES256","kid":"x"}`), []byte(claims))
		f.Add([]byte(claims), []byte(claims))
	}
	f.Fuzz(func(t *testing.T, header, claims []byte) {
		token := encode(header) + "." + encode(claims) + ".AA"
		alg, iss, err := login.Open(token)
		if err != nil {
			return
		}
		parsed, _, err := jwt.NewParser(jwt.WithStrictDecoding()).ParseUnverified(token, jwt.MapClaims{})
		if err != nil {
			return
		}
		if theirs, _ := parsed.Claims.(jwt.MapClaims)["iss"].(string); theirs != iss || parsed.Header["alg"] != alg {
			t.Errorf("%s.%s: we read %q, %q, the verifier %v, %q", header, claims, alg, iss, parsed.Header["alg"], theirs)
		}
	})
}
