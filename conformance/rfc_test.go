package conformance

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// What the RFCs say and no identity provider is known to rest on.

func TestRFC_conditions_in_lists_in_lines_and_by_every_method(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat")
		c.group("G", "pat")
		given := func(name string, lines ...string) *idp {
			d := c.on(c.t)
			d.header[name] = lines
			return d
		}
		for target, body := range map[string]string{"/Users/{pat}": `{"userName":"pat@x.test","title":"%"}`, "/Groups/{G}": `{"displayName":"%"}`} {
			put := func(d *idp, value string) *answer {
				c.t.Helper()
				return d.send("PUT "+target, strings.ReplaceAll(body, "%", value))
			}
			patch := `{"Operations":[{"op":"replace","path":"displayName","value":"never"}]}`
			now := c.version(target)
			if !strings.HasPrefix(now, `W/"`) {
				c.t.Errorf("the version is %s, want a weak one", now)
			}
			strong := strings.TrimPrefix(now, "W/")
			given("If-Match", now).send("GET "+target, "").code(200)
			given("If-Match", `W/"77", "x",`+strong).send("GET "+target, "").code(200)
			given("If-Match", `W/"77"`).send("GET "+target, "").fails(412, "")
			given("If-None-Match", `W/"77"`, now).send("GET "+target, "").code(304)
			given("If-None-Match", strong).send("GET "+target, "").code(304)
			both := given("If-None-Match", now)
			both.header.Set("If-Match", `W/"77"`)
			both.send("GET "+target, "").fails(412, "")

			c.unchanged(func() {
				both.header.Set("If-Match", now)
				for _, d := range []*idp{
					given("If-None-Match", "*"), given("If-None-Match", `W/"77"`, now), given("If-None-Match", strong), both,
					given("If-Match", `W/"77"`, `W/"78"`), given("If-Match", `W/"77", "78"`),
				} {
					put(d, "never").fails(412, "")
					d.send("PATCH "+target, patch).fails(412, "")
					d.send("DELETE "+target, "").fails(412, "")
				}
			})
			put(given("If-None-Match", `W/"77", "78"`), "one").code(200)
			put(given("If-Match", `W/"77"`, c.version(target)), "two").code(200)
			put(given("If-Match", strings.TrimPrefix(c.version(target), "W/")), "three").code(200)
			both = given("If-None-Match", now)
			both.header.Set("If-Match", c.version(target))
			both.send("DELETE "+target, "").code(204)
			given("If-Match", "*").send("DELETE "+target, "").fails(404, "")
			put(given("If-None-Match", "*"), "four").fails(404, "")
		}
	})
}

func TestRFC_what_discovery_names_is_there_and_messages_are_no_schemas(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat")
		c.group("G", "pat")
		for name, resource := range map[string]string{"User": "/Users/{pat}", "Group": "/Groups/{G}"} {
			kind := c.send("GET /ResourceTypes/"+name, "").code(200).want(`schemas ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"]
				id "` + name + `"
				name "` + name + `"
				description present
				meta/resourceType "ResourceType"`)
			c.send("GET "+kind.text("endpoint"), "").code(200).want("Resources #1")
			c.send("GET "+resource, "").code(200).want("meta/resourceType \"" + name + "\"\nschemas/0 \"" + kind.text("schema") + `"`)
			urns := []string{kind.text("schema")}
			extensions, _ := kind.at("schemaExtensions").([]any)
			for _, e := range extensions {
				urns = append(urns, e.(map[string]any)["schema"].(string))
			}
			for _, urn := range urns {
				c.send("GET /Schemas/"+urn, "").code(200).want(`schemas ["urn:ietf:params:scim:schemas:core:2.0:Schema"]
					id "` + urn + `"
					name present
					description present
					attributes/0/name present
					attributes/0/description present
					meta/resourceType "Schema"`)
			}
		}
		list := string(c.send("GET /Schemas", "").code(200).raw)
		for _, message := range []string{listURN, searchURN, patchURN, errorURN, bulkURN, bulkDoneURN} {
			c.send("GET /Schemas/"+message, "").fails(404, "")
			if message != listURN && strings.Contains(list, message) || strings.Count(list, listURN) != 1 {
				c.t.Errorf("/Schemas tells of %s", message)
			}
		}
		for _, own := range []string{"ServiceProviderConfig", "ResourceType", "Schema"} { // as divergences.md tells
			c.send("GET /Schemas/urn:ietf:params:scim:schemas:core:2.0:"+own, "").fails(404, "")
		}
		c.send("GET /ServiceProviderConfig", "").code(200).want("documentationUri present\nmeta/location \"{base}/ServiceProviderConfig\"")
	})
}

