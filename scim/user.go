package scim

import (
	"bytes"
	"maps"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/scim/patch"
	"github.com/rollcall-id/rollcall/scim/schema"
	"github.com/rollcall-id/rollcall/store"
)

// createUser answers a POST.
//
// RFC 7644, section 3.3.
func (d *Door) createUser(r *request) (*answer, error) {
	body, err := d.readBody(r, false)
	if err != nil {
		return nil, err
	}
	doc, err := r.user.Normalize(body)
	if err != nil {
		return nil, err
	}
	if _, said := doc["active"]; !said {
		doc["active"] = true
	}
	i, err := d.Provision.CreateIdentity(r.Context(), r.actor, content(r.user, doc))
	if err != nil {
		return nil, err
	}
	return d.userAnswer(r, http.StatusCreated, &i)
}

// content is the edit that makes doc, a document of the type user, what the identity says. It is the only text that derives an
// identity's fields from a document.
func content(user *schema.Resource, doc map[string]any) provision.Edit {
	return func(i *directory.Identity) error {
		document, err := json.Marshal(doc, json.Deterministic(true))
		if err != nil || bytes.Equal(document, i.Document) {
			return err
		}
		if len(document) > maxDocument {
			return directory.Errorf(directory.Limit, "", "the User would have more than %d bytes", maxDocument)
		}
		i.Document = document
		i.UserName, _ = doc["userName"].(string)
		i.ExternalID, _ = doc["externalId"].(string)
		i.Active, _ = doc["active"].(bool)
		i.Profile = profile(doc)
		i.Search, err = json.Marshal(user.Search(doc, directory.Key), json.Deterministic(true))
		return err
	}
}

// profile takes from a document what an account has: of the e-mails the primary one, else the one of type work.
func profile(doc map[string]any) directory.Profile {
	text := func(from map[string]any, name string) string { s, _ := from[name].(string); return s }
	name, _ := doc["name"].(map[string]any)
	p := directory.Profile{
		FirstName: text(name, "givenName"), LastName: text(name, "familyName"),
		Nickname: text(doc, "nickName"), Position: text(doc, "title"), Locale: text(doc, "locale"),
	}
	emails, _ := doc["emails"].([]any)
	for _, e := range emails {
		email, _ := e.(map[string]any)
		if primary, _ := email["primary"].(bool); primary {
			p.Email = text(email, "value")
			break
		}
		if p.Email == "" && directory.Key(text(email, "type")) == "work" {
			p.Email = text(email, "value")
		}
	}
	return p
}

// getUser answers a GET.
//
// RFC 7644, section 3.4.1.
func (d *Door) getUser(r *request) (*answer, error) {
	i, has, err := d.shown(r, directory.IdentityID(r.id))
	if err != nil {
		return nil, err
	}
	if a, err := r.notSent(i.Version); a != nil || err != nil {
		return a, err
	}
	return d.renderUser(r, http.StatusOK, &i, has)
}

// shown reads an identity as answers show it, and what is derived of it as far as the client wants it.
func (d *Door) shown(r *request, id directory.IdentityID) (i directory.Identity, has derived, err error) {
	var groups []directory.Containment
	nested := false
	read := func(tx *store.Tx) (err error) {
		i, groups, nested, err = tx.IdentityShown(r.actor.Connection, id)
		return err
	}
	if !r.projection.Wants(schema.ChatURN) {
		if err = d.DB.ViewOne(r.Context(), read); err != nil {
			return i, has, err
		}
		if wanted := r.projection.Wants("groups"); !wanted || !nested {
			if wanted && len(groups) > 0 {
				has.groups = map[directory.Row][]directory.Containment{i.Row: groups}
			}
			return i, has, nil
		}
	}
	err = d.DB.View(r.Context(), func(tx *store.Tx) (err error) {
		if err = read(tx); err == nil {
			has, err = derive(tx, r, i)
		}
		return err
	})
	return i, has, err
}

