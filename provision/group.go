package provision

import (
	"context"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// CreateGroup makes a group. Links of its name wake, and rules that match its name link it.
//
// Errors: Invalid, also when it would contain itself; Conflict when displayName or externalId is taken.
func (s *Service) CreateGroup(ctx context.Context, actor directory.Actor, edit directory.GroupEdit) (directory.Group, error) {
	var g directory.Group
	if edit.DisplayName == nil {
		return g, directory.Errorf(directory.Invalid, "displayName", "is required")
	}
	if err := checkGroupNames(edit); err != nil {
		return g, err
	}
	err := s.update(ctx, actor, func(c *change) error {
		g = directory.Group{
			ID: directory.NewID[directory.GroupID](c.Now()), Connection: actor.Connection, Version: 1,
			Created: c.Now(), Modified: c.Now(), DisplayName: *edit.DisplayName,
		}
		if edit.ExternalID != nil {
			g.ExternalID = *edit.ExternalID
		}
		m, err := c.resolve(edit.Members)
		if err != nil {
			return err
		}
		if _, err := c.HoldConnection(g.Connection); err != nil { // links and rules for the name come before or after, not meanwhile
			return err
		}
		if err := c.holdNested(m.children...); err != nil {
			return err
		}
		if err := c.AddGroup(&g); err != nil {
			return err
		}
		if err := c.editMembers(&g, m); err != nil {
			return err
		}
		changes := directory.Changes{"display_name": [2]any{nil, g.DisplayName}, "external_id": [2]any{nil, g.ExternalID}}
		links, err := c.linkByName(&g, changes)
		if err != nil {
			return err
		}
		m.note(changes)
		if err := c.settleMembers(&g, m, links, changes); err != nil {
			return err
		}
		return c.event("group.create", string(g.ID), changes)
	})
	return g, err
}

// UpdateGroup changes a group's name, externalId and members; it never loads the members. ifMatch is the version that the
// caller has seen, or zero for any. An edit that changes nothing writes nothing. Values that name nobody are kept apart.
//
// Errors: NotFound; Stale; Invalid, also when the group would contain itself; Conflict when displayName or externalId is taken.
func (s *Service) UpdateGroup(ctx context.Context, actor directory.Actor, id directory.GroupID, ifMatch int64, edit directory.GroupEdit) (directory.Group, error) {
	var g directory.Group
	if err := checkGroupNames(edit); err != nil {
		return g, err
	}
	less, version, err := s.narrow(ctx, actor, id, edit)
	if err != nil {
		return g, err
	}
	err = s.update(ctx, actor, func(c *change) (err error) {
		var m *members
		g, m, err = c.resolveAndHold(id, less)
		if err == nil && version != 0 && g.Version != version { // the group has moved
			g, m, err = c.resolveAndHold(id, edit)
		}
		if err != nil {
			return err
		}
		if ifMatch != 0 && ifMatch != g.Version {
			return stale(g.Version)
		}
		before := g
		if edit.DisplayName != nil {
			g.DisplayName = *edit.DisplayName
		}
		if edit.ExternalID != nil {
			g.ExternalID = *edit.ExternalID
		}
		if err := c.editMembers(&g, m); err != nil {
			return err
		}
		if g == before && !m.changed() {
			return nil
		}
		return c.putGroup(&before, &g, m)
	})
	return g, err
}

// narrow makes of an edit that replaces many members the one that says only what differs, so that the transaction is as short as
// the difference. It holds for the version of the group that is returned, which is zero if the edit is returned as it is.
func (s *Service) narrow(ctx context.Context, actor directory.Actor, id directory.GroupID, edit directory.GroupEdit) (directory.GroupEdit, int64, error) {
	values, ok := directory.Replaces(edit.Members)
	if !ok || len(values) <= atOnce {
		return edit, 0, nil
	}
	var (
		fresh, gone []string
		version     int64
	)
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		g, err := tx.Group(actor.Connection, id)
		if err != nil {
			return err
		}
		version = g.Version
		fresh, gone, err = tx.CompareMembers(g.Row, values)
		return err
	})
	edit.Members = nil
	if gone != nil {
		edit.Members = append(edit.Members, directory.MemberEdit{Op: directory.RemoveMembers, Values: gone})
	}
	if fresh != nil {
		edit.Members = append(edit.Members, directory.MemberEdit{Op: directory.AddMembers, Values: fresh})
	}
	return edit, version, err
}

