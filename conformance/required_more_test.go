package conformance

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

func TestRequired_06_unique_names(t *testing.T) {
	required(t, func(c *idp) {
		c.run(
			step{
				name: "stored as sent", send: "POST /Users", body: `{"userName":"Pat@X.test","externalId":"Ab"}`, status: 201,
				save: "pat", want: `userName "Pat@X.test"`,
			},
			step{
				name: "taken in any case", send: "POST /Users", body: `{"userName":"pAT@x.TEST","externalId":"other"}`, status: 409,
				want: `scimType "uniqueness"`,
			},
			step{
				name: "found in any case", send: `GET /Users?filter=userName eq "PAT@x.test"`, status: 200,
				want: `Resources/*/userName ["Pat@X.test"]`,
			},
			step{
				name: "externalId is exact", send: "POST /Users", body: `{"userName":"sam@x.test","externalId":"aB"}`,
				status: 201, save: "sam",
			},
			step{
				name: "found exactly", send: `GET /Users?filter=externalId eq "aB"`, status: 200, want: `Resources/*/id ["{sam}"]`,
			},
			step{
				name: "and only exactly", send: `GET /Users?filter=externalId eq "AB"`, status: 200, want: `totalResults 0`,
			},
			step{
				name: "externalId is unique", send: "POST /Users", body: `{"userName":"kim@x.test","externalId":"aB"}`, status: 409,
				want: `scimType "uniqueness"`,
			},
			step{
				name: "by PUT too", send: "PUT /Users/{sam}", body: `{"userName":"PAT@x.test","externalId":"aB"}`, status: 409,
				want: `scimType "uniqueness"`,
			},
			step{
				name: "by PATCH too", send: "PATCH /Users/{sam}", status: 409, want: `scimType "uniqueness"`,
				body: `{"Operations":[{"op":"replace","path":"externalId","value":"Ab"}]}`,
			},
			step{
				name: "a group as sent", send: "POST /Groups", body: `{"displayName":"Größe","externalId":"G"}`, status: 201,
				save: "g", want: `displayName "Größe"`,
			},
			step{
				name: "its name taken in any case", send: "POST /Groups", body: `{"displayName":"GRÖSSE"}`, status: 409,
				want: `scimType "uniqueness"`,
			},
			step{
				name: "and found", send: `GET /Groups?filter=displayName eq "grösse"`, status: 200, want: `Resources/*/id ["{g}"]`,
			},
		)
		c.real("pat Pat@X.test active\nsam sam@x.test active")
	})
}

func TestRequired_07_index_pagination(t *testing.T) {
	required(t, func(c *idp) {
		for i := range 205 {
			a, err := c.exchange("POST", "/scim/v2/Users", fmt.Sprintf(`{"userName":"u%03d"}`, i))
			if err != nil || a.status != 201 {
				t.Fatalf("create %d: %v %+v", i, err, a)
			}
		}
		for query, want := range map[string][3]int{ // startIndex, itemsPerPage, totalResults
			"":                                 {1, 100, 205},
			"startIndex=0":                     {1, 100, 205},
			"startIndex=-7&count=3":            {1, 3, 205},
			"startIndex=204":                   {204, 2, 205},
			"startIndex=205&count=10":          {205, 1, 205},
			"startIndex=206":                   {206, 0, 205},
			"startIndex=100000":                {100000, 0, 205},
			"count=0":                          {1, 0, 205},
			"count=-1":                         {1, 0, 205},
			"count=100000":                     {1, 200, 205},
			"startIndex=101&count=100":         {101, 100, 205},
			`filter=userName sw "u00"&count=4`: {1, 4, 10},
			`filter=userName eq "u000"`:        {1, 1, 1},
			`filter=userName eq "x"&count=0`:   {1, 0, 0},
		} {
			a := c.send("GET /Users?"+query, "").code(200).
				want(fmt.Sprintf("startIndex %d\nitemsPerPage %d\ntotalResults %d", want[0], want[1], want[2]))
			if _, ok := a.at("Resources").([]any); !ok {
				a.errorf("Resources is no list")
			}
		}
		for _, query := range []string{"startIndex=x", "count=x", "count=1.5"} {
			c.send("GET /Users?"+query, "").code(400)
		}
		seen := map[string]int{}
		for start := 1; start <= 205; start += 7 {
			a := c.send(fmt.Sprintf("GET /Users?startIndex=%d&count=7", start), "").code(200)
			for _, r := range a.at("Resources").([]any) {
				seen[r.(map[string]any)["userName"].(string)]++
			}
			if start == 50 { // A change in the midst of a walk does not move the others.
				c.patch("/Users/"+a.text("Resources/0/id"), `{"op":"add","path":"title","value":"T"}`).code(200)
			}
		}
		for name, n := range seen {
			if n != 1 {
				t.Errorf("%s was on the pages %d times", name, n)
			}
		}
		if len(seen) != 205 {
			t.Errorf("the pages hold %d people, want 205", len(seen))
		}
	})
}

