package assertion

import "time"

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

// ParseLogoutRequest reads a LogoutRequest. Errors are refusals.
func ParseLogoutRequest(xml []byte) (LogoutRequest, error) {
	r, refusal := readLogoutRequest(xml)
	if refusal != nil {
		return LogoutRequest{}, refusal
	}
	return r, nil
}

func readLogoutRequest(xml []byte) (r LogoutRequest, refusal *Refusal) {
	message, refusal := readMessage(xml, "LogoutRequest")
	if refusal != nil {
		return r, refusal
	}
	if len(message.assertions) > 0 {
		return r, refuse(CodeMessage, "in the LogoutRequest stands an assertion")
	}
	n := message.root
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

// Check tells whether the request is by issuer, was sent to destination, and counts at the time now. What is signed must say where it
// was sent. Errors are refusals.
//
// SAML bindings, section 3.4.5.2.
func (r *LogoutRequest) Check(issuer, destination string, now time.Time) error {
	switch {
	case r.Issuer != issuer || r.Issuer == "":
		return refuse(CodeIssuer, "the issuer is "+quote(r.Issuer)+", expected "+quote(issuer))
	case r.Destination != destination || r.Destination == "":
		return refuse(CodeDestination, "the message was sent to "+quote(r.Destination)+", expected "+quote(destination))
	case r.IssueInstant.After(now.Add(Skew)):
		return refuse(CodeNotYet, "the message was issued "+r.IssueInstant.Format(time.RFC3339)+", which is ahead of our clock")
	case r.IssueInstant.Before(now.Add(-MaxLogoutAge - Skew)):
		return refuse(CodeExpired, "the message was issued "+r.IssueInstant.Format(time.RFC3339)+", which is too long ago")
	case !r.NotOnOrAfter.IsZero() && !now.Before(r.NotOnOrAfter.Add(Skew)):
		return refuse(CodeExpired, "the LogoutRequest was valid until "+r.NotOnOrAfter.Format(time.RFC3339))
	}
	return nil
}
