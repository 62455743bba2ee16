package directory

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Connection is one IdP as we know it.
type Connection struct {
	Row     Row
	ID      ConnectionID
	Name    string // 1 to 64 characters of [a-z0-9_-]
	Preset  string
	Enabled bool              // a disabled connection refuses requests and logins and leaves accounts as they are
	Set     map[string]string // the settings that an administrator wrote; the others come from the preset or the default
	Created time.Time
	// Extensions changes whenever the connection's extension schemas do; zero while it never had any.
	Extensions int64
}

// The settings of a connection.
const (
	// ExternalIDImmutable (true, false) says that an externalId names the same person for ever, so that a removed identity
	// which is created again returns to its account.
	ExternalIDImmutable = "external_id_immutable"
	// RestoreMemberships (always, never, 30d) says whether a person who was inactive gets their groups back: always, never,
	// or if the absence was no longer than so many days.
	RestoreMemberships = "restore_memberships"
	// UsernameTemplate makes the username of a new account; see ExpandUsername.
	UsernameTemplate = "username_template"
	// BareToken (true, false) accepts a token that comes without the word Bearer.
	BareToken = "bare_token"
	// SilentAfter (24h, off) says how long nothing may be heard of the connection before that is an alarm.
	SilentAfter = "silent_after"
)

var settings = map[string]struct {
	value string
	check func(string) bool
	want  string
}{
	ExternalIDImmutable: {"false", isBool, "true or false"},
	RestoreMemberships:  {"30d", func(s string) bool { _, ok := restoreWindow(s); return ok }, "always, never or a number of days such as 30d"},
	UsernameTemplate:    {"{user_name_local}", checkTemplate, "a template of " + strings.Join(templateNames, ", ")},
	BareToken:           {"false", isBool, "true or false"},
	JWTIssuer:           {"", checkURL, wantURL},
	JWTAudience:         {"", checkText, "up to 200 characters without spaces"},
	JWTKeysURL:          {"", checkURL, wantURL},
	JWTSubjects:         {"", checkSubjects, "up to 20 client ids, a comma between them"},
	SilentAfter:         {"24h", func(s string) bool { _, ok := silentAfter(s); return ok }, "off, or a time from 5m to 365d such as 12h or 3d"},

	SAMLSubject:             {NameID, checkName, "nameid, or the exact Name of an attribute"},
	SAMLSubjectImmutable:    {"false", isBool, "true or false"},
	SAMLMeets:               {MeetsExternalID, checkMeets, "externalId, or an attribute such as nickName, or urn:…:User:employeeNumber"},
	FirstLogin:              {"off", func(s string) bool { return s == "off" || s == CreateAccount }, "off or create"},
	SAMLIdPInitiated:        {"false", isBool, "true or false"},
	SAMLForceAuthn:          {"false", isBool, "true or false"},
	SAMLAuthnContexts:       {"", checkURIs, "URIs such as urn:oasis:names:tc:SAML:2.0:ac:classes:X509, a comma between them"},
	SAMLEncrypted:           {"false", isBool, "true or false"},
	SAMLExpiredCertificates: {"true", isBool, "true or false"},

	SAMLEmail:     {"email", checkOptionalName, wantName},
	SAMLUserName:  {"userName", checkOptionalName, wantName},
	SAMLFirstName: {"firstName", checkOptionalName, wantName},
	SAMLLastName:  {"lastName", checkOptionalName, wantName},
	SAMLNickname:  {"nickname", checkOptionalName, wantName},
	SAMLPosition:  {"position", checkOptionalName, wantName},
	SAMLLocale:    {"locale", checkOptionalName, wantName},
}

const wantName = "the exact Name of an attribute, up to 500 characters"

const wantURL = "an https URL, or http with an address of the inside such as 10.0.0.5"

// claims are the attributes of Entra ID and AD FS.
var claims = map[string]string{
	SAMLEmail:     claim + "emailaddress",
	SAMLUserName:  claim + "name",
	SAMLFirstName: claim + "givenname",
	SAMLLastName:  claim + "surname",
}

const claim = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"

var (
	okta  = map[string]string{ExternalIDImmutable: "true", RestoreMemberships: "30d", BareToken: "true", SAMLSubject: "id"}
	entra = with(with(claims, RestoreMemberships, "always"), SAMLSubject, "http://schemas.microsoft.com/identity/claims/objectidentifier")
)

// with is settings and one more.
func with(settings map[string]string, key, value string) map[string]string {
	more := maps.Clone(settings)
	more[key] = value
	return more
}

var presets = map[string]map[string]string{
	"":               nil,
	"okta":           okta,
	"entra":          entra,
	"entra-objectid": with(entra, ExternalIDImmutable, "true"),
	"google":         nil,
	"adfs":           claims,
	"onelogin":       nil,
	"jumpcloud":      nil,
	"ping":           nil,
	"rippling":       nil,
	"keycloak":       nil,
}

