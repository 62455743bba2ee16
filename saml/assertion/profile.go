package assertion

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// Skew is how far a clock of the identity provider may be off.
	Skew = 180 * time.Second
	// MaxLifetime is how long after its IssueInstant an assertion may still be accepted, skew not included.
	MaxLifetime = 24 * time.Hour

	methodBearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
)

// checkAssertion looks at what may stand in an assertion. SAML core, section 2.3.3.
func (v *verification) checkAssertion() (string, *Refusal) {
	id, refusal := header(v.assertion)
	if refusal != nil {
		return "", refusal
	}
	v.facts.ID = id
	if !v.assertion.blank() {
		return "", refuse(CodeMessage, "in the assertion stands text")
	}
	for _, n := range v.assertion.elements() {
		switch {
		case n.is(nsSignature, "Signature"):
		case n.space != nsAssertion:
			return "", refuse(CodeMessage, "in the assertion stands "+quote(n.local)+", which has no place there")
		case n.local == "Statement", n.local == "AuthzDecisionStatement":
			return "", refuse(CodeUnsupported, "the assertion holds "+n.local+", which is not understood")
		}
	}
	return id, nil
}

func (v *verification) checkIssuer() (string, *Refusal) { return v.issuerOf(v.assertion) }

// checkTimes looks at when the assertion was issued.
func (v *verification) checkTimes() (string, *Refusal) {
	issued, refusal := v.issued(v.assertion)
	v.facts.IssueInstant = issued
	return "issued " + issued.Format(time.RFC3339) + ", " + v.distance(issued), refusal
}

// issued returns the IssueInstant of n, which is neither in the future nor more than a day ago.
func (v *verification) issued(n *node) (time.Time, *Refusal) {
	issued, ok := instant(n, "IssueInstant")
	switch {
	case !ok:
		return issued, refuse(CodeMessage, n.local+" has no IssueInstant in UTC")
	case issued.After(v.now.Add(Skew)):
		return issued, refuse(CodeNotYet, n.local+" was issued "+v.distance(issued)+"; are the clocks right?")
	case issued.Before(v.now.Add(-MaxLifetime - Skew)):
		return issued, refuse(CodeExpired, n.local+" was issued "+v.distance(issued))
	}
	return issued, nil
}

// distance says how far t is from now.
func (v *verification) distance(t time.Time) string {
	if d := t.Sub(v.now).Round(time.Second); d > 0 {
		return d.String() + " ahead of our clock"
	}
	return v.now.Sub(t).Round(time.Second).String() + " ago by our clock"
}

// instant reads an attribute that is a time. SAML core, section 1.3.3.
func instant(n *node, name string) (time.Time, bool) {
	value, ok := n.attr(name)
	var t time.Time
	// UnmarshalText takes RFC 3339 by the letter, time.Parse more than that.
	if !ok || !strings.HasSuffix(value, "Z") || t.UnmarshalText([]byte(value)) != nil {
		return time.Time{}, false
	}
	return t, true
}

// until reads a NotOnOrAfter, and holds it against now and, for an assertion, against MaxLifetime. Absent is a zero time.
func (v *verification) until(n *node, name string) (time.Time, *Refusal) {
	if _, ok := n.attr(name); !ok {
		return time.Time{}, nil
	}
	end, ok := instant(n, name)
	switch {
	case !ok:
		return end, refuse(CodeConditions, name+" of "+n.local+" is no time in UTC")
	case !v.now.Before(end.Add(Skew)):
		return end, refuse(CodeExpired, n.local+" was valid until "+end.Format(time.RFC3339)+", "+v.distance(end))
	case end.After(v.facts.IssueInstant.Add(MaxLifetime)):
		return end, refuse(CodeLifetime, n.local+" is valid for "+end.Sub(v.facts.IssueInstant).String()+" from when it was issued, more than "+MaxLifetime.String())
	}
	return end, nil
}

// checkSubject reads the NameID. SAML core, section 2.4.
func (v *verification) checkSubject() (string, *Refusal) {
	subject := v.assertion.only(nsAssertion, "Subject")
	if subject == nil {
		return "", refuse(CodeSubject, "the assertion has not exactly one Subject")
	}
	id, refusal := readNameID(subject)
	if refusal != nil {
		return "", refusal
	}
	v.facts.NameID = id
	if id == (NameID{}) {
		return "no NameID", nil
	}
	return "NameID of format " + quote(id.Format), nil
}

