package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What an answer looks like in the corners that the providers' own sequences do not reach.

func TestAnswers_lists_name_their_schema(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat")
		c.group("G", "pat")
		list := `schemas ["` + listURN + `"]`
		for _, request := range []string{
			"GET /Users", "GET /Groups", "GET /Users?count=0", "GET /Groups?count=0", "GET /Users?startIndex=9", "GET /Groups?startIndex=9",
			`GET /Users?filter=userName eq "nobody"`, `GET /Groups?filter=displayName eq "nothing"`, `GET /Users?filter=title pr`,
			"GET /Users?attributes=userName", "GET /Groups?excludedAttributes=members",
		} {
			c.send(request, "").code(200).want(list)
		}
		for _, request := range []string{"POST /Users/.search", "POST /Groups/.search"} {
			c.send(request, `{"schemas":["{SEARCH}"],"count":1}`).code(200).want(list)
		}
	})
}

func TestAnswers_a_new_resource_has_one_time_and_no_external_id_of_ours(t *testing.T) {
	required(t, func(c *idp) {
		for target, body := range map[string]string{
			"/Users":  `{"userName":"u%d@x.test"%s}`,
			"/Groups": `{"displayName":"g%d"%s}`,
		} {
			for i, sent := range []string{"", `,"externalId":""`, `,"externalId":null`, `,"externalId":"E"`} {
				want := "externalId absent"
				if i == 3 {
					want = `externalId "E"`
				}
				a := c.send("POST "+target, fmt.Sprintf(body, i, sent)).code(201).want(want)
				want += fmt.Sprintf("\nmeta/created %q\nmeta/lastModified %[1]q", a.text("meta/created"))
				a.want(want)
				c.send("GET "+target+"/"+a.id(), "").code(200).want(want)
			}
		}
	})
}

func TestAnswers_schemas_name_the_extension_when_it_has_attributes_and_only_then(t *testing.T) {
	const core, both = `schemas ["{USER}"]`, `schemas ["{USER}","{ENT}"]`
	required(t, func(c *idp) {
		every := func(want string) {
			c.t.Helper()
			c.send("GET /Users/{pat}", "").code(200).want(want)
			c.send("GET /Users", "").code(200).want("Resources/0/" + want)
			c.send(`GET /Users?filter=schemas eq "{ENT}"`, "").code(200).want(fmt.Sprintf("totalResults %d", strings.Count(want, ",")))
		}
		claimed := `"schemas":["{USER}","{ENT}"],"userName":"pat@x.test"`
		a := c.send("POST /Users", `{`+claimed+`,"title":"\"{ENT}\":{"}`).code(201).want(core)
		c.names["pat"] = a.id()
		every(core)
		for _, s := range []struct{ request, body, want string }{
			{"PATCH", `{"op":"add","path":"{ENT}:department","value":"R&D"}`, both},
			{"PATCH", `{"op":"remove","path":"{ENT}:department"}`, core},
			{"PATCH", `{"op":"add","value":{"{ENT}":{"department":"R&D","manager":{"value":"m"}}}}`, both},
			{"PATCH", `{"op":"remove","path":"{ENT}:manager"}`, both},
			{"PATCH", `{"op":"replace","path":"{ENT}:department","value":""}`, core},
			{"PATCH", `{"op":"replace","path":"{ENT}:manager","value":"m"}`, both},
			{"PATCH", `{"op":"remove","path":"{ENT}"}`, core},
			{"PATCH", `{"op":"add","path":"{ENT}:noSuchThing","value":"x"}`, core},
			{"PUT", `{` + claimed + `,"{ENT}":{"costCenter":"7"}}`, both},
			{"PUT", `{` + claimed + `,"{ENT}":{"costCenter":null}}`, core},
			{"PUT", `{"schemas":["{USER}"],"userName":"pat@x.test","{ENT}":{"costCenter":"7"}}`, both},
			{"PUT", `{` + claimed + `}`, core},
		} {
			if s.request == "PATCH" {
				s.body = `{"schemas":["{PATCHOP}"],"Operations":[` + s.body + `]}`
			}
			c.send(s.request+" /Users/{pat}", s.body).code(200).want(s.want)
			every(s.want)
		}
		c.send("POST /Users", `{"userName":"sam@x.test","{ENT}":{"department":"R&D"}}`).code(201).want(both)
	})
}