func TestRequired_08_attributes_and_excludedAttributes(t *testing.T) {
	required(t, func(c *idp) {
		body := `{"userName":"pat@x.test","title":"T","name":{"givenName":"Pat","familyName":"Lee"},
			"emails":[{"type":"work","value":"p@x.test"}],"{ENT}":{"department":"R&D","division":"D"}}`
		c.names["pat"] = c.send("POST /Users", body).code(201).id()
		c.group("G", "pat")
		always := "id present\nschemas present\n"
		only := always + "userName present\ntitle absent\nname absent\nemails absent\n{ENT} absent\ngroups absent"
		without := always + "userName present\ntitle absent\nname/givenName absent\nname/familyName \"Lee\"\nemails #1"
		for _, r := range []struct{ request, body string }{
			{"GET /Users/{pat}", ""},
			{"PUT /Users/{pat}", body},
			{"PATCH /Users/{pat}", `{"Operations":[{"op":"add","path":"nickName","value":"N"}]}`},
		} {
			c.send(r.request+"?attributes=userName", r.body).code(200).want(only)
			c.send(r.request+"?excludedAttributes=title,name.givenName", r.body).code(200).want(without)
			c.send(r.request+"?excludedAttributes=id,schemas,userName", r.body).code(200).want(always + "userName absent")
			c.send(r.request+"?attributes=name.givenName,{ENT}:department,emails.value,{USER}:title", r.body).code(200).
				want(always + `name {"givenName":"Pat"}
					{ENT} {"department":"R&D"}
					emails [{"value":"p@x.test"}]
					title "T"
					userName absent`)
			c.send(r.request+"?attributes=noSuchThing", r.body).code(200).want(always + "userName absent")
			c.send(r.request+"?attributes=password", r.body).code(200).want(always + "password absent")
			c.send(r.request+"?attributes=groups", r.body).code(200).want(always + `groups/*/display ["G"]`)
		}
		c.send("POST /Users?attributes=title", `{"userName":"sam@x.test","title":"S"}`).code(201).
			want("id present\ntitle \"S\"\nuserName absent")
		c.send("GET /Users?attributes=userName&filter=userName pr", "").code(200).want(`Resources/*/userName ["pat@x.test","sam@x.test"]
			Resources/0/id present
			Resources/0/schemas present
			Resources/0/title absent`)
		c.send("GET /Users?excludedAttributes=userName", "").code(200).want("Resources/*/userName []\nResources/*/title [\"S\",\"T\"]")
		c.send("GET /Groups/{G}?attributes=members", "").code(200).want("displayName absent\nmembers #1")
		c.send("PATCH /Groups/{G}?excludedAttributes=members", `{"Operations":[{"op":"replace","path":"displayName","value":"H"}]}`).
			code(200).want("members absent\ndisplayName \"H\"")
		search := `{"schemas":["{SEARCH}"],"attributes":["userName"],"filter":"title eq \"S\"","startIndex":1,"count":10}`
		c.send("POST /Users/.search", search).code(200).want(`Resources/*/userName ["sam@x.test"]
			Resources/0/title absent
			totalResults 1`)
		c.send("POST /Users/.search", `{"schemas":["{SEARCH}"],"excludedAttributes":["title"],"filter":"id pr"}`).code(200).
			want("totalResults 2\nResources/*/title []")
	})
}

