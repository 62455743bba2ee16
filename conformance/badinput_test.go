package conformance

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// refusal is one request that must be refused and change nothing.
type refusal struct {
	name     string
	send     string
	body     string
	status   int
	scimType string
}

// bad runs refusals against a connection that has the users pat and sam and the group G with pat.
func bad(t *testing.T, refusals []refusal) {
	t.Helper()
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		c.users("pat", "sam")
		c.group("G", "pat")
		for _, r := range refusals {
			t.Run(r.name, func(t *testing.T) {
				c := c.on(t)
				c.unchanged(func() { c.send(r.send, r.body).fails(r.status, r.scimType) })
			})
		}
		c.real("pat pat@x.test active\nsam sam@x.test active")
	})
}

func TestBadInput_bodies(t *testing.T) {
	user := func(name, body, scimType string) refusal {
		return refusal{name, "POST /Users", body, 400, scimType}
	}
	bad(t, []refusal{
		user("no JSON", `nonsense`, "invalidSyntax"),
		user("cut off", `{"userName":"x"`, "invalidSyntax"),
		user("trailing data", `{"userName":"x"} {}`, "invalidSyntax"),
		user("trailing garbage", `{"userName":"x"}]`, "invalidSyntax"),
		user("a duplicate name", `{"userName":"x","userName":"y"}`, "invalidSyntax"),
		user("a duplicate name inside", `{"userName":"x","name":{"givenName":"a","givenName":"b"}}`, "invalidSyntax"),
		user("a list", `[{"userName":"x"}]`, "invalidSyntax"),
		user("a string", `"x"`, "invalidSyntax"),
		user("null", `null`, "invalidSyntax"),
		user("blank", ` `, "invalidSyntax"),
		user("invalid UTF-8", "{\"userName\":\"a\xffb\"}", "invalidSyntax"),
		user("userName a number", `{"userName":5}`, "invalidValue"),
		user("userName an object", `{"userName":{"a":1}}`, "invalidValue"),
		user("userName missing", `{"displayName":"x"}`, "invalidValue"),
		user("userName null", `{"userName":null}`, "invalidValue"),
		user("userName empty", `{"userName":""}`, "invalidValue"),
		user("active a number", `{"userName":"x","active":3}`, "invalidValue"),
		user("active a word", `{"userName":"x","active":"maybe"}`, "invalidValue"),
		user("name a number", `{"userName":"x","name":1}`, "invalidValue"),
		user("emails a number", `{"userName":"x","emails":1}`, "invalidValue"),
		user("emails with numbers", `{"userName":"x","emails":[1]}`, "invalidValue"),
		user("an address that is an object", `{"userName":"x","emails":[{"value":{}}]}`, "invalidValue"),
		user("the extension a string", `{"userName":"x","{ENT}":"y"}`, "invalidValue"),
		user("NUL in userName", `{"userName":"a\u0000b"}`, "invalidValue"),
		user("a control character in userName", `{"userName":"a\u0007b"}`, "invalidValue"),
		user("a userName of nothing visible", `{"userName":"\u200b"}`, "invalidValue"),
		user("NUL in externalId", `{"userName":"x","externalId":"a\u0000b"}`, "invalidValue"),
		user("NUL in a title", `{"userName":"x","title":"a\u0000b"}`, "invalidValue"),
		{"a group without a name", "POST /Groups", `{"members":[]}`, 400, "invalidValue"},
		{"a group with an empty name", "POST /Groups", `{"displayName":""}`, 400, "invalidValue"},
		{"a group name that is a number", "POST /Groups", `{"displayName":5}`, 400, "invalidValue"},
		{"NUL in a group name", "POST /Groups", `{"displayName":"a\u0000"}`, 400, "invalidValue"},
		{"members a number", "POST /Groups", `{"displayName":"x","members":5}`, 400, "invalidValue"},
		{"a duplicate name in a group", "POST /Groups", `{"displayName":"x","displayName":"y"}`, 400, "invalidSyntax"},
		{"trailing data in a group", "POST /Groups", `{"displayName":"x"}{}`, 400, "invalidSyntax"},
		{"PUT without userName", "PUT /Users/{pat}", `{"title":"x"}`, 400, "invalidValue"},
		{"PUT no JSON", "PUT /Users/{pat}", `{`, 400, "invalidSyntax"},
		{"PUT of a taken name", "PUT /Users/{pat}", `{"userName":"SAM@x.test"}`, 409, "uniqueness"},
		{"PATCH without Operations", "PATCH /Users/{pat}", `{"schemas":["{PATCHOP}"]}`, 400, "invalidSyntax"},
		{"PATCH with a duplicate name", "PATCH /Users/{pat}", `{"Operations":[{"op":"add","op":"remove","path":"title"}]}`, 400, "invalidSyntax"},
		{"PATCH of a group no JSON", "PATCH /Groups/{G}", `{"Operations":[`, 400, "invalidSyntax"},
		{"PATCH of an unknown user", "PATCH /Users/{missing}", `{"Operations":[{"op":"remove","path":"title"}]}`, 404, ""},
		{"a search with a bad filter", "POST /Users/.search", `{"filter":"("}`, 400, "invalidFilter"},
		{"a search with a number", "POST /Users/.search", `{"filter":5}`, 400, "invalidSyntax"},
	})
}

