package provision

import (
	"slices"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// members is an edit of a group's members under way: what its values name, and what came of it.
type members struct {
	steps    []memberStep
	children []directory.Row // the groups that are named
	nested   bool            // groups are members, or may cease to be

	added, removed, strays int
	identities             []directory.Row // that were added or removed
	groups                 []directory.Row // that were added or removed
}

// memberStep is a MemberEdit whose values were looked up. A Clear with an Add behind it is one step, so that a full list costs
// only what differs.
type memberStep struct {
	directory.MemberEdit
	replace bool // members that are not named are removed
	store.Resolved
}

func (m *members) changed() bool { return m.added+m.removed+m.strays > 0 }

func (m *members) note(changes directory.Changes) {
	for field, n := range map[string]int{"members_added": m.added, "members_removed": m.removed, "members_unknown": m.strays} {
		if n > 0 {
			changes[field] = n
		}
	}
}

// maxStray is how many bytes are kept of a value that names nobody.
const maxStray = 256

// resolve looks up what the values of edits name. If groups may be concerned it holds the order of nesting, which comes before
// any group.
func (c *change) resolve(edits []directory.MemberEdit) (*members, error) {
	m := &members{}
	for i := 0; i < len(edits); i++ {
		step := memberStep{MemberEdit: edits[i]}
		if step.Op == directory.ClearMembers {
			step.Op, step.replace = directory.AddMembers, true
			if i+1 < len(edits) && edits[i+1].Op == directory.AddMembers {
				i++
				step.Values = edits[i].Values
			}
		}
		var err error
		if step.Resolved, err = c.Resolve(c.actor.Connection, step.Values); err != nil {
			return nil, err
		}
		for n, v := range step.Strays {
			step.Strays[n] = strings.ToValidUTF8(v[:min(len(v), maxStray)], "")
		}
		m.nested = m.nested || step.replace || len(step.Groups) > 0
		m.children = append(m.children, step.Groups...)
		m.steps = append(m.steps, step)
	}
	if m.nested {
		_, err := c.HoldConnection(c.actor.Connection)
		return m, err
	}
	return m, nil
}

// editMembers applies the steps to the group's rows. Errors: Invalid when the group would contain itself.
func (c *change) editMembers(g *directory.Group, m *members) error {
	if err := c.holdNamed(m); err != nil {
		return err
	}
	for _, step := range m.steps {
		var err error
		switch {
		case step.Op == directory.RemoveMembers:
			err = c.dropMembers(g, m, &step)
		case step.replace:
			if err = c.keepMembers(g, m, &step); err == nil {
				err = c.addMembers(g, m, &step)
			}
		default:
			err = c.addMembers(g, m, &step)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// holdNamed holds the identities that the steps name, so that they are not bound elsewhere or removed meanwhile. Where there are
// very many it leaves them: nobody's deactivation shall wait for the whole of a large group.
func (c *change) holdNamed(m *members) error {
	var named []directory.Row
	for _, step := range m.steps {
		named = append(named, step.Identities...)
	}
	if len(named) == 0 || len(named) > atOnce {
		return nil
	}
	return c.HoldIdentities(named)
}

func (c *change) addMembers(g *directory.Group, m *members, step *memberStep) error {
	if len(step.Identities) > 0 {
		rows, err := c.AddMembers(g.Row, step.Identities)
		if err != nil {
			return err
		}
		m.added += len(rows)
		m.identities = append(m.identities, rows...)
	}
	if len(step.Groups) > 0 {
		below, err := c.Below(step.Groups)
		if err != nil {
			return err
		}
		if slices.Contains(below, g.Row) {
			return directory.Errorf(directory.Invalid, "members", "a group cannot be in itself, directly or through others")
		}
		rows, err := c.AddChildren(g.Row, step.Groups)
		if err != nil {
			return err
		}
		m.added += len(rows)
		m.groups = append(m.groups, rows...)
	}
	if len(step.Strays) > 0 {
		n, err := c.AddStrays(g.Row, step.Strays)
		m.strays += int(n)
		return err
	}
	return nil
}

func (c *change) dropMembers(g *directory.Group, m *members, step *memberStep) error {
	if len(step.Identities) > 0 && step.Only != directory.OnlyGroups {
		rows, err := c.DropMembers(g.Row, step.Identities)
		if err != nil {
			return err
		}
		m.removed += len(rows)
		m.identities = append(m.identities, rows...)
	}
	if len(step.Groups) > 0 && step.Only != directory.OnlyIdentities {
		rows, err := c.DropChildren(g.Row, step.Groups)
		if err != nil {
			return err
		}
		m.removed += len(rows)
		m.groups = append(m.groups, rows...)
	}
	if len(step.Strays) > 0 {
		return c.DropStrays(g.Row, step.Strays)
	}
	return nil
}

func (c *change) keepMembers(g *directory.Group, m *members, step *memberStep) error {
	if step.Only != directory.OnlyGroups {
		rows, err := c.KeepMembers(g.Row, step.Identities)
		if err != nil {
			return err
		}
		m.removed += len(rows)
		m.identities = append(m.identities, rows...)
	}
	if step.Only != directory.OnlyIdentities {
		rows, err := c.KeepChildren(g.Row, step.Groups)
		if err != nil {
			return err
		}
		m.removed += len(rows)
		m.groups = append(m.groups, rows...)
	}
	return c.KeepStrays(g.Row, step.Strays)
}