func TestRFC_references_lead_to_what_they_name(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat")
		c.group("Inner", "pat")
		c.group("Outer", "Inner")
		follow := func(url, id string) {
			c.t.Helper()
			path, ok := strings.CutPrefix(url, c.names["base"])
			if !ok {
				c.t.Fatalf("%s is not below %s", url, c.names["base"])
			}
			a := c.send("GET "+path, "").code(200).want(`id "` + id + "\"\nmeta/location \"" + url + `"`)
			if at := a.header.Get("Location") + a.header.Get("Content-Location"); at != "" {
				a.errorf("a header says %s, which divergences.md denies", at)
			}
		}
		pat := c.send("GET /Users/{pat}", "").code(200)
		follow(pat.text("meta/location"), c.names["pat"])
		follow(pat.text("groups/display=Inner/$ref"), c.names["Inner"])
		follow(pat.text("groups/display=Outer/$ref"), c.names["Outer"])
		follow(c.send("GET /Groups/{Outer}", "").text("members/0/$ref"), c.names["Inner"])
		follow(c.send("GET /Groups/{Inner}", "").text("members/0/$ref"), c.names["pat"])
		for _, member := range []string{"created", "lastModified"} {
			if _, err := time.Parse("2006-01-02T15:04:05.000Z", pat.text("meta/"+member)); err != nil {
				pat.errorf("meta.%s: %v", member, err)
			}
		}
		if a := c.send("PUT /Users/{pat}", `{"userName":"pat@x.test"}`).code(200); a.header.Get("Location")+a.header.Get("Content-Location") != "" {
			a.errorf("a PUT has a location in its header, which divergences.md denies")
		}
	})
}

func TestRFC_what_is_not_offered_is_refused_and_what_nobody_knows_is_ignored(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat")
		for _, path := range []string{"/scim/v1/Users", "/scim/v3/Users", "/scim/Users", "/scim/v2.0/Users", "/Users", "/v2/Users"} {
			if a := c.raw("GET", path, ""); a.status != 404 {
				a.errorf("%s: status %d, want 404", path, a.status)
			}
		}
		c.send("GET /Users/{pat}.scim", "").fails(404, "")
		for _, target := range []string{"/Users", "/Users/{pat}", "/Groups", "/Schemas", "/ServiceProviderConfig"} {
			a := c.raw(http.MethodHead, c.expand("/scim/v2"+target), "")
			if a.status != 405 || !strings.Contains(a.header.Get("Allow"), "GET") || len(a.raw) > 0 {
				a.errorf("HEAD: want 405 with Allow and no body")
			}
			c.send("GET "+target+"?nobodyKnows=1&aadOptscim062020&startindex=1", "").code(200)
		}
		// A resource is no list: a filter there chooses nothing.
		c.send(`GET /Users/{pat}?filter=userName eq "nobody"&sortBy=userName&count=0`, "").code(200).want(`userName "pat@x.test"`)
		c.send("POST /Users/.search", `{"schemas":["{USER}"],"nobodyKnows":1,"count":1}`).code(200).want("totalResults 1")
		c.send("POST /Users/.search", `{"filter":"userName pr"}`).code(200).want("totalResults 1")
		c.send("POST /Schemas/.search", `{"schemas":["{SEARCH}"]}`).fails(405, "")
	})
}

func TestRFC_defaults_are_values_and_null_clears(t *testing.T) {
	required(t, func(c *idp) {
		c.names["pat"] = c.send("POST /Users", `{"userName":"pat@x.test"}`).code(201).want("active true").id()
		c.names["sam"] = c.send("POST /Users", `{"userName":"sam@x.test","active":null,"title":null,"emails":[],"name":{}}`).code(201).
			want("active true\ntitle absent\nemails absent\nname absent").id()
		for filter, n := range map[string]string{"active eq true": "2", "active pr": "2", "active eq false": "0", "not (active pr)": "0", "title pr": "0"} {
			c.send("GET /Users?filter="+filter, "").code(200).want("totalResults " + n)
		}
		full := `{"userName":"pat@x.test","title":"T","emails":[{"value":"p@x.test"}],"name":{"givenName":"P"}}`
		for _, empty := range []string{`"title":null,"emails":[],"name":null`, `"title":"","emails":null,"name":{}`, `"emails":[]`} {
			c.send("PUT /Users/{pat}", full).code(200).want("title \"T\"\nemails #1\nname present")
			c.send("PUT /Users/{pat}", `{"userName":"pat@x.test",`+empty+`}`).code(200).want("title absent\nemails absent\nname absent")
		}
	})
}

