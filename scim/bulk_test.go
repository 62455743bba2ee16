package scim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/scim"
)

// bulk sends a Bulk request, more being other members of its body, and returns its results in short: method, bulkId, status and
// scimType, then "at" and the location without its base, and the version.
func (d *door) bulk(more, operations string) []string {
	d.t.Helper()
	answer := d.must(200, "POST", "/Bulk", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],%s"Operations":[%s]}`, more, operations))
	if got := fmt.Sprint(answer["schemas"]); got != "[urn:ietf:params:scim:api:messages:2.0:BulkResponse]" {
		d.t.Errorf("schemas %s", got)
	}
	var results []string
	for _, o := range answer["Operations"].([]any) {
		o := o.(map[string]any)
		parts := []string{o["method"].(string)}
		if id, ok := o["bulkId"]; ok {
			parts = append(parts, id.(string))
		}
		parts = append(parts, o["status"].(string))
		if response, ok := o["response"].(map[string]any); ok {
			if response["status"] != o["status"] || response["detail"] == "" || fmt.Sprint(response["schemas"]) != "[urn:ietf:params:scim:api:messages:2.0:Error]" {
				d.t.Errorf("operation %v: response %v", o, response)
			}
			if response["scimType"] != nil {
				parts = append(parts, response["scimType"].(string))
			}
		} else if o["status"].(string) >= "300" {
			d.t.Errorf("operation %v has no response", o)
		}
		if at, ok := o["location"].(string); ok {
			parts = append(parts, "at", generated.ReplaceAllString(strings.TrimPrefix(at, d.url), "ID"))
		}
		if version, ok := o["version"].(string); ok {
			parts = append(parts, version)
		}
		results = append(results, strings.Join(parts, " "))
	}
	return results
}

var generated = regexp.MustCompile(`[0-9a-v]{26}`)

func (d *door) bulkIs(more, operations string, want ...string) {
	d.t.Helper()
	if got := d.bulk(more, operations); !slices.Equal(got, want) {
		d.t.Errorf("results\n%s,\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// find returns the one resource that a filter chooses.
func (d *door) find(path, attribute, value string) map[string]any {
	d.t.Helper()
	list := d.must(200, "GET", fmt.Sprintf("%s?filter=%s%%20eq%%20%%22%s%%22", path, attribute, value), "")
	if list["totalResults"] != 1.0 {
		d.t.Fatalf("%s eq %s finds %v", attribute, value, list["totalResults"])
	}
	return list["Resources"].([]any)[0].(map[string]any)
}

func (d *door) count(path string) int {
	d.t.Helper()
	return int(d.must(200, "GET", path+"?count=0", "")["totalResults"].(float64))
}

const ext = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

func bulkUser(bulkID, more string) string {
	return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":%q,"data":{"userName":"%[1]s@x.test"%s}}`, bulkID, more)
}

func managed(by string) string {
	return fmt.Sprintf(`,%q:{"department":"R","manager":{"value":%q}}`, ext, by)
}

