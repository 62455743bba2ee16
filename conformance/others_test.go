package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestOneLogin_life_cycle(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "onelogin", "onelogin")
		s.world(t, "onelogin")
		in := "\neng: link: onelogin \"Engineering\""
		pat := `{"schemas":["{USER}"],"userName":"pat@x.test","name":{"givenName":"Pat","familyName":"Lee"},
			"emails":[{"value":"pat@x.test","type":"work","primary":true}],"active":%t}`
		c.run(
			step{
				name: "connection", send: `GET /Users?filter=userName eq "non-existent"`, status: 200,
				want: "totalResults 0\nResources []",
			},
			step{name: "create", send: "POST /Users", body: fmt.Sprintf(pat, true), status: 201, save: "pat"},
			step{name: "by id", send: "GET /Users/{pat}", status: 200, want: `userName "pat@x.test"`},
			step{
				name: "create group", send: "POST /Groups", status: 201, save: "eng",
				body: `{"schemas":["{GROUP}"],"displayName":"Engineering"}`,
			},
			step{name: "groups", send: "GET /Groups", status: 200, want: `Resources/*/displayName ["Engineering"]`},
			step{
				name: "patch group", send: "PATCH /Groups/{eng}", status: 200, real: "pat pat@x.test active" + in,
				body: `{"schemas":["{PATCHOP}"],"Operations":[{"op":"add","path":"members","value":[{"value":"{pat}"}]}]}`,
			},
			step{
				name: "suspend by PUT", send: "PUT /Users/{pat}", body: fmt.Sprintf(pat, false), status: 200,
				want: "active false", real: "pat pat@x.test inactive",
			},
			step{
				name: "back by PATCH", send: "PATCH /Users/{pat}", status: 200, want: "active true",
				body: `{"schemas":["{PATCHOP}"],"Operations":[{"op":"replace","path":"active","value":true}]}`,
				real: "pat pat@x.test active" + in,
			},
			step{name: "users", send: "GET /Users", status: 200, want: `Resources/*/userName ["pat@x.test"]`},
			step{name: "delete", send: "DELETE /Users/{pat}", status: 204},
		)
		if a := c.account(t, "pat"); a.Active || a.Email == "pat@x.test" {
			t.Errorf("after DELETE the account is %+v, want it inactive and its address free", a)
		}
		c.with("Accept", "application/json").send("GET /Users", "").code(200)
		c.with("Accept", "application/json").send("GET /Users/{missing}", "").code(404)
		c.with("Accept", "application/json, application/scim+json").send("GET /Users", "").code(200)
	})
}

func TestJumpCloud_test_connection(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "jumpcloud", "jumpcloud")
		s.world(t, "jumpcloud")
		ops := func(list string) string { return `{"schemas":["{PATCHOP}"],"Operations":[` + list + `]}` }
		add := ops(`{"op":"add","path":"members","value":[{"value":"{test}"}]}`)
		in := "test test@x.test active\neng: link: jumpcloud \"Engineering\""
		c.run(
			step{
				name: "look up", send: `GET /Users?filter=userName eq "test@x.test"`, status: 200, want: "totalResults 0",
			},
			step{
				name: "a test user", send: "POST /Users", status: 201, save: "test", real: "test test@x.test active",
				body: `{"schemas":["{USER}"],"userName":"test@x.test","active":true,
					"emails":[{"value":"test@x.test","type":"work","primary":true}]}`,
			},
			step{
				name: "a test group", send: "POST /Groups", status: 201, save: "eng",
				body: `{"schemas":["{GROUP}"],"displayName":"Engineering"}`,
			},
			step{name: "add", send: "PATCH /Groups/{eng}", body: add, status: 200, want: "members #1", real: in},
		)
		version, count := c.version("/Groups/{eng}"), len(c.events(t, ""))
		for range 3 {
			c.send("PATCH /Groups/{eng}", c.expand(add)).code(200).want("members #1")
		}
		if v, n := c.version("/Groups/{eng}"), len(c.events(t, "")); v != version || n != count {
			t.Errorf("adding a member again made version %s (was %s) and %d events", v, version, n-count)
		}
		c.real(in)
		c.run(
			step{
				name: "remove in the manner of Entra", send: "PATCH /Groups/{eng}", status: 200, want: "members #0",
				body: ops(`{"op":"remove","path":"members","value":[{"value":"{test}"}]}`), real: "test test@x.test active",
			},
			step{
				name: "deactivate", send: "PATCH /Users/{test}", status: 200, real: "test test@x.test inactive",
				body: ops(`{"op":"replace","path":"active","value":false}`),
			},
			step{name: "delete the group", send: "DELETE /Groups/{eng}", status: 204},
			step{name: "delete the user", send: "DELETE /Users/{test}", status: 204},
			step{name: "no users", send: "GET /Users", status: 200, want: "totalResults 0"},
			step{name: "no groups", send: "GET /Groups", status: 200, want: "totalResults 0"},
			step{
				name: "the test again", send: "POST /Users", status: 201,
				body: `{"schemas":["{USER}"],"userName":"test@x.test","active":true,
					"emails":[{"value":"test@x.test","type":"work","primary":true}]}`,
			},
		)
	})
}

