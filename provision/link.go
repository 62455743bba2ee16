package provision

import (
	"context"
	"fmt"

	"github.com/rollcall-id/rollcall/directory"
)

// rulesAtOnce is how many groups a new rule is applied to in its own change. More become a task.
const rulesAtOnce = 100

// CreateTeam makes a team with its channels town-square and off-topic. Rules that missed it are applied in a task.
//
// Errors: Invalid; Conflict when the name is taken.
func (s *Service) CreateTeam(ctx context.Context, actor directory.Actor, t directory.Team) (directory.Team, error) {
	err := s.update(ctx, actor, func(c *change) error {
		if err := c.createTeam(&t); err != nil {
			return err
		}
		return c.tryRules()
	})
	return t, err
}

// tryRules applies the rules that make nothing themselves once more, since what one of them missed may have been made.
func (c *change) tryRules() error {
	rules, err := c.Rules(0)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if r.Make {
			continue
		}
		if err := c.AddTask(&directory.Task{Kind: directory.ApplyRule, Subject: r.Row, Object: string(r.ID), Created: c.Now()}); err != nil {
			return err
		}
		c.tasks = true
	}
	return nil
}

func (c *change) createTeam(t *directory.Team) error {
	if err := t.Validate(); err != nil {
		return err
	}
	t.ID, t.Created = directory.NewID[directory.TeamID](c.Now()), c.Now()
	if err := c.AddTeam(t); err != nil {
		return err
	}
	for name, display := range map[string]string{directory.TownSquare: "Town Square", directory.OffTopic: "Off-Topic"} {
		ch := directory.Channel{Team: t.Row, Name: name, DisplayName: display, Type: directory.Open}
		if err := c.addChannel(&ch); err != nil {
			return err
		}
	}
	return c.event("team.create", string(t.ID), directory.Changes{"name": [2]any{nil, t.Name}})
}

// CreateChannel makes a channel in the team of that name. Rules that missed it are applied in a task.
//
// Errors: Invalid; NotFound for the team; Conflict when the team has one of that name.
func (s *Service) CreateChannel(ctx context.Context, actor directory.Actor, team string, ch directory.Channel) (directory.Channel, error) {
	err := s.update(ctx, actor, func(c *change) error {
		t, err := c.Team(team)
		if err != nil {
			return err
		}
		ch.Team = t.Row
		if err := c.createChannel(&ch, t.Name); err != nil {
			return err
		}
		return c.tryRules()
	})
	return ch, err
}

func (c *change) createChannel(ch *directory.Channel, team string) error {
	if err := c.addChannel(ch); err != nil {
		return err
	}
	changes := directory.Changes{"name": [2]any{nil, team + "/" + ch.Name}}
	if ch.Default { // whoever is in the team joins it
		if err := c.later(directory.SettleAll, []directory.Row{0}, changes); err != nil {
			return err
		}
	}
	return c.event("channel.create", string(ch.ID), changes)
}

func (c *change) addChannel(ch *directory.Channel) error {
	if err := ch.Validate(); err != nil {
		return err
	}
	ch.ID, ch.Created = directory.NewID[directory.ChannelID](c.Now()), c.Now()
	var err error
	if ch.Default, err = c.IsDefaultChannel(ch.Name); err != nil {
		return err
	}
	return c.AddChannel(ch)
}

// SetDefaultChannels makes the channels of these names, beside town-square and off-topic, those that are joined by whoever joins
// their team; a team without one is passed over. If they were others before, everyone's memberships follow in a task.
func (s *Service) SetDefaultChannels(ctx context.Context, names []string) error {
	names = append([]string{directory.TownSquare, directory.OffTopic}, names...)
	return s.update(ctx, directory.Actor{Name: "rollcall"}, func(c *change) error {
		n, err := c.Tx.SetDefaultChannels(names)
		if err != nil || n == 0 {
			return err
		}
		changes := directory.Changes{"default_channels": names}
		if err := c.later(directory.SettleAll, []directory.Row{0}, changes); err != nil {
			return err
		}
		return c.event("default_channels.update", "", changes)
	})
}

// CreateLink links the groups of that name, now or when they come, to a team or to a channel of it.
//
// Errors: Invalid; NotFound for connection, team or channel; Conflict when there is such a link.
func (s *Service) CreateLink(ctx context.Context, actor directory.Actor, connection, group, team, channel string, role directory.Role) (directory.Link, error) {
	var l directory.Link
	if err := directory.CheckName("group", group); err != nil {
		return l, err
	}
	err := s.update(ctx, actor, func(c *change) error {
		conn, err := c.Connection(connection)
		if err != nil {
			return err
		}
		l = directory.Link{Connection: conn.Row, Name: group, Role: role, ConnName: connection, TeamName: team, ChannelName: channel}
		if l.Team, l.Channel, err = c.target(team, channel); err != nil {
			return err
		}
		if _, err := c.HoldConnection(conn.Row); err != nil {
			return err
		}
		g, err := c.GroupNamed(conn.Row, group)
		if err != nil && !directory.Is(err, directory.NotFound) {
			return err
		}
		l.Group = g.Row
		if known, err := c.linked(&l); err != nil {
			return err
		} else if known {
			return directory.Errorf(directory.Conflict, "link", "there is such a link already")
		}
		if err := c.addLink(&l); err != nil {
			return err
		}
		changes := directory.Changes{}
		if err := c.settleLinks([]directory.Row{l.Row}, changes); err != nil {
			return err
		}
		return c.linkEvent(&l, changes)
	})
	return l, err
}