func TestRFC_the_order_of_names_and_of_schemas_says_nothing(t *testing.T) {
	required(t, func(c *idp) {
		body := `"{ENT}":{"department":"D"},"emails":[{"type":"work","value":"%@y.test"}],"userName":"%@x.test"`
		for name, schemas := range map[string]string{"a": `["{USER}","{ENT}"]`, "b": `["{ENT}","{USER}"]`, "c": `["{ENT}","{USER}","{ENT}","{USER}"]`} {
			a := c.send("POST /Users", `{`+strings.ReplaceAll(body, "%", name)+`,"schemas":`+schemas+`}`).code(201)
			a.want(`schemas ["{USER}","{ENT}"]
				{ENT}/department "D"
				emails [{"type":"work","value":"` + name + `@y.test"}]`)
		}
		id := c.send("GET /Users?count=1", "").text("Resources/0/id")
		c.send("PATCH /Users/"+id, `{"Operations":[{"value":"T","path":"title","op":"add"}],"schemas":["{PATCHOP}"]}`).code(200).want(`title "T"`)
		// Which schemas there are follows from the attributes, whatever is said of them.
		c.patch("/Users/"+id, `{"op":"replace","path":"schemas","value":["urn:x"]},{"op":"remove","path":"schemas"},
			{"op":"add","value":{"schemas":["urn:x"],"nickName":"N"}}`).code(200).want("schemas [\"{USER}\",\"{ENT}\"]\nnickName \"N\"")
	})
}

func TestRFC_values_that_are_alike(t *testing.T) {
	required(t, func(c *idp) {
		c.names["pat"] = c.send("POST /Users", `{"userName":"pat@x.test","addresses":[{"formatted":"1 High St\nEly","streetAddress":"1\r\nHigh St"}],
			"emails":[{"value":"P@X.test","type":"work"},{"value":"P@X.test","type":"home"},{"value":"P@X.test","type":"work"}],
			"ims":[{"value":"A B","type":"Xmpp"}],"phoneNumbers":[{"value":"(01) 23"}]}`).code(201).
			want(`emails #3
				emails/*/value ["P@X.test","P@X.test","P@X.test"]
				addresses [{"formatted":"1 High St\nEly","streetAddress":"1\r\nHigh St"}]
				ims [{"value":"A B","type":"Xmpp"}]
				phoneNumbers [{"value":"(01) 23"}]`).id()
		c.patch("/Users/{pat}", `{"op":"add","path":"emails","value":[{"value":"p@x.TEST","type":"WORK"}]}`).code(200).want("emails #3")
	})
}

func TestRFC_errors_say_the_word_of_the_table(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat", "sam")
		c.group("G", "pat")
		c.group("H")
		operation := func(op string) string { return `{"Operations":[` + op + `]}` }
		for _, r := range []struct{ request, body, scimType string }{
			{"GET /Users?filter=userName regex \"x\"", "", "invalidFilter"},
			{"GET /Users?filter=", "", ""},
			{"GET /Users?filter=%20", "", ""},
			{"GET /Users?filter=active gt true", "", "invalidFilter"},
			{"GET /Users?sortBy=nothing", "", "invalidValue"},
			{"GET /Users?count=x", "", "invalidValue"},
			{"POST /.search", `{"filter":"name.givenName regex \"x\""}`, "invalidFilter"},
			{"POST /Users/.search", `[]`, "invalidSyntax"},
			{"PATCH /Users/{pat}", operation(`{"op":"remove","path":"emails[x"}`), "invalidPath"},
			{"PATCH /Users/{pat}", operation(`{"op":"add","path":"1","value":"x"}`), "invalidPath"},
			{"PATCH /Users/{pat}", operation(`{"op":"add","path":7,"value":"x"}`), "invalidPath"},
			{"PATCH /Users/{pat}", operation(`{"op":"remove"}`), "noTarget"},
			{"PATCH /Users/{pat}", operation(`{"op":"replace","path":"emails[value co \"nobody\"].display","value":"x"}`), "noTarget"},
			{"PATCH /Users/{pat}", operation(`{"op":"add","path":"title"}`), "invalidValue"},
			{"PATCH /Users/{pat}", operation(`{"op":"add","path":"name","value":"Pat"}`), "invalidValue"},
			{"PATCH /Users/{pat}", operation(`{"op":"add","path":"title","value":7}`), "invalidValue"},
			{"PATCH /Users/{pat}", operation(`{"op":"move","path":"title"}`), "invalidSyntax"},
			{"PATCH /Users/{pat}", operation(`{"path":"title","value":"x"}`), "invalidSyntax"},
			{"PATCH /Users/{pat}", operation(``), "invalidSyntax"},
			{"PATCH /Users/{pat}", operation(`{"op":"replace","path":"userName","value":"sam@x.test"}`), "409 uniqueness"},
			{"PUT /Users/{pat}", `{"userName":"sam@x.test"}`, "409 uniqueness"},
			{"PUT /Groups/{G}", `{"displayName":"H"}`, "409 uniqueness"},
			{"PATCH /Groups/{G}", operation(`{"op":"replace","path":"members.value","value":"x"}`), "mutability"},
			{"PATCH /Users/{pat}", operation(`{"op":"remove","path":"meta"}`), "mutability"},
			{"POST /Bulk", `{"Operations":[{"method":"POST","path":"/Users","data":{}}]}`, "invalidSyntax"},
			{"POST /Bulk", `{"failOnErrors":1}`, "invalidSyntax"},
		} {
			c.unchanged(func() {
				a := c.send(r.request, r.body)
				word, conflict := strings.CutPrefix(r.scimType, "409 ")
				switch {
				case conflict:
					a.fails(409, word)
				case word == "":
					a.code(200)
				default:
					a.fails(400, word)
				}
			})
		}
	})
}

