package conformance

import (
	"fmt"
	"strings"
	"testing"
)

// required runs one numbered behaviour of the list that every identity provider needs.
func required(t *testing.T, suite func(c *idp)) {
	t.Helper()
	each(t, func(t *testing.T, s *server) { suite(s.idp(t, "any", "")) })
}

func TestRequired_01_discovery(t *testing.T) {
	required(t, func(c *idp) {
		c.run(
			step{
				name: "what the server can", send: "GET /ServiceProviderConfig", status: 200,
				want: `schemas ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"]
					patch/supported true
					bulk/supported present
					bulk/maxOperations present
					bulk/maxPayloadSize present
					filter/supported true
					filter/maxResults 200
					changePassword/supported false
					sort/supported true
					pagination {"cursor":true,"index":true,"defaultPaginationMethod":"index","defaultPageSize":100,"maxPageSize":200,"cursorTimeout":3600}
					etag/supported true
					authenticationSchemes present
					meta/resourceType "ServiceProviderConfig"
					meta/location "{base}/ServiceProviderConfig"`,
			},
			step{
				name: "resource types", send: "GET /ResourceTypes", status: 200,
				want: `schemas ["` + listURN + `"]
					totalResults 2
					Resources/*/id ["Group","User"]
					Resources/id=User/schemaExtensions/0/schema "{ENT}"
					Resources/id=User/schemaExtensions/0/required false`,
			},
			step{
				name: "one resource type", send: "GET /ResourceTypes/User", status: 200,
				want: `schemas ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"]
					name "User"
					endpoint "/Users"
					schema "{USER}"
					meta/location "{base}/ResourceTypes/User"`,
			},
			step{name: "the other", send: "GET /ResourceTypes/Group", status: 200, want: `endpoint "/Groups"`},
			step{
				name: "schemas", send: "GET /Schemas", status: 200,
				want: `schemas ["` + listURN + `"]
					totalResults 4`,
			},
			step{
				name: "one schema", send: "GET /Schemas/{USER}", status: 200,
				want: `id "{USER}"
					name "User"
					attributes present
					meta/resourceType "Schema"
					meta/location "{base}/Schemas/{USER}"`,
			},
			step{name: "the group's", send: "GET /Schemas/{GROUP}", status: 200, want: `id "{GROUP}"`},
			step{name: "the enterprise user's", send: "GET /Schemas/{ENT}", status: 200, want: `id "{ENT}"`},
			step{name: "no such schema", send: "GET /Schemas/urn:x", status: 404},
			step{name: "no such resource type", send: "GET /ResourceTypes/Device", status: 404},
		)
		for _, path := range []string{"/Devices", "/users", "/Users/{missing}/groups", "/nothing/at/all"} {
			c.send("GET "+path, "").code(404)
		}
		c.users("pat")
		for path, allowed := range map[string]string{
			"/ServiceProviderConfig": "GET", "/ResourceTypes": "GET", "/ResourceTypes/User": "GET", "/Schemas": "GET",
			"/Schemas/{USER}": "GET", "": "GET", "/": "GET", "/.search": "POST", "/Users": "GET POST", "/Groups": "GET POST", "/Users/{pat}": "GET PUT PATCH DELETE",
		} {
			for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} {
				if !strings.Contains(allowed, method) {
					c.send(method+" "+path, "").code(405)
				}
			}
		}
		c.real("pat pat@x.test active")
	})
}