func TestRequired_09_create(t *testing.T) {
	required(t, func(c *idp) {
		body := `{"schemas":["{USER}"],"userName":"pat@x.test","externalId":"p","active":true}`
		c.run(
			step{
				name: "created", send: "POST /Users", body: body, status: 201, save: "pat", real: "pat pat@x.test active",
				want: `meta/resourceType "User"
					meta/created present
					meta/lastModified present
					active true`,
			},
			step{
				name: "location", send: "GET /Users/{pat}", status: 200, want: `meta/location "{base}/Users/{pat}"`,
			},
			step{name: "again", send: "POST /Users", body: body, status: 409, want: `scimType "uniqueness"`},
			step{
				name: "absent active means true", send: "POST /Users", body: `{"userName":"sam@x.test"}`, status: 201, save: "sam",
				want: "active true", real: "sam sam@x.test active",
			},
			step{
				name: "born inactive", send: "POST /Users", body: `{"userName":"kim@x.test","active":false}`, status: 201,
				save: "kim", want: "active false", real: "kim kim@x.test inactive",
			},
			step{
				name: "deactivate", send: "PATCH /Users/{pat}", status: 200, real: "pat pat@x.test inactive",
				body: `{"Operations":[{"op":"replace","path":"active","value":false}]}`,
			},
			step{
				name: "an inactive match by externalId, with another userName", send: "POST /Users", status: 201,
				body: `{"userName":"patricia@x.test","externalId":"p"}`, want: "id \"{pat}\"\nuserName \"patricia@x.test\"\nactive true",
				real: "patricia patricia@x.test active",
			},
			step{
				name: "neither has an externalId: an inactive match by userName", send: "POST /Users", status: 201,
				body: `{"userName":"KIM@x.test"}`, want: "id \"{kim}\"\nactive true", real: "kim KIM@x.test active",
			},
			step{
				name: "deactivate", send: "PATCH /Users/{pat}", status: 200,
				body: `{"Operations":[{"op":"replace","path":"active","value":false}]}`,
			},
			step{
				name: "the same userName with another externalId is another person", send: "POST /Users", status: 409,
				body: `{"userName":"patricia@x.test","externalId":"q"}`, want: `scimType "uniqueness"`,
				real: "patricia patricia@x.test inactive",
			},
			step{
				name: "the same userName without an externalId is another person", send: "POST /Users", status: 409,
				body: `{"userName":"patricia@x.test"}`, want: `scimType "uniqueness"`, real: "patricia patricia@x.test inactive",
			},
			step{
				name: "it still answers as before", send: "GET /Users/{pat}", status: 200, want: "active false\nexternalId \"p\"",
			},
		)
		var conflicts []struct{ Connection, Field, Value, Account, Detail, Time string }
		c.Show(t, &conflicts, "conflict", "list")
		if len(conflicts) == 0 || conflicts[0].Connection != "any" {
			c.t.Errorf("the conflicts are %+v, want one of the connection", conflicts)
		}
		if id := c.names["pat"]; len(id) != 26 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			c.t.Errorf("the id is %q, want 26 characters of [a-z0-9]", id)
		}
	})
}

