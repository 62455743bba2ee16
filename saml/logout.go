package saml

import (
	"context"
	"encoding/xml"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/saml/assertion"
	"github.com/rollcall-id/rollcall/saml/metadata"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/web"
)

// maxRelay is how long a RelayState of an identity provider may be that we hand back. SAML bindings, section 3.4.3. allows 80.
const maxRelay = 1 << 10

type (
	logoutRequest struct {
		XMLName     xml.Name `xml:"samlp:LogoutRequest"`
		Protocol    string   `xml:"xmlns:samlp,attr"`
		Assertion   string   `xml:"xmlns:saml,attr"`
		ID          string   `xml:"ID,attr"`
		Version     string   `xml:"Version,attr"`
		Issued      string   `xml:"IssueInstant,attr"`
		Ends        string   `xml:"NotOnOrAfter,attr"`
		Destination string   `xml:"Destination,attr"`
		Issuer      string   `xml:"saml:Issuer"`
		NameID      nameID   `xml:"saml:NameID"`
		Index       string   `xml:"samlp:SessionIndex,omitempty"`
	}
	nameID struct {
		Format      string `xml:"Format,attr,omitempty"`
		Qualifier   string `xml:"NameQualifier,attr,omitempty"`
		SPQualifier string `xml:"SPNameQualifier,attr,omitempty"`
		Value       string `xml:",chardata"`
	}
	logoutResponse struct {
		XMLName     xml.Name `xml:"samlp:LogoutResponse"`
		Protocol    string   `xml:"xmlns:samlp,attr"`
		Assertion   string   `xml:"xmlns:saml,attr"`
		ID          string   `xml:"ID,attr"`
		Version     string   `xml:"Version,attr"`
		Issued      string   `xml:"IssueInstant,attr"`
		Destination string   `xml:"Destination,attr"`
		InResponse  string   `xml:"InResponseTo,attr"`
		Issuer      string   `xml:"saml:Issuer"`
		Status      struct {
			Code struct {
				Value string `xml:"Value,attr"`
			} `xml:"samlp:StatusCode"`
		} `xml:"samlp:Status"`
	}
)

// SignOut returns where a browser goes whose session ended here, so that it ends at the identity provider too; empty where that is
// not possible. base is what the browser calls us.
//
// SAML profiles, section 4.4.3.1.
func (d *Door) SignOut(ctx context.Context, base string, s *directory.Session) (string, error) {
	if s.Identity == 0 || s.Name.Value == "" {
		return "", nil
	}
	var (
		conn directory.Connection
		idp  directory.IdP
	)
	err := d.DB.View(ctx, func(tx *store.Tx) error {
		i, err := tx.IdentityAt(s.Identity)
		if err != nil {
			return err
		}
		if conn, err = tx.ConnectionAt(i.Connection); err != nil {
			return err
		}
		idp, err = tx.IdP(conn.Row)
		return err
	})
	if directory.Is(err, directory.NotFound) || err == nil && idp.LogoutURL == "" {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	keys, err := d.ourKeys(ctx, web.RequestID(ctx))
	if err != nil {
		return "", err
	}
	message, err := xml.Marshal(&logoutRequest{
		Protocol: nsProtocol, Assertion: nsAssertion, ID: messageID(), Version: "2.0", Issued: d.stamp(),
		Ends: d.DB.Now().UTC().Add(directory.LoginLife).Format(instant), Destination: idp.LogoutURL, Issuer: metadata.At(base, conn.Name).EntityID, Index: s.Name.Index,
		NameID: nameID{Format: s.Name.Format, Qualifier: s.Name.Qualifier, SPQualifier: s.Name.SPQualifier, Value: s.Name.Value},
	})
	if err != nil {
		return "", err
	}
	query, err := assertion.SignQuery("SAMLRequest", message, "", keys.private[0])
	return join(idp.LogoutURL, query), err
}

// logout takes what an identity provider says of the end of a session: that we shall end it, or that it did as we asked.
//
// SAML profiles, section 4.4.3.
func (d *Door) logout(x *exchange) error {
	err := d.takeLogout(x)
	if e := because(err); e != nil {
		return d.refuse(x, e)
	}
	return err
}

func (d *Door) takeLogout(x *exchange) error {
	if len(x.URL.RawQuery) == 0 {
		return badRequest("a logout comes with SAMLRequest or SAMLResponse")
	}
	query, err := assertion.ParseQuery(x.URL.RawQuery)
	if err != nil {
		return err
	}
	if query.Kind == "SAMLResponse" { // our session ended before we asked: nothing depends on what it says, so it need not be signed
		return redirect(x, "/login?signed_out=1")
	}
	certs, err := d.keys.trusted(&x.idp)
	if err != nil {
		return err
	}
	if query, err = assertion.VerifyQuery(x.URL.RawQuery, certs); err != nil {
		return err
	}
	now := d.DB.Now()
	request, err := assertion.ParseLogoutRequest(query.XML)
	if err != nil {
		return err
	}
	if err := request.Check(x.idp.EntityID, x.ours.Logout, now); err != nil {
		return err
	}
	name := directory.LogoutName{
		Value: request.NameID.Value, Format: request.NameID.Format, Qualifier: request.NameID.NameQualifier, SPQualifier: request.NameID.SPNameQualifier,
	}
	_, err = d.Provision.EndNamedSessions(x.Context(), x.actor(), request.ID, now.Add(replayTime), name, request.SessionIndexes)
	if directory.Is(err, directory.Conflict) {
		return &refused{codeReplay, "the logout request was used before"}
	}
	if err != nil {
		return err
	}
	if d.cookies.Get(x.Request, login.SessionCookie) != "" {
		if _, err := d.Login.Person(x.Request, d.cookies); directory.Is(err, directory.Unauthenticated) {
			d.cookies.Set(x.w, login.SessionCookie, "")
		}
	}
	return d.answerLogout(x, request.ID, query.RelayState)
}

// replayTime is how long a logout request is remembered: longer than Check takes one.
const replayTime = 2 * directory.LoginLife

// answerLogout tells the identity provider that its logout was done.
func (d *Door) answerLogout(x *exchange, id, relay string) error {
	to := x.idp.AnswerURL
	if to == "" {
		to = x.idp.LogoutURL
	}
	if to == "" {
		return redirect(x, "/login?signed_out=1")
	}
	keys, err := d.ourKeys(x.Context(), x.actor().Request)
	if err != nil {
		return err
	}
	answer := logoutResponse{
		Protocol: nsProtocol, Assertion: nsAssertion, ID: messageID(), Version: "2.0", Issued: d.stamp(), Destination: to, InResponse: id, Issuer: x.ours.EntityID,
	}
	answer.Status.Code.Value = assertion.StatusSuccess
	message, err := xml.Marshal(&answer)
	if err != nil {
		return err
	}
	if len(relay) > maxRelay {
		relay = ""
	}
	query, err := assertion.SignQuery("SAMLResponse", message, relay, keys.private[0])
	if err != nil {
		return err
	}
	return redirect(x, join(to, query))
}