// resolveAndHold looks up what an edit names and holds its group.
func (c *change) resolveAndHold(id directory.GroupID, edit directory.GroupEdit) (g directory.Group, m *members, err error) {
	if m, err = c.resolve(edit.Members); err == nil {
		g, err = c.holdForEdit(id, edit, m)
	}
	return g, m, err
}

// holdForEdit holds a group, and before it the connection if the group is to have another name: links and rules for the name come
// before or after, not meanwhile. If groups enter or leave it, all that are nested in it and in them are held with it: whoever
// joins one of these comes before or after, too.
func (c *change) holdForEdit(id directory.GroupID, edit directory.GroupEdit, m *members) (g directory.Group, err error) {
	renames := func() bool { return edit.DisplayName != nil && g.DisplayName != *edit.DisplayName }
	named := false
	if edit.DisplayName != nil || m.nested {
		if g, err = c.Group(c.actor.Connection, id); err != nil {
			return g, err
		}
		if named = renames(); named {
			if _, err := c.HoldConnection(g.Connection); err != nil {
				return g, err
			}
		}
		if m.nested {
			if err := c.holdNested(append(m.children, g.Row)...); err != nil {
				return g, err
			}
		}
	}
	if g, err = c.HoldGroup(c.actor.Connection, id); err != nil || named || !renames() {
		return g, err
	}
	_, err = c.HoldConnection(g.Connection) // somebody renamed it since we looked; this late, two may wait for each other
	return g, err
}

// holdNested holds groups and all that are nested in them, in their order. The connection must be held.
func (c *change) holdNested(groups ...directory.Row) error {
	if len(groups) == 0 {
		return nil
	}
	below, err := c.Below(groups)
	if err != nil {
		return err
	}
	return c.HoldGroups(below)
}

func (c *change) putGroup(before, g *directory.Group, m *members) error {
	renamed := *g != *before
	g.Version, g.Modified = g.Version+1, c.Now()
	changes := directory.Changes{}
	var links []directory.Row
	if renamed {
		if err := c.PutGroup(g); err != nil {
			return err
		}
		changes.Set("display_name", before.DisplayName, g.DisplayName)
		changes.Set("external_id", before.ExternalID, g.ExternalID)
		if err := c.noteLostRules(before, g, changes); err != nil {
			return err
		}
		if err := c.RenameLinks(g); err != nil {
			return err
		}
		var err error
		if links, err = c.linkByName(g, changes); err != nil {
			return err
		}
	} else if err := c.TouchGroup(g); err != nil {
		return err
	}
	m.note(changes)
	if err := c.settleMembers(g, m, links, changes); err != nil {
		return err
	}
	return c.event("group.update", string(g.ID), changes)
}

func checkGroupNames(edit directory.GroupEdit) error {
	if edit.DisplayName != nil {
		if err := directory.CheckName("displayName", *edit.DisplayName); err != nil {
			return err
		}
	}
	if edit.ExternalID != nil && *edit.ExternalID != "" {
		return directory.CheckName("externalId", *edit.ExternalID)
	}
	return nil
}

// RemoveGroup removes a group. Its links fall asleep, and memberships end that had no other reason.
//
// Errors: NotFound; Stale.
func (s *Service) RemoveGroup(ctx context.Context, actor directory.Actor, id directory.GroupID, ifMatch int64) error {
	return s.update(ctx, actor, func(c *change) error {
		if _, err := c.HoldConnection(actor.Connection); err != nil {
			return err
		}
		g, err := c.Group(actor.Connection, id)
		if err != nil {
			return err
		}
		parents, err := c.ParentsOf(g.Row)
		if err != nil {
			return err
		}
		if err := c.holdNested(append(parents, g.Row)...); err != nil {
			return err
		}
		if g, err = c.HoldGroup(actor.Connection, id); err != nil {
			return err
		}
		if ifMatch != 0 && ifMatch != g.Version {
			return stale(g.Version)
		}
		links, err := c.LinksAbove([]directory.Row{g.Row})
		if err != nil {
			return err
		}
		if err := c.TouchGroups(parents); err != nil {
			return err
		}
		if err := c.Tx.RemoveGroup(&g); err != nil {
			return err
		}
		changes := directory.Changes{"display_name": [2]any{g.DisplayName, nil}}
		if err := c.settleLinks(links, changes); err != nil {
			return err
		}
		return c.event("group.remove", string(g.ID), changes)
	})
}
