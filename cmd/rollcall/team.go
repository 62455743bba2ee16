package main

import (
	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func (a *app) teamCommand() *cobra.Command {
	return noun("team", "Teams of the chat", a.teamCreate(), a.teamList())
}

func (a *app) teamCreate() *cobra.Command {
	var t directory.Team
	var private bool
	cmd := &cobra.Command{
		Use:     "create",
		Short:   "Make a team, with its channels town-square and off-topic",
		Example: "  rollcall team create --name eng --display-name Engineering",
		RunE: a.do(func(c *call) error {
			t.DisplayName, t.Type = displayName(t.Name, t.DisplayName), visibility(private, directory.Invite)
			t, err := c.service.CreateTeam(c.ctx, c.actor, t)
			if err != nil {
				return advise(err, directory.Conflict, "try rollcall team list")
			}
			return c.say("made the team %s", t.Name)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&t.Name, "name", "", "name in addresses: 2 to 64 characters of a-z, 0-9 and -")
	f.StringVar(&t.DisplayName, "display-name", "", "name on screen; the name, if it is not given")
	f.BoolVar(&private, "private", false, "nobody joins without an invitation")
	require(cmd, "name")
	return cmd
}

func displayName(name, display string) string {
	if display == "" {
		return name
	}
	return display
}

// visibility is the type of a team or channel.
func visibility(private bool, closed string) string {
	if private {
		return closed
	}
	return directory.Open
}

func (a *app) teamList() *cobra.Command {
	type row struct {
		ID          directory.TeamID `json:"id"`
		Name        string           `json:"name"`
		DisplayName string           `json:"display_name"`
		Type        string           `json:"type"`
	}
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the teams",
		Example: "  rollcall team list",
		RunE: a.do(func(c *call) error {
			rows := all(c, func(tx *store.Tx) (rows []row, err error) {
				teams, err := tx.Teams()
				for _, t := range teams {
					rows = append(rows, row{t.ID, t.Name, t.DisplayName, t.Type})
				}
				return rows, err
			})
			return list(c, "NAME|DISPLAY NAME|TYPE|ID", rows, func(r row) []string {
				return []string{r.Name, r.DisplayName, typeName(r.Type), string(r.ID)}
			})
		}),
	})
}

func typeName(t string) string {
	if t == directory.Open {
		return "open"
	}
	return "private"
}

func (a *app) channelCommand() *cobra.Command {
	return noun("channel", "Channels of the teams", a.channelCreate(), a.channelList())
}

func (a *app) channelCreate() *cobra.Command {
	var team string
	var ch directory.Channel
	var private bool
	cmd := &cobra.Command{
		Use:     "create",
		Short:   "Make a channel in a team",
		Example: "  rollcall channel create --team eng --name backend --display-name Backend --private",
	}
	a.settle(cmd, func(c *call) error {
		ch.DisplayName, ch.Type = displayName(ch.Name, ch.DisplayName), visibility(private, directory.Private)
		ch, err := c.service.CreateChannel(c.ctx, c.actor, team, ch)
		if err != nil {
			return advise(err, directory.Conflict, "try rollcall channel list --team "+team)
		}
		return c.say("made the channel %s/%s", team, ch.Name)
	})
	f := cmd.Flags()
	f.StringVar(&team, "team", "", "name of the team")
	f.StringVar(&ch.Name, "name", "", "name in addresses: 1 to 64 characters of a-z, 0-9, - and _")
	f.StringVar(&ch.DisplayName, "display-name", "", "name on screen; the name, if it is not given")
	f.BoolVar(&private, "private", false, "only its members see it")
	require(cmd, "team", "name")
	return cmd
}

func (a *app) channelList() *cobra.Command {
	type row struct {
		ID          directory.ChannelID `json:"id"`
		Team        string              `json:"team"`
		Name        string              `json:"name"`
		DisplayName string              `json:"display_name"`
		Type        string              `json:"type"`
	}
	var team string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the channels of a team, or of all",
		Example: "  rollcall channel list --team eng",
		RunE: a.do(func(c *call) error {
			rows := all(c, func(tx *store.Tx) (rows []row, err error) {
				teams, err := tx.Teams()
				if err == nil && team != "" {
					var t directory.Team
					t, err = tx.Team(team)
					teams = []directory.Team{t}
				}
				if err != nil {
					return nil, err
				}
				for _, t := range teams {
					channels, err := tx.Channels(t.Row)
					if err != nil {
						return nil, err
					}
					for _, ch := range channels {
						rows = append(rows, row{ch.ID, t.Name, ch.Name, ch.DisplayName, ch.Type})
					}
				}
				return rows, nil
			})
			return list(c, "CHANNEL|DISPLAY NAME|TYPE|ID", rows, func(r row) []string {
				return []string{r.Team + "/" + r.Name, r.DisplayName, typeName(r.Type), string(r.ID)}
			})
		}),
	}
	cmd.Flags().StringVar(&team, "team", "", "name of a team")
	return a.jsonFlag(cmd)
}