func TestAnswers_groups_of_a_user_are_direct_or_indirect(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat")
		c.group("Team", "pat")
		c.group("Unit", "Team")
		c.group("Firm", "Unit")
		c.group("Other")
		is := func(kinds string) {
			c.t.Helper()
			got := []string{}
			for _, g := range c.send("GET /Users/{pat}", "").code(200).at("groups").([]any) {
				g := g.(map[string]any)
				got = append(got, fmt.Sprint(g["display"], " ", g["type"]))
			}
			slices.Sort(got)
			if text := strings.Join(got, ", "); text != kinds {
				c.t.Errorf("groups are %s, want %s", text, kinds)
			}
		}
		is("Firm indirect, Team direct, Unit indirect")
		title := `{"op":"add","path":"title","value":"T"}`
		for _, a := range []*answer{c.patch("/Users/{pat}", title), c.send(`GET /Users?filter=userName eq "pat@x.test"`, "")} {
			path := map[bool]string{true: "Resources/0/", false: ""}[hasSchema(a.body, listURN)]
			a.code(200).want(path + "groups #3\n" + path + `groups/display=Firm/type "indirect"` + "\n" + path + `groups/display=Team/type "direct"`)
		}
		c.patch("/Groups/{Firm}", `{"op":"add","path":"members","value":[{"value":"{pat}"}]}`).code(200)
		is("Firm direct, Team direct, Unit indirect")
		c.patch("/Groups/{Unit}", `{"op":"remove","path":"members[value eq \"{Team}\"]"}`).code(200)
		is("Firm direct, Team direct")
	})
}

func TestAnswers_a_large_group_is_not_sent_back_for_one_change(t *testing.T) {
	const large = 1001
	required(t, func(c *idp) {
		ids := fill(c.t, c.clients(8), large)
		member := func(id string) string { return `{"value":"` + id + `"}` }
		members := make([]string, large)
		for i, id := range ids {
			members[i] = member(id)
		}
		g := c.send("POST /Groups?excludedAttributes=members", `{"displayName":"G","members":[`+strings.Join(members[1:], ",")+`]}`)
		c.names["G"] = g.code(201).id()
		rename := `{"op":"replace","path":"displayName","value":"%s"}`
		c.patch("/Groups/{G}", fmt.Sprintf(rename, "H")).code(200).want("displayName \"H\"\nmembers #1000")
		a := c.patch("/Groups/{G}", `{"op":"add","path":"members","value":[`+members[0]+`]}`).code(204)
		if tag := a.header.Get("ETag"); tag != c.version("/Groups/{G}?attributes=displayName") {
			a.errorf("ETag %q is not the version that the group has now", tag)
		}
		c.patch("/Groups/{G}", fmt.Sprintf(rename, "I")).code(204)
		c.patch("/Groups/{G}?attributes=displayName", fmt.Sprintf(rename, "J")).code(200).want("displayName \"J\"\nid present\nmembers absent")
		c.patch("/Groups/{G}?excludedAttributes=members", fmt.Sprintf(rename, "K")).code(200).want("displayName \"K\"\nmembers absent")
		slices.Sort(ids)
		for _, d := range []*idp{c, c.with("Accept", "application/json")} {
			for path, request := range map[string]string{"": "GET /Groups/{G}", "Resources/0/": "GET /Groups"} {
				got := []string{}
				for _, m := range d.send(request, "").code(200).at(path + "members").([]any) {
					got = append(got, m.(map[string]any)["value"].(string))
				}
				if slices.Sort(got); !slices.Equal(got, ids) {
					c.t.Errorf("%s returns %d members, want the %d that there are, each once", request, len(got), large)
				}
			}
		}
		c.patch("/Groups/{G}", `{"op":"remove","path":"members","value":[`+members[0]+`]}`).code(200).want("members #1000")
	})
}

