package scim_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// What the property test of the filters found, kept. 400 stands for a filter that is refused.
func TestFilters_that_were_answered_wrongly(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		ann := d.must(201, "POST", "/Users", `{"userName":"ann","name":{"familyName":"Zimt"},"emails":[{"display":"no address"}]}`)["id"]
		bob := d.must(201, "POST", "/Users", `{"userName":"bob","active":false}`)["id"]
		list := func(ids ...any) (members string) {
			for _, id := range ids {
				members += fmt.Sprintf(`,{"value":%q}`, id)
			}
			return "[" + strings.TrimPrefix(members, ",") + "]"
		}
		one := d.must(201, "POST", "/Groups", `{"displayName":"one","members":`+list(ann)+`}`)["id"]
		both := d.must(201, "POST", "/Groups", `{"displayName":"both","members":`+list(ann, bob)+`}`)["id"]
		d.must(201, "POST", "/Groups", `{"displayName":"outer","members":`+list(one)+`}`)
		d.must(201, "POST", "/Groups", `{"displayName":"none"}`)
		names := strings.NewReplacer("ANN", ann.(string), "BOB", bob.(string), "ONE", one.(string), "BOTH", both.(string))
		for _, tt := range []struct{ rule, path, filter, want string }{
			{"one member is never two people", "/Groups", `members[value eq "ANN" and value eq "BOB"]`, ""},
			{"one member is not somebody", "/Groups", `members[value ne "ANN"]`, "both outer"},
			{"one member is not somebody, in other words", "/Groups", `members[not (value eq "ANN")]`, "both outer"},
			{"no member is somebody", "/Groups", `members.value ne "ANN"`, "outer none"},
			{"one member is either", "/Groups", `members[value eq "BOB" or value eq "ONE"]`, "both outer"},
			{"one member is somebody, by an index", "/Groups", `members[value eq "ANN"]`, "one both"},
			{"a member has a type", "/Groups", `members.type pr`, "one both outer"},
			{"a member in brackets has a type", "/Groups", `members[$ref pr and value eq "BOB"]`, "both"},
			{"the type of a member is not compared", "/Groups", `members.type eq "User"`, "400"},
			{"the type of a member in brackets is not compared", "/Groups", `members[type eq "User"]`, "400"},
			{"one group of a User is never two groups", "/Users", `groups[value eq "ONE" and value eq "BOTH"]`, ""},
			{"one group of a User is not that one", "/Users", `groups[value ne "BOTH"]`, "ann"},
			{"a group of a User has a name", "/Users", `groups.display pr`, "ann bob"},
			{"what is absent has no part that differs", "/Users", `name[not (familyName eq "x")]`, "ann"},
			{"an extension that is absent has none either", "/Users", `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User[department ne "x"]`, ""},
			{"null is no value at all", "/Users", `emails eq null`, "bob"},
			{"null is compared with what has no value of its own", "/Users", `name eq null`, "bob"},
			{"one is not true", "/Users", `active eq 1`, "400"},
			{"t is not true", "/Users", `active eq "t"`, "400"},
		} {
			status, body := d.do("GET", tt.path+"?filter="+url.QueryEscape(names.Replace(tt.filter)), "")
			var found []string
			resources, _ := body["Resources"].([]any)
			for _, r := range resources {
				for _, key := range []string{"userName", "displayName"} {
					if name, ok := r.(map[string]any)[key].(string); ok {
						found = append(found, name)
					}
				}
			}
			got := strings.Join(found, " ")
			if status != 200 {
				got = fmt.Sprint(status)
			}
			if got != tt.want || status == 400 && body["scimType"] != "invalidFilter" {
				t.Errorf("%s: %s: %q, want %q: %v", tt.rule, tt.filter, got, tt.want, body["detail"])
			}
		}
	})
}