func TestBulk_does_operations_in_the_order_of_what_they_need_and_answers_in_that_of_the_request(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		old := d.must(201, "POST", "/Users", `{"userName":"old@x.test"}`)["id"].(string)
		gone := d.must(201, "POST", "/Users", `{"userName":"gone@x.test"}`)["id"].(string)
		d.bulkIs("", `
			{"method":"PATCH","path":"/Groups/bulkId:g","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"`+old+`"}]}]}},
			{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"G","members":[{"value":"bulkId:ann","$ref":"../Users/bulkId:ann"}]}},
			`+bulkUser("ann", managed("bulkId:bob"))+`,`+bulkUser("bob", "")+`,
			{"method":"PUT","path":"/Users/`+old+`","bulkId":"p","version":"W/\"1\"","data":{"userName":"new@x.test"}},
			{"method":"PATCH","path":"/Users/`+old+`","version":"W/\"1\"","data":{"Operations":[{"op":"replace","path":"active","value":false}]}},
			{"method":"DELETE","path":"/Users/`+gone+`","version":"W/\"1\"","data":{"ignored":true}},
			{"method":"DELETE","path":"/Users/`+gone+`"}`,
			`PATCH 200 at /Groups/ID W/"2"`,
			`POST g 201 at /Groups/ID W/"1"`,
			`POST ann 201 at /Users/ID W/"1"`,
			`POST bob 201 at /Users/ID W/"1"`,
			`PUT p 200 at /Users/ID W/"2"`,
			`PATCH 412 at /Users/ID`,
			`DELETE 204 at /Users/ID`,
			`DELETE 404 at /Users/ID`,
		)
		ann, bob := d.find("/Users", "userName", "ann@x.test"), d.find("/Users", "userName", "bob@x.test")
		if got := ann[ext].(map[string]any)["manager"].(map[string]any)["value"]; got != bob["id"] {
			t.Errorf("the manager is %v, want %v", got, bob["id"])
		}
		var members []string
		for _, m := range d.find("/Groups", "displayName", "G")["members"].([]any) {
			members = append(members, m.(map[string]any)["display"].(string))
		}
		if slices.Sort(members); len(members) != 2 {
			t.Errorf("members %v, want ann and old", members)
		}
	})
}

func TestBulk_completes_users_that_refer_to_one_another(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.bulkIs("", bulkUser("ann", managed("bulkId:bob"))+`,`+bulkUser("bob", managed("bulkId:ann"))+`,`+bulkUser("cid", managed("bulkId:cid")),
			`POST ann 201 at /Users/ID W/"1"`, `POST bob 201 at /Users/ID W/"2"`, `POST cid 201 at /Users/ID W/"2"`)
		for name, manager := range map[string]string{"ann": "bob", "bob": "ann", "cid": "cid"} {
			got := d.find("/Users", "userName", name+"@x.test")[ext].(map[string]any)
			if want := d.find("/Users", "userName", manager+"@x.test")["id"]; got["manager"].(map[string]any)["value"] != want || got["department"] != "R" {
				t.Errorf("%s: %v, want the manager %v", name, got, want)
			}
		}
	})
}

func TestBulk_tells_where_what_could_not_be_completed_is(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		d.must(201, "POST", "/Users", `{"userName":"ann@x.test"}`)
		circle := bulkUser("ann", managed("bulkId:bob")) + `,` + bulkUser("bob", managed("bulkId:ann"))
		d.bulkIs("", circle, `POST ann 409 uniqueness`, `POST bob 400 invalidValue at /Users/ID W/"1"`)
		if got := d.find("/Users", "userName", "bob@x.test")[ext].(map[string]any)["manager"]; got != nil {
			t.Errorf("bob has the manager %v", got)
		}
		d.bulkIs(`"failOnErrors":1,`, strings.ReplaceAll(circle, "bob", "cid"), `POST ann 409 uniqueness`, `POST cid 400 invalidValue at /Users/ID W/"1"`)
		for _, more := range []string{"", `"failOnErrors":1,`} {
			d.bulkIs(more, bulkUser("ann", managed("bulkId:ann")), `POST ann 409 uniqueness`)
		}
	})
}

func TestBulk_refuses_groups_that_would_contain_one_another(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		group := func(name, member string) string {
			return fmt.Sprintf(`{"method":"POST","path":"/Groups","bulkId":%q,"data":{"displayName":%[1]q,"members":[{"type":"Group","value":%q}]}}`, name, member)
		}
		d.bulkIs("", group("A", "bulkId:B")+`,`+group("B", "bulkId:A")+`,`+group("C", "bulkId:A")+`,`+group("D", "nobody")+`,`+bulkUser("ann", ""),
			`POST A 409`, `POST B 409`, `POST C 409`, `POST D 201 at /Groups/ID W/"1"`, `POST ann 201 at /Users/ID W/"1"`)
		if got := d.count("/Groups"); got != 1 {
			t.Errorf("%d groups, want 1", got)
		}
		old := d.find("/Groups", "displayName", "D")["id"].(string)
		put := fmt.Sprintf(`{"method":"PUT","path":"/Groups/%s","data":{"displayName":"D","members":[{"value":"bulkId:E"}]}}`, old)
		d.bulkIs("", put+`,`+group("E", old), `PUT 400 invalidValue at /Groups/ID`, `POST E 201 at /Groups/ID W/"1"`)
	})
}

