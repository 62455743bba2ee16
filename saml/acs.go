package saml

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/saml/assertion"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/web"
	"github.com/rollcall-id/rollcall/web/page"
)

// formatTransient is that of a NameID which names nobody for longer than a session. SAML core, section 8.3.8.
const formatTransient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"

// maxForm is the most bytes of a form with a response of assertion.MaxBytes: base64 makes four of three, lines are broken, and the
// form writes some characters as three.
const maxForm = assertion.MaxBytes*3/2 + 64<<10

const (
	// usualForm is larger than a response without thousands of groups. A form that does not say its length, as every browser does, may
	// have no more: it would have to be read to be refused.
	usualForm = 256 << 10
	// largeForms is how many larger ones are read and verified at once, half of them from one address: whoever sends slowly does not
	// keep others out. Others wait, up to largeQueue of a lane.
	largeForms = 4
	largeQueue = 100
	// usualForms is how many of the others are verified at once: the tree of one may take twenty times its bytes.
	usualForms = 32
	// largeWait is how long one waits for its turn, and largeTime how long it may take to arrive.
	largeWait = 10 * time.Second
	largeTime = 30 * time.Second
)

var errBusy = directory.Errorf(directory.Unavailable, "", "too many large responses at once")

// again is the query of the assertion consumer service when the form comes from our own page.
const again = "again=1"

// consume takes a response. Only what this browser began counts, once.
//
// SAML profiles, sections 4.1.4.2 and 4.1.4.3.
func (d *Door) consume(x *exchange) error {
	if n := x.ContentLength; usualForm < n && n <= maxForm { // anybody can send it, and it takes many times its bytes
		ctx, cancel := context.WithTimeout(x.Context(), largeWait)
		defer cancel()
		lane := d.lane(x)
		if d.large.Enter(ctx, lane, false) != nil {
			return errBusy
		}
		defer d.large.Leave(lane)
		x.Body = prompt{x.Body, time.Now().Add(largeTime)}
	}
	form, err := readForm(x)
	if err != nil {
		return err
	}
	if d.usual.Acquire(x.Context(), 1) != nil {
		return errBusy
	}
	defer d.usual.Release(1)
	a, err := d.answer(x, form)
	switch {
	case err == nil && a == nil: // answered
		return nil
	case x.test:
		return d.showTest(x, a, err)
	case err == nil:
		err = d.signIn(x, a)
	}
	if e := because(err); e != nil {
		return d.refuse(x, e)
	}
	return err
}

// prompt is a body that others wait behind.
type prompt struct {
	io.ReadCloser
	until time.Time
}

func (p prompt) Read(b []byte) (int, error) {
	if time.Now().After(p.until) {
		return 0, &web.Error{Status: http.StatusRequestTimeout, Msg: "the response arrives too slowly"}
	}
	return p.ReadCloser.Read(b)
}

// lane is the line in which the address of a request waits. There are few, and which one it is cannot be foreseen.
func (d *Door) lane(x *exchange) byte {
	address := web.AddressKey(web.RecordOf(x.Context()).Client).As16()
	return byte(maphash.Bytes(d.seed, address[:]))
}

// form is what a browser posts.
type form struct{ response, relay string }

// readForm reads the form. Errors: *web.Error.
func readForm(x *exchange) (form, error) {
	if x.URL.RawQuery != "" && x.URL.RawQuery != again {
		return form{}, badRequest("a response comes in the body of a POST alone")
	}
	limit := int64(maxForm)
	if x.ContentLength < 0 {
		limit = usualForm
	}
	fields, err := web.ReadForm(x.w, x.Request, limit, "SAMLResponse", "RelayState")
	if err == nil && fields["SAMLResponse"] == "" {
		err = badRequest("the field SAMLResponse is missing")
	}
	return form{fields["SAMLResponse"], fields["RelayState"]}, err
}

func badRequest(msg string) *web.Error { return &web.Error{Status: http.StatusBadRequest, Msg: msg} }

// arrival is a response that was verified and used up.
type arrival struct {
	facts    *assertion.Facts
	request  directory.LoginRequest // zero for one that nobody asked for
	returnTo string
}

// answer verifies a response and uses it up. Nil without an error: the browser got another answer. Errors: *refused and what because
// knows, also as x.test says; *web.Error.
func (d *Door) answer(x *exchange, f form) (*arrival, error) {
	raw, err := assertion.DecodeForm(f.response, assertion.MaxBytes)
	if r, ok := errors.AsType[*assertion.Refusal](err); ok && r.Code == assertion.CodeEncoding {
		return nil, badRequest("the field SAMLResponse is not base64")
	}
	if err != nil {
		return nil, err
	}
	document, err := assertion.Parse(raw)
	if err != nil {
		return nil, err
	}
	a := &arrival{returnTo: "/"}
	if id := document.InResponseTo(); id != "" {
		done, err := d.find(x, f, id, a)
		if done || err != nil {
			return nil, err
		}
	} else if !x.conn.Is(directory.SAMLIdPInitiated) {
		return nil, d.unsolicited(x)
	}
	verifier, err := d.verifier(x)
	if err != nil {
		return nil, err
	}
	if a.facts, err = verifier.Verify(document, a.request.ID, d.DB.Now()); err != nil {
		if r, ok := errors.AsType[*assertion.Refusal](err); ok && r.Code == assertion.CodeSignature && x.idp.Source != "" {
			r.Detail += " (rollcall saml import --connection " + x.conn.Name + " --refresh looks for it)"
		}
		return nil, err
	}
	err = d.Provision.UseMessage(x.Context(), x.actor(), a.facts.ID, a.request.ID, a.facts.Expires)
	if directory.Is(err, directory.Conflict) {
		return nil, &refused{codeReplay, "the response, or the login that it answers, was used before"}
	}
	return a, err
}