func TestRequired_10_replace(t *testing.T) {
	required(t, func(c *idp) {
		c.users("sam")
		full := `{"schemas":["{USER}"],"userName":"pat@x.test","externalId":"p","active":true,"title":"T",
			"name":{"givenName":"Pat","familyName":"Lee"},"emails":[{"value":"p@x.test","type":"work"}]}`
		c.names["pat"] = c.send("POST /Users", full).code(201).id()
		c.group("G", "pat", "sam")
		c.run(
			step{
				name: "what is absent goes, active stays", send: "PUT /Users/{pat}", status: 200,
				body: `{"schemas":["{USER}"],"userName":"pat@x.test","name":{"familyName":"Leigh"}}`,
				want: `id "{pat}"
					name {"familyName":"Leigh"}
					title absent
					emails absent
					active true
					groups/*/display ["G"]`,
				real: "pat pat@x.test active",
			},
			step{
				name: "read-only is ignored", send: "PUT /Users/{pat}", status: 200,
				body: `{"userName":"pat@x.test","id":"{pat}","meta":{"resourceType":"X","location":"x","version":"y"},"groups":[]}`,
				want: `id "{pat}"
					meta/resourceType "User"
					meta/location "{base}/Users/{pat}"
					groups #1`,
			},
			step{name: "without userName", send: "PUT /Users/{pat}", body: `{"title":"T"}`, status: 400, want: `scimType "invalidValue"`},
			step{
				name: "active null means unchanged", send: "PUT /Users/{pat}", body: `{"userName":"pat@x.test","active":null}`,
				status: 200, want: "active true",
			},
			step{
				name: "active false by a string", send: "PUT /Users/{pat}", body: `{"userName":"pat@x.test","active":"False"}`,
				status: 200, want: "active false", real: "pat pat@x.test inactive",
			},
			step{
				name: "absent active means unchanged", send: "PUT /Users/{pat}", body: `{"userName":"pat@x.test"}`,
				status: 200, want: "active false", real: "pat pat@x.test inactive",
			},
			step{
				name: "an empty active means unchanged", send: "PUT /Users/{pat}", body: `{"userName":"pat@x.test","active":""}`,
				status: 200, want: "active false", real: "pat pat@x.test inactive",
			},
			step{
				name: "absent members are unchanged", send: "PUT /Groups/{G}", body: `{"displayName":"H"}`, status: 200,
				want: "displayName \"H\"\nmembers #2",
			},
			step{
				name: "members replaced", send: "PUT /Groups/{G}", body: `{"displayName":"H","members":[{"value":"{sam}"}]}`,
				status: 200, want: `members/*/value ["{sam}"]`,
			},
			step{
				name: "members emptied", send: "PUT /Groups/{G}", body: `{"displayName":"H","members":[]}`, status: 200,
				want: "members #0",
			},
			step{name: "no such user", send: "PUT /Users/{missing}", body: `{"userName":"x"}`, status: 404},
			step{name: "no such group", send: "PUT /Groups/{missing}", body: `{"displayName":"x"}`, status: 404},
		)
	})
}