func TestBulk_stops_after_so_many_errors(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		const wrong = `{"method":"DELETE","path":"/Users/nobody"}`
		all := strings.Join([]string{wrong, bulkUser("ann", ""), wrong, bulkUser("bob", ""), wrong}, ",")
		d.bulkIs(`"failOnErrors":2,`, all, `DELETE 404 at /Users/nobody`, `POST ann 201 at /Users/ID W/"1"`, `DELETE 404 at /Users/nobody`)
		if got := d.count("/Users"); got != 1 {
			t.Errorf("%d users, want 1", got)
		}
		d.bulkIs(`"failOnErrors":5,`, strings.ReplaceAll(all, "ann", "cid"), `DELETE 404 at /Users/nobody`, `POST cid 201 at /Users/ID W/"1"`,
			`DELETE 404 at /Users/nobody`, `POST bob 201 at /Users/ID W/"1"`, `DELETE 404 at /Users/nobody`)
		if got := d.bulk("", wrong+`,`+wrong+`,`+bulkUser("dan", "")); len(got) != 3 {
			t.Errorf("without failOnErrors %v", got)
		}
	})
}

func TestBulk_answers_for_each_operation_that_is_wrong(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		id := d.must(201, "POST", "/Users", `{"userName":"pat@x.test"}`)["id"].(string)
		g := d.must(201, "POST", "/Groups", `{"displayName":"G"}`)["id"].(string)
		for operation, want := range map[string]string{
			`{"method":"GET","path":"/Users/` + id + `"}`:                                                              `GET 400 invalidSyntax`,
			`{"method":"POST","path":"/Bulk","bulkId":"x","data":{"Operations":[]}}`:                                   `POST x 400 invalidPath`,
			`{"method":"POST","path":"/Me","bulkId":"x","data":{}}`:                                                    `POST x 400 invalidPath`,
			`{"method":"POST","path":"/Users/.search","bulkId":"x","data":{}}`:                                         `POST x 400 invalidPath`,
			`{"method":"PUT","path":"/Users/` + id + `","data":7}`:                                                     `PUT 400 invalidSyntax`,
			`{"method":"POST","path":"/Users","bulkId":"x","data":{}}`:                                                 `POST x 400 invalidValue`,
			`{"method":"POST","path":"/Users","bulkId":"x","data":{"userName":7}}`:                                     `POST x 400 invalidValue`,
			`{"method":"POST","path":"/Users","bulkId":"x","data":{"userName":"PAT@x.test"}}`:                          `POST x 409 uniqueness`,
			`{"method":"PUT","path":"/Users/` + id + `","data":{"userName":"x","title":"bulkId:x"}}`:                   `PUT 400 invalidValue`,
			`{"method":"DELETE","path":"/Users/bulkId:x"}`:                                                             `DELETE 400 invalidValue`,
			`{"method":"DELETE","path":"/Users/` + id + `","version":"W/\"9\""}`:                                       `DELETE 412 at /Users/ID`,
			`{"method":"DELETE","path":"/Users/` + id + `","version":"nonsense"}`:                                      `DELETE 412 at /Users/ID`,
			`{"method":"DELETE","path":"/Groups/` + id + `"}`:                                                          `DELETE 404 at /Groups/ID`,
			`{"method":"DELETE","path":"/Users/` + id + `/"}`:                                                          `DELETE 404`,
			`{"method":"DELETE","path":"/Users/../Users/` + id + `"}`:                                                  `DELETE 404`,
			`{"method":"DELETE","path":"/Users/%` + fmt.Sprintf("%x", id[0]) + id[1:] + `"}`:                           `DELETE 404`,
			`{"method":"DELETE","path":"/Users/` + id + `\u0000"}`:                                                     `DELETE 404`,
			`{"method":"DELETE","path":"/Users/` + id + `?x=y"}`:                                                       `DELETE 404 at /Users/ID?x=y`,
			`{"method":"PATCH","path":"/Users/` + id + `","data":{"Operations":[]}}`:                                   `PATCH 400 invalidSyntax at /Users/ID`,
			`{"method":"PATCH","path":"/Groups/` + g + `","data":{"Operations":[{"op":"remove"}]}}`:                    `PATCH 400 noTarget at /Groups/ID`,
			`{"method":"PATCH","path":"/Users/` + id + `","data":{"Operations":[{"op":"add","path":"[[","value":1}]}}`: `PATCH 400 invalidPath at /Users/ID`,
		} {
			if got := d.bulk("", operation); !slices.Equal(got, []string{want}) {
				t.Errorf("%s: %q, want %q", operation, got, want)
			}
		}
		if users, groups := d.count("/Users"), d.count("/Groups"); users != 1 || groups != 1 {
			t.Errorf("%d users and %d groups, want 1 and 1", users, groups)
		}
	})
}

