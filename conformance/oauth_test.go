package conformance

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// oauthClient is what client create prints.
type oauthClient struct {
	ID       string `json:"client_id"`
	Secret   string `json:"client_secret"`
	TokenURL string `json:"token_url"`
}

// grant asks the token endpoint and returns status and body.
func (s *server) grant(t *testing.T, client oauthClient) (int, map[string]any) {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {client.ID}, "client_secret": {client.Secret}}
	res, err := s.HTTP.PostForm(s.URL+"/oauth/token", form)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, decode(t, res)
}

func decode(t *testing.T, res *http.Response) map[string]any {
	t.Helper()
	defer func() { _ = res.Body.Close() }()
	var body map[string]any
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return body
}

// accessToken gets an access token for a client that must get one.
func (s *server) accessToken(t *testing.T, client oauthClient) string {
	t.Helper()
	status, body := s.grant(t, client)
	token, _ := body["access_token"].(string)
	if status != 200 || token == "" {
		t.Fatalf("the token endpoint answers %d %v", status, body)
	}
	return token
}

// bearing asserts what a request with a token is answered.
func (c *idp) bearing(token string, status int, when string) {
	c.t.Helper()
	if a := c.with("Authorization", "Bearer "+token).send("GET /Users?count=1", ""); a.status != status {
		a.errorf("%s: want %d", when, status)
	}
}

func TestOAuth_client_credentials_from_beginning_to_end(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		okta, entra := s.idp(t, "okta", "okta"), s.idp(t, "entra", "entra")
		var client, other oauthClient
		s.Show(t, &client, "client", "create", "--connection", "okta")
		s.Show(t, &other, "client", "create", "--connection", "entra")
		if want := s.URL + "/oauth/token"; s.Database == "" && client.TokenURL != want {
			t.Errorf("token_url is %q, want %q", client.TokenURL, want)
		}
		token, others := s.accessToken(t, client), s.accessToken(t, other)

		// It does what the token of its connection does, and sees what that one sees.
		made := okta.with("Authorization", "Bearer "+token).send("POST /Users", `{"schemas":["{USER}"],"userName":"alice@example.com"}`)
		if made.status != 201 {
			made.errorf("a user made with an access token")
		}
		okta.names["alice"] = made.body.(map[string]any)["id"].(string)
		if a := okta.send("GET /Users/{alice}", ""); a.status != 200 {
			a.errorf("seen with the opaque token")
		}
		entra.names["alice"] = okta.names["alice"]
		if a := entra.with("Authorization", "Bearer "+others).send("GET /Users/{alice}", ""); a.status != 404 {
			a.errorf("seen by another connection")
		}
		if log := s.CLI(t, "audit", "list", "--json"); !strings.Contains(log, client.ID) || strings.Contains(log, client.Secret) {
			t.Error("the audit log does not name the client, or holds its secret")
		}

		// Keys rotate; a leaked one is dropped.
		s.CLI(t, "key", "rotate")
		okta.bearing(token, 200, "the token of the key before")
		next := s.accessToken(t, client)
		s.CLI(t, "key", "rotate", "--drop-old")
		okta.bearing(token, 401, "after its key was dropped")
		okta.bearing(next, 401, "after its key was dropped")
		token = s.accessToken(t, client)
		okta.bearing(token, 200, "a new token")

		s.CLI(t, "connection", "disable", "okta")
		okta.bearing(token, 403, "while the connection is disabled")
		if status, body := s.grant(t, client); status != 400 || body["error"] != "unauthorized_client" {
			t.Errorf("a token while the connection is disabled: %d %v", status, body)
		}
		s.CLI(t, "connection", "enable", "okta")

		s.CLI(t, "client", "revoke", client.ID)
		okta.bearing(token, 401, "after its client was revoked")
		if status, body := s.grant(t, client); status != 401 || body["error"] != "invalid_client" {
			t.Errorf("a token for a revoked client: %d %v", status, body)
		}
		entra.bearing(s.accessToken(t, other), 200, "another client")
		s.Stop(t) // then its log is whole
		if log := s.Log.String(); strings.Contains(log, client.Secret) || strings.Contains(log, token) || !strings.Contains(log, "token_id="+client.ID) {
			t.Error("the server's log holds a secret, or does not name the client")
		}
	})
}