// target returns the rows of a team and, unless channel is empty, of a channel of it.
func (c *change) target(team, channel string) (directory.Row, directory.Row, error) {
	t, err := c.Team(team)
	if err != nil || channel == "" {
		return t.Row, 0, err
	}
	ch, err := c.Channel(t.Row, channel)
	return t.Row, ch.Row, err
}

// linked reports whether there is a link like l.
func (c *change) linked(l *directory.Link) (bool, error) {
	links, err := c.LinksNamed(l.Connection, l.Name)
	for _, other := range links {
		if other.Team == l.Team && other.Channel == l.Channel {
			return true, err
		}
	}
	return false, err
}

func (c *change) addLink(l *directory.Link) error {
	l.ID, l.Created = directory.NewID[directory.LinkID](c.Now()), c.Now()
	return c.AddLink(l)
}

func (c *change) linkEvent(l *directory.Link, changes directory.Changes) error {
	changes["group"], changes["team"], changes["channel"], changes["role"] = l.Name, l.TeamName, l.ChannelName, l.Role.String()
	return c.event("link.create", string(l.ID), changes)
}

// RemoveLink removes a link; memberships end that had no other reason. Errors: NotFound.
func (s *Service) RemoveLink(ctx context.Context, actor directory.Actor, id directory.LinkID) error {
	return s.update(ctx, actor, func(c *change) error {
		l, err := c.Link(id)
		if err != nil {
			return err
		}
		if err := c.holdBelow(l.Connection, l.Row); err != nil {
			return err
		}
		if err := c.Tx.RemoveLink(l.Row); err != nil {
			return err
		}
		changes := directory.Changes{"group": l.Name, "team": l.TeamName, "channel": l.ChannelName}
		if err := c.settleLinks([]directory.Row{l.Row}, changes); err != nil {
			return err
		}
		return c.event("link.remove", string(id), changes)
	})
}

// holdBelow keeps others from changing the members of every group that the links concern, so that nobody joins through a link
// that is being removed.
func (c *change) holdBelow(connection directory.Row, links ...directory.Row) error {
	if _, err := c.HoldConnection(connection); err != nil {
		return err
	}
	var groups []directory.Row
	for _, l := range links {
		below, err := c.GroupsUnderLink(l)
		if err != nil {
			return err
		}
		groups = append(groups, below...)
	}
	return c.HoldGroups(groups)
}

// CreateRule makes a rule and applies it to every group whose name it matches.
//
// Errors: Invalid; NotFound for the connection; Conflict when it has a rule of the same pattern and target.
func (s *Service) CreateRule(ctx context.Context, actor directory.Actor, connection string, r directory.Rule) (directory.Rule, error) {
	if err := r.Validate(); err != nil {
		return r, err
	}
	err := s.update(ctx, actor, func(c *change) error {
		conn, err := c.Connection(connection)
		if err != nil {
			return err
		}
		if _, err := c.HoldConnection(conn.Row); err != nil {
			return err
		}
		if err := c.checkRule(conn.Row, &r); err != nil {
			return err
		}
		r.Connection, r.ConnName = conn.Row, conn.Name
		r.ID, r.Created = directory.NewID[directory.RuleID](c.Now()), c.Now()
		if err := c.AddRule(&r); err != nil {
			return err
		}
		changes := directory.Changes{"pattern": r.Pattern, "team": r.Team, "channel": r.Channel}
		t := directory.Task{Kind: directory.ApplyRule, Subject: r.Row, Object: string(r.ID), Created: c.Now()}
		finished, err := c.stepRule(&t, rulesAtOnce, changes)
		if err != nil {
			return err
		}
		if !finished {
			if err := c.AddTask(&t); err != nil {
				return err
			}
			c.tasks, changes["in_background"] = true, true
		}
		return c.event("rule.create", string(r.ID), changes)
	})
	return r, err
}

// checkRule refuses a rule that would never make a link, because another one makes it.
func (c *change) checkRule(connection directory.Row, r *directory.Rule) error {
	rules, err := c.Rules(connection)
	if err != nil {
		return err
	}
	for _, other := range rules {
		if directory.Key(other.Pattern) == directory.Key(r.Pattern) && other.Team == r.Team && other.Channel == r.Channel {
			return directory.Errorf(directory.Conflict, "rule", "there is such a rule already: %s", other.ID)
		}
	}
	return nil
}

