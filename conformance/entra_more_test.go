package conformance

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

func TestEntra_E12_members(t *testing.T) {
	entra(t, func(c *idp) {
		c.users("pat", "sam", "kim")
		in, out := " active"+inEngineering, " active\n"
		pat, sam, kim := "pat pat@x.test", "sam sam@x.test", "kim kim@x.test"
		ops := func(list string) string { return `{"schemas":["{PATCHOP}"],"Operations":[` + list + `]}` }
		one := `{"op":"Add","path":"members","value":[{"$ref":null,"value":"{pat}"}]}`
		c.run(
			step{name: "create", send: "POST /Groups", body: entraEngineering, status: 201, save: "eng"},
			step{
				name: "add one", send: "PATCH /Groups/{eng}", body: ops(one), status: 200,
				want: `members/*/value ["{pat}"]`, real: pat + in + sam + out,
			},
			step{
				name: "add several, one of them again", send: "PATCH /Groups/{eng}", status: 200,
				body: ops(`{"op":"Add","path":"members","value":[{"$ref":null,"value":"{pat}"},{"$ref":null,"value":"{sam}"},
					{"$ref":null,"value":"{kim}"}]}`),
				want: `members #3`, real: pat + in + sam + in + kim + in,
			},
			step{
				name: "remove with the values in the body", send: "PATCH /Groups/{eng}", status: 200,
				body: ops(`{"op":"Remove","path":"members","value":[{"$ref":null,"value":"{pat}"}]}`),
				want: `members #2`, real: pat + out + sam + in + kim + in,
			},
			step{
				name: "remove one who is no member", send: "PATCH /Groups/{eng}", status: 200,
				body: ops(`{"op":"Remove","path":"members","value":[{"$ref":null,"value":"{pat}"}]}`),
				want: `members #2`, real: pat + out + sam + in + kim + in,
			},
			step{
				name: "remove with a filter", send: "PATCH /Groups/{eng}", status: 200,
				body: ops(`{"op":"remove","path":"members[value eq \"{sam}\"]"}`),
				want: `members/*/value ["{kim}"]`, real: sam + out + kim + in,
			},
			step{
				name: "remove with a filter one who is no member", send: "PATCH /Groups/{eng}", status: 200,
				body: ops(`{"op":"remove","path":"members[value eq \"{sam}\"]"}`), want: `members/*/value ["{kim}"]`,
			},
			step{
				name: "replace", send: "PATCH /Groups/{eng}", status: 200,
				body: ops(`{"op":"replace","path":"members","value":[{"value":"{pat}"},{"value":"{sam}"}]}`),
				want: `members #2`, real: pat + in + sam + in + kim + out,
			},
			step{
				name: "remove with an empty list removes nobody", send: "PATCH /Groups/{eng}", status: 200,
				body: ops(`{"op":"Remove","path":"members","value":[]}`), want: `members #2`, real: pat + in + sam + in,
			},
			step{
				name: "remove without a value empties", send: "PATCH /Groups/{eng}", status: 200,
				body: ops(`{"op":"remove","path":"members"}`), want: `members #0`, real: pat + out + sam + out,
			},
			step{
				name: "a bare string as a member", send: "PATCH /Groups/{eng}", status: 200,
				body: ops(`{"op":"Add","path":"members","value":["{pat}"]}`), want: `members/*/value ["{pat}"]`, real: pat + in,
			},
			step{
				name: "a member that names nobody", send: "PATCH /Groups/{eng}", status: 200,
				body: ops(`{"op":"Add","path":"members","value":[{"value":"{missing}"},{"value":"{sam}"}]}`), real: sam + in,
			},
		)
		if g := c.pushed("Engineering"); len(g.Members) != 2 || len(g.UnknownMembers) != 1 ||
			g.UnknownMembers[0] != c.names["missing"] {
			c.t.Errorf("the group is %+v", g)
		}
	})
}

