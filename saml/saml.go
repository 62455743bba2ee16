// Package saml is the service provider's door: /saml/{connection}/ with its metadata, the begin of a login, the assertion consumer
// service, single logout and the test login of administrators. It owns the bindings, which browser answers which request, and what
// a login says of a person as a User of SCIM. What a response proves is saml/assertion's, whom that lets in and what follows is
// provision's, the session and its cookie are login's. cmd hangs it beside the other doors.
//
// Every response that is not taken gives the same page with a number, under which the audit log tells why.
//
// SAML bindings, profiles and core of 2005.
package saml

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/saml/assertion"
	"github.com/rollcall-id/rollcall/saml/metadata"
	"github.com/rollcall-id/rollcall/scim/schema"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/web"
	"github.com/rollcall-id/rollcall/web/page"
)

// Base is what the paths of the door begin with.
const Base = "/saml/"

const (
	// beginRate and beginBurst bound how many logins one address begins: each is a row until its time is over.
	beginRate  = 10 // a second
	beginBurst = 1000
)

// Door serves the paths below Base.
type Door struct {
	DB        *store.DB
	Provision *provision.Service
	Login     *login.Service
	Log       *slog.Logger
	BaseURL   string // what clients call us, such as https://chat.example.com, without a path; empty: what the request says, if that is a loopback address
	Proxies   web.Proxies
	Metrics   *web.Metrics // nil: nothing is counted
	// Failures limits refused logins, at this door and at those that share it.
	Failures *web.Limiter[netip.Addr]

	cookies login.Cookies
	begun   *web.Limiter[netip.Addr]
	user    *schema.Resource
	large   *web.Gate[byte]     // of forms, by lane
	seed    maphash.Seed        // of lanes
	usual   *semaphore.Weighted // of all of them, once they are read
	keys    keyring
}

// Handler returns the handler of the door. It is called once, after the fields are set.
func (d *Door) Handler() http.Handler {
	d.cookies = login.CookiesFor(d.BaseURL)
	d.begun = web.NewLimiter[netip.Addr](beginRate, beginBurst, time.Now)
	d.user = schema.User()
	d.large, d.seed = web.NewGate[byte](largeForms, largeQueue), maphash.MakeSeed()
	d.usual = semaphore.NewWeighted(usualForms)
	return &web.Door{Handler: http.HandlerFunc(d.serve), Error: d.writeError, Log: d.Log, Metrics: d.Metrics, Proxies: d.Proxies}
}

// exchange is one request about one connection.
type exchange struct {
	*http.Request
	w    http.ResponseWriter
	conn directory.Connection
	idp  directory.IdP
	ours metadata.SP // what we call ourselves to the identity provider
	test bool        // of an administrator, who may see why
	who  string      // the subject, when a response has proven it
}

// actor is who asks provision for what a request leads to.
func (x *exchange) actor() directory.Actor {
	return directory.Actor{Name: "saml", Connection: x.conn.Row, ConnName: x.conn.Name, Request: web.RequestID(x.Context())}
}

type handler func(*exchange) error

// endpoint returns what stands behind the last part of a path, and the method by which it is asked.
func (d *Door) endpoint(name string) (method string, handle handler) {
	switch name {
	case "metadata":
		return http.MethodGet, d.metadata
	case "login":
		return http.MethodGet, d.begin
	case "test":
		return http.MethodGet, d.beginTest
	case "acs":
		return http.MethodPost, d.consume
	case "logout":
		return http.MethodGet, d.logout
	}
	return "", nil
}

// errNowhere is the answer for a connection that is not there, and for one without single sign-on alike.
var errNowhere = &web.Error{Status: http.StatusNotFound, Msg: "there is no such page"}

// errNameless is the answer to whoever calls us by a name that only the request says is ours. What an identity provider says is for the
// service of a name; whoever runs another one would hand on what was said to it, and call us so. Nobody elsewhere gets what is sent to
// a loopback address.
//
// SAML profiles, section 4.1.4.3.
var errNameless = &web.Error{
	Status: http.StatusMisdirectedRequest, Msg: "This server does not know what it is called: start it by rollcall serve --base-url https://…",
}

// isLoopback reports whether a host, perhaps with a port, is the machine that names it.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && a.IsLoopback()
}

func (d *Door) serve(w http.ResponseWriter, r *http.Request) {
	if err := d.route(w, r); err != nil {
		d.writeError(w, r, err)
	}
}

func (d *Door) route(w http.ResponseWriter, r *http.Request) error {
	record := web.RecordOf(r.Context())
	record.Path = Base + "…" // until it is known to be ours
	name, last, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, Base), "/")
	method, handle := d.endpoint(last)
	if !ok || handle == nil {
		return errNowhere
	}
	record.Route = Base + "{connection}/" + last
	record.Path = record.Route
	if watched := last == "metadata" && r.Method == http.MethodHead; r.Method != method && !watched {
		w.Header().Set("Allow", method)
		return &web.Error{Status: http.StatusMethodNotAllowed, Msg: "this page cannot be asked so"}
	}
	if d.BaseURL == "" && !isLoopback(r.Host) {
		record.Reason = "there is no --base-url"
		return errNameless
	}
	x := &exchange{Request: r, w: w}
	var err error
	if last == "metadata" { // an administrator needs it before there is any of the identity provider
		err = d.DB.ViewOne(r.Context(), func(tx *store.Tx) (err error) { x.conn, err = tx.Connection(name); return err })
	} else {
		err = d.DB.ViewOne(r.Context(), func(tx *store.Tx) (err error) { x.conn, x.idp, err = tx.ConnectionWithIdP(name); return err })
	}
	if directory.Is(err, directory.NotFound) {
		return errNowhere
	}
	if err != nil {
		return err
	}
	record.Connection, record.Path = x.conn.Name, Base+x.conn.Name+"/"+last
	x.ours = metadata.At(web.BaseURL(d.BaseURL, r), x.conn.Name)
	return handle(x)
}