func TestRequired_11_patch(t *testing.T) {
	required(t, func(c *idp) {
		c.users("sam")
		c.names["pat"] = c.send("POST /Users", `{"userName":"pat@x.test","title":"T","name":{"givenName":"Pat","familyName":"Lee"},
			"emails":[{"value":"p@x.test","type":"work","primary":true},{"value":"h@x.test","type":"home"}],
			"addresses":[{"type":"work","locality":"Ely"}]}`).code(201).id()
		for _, p := range []struct{ operations, want string }{
			{`{"op":"add","path":"title","value":"U"}`, `title "U"`},
			{`{"op":"replace","path":"title","value":""}`, `title absent`},
			{`{"op":"add","path":"nickName","value":"N"},{"op":"replace","value":{"nickName":null}}`, `nickName absent`},
			{`{"op":"replace","path":"name","value":{}}`, `name absent`},
			{
				`{"op":"add","path":"name","value":{"givenName":"Pat"}},{"op":"add","path":"name","value":{"familyName":"Lee"}}`,
				`name {"givenName":"Pat","familyName":"Lee"}`,
			},
			{`{"op":"replace","path":"name.givenName","value":null}`, `name {"familyName":"Lee"}`},
			{`{"op":"remove","path":"name"}`, `name absent`},
			{`{"op":"remove","path":"name"}`, `name absent`},
			{`{"op":"add","path":"emails","value":[{"value":"p@x.test","type":"work","primary":true}]}`, `emails #2`},
			{`{"op":"add","path":"emails","value":{"value":"o@x.test","type":"other","primary":true}}`, `emails #3
				emails/type=other/primary true
				emails/type=work/primary false | absent`},
			{
				`{"op":"replace","path":"emails[type eq \"other\"]","value":{"value":"n@x.test"}}`,
				`emails/value=n@x.test present`,
			},
			{`{"op":"replace","path":"emails[value eq \"n@x.test\"].value","value":"m@x.test"}`, `emails/value=m@x.test present`},
			{`{"op":"remove","path":"emails[value eq \"m@x.test\"]"}`, `emails #2`},
			{`{"op":"remove","path":"emails[type eq \"nothing\"]"}`, `emails #2`},
			{`{"op":"remove","path":"emails[type eq \"home\"].type"}`, `emails/value=h@x.test {"value":"h@x.test"}`},
			{`{"op":"replace","path":"emails","value":[{"value":"only@x.test"}]}`, `emails [{"value":"only@x.test"}]`},
			{`{"op":"replace","path":"emails","value":[]}`, `emails absent`},
			{`{"op":"replace","value":{"addresses":[{"type":"home","locality":"Bath"}]}}`, `addresses [{"type":"home","locality":"Bath"}]`},
			{`{"op":"add","value":{"addresses":[{"type":"work","locality":"Ely"}]}}`, `addresses #2`},
			{
				`{"op":"replace","path":"addresses[type eq \"home\"]","value":{"type":"home","country":"UK"}}`,
				`addresses/type=home/country "UK"`,
			},
			{`{"op":"replace","path":"active","value":null}`, `active true`},
			{`{"op":"remove","path":"active"}`, `active true`},
			{`{"op":"replace","path":"active","value":""}`, `active true`},
			{`{"op":"replace","value":{"id":"{pat}","meta":{"version":"x"},"groups":[],"title":"V"}}`, `title "V"`},
			{`{"op":"replace","path":"{ENT}","value":{"department":"R&D"}}`, `{ENT} {"department":"R&D"}`},
			{`{"op":"remove","path":"{ENT}"}`, `{ENT} absent`},
		} {
			c.patch("/Users/{pat}", p.operations).code(200).want(p.want)
			if c.t.Failed() {
				c.t.Fatalf("that was %s", p.operations)
			}
		}
		repeated := `{"op":"add","path":"addresses","value":[{"type":"work","locality":"Ely"}]},{"op":"replace","path":"title","value":"V"}`
		version := c.version("/Users/{pat}")
		c.unchanged(func() { c.patch("/Users/{pat}", repeated).code(200) })
		if v := c.version("/Users/{pat}"); v != version {
			c.t.Errorf("a PATCH that changes nothing made version %s of %s", v, version)
		}
		wrongPatches(c)
	})
}

func wrongPatches(c *idp) {
	c.t.Helper()
	c.group("G", "pat")
	c.unchanged(func() {
		for _, p := range []struct{ operation, scimTypes string }{
			{`{"op":"replace","path":"emails[","value":"x"}`, "invalidPath"},
			{`{"op":"replace","path":"emails[type eq","value":"x"}`, "invalidPath invalidFilter"},
			{`{"op":"replace","path":"name..givenName","value":"x"}`, "invalidPath"},
			{`{"op":"replace","path":"","value":"x"}`, "invalidPath noTarget invalidSyntax invalidValue"},
			{`{"op":"replace","path":5,"value":"x"}`, "invalidPath invalidSyntax"},
			{`{"op":"remove"}`, "noTarget"},
			{`{"op":"replace","path":"emails[value co \"zzz\"].type","value":"x"}`, "noTarget"},
			{`{"op":"replace","path":"emails[not (type eq \"a\")].value","value":"x"}`, "noTarget"},
			{`{"op":"replace","path":"id","value":"{missing}"}`, "mutability"},
			{`{"op":"replace","path":"meta.location","value":"x"}`, "mutability"},
			{`{"op":"add","path":"groups","value":[{"value":"{G}"}]}`, "mutability"},
			{`{"op":"remove","path":"groups"}`, "mutability"},
			{`{"op":"remove","path":"userName"}`, "mutability"},
			{`{"op":"replace","value":{"id":"{missing}"}}`, "mutability"},
			{`{"op":"replace","path":"userName","value":""}`, "mutability invalidValue"},
			{`{"op":"replace","path":"name","value":5}`, "invalidValue"},
			{`{"op":"replace","path":"active","value":"maybe"}`, "invalidValue"},
			{`{"op":"replace","path":"active","value":{"a":1}}`, "invalidValue"},
			{`{"op":"replace","path":"title","value":{"a":1}}`, "invalidValue"},
			{`{"op":"replace","path":"emails","value":5}`, "invalidValue"},
			{`{"op":"add","path":"title"}`, "invalidValue invalidSyntax"},
			{`{"op":"replace","value":5}`, "invalidValue invalidSyntax"},
			{`{"op":"move","path":"title","value":"x"}`, "invalidSyntax invalidValue"},
			{`{"path":"title","value":"x"}`, "invalidSyntax invalidValue"},
			{`5`, "invalidSyntax"},
		} {
			a := c.patch("/Users/{pat}", `{"op":"replace","path":"nickName","value":"must not stay"},`+p.operation)
			if got, _ := a.at("scimType").(string); a.status != 400 || !slices.Contains(strings.Fields(p.scimTypes), got) {
				a.errorf("want 400 %s", p.scimTypes)
			}
		}
		c.send("PATCH /Users/{pat}", `{"schemas":["{PATCHOP}"]}`).code(400)
		c.send("PATCH /Users/{pat}", `{"schemas":["{PATCHOP}"],"Operations":{}}`).code(400)
		c.patch("/Groups/{G}", `{"op":"remove","path":"displayName"}`).code(400)
		c.patch("/Users/{missing}", `{"op":"replace","path":"title","value":"x"}`).code(404)
	})
}

