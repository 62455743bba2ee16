package oauth_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/netguard"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/scim/oauth"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
	"github.com/rollcall-id/rollcall/web"
)

var admin = directory.Actor{Name: "test"}

// door is an OAuth door over HTTP, with a client of the connection okta.
type door struct {
	*testing.T
	s       *provision.Service
	login   *login.Service
	handler http.Handler
	log     *strings.Builder
	id      string
	secret  string
}

func each(t *testing.T, f func(d *door)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := &door{T: t, log: new(strings.Builder)}
		log := slog.New(slog.NewTextHandler(d.log, nil))
		d.s = provision.New(db, log)
		if _, err := d.s.CreateConnection(t.Context(), admin, "okta", "okta", nil); err != nil {
			t.Fatal(err)
		}
		client, secret, err := d.s.CreateClient(t.Context(), admin, "okta")
		if err != nil {
			t.Fatal(err)
		}
		d.id, d.secret = string(client.ID), secret
		d.login = &login.Service{DB: db, Provision: d.s, Outbound: netguard.New(nil, nil), Log: log, Resource: "/scim/v2"}
		proxies, err := web.ParseProxies([]string{"192.0.2.1"})
		if err != nil {
			t.Fatal(err)
		}
		d.handler = (&oauth.Door{Login: d.login, Failures: web.NewFailureLimiter(), Log: log, Proxies: proxies}).Handler()
		f(d)
	})
}

// answer is what the door says.
type answer struct {
	*httptest.ResponseRecorder
	body map[string]any
}