func TestRequired_02_unauthorized(t *testing.T) {
	proxied(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		last := c.token[len(c.token)-1:]
		other := map[string]string{"x": "y"}[last]
		if other == "" {
			other = "x"
		}
		for name, credential := range map[string]string{
			"none":       "",
			"empty":      "Bearer ",
			"garbled":    "Bearer \"%%,",
			"unknown":    "Bearer rct_unknown",
			"truncated":  "Bearer " + c.token[:len(c.token)-1],
			"longer":     "Bearer " + c.token + "a",
			"changed":    "Bearer " + c.token[:len(c.token)-1] + other,
			"upper case": "Bearer " + strings.ToUpper(c.token),
			"no scheme":  c.token,
			"basic":      "Basic dXNlcjpwYXNz",
		} {
			for _, request := range []string{"GET /Users", "POST /Users", "GET /Users/{missing}", "GET /nothing", "DELETE /Schemas"} {
				d := c.with("Authorization", credential)
				if credential == "" {
					d.token = ""
				}
				a := d.send(request, "")
				if a.status != 401 {
					a.errorf("with a credential that is %s: status %d, want 401", name, a.status)
				}
			}
		}
		c.CLI(c.t, "token", "revoke", c.tokenID())
		c.send("GET /Users", "").code(401)
	})
}

// tokenID is the id of the only token.
func (c *idp) tokenID() string {
	c.t.Helper()
	var list []struct{ ID string }
	c.Show(c.t, &list, "token", "list")
	if len(list) != 1 || list[0].ID == "" {
		c.t.Fatalf("token list is %+v, want one token with its id", list)
	}
	return list[0].ID
}

func TestRequired_03_media_types(t *testing.T) {
	required(t, func(c *idp) {
		for i, media := range []string{
			"application/scim+json", "application/json", "application/scim+json; charset=utf-8", "application/json;charset=UTF-8",
			"Application/SCIM+JSON", "",
		} {
			body := fmt.Sprintf(`{"userName":"u%d@x.test"}`, i)
			c.with("Content-Type", media).send("POST /Users", body).code(201)
		}
		for _, accept := range []string{"*/*", "application/*", "application/scim+json", "application/json, */*;q=0.1", ""} {
			c.with("Accept", accept).send("GET /Users", "").code(200)
		}
		c.with("Accept", "application/json").send("GET /Users", "").code(200)
	})
}

func TestRequired_04_names_in_any_case(t *testing.T) {
	required(t, func(c *idp) {
		c.run(
			step{
				name: "capitalised attributes, no schemas", send: "POST /Users", status: 201, save: "pat",
				body: `{"UserName":"pat@x.test","NAME":{"GivenName":"Pat"},"Emails":[{"Value":"p@x.test","TYPE":"work"}],
					"Active":true,"unknownThing":{"a":1}}`,
				want: `userName "pat@x.test"
					name {"givenName":"Pat"}
					emails [{"value":"p@x.test","type":"work"}]
					UserName absent
					schemas/0 "{USER}"`,
				real: "pat p@x.test active",
			},
			step{
				name: "URNs in another case", send: "PATCH /Users/{pat}", status: 200,
				body: `{"Operations":[
					{"OP":"ADD","Path":"URN:IETF:params:scim:schemas:extension:ENTERPRISE:2.0:user:DEPARTMENT","Value":"R&D"},
					{"op":"aDD","path":"NickName","value":"P"},
					{"op":"REPLACE","path":"EMAILS[Type EQ \"work\"].VALUE","value":"q@x.test"}]}`,
				want: `{ENT}/department "R&D"
					nickName "P"
					emails [{"value":"q@x.test","type":"work"}]`,
				real: "pat q@x.test active",
			},
			step{
				name: "core attributes below the core URN", send: "PATCH /Users/{pat}", status: 200,
				body: `{"schemas":["urn:unknown"],"Operations":[{"op":"replace","value":{"{USER}":{"title":"T"},"{USER}:nickName":"N"}}]}`,
				want: "title \"T\"\nnickName \"N\"",
			},
			step{
				name: "unknown URNs", send: "PUT /Users/{pat}", status: 200,
				body: `{"schemas":["urn:unknown:1","{USER}"],"userName":"pat@x.test","title":"U","urn:unknown:1":{"x":1}}`,
				want: "title \"U\"\nurn:unknown:1 absent | {\"x\":1}",
			},
			step{
				name: "a group likewise", send: "POST /Groups", status: 201, save: "g",
				body: `{"DisplayName":"G","MEMBERS":[{"VALUE":"{pat}"}]}`, want: `members/*/value ["{pat}"]`,
			},
		)
		for _, filter := range []string{
			`USERNAME EQ "PAT@x.test"`, `UserName Sw "pat"`, `title PR AND NOT (nickName Pr)`, `{USER}:USERNAME eq "pat@x.test"`,
			`URN:IETF:PARAMS:scim:schemas:core:2.0:User:userName eq "pat@x.test"`,
		} {
			c.send("GET /Users?filter="+filter, "").code(200).want(`Resources/*/id ["{pat}"]`)
		}
		c.send("GET /Users/{pat}?attributes=USERNAME,Name.GIVENNAME", "").code(200).want(`userName "pat@x.test"
			title absent`)
	})
}