// find finds the login that a response says it answers. done: the browser got a page that posts the form again, so that its cookies
// come along. Errors: *refused.
func (d *Door) find(x *exchange, f form, id string, a *arrival) (done bool, err error) {
	err = d.DB.ViewOne(x.Context(), func(tx *store.Tx) (err error) { a.request, err = tx.LoginRequest(id); return err })
	if err != nil && !directory.Is(err, directory.NotFound) {
		return false, err
	}
	if err != nil || a.request.Connection != x.conn.Row || !d.DB.Now().Before(a.request.Expires) {
		return false, &refused{codeUnknownRequest, "nobody began this login here in the last minutes, or it was used before"}
	}
	browser := d.cookies.Get(x.Request, login.LoginCookie)
	if browser == "" && !d.cookies.Secure && x.URL.RawQuery != again {
		page.Post(x.w, x.ours.ACS+"?"+again, [2]string{"SAMLResponse", f.response}, [2]string{"RelayState", f.relay})
		return true, nil
	}
	if provision.HashToken(browser) != a.request.Browser {
		return false, &refused{codeOtherBrowser, "the login was begun in another browser, or the browser keeps no cookies"}
	}
	x.test = a.request.Test
	if provision.HashToken(f.relay) == a.request.Relay {
		a.returnTo = a.request.ReturnTo
	}
	return false, nil
}

// unsolicited sends the browser to our own login, once: whoever clicked a tile at the identity provider meant to sign in, and whoever was
// made to post somebody else's response is asked who they are. Nothing of the response counts.
func (d *Door) unsolicited(x *exchange) error {
	if d.cookies.Get(x.Request, login.AgainCookie) != "" {
		d.cookies.Set(x.w, login.AgainCookie, "")
		return &refused{codeUnsolicited, "the identity provider sends responses that name no request, also when it is asked"}
	}
	d.cookies.Set(x.w, login.AgainCookie, "1")
	return redirect(x, Base+x.conn.Name+"/login")
}

// signIn lets in the person of a response.
func (d *Door) signIn(x *exchange, a *arrival) error {
	asserted, err := d.asserted(x, a.facts)
	if err != nil {
		return err
	}
	in, err := d.Provision.SignIn(x.Context(), x.actor(), asserted, provision.Browser{Agent: x.UserAgent(), ReturnTo: a.returnTo})
	if err != nil {
		return err
	}
	d.cookies.Set(x.w, login.AgainCookie, "")
	if in.Newcomer {
		d.cookies.Set(x.w, login.NewcomerCookie, in.Secret)
		return redirect(x, "/welcome")
	}
	d.Login.Replace(x.w, x.Request, d.cookies, x.actor(), in.Secret, a.request.Session)
	return redirect(x, a.returnTo)
}

// asserted makes of a verified response what provision is to know. Errors: *refused; *assertion.Refusal.
func (d *Door) asserted(x *exchange, facts *assertion.Facts) (directory.Asserted, error) {
	text := func(setting string) string {
		name := x.conn.Setting(setting)
		if name == "" {
			return ""
		}
		v, err := facts.Value(name)
		if err != nil || directory.CheckName(setting, v) != nil {
			return "" // a name that came twice, or not at all, is no reason to keep a person out
		}
		return v
	}
	a := directory.Asserted{
		UserName: text(directory.SAMLUserName),
		Profile: directory.Profile{
			Email: text(directory.SAMLEmail), FirstName: text(directory.SAMLFirstName), LastName: text(directory.SAMLLastName),
			Nickname: text(directory.SAMLNickname), Position: text(directory.SAMLPosition), Locale: text(directory.SAMLLocale),
		},
		Name: directory.LogoutName{
			Value: facts.NameID.Value, Format: facts.NameID.Format, Qualifier: facts.NameID.NameQualifier, SPQualifier: facts.NameID.SPNameQualifier, Index: facts.SessionIndex,
		},
		Ends: facts.SessionEnds,
	}
	if !directory.IsEmail(a.Profile.Email) {
		a.Profile.Email = ""
	}
	var err error
	if a.Subject, err = subject(x, facts); err != nil {
		return a, err
	}
	x.who = a.Subject
	if a.UserName == "" {
		a.UserName = a.Profile.Email
	}
	if !x.conn.Is(directory.SAMLSubjectImmutable) {
		if err := immutable(&a); err != nil {
			return a, err
		}
	}
	if a.UserName == "" {
		a.UserName = a.Subject
	}
	return a, d.fill(&a)
}

// subject returns what a response says of who somebody is, for good.
func subject(x *exchange, facts *assertion.Facts) (string, error) {
	name := x.conn.Setting(directory.SAMLSubject)
	if name != directory.NameID {
		return facts.Value(name)
	}
	id := facts.NameID
	if x.conn.Is(directory.SAMLSubjectImmutable) && id.Format != formatTransient {
		id.Format = assertion.FormatPersistent
	}
	return id.Persistent(x.idp.EntityID, x.ours.EntityID)
}

// immutable refuses a subject that looks like what is handed on to other people. A format is only a label.
func immutable(a *directory.Asserted) error {
	how := ""
	switch {
	case strings.Contains(a.Subject, "@"):
		how = "looks like an e-mail address"
	case directory.Key(a.Subject) == directory.Key(a.UserName):
		how = "is the userName"
	default:
		return nil
	}
	return &refused{codeMutable, fmt.Sprintf(
		"the subject %s, and may be handed on to another person: let the identity provider send an id that never changes, "+
			"or say that this one does not by %s=true", how, directory.SAMLSubjectImmutable)}
}