// stepRule applies the rule that t is about to up to size further groups.
func (c *change) stepRule(t *directory.Task, size int, changes directory.Changes) (finished bool, err error) {
	r, err := c.RuleAt(t.Subject)
	if directory.Is(err, directory.NotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := c.HoldConnection(r.Connection); err != nil {
		return false, err
	}
	groups, err := c.GroupsIn(r.Connection, t.Cursor, size)
	if err != nil {
		return false, err
	}
	var links []directory.Row
	for _, g := range groups {
		made, err := c.applyRule(&r, &g, changes)
		if err != nil {
			return false, err
		}
		links = append(links, made...)
		t.Cursor, t.Done = g.Row, t.Done+1
	}
	return len(groups) < size, c.settleLinks(links, changes)
}

// linkByName wakes the links that sleep for a group of this name, makes those that rules want, and returns the rows of both.
func (c *change) linkByName(g *directory.Group, changes directory.Changes) ([]directory.Row, error) {
	links, err := c.WakeLinks(g)
	if err != nil {
		return nil, err
	}
	rules, err := c.Rules(g.Connection)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		made, err := c.applyRule(&r, g, changes)
		if err != nil {
			return nil, err
		}
		links = append(links, made...)
	}
	return links, nil
}

// applyRule makes the link that r wants for g, unless there is one. A team or channel that is missing is made if the rule says
// so, else noted in the event.
func (c *change) applyRule(r *directory.Rule, g *directory.Group, changes directory.Changes) ([]directory.Row, error) {
	target, ok := r.Match(g.DisplayName)
	if !ok {
		return nil, nil
	}
	l := directory.Link{
		Connection: g.Connection, Name: g.DisplayName, Group: g.Row, Role: r.Role, Rule: r.Row, TeamName: target.Team, ChannelName: target.Channel,
	}
	var err error
	l.Team, l.Channel, err = c.target(target.Team, target.Channel)
	if err != nil && r.Make {
		l.Team, l.Channel, err = c.makeTarget(target)
	}
	if directory.Is(err, directory.NotFound) || directory.Is(err, directory.Invalid) {
		changes.Add("rule_passed_over", fmt.Sprintf("%s: %s: %s", r.Pattern, g.DisplayName, err))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if known, err := c.linked(&l); err != nil || known {
		return nil, err
	}
	if err := c.addLink(&l); err != nil {
		return nil, err
	}
	return []directory.Row{l.Row}, c.linkEvent(&l, directory.Changes{"rule": r.Pattern})
}

// makeTarget makes what is missing of a rule's target: a team by invitation, a private channel. What somebody else makes between
// the look and the insert is there at the second look.
func (c *change) makeTarget(target directory.Target) (team, channel directory.Row, err error) {
	ch := directory.Channel{Name: target.Channel, DisplayName: target.Channel, Type: directory.Private}
	if target.Channel != "" {
		if err := ch.Validate(); err != nil { // before there is a team for nothing
			return 0, 0, err
		}
	}
	t, err := c.Team(target.Team)
	if err != nil {
		t = directory.Team{Name: target.Team, DisplayName: target.Team, Type: directory.Invite}
		err := c.createTeam(&t)
		if directory.Is(err, directory.Conflict) {
			t, err = c.Team(target.Team)
		}
		if err != nil {
			return 0, 0, err
		}
	}
	if target.Channel == "" {
		return t.Row, 0, nil
	}
	if known, err := c.Channel(t.Row, target.Channel); err == nil {
		return t.Row, known.Row, nil
	}
	ch.Team = t.Row
	if err = c.createChannel(&ch, t.Name); directory.Is(err, directory.Conflict) {
		ch, err = c.Channel(t.Row, target.Channel)
	}
	return t.Row, ch.Row, err
}

// noteLostRules notes the rules that made links of a group and that its new name does not match; the links stay.
func (c *change) noteLostRules(before, after *directory.Group, changes directory.Changes) error {
	rules, err := c.Rules(after.Connection)
	if err != nil {
		return err
	}
	for _, r := range rules {
		_, did := r.Match(before.DisplayName)
		if _, does := r.Match(after.DisplayName); did && !does {
			changes.Add("rule_left", r.Pattern)
		}
	}
	return nil
}

// RemoveRule removes a rule with the links that it made. Errors: NotFound.
func (s *Service) RemoveRule(ctx context.Context, actor directory.Actor, id directory.RuleID) error {
	return s.update(ctx, actor, func(c *change) error {
		r, err := c.Rule(id)
		if err != nil {
			return err
		}
		if _, err := c.HoldConnection(r.Connection); err != nil {
			return err
		}
		made, err := c.LinksBy(r.Row)
		if err != nil {
			return err
		}
		if err := c.holdBelow(r.Connection, made...); err != nil {
			return err
		}
		links, err := c.Tx.RemoveRule(r.Row)
		if err != nil {
			return err
		}
		changes := directory.Changes{"pattern": [2]any{r.Pattern, nil}, "links": len(links)}
		if err := c.settleLinks(links, changes); err != nil {
			return err
		}
		return c.event("rule.remove", string(id), changes)
	})
}