// ask sends a request.
func (d *door) ask(method, path, body string, headers ...string) answer {
	d.Helper()
	r := httptest.NewRequestWithContext(d.Context(), method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	a := answer{ResponseRecorder: httptest.NewRecorder()}
	d.handler.ServeHTTP(a.ResponseRecorder, r)
	if a.Body.Len() > 0 {
		if err := json.Unmarshal(a.Body.Bytes(), &a.body); err != nil {
			d.Fatalf("%s %s: %v: %s", method, path, err, a.Body)
		}
	}
	if got := a.Header().Get("Content-Type"); got != "application/json" {
		d.Errorf("%s %s: Content-Type %q", method, path, got)
	}
	return a
}

func (d *door) form(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

const grant = "grant_type=client_credentials"

func TestToken_for_a_client_that_shows_its_secret(t *testing.T) {
	each(t, func(d *door) {
		escape := strings.NewReplacer("_", "%5F", "-", "%2D").Replace
		for name, a := range map[string]answer{
			"in the header":         d.ask("POST", oauth.TokenPath, grant, "Authorization", basic(d.id, d.secret)),
			"in the header, lower":  d.ask("POST", oauth.TokenPath, grant, "Authorization", strings.Replace(basic(d.id, d.secret), "Basic", "basic", 1)),
			"in the header, coded":  d.ask("POST", oauth.TokenPath, grant, "Authorization", basic(d.id, escape(d.secret))),
			"with the id in both":   d.ask("POST", oauth.TokenPath, grant+"&client_id="+d.id, "Authorization", basic(d.id, d.secret)),
			"in the body":           d.ask("POST", oauth.TokenPath, d.form("grant_type", "client_credentials", "client_id", d.id, "client_secret", d.secret)),
			"with a scope":          d.ask("POST", oauth.TokenPath, grant+"&scope=a+b", "Authorization", basic(d.id, d.secret)),
			"with a scope in query": d.ask("POST", oauth.TokenPath+"?scope=a", grant, "Authorization", basic(d.id, d.secret)),
			"with what is unknown":  d.ask("POST", oauth.TokenPath, grant+"&resource=x", "Authorization", basic(d.id, d.secret)),
			"with a media type":     d.ask("POST", oauth.TokenPath, grant, "Authorization", basic(d.id, d.secret), "Content-Type", "application/x-www-form-urlencoded;charset=UTF-8"),
		} {
			if a.Code != 200 || a.body["token_type"] != "Bearer" || a.body["expires_in"] != 3600.0 || a.body["scope"] != "scim" {
				t.Errorf("%s: %d %v", name, a.Code, a.body)
				continue
			}
			if a.Header().Get("Cache-Control") != "no-store" || a.Header().Get("Pragma") != "no-cache" {
				t.Errorf("%s: headers %v", name, a.Header())
			}
			actor, err := d.login.Connection(t.Context(), "http://example.com", "Bearer "+a.body["access_token"].(string))
			if err != nil || actor.ConnName != "okta" || string(actor.Token) != d.id {
				t.Errorf("%s: the token opens %+v, %v", name, actor, err)
			}
			if strings.Contains(d.log.String(), a.body["access_token"].(string)) {
				t.Errorf("%s: the log holds the token", name)
			}
		}
		if log := d.log.String(); strings.Contains(log, d.secret) || !strings.Contains(log, "path=/oauth/token status=200") ||
			!strings.Contains(log, "connection=okta token_id="+d.id) {
			t.Errorf("the log holds the secret, or does not say who came:\n%s", log)
		}
	})
}

func TestToken_is_refused_in_the_words_of_the_RFC(t *testing.T) {
	each(t, func(d *door) {
		good := basic(d.id, d.secret)
		for name, tt := range map[string]struct {
			body    string
			headers []string
			status  int
			code    string
		}{
			"no credential":             {grant, nil, 401, "invalid_client"},
			"nothing at all":            {"", nil, 401, "invalid_client"},
			"a wrong secret":            {grant, []string{"Authorization", basic(d.id, d.secret+"x")}, 401, "invalid_client"},
			"an unknown client":         {grant, []string{"Authorization", basic("nobody", d.secret)}, 401, "invalid_client"},
			"a wrong secret, in body":   {d.form("grant_type", "client_credentials", "client_id", d.id, "client_secret", "x"), nil, 401, "invalid_client"},
			"a NUL as the id":           {d.form("grant_type", "client_credentials", "client_id", "\x00", "client_secret", "x"), nil, 401, "invalid_client"},
			"no grant_type":             {"scope=x", []string{"Authorization", good}, 400, "invalid_request"},
			"an empty grant_type":       {"grant_type=", []string{"Authorization", good}, 400, "invalid_request"},
			"another grant_type":        {"grant_type=password", []string{"Authorization", good}, 400, "unsupported_grant_type"},
			"grant_type twice":          {grant + "&" + grant, []string{"Authorization", good}, 400, "invalid_request"},
			"two secrets":               {d.form("grant_type", "client_credentials", "client_secret", d.secret), []string{"Authorization", good}, 400, "invalid_request"},
			"two clients":               {grant + "&client_id=other", []string{"Authorization", good}, 400, "invalid_request"},
			"Bearer":                    {grant, []string{"Authorization", "Bearer x"}, 400, "invalid_request"},
			"Basic that is no base64":   {grant, []string{"Authorization", "Basic ?"}, 400, "invalid_request"},
			"Basic that is badly coded": {grant, []string{"Authorization", basic("%zz", "x")}, 400, "invalid_request"},
			"JSON":                      {`{"grant_type":"client_credentials"}`, []string{"Content-Type", "application/json"}, 400, "invalid_request"},
			"a form that is cut":        {"grant_type=%", []string{"Authorization", good}, 400, "invalid_request"},
			"a semicolon":               {grant + ";x=y", []string{"Authorization", good}, 400, "invalid_request"},
			"a large body":              {grant + "&x=" + strings.Repeat("x", 64<<10), []string{"Authorization", good}, 413, "invalid_request"},
		} {
			a := d.ask("POST", oauth.TokenPath, tt.body, tt.headers...)
			if a.Code != tt.status || a.body["error"] != tt.code || a.body["error_description"] == "" || a.body["access_token"] != nil {
				t.Errorf("%s: %d %v, want %d %s", name, a.Code, a.body, tt.status, tt.code)
			}
			if asks := a.Header().Get("WWW-Authenticate"); (asks == `Basic realm="rollcall"`) != (tt.status == 401) {
				t.Errorf("%s: WWW-Authenticate %q", name, asks)
			}
			if a.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: it may be cached", name)
			}
		}
		if strings.Contains(d.log.String(), "level=ERROR") {
			t.Errorf("the sender's faults are logged as ours:\n%s", d.log)
		}
		if _, err := d.s.EnableConnection(t.Context(), admin, "okta", false); err != nil {
			t.Fatal(err)
		}
		if a := d.ask("POST", oauth.TokenPath, grant, "Authorization", good); a.Code != 400 || a.body["error"] != "unauthorized_client" {
			t.Errorf("of a disabled connection: %d %v", a.Code, a.body)
		}
	})
}

func TestToken_failures_are_limited_for_an_address_and_never_stand_in_the_way_of_a_secret(t *testing.T) {
	each(t, func(d *door) {
		from := []string{"X-Forwarded-For", "10.7.7.7", "Authorization", basic(d.id, "wrong")}
		for i := range 10 {
			if a := d.ask("POST", oauth.TokenPath, grant, from...); a.Code != 401 {
				t.Fatalf("failure %d: %d", i, a.Code)
			}
		}
		a := d.ask("POST", oauth.TokenPath, grant, from...)
		if a.Code != 429 || a.Header().Get("Retry-After") == "" || a.body["error"] != "temporarily_unavailable" {
			t.Errorf("failure 11: %d %v", a.Code, a.body)
		}
		if a := d.ask("POST", oauth.TokenPath, grant, "X-Forwarded-For", "10.7.7.7", "Authorization", basic(d.id, d.secret)); a.Code != 200 {
			t.Errorf("the secret from the same address: %d %v", a.Code, a.body)
		}
		if a := d.ask("POST", oauth.TokenPath, grant, "X-Forwarded-For", "10.7.7.8", "Authorization", basic(d.id, "wrong")); a.Code != 401 {
			t.Errorf("from another address: %d", a.Code)
		}
	})
}

func TestToken_a_client_that_asks_for_ever_is_slowed_down(t *testing.T) {
	each(t, func(d *door) {
		for i := range 100 {
			if a := d.ask("POST", oauth.TokenPath, grant, "Authorization", basic(d.id, d.secret)); a.Code == 429 {
				if i < 60 {
					t.Errorf("it is slowed down after %d", i)
				}
				return
			}
		}
		t.Error("it is not slowed down")
	})
}

func TestDoor_publishes_its_keys_and_what_it_can(t *testing.T) {
	each(t, func(d *door) {
		if a := d.ask("GET", oauth.KeysPath, ""); a.Code != 200 || len(a.body["keys"].([]any)) != 0 {
			t.Errorf("keys, before any is needed: %d %v", a.Code, a.body)
		}
		d.ask("POST", oauth.TokenPath, grant, "Authorization", basic(d.id, d.secret))
		keys := d.ask("GET", oauth.KeysPath, "")
		k := keys.body["keys"].([]any)[0].(map[string]any)
		if keys.Code != 200 || k["kty"] != "EC" || k["crv"] != "P-256" || k["alg"] != "ES256" || k["use"] != "sig" || len(k["x"].(string)) != 43 || k["d"] != nil {
			t.Errorf("keys: %d %v", keys.Code, keys.body)
		}
		about := d.ask("GET", oauth.MetadataPath, "")
		want := map[string]any{"issuer": "http://example.com", "token_endpoint": "http://example.com/oauth/token", "jwks_uri": "http://example.com/.well-known/jwks.json"}
		for name, value := range want {
			if about.body[name] != value {
				t.Errorf("%s is %v, want %v", name, about.body[name], value)
			}
		}
		if types, ok := about.body["response_types_supported"].([]any); !ok || len(types) != 0 {
			t.Errorf("response_types_supported is required: %v", about.body)
		}
		for _, a := range []answer{keys, about} {
			if a.Header().Get("Cache-Control") != "public, max-age=300" {
				t.Errorf("Cache-Control: %q", a.Header().Get("Cache-Control"))
			}
		}
		if a := d.ask("HEAD", oauth.KeysPath, ""); a.Code != 200 || a.Body.Len() != 0 {
			t.Errorf("HEAD: %d %s", a.Code, a.Body)
		}
		for path, allow := range map[string]string{oauth.TokenPath: "POST", oauth.KeysPath: "GET, HEAD", oauth.MetadataPath: "GET, HEAD"} {
			if a := d.ask("DELETE", path, ""); a.Code != 405 || a.Header().Get("Allow") != allow {
				t.Errorf("DELETE %s: %d, Allow %s", path, a.Code, a.Header().Get("Allow"))
			}
		}
		if a := d.ask("GET", "/oauth/authorize", ""); a.Code != 404 {
			t.Errorf("another path: %d", a.Code)
		}
	})
}

func TestDoor_is_called_what_it_is_configured_to_be(t *testing.T) {
	each(t, func(d *door) {
		d.handler = (&oauth.Door{
			Login: d.login, Failures: web.NewFailureLimiter(), Log: slog.New(slog.NewTextHandler(io.Discard, nil)), BaseURL: "https://chat.example.com",
		}).Handler()
		if a := d.ask("GET", oauth.MetadataPath, ""); a.body["issuer"] != "https://chat.example.com" || a.body["token_endpoint"] != "https://chat.example.com/oauth/token" {
			t.Errorf("%v", a.body)
		}
		a := d.ask("POST", oauth.TokenPath, grant, "Authorization", basic(d.id, d.secret))
		token := "Bearer " + a.body["access_token"].(string)
		if _, err := d.login.Connection(t.Context(), "https://chat.example.com", token); err != nil {
			t.Errorf("in its name: %v", err)
		}
		if _, err := d.login.Connection(t.Context(), "https://other.example.com", token); err == nil {
			t.Error("in another name it is valid")
		}
	})
}