func TestEntra_E13_group_rename(t *testing.T) {
	entra(t, func(c *idp) {
		c.users("pat")
		c.names["eng"] = c.send("POST /Groups", entraEngineering).code(201).id()
		c.patch("/Groups/{eng}", `{"op":"Add","path":"members","value":[{"value":"{pat}"}]}`).code(200)
		for _, form := range []struct{ operation, name, externalID string }{
			{`{"op":"Replace","path":"displayName","value":"Eng 2"}`, "Eng 2", "8aa1a0c0"},
			{`{"op":"replace","value":{"displayName":"Eng 3"}}`, "Eng 3", "8aa1a0c0"},
			{`{"op":"replace","value":{"externalId":"e3"}}`, "Eng 3", "e3"},
			{`{"op":"Replace","path":"externalId","value":"e4"}`, "Eng 3", "e4"},
		} {
			c.patch("/Groups/{eng}", form.operation).code(200).want(fmt.Sprintf(`id "{eng}"
				displayName %q
				externalId %q
				members/*/value ["{pat}"]`, form.name, form.externalID))
			c.send("GET /Groups/{eng}", "").code(200).want(fmt.Sprintf("displayName %q", form.name))
			c.real("pat pat@x.test active" + "\neng: link: entra \"" + form.name + "\"")
		}
		c.group("Taken")
		c.patch("/Groups/{eng}", `{"op":"Replace","path":"displayName","value":"tAKEN"}`).fails(409, "uniqueness")
		c.send("GET /Groups/{eng}", "").code(200).want(`displayName "Eng 3"`)
	})
}

func TestEntra_E14_roles(t *testing.T) {
	entra(t, func(c *idp) {
		c.names["eng"] = c.send("POST /Groups", entraEngineering).code(201).id()
		c.users("pat", "sam", "kim")
		c.patch("/Groups/{eng}", `{"op":"Add","path":"members","value":[{"value":"{pat}"},{"value":"{sam}"},{"value":"{kim}"}]}`)

		c.patch("/Users/{pat}", `{"op":"Replace","path":"roles[primary eq \"True\"].value","value":"User"}`).code(200).
			want(`roles [{"primary":true,"value":"User"}]`)
		c.patch("/Users/{pat}", `{"op":"Replace","path":"roles[primary eq \"True\"].value","value":"system_admin"}`).code(200).
			want(`roles [{"primary":true,"value":"system_admin"}]`)
		c.send(`GET /Users?filter=roles[primary eq "True"].value eq "system_admin"`, "").code(200).
			want(`Resources/*/id ["{pat}"]`)

		a := c.patch("/Users/{sam}", `{"op":"Add","path":"roles","value":[
			{"value":"{\"id\":\"18d14569\",\"value\":\"Admin\",\"displayName\":\"Admin\"}"}]}`).code(200).want("roles #1")
		if v := a.text("roles/0/value"); v != "Admin" && v != `{"id":"18d14569","value":"Admin","displayName":"Admin"}` {
			a.errorf("the role is %s, want it kept as sent or unpacked", v)
		}

		c.patch("/Users/{kim}", `{"op":"replace","path":"roles","value":[
			{"primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"Admin","display":"Admin"},
			{"primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"User","display":"User"}]}`).code(200).
			want(`roles #2
				roles/value=Admin/primary false
				roles/value=User/type "WindowsAzureActiveDirectoryRole"`)

		for _, name := range []string{"pat", "sam", "kim"} {
			c.real(name + " " + name + "@x.test active" + inEngineering)
		}
	})
}

func TestEntra_E15_values_as_sent(t *testing.T) {
	entra(t, func(c *idp) {
		values := `displayName "  PAT lee "
			emails/type=work/value "Pat.Lee@X.test"
			phoneNumbers/type=Work/value "tel:+1 (555) 010-99 ext. 7"
			phoneNumbers/type=odd/value "0123"
			profileUrl "no url"
			locale "no locale"
			timezone "Mars/Olympus"
			x509Certificates/0/value "TUlJ"
			userName "Pat.Lee@X.test"`
		body := `{"schemas":["{USER}"],"userName":"Pat.Lee@X.test","displayName":"  PAT lee ","profileUrl":"no url",
			"locale":"no locale","timezone":"Mars/Olympus","emails":[{"type":"work","value":"Pat.Lee@X.test"}],
			"phoneNumbers":[{"type":"Work","value":"tel:+1 (555) 010-99 ext. 7"},{"type":"odd","value":"0123"}],
			"x509Certificates":[{"value":"TUlJ"}]}`
		c.names["pat"] = c.send("POST /Users", body).code(201).want(values).id()
		c.send("GET /Users/{pat}", "").code(200).want(values)
		c.patch("/Users/{pat}", `{"op":"Replace","path":"phoneNumbers[type eq \"work\"].value","value":"+44 (0)1"}`).code(200).
			want(`phoneNumbers #2
				phoneNumbers/type=Work/value "+44 (0)1"`)
	})
}

