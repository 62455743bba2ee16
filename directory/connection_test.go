package directory_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

func TestConnection_tells_each_setting_and_where_it_comes_from(t *testing.T) {
	for name, c := range map[string]struct {
		conn directory.Connection
		want []directory.Setting
	}{
		"without preset": {
			directory.Connection{},
			[]directory.Setting{{"bare_token", "false", "default"}, {"external_id_immutable", "false", "default"}, {"restore_memberships", "30d", "default"}, {"silent_after", "24h", "default"}, {"username_template", "{user_name_local}", "default"}},
		},
		"of Okta": {
			directory.Connection{Preset: "okta"},
			[]directory.Setting{{"bare_token", "true", "preset"}, {"external_id_immutable", "true", "preset"}, {"restore_memberships", "30d", "preset"}, {"silent_after", "24h", "default"}, {"username_template", "{user_name_local}", "default"}},
		},
		"of Entra": {
			directory.Connection{Preset: "entra"},
			[]directory.Setting{{"bare_token", "false", "default"}, {"external_id_immutable", "false", "default"}, {"restore_memberships", "always", "preset"}, {"silent_after", "24h", "default"}, {"username_template", "{user_name_local}", "default"}},
		},
		"of Entra with object ids": {
			directory.Connection{Preset: "entra-objectid"},
			[]directory.Setting{{"bare_token", "false", "default"}, {"external_id_immutable", "true", "preset"}, {"restore_memberships", "always", "preset"}, {"silent_after", "24h", "default"}, {"username_template", "{user_name_local}", "default"}},
		},
		"that an administrator wrote": {
			directory.Connection{Preset: "okta", Set: map[string]string{"restore_memberships": "never"}},
			[]directory.Setting{{"bare_token", "true", "preset"}, {"external_id_immutable", "true", "preset"}, {"restore_memberships", "never", "set"}, {"silent_after", "24h", "default"}, {"username_template", "{user_name_local}", "default"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.conn.Settings()
			got = slices.DeleteFunc(got, func(s directory.Setting) bool {
				return strings.HasPrefix(s.Key, "jwt_") && s.Origin == "default" || strings.HasPrefix(s.Key, "saml_") || s.Key == directory.FirstLogin
			})
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v", got)
			}
			for _, s := range c.want {
				if got := c.conn.Setting(s.Key); got != s.Value {
					t.Errorf("Setting(%s) = %s", s.Key, got)
				}
			}
		})
	}
}

