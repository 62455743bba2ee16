package conformance

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Case 5: 100,000 operations are refused before they are looked at. On a quiet machine it takes less than 100 ms.
func TestFault_05_a_hundred_thousand_operations(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		c.users("pat")
		c.group("G", "pat")
		body := `{"Operations":[` + strings.Repeat(`{"op":"add"},`, 99_999) + `{"op":"remove","path":"members"}]}`
		c.unchanged(func() {
			for _, target := range []string{"/Users/{pat}", "/Groups/{G}"} {
				c.send("PATCH "+target, body).code(413)
				began := time.Now()
				c.send("PATCH "+target, body).code(413)
				took := time.Since(began)
				t.Logf("PATCH %s: 100,000 operations (%d bytes) were refused in %v", target, len(body), took)
				if took > 5*time.Second {
					t.Errorf("PATCH %s took %v", target, took)
				}
			}
		})
	})
}

// Case 10: 2,000 clients that send slowly, and do not read, are in nobody's way. On a quiet machine the others wait less than
// 100 ms.
func TestFault_10_slow_clients(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		c.users("pat")
		authorized := "Host: x\r\nAuthorization: Bearer " + c.newToken(t, "any") + "\r\n" // each token has its own rate
		for i := range 2000 {
			conn, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			begun := []string{
				"GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\nX-Slow: ",
				"POST /scim/v2/Users HTTP/1.1\r\n" + authorized + "Content-Length: 90000\r\n\r\n{\"userName\":\"",
				"PUT /scim/v2/Groups/x HTTP/1.1\r\n" + authorized + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
				"GET /scim/v2/Schemas HTTP/1.1\r\n" + authorized + "\r\n",
			}[i%4]
			if _, err := io.WriteString(conn, begun); err != nil {
				t.Fatal(err)
			}
		}
		for _, target := range []string{"/healthz", "/readyz", "/scim/v2/Users/" + c.names["pat"]} {
			var took []time.Duration
			for range 50 {
				began := time.Now()
				if a := c.raw("GET", target, ""); a.status != 200 {
					a.errorf("status %d beside slow clients", a.status)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			t.Logf("beside 2,000 slow clients GET %s takes %v, at most %v", target, took[25], took[49])
			if took[49] > 2*time.Second {
				t.Errorf("GET %s takes up to %v", target, took[49])
			}
		}
		c.user("sam@x.test")
	})
}

// Case 16: a group opens no account and makes no administrator, whatever it is called and whatever it says of its members.
func TestFault_16_groups_make_nobody_an_administrator(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		s.world(t, "any")
		c.users("pat", "sam")
		s.CLI(t, "user", "deactivate", "pat")
		member := `{"value":"{pat}","type":"admin","role":"system_admin","roles":["system_admin"],"active":true,"primary":true}`
		c.send("POST /Groups", `{"displayName":"system_admin","roles":[{"value":"system_admin"}],"members":[`+member+`,{"value":"{sam}"}]}`).code(201)
		c.names["Engineering"] = c.send("POST /Groups", `{"displayName":"Engineering","members":[`+member+`]}`).code(201).id()
		c.patch("/Groups/{Engineering}", `{"op":"add","path":"members","value":[`+member+`]},{"op":"add","value":{"members":[`+member+`],"roles":["system_admin"]}}`)
		c.send("PUT /Groups/{Engineering}", `{"displayName":"Engineering","isAdmin":true,"members":[`+member+`]}`).code(200)
		c.real("pat pat@x.test suspended\nsam sam@x.test active")
		for _, name := range []string{"pat", "sam"} {
			if shown := s.CLI(t, "user", "show", name, "--json"); strings.Contains(strings.NewReplacer(`"system_admin"`, "", `"admin": false`, "").Replace(shown), "admin") {
				t.Errorf("%s is an administrator: %s", name, shown)
			}
		}
	})
}

const (
	secretCanary   = "canary-Pa55word"
	personalCanary = "canaryperson"
)

