package directory_test

import (
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
)

func TestIssuer_is_on_when_it_is_whole(t *testing.T) {
	whole := map[string]string{
		directory.JWTIssuer: "https://sts.example.com/t/", directory.JWTAudience: "api://rollcall",
		directory.JWTKeysURL: "https://sts.example.com/keys", directory.JWTSubjects: "one, two",
	}
	with := func(changes ...string) map[string]string {
		set := map[string]string{}
		for k, v := range whole {
			set[k] = v
		}
		for i := 0; i < len(changes); i += 2 {
			set[changes[i]] = changes[i+1]
		}
		return set
	}
	for name, tt := range map[string]struct {
		set  map[string]string
		on   bool
		says string
	}{
		"whole":                            {whole, true, ""},
		"nothing":                          {nil, false, ""},
		"all empty":                        {with("jwt_issuer", "", "jwt_audience", "", "jwt_jwks_url", "", "jwt_subjects", ""), false, ""},
		"no issuer":                        {with("jwt_issuer", ""), false, "jwt_issuer: is missing: set jwt_issuer, jwt_audience,"},
		"no audience":                      {with("jwt_audience", ""), false, "jwt_audience: is missing"},
		"no keys":                          {with("jwt_jwks_url", ""), false, "jwt_jwks_url: is missing"},
		"no subjects":                      {with("jwt_subjects", ""), false, "jwt_subjects: is missing"},
		"http":                             {with("jwt_jwks_url", "http://sts.example.com/keys"), false, "use an https URL"},
		"http to localhost by name":        {with("jwt_jwks_url", "http://localhost/keys"), true, ""},
		"http to an address of the inside": {with("jwt_jwks_url", "http://10.0.0.5:8080/keys"), true, ""},
		"http to a public address":         {with("jwt_jwks_url", "http://8.8.8.8/keys"), false, "use an https URL"},
		"a file":                           {with("jwt_jwks_url", "file:///etc/passwd"), false, "use an https URL"},
		"a password in the URL":            {with("jwt_jwks_url", "https://u:p@sts.example.com/"), false, "use an https URL"},
		"an issuer that is no URL":         {with("jwt_issuer", "entra"), false, "use an https URL"},
		"a URL without a host":             {with("jwt_issuer", "https:///x"), false, "use an https URL"},
		"a URL with a space":               {with("jwt_issuer", "https://sts.example.com/a b"), false, "use an https URL"},
		"a long URL":                       {with("jwt_issuer", "https://sts.example.com/"+strings.Repeat("a", 1000)), false, "use an https URL"},
		"an audience with a space":         {with("jwt_audience", "api rollcall"), false, "without spaces"},
		"a subject between commas missing": {with("jwt_subjects", "one,,two"), false, "a comma between them"},
		"a subject with a space":           {with("jwt_subjects", "one two"), false, "a comma between them"},
		"a comma alone":                    {with("jwt_subjects", ","), false, "a comma between them"},
		"too many subjects":                {with("jwt_subjects", "x"+strings.Repeat(",x", 20)), false, "a comma between them"},
	} {
		c := directory.Connection{Name: "entra", Set: tt.set}
		err := c.Validate()
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
		if err != nil {
			continue
		}
		i, on := c.Issuer()
		if on != tt.on || on && strings.Join(i.Subjects, "|") != "one|two" {
			t.Errorf("%s: %+v, %t", name, i, on)
		}
	}
}