func TestEntra_E16_deprovisioning_and_restore(t *testing.T) {
	entra(t, func(c *idp) {
		c.names["pat"] = c.send("POST /Users", entraPat).code(201).id()
		c.names["eng"] = c.send("POST /Groups", entraEngineering).code(201).id()
		c.patch("/Groups/{eng}", `{"op":"Add","path":"members","value":[{"$ref":null,"value":"{pat}"}]}`).code(200)
		off := `{"schemas":["{PATCHOP}"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}`
		on := `{"schemas":["{PATCHOP}"],"Operations":[{"op":"Replace","path":"active","value":"True"}]}`
		in := "pat pat@x.test active" + inEngineering
		c.run(
			step{name: "soft delete", send: "PATCH /Users/{pat}", body: off, status: 200, real: "pat pat@x.test inactive"},
			step{name: "readable", send: "GET /Users/{pat}", status: 200, want: "active false"},
			step{
				name: "the group keeps its member", send: "GET /Groups/{eng}", status: 200, want: `members/*/value ["{pat}"]`,
			},
			step{name: "restore", send: "PATCH /Users/{pat}", body: on, status: 200, want: "active true", real: in},
			step{name: "soft delete again", send: "PATCH /Users/{pat}", body: off, status: 200, real: "pat pat@x.test inactive"},
			step{name: "hard delete", send: "DELETE /Users/{pat}", status: 204},
			step{name: "once only", send: "DELETE /Users/{pat}", status: 404},
			step{name: "it is gone", send: "GET /Users/{pat}", status: 404},
			step{name: "not found", send: `GET /Users?filter=userName eq "pat@x.test"`, status: 200, want: "totalResults 0"},
			step{name: "the group forgot it", send: "GET /Groups/{eng}", status: 200, want: "members #0"},
			step{name: "the group goes", send: "DELETE /Groups/{eng}", status: 204},
			step{name: "once only", send: "DELETE /Groups/{eng}", status: 404},
		)
		if a := c.account(c.t, "pat"); a.Active || len(a.Identities) != 0 {
			c.t.Errorf("after the hard delete the account is %+v", a)
		}
	})
}

func TestEntra_E17_lost_answer(t *testing.T) {
	entra(t, func(c *idp) {
		c.run(
			step{name: "create, the answer is lost", send: "POST /Users", body: entraPat, status: 201, save: "pat"},
			step{
				name: "create again", send: "POST /Users", body: entraPat, status: 409, want: `scimType "uniqueness"`,
				real: "pat pat@x.test active",
			},
			step{
				name: "find", send: `GET /Users?filter=userName eq "pat@x.test"`, status: 200,
				want: `Resources/*/id ["{pat}"]`,
			},
			step{name: "group, the answer is lost", send: "POST /Groups", body: entraEngineering, status: 201, save: "eng"},
			step{name: "group again", send: "POST /Groups", body: entraEngineering, status: 409, want: `scimType "uniqueness"`},
			step{
				name: "find", send: `GET /Groups?excludedAttributes=members&filter=displayName eq "Engineering"`, status: 200,
				want: `Resources/*/id ["{eng}"]`,
			},
		)
	})
}

func TestEntra_E18_load(t *testing.T) {
	entra(t, func(c *idp) {
		var refused atomic.Int32
		began := time.Now()
		harness.Parallel(10, func(worker int) {
			for i := range 20 {
				a, err := c.exchange("POST", "/scim/v2/Users", fmt.Sprintf(`{"userName":"u%d-%d@x.test"}`, worker, i))
				if err != nil || a.status != 201 {
					refused.Add(1)
				}
			}
		})
		if refused.Load() > 0 {
			c.t.Errorf("%d of 200 quick creates were refused", refused.Load())
		}
		if rate := 200 / time.Since(began).Seconds(); rate < 25 {
			c.t.Errorf("%.0f creates per second, Entra asks for 25", rate)
		}
		c.send("GET /Users?count=1", "").code(200).want("totalResults 200")
	})
}

func TestEntra_E19_schemas(t *testing.T) {
	entra(t, func(c *idp) {
		a := c.send("GET /Schemas", "").code(200).want(`schemas ["` + listURN + `"]
			totalResults 4
			Resources/*/id ["{GROUP}","{USER}","{ENT}","urn:rollcall:params:scim:schemas:extension:chat:2.0:User"]
			Resources/id={USER}/attributes/name=userName/uniqueness "server"
			Resources/id={USER}/attributes/name=userName/required true
			Resources/id={USER}/attributes/name=userName/caseExact false
			Resources/id={USER}/attributes/name=password/returned "never"
			Resources/id={USER}/attributes/name=password/mutability "writeOnly"
			Resources/id={USER}/attributes/name=groups/mutability "readOnly"
			Resources/id={USER}/attributes/name=name/subAttributes/name=givenName/type "string"
			Resources/id={USER}/attributes/name=emails/multiValued true
			Resources/id={USER}/attributes/name=active/type "boolean"
			Resources/id={ENT}/attributes/name=manager/type "complex"
			Resources/id={GROUP}/attributes/name=members/subAttributes/name=value/mutability "immutable"
			Resources/id={GROUP}/attributes/name=displayName/required true`)
		camelCase(a, a.body)
	})
}