// Case 21 and promise S2: what is secret is in no answer at all, what is personal in no answer that refuses, and neither is in
// the log, however it was sent.
func TestFault_21_canaries_are_not_told(t *testing.T) {
	proxied(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		c.users("pat")
		secret := func(request, body string) {
			t.Helper()
			a := c.raw(strings.Fields(c.expand(request))[0], "/scim/v2"+escape(strings.Fields(c.expand(request))[1]), c.expand(body))
			if a.status >= 500 || bytes.Contains(a.raw, []byte(secretCanary)) || strings.Contains(fmt.Sprint(a.header), secretCanary) {
				a.errorf("the answer holds the canary")
			}
		}
		for _, body := range []string{
			`{"userName":"a","password":"CANARY"}`, `{"userName":"b","password":["CANARY"]}`, `{"userName":"c","password":{"value":"CANARY"}}`,
			`{"userName":"d","urn:ietf:params:scim:schemas:core:2.0:User:password":"CANARY"}`, `{"userName":"e","PASSWORD":"CANARY","password":"CANARY"}`,
			`{"password":"CANARY"}`, `{"userName":"f","password":"CANARY"`, `{"userName":"g","password":"CANARY\u0000"}`,
			`{"userName":"h","name":{"password":"CANARY"},"emails":[{"password":"CANARY","value":"h@x.test"}]}`, `{"userName":5,"password":"CANARY"}`,
		} {
			body = strings.ReplaceAll(body, "CANARY", secretCanary)
			secret("POST /Users", body)
			secret("PUT /Users/{pat}", body)
			secret("PATCH /Users/{pat}", `{"Operations":[{"op":"add","value":`+body+`}]}`)
			secret("PATCH /Users/{pat}", `{"Operations":[{"op":"replace","path":"password","value":`+body+`}]}`)
			secret("POST /Users?attributes=password", body)
		}
		secret("PATCH /Users/{pat}", `{"Operations":[{"op":"remove","path":"password[value eq \"`+secretCanary+`\"]"}]}`)
		secret(`GET /Users?filter=password%20eq%20"`+secretCanary+`"`, "")
		secret("POST /Users/.search", `{"filter":"password co \"`+secretCanary+`\""}`)
		secret("GET /Users?attributes=password,userName", "")
		c.hidden(secretCanary)
		c.personalData()
		c.hidden(c.token)
		if log := s.Log.String(); strings.Contains(log, personalCanary) {
			t.Error("the log holds what is personal")
		}
	})
}

// personalData sends names and addresses where they are refused.
func (c *idp) personalData() {
	c.t.Helper()
	c.send("POST /Users", `{"userName":"canaryperson@x.test","externalId":"e-canaryperson"}`).code(201)
	c.send("POST /Groups", `{"displayName":"canaryperson","externalId":"e-canaryperson"}`).code(201)
	c.patch("/Users/{pat}", `{"op":"add","path":"emails","value":[{"value":"canaryperson@y.test","type":"work"}]}`).code(200)
	for _, r := range [][2]string{
		{"POST /Users", `{"userName":"CanaryPerson@x.test"}`},
		{"POST /Users", `{"userName":"x","externalId":"e-canaryperson"}`},
		{"POST /Users", `{"userName":"y","emails":[{"value":"canaryperson@y.test","primary":true}]}`},
		{"PUT /Users/{pat}", `{"userName":"canaryperson@x.test"}`},
		{"POST /Groups", `{"displayName":"CANARYPERSON"}`},
		{"POST /Users", `{"userName":"canaryperson\u0007"}`},
		{"POST /Users", `{"userName":"z","active":"canaryperson"}`},
		{"POST /Users", `{"userName":"z","name":"canaryperson"}`},
		{"POST /Users", `{"userName":"z","emails":[["canaryperson"]]}`},
		{"POST /Users", `{"userName":"z" "canaryperson"}`},
		{"POST /Users", `{"userName":"canaryperson1","userName":"canaryperson2"}`},
		{"PATCH /Users/{pat}", `{"Operations":[{"op":"canaryperson"}]}`},
		{"PATCH /Users/{pat}", `{"Operations":[{"op":"replace","path":"emails[value eq \"canaryperson","value":"x"}]}`},
		{"PATCH /Users/{pat}", `{"Operations":[{"op":"replace","path":"emails[value co \"canaryperson1\"].display","value":"x"}]}`},
		{"PATCH /Groups/{missing}", `{"Operations":[{"op":"remove","path":"members[display eq \"canaryperson\"]"}]}`},
		{`GET /Users?filter=userName eq "canaryperson@x.test" und`, ""},
		{`GET /Users?filter=userName eq "canaryperson`, ""},
		{`GET /Users?filter=active eq "canaryperson"`, ""},
		{"GET /Users?startIndex=canaryperson", ""},
		{"GET /Users?filter=canaryperson", ""},
		{"GET /Users/canaryperson@x.test", ""},
		{"DELETE /Groups/canaryperson", ""},
		{"GET /canaryperson", ""},
		{"GET /Schemas/canaryperson", ""},
		{"POST /Users/.search", `{"filter":"userName canaryperson"}`},
		{"POST /Users/canaryperson", "{}"},
	} {
		a := c.send(r[0], r[1])
		if a.status < 400 {
			a.errorf("want a refusal")
		}
		if strings.Contains(strings.ToLower(string(a.raw)), personalCanary) {
			a.errorf("the refusal repeats what is personal")
		}
	}
	for _, h := range []string{"Bearer canaryperson", "canaryperson", "Basic canaryperson"} {
		c.with("Authorization", h).send("GET /Users", "").code(401)
	}
	if a := c.with("If-Match", "canaryperson").send("DELETE /Users/{pat}", ""); a.status < 400 || bytes.Contains(a.raw, []byte(personalCanary)) {
		a.errorf("want a refusal that does not repeat the tag")
	}
}

