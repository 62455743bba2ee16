package scim

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/bulk"
	"github.com/rollcall-id/rollcall/scim/cursor"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// discover answers the endpoints that describe us. They change with the program and with the
// connection's extensions only, so there is no version.
//
// RFC 7644, section 4.
func (d *Door) discover(r *request) (*answer, error) {
	if r.params["filter"] != "" {
		return nil, directory.Errorf(directory.Forbidden, "", "what describes the service cannot be filtered")
	}
	if strings.HasPrefix(r.URL.Path, Base+"/ServiceProviderConfig") {
		return jsonAnswer(serviceProviderConfig(r.base))
	}
	var all []map[string]any
	byName := map[string]map[string]any{}
	add := func(name string, description map[string]any) {
		all = append(all, description)
		byName[strings.ToLower(name)] = description
	}
	for _, resource := range []*schema.Resource{r.user, r.group} {
		if strings.HasPrefix(r.URL.Path, Base+"/ResourceTypes") {
			add(resource.Name, resource.Describe(r.base))
			continue
		}
		for _, s := range append([]*schema.Schema{resource.Core}, resource.Extensions...) {
			add(s.URN, s.Describe(r.base))
		}
	}
	if r.id == "" {
		return jsonAnswer(map[string]any{
			"schemas":      []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"},
			"totalResults": len(all), "startIndex": 1, "itemsPerPage": len(all), "Resources": all,
		})
	}
	if one := byName[strings.ToLower(r.id)]; one != nil {
		return jsonAnswer(one)
	}
	return nil, directory.Errorf(directory.NotFound, "", "there is no such description")
}

func jsonAnswer(v any) (*answer, error) {
	b, err := json.Marshal(v, json.Deterministic(true))
	return &answer{status: http.StatusOK, body: b}, err
}

// serviceProviderConfig says what we can.
//
// RFC 7643, section 5.
func serviceProviderConfig(base string) map[string]any {
	can := func(yes bool) map[string]any { return map[string]any{"supported": yes} }
	return map[string]any{
		"schemas":          []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"documentationUri": "https://github.com/rollcall-id/rollcall",
		"patch":            can(true),
		"bulk":             map[string]any{"supported": true, "maxOperations": bulk.MaxOperations, "maxPayloadSize": bulkLimits.bytes},
		"filter":           map[string]any{"supported": true, "maxResults": maxCount},
		"changePassword":   can(false),
		"sort":             can(true),
		"etag":             can(true),
		"pagination": map[string]any{ // RFC 9865, section 4.
			"cursor": true, "index": true, "defaultPaginationMethod": "index",
			"defaultPageSize": defaultCount, "maxPageSize": maxCount, "cursorTimeout": int(cursor.Life / time.Second),
		},
		"authenticationSchemes": []map[string]any{{
			"type": "oauthbearertoken", "name": "OAuth Bearer Token", "primary": true,
			"description": "a token made with rollcall token create, in the Authorization header",
			"specUri":     "https://www.rfc-editor.org/info/rfc6750",
		}, {
			"type": "oauth2", "name": "OAuth 2.0 Client Credentials",
			"description": "an access token from /oauth/token, for a client made with rollcall client create",
			"specUri":     "https://www.rfc-editor.org/info/rfc6749",
		}},
		"meta": map[string]any{"resourceType": "ServiceProviderConfig", "location": base + "/ServiceProviderConfig"},
	}
}