func TestBadInput_read_only_attributes(t *testing.T) {
	patch := func(name, target, operation string) refusal {
		return refusal{
			name, "PATCH " + target,
			`{"Operations":[{"op":"replace","path":"externalId","value":"must not stay"},` + operation + `]}`, 400, "mutability",
		}
	}
	bad(t, []refusal{
		patch("id", "/Users/{pat}", `{"op":"replace","path":"id","value":"{sam}"}`),
		patch("id of a group", "/Groups/{G}", `{"op":"replace","path":"id","value":"{missing}"}`),
		patch("id without a path", "/Users/{pat}", `{"op":"replace","value":{"id":"{sam}"}}`),
		patch("groups added", "/Users/{pat}", `{"op":"add","path":"groups","value":[{"value":"{G}"}]}`),
		patch("groups replaced", "/Users/{pat}", `{"op":"replace","path":"groups","value":[]}`),
		patch("groups removed", "/Users/{pat}", `{"op":"remove","path":"groups[value eq \"{G}\"]"}`),
		patch("meta", "/Users/{pat}", `{"op":"replace","path":"meta.created","value":"2001-01-01T00:00:00Z"}`),
		patch("userName removed", "/Users/{pat}", `{"op":"remove","path":"userName"}`),
	})
}

func TestBadInput_methods_and_media(t *testing.T) {
	bad(t, []refusal{
		{"PUT of all users", "PUT /Users", `{"userName":"x"}`, 405, ""},
		{"DELETE of all users", "DELETE /Users", "", 405, ""},
		{"PATCH of all groups", "PATCH /Groups", `{}`, 405, ""},
		{"POST of one user", "POST /Users/{pat}", `{"userName":"x"}`, 405, ""},
		{"POST of discovery", "POST /Schemas", `{}`, 405, ""},
	})
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		c.users("pat")
		c.unchanged(func() {
			for _, media := range []string{
				"text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "garbage",
				"application/jsonx",
			} {
				c.with("Content-Type", media).send("POST /Users", `{"userName":"x"}`).code(415)
				c.with("Content-Type", media).send("PATCH /Users/{pat}", `{"Operations":[{"op":"remove","path":"active"}]}`).code(415)
			}
			var zipped bytes.Buffer
			w := gzip.NewWriter(&zipped)
			_, _ = w.Write([]byte(`{"userName":"x"}`))
			_ = w.Close()
			c.with("Content-Encoding", "gzip").send("POST /Users", zipped.String()).code(415)
		})
	})
}

