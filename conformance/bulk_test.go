package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// Many operations in one request: RFC 7644, section 3.7, with its own examples in other words, and section 3.11. None of the
// providers that are played elsewhere sends these.

const (
	bulkURN     = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	bulkDoneURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)

// bulk sends operations, more being other members of the body, and asserts what is true of every answer to them.
func (c *idp) bulk(more string, operations ...string) *answer {
	c.t.Helper()
	a := c.send("POST /Bulk", fmt.Sprintf(`{"schemas":[%q],%s"Operations":[%s]}`, bulkURN, more, strings.Join(operations, ",")))
	a.code(200).want(fmt.Sprintf("schemas [%q]", bulkDoneURN))
	for i, o := range a.at("Operations").([]any) {
		o, at := o.(map[string]any), fmt.Sprintf("Operations/%d/", i)
		status, ok := o["status"].(string)
		switch failed := status >= "300"; {
		case !ok:
			a.errorf("%sstatus is no string", at)
		case failed:
			a.want(fmt.Sprintf("%sresponse/schemas [%q]\n%[1]sresponse/status %[3]q\n%[1]sresponse/detail present", at, errorURN, status))
		case status != "204":
			a.want(at + "location present\n" + at + "version present\n" + at + "response absent")
			path, ok := strings.CutPrefix(o["location"].(string), c.names["base"])
			if !ok {
				a.errorf("%slocation is not of this server", at)
			}
			c.send("GET "+path, "").code(200).want(fmt.Sprintf("meta/location %q", o["location"]))
		}
	}
	return a
}

func makes(path, bulkID, data string) string {
	return fmt.Sprintf(`{"method":"POST","path":%q,"bulkId":%q,"data":%s}`, path, bulkID, data)
}

// made is the id of what operation n made.
func (a *answer) made(n int) string {
	a.c.t.Helper()
	location := a.text(fmt.Sprintf("Operations/%d/location", n))
	return location[strings.LastIndex(location, "/")+1:]
}

func TestBulk_a_user_and_the_group_that_has_it(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "any", "")
		s.world(t, "any")
		a := c.bulk(`"failOnErrors":1,`,
			makes("/Groups", "ytrewq", `{"schemas":["{GROUP}"],"displayName":"Engineering","members":[{"type":"User","value":"bulkId:qwerty"}]}`),
			makes("/Users", "qwerty", `{"schemas":["{USER}"],"userName":"alice@x.test"}`),
			`{"method":"PATCH","path":"/Groups/bulkId:ytrewq","data":{"schemas":["{PATCHOP}"],"Operations":[
				{"op":"add","path":"externalId","value":"E"},{"op":"add","value":{"members":[{"value":"bulkId:bob","$ref":"../Users/bulkId:bob"}]}}]}}`,
			makes("/Users", "bob", `{"schemas":["{USER}"],"userName":"bob@x.test"}`),
		)
		a.want(`Operations #4
			Operations/*/status ["200","201","201","201"]
			Operations/0/bulkId "ytrewq"
			Operations/1/bulkId "qwerty"
			Operations/2/bulkId absent
			Operations/3/bulkId "bob"
			Operations/0/method "POST"
			Operations/2/method "PATCH"`)
		c.names["alice"], c.names["bob"], c.names["G"] = a.made(1), a.made(3), a.made(0)
		c.send("GET /Groups/{G}", "").code(200).want(`externalId "E"
			members #2
			members/value={alice}/$ref "{base}/Users/{alice}"
			members/value={bob}/display present`)
		in := ` active` + "\neng: link: any \"Engineering\""
		c.real("alice alice@x.test" + in + "\nbob bob@x.test" + in)
	})
}

func TestBulk_users_who_manage_each_other(t *testing.T) {
	required(t, func(c *idp) {
		a := c.bulk("",
			makes("/Users", "a", `{"schemas":["{USER}","{ENT}"],"userName":"ann@x.test","{ENT}":{"department":"R","manager":{"value":"bulkId:b","$ref":"/Users/bulkId:b"}}}`),
			makes("/Users", "b", `{"schemas":["{USER}","{ENT}"],"userName":"bob@x.test","{ENT}":{"department":"R","manager":{"value":"bulkId:a"}}}`),
		).want(`Operations/*/status ["201","201"]`)
		c.names["ann"], c.names["bob"] = a.made(0), a.made(1)
		c.send("GET /Users/{ann}", "").code(200).want("{ENT}/manager/value \"{bob}\"\n{ENT}/manager/$ref \"{base}/Users/{bob}\" | absent\n{ENT}/department \"R\"")
		c.send("GET /Users/{bob}", "").code(200).want("{ENT}/manager/value \"{ann}\"\n{ENT}/department \"R\"\nmeta/version " + compact(a.at("Operations/1/version")))
	})
}

// Case 7: a circle that cannot be is a clean 409, never a loop.
func TestBulk_groups_that_would_contain_each_other(t *testing.T) {
	required(t, func(c *idp) {
		group := func(bulkID, name, member string) string {
			return makes("/Groups", bulkID, fmt.Sprintf(`{"schemas":["{GROUP}"],"displayName":%q,"members":[{"type":"Group","value":"bulkId:%s"}]}`, name, member))
		}
		c.unchanged(func() {
			c.bulk("", group("qwerty", "Group A", "ytrewq"), group("ytrewq", "Group B", "qwerty"), group("self", "Group C", "self")).
				want(`Operations/*/status ["409","409","409"]
					Operations/*/location []`)
		})
		c.bulk("", group("a", "A", "b"), group("b", "B", "c"), makes("/Groups", "c", `{"displayName":"C"}`)).
			want(`Operations/*/status ["201","201","201"]`)
	})
}