// Presets lists the names of the presets.
func Presets() []string {
	names := slices.Sorted(maps.Keys(presets))
	return slices.DeleteFunc(names, func(s string) bool { return s == "" })
}

// Setting is one setting in force and where it comes from.
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"` // "default", "preset" or "set"
}

// Settings lists every setting, by key.
func (c *Connection) Settings() []Setting {
	var all []Setting
	for key, s := range settings {
		if v, ok := c.Set[key]; ok {
			all = append(all, Setting{key, v, "set"})
		} else if v, ok := presets[c.Preset][key]; ok {
			all = append(all, Setting{key, v, "preset"})
		} else {
			all = append(all, Setting{key, s.value, "default"})
		}
	}
	slices.SortFunc(all, func(a, b Setting) int { return cmp.Compare(a.Key, b.Key) })
	return all
}

// Setting returns the value in force of key.
func (c *Connection) Setting(key string) string {
	if v, ok := c.Set[key]; ok {
		return v
	}
	if v, ok := presets[c.Preset][key]; ok {
		return v
	}
	return settings[key].value
}

// Is reports whether the setting key, one of true and false, is true.
func (c *Connection) Is(key string) bool { return c.Setting(key) == "true" }

// Restores reports whether a person who was inactive since then gets their groups back now.
func (c *Connection) Restores(since, now time.Time) bool {
	window, _ := restoreWindow(c.Setting(RestoreMemberships))
	return window < 0 || now.Sub(since) <= window && window > 0
}

// restoreWindow returns -1 for always and 0 for never.
func restoreWindow(s string) (time.Duration, bool) {
	switch s {
	case "always":
		return -1, true
	case "never":
		return 0, true
	}
	days, err := strconv.Atoi(strings.TrimSuffix(s, "d"))
	return time.Duration(days) * 24 * time.Hour, err == nil && strings.HasSuffix(s, "d") && days > 0 && days <= 36500
}

func isBool(s string) bool { return s == "true" || s == "false" }

// Validate refuses what cannot be a connection. Errors: Invalid.
func (c *Connection) Validate() error {
	if !channelName.MatchString(c.Name) {
		return Errorf(Invalid, "name", "%q is not a connection name: use 1 to 64 characters of a-z, 0-9, - and _", c.Name)
	}
	if _, ok := presets[c.Preset]; !ok {
		return Errorf(Invalid, "preset", "there is no preset %q: use one of %s", c.Preset, strings.Join(Presets(), ", "))
	}
	for key, value := range c.Set {
		s, ok := settings[key]
		if key == "preset" {
			return Errorf(Invalid, key, "it is chosen when a connection is made: set its settings one by one, for entra-objectid %s=true", ExternalIDImmutable)
		}
		if !ok {
			return Errorf(Invalid, key, "there is no such setting: use one of %s", strings.Join(slices.Sorted(maps.Keys(settings)), ", "))
		}
		if !s.check(value) {
			return Errorf(Invalid, key, "%q is not possible: use %s", value, s.want)
		}
	}
	return c.checkIssuer()
}

// Token is a credential of a connection. Only the SHA-256 of it is kept.
type Token struct {
	Row        Row
	ID         TokenID
	Connection Row
	ConnName   string
	Hash       string // hexadecimal
	Created    time.Time
	Expires    time.Time // zero for never
	Revoked    time.Time // zero while it is not
}

// Valid reports whether the token opens anything at now.
func (t *Token) Valid(now time.Time) bool {
	return t.Revoked.IsZero() && (t.Expires.IsZero() || now.Before(t.Expires))
}

var templateNames = []string{"{user_name}", "{user_name_local}", "{external_id}", "{email_local}", "{first_name}", "{last_name}"}

func checkTemplate(s string) bool {
	rest := s
	for _, name := range templateNames {
		rest = strings.ReplaceAll(rest, name, "")
	}
	return rest != s && !strings.ContainsAny(rest, "{}")
}

// ExpandUsername makes the username that the connection's template gives for an identity; it may be taken.
func (c *Connection) ExpandUsername(i *Identity) string {
	local := func(s string) string { l, _, _ := strings.Cut(s, "@"); return l }
	values := [...]string{i.UserName, local(i.UserName), i.ExternalID, local(i.Profile.Email), i.Profile.FirstName, i.Profile.LastName}
	var text strings.Builder
	for rest := c.Setting(UsernameTemplate); rest != ""; { // from left to right, so that no value is taken for a part of the template
		literal, _, _ := strings.Cut(rest, "{")
		text.WriteString(literal)
		if rest = rest[len(literal):]; rest == "" {
			break
		}
		name := rest[:strings.IndexByte(rest, '}')+1] // the template was checked
		text.WriteString(values[slices.Index(templateNames, name)])
		rest = rest[len(name):]
	}
	return Username(text.String())
}
