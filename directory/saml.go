package directory

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// IdP is what the identity provider of a connection says of itself, for SAML.
type IdP struct {
	Connection   Row
	EntityID     string
	SignInURL    string
	SignInPost   bool      // our request goes there by HTTP-POST; else by HTTP-Redirect
	LogoutURL    string    // takes our logout requests by HTTP-Redirect; empty for none
	AnswerURL    string    // takes our answers to its own; empty: LogoutURL does
	Certificates []string  // DER, base64: whose keys it signs with
	Source       string    // the URL that this came from; empty for a file
	ValidUntil   time.Time // zero for ever
	Updated      time.Time // when it was written
	Fetched      time.Time // when Source last answered as it should; zero for never
	Tried        time.Time // when Source was last asked
	Problem      string    // why it did not the last time; empty if it did
}

// SAMLKey is a key of ours for SAML. Of two, the first made signs and the other is published to follow it; what is encrypted for
// any of them can be read.
type SAMLKey struct {
	Row         Row
	ID          KeyID
	Private     string // PKCS #8, DER, in base64; a secret
	Certificate string // self-signed, DER, in base64
	Created     time.Time
}

// The settings of a connection for SAML.
const (
	// SAMLSubject says what the subject is: nameid, a NameID of the format persistent, or the exact Name of an attribute.
	SAMLSubject = "saml_subject"
	// SAMLSubjectImmutable (true, false) is an administrator's word that the subject names the same person for ever, where its
	// form does not say so: a NameID of another format, a value that looks like an e-mail or equals the userName.
	SAMLSubjectImmutable = "saml_subject_immutable"
	// SAMLMeets names what of a User the subject is compared with, byte for byte: externalId, or the path of an attribute.
	SAMLMeets = "saml_meets"
	// FirstLogin (off, create) says what a person whom SCIM did not push gets at the first login: nothing, or an account.
	FirstLogin = "first_login"
	// SAMLIdPInitiated (true, false) takes responses that nobody asked for.
	SAMLIdPInitiated = "saml_idp_initiated"
	// SAMLForceAuthn (true, false) makes people prove anew who they are, whatever session the identity provider has.
	SAMLForceAuthn = "saml_force_authn"
	// SAMLAuthnContexts are the ways to prove it that count, a comma between them; empty: any.
	SAMLAuthnContexts = "saml_authn_contexts"
	// SAMLEncrypted (true, false) refuses assertions that are not encrypted.
	SAMLEncrypted = "saml_encrypted"
	// SAMLExpiredCertificates (true, false) goes on trusting a certificate whose time has ended.
	SAMLExpiredCertificates = "saml_expired_certificates"
)

// The settings that name the attributes of a login from which a profile is made; empty for none.
const (
	SAMLEmail     = "saml_email"
	SAMLUserName  = "saml_user_name"
	SAMLFirstName = "saml_first_name"
	SAMLLastName  = "saml_last_name"
	SAMLNickname  = "saml_nickname"
	SAMLPosition  = "saml_position"
	SAMLLocale    = "saml_locale"
)

const (
	// NameID as the value of SAMLSubject means a NameID of the format persistent.
	NameID = "nameid"
	// MeetsExternalID as the value of SAMLMeets means the externalId.
	MeetsExternalID = "externalId"
	// CreateAccount as the value of FirstLogin lets a login make an account.
	CreateAccount = "create"
)

const (
	maxAttributeName = 500
	maxContexts      = 20
)

// AttributePath reads the name of an attribute of a User, such as nickName, name.familyName or
// urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber, into where it stands in a document; empty for what is none.
func AttributePath(name string) (path []string) {
	if !checkName(name) {
		return nil
	}
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		if !strings.HasPrefix(name, "urn:") {
			return nil
		}
		path, name = append(path, name[:i]), name[i+1:]
	}
	for part := range strings.SplitSeq(name, ".") {
		if !attributeName.MatchString(part) {
			return nil
		}
		path = append(path, part)
	}
	return path
}

// attributeName is RFC 7643, section 2.1.
var attributeName = regexp.MustCompile(`^[A-Za-z$][A-Za-z0-9_$-]*$`)

// checkName takes the name of an attribute of a login, which may be any text without control characters.
func checkName(s string) bool {
	return s != "" && len(s) <= maxAttributeName && strings.TrimSpace(s) == s && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func checkOptionalName(s string) bool { return s == "" || checkName(s) }

func checkURIs(s string) bool {
	list := splitList(s)
	return len(list) <= maxContexts && !slices.ContainsFunc(list, func(s string) bool { return !checkName(s) || !strings.Contains(s, ":") })
}

// checkMeets takes MeetsExternalID, to the letter, and names of other attributes.
func checkMeets(s string) bool {
	return s == MeetsExternalID || len(AttributePath(s)) > 0 && !strings.EqualFold(s, MeetsExternalID)
}

// AuthnContexts returns the ways to prove who one is that count for the connection; none: any does.
func (c *Connection) AuthnContexts() []string { return splitList(c.Setting(SAMLAuthnContexts)) }

// certificateWarnings are the days before the end of a certificate at which a warning is due; 0 tells of the end itself.
var certificateWarnings = []int{0, 1, 7, 30, 60}

// CertificateWarning returns the warning that is due at now for what ends then, in days before the end; due is false if there is
// none.
func CertificateWarning(until, now time.Time) (days int, due bool) {
	return nearest(certificateWarnings, until, now)
}
