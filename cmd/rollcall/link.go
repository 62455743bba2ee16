package main

import (
	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func (a *app) linkCommand() *cobra.Command {
	return noun("link", "Links, by which the members of a group come into a team or channel", a.linkCreate(), a.linkList(), a.linkDelete())
}

// place is how a team, or a channel of it, is written.
func place(team, channel string) string {
	if channel == "" {
		return team
	}
	return team + "/" + channel
}

func (a *app) linkCreate() *cobra.Command {
	var connection, group, team, channel string
	role := choice{"member", []string{"member", "admin"}}
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Link a group to a team or channel",
		Long: `Link a group to a team or channel. The group need not exist yet: the link waits for one of that name. It follows the group when
it is renamed, sleeps when it is deleted, and wakes for a group of the same name.`,
		Example: `  rollcall link create --connection okta --group "Engineering" --team eng
  rollcall link create --connection okta --group "Backend Leads" --team eng --channel backend --role admin`,
	}
	a.settle(cmd, func(c *call) error {
		r, err := directory.ParseRole(role.value)
		if err != nil {
			return err
		}
		l, err := c.service.CreateLink(c.ctx, c.actor, connection, group, team, channel, r)
		if missing := "there is no channel "; err != nil && err.Error() == missing+channel {
			return directory.Errorf(directory.NotFound, "", "%s%s", missing, place(team, channel))
		}
		if err != nil {
			return advise(err, directory.Conflict, "try rollcall link list")
		}
		waits := ""
		if l.Group == 0 {
			waits = "; it waits for the group"
		}
		return c.say("made the link %s from %s %q to %s%s", l.ID, connection, group, place(team, channel), waits)
	})
	f := cmd.Flags()
	f.StringVar(&connection, "connection", "", "the connection of the group")
	f.StringVar(&group, "group", "", "name of the group")
	f.StringVar(&team, "team", "", "the team that its members join")
	f.StringVar(&channel, "channel", "", "the channel of the team that they join")
	f.Var(&role, "role", "what they are there: member or admin")
	require(cmd, "connection", "group", "team")
	return cmd
}

func (a *app) linkList() *cobra.Command {
	type row struct {
		ID         directory.LinkID `json:"id"`
		Connection string           `json:"connection"`
		Group      string           `json:"group"`
		Team       string           `json:"team"`
		Channel    string           `json:"channel"`
		Role       string           `json:"role"`
		Rule       directory.RuleID `json:"rule"`
		Awake      bool             `json:"awake"`
	}
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the links",
		Example: "  rollcall link list",
		RunE: a.do(func(c *call) error {
			rows := all(c, func(tx *store.Tx) (rows []row, err error) {
				links, err := tx.Links()
				for _, l := range links {
					rows = append(rows, row{l.ID, l.ConnName, l.Name, l.TeamName, l.ChannelName, l.Role.String(), l.RuleID, l.Group != 0})
				}
				return rows, err
			})
			return list(c, "ID|CONNECTION|GROUP|PLACE|ROLE|STATE|RULE", rows, func(r row) []string {
				state := "waits for the group"
				if r.Awake {
					state = "awake"
				}
				return []string{string(r.ID), r.Connection, r.Group, place(r.Team, r.Channel), r.Role, state, string(r.Rule)}
			})
		}),
	})
}

func (a *app) linkDelete() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete ID",
		Short:   "Delete a link; memberships end that had no other reason",
		Example: "  rollcall link delete 06bq1s0v9g7p2k4m8n3r5t6w1x",
	}
	a.settle(cmd, func(c *call) error {
		if err := c.service.RemoveLink(c.ctx, c.actor, directory.LinkID(c.args[0])); err != nil {
			return err
		}
		return c.sayDeleted("link")
	})
	return cmd
}

// sayDeleted tells that the link or rule of the command is gone, and how many memberships ended with it, as its event has them.
func (c *call) sayDeleted(what string) error {
	var last []directory.Event
	if err := c.db.View(c.ctx, func(tx *store.Tx) (err error) { last, err = tx.Events(c.args[:1], 1); return err }); err != nil {
		return err
	}
	ended := int64(0)
	for _, e := range last {
		if e.Changes["in_background"] == true {
			return c.say("deleted the %s %s; the memberships that it alone gave end piece by piece", what, c.args[0])
		}
		if n, ok := e.Changes["memberships_ended"].(float64); ok {
			ended = int64(n)
		}
	}
	return c.say("deleted the %s %s; %s that it gave ended", what, c.args[0], count(ended, "membership", "memberships"))
}
