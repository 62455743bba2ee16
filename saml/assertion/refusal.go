package assertion

import "strconv"

// Codes of a Refusal. They stand in the audit log, so a word keeps its meaning.
const (
	CodeTooLarge           = "too_large"            // the form field, or what is in it
	CodeEncoding           = "encoding"             // the form field is not base64, or a query not of the form that the binding has
	CodeXML                = "xml"                  // malformed, beyond a limit, or with what no message needs
	CodeMessage            = "message"              // another message than expected, or not in the form of the schema
	CodeStatus             = "status"               // the identity provider reports that it did not sign in
	CodeIssuer             = "issuer_mismatch"      // of another identity provider
	CodeDestination        = "destination_mismatch" // sent to another address
	CodeInResponseTo       = "in_response_to"       // answers another request, or none, or one when none was asked
	CodeAssertions         = "assertion_count"      // not exactly one assertion, in its place
	CodeUnsigned           = "unsigned"             // no signature covers it
	CodeSignature          = "signature"            // a signature that does not verify, or is not of the form that SAML has
	CodeSignatureAlgorithm = "signature_algorithm"  // an algorithm that is not accepted
	CodeCertificate        = "certificate"          // no certificate to verify with
	CodeEncrypted          = "encrypted"            // it could not be decrypted, for whatever reason
	CodeNotEncrypted       = "not_encrypted"        // the connection wants it encrypted
	CodeUnsupported        = "unsupported"          // EncryptedID, EncryptedAttribute, BaseID, unknown conditions
	CodeSubject            = "subject"              // none, or more than one
	CodeConfirmation       = "confirmation"         // no bearer confirmation, or not in its form
	CodeRecipient          = "recipient_mismatch"   // made for another address
	CodeConditions         = "conditions"           // none, or not in their form
	CodeAudience           = "audience_mismatch"    // made for somebody else
	CodeNotYet             = "not_yet_valid"
	CodeExpired            = "expired"
	CodeLifetime           = "lifetime"        // valid for longer than 24 hours
	CodeSessionEnded       = "session_ended"   // the session at the identity provider is over
	CodeAuthn              = "authn_statement" // not exactly one AuthnStatement, or not in its form
	CodeContext            = "authn_context"   // signed in by other means than the connection wants
	CodeAge                = "authn_too_old"   // signed in longer ago than was asked for
	CodeNameID             = "name_id"         // it recognises nobody for good
	CodeAttribute          = "attribute"       // missing, more than one, empty, or not fit to recognise somebody
)

// Refusal says why something proves nothing. It is the only kind of error of this package, but for those of SignQuery and
// SignEnveloped.
type Refusal struct {
	Code   string  // one of the constants above
	Detail string  // for the administrator: what was expected and what came. Never for the person who signs in
	Checks []Check // what was looked at, in that order; of Verify only. The last one is not OK
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }

// Check is one thing that Verify looked at.
type Check struct {
	Name   string
	OK     bool
	Detail string // of a refusal, or what was found
}

// refuse makes a refusal.
func refuse(code, detail string) *Refusal { return &Refusal{Code: code, Detail: detail} }

// quote shows a piece of a message to an administrator: at most 200 bytes of it, and no control characters.
func quote(s string) string {
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return strconv.Quote(s)
}
