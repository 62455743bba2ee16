package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// okta runs a suite as Okta's client against a connection with its preset and the places of world.
func okta(t *testing.T, suite func(c *idp)) {
	t.Helper()
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "okta", "okta")
		c.header = http.Header{
			"Content-Type": {"application/scim+json; charset=utf-8"},
			"Accept":       {media},
			"User-Agent":   {"Okta SCIM Client 1.0.0"},
		}
		s.world(t, "okta")
		suite(c)
	})
}

const oktaPat = `{"schemas":["{USER}"],"userName":"pat@x.test","name":{"givenName":"Pat","familyName":"Lee"},
	"emails":[{"primary":true,"value":"pat@x.test","type":"work"}],"displayName":"Pat Lee","locale":"en-US",
	"externalId":"00u1","groups":[],"password":"Tr0ub4dor-canary","active":true}`

func TestOkta_O1_probe(t *testing.T) {
	okta(t, func(c *idp) {
		empty := "totalResults 0\nstartIndex 1\nitemsPerPage 0\nResources []"
		c.run(
			step{name: "test credentials", send: "GET /Users?startIndex=1&count=2", status: 200, want: empty},
			step{name: "test credentials with one", send: "GET /Users?startIndex=1&count=1", status: 200, want: empty},
			step{name: "early import check", send: "GET /Groups?count=100&startIndex=1", status: 200, want: empty},
		)
	})
}

func TestOkta_O2_match(t *testing.T) {
	okta(t, func(c *idp) {
		c.run(
			step{
				name: "nobody", send: "GET /Users?filter=userName%20eq%20%22pat%40x.test%22&startIndex=1&count=100",
				status: 200, want: "totalResults 0\nResources []",
			},
			step{name: "create", send: "POST /Users", body: oktaPat, status: 201, save: "pat"},
			step{
				name: "found", send: "GET /Users?filter=userName%20eq%20%22pat%40x.test%22&startIndex=1&count=100", status: 200,
				want: `totalResults 1
					Resources/0/id "{pat}"
					Resources/0/userName "pat@x.test"
					Resources/0/active true`,
			},
			step{
				name: "no such group", send: `GET /Groups?filter=displayName eq "Engineering"&startIndex=1&count=100`,
				status: 200, want: "totalResults 0\nResources []",
			},
		)
		c.group("Engineering")
		c.send(`GET /Groups?filter=displayName eq "Engineering"&startIndex=1&count=100`, "").code(200).
			want(`totalResults 1
				Resources/0/displayName "Engineering"`)
	})
}

func TestOkta_O3_create_with_groups_and_password(t *testing.T) {
	okta(t, func(c *idp) {
		c.run(
			step{
				name: "create", send: "POST /Users", body: oktaPat, status: 201, save: "pat",
				want: `schemas/0 "{USER}"
					userName "pat@x.test"
					name/givenName "Pat"
					name/familyName "Lee"
					emails [{"primary":true,"value":"pat@x.test","type":"work"}]
					displayName "Pat Lee"
					locale "en-US"
					externalId "00u1"
					active true
					groups #0
					meta/resourceType "User"
					meta/created present
					meta/lastModified present
					meta/version present`,
				real: "pat pat@x.test active",
			},
			step{
				name: "it is readable", send: "GET /Users/{pat}", status: 200,
				want: `id "{pat}"
					meta/location "{base}/Users/{pat}"`,
			},
			step{
				name: "again", send: "POST /Users", body: oktaPat, status: 409,
				want: `scimType "uniqueness"`, real: "pat pat@x.test active",
			},
		)
		a := c.account(c.t, "pat")
		if a.FirstName != "Pat" || a.LastName != "Lee" || len(a.Identities) != 1 || a.Identities[0].ID != c.names["pat"] ||
			a.Identities[0].ExternalID != "00u1" || a.Identities[0].UserName != "pat@x.test" || a.Identities[0].Subject != "" {
			c.t.Errorf("the account is %+v", a)
		}
		c.hidden("Tr0ub4dor-canary")
	})
}

// hidden asserts that a secret stands neither in the log nor in the audit log.
func (c *idp) hidden(secret string) {
	c.t.Helper()
	if strings.Contains(c.Log.String(), secret) {
		c.t.Errorf("the log holds %q", secret)
	}
	if strings.Contains(c.CLI(c.t, "audit", "list", "--json"), secret) {
		c.t.Errorf("the audit log holds %q", secret)
	}
}

