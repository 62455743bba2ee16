package saml

import (
	"github.com/go-json-experiment/json"

	"github.com/rollcall-id/rollcall/directory"
)

// fill makes the User of SCIM that a login makes where nobody pushed one: it is found by filters like any other.
func (d *Door) fill(a *directory.Asserted) error {
	p := &a.Profile
	body := map[string]any{"userName": a.UserName, "externalId": a.Subject, "active": true}
	for name, value := range map[string]string{"nickName": p.Nickname, "title": p.Position, "locale": p.Locale} {
		if value != "" {
			body[name] = value
		}
	}
	name := map[string]any{}
	if p.FirstName != "" {
		name["givenName"] = p.FirstName
	}
	if p.LastName != "" {
		name["familyName"] = p.LastName
	}
	if len(name) > 0 {
		body["name"] = name
	}
	if p.Email != "" {
		body["emails"] = []any{map[string]any{"value": p.Email, "type": "work", "primary": true}}
	}
	doc, err := d.user.Normalize(body)
	if err != nil {
		return err
	}
	if a.Document, err = json.Marshal(doc, json.Deterministic(true)); err != nil {
		return err
	}
	a.Search, err = json.Marshal(d.user.Search(doc, directory.Key), json.Deterministic(true))
	return err
}