func TestRequired_12_delete(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat", "sam", "kim")
		c.group("G", "pat", "sam", "kim")
		c.patch("/Users/{sam}", `{"op":"replace","path":"active","value":false}`).code(200)
		c.run(
			step{name: "delete", send: "DELETE /Users/{pat}", status: 204},
			step{name: "delete again", send: "DELETE /Users/{pat}", status: 404},
			step{name: "read", send: "GET /Users/{pat}", status: 404},
			step{name: "put", send: "PUT /Users/{pat}", body: `{"userName":"pat@x.test"}`, status: 404},
			step{name: "patch", send: "PATCH /Users/{pat}", body: `{"Operations":[{"op":"remove","path":"title"}]}`, status: 404},
			step{
				name: "the deleted one is no member, the disabled one is", send: "GET /Groups/{G}", status: 200,
				want: "members #2\nmembers/value={sam} present\nmembers/value={kim} present",
				real: "sam sam@x.test inactive\nkim kim@x.test active",
			},
			step{name: "delete the group", send: "DELETE /Groups/{G}", status: 204},
			step{name: "delete it again", send: "DELETE /Groups/{G}", status: 404},
			step{name: "the user left it", send: "GET /Users/{kim}", status: 200, want: "groups #0"},
		)
		if a := c.account(c.t, "pat"); a.Active {
			c.t.Errorf("after DELETE the account is active")
		}
	})
}

func TestRequired_13_members_and_groups(t *testing.T) {
	required(t, func(c *idp) {
		c.names["pat"] = c.send("POST /Users", `{"userName":"pat@x.test","displayName":"Pat Lee"}`).code(201).id()
		c.group("Inner", "pat")
		c.group("Outer", "Inner")
		c.run(
			step{
				name: "a user as member", send: "GET /Groups/{Inner}", status: 200,
				want: `members/0/value "{pat}"
					members/0/$ref "{base}/Users/{pat}"
					members/0/type "User"
					members/0/display "Pat Lee" | "pat@x.test"`,
			},
			step{
				name: "a group as member", send: "GET /Groups/{Outer}", status: 200,
				want: `members/0/value "{Inner}"
					members/0/$ref "{base}/Groups/{Inner}"
					members/0/type "Group"
					members/0/display "Inner"`,
			},
			step{
				name: "the user's groups", send: "GET /Users/{pat}", status: 200,
				want: `groups/value={Inner}/display "Inner"
					groups/value={Inner}/$ref "{base}/Groups/{Inner}"
					groups/value={Inner}/type "direct"
					groups/value={Outer}/type "indirect" | absent`,
			},
			step{
				name: "groups by a filter", send: `GET /Groups?filter=members.value eq "{pat}"`, status: 200,
				want: `Resources/*/id ["{Inner}"]`,
			},
		)
	})
}