func TestAnswers_discovery_is_neither_filtered_nor_sorted_nor_paged(t *testing.T) {
	required(t, func(c *idp) {
		for path, n := range map[string]int{"/Schemas": 4, "/ResourceTypes": 2} {
			c.send("GET "+path+"?filter=x", "").fails(403, "")
			c.send("GET "+path+`?filter=id eq "{USER}"`, "").fails(403, "")
			whole := c.send("GET "+path, "").code(200)
			a := c.send("GET "+path+"?sortBy=name&sortOrder=descending&startIndex=2&count=1", "").code(200)
			a.want(fmt.Sprintf("totalResults %d\nstartIndex 1\nResources #%[1]d", n))
			if string(a.raw) != string(whole.raw) {
				a.errorf("it differs from what comes without parameters")
			}
		}
		c.send("GET /ServiceProviderConfig?filter=x", "").fails(403, "")
		c.send("GET /Schemas/{USER}?filter=x", "").fails(403, "")
		c.send("GET /ServiceProviderConfig", "").code(200).want(`authenticationSchemes #2
			authenticationSchemes/0/type "oauthbearertoken"
			authenticationSchemes/0/name present
			authenticationSchemes/0/description present
			authenticationSchemes/0/specUri present
			authenticationSchemes/1/type "oauth2"
			authenticationSchemes/1/name present
			authenticationSchemes/1/description present`)
	})
}

func TestAnswers_what_has_no_order_is_not_compared_by_order(t *testing.T) {
	required(t, func(c *idp) {
		c.send("POST /Users", `{"userName":"pat@x.test","x509Certificates":[{"value":"YWJj"}],"emails":[{"value":"p@x.test","primary":true}]}`).code(201)
		for _, op := range []string{"gt", "ge", "lt", "le", "GT"} {
			for _, filter := range []string{
				`x509Certificates.value ` + op + ` "a"`, `x509Certificates[value ` + op + ` "a"]`, `x509Certificates ` + op + ` "a"`,
				`active ` + op + ` true`, `active ` + op + ` "True"`, `emails[primary ` + op + ` false]`, `not (active ` + op + ` true)`,
			} {
				c.send("GET /Users?filter="+filter, "").fails(400, "invalidFilter")
			}
		}
		for filter, n := range map[string]int{
			`x509Certificates.value eq "YWJj"`: 1, `x509Certificates.value eq "ywjj"`: 0, `x509Certificates[value sw "YW"]`: 1, `active eq true`: 1,
		} {
			c.send("GET /Users?filter="+filter, "").code(200).want(fmt.Sprintf("totalResults %d", n))
		}
	})
}

func TestAnswers_resource_types_are_filtered_on(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat", "sam")
		c.group("G", "pat")
		for request, n := range map[string]int{
			`/Users?filter=meta.resourceType eq "User"`: 2, `/Users?filter=meta.resourceType eq "Group"`: 0,
			`/Users?filter=meta.resourceType ne "User"`: 0, `/Users?filter=META.RESOURCETYPE NE "Group"`: 2,
			`/Users?filter=meta.resourceType pr`: 2, `/Users?filter=meta.resourceType eq "User" and userName sw "p"`: 1,
			`/Users?filter=not (meta.resourceType eq "User")`: 0,
			`/Groups?filter=meta.resourceType eq "Group"`:     1, `/Groups?filter=meta.resourceType eq "User"`: 0,
		} {
			c.send("GET "+request, "").code(200).want(fmt.Sprintf("totalResults %d", n))
		}
		c.send(`GET /Users?filter=meta.resourceType gt "A"`, "").fails(400, "invalidFilter")
	})
}

func TestAnswers_a_search_by_POST_is_a_list(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat", "sam", "kim")
		c.group("A", "pat")
		c.group("B")
		search := func(target, rest string) *answer {
			c.t.Helper()
			return c.send("POST "+target+"/.search", `{"schemas":["{SEARCH}"]`+rest+`}`)
		}
		search("/Users", "").code(200).want("totalResults 3\nResources #3")
		search("/Users", `,"startIndex":2,"count":1`).code(200).want("totalResults 3\nstartIndex 2\nitemsPerPage 1\nResources/0/userName \"sam@x.test\"")
		search("/Users", `,"filter":"userName sw \"k\"","attributes":["userName","meta.location"]`).code(200).want(`totalResults 1
			Resources/0/userName "kim@x.test"
			Resources/0/id "{kim}"
			Resources/0/schemas ["{USER}"]
			Resources/0/meta {"location":"{base}/Users/{kim}"}
			Resources/0/externalId absent`)
		search("/Groups", `,"filter":"displayName eq \"a\""`).code(200).want("totalResults 1\nResources/0/members/*/value [\"{pat}\"]")
		search("/Groups", `,"excludedAttributes":["members","displayName"]`).code(200).
			want("totalResults 2\nResources/*/members []\nResources/*/displayName []\nResources/0/id present\nResources/0/schemas present")
		search("/Groups", `,"attributes":["members.value"],"filter":"members eq \"{pat}\""`).code(200).
			want("totalResults 1\nResources/0/members [{\"value\":\"{pat}\"}]\nResources/0/displayName absent")
		search("/Groups", `,"attributes":["displayName"],"excludedAttributes":["displayName"],"count":0`).code(200).want("totalResults 2\nResources #0")
		search("/Users", `,"filter":"displayName"`).fails(400, "invalidFilter")
		for _, wrong := range []string{`,"filter":7`, `,"startIndex":"x"`, `,"count":{}`, `,"attributes":"userName"`, `,"excludedAttributes":7`} {
			search("/Users", wrong).fails(400, "invalidSyntax")
		}
		c.send("GET /Users/.search", "").fails(405, "")
	})
}