func TestRFC_attributes_of_every_answer_that_has_a_resource(t *testing.T) {
	required(t, func(c *idp) {
		c.names["pat"] = c.send("POST /Users", `{"userName":"pat@x.test","title":"T","externalId":"pat"}`).code(201).id()
		c.names["G"] = c.send("POST /Groups", `{"displayName":"G","externalId":"G","members":[{"value":"{pat}"}]}`).code(201).id()
		both := "?attributes=userName,title,displayName,externalId&excludedAttributes=title,externalId,id"
		user, group := `{"userName":"%@x.test","title":"T","externalId":"%"}`, `{"displayName":"%","externalId":"%","members":[{"value":"{pat}"}]}`
		body := func(text, name string) string { return strings.ReplaceAll(text, "%", name) }
		for request, sent := range map[string]string{
			"POST /Users": body(user, "sam"), "PUT /Users/{pat}": body(user, "pat"), "GET /Users/{pat}": "",
			"PATCH /Users/{pat}": `{"Operations":[{"op":"add","path":"title","value":"U"}]}`,
		} {
			c.send(request+both, sent).want("id present\nschemas present\nuserName present\ntitle absent\nexternalId absent\nmeta absent")
			if !strings.HasPrefix(request, "POST") {
				c.send(request+"?attributes=title", sent).code(200).want("title present\nid present\nuserName absent")
				c.send(request+"?excludedAttributes=title,schemas", sent).code(200).want("title absent\nid present\nuserName present\nmeta present\nschemas present")
			}
		}
		for request, sent := range map[string]string{
			"POST /Groups": body(group, "H"), "PUT /Groups/{G}": body(group, "G"), "GET /Groups/{G}": "",
			"PATCH /Groups/{G}": `{"Operations":[{"op":"add","path":"externalId","value":"g"}]}`,
		} {
			c.send(request+both, sent).want("id present\nschemas present\ndisplayName present\nexternalId absent\nmembers absent\nmeta absent")
			if !strings.HasPrefix(request, "POST") {
				c.send(request+"?attributes=members.value", sent).code(200).want("members [{\"value\":\"{pat}\"}]\nid present\ndisplayName absent")
				c.send(request+"?excludedAttributes=members", sent).code(200).want("members absent\ndisplayName present\nexternalId present")
			}
		}
		for _, path := range []string{"", "/Users", "/Groups"} {
			a := c.send("GET "+path+both+"&count=1", "").code(200)
			a.want("Resources/0/id present\nResources/0/schemas present\nResources/0/title absent\nResources/0/externalId absent\nResources/0/meta absent")
			b := c.send("POST "+path+"/.search", `{"attributes":["userName","title","displayName"],"excludedAttributes":["title","id"],"count":1}`).code(200)
			if string(a.raw) != string(b.raw) {
				b.errorf("by GET it is %s", a.raw)
			}
		}
	})
}

func TestRFC_an_immutable_attribute_is_set_once_by_PUT_too(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := costsClient(t, s, "entra", "entra")
		c.extend(costsSchema)
		c.users("pat")
		put := `{"userName":"pat@x.test","{COSTS}":{"costCenter":"R1"%}}`
		c.send("PUT /Users/{pat}", strings.ReplaceAll(put, "%", "")).code(200).want(`{COSTS} {"costCenter":"R1"}`)
		c.send("PUT /Users/{pat}", strings.ReplaceAll(put, "%", `,"badge":"B7"`)).code(200).want(`{COSTS}/badge "B7"`)
		c.send("PUT /Users/{pat}", strings.ReplaceAll(put, "%", `,"badge":"B7"`)).code(200).want(`{COSTS}/badge "B7"`)
		c.send("PUT /Users/{pat}", strings.ReplaceAll(put, "%", `,"badge":"B8"`)).fails(400, "mutability")
		c.send("PUT /Users/{pat}", strings.ReplaceAll(put, "%", `,"budgets":[{"value":1e21}]`)).fails(400, "invalidValue")
		c.send("PUT /Users/{pat}", strings.ReplaceAll(put, "%", `,"budgets":[{"value":1e3}]`)).code(200).want(`{COSTS}/budgets [{"value":1000}]`)
	})
}