// people are those that the filters of the fifth behaviour are tried on.
var people = []string{
	`{"userName":"ann@x.test","externalId":"A1","active":true,"title":"Chief","name":{"familyName":"Abel","givenName":"Ann"},
		"emails":[{"type":"work","value":"ann@x.test","primary":true},{"type":"home","value":"ann@home.test"}],
		"roles":[{"value":"admin","primary":true}]}`,
	`{"userName":"Bob@x.test","externalId":"a1","active":false,"name":{"familyName":"Baker","givenName":"Bob"},
		"emails":[{"type":"work","value":"bob@x.test"}],"phoneNumbers":[{"type":"mobile","value":"+49 1"}]}`,
	`{"userName":"cid@y.test","externalId":"C","active":true,"displayName":"Cid 100%_\"q\"","nickName":"",
		"{ENT}":{"department":"R&D","employeeNumber":"77","manager":{"value":"m1","displayName":"Mo"}}}`,
	`{"userName":"dée@x.test","active":true,"title":"chef","{ENT}":{"department":"Ops"},
		"emails":[{"type":"other","value":"dee@x.test"}],"roles":[{"value":"user","primary":false}]}`,
}

func TestRequired_05_filters(t *testing.T) {
	verdicts := []struct{ filter, want string }{ // first letters of those who match
		{`userName eq "ANN@X.TEST"`, "a"},
		{`userName eq "ann"`, ""},
		{`userName ne "ann@x.test"`, "bcd"},
		{`userName co "@X."`, "abd"},
		{`userName sw "B"`, "b"},
		{`userName ew "@y.test"`, "c"},
		{`userName gt "bob@x.test"`, "cd"},
		{`userName ge "bob@x.test"`, "bcd"},
		{`userName lt "bob@x.test"`, "a"},
		{`userName le "bob@x.test"`, "ab"},
		{`userName eq "DÉE@x.test"`, "d"},
		{`title pr`, "ad"},
		{`not (title pr)`, "bc"},
		{`nickName pr`, ""},
		{`externalId eq "a1"`, "b"},
		{`externalId eq "A1"`, "a"},
		{`externalId eq C`, "c"},
		{`title eq chef`, "d"},
		{`active eq true`, "acd"},
		{`active eq "True"`, "acd"},
		{`active eq "false"`, "b"},
		{`active ne true`, "b"},
		{`active eq false`, "b"},
		{`emails eq "ann@home.test"`, "a"},
		{`emails co "home"`, "a"},
		{`emails.value sw "bob"`, "b"},
		{`emails.type eq "work"`, "ab"},
		{`emails[type eq "work"]`, "ab"},
		{`emails[type eq "work" and value co "ann"]`, "a"},
		{`emails[type eq "work" and value co "home"]`, ""},
		{`emails.type eq "work" and emails.value co "home"`, "a"},
		{`emails[type eq "home"].value eq "ann@home.test"`, "a"},
		{`emails[not (type eq "work")]`, "ad"},
		{`emails pr`, "abd"},
		{`emails[primary eq true]`, "a"},
		{`roles[primary eq "True"].value eq "admin"`, "a"},
		{`roles[primary eq "False"].value pr`, "d"},
		{`name.familyName eq "abel"`, "a"},
		{`name.familyName eq "abel" or name.givenName eq "BOB"`, "ab"},
		{`title pr and userName sw "a" or active eq false`, "ab"},
		{`title pr and (userName sw "a" or active eq false)`, "a"},
		{`active eq false or title pr and userName sw "d"`, "bd"},
		{`not (userName sw "a") and not (userName sw "b")`, "cd"},
		{`(((userName sw "a")))`, "a"},
		{`{ENT}:department eq "r&d"`, "c"},
		{`{ENT}:manager.value eq "m1"`, "c"},
		{`{ENT}:manager eq "m1"`, "c"},
		{`{USER}:title eq "CHIEF"`, "a"},
		{`{USER}:name.givenName eq "ann"`, "a"},
		{`displayName co "100%_\"Q"`, "c"},
		{`displayName co "%"`, "c"},
		{`displayName eq "Cid 100%_\u0022q\u0022"`, "c"},
		{`userName co "_"`, ""},
		{`userName eq "x' or '1'='1"`, ""},
		{`phoneNumbers[type eq "mobile"]`, "b"},
		{`meta.created gt "2011-05-13T04:42:34Z"`, "abcd"},
		{`meta.created lt "2011-05-13T04:42:34Z"`, ""},
		{`meta.lastModified ge "2011-05-13T04:42:34.1234567+02:00"`, "abcd"},
		{`meta.resourceType eq "User"`, "abcd"},
		{`id pr`, "abcd"},
		{`title eq null`, "bc"},
		{`title ne null`, "ad"},
		{`schemas eq "{ENT}"`, "cd"},
	}
	required(t, func(c *idp) {
		letters := map[string]string{}
		for i, body := range people {
			letters[c.send("POST /Users", body).code(201).id()] = string("abcd"[i])
		}
		for _, v := range verdicts {
			query := strings.NewReplacer("%", "%25", "&", "%26", "+", "%2B").Replace(c.expand(v.filter))
			a := c.send("GET /Users?count=200&filter="+query, "")
			if a.status != 200 {
				a.errorf("%s: status %d", v.filter, a.status)
				continue
			}
			got := ""
			for id, letter := range letters {
				if strings.Contains(string(a.raw), `"id":"`+id+`"`) {
					got += letter
				}
			}
			if got = sorted(got); got != v.want {
				c.t.Errorf("%s matches %q, want %q", v.filter, got, v.want)
			}
		}
		for _, spelling := range []string{
			"userName+eq+%22ann%40x.test%22", "userName%20eq%20%22ann@x.test%22", "%75serName+eq+\"ann@x.test\"",
			" userName  eq  \"ann@x.test\" ",
		} {
			c.send("GET /Users?filter="+spelling, "").code(200).want(`Resources/*/userName ["ann@x.test"]`)
		}
		wrongFilters(c)
	})
}

func wrongFilters(c *idp) {
	c.t.Helper()
	for _, filter := range []string{
		`userName`, `userName eq`, `eq "x"`, `userName xx "a"`, `(userName pr`, `userName pr)`, `userName pr and`, `not userName pr`,
		`userName eq "a`, `userName eq "a" "b"`, `userName eq "\x"`, `emails[type eq "work"`, `emails[]`, `emails[type eq "work"]]`,
		`noSuchThing eq "a"`, `name.noSuchThing eq "a"`, `urn:unknown:userName eq "a"`, `password eq "a"`, `password pr`,
		`active gt true`, `meta.created gt "yesterday"`, `userName pr or or title pr`,
		`userName..x eq "a"`, `.userName eq "a"`, `emails[type eq "work"].noSuchThing eq "a"`, `emails[emails[type pr]]`, `()`,
	} {
		a := c.send("GET /Users?filter="+filter, "")
		if a.status != 400 || a.at("scimType") != "invalidFilter" {
			a.errorf("the wrong filter %s: want 400 invalidFilter", filter)
		}
	}
}