func TestAnswers_conditions_on_the_version(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat")
		c.group("G", "pat")
		title := `{"Operations":[{"op":"replace","path":"displayName","value":"%s"}]}`
		put := map[string]string{"/Users/{pat}": `{"userName":"pat@x.test"}`, "/Groups/{G}": `{"displayName":"put"}`}
		for target, body := range put {
			first := c.version(target)
			for _, tags := range []string{first, `W/"77", ` + first, "*"} {
				if a := c.with("If-None-Match", tags).send("GET "+target, "").code(304); a.header.Get("ETag") != first {
					a.errorf("ETag %q, want %q", a.header.Get("ETag"), first)
				}
			}
			c.with("If-Match", first).send("PATCH "+target, fmt.Sprintf(title, "new")).code(200)
			if a := c.with("If-None-Match", first).send("GET "+target, "").code(200); a.header.Get("ETag") == first {
				a.errorf("the version is the same after a change")
			}
			c.unchanged(func() {
				for _, stale := range []string{first, `W/"77"`, `"77"`, "nothing"} {
					c.with("If-Match", stale).send("PUT "+target, body).fails(412, "")
					c.with("If-Match", stale).send("PATCH "+target, fmt.Sprintf(title, "newer")).fails(412, "")
					c.with("If-Match", stale).send("PATCH "+target, fmt.Sprintf(title, "new")).fails(412, "")
					c.with("If-Match", stale).send("DELETE "+target, "").fails(412, "")
				}
			})
			c.with("If-Match", c.version(target)).send("PUT "+target, body).code(200)
			c.with("If-Match", c.version(target)).send("DELETE "+target, "").code(204)
			c.with("If-None-Match", first).send("GET "+target, "").code(404)
		}
	})
}

func TestAnswers_a_thousand_operations_and_one(t *testing.T) {
	operations := func(n int, op string) string { return strings.Repeat(op+",", n-1) + op }
	required(t, func(c *idp) {
		c.users("pat")
		c.group("G", "pat")
		for target, op := range map[string]string{
			"/Users/{pat}": `{"op":"add","path":"title","value":"T"}`, "/Groups/{G}": `{"op":"add","path":"members","value":[{"value":"{pat}"}]}`,
		} {
			c.unchanged(func() { c.patch(target, operations(1001, op)).fails(413, "") })
			c.patch(target, operations(1000, op)).code(200)
		}
	})
}

func TestAnswers_plain_JSON_to_who_asks_for_nothing_else(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat")
		c.group("G", "pat")
		d := c.with("Accept", "application/json") // of which answer.lawful asserts the type of every answer
		for _, path := range []string{"/Users", "/Users/{pat}", "/Groups", "/Groups/{G}", "/Schemas", "/ServiceProviderConfig", "/ResourceTypes/User"} {
			d.send("GET "+path, "").code(200)
		}
		d.send("POST /Users", `{"userName":"sam@x.test"}`).code(201)
		d.patch("/Users/{pat}", `{"op":"add","path":"title","value":"T"}`).code(200)
		d.send("GET /Users/{missing}", "").code(404)
		d.send("GET /Users?filter=x", "").code(400)
		d.send("DELETE /Users", "").code(405)
		for _, accept := range []string{"application/json;q=0.5, application/scim+json", "*/*", "application/json, */*"} {
			c.with("Accept", accept).send("GET /Users", "").code(200)
		}
	})
}