func TestRequired_14_etags(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat", "sam")
		c.group("G")
		for target, change := range map[string]string{
			"/Users/{pat}": `{"Operations":[{"op":"add","path":"title","value":"%s"}]}`,
			"/Groups/{G}":  `{"Operations":[{"op":"replace","path":"displayName","value":"%s"}]}`,
		} {
			first := c.version(target)
			c.with("If-None-Match", first).send("GET "+target, "").code(304)
			c.with("If-None-Match", `W/"other", `+first).send("GET "+target, "").code(304)
			c.with("If-None-Match", `W/"other"`).send("GET "+target, "").code(200)
			c.with("If-Match", first).send("PATCH "+target, fmt.Sprintf(change, "one")).code(200)
			second := c.version(target)
			if second == first {
				c.t.Errorf("the version of %s is the same after a change", target)
			}
			c.unchanged(func() {
				c.with("If-Match", first).send("PATCH "+target, fmt.Sprintf(change, "two")).code(412)
				c.with("If-Match", first).send("PUT "+target, `{"userName":"pat@x.test","displayName":"two"}`).code(412)
				c.with("If-Match", first).send("DELETE "+target, "").code(412)
			})
			c.with("If-Match", "*").send("PATCH "+target, fmt.Sprintf(change, "three")).code(200)
			c.send("PATCH "+target, fmt.Sprintf(change, "four")).code(200)
		}
		before := c.version("/Groups/{G}")
		c.patch("/Groups/{G}", `{"op":"add","path":"members","value":[{"value":"{pat}"}]}`).code(200)
		if c.version("/Groups/{G}") == before {
			c.t.Error("the version of the group is the same with another member")
		}
		user := c.version("/Users/{sam}")
		c.patch("/Groups/{G}", `{"op":"add","path":"members","value":[{"value":"{sam}"}]}`).code(200)
		if c.version("/Users/{sam}") != user {
			c.t.Error("the version of a user changed with a group")
		}
		c.send("GET /Users?filter=userName sw \"sam\"", "").code(200).want("Resources/0/meta/version " + fmt.Sprintf("%q", user))
	})
}

func TestRequired_15_errors(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat")
		c.send("GET /Users/{missing}", "").code(404).want("status \"404\"\nscimType absent")
		c.send("POST /Users", `{"userName":"pat@x.test"}`).fails(409, "uniqueness")
		c.send("POST /Users", `{`).fails(400, "invalidSyntax")
		c.send("POST /Users", `{}`).fails(400, "invalidValue")
		c.send("GET /Users?filter=x", "").fails(400, "invalidFilter")
		c.send("DELETE /Users", "").fails(405, "")
		c.with("If-Match", `W/"old"`).send("DELETE /Users/{pat}", "").code(412)
	})
}

func TestRequired_16_rate_limit(t *testing.T) {
	required(t, func(c *idp) {
		var limited atomic.Pointer[answer]
		var passed atomic.Int32
		harness.Parallel(32, func(int) {
			for range 400 {
				a, err := c.exchange("GET", "/scim/v2/Users?count=0", "")
				if err != nil || limited.Load() != nil {
					return
				}
				if a.status == 429 {
					limited.Store(a)
				} else if a.status == 200 {
					passed.Add(1)
				}
			}
		})
		a := limited.Load()
		if passed.Load() < 1000 {
			c.t.Errorf("only %d requests passed, the burst is 1000", passed.Load())
		}
		if a == nil {
			c.t.Skip("this machine is too slow to go over 500 requests per second")
		}
		a.lawful()
		other := c.on(c.t)
		other.token = c.newToken(c.t, "any")
		other.send("GET /Users?count=0", "").code(200)
	})
}

func TestRequired_16_failed_tokens(t *testing.T) {
	required(t, func(c *idp) {
		wrong := c.with("Authorization", "Bearer rct_wrong")
		refused := 0
		for range 30 {
			if a := wrong.send("GET /Users", ""); a.status == 429 {
				refused++
			} else {
				a.code(401)
			}
			c.send("GET /Users?count=0", "").code(200)
		}
		if refused != 20 {
			c.t.Errorf("%d of 30 wrong tokens in a row met the limit, want 20 because 10 a minute may try", refused)
		}
	})
}