func TestPing_filters_and_put_only_users(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "ping", "ping")
		s.world(t, "ping")
		pat := `{"schemas":["{USER}"],"userName":"pat@x.test","name":{"givenName":"Pat","familyName":%q},
			"emails":[{"value":"pat@x.test","type":"work","primary":true}],"active":%t}`
		in := "\neng: link: ping \"Engineering\""
		c.run(
			step{name: "look up", send: `GET /Users?filter=userName Eq "pat@x.test"`, status: 200, want: "totalResults 0"},
			step{
				name: "create", send: "POST /Users", body: fmt.Sprintf(pat, "Lee", true), status: 201, save: "pat",
				real: "pat pat@x.test active",
			},
			step{
				name: "found", send: `GET /Users?filter=userName Eq "pat@x.test"`, status: 200, want: `Resources/*/id ["{pat}"]`,
			},
			step{
				name: "in small letters", send: `GET /Users?filter=username Eq "pat@x.test"`, status: 200,
				want: `Resources/*/id ["{pat}"]`,
			},
			step{
				name: "by part of the address", send: `GET /Users?filter=emails Co "pat@"`, status: 200,
				want: `Resources/*/id ["{pat}"]`,
			},
			step{
				name: "change", send: "PUT /Users/{pat}", body: fmt.Sprintf(pat, "Leigh", true), status: 200,
				want: `name/familyName "Leigh"`,
			},
			step{
				name: "group", send: "POST /Groups", status: 201, save: "eng",
				body: `{"schemas":["{GROUP}"],"displayName":"Engineering"}`,
			},
			step{
				name: "membership", send: "PATCH /Groups/{eng}", status: 200, real: "pat pat@x.test active" + in,
				body: `{"schemas":["{PATCHOP}"],"Operations":[{"op":"add","path":"members","value":[{"value":"{pat}"}]}]}`,
			},
			step{
				name: "disable", send: "PUT /Users/{pat}", body: fmt.Sprintf(pat, "Leigh", false), status: 200,
				want: "active false", real: "pat pat@x.test inactive",
			},
			step{
				name: "enable", send: "PUT /Users/{pat}", body: fmt.Sprintf(pat, "Leigh", true), status: 200,
				want: "active true", real: "pat pat@x.test active" + in,
			},
		)
		// There is no attribute `email`: either the filter finds what was meant, or it is refused as what it is.
		if a := c.send(`GET /Users?filter=email Co "pat@x.test"`, ""); a.status == 400 {
			a.fails(400, "invalidFilter")
		} else {
			a.code(200).want(`Resources/*/id ["{pat}"]`)
		}
		pingListsAllGroups(c)
	})
}

// pingListsAllGroups walks the list as Ping does to match groups by their names.
func pingListsAllGroups(c *idp) {
	c.t.Helper()
	var made, listed []string
	for i := range 130 {
		made = append(made, fmt.Sprintf("Group %03d", i))
		c.group(made[i])
	}
	made = append(made, "Engineering")
	for start := 1; start <= len(made); start += 50 {
		a := c.send(fmt.Sprintf("GET /Groups?startIndex=%d&count=50", start), "").code(200).
			want(fmt.Sprintf("totalResults %d\nstartIndex %d", len(made), start))
		for _, r := range a.at("Resources").([]any) {
			listed = append(listed, r.(map[string]any)["displayName"].(string))
		}
	}
	slices.Sort(made)
	slices.Sort(listed)
	if !slices.Equal(made, listed) {
		c.t.Errorf("the pages list %d groups, want each of %d once", len(listed), len(made))
	}
}

func TestRippling_probe_and_repeated_push(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "rippling", "")
		s.world(t, "rippling")
		body := `{"schemas":["{USER}"],"externalId":"r1","userName":"pat@x.test","active":true,
			"name":{"givenName":"Pat","familyName":"Lee"},"emails":[{"value":"pat@x.test","primary":true}]}`
		c.run(
			step{
				name: "probe", send: "GET /ServiceProviderConfig", status: 200,
				want: `patch/supported true
					filter/supported true
					etag/supported true
					authenticationSchemes/0/type "oauthbearertoken"`,
			},
			step{name: "push", send: "POST /Users", body: body, status: 201, save: "pat", real: "pat pat@x.test active"},
			step{
				name: "push repeated", send: "POST /Users", body: body, status: 409, want: `scimType "uniqueness"`,
				real: "pat pat@x.test active",
			},
			step{name: "one person", send: "GET /Users", status: 200, want: `Resources/*/id ["{pat}"]`},
			step{
				name: "by the primary address", send: `GET /Users?filter=emails[primary eq true].value eq "pat@x.test"`,
				status: 200, want: `Resources/*/id ["{pat}"]`,
			},
		)
	})
}

func TestKeycloak_value_is_a_JSON_string(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "keycloak", "")
		s.world(t, "keycloak")
		c.users("pat")
		c.group("Engineering")
		in := "pat pat@x.test active\neng: link: keycloak \"Engineering\""
		c.patch("/Groups/{Engineering}", `{"op":"replace","value":"{\"members\":[{\"value\":\"{pat}\"}]}"}`).code(200)
		c.real(in)
		c.patch("/Users/{pat}", `{"op":"replace","value":"{\"active\":false,\"displayName\":\"Pat Lee\"}"}`).code(200).
			want("active false\ndisplayName \"Pat Lee\"")
		c.real("pat pat@x.test inactive")
		c.patch("/Users/{pat}", `{"op":"replace","value":"{\"active\":true}"}`).code(200).want("active true")
		c.real(in)
		c.unchanged(func() { c.patch("/Users/{pat}", `{"op":"replace","value":"no object"}`).code(400) })
	})
}

func TestAWS_chunks_of_a_hundred_members(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "aws", "")
		c.group("Everybody")
		for chunk := range 3 {
			var operations []string
			for i := range 100 {
				id := c.user(fmt.Sprintf("u%d@x.test", chunk*100+i))
				operations = append(operations, fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q}]}`, id))
			}
			c.patch("/Groups/{Everybody}", strings.Join(operations, ",")).code(200).
				want(fmt.Sprintf("members #%d", (chunk+1)*100))
		}
	})
}