// replaceUser answers a PUT.
//
// RFC 7644, section 3.5.1.
func (d *Door) replaceUser(r *request) (*answer, error) {
	body, err := d.readBody(r, false)
	if err != nil {
		return nil, err
	}
	doc, err := r.user.Normalize(body)
	if err != nil {
		return nil, err
	}
	_, said := doc["active"]
	return d.updateUser(r, func(i *directory.Identity) error {
		kept := maps.Clone(doc)
		if !said {
			kept["active"] = i.Active // absent means unchanged
		}
		if err := r.user.Guard(i.Document, kept, true, directory.Key); err != nil {
			return err
		}
		return content(r.user, kept)(i)
	})
}

// patchUser answers a PATCH.
//
// RFC 7644, section 3.5.2.
func (d *Door) patchUser(r *request) (*answer, error) {
	body, err := d.readBody(r, false)
	if err != nil {
		return nil, err
	}
	ops, err := patch.Parse(body, r.user, r.id)
	if err != nil {
		return nil, err
	}
	return d.updateUser(r, func(i *directory.Identity) error {
		var doc map[string]any
		if err := json.Unmarshal(i.Document, &doc); err != nil {
			return err
		}
		changed, err := patch.Apply(doc, ops)
		if err != nil || !changed {
			return err
		}
		if err := r.user.Guard(i.Document, doc, false, directory.Key); err != nil {
			return err
		}
		return content(r.user, doc)(i)
	})
}

func (d *Door) updateUser(r *request, edit provision.Edit) (*answer, error) {
	version, err := r.mustHave(d.userVersion(r))
	if err != nil {
		return nil, err
	}
	i, err := d.Provision.UpdateIdentity(r.Context(), r.actor, directory.IdentityID(r.id), version, edit)
	if err != nil {
		return nil, err
	}
	return d.userAnswer(r, http.StatusOK, &i)
}

// deleteUser answers a DELETE.
//
// RFC 7644, section 3.6.
func (d *Door) deleteUser(r *request) (*answer, error) {
	version, err := r.mustHave(d.userVersion(r))
	if err != nil {
		return nil, err
	}
	err = d.Provision.RemoveIdentity(r.Context(), r.actor, directory.IdentityID(r.id), version)
	return &answer{status: http.StatusNoContent}, err
}

func (d *Door) userVersion(r *request) func() (int64, error) {
	return func() (version int64, err error) {
		err = d.DB.ViewOne(r.Context(), func(tx *store.Tx) error {
			i, err := tx.Identity(r.actor.Connection, directory.IdentityID(r.id))
			version = i.Version
			return err
		})
		return version, err
	}
}

// userAnswer renders an identity that was just written.
func (d *Door) userAnswer(r *request, status int, i *directory.Identity) (*answer, error) {
	isNew := status == http.StatusCreated && i.Version == 1 // and in no group
	if (isNew || !r.projection.Wants("groups")) && !r.projection.Wants(schema.ChatURN) {
		return d.renderUser(r, status, i, derived{})
	}
	_, has, err := d.shown(r, i.ID)
	if err != nil && !directory.Is(err, directory.NotFound) { // removed meanwhile: what was written is answered all the same
		return nil, err
	}
	return d.renderUser(r, status, i, has)
}

// derived is what Users have that is in no document.
type derived struct {
	groups map[directory.Row][]directory.Containment // by identity
	places map[directory.Row]directory.Places        // by account
}

// derive reads what is derived of the identities, as far as the client wants it.
func derive(tx *store.Tx, r *request, identities ...directory.Identity) (has derived, err error) {
	if r.projection.Wants("groups") {
		rows := make([]directory.Row, len(identities))
		for n := range identities {
			rows[n] = identities[n].Row
		}
		if has.groups, err = tx.GroupsOf(rows...); err != nil {
			return has, err
		}
	}
	if r.projection.Wants(schema.ChatURN) {
		accounts := make([]directory.Row, len(identities))
		for n := range identities {
			accounts[n] = identities[n].Account
		}
		has.places, err = tx.PlacesOf(accounts...)
	}
	return has, err
}