// Case 26: what means something to SQL or LDAP is text, also in Groups, in what chooses members, and in the path of a PATCH.
func TestFault_26_metacharacters_choose_nothing_else(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		c.users("pat", "sam")
		names := []string{`' or '1'='1`, `x'; delete from grp; --`, `*)(objectClass=*`, `%`, `_`, `\`, `"`, `$.x`, `{a,b}`, `\00`, `?1`, `$1`, `:x`}
		for _, name := range names {
			c.names["G"] = c.send("POST /Groups", `{"displayName":`+compact(name)+`,"externalId":`+compact("e"+name)+`,"members":[{"value":"{pat}"}]}`).code(201).id()
			c.send("POST /Groups/.search", compact(map[string]string{"filter": "displayName eq " + compact(name)})).code(200).want("totalResults 1")
			c.send("POST /Groups/.search", compact(map[string]string{"filter": "externalId eq " + compact("e"+name)})).code(200).want("totalResults 1")
			c.send("POST /Groups/.search", compact(map[string]string{"filter": "members eq " + compact(name)})).code(200).want("totalResults 0")
			c.send("PATCH /Groups/{G}", compact(map[string]any{"Operations": []any{
				map[string]any{"op": "remove", "path": "members[value eq " + compact(name) + "]"},
				map[string]any{"op": "remove", "path": "members", "value": []any{map[string]any{"value": name}}},
			}})).code(200).want(`members/*/value ["{pat}"]`)
			c.send("PATCH /Users/{sam}", compact(map[string]any{"Operations": []any{
				map[string]any{"op": "add", "path": "emails", "value": []any{map[string]any{"value": name, "type": name}}},
				map[string]any{"op": "remove", "path": "emails[type eq " + compact(name) + "]"},
				map[string]any{"op": "remove", "path": "emails[value eq " + compact("not "+name) + "]"},
			}})).code(200).want("emails absent")
		}
		for _, name := range []string{"title'", `title"`, "title;", "title)", "1=1", "$.title", "title/**/"} {
			c.send("POST /Users/.search", compact(map[string]string{"filter": name + " pr"})).fails(400, "invalidFilter")
			for _, body := range []map[string]any{{"sortBy": name}, {"attributes": []string{name}}} {
				if a := c.send("POST /Users/.search", compact(body)); a.status != 200 && a.status != 400 {
					a.errorf("want 200 or 400")
				}
			}
		}
		c.send("GET /Groups", "").code(200).want(fmt.Sprintf("totalResults %d", len(names)))
		c.send("GET /Users", "").code(200).want("totalResults 2")
	})
}

// Case 40: the answer to any change is lost, the change is repeated, and it was made once.
func TestFault_40_lost_answers_of_changes(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		c.users("pat", "sam")
		c.group("G")
		for _, r := range []struct{ method, target, body, done string }{
			{"PATCH", "/Users/{pat}", `{"Operations":[{"op":"replace","path":"active","value":false}]}`, "active false"},
			{"PATCH", "/Users/{pat}", `{"Operations":[{"op":"add","path":"emails","value":[{"value":"p@x.test","type":"home"}]}]}`, "emails #1"},
			{"PUT", "/Users/{sam}", `{"userName":"sam@x.test","title":"T"}`, `title "T"`},
			{"PATCH", "/Groups/{G}", `{"Operations":[{"op":"add","path":"members","value":[{"value":"{sam}"}]}]}`, "members #1"},
			{"PUT", "/Groups/{G}", `{"displayName":"G2","members":[{"value":"{sam}"}]}`, `displayName "G2"`},
		} {
			c.unanswered(r.method, r.target, r.body, r.target, r.done)
			version, events := c.version(r.target), len(c.events(t, ""))
			c.send(r.method+" "+r.target, r.body).code(200).want(r.done)
			if c.version(r.target) != version || len(c.events(t, "")) != events {
				t.Errorf("%s %s %s was done twice", r.method, r.target, r.body)
			}
		}
		c.unanswered("DELETE", "/Users/{sam}", "", "/Groups/{G}", "members #0")
		events := len(c.events(t, ""))
		c.send("DELETE /Users/{sam}", "").code(http.StatusNotFound)
		if len(c.events(t, "")) != events {
			t.Error("the DELETE was done twice")
		}
	})
}

// unanswered sends a change and hangs up, with the answer unread, as soon as a resource shows that the change was made.
func (c *idp) unanswered(method, target, body, resource, done string) {
	c.t.Helper()
	conn := c.begin(method, "/scim/v2"+c.expand(target), c.expand(body))
	if conn == nil {
		c.t.Fatal("the server does not listen")
	}
	defer func() { _ = conn.Close() }()
	path, want, _ := strings.Cut(done, " ")
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		v, ok := lookup(c.send("GET "+resource, "").body, strings.Split(path, "/"))
		if differs(v, ok, want) == "" {
			return
		}
	}
	c.t.Fatalf("%s %s is never done", method, target)
}
