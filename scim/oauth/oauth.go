// Package oauth is the door at which the clients of a connection exchange their secret for an access token: the token endpoint,
// the keys that the tokens are verified with, and the description of both. It owns the form of requests, answers and errors. What
// a client and a token are is login's, who takes the tokens is scim's. cmd hangs it beside the SCIM door.
//
// RFC 6749, RFC 7517, RFC 8414.
package oauth

import (
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/web"
)

// The paths of the door.
const (
	TokenPath    = "/oauth/token"
	KeysPath     = "/.well-known/jwks.json"
	MetadataPath = "/.well-known/oauth-authorization-server"
)

const (
	issueRate  = 1 // tokens a second for each client
	issueBurst = 60
)

// Door serves the paths above.
type Door struct {
	Login *login.Service
	Log   *slog.Logger
	// BaseURL is what clients call us, such as https://chat.example.com, without a path. Empty: what the request says.
	BaseURL string
	Proxies web.Proxies
	Metrics *web.Metrics // nil: nothing is counted
	// Failures limits failed credentials, at this door and at those that share it.
	Failures *web.Limiter[netip.Addr]

	issued *web.Limiter[directory.TokenID]
}

// Handler returns the handler of the door. It is called once, after the fields are set.
func (d *Door) Handler() http.Handler {
	d.issued = web.NewLimiter[directory.TokenID](issueRate, issueBurst, time.Now)
	return &web.Door{Handler: http.HandlerFunc(d.serve), Error: writeError, Log: d.Log, Metrics: d.Metrics, Proxies: d.Proxies}
}

func (d *Door) serve(w http.ResponseWriter, r *http.Request) {
	var (
		answer any
		err    error
		allow  = "GET, HEAD"
		cache  = "public, max-age=300"
		read   = r.Method == http.MethodGet || r.Method == http.MethodHead
	)
	if slices.Contains([]string{TokenPath, KeysPath, MetadataPath}, r.URL.Path) {
		web.RecordOf(r.Context()).Route = r.URL.Path
	}
	switch path := r.URL.Path; {
	case path == TokenPath && r.Method == http.MethodPost:
		cache = "no-store" // RFC 6749, section 5.1.
		answer, err = d.token(w, r)
	case path == KeysPath && read:
		answer, err = d.keys(r)
	case path == MetadataPath && read:
		answer = d.metadata(r)
	case path == TokenPath:
		allow = http.MethodPost
		fallthrough
	case path == KeysPath || path == MetadataPath:
		w.Header().Set("Allow", allow)
		err = &web.Error{Status: http.StatusMethodNotAllowed, Msg: "use " + allow}
	default:
		err = &web.Error{Status: http.StatusNotFound, Msg: "there is no such path"}
	}
	if err != nil {
		writeError(w, r, err)
		return
	}
	writeJSON(w, r, http.StatusOK, cache, answer)
}

func (d *Door) keys(r *http.Request) (any, error) {
	keys, err := d.Login.PublicKeys(r.Context())
	return map[string]any{"keys": keys}, err
}

// metadata describes the token endpoint.
//
// RFC 8414, section 2.
func (d *Door) metadata(r *http.Request) any {
	base := web.BaseURL(d.BaseURL, r)
	return map[string]any{
		"issuer":                                base,
		"token_endpoint":                        base + TokenPath,
		"jwks_uri":                              base + KeysPath,
		"grant_types_supported":                 []string{clientCredentials},
		"response_types_supported":              []string{},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
		"scopes_supported":                      []string{login.Scope},
	}
}

func writeJSON(w http.ResponseWriter, r *http.Request, status int, cache string, v any) {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil { // nothing of ours is like that
		web.RecordOf(r.Context()).Cause = err
		status, b = http.StatusInternalServerError, []byte(`{}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("Cache-Control", cache)
	if cache == "no-store" {
		h.Set("Pragma", "no-cache")
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b) // the client may have gone
	}
}
