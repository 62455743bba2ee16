// Package metadata reads and writes what the two sides of SAML tell of themselves (SAML V2.0 Metadata): what an identity provider
// says becomes a directory.IdP, and what we say becomes a document. It owns which statements are taken and which are refused, and
// never does I/O. Who fetched a document, and whether that person may be believed, is the caller's: a signature over metadata is not
// looked at, as the administrator who names a file or an https URL vouches for it. Package provision and cmd/rollcall call Parse,
// package saml calls Ours.
package metadata

import (
	"encoding/xml"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rollcall-id/rollcall/directory"
)

const (
	nsMetadata  = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"
	protocol    = "urn:oasis:names:tc:SAML:2.0:protocol"

	bindingRedirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	bindingPost     = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"

	// maxEntityID is that of SAML V2.0 Core, section 8.3.6.
	maxEntityID = 1024
)

// attributes are all those of an element; they count only without a namespace.
type attributes []xml.Attr

func (a attributes) get(name string) string {
	i := slices.IndexFunc(a, func(at xml.Attr) bool { return at.Name == xml.Name{Local: name} })
	if i < 0 {
		return ""
	}
	return a[i].Value
}

type entitiesDescriptor struct {
	Attrs    attributes           `xml:",any,attr"`
	Entities []entityDescriptor   `xml:"urn:oasis:names:tc:SAML:2.0:metadata EntityDescriptor"`
	Nested   []entitiesDescriptor `xml:"urn:oasis:names:tc:SAML:2.0:metadata EntitiesDescriptor"`
}

type entityDescriptor struct {
	Attrs attributes   `xml:",any,attr"`
	Roles []descriptor `xml:"urn:oasis:names:tc:SAML:2.0:metadata IDPSSODescriptor"`
}

type descriptor struct {
	Attrs  attributes      `xml:",any,attr"`
	Keys   []keyDescriptor `xml:"urn:oasis:names:tc:SAML:2.0:metadata KeyDescriptor"`
	SignIn []endpoint      `xml:"urn:oasis:names:tc:SAML:2.0:metadata SingleSignOnService"`
	Logout []endpoint      `xml:"urn:oasis:names:tc:SAML:2.0:metadata SingleLogoutService"`
}

type endpoint struct {
	Attrs attributes `xml:",any,attr"`
}

type keyDescriptor struct {
	Attrs        attributes `xml:",any,attr"`
	Certificates []string   `xml:"http://www.w3.org/2000/09/xmldsig# KeyInfo>X509Data>X509Certificate"`
}

// candidate is an identity provider of a document, and until when what surrounds it is valid.
type candidate struct {
	entityDescriptor
	until time.Time
}

// Parse reads the metadata of an identity provider. entity names which one where the document holds several; empty means that it
// holds one. The warnings are sentences for the administrator: what is said and will not be used, or may end. Connection, Source
// and the times of the IdP other than ValidUntil are the caller's to fill.
//
// Errors: Invalid, which says what to do.
func Parse(document []byte, entity string, now time.Time) (directory.IdP, []string, error) {
	all, err := decode(document)
	if err != nil {
		return directory.IdP{}, nil, err
	}
	chosen, err := choose(all, entity)
	if err != nil {
		return directory.IdP{}, nil, err
	}
	r := reader{now: now, idp: directory.IdP{EntityID: chosen.Attrs.get("entityID"), ValidUntil: chosen.until}}
	if err := r.read(&chosen.entityDescriptor); err != nil {
		return directory.IdP{}, nil, err
	}
	return r.idp, r.warnings, nil
}

func invalid(format string, args ...any) error {
	return directory.Errorf(directory.Invalid, "metadata", format, args...)
}

// choose returns the identity provider called entity, or the only one.
func choose(all []candidate, entity string) (candidate, error) {
	var names []string
	var found []candidate
	for _, c := range all {
		name := c.Attrs.get("entityID")
		names = append(names, name)
		if entity == "" || entity == name {
			found = append(found, c)
		}
	}
	const most = 5 // names that a message holds
	list := strings.Join(names[:min(most, len(names))], ", ")
	if len(names) > most {
		list += ", …"
	}
	switch {
	case len(all) == 0:
		return candidate{}, invalid("there is no IDPSSODescriptor: use the metadata of the identity provider, not of a service provider")
	case len(found) == 0:
		return candidate{}, invalid("is not of the entity %s but of %s", entity, list)
	case len(found) > 1 && entity == "":
		return candidate{}, invalid("holds %d identity providers: name one of %s as the entity", len(found), list)
	case len(found) > 1:
		return candidate{}, invalid("the entity %s is there %d times: use a document that tells of it once", entity, len(found))
	}
	return found[0], nil
}