// readNameID returns the NameID in n, a zero one if there is none.
func readNameID(n *node) (id NameID, refusal *Refusal) {
	for _, local := range []string{"EncryptedID", "BaseID"} {
		if len(n.children(nsAssertion, local)) > 0 {
			return id, refuse(CodeUnsupported, n.local+" has an "+local+", which is not supported: please let the identity provider send a NameID")
		}
	}
	all := n.children(nsAssertion, "NameID")
	if len(all) == 0 {
		return id, nil
	}
	if len(all) > 1 {
		return id, refuse(CodeSubject, n.local+" has more than one NameID")
	}
	var ok bool
	if id.Value, ok = all[0].content(); !ok {
		return id, refuse(CodeSubject, "the NameID is no text")
	}
	id.Format, _ = all[0].attr("Format")
	id.NameQualifier, _ = all[0].attr("NameQualifier")
	id.SPNameQualifier, _ = all[0].attr("SPNameQualifier")
	return id, nil
}

// checkConfirmation looks for a bearer confirmation that is right in all its parts. Others may stand beside it. Expires becomes the
// latest end of any of them, so that nobody comes back with the same assertion by way of another one.
//
// SAML profiles, sections 3.3. and 4.1.4.2.
func (v *verification) checkConfirmation() (string, *Refusal) {
	var refusal *Refusal
	confirmed := false
	for _, n := range v.assertion.only(nsAssertion, "Subject").children(nsAssertion, "SubjectConfirmation") {
		if method, _ := n.attr("Method"); method != methodBearer {
			continue
		}
		end, why := v.confirms(n)
		if end.After(v.facts.Expires) {
			v.facts.Expires = end
		}
		confirmed = confirmed || why == nil
		if refusal == nil {
			refusal = why
		}
	}
	switch {
	case confirmed:
		v.facts.Expires = v.facts.Expires.Add(Skew)
		return "until " + v.facts.Expires.Format(time.RFC3339), nil
	case refusal == nil:
		refusal = refuse(CodeConfirmation, "the subject has no SubjectConfirmation of method bearer")
	}
	return "", refusal
}

// confirms judges one bearer confirmation, and returns its NotOnOrAfter if it has one. Its Address is not looked at: Shibboleth always
// sends the one that it saw, and behind a proxy, or with both IPv4 and IPv6, it is rightly another one than we see.
func (v *verification) confirms(n *node) (time.Time, *Refusal) {
	data := n.only(nsAssertion, "SubjectConfirmationData")
	if data == nil {
		return time.Time{}, refuse(CodeConfirmation, "the bearer confirmation has no SubjectConfirmationData")
	}
	end, refusal := v.until(data, "NotOnOrAfter")
	if _, ok := data.attr("NotBefore"); ok && refusal == nil {
		refusal = refuse(CodeConfirmation, "the bearer confirmation has a NotBefore, which the profile forbids")
	}
	if end.IsZero() && refusal == nil {
		refusal = refuse(CodeConfirmation, "the bearer confirmation has no NotOnOrAfter")
	}
	if got, _ := data.attr("Recipient"); refusal == nil && (got != v.Recipient || got == "") {
		refusal = refuse(CodeRecipient, "the assertion was made for the recipient "+quote(got)+", expected "+quote(v.Recipient))
	}
	if refusal == nil {
		refusal = v.answers(data)
	}
	return end, refusal
}

// checkConditions refuses whatever condition it does not know. SAML core, section 2.5.
func (v *verification) checkConditions() (string, *Refusal) {
	conditions := v.assertion.only(nsAssertion, "Conditions")
	if conditions == nil {
		return "", refuse(CodeConditions, "the assertion has not exactly one Conditions")
	}
	if _, ok := conditions.attr("NotBefore"); ok {
		begin, ok := instant(conditions, "NotBefore")
		switch {
		case !ok:
			return "", refuse(CodeConditions, "NotBefore of Conditions is no time in UTC")
		case begin.After(v.now.Add(Skew)):
			return "", refuse(CodeNotYet, "the assertion is valid from "+begin.Format(time.RFC3339)+", "+v.distance(begin)+"; are the clocks right?")
		}
	}
	end, refusal := v.until(conditions, "NotOnOrAfter")
	if refusal != nil {
		return "", refusal
	}
	if !end.IsZero() && end.Add(Skew).Before(v.facts.Expires) {
		v.facts.Expires = end.Add(Skew)
	}
	restricted := false
	for _, n := range conditions.elements() {
		switch {
		case n.is(nsAssertion, "AudienceRestriction"):
			if refusal := v.checkAudience(n); refusal != nil {
				return "", refusal
			}
			restricted = true
		case n.is(nsAssertion, "OneTimeUse"), n.is(nsAssertion, "ProxyRestriction"): // once is all that it is ever used
		default:
			return "", refuse(CodeUnsupported, "the condition "+quote(n.local)+" is not understood")
		}
	}
	if !restricted {
		return "", refuse(CodeAudience, "the assertion says for nobody that it is made for him: it has no AudienceRestriction")
	}
	return v.Audience, nil
}

