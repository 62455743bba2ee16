package assertion

import (
	"time"
)

// MaxLogoutAge is how long after its IssueInstant a message of logout counts, skew not included.
const MaxLogoutAge = 10 * time.Minute

// LogoutRequest asks to end sessions of a person. It proves nothing by itself: the signature is that of the query it came in.
//
// SAML core, section 3.7.1.
type LogoutRequest struct {
	ID             string
	Issuer         string
	Destination    string
	NameID         NameID
	SessionIndexes []string // sessions to end; empty: all of this NameID
	IssueInstant   time.Time
	NotOnOrAfter   time.Time // zero if there is none
}

// LogoutResponse answers a LogoutRequest. SAML core, section 3.7.2.
type LogoutResponse struct {
	ID           string
	InResponseTo string // empty if it names none
	Issuer       string
	Destination  string
	Status       string // StatusSuccess, or what failed
	IssueInstant time.Time
}

// ParseLogoutRequest reads a LogoutRequest. Errors are refusals.
func ParseLogoutRequest(xml []byte) (LogoutRequest, error) {
	r, refusal := readLogoutRequest(xml)
	if refusal != nil {
		return LogoutRequest{}, refusal
	}
	return r, nil
}

func readLogoutRequest(xml []byte) (r LogoutRequest, refusal *Refusal) {
	n, refusal := readLogout(xml, "LogoutRequest")
	if refusal != nil {
		return r, refusal
	}
	r.Destination, _ = n.attr("Destination")
	if r.ID, refusal = header(n); refusal != nil {
		return r, refusal
	}
	if r.Issuer, refusal = issuer(n); refusal != nil {
		return r, refusal
	}
	var ok bool
	if r.IssueInstant, ok = instant(n, "IssueInstant"); !ok {
		return r, refuse(CodeMessage, n.local+" has no IssueInstant in UTC")
	}
	if _, has := n.attr("NotOnOrAfter"); has {
		if r.NotOnOrAfter, ok = instant(n, "NotOnOrAfter"); !ok {
			return r, refuse(CodeMessage, "NotOnOrAfter of LogoutRequest is no time in UTC")
		}
	}
	if r.NameID, refusal = readNameID(n); refusal != nil {
		return r, refusal
	}
	if r.NameID.Value == "" {
		return r, refuse(CodeSubject, "the LogoutRequest names nobody: it has no NameID")
	}
	for _, index := range n.children(nsProtocol, "SessionIndex") {
		text, ok := index.content()
		if !ok || text == "" {
			return r, refuse(CodeMessage, "a SessionIndex is empty or no text")
		}
		r.SessionIndexes = append(r.SessionIndexes, text)
	}
	return r, nil
}

// readLogout reads a message of logout, in which no assertion has a place.
func readLogout(xml []byte, local string) (*node, *Refusal) {
	message, refusal := readMessage(xml, local)
	if refusal != nil {
		return nil, refusal
	}
	if len(message.assertions) > 0 {
		return nil, refuse(CodeMessage, "in the "+local+" stands an assertion")
	}
	return message.root, nil
}

// Check tells whether the request is by issuer, was sent to destination, and counts at the time now. Errors are refusals.
func (r *LogoutRequest) Check(issuer, destination string, now time.Time) error {
	if refusal := checkLogout(r.Issuer, issuer, r.Destination, destination, r.IssueInstant, now); refusal != nil {
		return refusal
	}
	if !r.NotOnOrAfter.IsZero() && !now.Before(r.NotOnOrAfter.Add(Skew)) {
		return refuse(CodeExpired, "the LogoutRequest was valid until "+r.NotOnOrAfter.Format(time.RFC3339))
	}
	return nil
}

// ParseLogoutResponse reads a LogoutResponse. Errors are refusals.
func ParseLogoutResponse(xml []byte) (LogoutResponse, error) {
	r, refusal := readLogoutResponse(xml)
	if refusal != nil {
		return LogoutResponse{}, refusal
	}
	return r, nil
}

func readLogoutResponse(xml []byte) (r LogoutResponse, refusal *Refusal) {
	n, refusal := readLogout(xml, "LogoutResponse")
	if refusal != nil {
		return r, refusal
	}
	r.Destination, _ = n.attr("Destination")
	r.InResponseTo, _ = n.attr("InResponseTo")
	if r.ID, refusal = header(n); refusal != nil {
		return r, refusal
	}
	if r.Issuer, refusal = issuer(n); refusal != nil {
		return r, refusal
	}
	var ok bool
	if r.IssueInstant, ok = instant(n, "IssueInstant"); !ok {
		return r, refuse(CodeMessage, n.local+" has no IssueInstant in UTC")
	}
	status := n.only(nsProtocol, "Status")
	if status == nil {
		return r, refuse(CodeMessage, "the LogoutResponse has no Status")
	}
	r.Status, _, _ = readStatus(status)
	return r, nil
}

// Check tells whether the answer is by issuer, was sent to destination, and counts at the time now. That it answers a request of ours,
// and its status, are left to the caller. Errors are refusals.
func (r *LogoutResponse) Check(issuer, destination string, now time.Time) error {
	if refusal := checkLogout(r.Issuer, issuer, r.Destination, destination, r.IssueInstant, now); refusal != nil {
		return refusal
	}
	return nil
}

// checkLogout: what is signed must say where it was sent. SAML bindings, section 3.4.5.2.
func checkLogout(from, issuer, to, destination string, issued, now time.Time) *Refusal {
	switch {
	case from != issuer || from == "":
		return refuse(CodeIssuer, "the issuer is "+quote(from)+", expected "+quote(issuer))
	case to != destination || to == "":
		return refuse(CodeDestination, "the message was sent to "+quote(to)+", expected "+quote(destination))
	case issued.After(now.Add(Skew)):
		return refuse(CodeNotYet, "the message was issued "+issued.Format(time.RFC3339)+", which is ahead of our clock")
	case issued.Before(now.Add(-MaxLogoutAge - Skew)):
		return refuse(CodeExpired, "the message was issued "+issued.Format(time.RFC3339)+", which is too long ago")
	}
	return nil
}