// reader turns the statements of one identity provider into an IdP.
type reader struct {
	now      time.Time
	idp      directory.IdP
	warnings []string
}

func (r *reader) warn(format string, args ...any) {
	r.warnings = append(r.warnings, directory.Errorf(directory.Invalid, "", format, args...).Msg)
}

func (r *reader) read(e *entityDescriptor) error {
	if id := r.idp.EntityID; id == "" || len(id) > maxEntityID || strings.ContainsFunc(id, func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }) {
		return invalid("the entityID %q is not possible: it has 1 to %d characters and no spaces", id[:min(len(id), 100)], maxEntityID)
	}
	roles := slices.DeleteFunc(slices.Clone(e.Roles), func(d descriptor) bool {
		return !slices.Contains(strings.Fields(d.Attrs.get("protocolSupportEnumeration")), protocol)
	})
	if len(roles) != 1 {
		return invalid("the entity %s has %d IDPSSODescriptors for SAML 2.0: there must be exactly one", r.idp.EntityID, len(roles))
	}
	role := &roles[0]
	for _, attrs := range []attributes{e.Attrs, role.Attrs} {
		until, err := validUntil(attrs)
		if err != nil {
			return err
		}
		r.idp.ValidUntil = earlier(r.idp.ValidUntil, until)
	}
	if until := r.idp.ValidUntil; !until.IsZero() && !r.now.Before(until) {
		return invalid("was valid until %s: get it anew from the identity provider", until.UTC().Format(time.RFC3339))
	}
	if err := r.signIn(role); err != nil {
		return err
	}
	if err := r.logout(role); err != nil {
		return err
	}
	return r.certificates(role)
}

// validUntil returns zero where there is none.
func validUntil(attrs attributes) (time.Time, error) {
	s := attrs.get("validUntil")
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, invalid("validUntil %q is not a time such as 2030-01-31T00:00:00Z", s)
	}
	return t.UTC(), nil
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// signIn prefers HTTP-Redirect, which needs no script in the browser.
func (r *reader) signIn(role *descriptor) error {
	at, ok := bound(role.SignIn, bindingRedirect)
	if !ok {
		at, ok = bound(role.SignIn, bindingPost)
		r.idp.SignInPost = true
	}
	if !ok {
		return invalid("there is no SingleSignOnService by HTTP-Redirect or HTTP-POST: turn one on at the identity provider")
	}
	r.idp.SignInURL = at.Attrs.get("Location")
	return r.checkURL("SingleSignOnService", r.idp.SignInURL, readsSignIn)
}

func (r *reader) logout(role *descriptor) error {
	at, ok := bound(role.Logout, bindingRedirect)
	if !ok {
		if len(role.Logout) > 0 {
			r.warn("there is no SingleLogoutService by HTTP-Redirect: who signs out here stays signed in at the identity provider")
		}
		return nil
	}
	r.idp.LogoutURL, r.idp.AnswerURL = at.Attrs.get("Location"), at.Attrs.get("ResponseLocation")
	if err := r.checkURL("SingleLogoutService", r.idp.LogoutURL, readsLogout); err != nil {
		return err
	}
	if r.idp.AnswerURL == "" {
		return nil
	}
	return r.checkURL("SingleLogoutService", r.idp.AnswerURL, readsLogout)
}

func bound(list []endpoint, binding string) (endpoint, bool) {
	i := slices.IndexFunc(list, func(e endpoint) bool { return e.Attrs.get("Binding") == binding })
	if i < 0 {
		return endpoint{}, false
	}
	return list[i], true
}

// What whoever reads along on the way to a service without TLS can do.
const (
	readsSignIn = "can sign in as anybody"
	readsLogout = "sees who signs out"
)

func (r *reader) checkURL(service, location, risk string) error {
	if !directory.IsURL(location) {
		return invalid("the Location %q of %s is not possible: it must be an https URL, or http with an address of the inside such as 10.0.0.5",
			location[:min(len(location), 200)], service)
	}
	if strings.HasPrefix(location, "http:") {
		r.warn("%s goes to %s without TLS: whoever listens there %s", service, location, risk)
	}
	return nil
}