// camelCase asserts that property names begin with a small letter or are those of a list, and that there is no null.
func camelCase(a *answer, v any) {
	a.c.t.Helper()
	switch node := v.(type) {
	case nil:
		a.errorf("there is a null")
	case map[string]any:
		for k, e := range node {
			if k != "Resources" && (k == "" || k[0] < 'a' || k[0] > 'z') && k != "$ref" {
				a.errorf("%q is not camel case", k)
			}
			camelCase(a, e)
		}
	case []any:
		for _, e := range node {
			camelCase(a, e)
		}
	}
}

func TestEntra_E20_id_and_username(t *testing.T) {
	entra(t, func(c *idp) {
		c.names["pat"] = c.send("POST /Users", entraPat).code(201).id()
		c.users("sam")
		before := c.account(c.t, "pat").ID
		ops := func(list string) string { return `{"schemas":["{PATCHOP}"],"Operations":[` + list + `]}` }
		c.run(
			step{
				name: "rename", send: "PATCH /Users/{pat}", status: 200,
				body: ops(`{"op":"Replace","path":"userName","value":"Patricia@x.test"}`),
				want: "id \"{pat}\"\nuserName \"Patricia@x.test\"", real: "patricia pat@x.test active",
			},
			step{
				name: "to a name that is taken", send: "PATCH /Users/{pat}", status: 409,
				body: ops(`{"op":"Replace","path":"userName","value":"SAM@x.test"}`),
				want: `scimType "uniqueness"`, real: "patricia pat@x.test active",
			},
			step{
				name: "only the spelling", send: "PATCH /Users/{pat}", status: 200,
				body: ops(`{"op":"Replace","path":"userName","value":"PATRICIA@x.test"}`),
				want: "id \"{pat}\"\nuserName \"PATRICIA@x.test\"", real: "patricia pat@x.test active",
			},
			step{
				name: "the id still names it", send: "GET /Users/{pat}", status: 200, want: `meta/location "{base}/Users/{pat}"`,
			},
			step{
				name: "the old name finds nobody", send: `GET /Users?filter=userName eq "pat@x.test"`, status: 200,
				want: "totalResults 0",
			},
		)
		if after := c.account(c.t, "patricia").ID; after != before {
			c.t.Errorf("the account is %s, was %s", after, before)
		}
	})
}

func TestEntra_E21_undeclared_attributes(t *testing.T) {
	entra(t, func(c *idp) {
		msft := "urn:ietf:params:scim:schemas:extension:msfttest:2.0:User"
		c.run(
			step{
				name: "create", send: "POST /Users", status: 201, save: "pat", real: "pat pat@x.test active",
				body: `{"schemas":["{USER}","` + msft + `"],"userName":"pat@x.test","favouriteColour":"blue",
					"` + msft + `":{"badge":"b7","list":[1,2]}}`,
				want: `userName "pat@x.test"`,
			},
			step{
				name: "patch", send: "PATCH /Users/{pat}", status: 200, want: `title "T"`,
				body: `{"schemas":["{PATCHOP}"],"Operations":[
					{"op":"Add","path":"` + msft + `:badge","value":"b8"},
					{"op":"Replace","path":"favouriteColour","value":"red"},
					{"op":"Add","path":"name.unknownPart","value":"x"},
					{"op":"Remove","path":"favouriteColour"},
					{"op":"add","value":{"` + msft + `:badge":"b9","` + msft + `":{"badge":"b10"},"shoeSize":9}},
					{"op":"Add","path":"title","value":"T"}]}`,
			},
			step{
				name: "put", send: "PUT /Users/{pat}", status: 200, want: `title "U"`, real: "pat pat@x.test active",
				body: `{"schemas":["{USER}","` + msft + `"],"userName":"pat@x.test","title":"U","shoeSize":9,"` + msft + `":{"badge":"b"}}`,
			},
			step{
				name: "group", send: "POST /Groups", status: 201,
				body: `{"schemas":["{GROUP}","` + msft + `"],"displayName":"G","colour":"blue"}`, want: `displayName "G"`,
			},
		)
	})
}