// putBack reads a resource, changes it, and puts the whole object back as Okta does.
func (c *idp) putBack(target string, change func(m map[string]any)) *answer {
	c.t.Helper()
	m := c.send("GET "+target, "").code(200).object()
	change(m)
	return c.send("PUT "+target, compact(m))
}

func TestOkta_O4_get_then_put(t *testing.T) {
	okta(t, func(c *idp) {
		c.names["pat"] = c.send("POST /Users", oktaPat).code(201).id()
		c.group("Engineering", "pat")
		in := "eng: link: okta \"Engineering\"\n"

		c.putBack("/Users/{pat}", func(m map[string]any) {
			m["schemas"] = []string{userURN, entURN}
			name := m["name"].(map[string]any)
			name["middleName"], name["givenName"] = "", "Patricia"
			m["nickName"], m["oktaOwn"] = "", "ignored"
		}).code(200).want(`id "{pat}"
			name/givenName "Patricia"
			name/familyName "Lee"
			name/middleName absent
			nickName absent
			groups/0/value "{Engineering}"
			groups/0/display "Engineering"
			active true`)
		c.real("pat pat@x.test active\n" + in)

		version, count := c.version("/Users/{pat}"), len(c.events(c.t, ""))
		a := c.putBack("/Users/{pat}", func(map[string]any) {}).code(200)
		if a.header.Get("ETag") != version || len(c.events(c.t, "")) != count {
			a.errorf("a PUT that changes nothing made a version or an event (version was %s)", version)
		}

		c.putBack("/Users/{pat}", func(m map[string]any) { m["groups"] = []any{} }).code(200).want(`groups #1`)
		c.real("pat pat@x.test active\n" + in)

		c.putBack("/Users/{pat}", func(m map[string]any) { delete(m, "active") }).code(200).want("active true")
		c.real("pat pat@x.test active\n" + in)

		c.putBack("/Users/{pat}", func(m map[string]any) { m["active"] = false }).code(200).want("active false")
		c.real("pat pat@x.test inactive")

		c.putBack("/Users/{pat}", func(m map[string]any) { delete(m, "active") }).code(200).want("active false")
		c.real("pat pat@x.test inactive")

		c.putBack("/Users/{pat}", func(m map[string]any) { m["active"] = true }).code(200).want("active true")
		c.real("pat pat@x.test active\n" + in)
	})
}

func TestOkta_O5_deactivate_and_password_by_patch(t *testing.T) {
	okta(t, func(c *idp) {
		c.names["pat"] = c.send("POST /Users", oktaPat).code(201).id()
		c.group("Engineering", "pat")
		patch := func(value string) string {
			return `{"schemas":["{PATCHOP}"],"Operations":[{"op":"replace","value":` + value + `}]}`
		}
		c.run(
			step{
				name: "deactivate", send: "PATCH /Users/{pat}", body: patch(`{"active":false}`), status: 200,
				want: `active false
					id "{pat}"`,
				real: "pat pat@x.test inactive",
			},
			step{
				name: "deactivate again", send: "PATCH /Users/{pat}", body: patch(`{"active":false}`), status: 200,
				want: "active false", real: "pat pat@x.test inactive",
			},
			step{
				name: "the group keeps its member", send: "GET /Groups/{Engineering}", status: 200,
				want: `members/*/value ["{pat}"]`,
			},
			step{
				name: "activate", send: "PATCH /Users/{pat}", body: patch(`{"active":true}`), status: 200, want: "active true",
				real: "pat pat@x.test active\neng: link: okta \"Engineering\"",
			},
			step{
				name: "password sync", send: "PATCH /Users/{pat}", body: patch(`{"password":"Tr0ub4dor-second"}`),
				status: 200, want: `id "{pat}"`, real: "pat pat@x.test active\neng: link: okta \"Engineering\"",
			},
		)
		c.hidden("Tr0ub4dor-second")
	})
}

