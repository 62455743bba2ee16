package scim_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/netguard"
	"github.com/rollcall-id/rollcall/scim"
	"github.com/rollcall-id/rollcall/web"
)

// Two connections that trust one issuer may know a program by the same subject.
func TestDoor_limits_one_subject_in_each_connection_by_itself(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []map[string]any{{
			"kty": "RSA", "kid": "r", "use": "sig", "n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	}))
	t.Cleanup(keys.Close)
	const issuer = "https://sts.example.com/tenant/"
	each(t, func(t *testing.T, d *door) {
		if _, err := d.s.CreateConnection(t.Context(), admin, "entra", "entra", nil); err != nil {
			t.Fatal(err)
		}
		quiet := slog.New(slog.DiscardHandler)
		inside := netguard.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, nil)
		server := httptest.NewServer((&scim.Door{
			DB: d.db, Provision: d.s, Log: quiet, Rate: 1, Burst: 2, Failures: web.NewFailureLimiter(),
			Login: &login.Service{DB: d.db, Log: quiet, Resource: scim.Base, Outbound: inside},
		}).Handler())
		t.Cleanup(server.Close)
		d.url = server.URL + scim.Base
		statuses := map[string][]int{}
		for _, name := range []string{"okta", "entra"} {
			if _, err := d.s.ConfigureConnection(t.Context(), admin, name, map[string]string{
				directory.JWTIssuer: issuer, directory.JWTAudience: "api://" + name, directory.JWTKeysURL: keys.URL, directory.JWTSubjects: "program",
			}); err != nil {
				t.Fatal(err)
			}
			draft := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
				"iss": issuer, "aud": "api://" + name, "sub": "program", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
			})
			draft.Header["kid"] = "r"
			token, err := draft.SignedString(key)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				res, _, err := d.from(token, "")("GET", "/Users", "")
				if err != nil {
					t.Fatal(err)
				}
				statuses[name] = append(statuses[name], res.StatusCode)
			}
		}
		for name, got := range statuses {
			if got[0] != 200 || got[1] != 200 || got[2] != 429 {
				t.Errorf("%s: statuses %d", name, got)
			}
		}
	})
}