func TestOAuth_tokens_and_keys_outlive_the_process(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		var client oauthClient
		okta := s.idp(t, "okta", "okta")
		s.Show(t, &client, "client", "create", "--connection", "okta")
		s.Stop(t)
		s.Serve(t, "--base-url", "https://chat.example.com")
		token := s.accessToken(t, client)
		s.Stop(t)
		s.Serve(t, "--base-url", "https://chat.example.com")
		okta.bearing(token, 200, "after a restart")
		for _, path := range []string{"/.well-known/jwks.json", "/.well-known/oauth-authorization-server"} {
			res, err := s.HTTP.Get(s.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			body := decode(t, res)
			if res.StatusCode != 200 || body["keys"] == nil && body["issuer"] != "https://chat.example.com" {
				t.Errorf("%s without a credential: %d %v", path, res.StatusCode, body)
			}
		}
	})
}

func TestOAuth_failures_are_answered_alike_and_then_slowed_down(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		var client oauthClient
		c := s.idp(t, "okta", "okta")
		s.Show(t, &client, "client", "create", "--connection", "okta")
		_, wrong := s.grant(t, oauthClient{ID: client.ID, Secret: client.Secret + "x"})
		_, unknown := s.grant(t, oauthClient{ID: strings.Repeat("0", 26), Secret: client.Secret})
		if fmt.Sprint(wrong) != fmt.Sprint(unknown) {
			t.Errorf("a wrong secret and an unknown client differ: %v, %v", wrong, unknown)
		}
		for range 8 {
			s.grant(t, oauthClient{})
		}
		if status, body := s.grant(t, oauthClient{}); status != 429 {
			t.Errorf("the eleventh failure: %d %v", status, body)
		}
		c.bearing("rct_wrong", 429, "after as many failures at the other door")
		s.accessToken(t, client)
		c.send("GET /Users?count=0", "").code(200)
	})
}

// An identity provider brings tokens that its own issuer made.
func TestOAuth_token_of_an_issuer_of_the_connection(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []map[string]string{{
			"kty": "RSA", "kid": "k1", "use": "sig", "n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	}))
	t.Cleanup(issuer.Close)
	sign := func(method jwt.SigningMethod, key any, change map[string]any) string {
		claims := jwt.MapClaims{
			"iss": "https://sts.example.com/tenant/", "aud": "api://rollcall", "appid": "app", "sub": "object", "exp": time.Now().Add(time.Hour).Unix(),
		}
		for name, value := range change {
			claims[name] = value
		}
		token := jwt.NewWithClaims(method, claims)
		token.Header["kid"] = "k1"
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, kind := range harness.Databases(t) {
		t.Run(kind, func(t *testing.T) {
			s := prepare(t, kind)
			s.Serve(t, "--outbound-allow", "127.0.0.1/32")
			entra := s.idp(t, "entra", "entra")
			good := sign(jwt.SigningMethodRS256, key, nil)
			entra.bearing(good, 401, "before the issuer is set")
			s.CLI(t, "connection", "set", "entra", "jwt_issuer=https://sts.example.com/tenant/", "jwt_audience=api://rollcall",
				"jwt_jwks_url="+issuer.URL, "jwt_subjects=app")
			entra.bearing(good, 200, "when the issuer is set")
			entra.bearing(sign(jwt.SigningMethodRS256, key, map[string]any{"appid": "stranger"}), 401, "another program")
			entra.bearing(sign(jwt.SigningMethodRS256, key, map[string]any{"aud": "api://other"}), 401, "another audience")
			entra.bearing(sign(jwt.SigningMethodRS256, key, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), 401, "an expired one")
			entra.bearing(sign(jwt.SigningMethodHS256, key.N.Bytes(), nil), 401, "HS256 with the public key")
			entra.bearing(sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil), 401, "none")
			entra.bearing(good, 200, "the good one after all that")

			// The same setting leads nowhere while the network is not allowed.
			s.Stop(t)
			s.Serve(t)
			entra.bearing(good, 401, "without --outbound-allow")
			s.Stop(t) // then its log is whole
			if !strings.Contains(s.Log.String(), "--outbound-allow") {
				t.Error("the log does not say what to do")
			}
		})
	}
}