func TestBulk_refuses_what_is_no_request_and_does_nothing(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		one := bulkUser("ann", "")
		many := make([]string, 1001)
		for i := range many {
			many[i] = bulkUser(fmt.Sprint("u", i), "")
		}
		big := `{"Operations":[` + one + `],"x":"` + strings.Repeat("x", 8<<20) + `"}`
		for name, tt := range map[string]struct {
			body     string
			status   int
			scimType any
		}{
			"no operations":                {`{}`, 400, "invalidSyntax"},
			"a list":                       {`[` + one + `]`, 400, "invalidSyntax"},
			"cut off":                      {`{"Operations":[` + one, 400, "invalidSyntax"},
			"one of two is a string":       {`{"Operations":[` + one + `,"x"]}`, 400, "invalidSyntax"},
			"one of two has no bulkId":     {`{"Operations":[` + one + `,{"method":"POST","path":"/Users","data":{"userName":"x"}}]}`, 400, "invalidSyntax"},
			"two with one bulkId":          {`{"Operations":[` + one + `,` + one + `]}`, 400, "invalidValue"},
			"failOnErrors of a wrong type": {`{"failOnErrors":"x","Operations":[` + one + `]}`, 400, "invalidSyntax"},
			"nested too deep":              {`{"Operations":[` + bulkUser("ann", `,"x":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)) + `]}`, 400, "invalidSyntax"},
			"1001 operations":              {`{"Operations":[` + strings.Join(many, ",") + `]}`, 413, nil},
			"more than 8 MiB":              {big, 413, nil},
		} {
			if status, v := d.do("POST", "/Bulk", tt.body); status != tt.status || v["scimType"] != tt.scimType {
				t.Errorf("%s: %d %v, want %d %v", name, status, v, tt.status, tt.scimType)
			}
		}
		undeclared, err := http.NewRequestWithContext(t.Context(), "POST", d.url+"/Bulk", io.MultiReader(strings.NewReader(big)))
		if err != nil {
			t.Fatal(err)
		}
		undeclared.Header.Set("Authorization", "Bearer "+d.token)
		res, err := http.DefaultClient.Do(undeclared)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != 413 {
			t.Errorf("more than 8 MiB without a length: %d, %v, want 413", res.StatusCode, err)
		}
		d.must(405, "GET", "/Bulk", "")
		if got := d.count("/Users"); got != 0 {
			t.Errorf("%d users were made", got)
		}
		if got := d.bulk("", strings.Join(many[:1000], ",")); len(got) != 1000 || got[999] != `POST u999 201 at /Users/ID W/"1"` {
			t.Errorf("1000 operations: %d results", len(got))
		}
		if got := d.count("/Users"); got != 1000 {
			t.Errorf("%d users, want 1000", got)
		}
	})
}

func TestBulk_gives_a_name_to_the_first_that_wants_it(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		for n := range 20 {
			user := func(bulkID, name string) string {
				return strings.Replace(bulkUser(bulkID, ""), bulkID+"@", fmt.Sprint(name, n, "@"), 1)
			}
			d.bulkIs("", user("a", "pat")+`,`+user("b", "sam")+`,`+user("c", "PAT")+`,`+user("d", "Sam"),
				`POST a 201 at /Users/ID W/"1"`, `POST b 201 at /Users/ID W/"1"`, `POST c 409 uniqueness`, `POST d 409 uniqueness`)
		}
	})
}

func TestBulk_requests_at_once_lose_no_member(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		const requests, users = 8, 20
		g := d.must(201, "POST", "/Groups", `{"displayName":"G"}`)["id"].(string)
		var all sync.WaitGroup
		for n := range requests {
			all.Go(func() {
				var ops []string
				for i := range users {
					name := fmt.Sprintf("u%d-%d", n, i)
					ops = append(ops, bulkUser(name, ""), fmt.Sprintf(
						`{"method":"PATCH","path":"/Groups/%s","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:%s"}]}]}}`, g, name))
				}
				for _, result := range d.bulk("", strings.Join(ops, ",")) {
					if !strings.Contains(result, " 20") {
						t.Error(result)
					}
				}
			})
		}
		all.Wait()
		if got := len(d.must(200, "GET", "/Groups/"+g, "")["members"].([]any)); got != requests*users {
			t.Errorf("%d members, want %d", got, requests*users)
		}
	})
}

func TestBulk_begins_nothing_more_when_the_client_has_gone(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		var ops []string
		for i := range 1000 {
			ops = append(ops, bulkUser(fmt.Sprint("u", i), ""))
		}
		ctx, leave := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "POST", d.url+"/Bulk", strings.NewReader(`{"failOnErrors":1,"Operations":[`+strings.Join(ops, ",")+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+d.token)
		left := make(chan error)
		go func() {
			res, err := http.DefaultClient.Do(req)
			if err == nil {
				_ = res.Body.Close()
			}
			left <- err
		}()
		for deadline := time.Now().Add(20 * time.Second); d.count("/Users") == 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Fatalf("the request ended with %v before the client had gone", err)
		}
		done := -1
		for now := d.count("/Users"); now != done; now = d.count("/Users") {
			done = now
			time.Sleep(200 * time.Millisecond)
		}
		if done == 0 || done == 1000 {
			t.Errorf("%d users were made, want some and not all", done)
		}
	})
}

func TestBulk_keeps_a_panic_to_its_operation(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		log := new(journal)
		d.serve(&scim.Door{
			DB: d.db, Log: slog.New(slog.NewTextHandler(log, nil)), Provision: provision.New(nil, nil), // changes have nowhere to go
		})
		d.bulkIs("", bulkUser("hidden", "")+`,{"method":"DELETE","path":"/Users/nobody","version":"*"},`+bulkUser("bob", managed("bulkId:hidden")),
			`POST hidden 500`, `DELETE 500 at /Users/nobody`, `POST bob 400 invalidValue`)
		log.tells(t, "level=ERROR", "status=200", "panic: ")
		if strings.Contains(log.b.String(), "hidden@x.test") {
			t.Error("the log holds a name")
		}
		d.must(200, "GET", "/Users", "")
	})
}

func TestMe_is_nobody_for_a_token_of_a_connection(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			if v := d.must(501, method, "/Me", `{"userName":"x"}`); v["status"] != "501" || !strings.Contains(v["detail"].(string), "connection") {
				t.Errorf("%s: %v", method, v)
			}
			d.must(404, method, "/Me/x", "")
		}
		d.token = "rct_wrong"
		d.must(401, "GET", "/Me", "")
	})
}
