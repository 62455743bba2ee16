package directory

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// The settings by which a connection takes tokens that its identity provider, or another issuer, made. All four are set, or none.
const (
	// JWTIssuer is the claim iss, an https URL, to the letter.
	JWTIssuer = "jwt_issuer"
	// JWTAudience is what the claim aud must hold: what we are called there.
	JWTAudience = "jwt_audience"
	// JWTKeysURL is where the issuer publishes its keys.
	JWTKeysURL = "jwt_jwks_url"
	// JWTSubjects are the programs that may come, a comma between them.
	JWTSubjects = "jwt_subjects"
)

// Issuer is whose tokens a connection takes.
type Issuer struct {
	Name     string
	Audience string
	KeysURL  string
	Subjects []string
}

// Issuer returns whose tokens the connection takes, and false when it takes none but ours.
func (c *Connection) Issuer() (Issuer, bool) {
	i := Issuer{Name: c.Setting(JWTIssuer), Audience: c.Setting(JWTAudience), KeysURL: c.Setting(JWTKeysURL), Subjects: splitList(c.Setting(JWTSubjects))}
	return i, i.Name != "" && i.Audience != "" && i.KeysURL != "" && len(i.Subjects) > 0
}

// checkIssuer refuses an issuer that is not whole: somebody would believe that its tokens are taken.
func (c *Connection) checkIssuer() error {
	var missing []string
	all := []string{JWTIssuer, JWTAudience, JWTKeysURL, JWTSubjects}
	for _, key := range all {
		if c.Setting(key) == "" {
			missing = append(missing, key)
		}
	}
	if n := len(missing); n > 0 && n < len(all) {
		return Errorf(Invalid, missing[0], "is missing: set %s in one command, or none of them", strings.Join(all, ", "))
	}
	return nil
}

const (
	maxURL      = 1000
	maxSubject  = 200
	maxSubjects = 20
)

func checkURL(s string) bool { return s == "" || IsURL(s) }

// IsURL reports whether s may be the URL of a peer: an https URL, or an http URL whose host is an address of the inside, such as
// 10.0.0.5, or localhost.
func IsURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || len(s) > maxURL || strings.ContainsFunc(s, unicode.IsSpace) {
		return false
	}
	a, err := netip.ParseAddr(u.Hostname())
	inside := err == nil && (a.IsLoopback() || a.IsPrivate()) || u.Hostname() == "localhost"
	return u.Scheme == "https" || u.Scheme == "http" && inside
}

func checkText(s string) bool {
	return len(s) <= maxSubject && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
}

func checkSubjects(s string) bool {
	list := splitList(s)
	return len(list) <= maxSubjects && !slices.ContainsFunc(list, func(s string) bool { return s == "" || !checkText(s) })
}

func splitList(s string) []string {
	if s == "" {
		return nil
	}
	list := strings.Split(s, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}