func TestBadInput_limits(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		c.users("pat")
		c.group("G")
		or := func(n int) string { return strings.Repeat(`userName eq "a" or `, n-1) + `userName eq "a"` }
		nested := func(n int) string { return strings.Repeat("(", n) + `userName pr` + strings.Repeat(")", n) }
		operations := func(n int) string {
			return `{"Operations":[` + strings.Repeat(`{"op":"add","path":"title","value":"x"},`, n-1) +
				`{"op":"add","path":"title","value":"x"}]}`
		}
		big := strings.Repeat("x", 2<<20)
		c.unchanged(func() {
			if a, err := c.exchange("GET", "/scim/v2/Users?filter="+strings.Repeat("(", 100_000), ""); err != nil || a.status != 414 {
				t.Errorf("a filter of 100,000 parentheses: %.200v, %+v, want 414", err, a)
			} else {
				a.lawful()
			}
			c.send("GET /Users?x="+strings.Repeat("x", 17<<10), "").code(414)
			c.send("GET /Users?filter="+strings.Repeat("(", 4000), "").fails(400, "invalidFilter")
			c.send("GET /Users?filter="+nested(33), "").fails(400, "invalidFilter")
			c.send("GET /Users?filter="+nested(30), "").code(200)
			c.send("GET /Users?filter="+strings.Repeat("not (", 33)+"userName pr"+strings.Repeat(")", 33), "").fails(400, "invalidFilter")
			c.send("GET /Users?filter="+or(65), "").fails(400, "invalidFilter")
			c.send("GET /Users?filter="+or(64), "").code(200)
			c.send(`GET /Users?filter=userName eq "`+strings.Repeat("x", 5000)+`"`, "").fails(400, "invalidFilter")
			c.send("POST /Users", `{"userName":"`+big+`"}`).code(413)
			c.send("PUT /Users/{pat}", `{"userName":"x","title":"`+big+`"}`).code(413)
			c.send("PATCH /Users/{pat}", `{"Operations":[{"op":"add","path":"title","value":"`+big+`"}]}`).code(413)
			c.send("POST /Users", strings.Repeat("[", 200_000)).code(400)
			c.send("POST /Users", `{"userName":"x","a":`+strings.Repeat(`{"a":`, 20_000)+"1"+strings.Repeat("}", 20_001)).code(400)

			began := time.Now()
			c.send("PATCH /Users/{pat}", operations(1001)).code(413)
			c.send("PATCH /Users/{pat}", operations(100_000)).code(413)
			c.send("PATCH /Groups/{G}", operations(1001)).code(413)
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("the refusals took %v", took)
			}
			c.send("GET /Users?startIndex=9223372036854775807", "").code(200).want("Resources #0\ntotalResults 1")
			c.send("GET /Users?startIndex=9223372036854775807&count=9223372036854775807", "").code(200).want("Resources #0")
		})
		c.send("PATCH /Users/{pat}", operations(1000)).code(200).want(`title "x"`)
		largeGroups(c)
	})
}

// Case 2: the same in a search by POST.
func TestBadInput_limits_of_a_search(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		for _, filter := range []string{
			strings.Repeat("(", 100_000),
			strings.Repeat("not (", 33) + "userName pr" + strings.Repeat(")", 33),
			strings.Repeat(`userName eq "a" or `, 5000) + `userName eq "a"`,
		} {
			c.send("POST /Users/.search", compact(map[string]string{"filter": filter})).fails(400, "invalidFilter")
		}
	})
}

// largeGroups: what is too much for a user is not too much for a group.
func largeGroups(c *idp) {
	c.t.Helper()
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `{"value":"nobody-with-a-rather-long-value-%08d"},`, i)
		}
		return "[" + b.String() + `{"value":"{pat}"}]`
	}
	many := members(30_000) // 1.5 MB
	c.send("POST /Groups?excludedAttributes=members", `{"displayName":"Large","members":`+many+`}`).code(201)
	c.send("PUT /Groups/{G}?excludedAttributes=members", `{"displayName":"G","members":`+many+`}`).code(200)
	c.send("PATCH /Groups/{G}?excludedAttributes=members",
		`{"Operations":[{"op":"replace","path":"members","value":`+many+`}]}`).code(200)
	c.unchanged(func() {
		c.send("PUT /Groups/{G}?excludedAttributes=members",
			`{"displayName":"G","members":[`+strings.Repeat(`{"value":"x"},`, 200_000)+`{"value":"y"}]}`).code(413)
		c.send("POST /Groups", `{"displayName":"`+strings.Repeat("x", 33<<20)+`"}`).code(413)
	})
}