// checkAudience: one Audience of each restriction must be ours. SAML core, section 2.5.1.4.
func (v *verification) checkAudience(n *node) *Refusal {
	var all []string
	for _, audience := range n.children(nsAssertion, "Audience") {
		text, ok := audience.content()
		if text = strings.Trim(text, " \t\r\n"); ok && text == v.Audience && text != "" {
			return nil
		}
		all = append(all, quote(text))
	}
	return refuse(CodeAudience, "the assertion was made for the audience "+strings.Join(all[:min(len(all), 5)], " or ")+", expected "+quote(v.Audience))
}

// checkAuthn reads how and when the person signed in. SAML core, section 2.7.2.
func (v *verification) checkAuthn() (string, *Refusal) {
	n := v.assertion.only(nsAssertion, "AuthnStatement")
	if n == nil {
		return "", refuse(CodeAuthn, "the assertion has not exactly one AuthnStatement")
	}
	at, ok := instant(n, "AuthnInstant")
	switch {
	case !ok:
		return "", refuse(CodeAuthn, "the AuthnStatement has no AuthnInstant in UTC")
	case at.After(v.now.Add(Skew)):
		return "", refuse(CodeNotYet, "the sign-in was "+v.distance(at)+"; are the clocks right?")
	case v.MaxAge > 0 && v.now.Sub(at) > v.MaxAge+Skew:
		return "", refuse(CodeAge, "the sign-in was "+v.distance(at)+", and at most "+v.MaxAge.String()+" was asked for")
	}
	v.facts.AuthnInstant = at
	v.facts.SessionIndex, _ = n.attr("SessionIndex")
	if _, ok := n.attr("SessionNotOnOrAfter"); ok {
		end, ok := instant(n, "SessionNotOnOrAfter")
		switch {
		case !ok:
			return "", refuse(CodeAuthn, "SessionNotOnOrAfter is no time in UTC")
		case !v.now.Before(end.Add(Skew)):
			return "", refuse(CodeSessionEnded, "the session at the identity provider ended "+v.distance(end))
		}
		v.facts.SessionEnds = end
	}
	return v.checkContext(n)
}

// checkContext reads the AuthnContextClassRef. SAML core, section 2.7.2.2.
func (v *verification) checkContext(statement *node) (string, *Refusal) {
	context := statement.only(nsAssertion, "AuthnContext")
	if context == nil {
		return "", refuse(CodeAuthn, "the AuthnStatement has not exactly one AuthnContext")
	}
	if all := context.children(nsAssertion, "AuthnContextClassRef"); len(all) == 1 {
		text, ok := all[0].content()
		if !ok {
			return "", refuse(CodeAuthn, "the AuthnContextClassRef is no text")
		}
		v.facts.Context = strings.Trim(text, " \t\r\n")
	} else if len(all) > 1 {
		return "", refuse(CodeAuthn, "the AuthnContext has more than one AuthnContextClassRef")
	}
	if len(v.Contexts) > 0 && !slices.Contains(v.Contexts, v.facts.Context) {
		return "", refuse(CodeContext, "the sign-in was by "+quote(v.facts.Context)+", expected "+strings.Join(v.Contexts, " or "))
	}
	return "by " + quote(v.facts.Context) + ", " + v.distance(v.facts.AuthnInstant), nil
}

// checkAttributes reads all attributes, in the order of the assertion.
func (v *verification) checkAttributes() (string, *Refusal) {
	for _, statement := range v.assertion.children(nsAssertion, "AttributeStatement") {
		for _, n := range statement.elements() {
			if n.is(nsAssertion, "EncryptedAttribute") {
				return "", refuse(CodeUnsupported, "an attribute is encrypted by itself, which is not supported: please encrypt the whole assertion")
			}
			name, _ := n.attr("Name")
			if !n.is(nsAssertion, "Attribute") || name == "" {
				return "", refuse(CodeMessage, "in the AttributeStatement stands something else than attributes with names")
			}
			a := Attribute{Name: name}
			a.FriendlyName, _ = n.attr("FriendlyName")
			a.Format, _ = n.attr("NameFormat")
			for value := n.first; value != nil; value = value.next {
				if value.is(nsAssertion, "AttributeValue") {
					text, _ := value.content()
					a.Values = append(a.Values, text)
				}
			}
			v.facts.Attributes = append(v.facts.Attributes, a)
		}
	}
	return strconv.Itoa(len(v.facts.Attributes)), nil
}