func TestOkta_O6_comes_back_by_post(t *testing.T) {
	okta(t, func(c *idp) {
		c.names["pat"] = c.send("POST /Users", oktaPat).code(201).id()
		c.group("Engineering", "pat")
		active := "pat pat@x.test active\neng: link: okta \"Engineering\""
		before := c.account(c.t, "pat").ID
		c.patch("/Users/{pat}", `{"op":"replace","value":{"active":false}}`).code(200)
		c.run(
			step{
				name: "readable while inactive", send: "GET /Users/{pat}", status: 200,
				want: "active false", real: "pat pat@x.test inactive",
			},
			step{
				name: "findable while inactive", send: `GET /Users?filter=userName eq "pat@x.test"`, status: 200,
				want: `totalResults 1
					Resources/0/id "{pat}"
					Resources/0/active false`,
			},
			step{
				name: "a new POST of the same person", send: "POST /Users", body: oktaPat, status: 201,
				want: `id "{pat}"
					active true
					meta/location "{base}/Users/{pat}"`,
				real: active,
			},
			step{
				name: "a POST of the active person", send: "POST /Users", body: oktaPat, status: 409,
				want: `scimType "uniqueness"`, real: active,
			},
			step{
				name: "deactivate", send: "PUT /Users/{pat}", body: strings.Replace(oktaPat, "true}", "false}", 1), status: 200,
				want: "active false", real: "pat pat@x.test inactive",
			},
			step{
				name: "a POST that says inactive", send: "POST /Users", body: strings.Replace(oktaPat, "true}", "false}", 1),
				status: 201, want: "id \"{pat}\"\nactive false", real: "pat pat@x.test inactive",
			},
			step{
				name: "found, then PUT", send: "PUT /Users/{pat}", body: oktaPat, status: 200,
				want: "id \"{pat}\"\nactive true", real: active,
			},
		)
		if after := c.account(c.t, "pat").ID; after != before {
			c.t.Errorf("the account is %s, was %s", after, before)
		}
	})
}

func TestOkta_O7_group_push_in_all_member_forms(t *testing.T) {
	okta(t, func(c *idp) {
		c.users("pat", "sam", "kim")
		in, out := ` active
			eng: link: okta "Engineering"
			`, " active\n"
		pat, sam, kim := "pat pat@x.test", "sam sam@x.test", "kim kim@x.test"
		rename := `{"op":"replace","value":{"id":"{eng}","displayName":"Engineering"}}`
		ops := func(list string) string { return `{"schemas":["{PATCHOP}"],"Operations":[` + list + `]}` }
		c.run(
			step{
				name: "push", send: "POST /Groups", body: `{"schemas":["{GROUP}"],"displayName":"Engineering","members":[]}`,
				status: 201, save: "eng", want: `displayName "Engineering"
					members #0
					meta/resourceType "Group"`,
			},
			step{
				name: "rename with the id in the value", send: "PATCH /Groups/{eng}", body: ops(rename), status: 200,
				want: `id "{eng}"
					displayName "Engineering"`,
			},
			step{
				name: "add with display", send: "PATCH /Groups/{eng}", status: 200,
				body: ops(rename + `,{"op":"add","path":"members","value":[{"value":"{pat}","display":"pat@x.test"}]}`),
				want: `members/*/value ["{pat}"]`, real: pat + in + sam + out,
			},
			step{
				name: "remove by value filter and add", send: "PATCH /Groups/{eng}", status: 200,
				body: ops(`{"op":"remove","path":"members[value eq \"{pat}\"]"},
					{"op":"add","path":"members","value":[{"value":"{sam}","display":"sam@x.test"}]}`),
				want: `members/*/value ["{sam}"]`, real: pat + out + sam + in,
			},
			step{
				name: "full push with a path", send: "PATCH /Groups/{eng}", status: 200,
				body: ops(`{"op":"replace","path":"members","value":[{"value":"{pat}"},{"value":"{kim}"}]}`),
				want: `members #2`, real: pat + in + sam + out + kim + in,
			},
			step{
				name: "full push without a path", send: "PATCH /Groups/{eng}", status: 200,
				body: ops(`{"op":"replace","value":{"members":[{"value":"{sam}"}]}}`),
				want: `members/*/value ["{sam}"]`, real: pat + out + sam + in + kim + out,
			},
			step{
				name: "AIW puts the group", send: "PUT /Groups/{eng}", status: 200,
				body: `{"schemas":["{GROUP}"],"id":"{eng}","displayName":"Engineering","members":[
					{"value":"{pat}","display":"pat@x.test"},{"value":"{sam}","display":"sam@x.test"}]}`,
				want: `members #2
					id "{eng}"`, real: pat + in + sam + in + kim + out,
			},
			step{
				name: "a PUT without members changes none", send: "PUT /Groups/{eng}", status: 200,
				body: `{"schemas":["{GROUP}"],"id":"{eng}","displayName":"Engineering"}`,
				want: `members #2`, real: pat + in + sam + in,
			},
			step{
				name: "a PUT with no members empties", send: "PUT /Groups/{eng}", status: 200,
				body: `{"schemas":["{GROUP}"],"id":"{eng}","displayName":"Engineering","members":[]}`,
				want: `members #0`, real: pat + out + sam + out,
			},
			step{
				name: "another id in the value", send: "PATCH /Groups/{eng}", status: 400,
				body: ops(`{"op":"replace","value":{"id":"{missing}","displayName":"Other"}}`), want: `scimType "mutability"`,
			},
			step{
				name: "nothing of that was done", send: "GET /Groups/{eng}", status: 200, want: `displayName "Engineering"`,
			},
		)
	})
}