// Case 12: a path is never a second spelling of a resource.
func TestBadInput_paths(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		id := c.user("pat@x.test")
		for _, path := range []string{
			"/scim/v2//Users", "/scim//v2/Users", "//scim/v2/Users", "/scim%2Fv2/Users", "/scim/v2%2fUsers", "/scim/v2/Users%2F" + id,
			"/scim/v2/Users/%2e%2e/Users", "/scim/v2/./Users", "/scim/v2/Users/../Users", "/scim/v2/%2e/Users", "/scim/v2/%252e%252e/Users",
			"/scim/v2/Users/" + id + "/", "/scim/v2/Users//" + id, "/scim/v2/Users/" + id + "%00", "/scim/v2/Users/%00", "/scim/v2/Users%00",
			"/scim/v2/Users/" + id + "%2f", "/scim/v2/Schemas/", "/scim/v2/Users/" + id + "/.", "/SCIM/v2/Users", "/scim/v2/%55sers%2f",
			"/scim/v2;x=1/Users", "/scim/v2/Users;x=1", "/scim/v2/Users/" + strings.ToUpper(id), "/x/../scim/v2/Users", "/scim/v2/Users/%5c",
		} {
			target := path
			if strings.HasPrefix(path, "//") {
				target = s.URL + path // in absolute form, or it would name a host
			}
			for _, method := range []string{"GET", "DELETE"} {
				a := c.raw(method, target, "")
				if a.status != 404 && a.status != 400 || a.header.Get("Location") != "" {
					a.errorf("want 404 or 400 and no redirect")
				}
			}
		}
		a := c.send("GET //Users", "").code(404)
		if !strings.Contains(a.text("detail"), "slash") {
			a.errorf("want a detail that says to remove the slash")
		}
		c.send(`GET /Users/?filter=userName eq "pat@x.test"`, "").code(200).want("totalResults 1")
		c.real("pat pat@x.test active")
	})
}

// Case 11: every route with every wrong credential, on 404 and 405 too.
func TestBadInput_credentials_on_every_route(t *testing.T) {
	proxied(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		c.users("pat")
		c.group("G", "pat")
		disabled := s.idp(t, "disabled", "")
		s.CLI(t, "connection", "disable", "disabled")
		expired := c.on(t)
		expired.token = s.CLI(t, "token", "create", "--connection", "any", "--expires", "1s")
		time.Sleep(1100 * time.Millisecond)
		clients := map[string]*idp{
			"no credential": func() *idp { d := c.on(t); d.token = ""; return d }(),
			"garbage":       c.with("Authorization", "Bearer garbage"),
			"truncated":     c.with("Authorization", "Bearer "+c.token[:len(c.token)-2]),
			"a disabled connection": func() *idp {
				d := c.on(t)
				d.token = disabled.token
				return d
			}(),
			"an expired token": expired,
		}
		before := c.send("GET /Users", "").raw
		for name, d := range clients {
			for _, path := range []string{
				"/Users", "/Users/{pat}", "/Users/{missing}", "/Groups", "/Groups/{G}", "/Schemas", "/Schemas/{USER}", "/ResourceTypes",
				"/ServiceProviderConfig", "/Users/.search", "/.search", "/Bulk", "/Me", "/nothing", "", "/Users/{pat}/x",
			} {
				for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"} {
					a := d.send(method+" "+path, `{"userName":"evil","displayName":"evil","Operations":[{"op":"remove","path":"members"}]}`)
					if a.status != 401 && a.status != 403 {
						a.errorf("with %s: status %d, want 401 or 403", name, a.status)
					}
				}
			}
		}
		if after := c.send("GET /Users", "").raw; !bytes.Equal(before, after) {
			t.Errorf("something changed: %s", after)
		}
		c.send("GET /Groups/{G}", "").code(200).want("members #1")
	})
}