func (d *Door) renderUser(r *request, status int, i *directory.Identity, has derived) (*answer, error) {
	const rest = 640 // more than what most Users have beside their document
	body, err := d.appendUser(make([]byte, 0, len(i.Document)+rest), r, i, has)
	a := &answer{status: status, version: i.Version, body: body}
	if status == http.StatusCreated {
		a.location = r.location("/Users/", string(i.ID))
	}
	return a, err
}

// appendUser appends the SCIM User of an identity to b. The document is passed on as it is stored; only a client that asked for
// particular attributes, or a connection with attributes that are not returned by default, costs a decoding.
func (d *Door) appendUser(b []byte, r *request, i *directory.Identity, has derived) ([]byte, error) {
	start := len(b)
	places, inChat := has.places[i.Account]
	b = append(b, `{"schemas":[`...)
	b = r.user.AppendSchemas(b, i.Document)
	if inChat {
		b = append(b, `,"`+schema.ChatURN+`"`...)
	}
	b = append(b, `],"id":"`...)
	b = append(b, i.ID...)
	b = append(b, `",`...)
	b = append(b, i.Document[1:len(i.Document)-1]...)
	if groups := has.groups[i.Row]; len(groups) > 0 {
		b = append(b, `,"groups":[`...)
		for n, g := range groups {
			if n > 0 {
				b = append(b, ',')
			}
			kind := "indirect"
			if g.Direct {
				kind = "direct"
			}
			b = appendReference(b, string(g.ID), r.location("/Groups/", string(g.ID)), kind, g.DisplayName)
		}
		b = append(b, ']')
	}
	if inChat {
		b = appendPlaces(b, &places)
	}
	b = append(b, ',')
	b = d.appendMeta(b, r, "User", "/Users/", string(i.ID), i.Created, i.Modified, i.Version)
	b = append(b, '}')
	if r.projection.Whole() {
		return b, nil
	}
	return project(b, start, r.projection)
}

// appendPlaces appends our own extension, with a comma before.
func appendPlaces(b []byte, p *directory.Places) []byte {
	b = append(b, `,"`+schema.ChatURN+`":{"accountId":"`...)
	b = append(b, p.Account...)
	b = appendString(append(b, `","username":`...), p.Username)
	for _, list := range []struct {
		name   string
		places []directory.Place
	}{{"teams", p.Teams}, {"channels", p.Channels}} {
		for n, at := range list.places {
			if n == 0 {
				b = append(b, `,"`+list.name+`":[`...)
			} else {
				b = append(b, ',')
			}
			b = appendString(append(b, `{"value":`...), at.Name)
			b = appendString(append(b, `,"role":`...), at.Role.String())
			b = append(b, '}')
		}
		if len(list.places) > 0 {
			b = append(b, ']')
		}
	}
	return append(b, '}')
}

// project decodes the resource that begins at start in b and appends what the client wants of it instead.
func project(b []byte, start int, p schema.Projection) ([]byte, error) {
	var resource map[string]any
	if err := json.Unmarshal(b[start:], &resource); err != nil {
		return nil, err
	}
	p.Apply(resource)
	out, err := json.Marshal(resource, json.Deterministic(true))
	return append(b[:start], out...), err
}

// appendReference appends one value of groups or members.
func appendReference(b []byte, value, ref, kind, display string) []byte {
	b = append(b, `{"value":"`...)
	b = append(b, value...)
	b = append(b, `","$ref":"`...)
	b = append(b, ref...)
	b = append(b, `","type":"`...)
	b = append(b, kind...)
	b = append(b, `","display":`...)
	return append(appendString(b, display), '}')
}

// listUsers answers a GET.
//
// RFC 7644, section 3.4.2.
func (d *Door) listUsers(r *request) (*answer, error) { return d.list(r, r.user) }
