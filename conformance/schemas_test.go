package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	costsURN = "urn:example:params:scim:schemas:extension:costs:1.0:User"
	chatURN  = "urn:rollcall:params:scim:schemas:extension:chat:2.0:User"
)

const costsSchema = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Schema"],"id":"` + costsURN + `","name":"Costs","description":"Who pays",
	"attributes":[
		{"name":"costCenter","type":"string","multiValued":false,"description":"Who pays","required":true,"caseExact":true,"mutability":"readWrite","returned":"default","uniqueness":"none"},
		{"name":"badge","type":"string","mutability":"immutable"},
		{"name":"colour","canonicalValues":["red","blue"]},
		{"name":"budgets","type":"complex","multiValued":true,"subAttributes":[{"name":"value","type":"integer"},{"name":"type"}]}]}`

// extend gives the connection a schema by the command line.
func (c *idp) extend(schema string) {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), "schema.json")
	if err := os.WriteFile(file, []byte(schema), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.CLI(c.t, "schema", "add", "--connection", c.connection, "--file", file)
}

func costsClient(t *testing.T, s *server, connection, preset string) *idp {
	t.Helper()
	c := s.idp(t, connection, preset)
	c.names["COSTS"], c.names["CHAT"] = costsURN, chatURN
	return c
}

func TestSchemas_an_extension_from_the_cradle_to_the_grave(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := costsClient(t, s, "entra", "entra")
		c.send("POST /Users", `{"userName":"kim@x.test","{COSTS}":{"costCenter":"R1"}}`).code(201).want("{COSTS} absent")
		c.extend(costsSchema)

		c.send("GET /Schemas/{COSTS}", "").code(200).want(`id "{COSTS}"
			name "Costs"
			attributes #4
			attributes/0/name "costCenter"
			attributes/0/required true
			attributes/0/caseExact true
			attributes/1/mutability "immutable"
			attributes/1/returned "default"
			attributes/2/canonicalValues ["red","blue"]
			attributes/3/subAttributes/0/type "integer"`)
		c.send("GET /Schemas", "").code(200).want("totalResults 5")
		c.send("GET /ResourceTypes/User", "").code(200).want(`schemaExtensions/2/schema "{COSTS}"
			schemaExtensions/2/required false`)

		c.names["pat"] = c.send("POST /Users", `{"schemas":["{USER}","{COSTS}"],"userName":"pat@x.test","{COSTS}":{"costCenter":"R1","colour":"mauve","Budgets":[{"value":5,"type":"travel"}],"unknown":1}}`).
			code(201).want(`schemas ["{USER}","{COSTS}"]
			{COSTS}/costCenter "R1"
			{COSTS}/colour "mauve"
			{COSTS}/budgets/0/value 5
			{COSTS}/unknown absent`).id()
		c.send("POST /Users", `{"userName":"sam@x.test","{COSTS}":{"colour":"red"}}`).fails(400, "invalidValue")
		c.send("POST /Users", `{"userName":"sam@x.test","{COSTS}":{"costCenter":"R2","budgets":[{"value":"five"}]}}`).fails(400, "invalidValue")

		// As Entra ID maps custom attributes.
		c.patch("/Users/{pat}", `{"op":"Replace","path":"{COSTS}:costCenter","value":"R2"},{"op":"Add","path":"{COSTS}:badge","value":"B7"}`).
			code(200).want(`{COSTS}/costCenter "R2"
			{COSTS}/badge "B7"`)
		c.patch("/Users/{pat}", `{"op":"Add","value":{"{COSTS}:colour":"blue"}}`).code(200).want(`{COSTS}/colour "blue"`)
		c.patch("/Users/{pat}", `{"op":"Replace","path":"{COSTS}:budgets[type eq \"travel\"].value","value":7}`).code(200).want(`{COSTS}/budgets/0/value 7`)
		c.patch("/Users/{pat}", `{"op":"Replace","path":"{COSTS}:badge","value":"B8"}`).fails(400, "mutability")
		c.patch("/Users/{pat}", `{"op":"Remove","path":"{COSTS}:costCenter"}`).fails(400, "mutability")
		c.send("PUT /Users/{pat}", `{"userName":"pat@x.test","{COSTS}":{"costCenter":"R2","badge":"B8"}}`).fails(400, "mutability")
		c.send("PUT /Users/{pat}", `{"userName":"pat@x.test","{COSTS}":{"costCenter":"R3"}}`).code(200).want(`{COSTS} {"badge":"B7","costCenter":"R3"}`)

		for filter, n := range map[string]string{
			`{COSTS}:costCenter eq "R3"`: "1", `{COSTS}:costCenter eq "r3"`: "0", `{COSTS}:badge eq "b7"`: "1", `{COSTS}:costCenter pr`: "1", `badge sw "B"`: "1", `costCenter pr`: "0",
		} {
			c.send("GET /Users?filter="+filter, "").code(200).want("totalResults " + n)
		}
		c.send("GET /Users/{pat}?attributes={COSTS}:badge", "").code(200).want("{COSTS} {\"badge\":\"B7\"}\nuserName absent")
		c.send("GET /Users/{pat}?excludedAttributes={COSTS}", "").code(200).want("{COSTS} absent\nuserName present")

		s.CLI(t, "schema", "remove", costsURN, "--connection", "entra")
		c.send("GET /Schemas/{COSTS}", "").fails(404, "")
		c.send("GET /Users/{pat}", "").code(200).want("{COSTS} absent\nschemas [\"{USER}\"]")
		c.send(`GET /Users?filter={COSTS}:badge eq "B7"`, "").fails(400, "invalidFilter")
		c.patch("/Users/{pat}", `{"op":"Replace","path":"{COSTS}:costCenter","value":"R4"},{"op":"Replace","path":"active","value":"False"}`).
			code(200).want("active false\n{COSTS} absent")
		c.extend(costsSchema)
		c.send("GET /Users/{pat}", "").code(200).want(`{COSTS} {"badge":"B7","costCenter":"R3"}`)
	})
}

func TestSchemas_two_connections_do_not_see_each_others(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		okta, entra := costsClient(t, s, "okta", "okta"), costsClient(t, s, "entra", "entra")
		okta.extend(costsSchema)
		entra.extend(`{"id":"` + costsURN + `","attributes":[{"name":"costCenter","type":"integer"}]}`)
		okta.send("POST /Users", `{"userName":"pat@x.test","{COSTS}":{"costCenter":"R1"}}`).code(201).want(`{COSTS}/costCenter "R1"`)
		entra.send("POST /Users", `{"userName":"sam@x.test","{COSTS}":{"costCenter":7}}`).code(201).want(`{COSTS}/costCenter 7`)
		entra.send("POST /Users", `{"userName":"kim@x.test","{COSTS}":{"costCenter":"R1"}}`).fails(400, "invalidValue")
		s.CLI(t, "schema", "remove", costsURN, "--connection", "entra")
		entra.send("GET /Schemas/{COSTS}", "").fails(404, "")
		entra.send("GET /Users", "").code(200).want("Resources/0/{COSTS} absent")
		okta.send("GET /Users", "").code(200).want(`Resources/0/{COSTS}/costCenter "R1"`)
	})
}

func TestSchemas_what_is_refused_says_why(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := costsClient(t, s, "okta", "okta")
		for schema, why := range map[string]string{
			strings.ReplaceAll(costsSchema, costsURN, userURN):                                               "is not yours to define",
			strings.ReplaceAll(costsSchema, costsURN, chatURN):                                               "is not yours to define",
			strings.ReplaceAll(costsSchema, `"uniqueness":"none"`, `"uniqueness":"server"`):                  costsURN + `:costCenter: uniqueness "server" is not possible`,
			strings.ReplaceAll(costsSchema, `"type":"integer"`, `"type":"complex"`):                          costsURN + ":budgets.value: a sub-attribute cannot be complex",
			strings.ReplaceAll(costsSchema, `"badge"`, `"bad ge"`):                                           "is no name of an attribute",
			strings.ReplaceAll(costsSchema, `"mutability":"immutable"`, `"mutability":"Once"`):               costsURN + ":badge: mutability must be one of readWrite, readOnly, immutable, writeOnly",
			strings.ReplaceAll(costsSchema, `"description":"Who pays"`, strings.Repeat(" ", 64<<10)+`"x":1`): "has more than 64 KiB",
		} {
			file := filepath.Join(t.TempDir(), "schema.json")
			if err := os.WriteFile(file, []byte(schema), 0o600); err != nil {
				t.Fatal(err)
			}
			r := s.Try("schema", "add", "--connection", "okta", "--file", file)
			if r.Code != 2 || !strings.Contains(r.Stderr, why) {
				t.Errorf("exit %d, %q; want %q", r.Code, r.Stderr, why)
			}
		}
		c.send("GET /Schemas", "").code(200).want("totalResults 4")
	})
}

func TestSchemas_ours_tells_of_the_chat(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := costsClient(t, s, "okta", "okta")
		s.world(t, "okta")
		c.users("pat", "sam")
		c.group("Backend", "pat")
		c.send("GET /Users/{pat}", "").code(200).want("{CHAT} absent\nschemas [\"{USER}\"]")
		c.send("GET /Users/{pat}?attributes={CHAT}", "").code(200).want(`schemas ["{USER}","{CHAT}"]
			{CHAT}/accountId present
			{CHAT}/username "pat"
			{CHAT}/teams [{"role":"member","value":"eng"}]
			{CHAT}/channels/*/value ["eng/backend","eng/off-topic","eng/town-square"]`)
		c.send("GET /Users?attributes=userName,{CHAT}:teams.value", "").code(200).want(`Resources/userName=pat@x.test/{CHAT} {"teams":[{"value":"eng"}]}`)
		c.send("POST /Users/.search", `{"schemas":["{SEARCH}"],"attributes":["{CHAT}:username"],"filter":"userName sw \"sam\""}`).
			code(200).want(`Resources/0/{CHAT} {"username":"sam"}`)
		c.patch("/Users/{pat}", `{"op":"replace","path":"{CHAT}:username","value":"root"}`).fails(400, "mutability")
		tag := c.send("GET /Users/{pat}", "").header.Get("ETag")
		c.send("PUT /Users/{pat}", `{"userName":"pat@x.test","externalId":"ext-pat@x.test","{CHAT}":{"username":"root","teams":[{"value":"ops"}]}}`).code(200)
		if now := c.send("GET /Users/{pat}", "").header.Get("ETag"); now != tag {
			t.Errorf("what is ignored made version %s of %s", now, tag)
		}
		c.send("GET /Users/{pat}?attributes={CHAT}:username,{CHAT}:accountId", "").code(200).want(`{CHAT}/username "pat"`)
	})
}