// Case 13: a foreign id answers as a missing one does, byte for byte.
func TestBadInput_foreign_is_missing(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		a, b := s.idp(t, "a", ""), s.idp(t, "b", "")
		b.users("pat")
		b.group("G", "pat")
		a.names["pat"], a.names["G"] = b.names["pat"], b.names["G"]
		for _, pair := range [][2]string{{"/Users/{pat}", "/Users/{missing}"}, {"/Groups/{G}", "/Groups/{missing}"}} {
			for method, body := range map[string]string{
				"GET": "", "DELETE": "", "PUT": `{"userName":"x","displayName":"x"}`,
				"PATCH": `{"Operations":[{"op":"replace","path":"displayName","value":"x"}]}`,
			} {
				foreign, missing := a.send(method+" "+pair[0], body).code(404), a.send(method+" "+pair[1], body).code(404)
				if !bytes.Equal(foreign.raw, missing.raw) {
					foreign.errorf("differs from the answer for a missing one, %s", missing.raw)
				}
				if !sameHeaders(foreign.header, missing.header) {
					foreign.errorf("headers %v differ from those for a missing one, %v", foreign.header, missing.header)
				}
			}
		}
		a.send("POST /Groups", `{"displayName":"G","members":[{"value":"{pat}"},{"value":"{G}"}]}`).code(201)
		if g := a.pushed("G"); len(g.Members) != 0 || len(g.UnknownMembers) != 2 {
			t.Errorf("a group of a has the members %+v of b", g)
		}
		a.send(`GET /Users?filter=id eq "{pat}"`, "").code(200).want("totalResults 0")
		b.real("pat pat@x.test active")
	})
}

// sameHeaders compares all headers but the date and the request's own id.
func sameHeaders(a, b http.Header) bool {
	a, b = a.Clone(), b.Clone()
	for _, h := range []http.Header{a, b} {
		h.Del("Date")
		h.Del("X-Request-Id")
	}
	return fmt.Sprint(a) == fmt.Sprint(b)
}

// Case 14: the id of the path, never that of the body.
func TestBadInput_body_id(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		c.users("pat", "sam")
		a := c.send("PUT /Users/{pat}", `{"id":"{sam}","userName":"pat@x.test","title":"T"}`)
		if a.status == 400 {
			a.fails(400, "mutability")
		} else {
			a.code(200).want("id \"{pat}\"\ntitle \"T\"")
		}
		c.send("GET /Users/{sam}", "").code(200).want("userName \"sam@x.test\"\ntitle absent")
		c.send("POST /Users", `{"id":"{sam}","userName":"kim@x.test"}`).code(201)
		c.send(`GET /Users?filter=userName eq "kim@x.test"`, "").code(200).want("totalResults 1")
		if c.send(`GET /Users?filter=id eq "{sam}"`, "").text("Resources/0/userName") != "sam@x.test" {
			t.Error("a POST chose its own id")
		}
	})
}

// Case 15: no role and no flag grants anything.
func TestBadInput_roles_grant_nothing(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		s.world(t, "any")
		evil := `"roles":[{"value":"system_admin","primary":true}],"entitlements":[{"value":"admin"}],"userType":"admin",
			"isAdmin":true,"admin":true,"role":"system_admin"`
		c.names["pat"] = c.send("POST /Users", `{"userName":"pat@x.test",`+evil+`}`).code(201).
			want(`roles [{"value":"system_admin","primary":true}]`).id()
		c.group("Engineering", "pat")
		in := "pat pat@x.test active\neng: link: any \"Engineering\""
		c.real(in)
		c.send("PUT /Users/{pat}", `{"userName":"pat@x.test",`+evil+`}`).code(200)
		c.patch("/Users/{pat}", `{"op":"add","path":"roles","value":[{"value":"admin"}]},{"op":"add","value":{`+evil+`}}`).code(200)
		c.patch("/Groups/{Engineering}", `{"op":"replace","path":"members","value":[{"value":"{pat}","type":"admin","role":"admin"}]}`).code(200)
		c.real(in)
		if shown := s.CLI(t, "user", "show", "pat", "--json"); strings.Contains(strings.Replace(shown, `"admin": false`, "", 1), "admin") {
			t.Errorf("an admin: %s", shown)
		}
	})
}

