package scim

import (
	"net/http"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/patch"
	"github.com/rollcall-id/rollcall/store"
)

const (
	// memberPage is how many members are read at once.
	memberPage = 1000
	// largeGroups is how many groups with all their members, or pages of large Users, are held in memory at once.
	largeGroups = 4
)

// createGroup answers a POST.
//
// RFC 7644, section 3.3.
func (d *Door) createGroup(r *request) (*answer, error) {
	edit, err := d.groupBody(r)
	if err != nil {
		return nil, err
	}
	g, err := d.Provision.CreateGroup(r.Context(), r.actor, edit)
	if err != nil {
		return nil, err
	}
	a := d.groupAnswer(r, http.StatusCreated, &g)
	a.location = r.location("/Groups/", string(g.ID))
	return a, nil
}

func (d *Door) groupBody(r *request) (directory.GroupEdit, error) {
	body, err := d.readBody(r, true)
	if err != nil {
		return directory.GroupEdit{}, err
	}
	return patch.ReplaceGroup(body, r.group)
}

// getGroup answers a GET.
//
// RFC 7644, section 3.4.1.
func (d *Door) getGroup(r *request) (*answer, error) {
	var g directory.Group
	err := d.DB.ViewOne(r.Context(), func(tx *store.Tx) (err error) {
		g, err = tx.Group(r.actor.Connection, directory.GroupID(r.id))
		return err
	})
	if err != nil {
		return nil, err
	}
	if a, err := r.notSent(g.Version); a != nil || err != nil {
		return a, err
	}
	return d.groupAnswer(r, http.StatusOK, &g), nil
}

// replaceGroup answers a PUT.
//
// RFC 7644, section 3.5.1.
func (d *Door) replaceGroup(r *request) (*answer, error) {
	edit, err := d.groupBody(r)
	if err != nil {
		return nil, err
	}
	return d.updateGroup(r, edit)
}

// patchGroup answers a PATCH: without a body when the group is large and the client named no attributes, since nobody wants
// 100,000 members back for one.
//
// RFC 7644, section 3.5.2.
func (d *Door) patchGroup(r *request) (*answer, error) {
	body, err := d.readBody(r, true)
	if err != nil {
		return nil, err
	}
	ops, err := patch.Parse(body, r.group, r.id)
	if err != nil {
		return nil, err
	}
	edit, err := patch.Group(ops)
	if err != nil {
		return nil, err
	}
	g, err := d.editGroup(r, edit)
	if err != nil || !r.projection.Default() {
		return d.groupAnswer(r, http.StatusOK, &g), err
	}
	large := false
	err = d.DB.ViewOne(r.Context(), func(tx *store.Tx) (err error) {
		large, err = tx.MoreMembers(g.Row, memberPage)
		return err
	})
	if err != nil {
		return nil, err
	}
	if large {
		return &answer{status: http.StatusNoContent, version: g.Version}, nil
	}
	return d.groupAnswer(r, http.StatusOK, &g), nil
}

func (d *Door) updateGroup(r *request, edit directory.GroupEdit) (*answer, error) {
	g, err := d.editGroup(r, edit)
	return d.groupAnswer(r, http.StatusOK, &g), err
}

func (d *Door) editGroup(r *request, edit directory.GroupEdit) (g directory.Group, err error) {
	version, err := r.mustHave(d.groupVersion(r))
	if err != nil {
		return g, err
	}
	return d.Provision.UpdateGroup(r.Context(), r.actor, directory.GroupID(r.id), version, edit)
}

func (d *Door) groupVersion(r *request) func() (int64, error) {
	return func() (version int64, err error) {
		err = d.DB.ViewOne(r.Context(), func(tx *store.Tx) error {
			g, err := tx.Group(r.actor.Connection, directory.GroupID(r.id))
			version = g.Version
			return err
		})
		return version, err
	}
}

// deleteGroup answers a DELETE.
//
// RFC 7644, section 3.6.
func (d *Door) deleteGroup(r *request) (*answer, error) {
	version, err := r.mustHave(d.groupVersion(r))
	if err != nil {
		return nil, err
	}
	err = d.Provision.RemoveGroup(r.Context(), r.actor, directory.GroupID(r.id), version)
	return &answer{status: http.StatusNoContent}, err
}

func (d *Door) groupAnswer(r *request, status int, g *directory.Group) *answer {
	return &answer{status: status, version: g.Version, stream: func(w *writer) error { return d.writeGroup(w, r, g) }}
}

// listGroups answers a GET.
//
// RFC 7644, section 3.4.2.
func (d *Door) listGroups(r *request) (*answer, error) { return d.list(r, r.group) }

// writeGroup writes a Group. Its members are read page by page and leave before the next page is read, unless the client asked
// for particular attributes: then it has a place of what is large until it has left.
func (d *Door) writeGroup(w *writer, r *request, g *directory.Group) error {
	start := len(w.b)
	w.hold = !r.projection.Default()
	w.b = append(w.b, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"`...)
	w.b = append(w.b, g.ID...)
	w.b = append(w.b, '"')
	if g.ExternalID != "" {
		w.b = appendString(append(w.b, `,"externalId":`...), g.ExternalID)
	}
	w.b = appendString(append(w.b, `,"displayName":`...), g.DisplayName)
	w.b = append(w.b, ',')
	w.b = d.appendMeta(w.b, r, "Group", "/Groups/", string(g.ID), g.Created, g.Modified, g.Version)
	if r.projection.Wants("members") {
		if w.hold && !w.large {
			release, err := d.enterLarge(r)
			if err != nil {
				return err
			}
			defer release()
		}
		if err := d.writeMembers(w, r, g); err != nil {
			return err
		}
	}
	w.b = append(w.b, '}')
	if w.hold {
		b, err := project(w.b, start, r.projection)
		w.b, w.hold = b, false
		if err != nil {
			return err
		}
	}
	return w.flush()
}

func (d *Door) writeMembers(w *writer, r *request, g *directory.Group) error {
	var last directory.Member
	for first := true; ; first = false {
		var page []directory.Member
		err := d.DB.View(r.Context(), func(tx *store.Tx) (err error) {
			page, err = tx.Members(g.Row, last, memberPage)
			return err
		})
		if err != nil {
			return err
		}
		if first {
			w.b = append(w.b, `,"members":[`...)
		}
		for n, m := range page {
			if n > 0 || !first {
				w.b = append(w.b, ',')
			}
			kind, path := "User", "/Users/"
			if m.Group {
				kind, path = "Group", "/Groups/"
			}
			w.b = appendReference(w.b, m.ID, r.location(path, m.ID), kind, m.Display)
		}
		if len(page) < memberPage {
			w.b = append(w.b, ']')
			return nil
		}
		last = page[len(page)-1]
		if err := w.flush(); err != nil {
			return err
		}
	}
}

// enterLarge waits for its turn to hold in memory a group with all its members, or a page of large Users.
func (d *Door) enterLarge(r *request) (release func(), err error) {
	select {
	case d.large <- struct{}{}:
		return func() { <-d.large }, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}