// refused is a login or logout that is not taken.
type refused struct {
	code   string // of assertion, of directory.Denial, or of this package
	detail string // for the administrator
}

func (e *refused) Error() string { return e.code + ": " + e.detail }

// The codes of this package.
const (
	codeUnknownRequest = "unknown_request" // nobody began the login that is answered, or it was used, or took too long
	codeOtherBrowser   = "other_browser"   // another browser began it
	codeUnsolicited    = "unsolicited"     // nobody asked, and the connection does not take that
	codeReplay         = "replay"
	codeMutable        = "subject_mutable" // what is to be the subject may be handed on to another person
	codeExpiredKey     = "certificate_expired"
)

// because makes a refused of what a lower package refuses; nil for any other error.
func because(err error) *refused {
	if e, ok := errors.AsType[*refused](err); ok {
		return e
	}
	if e, ok := errors.AsType[*assertion.Refusal](err); ok {
		return &refused{e.Code, e.Detail}
	}
	if e, ok := errors.AsType[*directory.Denial](err); ok {
		return &refused{string(e.Code), e.Detail}
	}
	return nil
}

// refuse notes why something was not taken, and shows the page that says no more than that.
func (d *Door) refuse(x *exchange, e *refused) error {
	record := web.RecordOf(x.Context())
	record.Reason = e.code
	if limited := d.Failures.Take(web.AddressKey(record.Client)); limited != nil {
		return limited
	}
	refusal := provision.LoginRefusal{Subject: x.who, Code: e.code, Detail: e.detail}
	if err := d.Provision.RefuseLogin(x.Context(), x.actor(), refusal); err != nil {
		return err
	}
	page.Error(x.w, http.StatusForbidden, "Sign-in failed", login.Sentence(e.code), record.RequestID)
	return nil
}

// writeError is the only text that writes what went wrong beyond a refusal.
func (d *Door) writeError(w http.ResponseWriter, r *http.Request, err error) {
	record := web.RecordOf(r.Context())
	status, text := http.StatusInternalServerError, "something went wrong on our side"
	if e, ok := errors.AsType[*web.Error](err); ok {
		status, text = e.Status, e.Msg
		if e.RetryAfter > 0 {
			web.SetRetryAfter(w.Header(), e.RetryAfter)
		}
	} else if directory.Is(err, directory.Unavailable) {
		status, text = http.StatusServiceUnavailable, "please try again in a moment"
		web.SetRetryAfter(w.Header(), time.Second)
		record.Cause = err
	} else if directory.Is(err, directory.Full) {
		status, text = http.StatusInsufficientStorage, "nothing can be stored at the moment"
		web.SetRetryAfter(w.Header(), time.Second)
		record.Cause = err
	} else if errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler) // the client has gone
	} else {
		record.Cause = err
	}
	if record.Reason == "" && status < http.StatusInternalServerError {
		record.Reason = text
	}
	page.Error(w, status, http.StatusText(status), text, record.RequestID)
}

// metadata answers with what we say of ourselves.
func (d *Door) metadata(x *exchange) error {
	keys, err := d.ourKeys(x.Context(), x.actor().Request)
	if err != nil {
		return err
	}
	x.ours.Certificates = keys.certificates
	document, err := metadata.Ours(x.ours)
	if err != nil {
		return err
	}
	h := x.w.Header()
	h.Set("Content-Type", "application/samlmetadata+xml")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = x.w.Write(document) // a client that is gone
	return nil
}

// verifier returns what a connection expects of a response. Errors: *refused.
func (d *Door) verifier(x *exchange) (*assertion.Verifier, error) {
	keys, err := d.ourKeys(x.Context(), x.actor().Request)
	if err != nil {
		return nil, err
	}
	certs, err := d.keys.trusted(&x.idp)
	if err != nil {
		return nil, err
	}
	if !x.conn.Is(directory.SAMLExpiredCertificates) {
		now := d.DB.Now()
		certs = slices.Clone(certs)
		certs = slices.DeleteFunc(certs, func(c *certificate) bool { return now.After(c.NotAfter) })
		if len(certs) == 0 {
			return nil, &refused{codeExpiredKey, "every certificate of the identity provider has expired: import its metadata anew, or set " + directory.SAMLExpiredCertificates + "=true"}
		}
	}
	v := &assertion.Verifier{
		Issuer: x.idp.EntityID, Certificates: certs, Audience: x.ours.EntityID, Recipient: x.ours.ACS, Keys: keys.private,
		Encrypted: x.conn.Is(directory.SAMLEncrypted), Contexts: x.conn.AuthnContexts(),
	}
	if x.conn.Is(directory.SAMLForceAuthn) {
		v.MaxAge = directory.LoginLife
	}
	return v, nil
}