// Cases 18 and 20: an externalId is only ever a value.
func TestBadInput_external_ids_are_values(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		a, b := s.idp(t, "a", ""), s.idp(t, "b", "")
		a.users("pat")
		account := s.account(t, "pat")
		for i, externalID := range []string{"1", account.ID, a.names["pat"], "pat", "' or 1=1 --", "*)(uid=*"} {
			body := fmt.Sprintf(`{"userName":"u%d@x.test","externalId":%q}`, i, externalID)
			if id := b.send("POST /Users", body).code(201).want(fmt.Sprintf("externalId %q", externalID)).id(); id == externalID {
				t.Errorf("externalId %q became the id", externalID)
			}
			if got := s.account(t, fmt.Sprintf("u%d", i)); got.ID == account.ID || got.ID == externalID {
				t.Errorf("externalId %q led to the account %s", externalID, got.ID)
			}
		}
		a.send("DELETE /Users/{pat}", "").code(204)
		if id := b.user("pat@x.test"); id == a.names["pat"] {
			t.Error("deleted in a, created in b: the same id")
		}
		if again := s.account(t, "pat@x.test"); again.ID == account.ID {
			t.Error("deleted in a, created in b: the same account")
		}
		b.real("pat2 pat@x.test active")
	})
}

// Case 19: the address of an account that it may not adopt.
func TestBadInput_foreign_address(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		a, b := s.idp(t, "a", ""), s.idp(t, "b", "")
		a.users("pat")
		for _, body := range []string{
			`{"userName":"pat@x.test","externalId":"p"}`,
			`{"userName":"other","emails":[{"value":"PAT@x.test","primary":true}]}`,
		} {
			b.send("POST /Users", body).fails(409, "uniqueness")
			b.send("GET /Users", "").code(200).want("totalResults 0")
		}
		var conflicts []struct{ ID, Connection, Field, Value, Account, Detail, Time string }
		s.Show(t, &conflicts, "conflict", "list")
		if len(conflicts) == 0 || conflicts[0].Connection != "b" || conflicts[0].Field != "email" {
			t.Errorf("the conflicts are %+v, want one of b about an email", conflicts)
		}
		a.real("pat pat@x.test active")
	})
}

// Cases 21 and 22, and promise S2: nothing secret or personal leaves.
func TestBadInput_secrets_and_personal_data(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "okta", "okta")
		secret := "canary-Pa55word"
		c.names["pat"] = c.send("POST /Users", `{"userName":"canary@secret.test","name":{"familyName":"Canaryname"},"password":"`+secret+`"}`).code(201).id()
		c.send("PUT /Users/{pat}", `{"userName":"canary@secret.test","name":{"familyName":"Canaryname"},"password":"`+secret+`2"}`).code(200)
		c.patch("/Users/{pat}", `{"op":"replace","path":"password","value":"`+secret+`3"}`).code(200)
		c.patch("/Users/{pat}", `{"op":"replace","value":{"password":"`+secret+`4"}}`).code(200)
		c.patch("/Users/{pat}", `{"op":"replace","path":"password","value":{"a":"`+secret+`5"}}`)
		c.send(`GET /Users?filter=userName eq "canary@secret.test"`, "").code(200)
		c.send(`GET /Users?filter=password eq "`+secret+`"`, "").fails(400, "invalidFilter")
		c.send(`GET /Users?filter=userName pr and not (password co "a")`, "").fails(400, "invalidFilter")
		c.send("GET /Users?attributes=password", "").code(200)
		c.send("GET /Users?sortBy=password", "")
		c.hidden(secret)
		c.hidden(c.token)
		for _, personal := range []string{"secret.test", "Canaryname"} {
			if strings.Contains(s.Log.String(), personal) {
				t.Errorf("the log holds the personal datum %q", personal)
			}
		}
		_ = filepath.WalkDir(s.Dir, func(path string, entry os.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v, want 0600", path, info.Mode())
			}
			text, err := os.ReadFile(path)
			if err == nil && (bytes.Contains(text, []byte(secret)) || bytes.Contains(text, []byte(c.token))) {
				t.Errorf("%s holds a password or a token", path)
			}
			return nil
		})
	})
}