func TestBulk_ends_after_the_errors_that_it_is_allowed(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat", "sam")
		stale := `{"method":"PUT","path":"/Users/{pat}","version":"W/\"77\"","data":{"userName":"pat@x.test"}}`
		taken := makes("/Users", "t", `{"userName":"SAM@x.test"}`)
		gone := `{"method":"DELETE","path":"/Users/{missing}"}`
		last := `{"method":"DELETE","path":"/Users/{sam}","version":"W/\"1\""}`
		c.unchanged(func() {
			c.bulk(`"failOnErrors":1,`, stale, last).want(`Operations #1
				Operations/0/status "412"
				Operations/0/location "{base}/Users/{pat}"`)
			c.bulk(`"failOnErrors":3,`, stale, taken, gone, last).want(`Operations #3
				Operations/*/status ["404","409","412"]
				Operations/1/response/scimType "uniqueness"
				Operations/1/location absent`)
		})
		c.bulk("", stale, taken, gone, last).want(`Operations #4
			Operations/3/status "204"
			Operations/3/location "{base}/Users/{sam}"`)
		c.send("GET /Users/{sam}", "").code(404)
	})
}

func TestBulk_shuts_accounts_in_that_request(t *testing.T) {
	required(t, func(c *idp) {
		c.users("pat", "sam", "kim")
		c.bulk("",
			gone("{missing}"), `{"method":"PATCH","path":"/Users/{pat}","data":{"Operations":[{"op":"replace","path":"active","value":"False"}]}}`,
			gone("{sam}"), `{"method":"PUT","path":"/Users/{kim}","data":{"userName":"kim@x.test","active":false}}`,
		).want(`Operations/1/status "200"
			Operations/2/status "204"
			Operations/3/status "200"`)
		c.real("pat pat@x.test inactive\nkim kim@x.test inactive")
		if a := c.account(c.t, "sam"); a.Active {
			c.t.Error("after DELETE sam is active")
		}
		requests := map[string]int{}
		for _, e := range c.events(c.t, "") {
			if e.Action == "identity.update" || e.Action == "identity.remove" {
				requests[e.RequestID]++
			}
		}
		if len(requests) != 1 {
			c.t.Errorf("the events are of the requests %v, want three of one", requests)
		}
	})
}

func gone(id string) string { return `{"method":"DELETE","path":"/Users/` + id + `"}` }

// Case 7: over its limits Bulk is 413, and nothing was done.
func TestBulk_limits_are_told_and_kept(t *testing.T) {
	required(t, func(c *idp) {
		c.send("GET /ServiceProviderConfig", "").code(200).want("bulk/supported true\nbulk/maxOperations 1000\nbulk/maxPayloadSize 8388608")
		operations := make([]string, 1001)
		for i := range operations {
			operations[i] = makes("/Users", fmt.Sprint(i), fmt.Sprintf(`{"userName":"u%d@x.test"}`, i))
		}
		c.unchanged(func() {
			c.send("POST /Bulk", `{"Operations":[`+strings.Join(operations, ",")+`]}`).fails(413, "")
			c.send("POST /Bulk", `{"Operations":[`+operations[0]+`,`+makes("/Users", "big", `{"userName":"`+strings.Repeat("x", 8<<20)+`"}`)+`]}`).fails(413, "")
			c.send("POST /Bulk", `{"Operations":[`+strings.Join(append(operations[:2:2], operations[1]), ",")+`]}`).fails(400, "invalidValue")
			c.send("POST /Bulk", `{"Operations":"x"}`).fails(400, "invalidSyntax")
		})
		c.send("POST /Bulk", `{"Operations":[`+strings.Join(operations[:1000], ",")+`]}`).code(200).want("Operations #1000")
		c.send("GET /Users?count=0", "").code(200).want("totalResults 1000")
	})
}

func TestBulk_requests_at_once_against_one_group(t *testing.T) {
	required(t, func(c *idp) {
		const requests, people = 6, 10
		c.group("G")
		harness.Parallel(requests, func(n int) {
			var operations []string
			for i := range people {
				id := fmt.Sprintf("u%d-%d", n, i)
				operations = append(operations,
					`{"method":"PATCH","path":"/Groups/{G}","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:`+id+`"}]}]}}`,
					makes("/Users", id, `{"userName":"`+id+`@x.test"}`))
			}
			if a, err := c.exchange("POST", "/scim/v2/Bulk", c.expand(`{"Operations":[`+strings.Join(operations, ",")+`]}`)); err != nil || a.status != 200 {
				c.t.Errorf("%v, %v", a, err)
			}
		})
		c.send("GET /Groups/{G}", "").code(200).want(fmt.Sprintf("members #%d", requests*people))
	})
}

func TestBulk_sees_its_own_connection_only(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		a, b := s.idp(t, "a", ""), s.idp(t, "b", "")
		b.users("pat")
		a.names["pat"] = b.names["pat"]
		b.unchanged(func() {
			answer := a.bulk("", gone("{pat}"), gone("{missing}"))
			if foreign, missing := answer.at("Operations/0/response"), answer.at("Operations/1/response"); compact(foreign) != compact(missing) {
				answer.errorf("a foreign user is answered otherwise than a missing one")
			}
		})
	})
}

func TestMe_is_for_people(t *testing.T) {
	required(t, func(c *idp) {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			a := c.raw(method, "/scim/v2/Me", `{"userName":"x"}`).code(501)
			a.lawfulError()
			a.want("scimType absent")
			c.send(method+" /Me/x", `{"userName":"x"}`).code(404)
		}
	})
}
