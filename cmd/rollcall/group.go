package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// maxStrays is how many members that name nobody are shown of a group.
const maxStrays = 10000

func (a *app) groupCommand() *cobra.Command {
	return noun("group", "Groups, as identity providers pushed them", a.groupList(), a.groupShow())
}

func (a *app) groupList() *cobra.Command {
	type row struct {
		ID          directory.GroupID `json:"id"`
		Connection  string            `json:"connection"`
		DisplayName string            `json:"display_name"`
		ExternalID  string            `json:"external_id"`
		Members     int64             `json:"members"`
	}
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the groups",
		Example: "  rollcall group list",
		RunE: a.do(func(c *call) error {
			rows := pages(c, func(tx *store.Tx, after directory.Row) (rows []row, last directory.Row, err error) {
				names, err := connectionNames(tx)
				if err != nil {
					return nil, after, err
				}
				groups, err := tx.GroupsIn(0, after, pageSize)
				if err != nil {
					return nil, after, err
				}
				for _, g := range groups {
					n, err := tx.CountMembers(g.Row)
					if err != nil {
						return nil, after, err
					}
					rows, after = append(rows, row{g.ID, names[g.Connection], g.DisplayName, g.ExternalID, n}), g.Row
				}
				return rows, after, nil
			})
			return list(c, "CONNECTION|GROUP|MEMBERS|EXTERNAL ID|ID", rows, func(r row) []string {
				return []string{r.Connection, r.DisplayName, thousands(r.Members), r.ExternalID, string(r.ID)}
			})
		}),
	})
}

func connectionNames(tx *store.Tx) (map[directory.Row]string, error) {
	conns, err := tx.Connections()
	names := map[directory.Row]string{}
	for _, conn := range conns {
		names[conn.Row] = conn.Name
	}
	return names, err
}

// groupShown is what `group show --json` tells.
type groupShown struct {
	ID             directory.GroupID `json:"id"`
	Connection     string            `json:"connection"`
	DisplayName    string            `json:"display_name"`
	ExternalID     string            `json:"external_id"`
	Members        []groupMember     `json:"members"`
	UnknownMembers []string          `json:"unknown_members"`
	Links          []groupLink       `json:"links"`
}

type groupMember struct {
	Value   string `json:"value"`
	Type    string `json:"type"`
	Display string `json:"display"`
}

type groupLink struct {
	Team    string `json:"team"`
	Channel string `json:"channel"`
	Role    string `json:"role"`
}

func (a *app) groupShow() *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use:     "show NAME|ID",
		Short:   "Show a group: its members, those that name nobody, and its links",
		Example: `  rollcall group show "Engineering" --connection okta`,
		RunE: a.do(func(c *call) error {
			group, err := c.findGroup(connection, c.args[0])
			if err != nil {
				return err
			}
			shown, err := c.lookAtGroup(&group)
			if err != nil {
				return err
			}
			if c.json {
				return c.show(shown)
			}
			return c.showGroup(shown)
		}),
	}
	cmd.Flags().StringVar(&connection, "connection", "", "the connection of the group, where several have one of that name")
	return a.jsonFlag(cmd)
}

// findGroup returns the one group of that id or name. Errors: NotFound; Conflict when there are several.
func (c *call) findGroup(connection, name string) (group directory.Group, err error) {
	err = c.db.View(c.ctx, func(tx *store.Tx) error {
		var conn directory.Connection
		if connection != "" {
			if conn, err = tx.Connection(connection); err != nil {
				return err
			}
		}
		groups, err := tx.FindGroups(conn.Row, name)
		switch {
		case err != nil:
			return err
		case len(groups) == 0:
			return directory.Errorf(directory.NotFound, "", "there is no group %s", name)
		case len(groups) > 1:
			names, err := connectionNames(tx)
			if err != nil {
				return err
			}
			return &complaint{failed, fmt.Sprintf("%d groups are called %q", len(groups), name), "add --connection " + names[groups[0].Connection] + ", or another one's name"}
		}
		group = groups[0]
		return nil
	})
	return group, err
}

func (c *call) lookAtGroup(g *directory.Group) (*groupShown, error) {
	shown := &groupShown{
		ID: g.ID, DisplayName: g.DisplayName, ExternalID: g.ExternalID, Members: []groupMember{}, UnknownMembers: []string{}, Links: []groupLink{},
	}
	err := c.db.View(c.ctx, func(tx *store.Tx) error {
		conn, err := tx.ConnectionAt(g.Connection)
		if err != nil {
			return err
		}
		shown.Connection = conn.Name
		links, err := tx.LinksOf(g.Row)
		if err != nil {
			return err
		}
		for _, l := range links {
			shown.Links = append(shown.Links, groupLink{l.TeamName, l.ChannelName, l.Role.String()})
		}
		strays, err := tx.Strays(g.Row, maxStrays)
		shown.UnknownMembers = append(shown.UnknownMembers, strays...)
		return err
	})
	if err != nil {
		return nil, err
	}
	for last := (directory.Member{}); ; {
		var page []directory.Member
		if err := c.db.View(c.ctx, func(tx *store.Tx) (err error) {
			page, err = tx.Members(g.Row, last, pageSize)
			return err
		}); err != nil || len(page) == 0 {
			return shown, err
		}
		for _, m := range page {
			kind := "User"
			if m.Group {
				kind = "Group"
			}
			shown.Members = append(shown.Members, groupMember{m.ID, kind, m.Display})
		}
		last = page[len(page)-1]
	}
}

func (c *call) showGroup(shown *groupShown) error {
	facts := [][2]string{
		{"group", shown.DisplayName},
		{"connection", shown.Connection},
		{"id", string(shown.ID)},
		{"externalId", shown.ExternalID},
	}
	for _, l := range shown.Links {
		facts = append(facts, [2]string{"link", place(l.Team, l.Channel) + ", " + l.Role})
	}
	if len(shown.UnknownMembers) > 0 {
		facts = append(facts, [2]string{"unknown members", strings.Join(shown.UnknownMembers, ", ")})
	}
	facts = append(facts, [2]string{"members", thousands(int64(len(shown.Members)))})
	if err := c.facts(facts...); err != nil || len(shown.Members) == 0 {
		return err
	}
	if err := c.say(""); err != nil {
		return err
	}
	return list(c, "MEMBER|TYPE|ID", each(shown.Members), func(m groupMember) []string {
		return []string{m.Display, m.Type, m.Value}
	})
}