func TestOkta_O7_unlink_and_push_again(t *testing.T) {
	okta(t, func(c *idp) {
		c.users("pat")
		in := "pat pat@x.test active\neng: link: okta \"Engineering\""
		c.group("Engineering", "pat")
		first := c.names["Engineering"]
		c.real(in)
		c.run(
			step{name: "unlink", send: "DELETE /Groups/{Engineering}", status: 204, real: "pat pat@x.test active"},
			step{name: "it is gone", send: "GET /Groups/{Engineering}", status: 404},
			step{name: "once only", send: "DELETE /Groups/{Engineering}", status: 404},
			step{
				name: "push again", send: "POST /Groups", status: 201, save: "again",
				body: `{"schemas":["{GROUP}"],"displayName":"Engineering","members":[]}`, real: "pat pat@x.test active",
			},
			step{
				name: "with members", send: "PATCH /Groups/{again}", status: 200, real: in,
				body: `{"schemas":["{PATCHOP}"],"Operations":[{"op":"replace","path":"members","value":[{"value":"{pat}"}]}]}`,
			},
		)
		if c.names["again"] == first {
			c.t.Errorf("the second group has the id of the first, which is deleted")
		}
	})
}

func TestOkta_O8_import_pages(t *testing.T) {
	okta(t, func(c *idp) {
		const total = 250
		harness.Parallel(8, func(worker int) {
			for i := worker; i < total; i += 8 {
				a, err := c.exchange("POST", "/scim/v2/Users", fmt.Sprintf(`{"userName":"u%03d@x.test","externalId":"e%d"}`, i, i))
				if err != nil || a.status != 201 {
					c.t.Errorf("create %d: %v %+v", i, err, a)
				}
			}
		})
		walk := func() (names []string) {
			for start := 1; start <= total; start += 100 {
				a := c.send(fmt.Sprintf("GET /Users?startIndex=%d&count=100", start), "").code(200).
					want(fmt.Sprintf("totalResults %d\nstartIndex %d\nitemsPerPage %d", total, start, min(100, total-start+1)))
				for _, r := range a.at("Resources").([]any) {
					names = append(names, r.(map[string]any)["userName"].(string))
				}
			}
			return names
		}
		first := walk()
		second := walk()
		if !slices.Equal(first, second) {
			c.t.Error("the order of the pages changed between two imports")
		}
		slices.Sort(first)
		if len(slices.Compact(first)) != total {
			c.t.Errorf("the pages hold %d different people, want %d", len(slices.Compact(first)), total)
		}
	})
}

func TestOkta_O9_header_token_and_errors(t *testing.T) {
	okta(t, func(c *idp) {
		c.with("Authorization", c.token).send("GET /Users?startIndex=1&count=1", "").code(200)
		c.with("Authorization", "bearer "+c.token).send("GET /Users?startIndex=1&count=1", "").code(200)
		c.with("Authorization", "Basic "+c.token).send("GET /Users", "").code(401)
		c.send("GET /Users/{missing}", "").code(404)

		plain := c.idp(c.t, "plain", "")
		plain.send("GET /Users", "").code(200)
		plain.with("Authorization", plain.token).send("GET /Users", "").code(401)
		c.CLI(c.t, "connection", "set", "plain", "bare_token=true")
		plain.with("Authorization", plain.token).send("GET /Users", "").code(200)
		for _, preset := range []string{"entra", "onelogin", "jumpcloud", "ping", "entra-objectid"} {
			other := c.idp(c.t, preset, preset)
			other.with("Authorization", other.token).send("GET /Users", "").code(401)
		}
	})
}

func TestOkta_O10_primary(t *testing.T) {
	okta(t, func(c *idp) {
		c.run(
			step{
				name: "the primary address is the account's", send: "POST /Users", status: 201, save: "pat",
				body: `{"schemas":["{USER}"],"userName":"pat@x.test","active":true,"emails":[
					{"value":"home@x.test","type":"home","primary":false},{"value":"work@x.test","type":"work","primary":true}]}`,
				want: `emails/type=work/primary true
					emails/type=home/value "home@x.test"`,
				real: "pat work@x.test active",
			},
			step{
				name: "and is read back", send: "GET /Users/{pat}", status: 200,
				want: `emails #2
					emails/type=work/primary true
					emails/type=work/value "work@x.test"`,
			},
		)
	})
}