func TestConnection_that_is_none_is_refused(t *testing.T) {
	for name, c := range map[string]struct {
		conn directory.Connection
		want string
	}{
		"a name in capitals": {directory.Connection{Name: "Okta"}, `name: "Okta" is not a connection name: use 1 to 64 characters of a-z, 0-9, - and _`},
		"no such preset":     {directory.Connection{Name: "a", Preset: "acme"}, `preset: there is no preset "acme": use one of adfs, entra, entra-objectid, google, jumpcloud, keycloak, okta, onelogin, ping, rippling`},
		"no such setting":    {directory.Connection{Name: "a", Set: map[string]string{"x": "1"}}, `x: there is no such setting: use one of bare_token, external_id_immutable, first_login, jwt_audience, jwt_issuer, jwt_jwks_url, jwt_subjects, restore_memberships, saml_authn_contexts, saml_email, saml_encrypted, saml_expired_certificates, saml_first_name, saml_force_authn, saml_idp_initiated, saml_last_name, saml_locale, saml_meets, saml_nickname, saml_position, saml_subject, saml_subject_immutable, saml_user_name, silent_after, username_template`},
		"neither true nor false": {
			directory.Connection{Name: "a", Set: map[string]string{"bare_token": "yes"}}, `bare_token: "yes" is not possible: use true or false`,
		},
		"an age without unit": {
			directory.Connection{Name: "a", Set: map[string]string{"restore_memberships": "30"}}, `restore_memberships: "30" is not possible: use always, never or a number of days such as 30d`,
		},
		"no days at all": {
			directory.Connection{Name: "a", Set: map[string]string{"restore_memberships": "0d"}}, `restore_memberships: "0d" is not possible: use always, never or a number of days such as 30d`,
		},
		"an externalId in another spelling": {
			directory.Connection{Name: "a", Set: map[string]string{"saml_meets": "externalid"}},
			`saml_meets: "externalid" is not possible: use externalId, or an attribute such as nickName, or urn:…:User:employeeNumber`,
		},
		"a way to prove it that is no URI": {
			directory.Connection{Name: "a", Set: map[string]string{"saml_authn_contexts": "X509"}},
			`saml_authn_contexts: "X509" is not possible: use URIs such as urn:oasis:names:tc:SAML:2.0:ac:classes:X509, a comma between them`,
		},
		"a silence of a minute": {
			directory.Connection{Name: "a", Set: map[string]string{"silent_after": "1m"}}, `silent_after: "1m" is not possible: use off, or a time from 5m to 365d such as 12h or 3d`,
		},
		"a template with an unknown name": {
			directory.Connection{Name: "a", Set: map[string]string{"username_template": "{name}"}},
			`username_template: "{name}" is not possible: use a template of {user_name}, {user_name_local}, {external_id}, {email_local}, {first_name}, {last_name}`,
		},
		"a template that is the same for all": {
			directory.Connection{Name: "a", Set: map[string]string{"username_template": "user"}},
			`username_template: "user" is not possible: use a template of {user_name}, {user_name_local}, {external_id}, {email_local}, {first_name}, {last_name}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.conn.Validate(); err == nil || err.Error() != c.want {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestConnection_restores_groups_as_it_is_set(t *testing.T) {
	left := time.UnixMilli(1_700_000_000_000)
	for name, c := range map[string]struct {
		setting string
		after   time.Duration
		want    bool
	}{
		"always, after years":        {"always", 10 * 365 * 24 * time.Hour, true},
		"never, at once":             {"never", 0, false},
		"30 days, at once":           {"30d", 0, true},
		"30 days, to the day":        {"30d", 30 * 24 * time.Hour, true},
		"30 days, a moment too late": {"30d", 30*24*time.Hour + time.Millisecond, false},
		"a hundred years":            {"36500d", 99 * 365 * 24 * time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			conn := directory.Connection{Name: "a", Set: map[string]string{"restore_memberships": c.setting}}
			if err := conn.Validate(); err != nil {
				t.Fatal(err)
			}
			if got := conn.Restores(left, left.Add(c.after)); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestConnection_makes_usernames_from_its_template(t *testing.T) {
	i := &directory.Identity{
		UserName: "Jo.Smith@x.test", ExternalID: "00u1", Profile: directory.Profile{Email: "js@y.test", FirstName: "Jo", LastName: "{user_name}"},
	}
	for template, want := range map[string]string{
		"{user_name_local}": "jo.smith", "{user_name}": "jo.smith-x.test", "{external_id}": "00u1", "{email_local}": "js",
		"{first_name}.{last_name}": "jo.-user_name", "x-{first_name}": "x-jo",
	} {
		conn := directory.Connection{Set: map[string]string{"username_template": template}}
		if got := conn.ExpandUsername(i); got != want {
			t.Errorf("%s gives %q, want %q", template, got, want)
		}
	}
}

func TestToken_opens_until_it_expires_or_is_revoked(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	for name, c := range map[string]struct {
		token directory.Token
		want  bool
	}{
		"for ever":              {directory.Token{}, true},
		"before it expires":     {directory.Token{Expires: now.Add(time.Millisecond)}, true},
		"when it expires":       {directory.Token{Expires: now}, false},
		"revoked":               {directory.Token{Revoked: now}, false},
		"revoked in the future": {directory.Token{Revoked: now.Add(time.Hour)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.token.Valid(now); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestQuery_knows_what_an_index_answers(t *testing.T) {
	eq := func(c directory.Column) directory.Cond {
		return directory.Compare{Field: directory.Field{Column: c}, Op: directory.Eq, Value: "x"}
	}
	for name, c := range map[string]struct {
		where directory.Cond
		want  bool
	}{
		"all":                    {nil, true},
		"an equal userName":      {eq(directory.UserName), true},
		"an equal member":        {eq(directory.Members), true},
		"an equal attribute":     {eq(directory.InSearch), false},
		"active":                 {eq(directory.Active), false},
		"a part of the userName": {directory.Compare{Field: directory.Field{Column: directory.UserName}, Op: directory.Sw, Value: "x"}, false},
		"one and the other":      {directory.And{eq(directory.InSearch), eq(directory.ID)}, true},
		"one or the other":       {directory.Or{eq(directory.UserName), eq(directory.ID)}, false},
		"not an equal userName":  {directory.Not{X: eq(directory.UserName)}, false},
		"a nested and":           {directory.And{eq(directory.InSearch), directory.And{eq(directory.ID)}}, false},
		"always":                 {directory.And{}, true},
		"never":                  {directory.Or{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (directory.Query{Where: c.where}).Indexed(); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
	for name, c := range map[string]struct {
		where directory.Cond
		by    directory.Column
		want  bool
	}{
		"all by userName":                {nil, directory.UserName, true},
		"all by displayName":             {nil, directory.DisplayName, true},
		"all by an attribute":            {nil, directory.InSearch, false},
		"all by externalId":              {nil, directory.ExternalID, false},
		"always by an attribute":         {directory.And{}, directory.InSearch, false},
		"never by an attribute":          {directory.Or{}, directory.InSearch, true},
		"one userName by an attribute":   {eq(directory.UserName), directory.InSearch, true},
		"an equal attribute by userName": {eq(directory.InSearch), directory.UserName, false},
	} {
		t.Run(name, func(t *testing.T) {
			q := directory.Query{Where: c.where, Sort: &directory.Sort{Field: directory.Field{Column: c.by}}}
			if got := q.Indexed(); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestError_names_its_field_and_kind(t *testing.T) {
	e := directory.Errorf(directory.Conflict, "userName", "%q is taken", "jo")
	if e.Error() != `userName: "jo" is taken` || e.Kind.String() != "conflict" {
		t.Errorf("%s, %s", e, e.Kind)
	}
	if got := directory.Errorf(directory.Full, "", "the disk is full").Error(); got != "the disk is full" {
		t.Error(got)
	}
	if got := directory.Kind(99).String(); got != "kind 99" {
		t.Error(got)
	}
}

func TestConnection_presets_say_by_what_people_sign_in(t *testing.T) {
	const objectID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
	for preset, want := range map[string][2]string{
		"": {"nameid", "email"}, "okta": {"id", "email"}, "keycloak": {"nameid", "email"}, "google": {"nameid", "email"},
		"entra":          {objectID, "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"},
		"entra-objectid": {objectID, "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"},
		"adfs":           {"nameid", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"},
	} {
		conn := directory.Connection{Preset: preset}
		if got := [2]string{conn.Setting(directory.SAMLSubject), conn.Setting(directory.SAMLEmail)}; got != want {
			t.Errorf("%q: %v, want %v", preset, got, want)
		}
	}
}

func TestAttributePath(t *testing.T) {
	for name, want := range map[string][]string{
		"externalId": {"externalId"}, "name.familyName": {"name", "familyName"},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber": {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "employeeNumber"},
		"": nil, "a b": nil, "a..b": nil, `a"b`: nil, "x:y": nil, "urn:a:": nil, "1a": nil,
	} {
		if got := directory.AttributePath(name); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