// Case 25: names that look alike are one name.
func TestBadInput_names_that_look_alike(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		for _, pair := range []struct {
			name, one, other string
			same             bool
		}{
			{"the Kelvin sign", "kim", "\u212aim", true},
			{"full-width letters", "sam", "\uff53\uff41\uff4d", true},
			{"composed and decomposed", "ren\u00e9", "rene\u0301", true},
			{"a zero-width space", "pat", "p\u200bat", true},
			{"sharp s", "gro\u00df", "GROSS", true},
			{"dotless i", "dil", "d\u0131l", false},
			{"dotted capital I", "ali", "al\u0130", false},
			{"an emoji", "joy\U0001f600", "joy", false},
			{"a soft hyphen", "co\u00adop", "coop", true},
			{"Hindi with a joiner", "\u0915\u094d\u200d\u0937", "\u0915\u094d\u0937", true},
		} {
			body := func(name string) string { return compact(map[string]string{"userName": name}) }
			group := func(name string) string { return compact(map[string]string{"displayName": name}) }
			c.send("POST /Users", body(pair.one)).code(201).want(fmt.Sprintf("userName %s", compact(pair.one)))
			c.send("POST /Groups", group(pair.one)).code(201)
			status, found := 409, 1
			if !pair.same {
				status, found = 201, 0
			}
			c.send("GET /Users?filter=userName eq "+compact(pair.other), "").code(200).want(fmt.Sprintf("totalResults %d", found))
			for request, sent := range map[string]string{"POST /Users": body(pair.other), "POST /Groups": group(pair.other)} {
				if a := c.send(request, sent); a.status != status {
					a.errorf("%s: status %d, want %d", pair.name, a.status, status)
				}
			}
		}
	})
}

// Case 24 and 26: what looks like code is text.
func TestBadInput_metacharacters(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		names := []string{`o'neil`, `a"b`, `50%`, `a_b`, `back\slash`, `semi;drop table account`, `<script>`, `*)(cn=*`, `{{.}}`, `$1`, `?1`}
		for _, name := range names {
			quoted := compact(name)
			c.send("POST /Users", `{"userName":`+quoted+`,"title":`+quoted+`}`).code(201).want("userName " + quoted)
		}
		for _, name := range names {
			quoted := strings.NewReplacer("%", "%25", "&", "%26", "+", "%2B", ";", "%3B").Replace(compact(name))
			for _, filter := range []string{"userName eq ", "title eq ", "title co ", "userName sw "} {
				a := c.send("GET /Users?filter="+filter+quoted, "").code(200).want("totalResults 1")
				if a.at("Resources/0/userName") != name {
					a.errorf("%s%s finds another", filter, name)
				}
			}
		}
		for _, sort := range []string{"noSuchThing", "1;drop table account", "userName'--", "password"} {
			if a := c.send("GET /Users?sortBy="+strings.ReplaceAll(sort, ";", "%3B"), ""); a.status != 200 && a.status != 400 {
				a.errorf("sortBy %q: status %d", sort, a.status)
			}
		}
		c.send("GET /Users", "").code(200).want(fmt.Sprintf("totalResults %d", len(names)))
		c.send("POST /Users", `{"userName":"lines","displayName":"a\r\nlevel=ERROR msg=forged\u001b[31m"}`)
		if strings.Contains(s.Log.String(), "\nlevel=ERROR msg=forged") {
			t.Error("a value forged a line of the log")
		}
	})
}
