package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func (a *app) ruleCommand() *cobra.Command {
	return noun("rule", "Rules, which make links for groups by their names", a.ruleCreate(), a.ruleList(), a.ruleDelete(), a.ruleTest())
}

func (a *app) ruleCreate() *cobra.Command {
	var connection string
	role := choice{"member", []string{"member", "admin"}}
	var r directory.Rule
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Link every present and future group whose name matches",
		Long: `Link every present and future group whose name matches. {team} and other names in braces match the shortest text, the last one
the rest: chat-{team}-{channel} takes chat-eng-back-end apart as eng and back-end.`,
		Example: `  rollcall rule create --connection okta --pattern "chat-{team}-{channel}" --team "{team}" --channel "{channel}" --create`,
	}
	a.settle(cmd, func(c *call) (err error) {
		if r.Role, err = directory.ParseRole(role.value); err != nil {
			return err
		}
		made, err := c.service.CreateRule(c.ctx, c.actor, connection, r)
		if err != nil {
			return advise(err, directory.Conflict, "try rollcall rule list")
		}
		if !strings.Contains(r.Pattern, "{") {
			c.note("the pattern has no name in braces such as {team}: it matches no group but %q", r.Pattern)
		}
		return c.sayLinked(&made)
	})
	f := cmd.Flags()
	f.StringVar(&connection, "connection", "", "the connection of the groups")
	f.StringVar(&r.Pattern, "pattern", "", "what the name of a group looks like")
	f.StringVar(&r.Team, "team", "", "the team, with the pattern's names in braces")
	f.StringVar(&r.Channel, "channel", "", "the channel of the team, with the pattern's names in braces")
	f.BoolVar(&r.Make, "create", false, "make teams and channels that are missing; the channels are private")
	f.Var(&role, "role", "what the members of the groups are there; a rule grants member only")
	require(cmd, "connection", "pattern", "team")
	return cmd
}

// sayLinked tells how many groups a new rule has linked.
func (c *call) sayLinked(r *directory.Rule) error {
	if err := c.finish(); err != nil {
		return err
	}
	var links []directory.Row
	if err := c.db.View(c.ctx, func(tx *store.Tx) (err error) { links, err = tx.LinksBy(r.Row); return err }); err != nil {
		return err
	}
	soFar := ""
	if c.noWait {
		soFar = " so far"
	}
	return c.say("made the rule %s; it linked %s%s", r.ID, count(int64(len(links)), "group", "groups"), soFar)
}

func (a *app) ruleList() *cobra.Command {
	type row struct {
		ID         directory.RuleID `json:"id"`
		Connection string           `json:"connection"`
		Pattern    string           `json:"pattern"`
		Team       string           `json:"team"`
		Channel    string           `json:"channel"`
		Role       string           `json:"role"`
		Create     bool             `json:"create"`
	}
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the rules",
		Example: "  rollcall rule list",
		RunE: a.do(func(c *call) error {
			rows := all(c, func(tx *store.Tx) (rows []row, err error) {
				rules, err := tx.Rules(0)
				for _, r := range rules {
					rows = append(rows, row{r.ID, r.ConnName, r.Pattern, r.Team, r.Channel, r.Role.String(), r.Make})
				}
				return rows, err
			})
			return list(c, "ID|CONNECTION|PATTERN|PLACE|ROLE|CREATES", rows, func(r row) []string {
				return []string{string(r.ID), r.Connection, r.Pattern, place(r.Team, r.Channel), r.Role, yes(r.Create)}
			})
		}),
	})
}

func (a *app) ruleDelete() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete ID",
		Short:   "Delete a rule with the links that it made",
		Example: "  rollcall rule delete 06bq1s0v9g7p2k4m8n3r5t6w1x",
	}
	a.settle(cmd, func(c *call) error {
		if err := c.service.RemoveRule(c.ctx, c.actor, directory.RuleID(c.args[0])); err != nil {
			return err
		}
		return c.sayDeleted("rule")
	})
	return cmd
}

// ruleTried is what one rule gives for a name.
type ruleTried struct {
	ID         directory.RuleID `json:"id"`
	Connection string           `json:"connection"`
	Pattern    string           `json:"pattern"`
	Matches    bool             `json:"matches"`
	Team       string           `json:"team"`
	Channel    string           `json:"channel"`
	Role       string           `json:"role"`
	Note       string           `json:"note"`
}

func (a *app) ruleTest() *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use:     "test NAME",
		Short:   "Show which rules match the name of a group, and what they give",
		Example: `  rollcall rule test "chat-eng-backend"`,
		RunE: a.do(func(c *call) error {
			rows := all(c, func(tx *store.Tx) (rows []ruleTried, err error) {
				var conn directory.Connection
				if connection != "" {
					if conn, err = tx.Connection(connection); err != nil {
						return nil, err
					}
				}
				rules, err := tx.Rules(conn.Row)
				if err != nil {
					return nil, err
				}
				for _, r := range rules {
					tried, err := tryRule(tx, &r, c.args[0])
					if err != nil {
						return nil, err
					}
					rows = append(rows, tried)
				}
				return rows, nil
			})
			return list(c, "CONNECTION|PATTERN|MATCHES|PLACE|ROLE|NOTE", rows, func(r ruleTried) []string {
				return []string{r.Connection, r.Pattern, yes(r.Matches), place(r.Team, r.Channel), r.Role, r.Note}
			})
		}),
	}
	cmd.Flags().StringVar(&connection, "connection", "", "only the rules of this connection")
	return a.jsonFlag(cmd)
}

func tryRule(tx *store.Tx, r *directory.Rule, name string) (ruleTried, error) {
	tried := ruleTried{ID: r.ID, Connection: r.ConnName, Pattern: r.Pattern}
	target, ok := r.Match(name)
	if !ok {
		return tried, nil
	}
	tried.Matches, tried.Team, tried.Channel, tried.Role = true, target.Team, target.Channel, r.Role.String()
	missing, err := missingPlaces(tx, target)
	tried.Note = foresee(missing, r.Make)
	return tried, err
}

// missingPlace is a team or channel that is not there.
type missingPlace struct {
	what, name string
	refused    error // to make it
}

// missingPlaces returns what is not there of a target.
func missingPlaces(tx *store.Tx, target directory.Target) (missing []missingPlace, err error) {
	t, err := tx.Team(target.Team)
	if err != nil {
		made := directory.Team{Name: target.Team, DisplayName: target.Team}
		missing = append(missing, missingPlace{"team", target.Team, made.Validate()})
	}
	if err := unlessMissing(err); err != nil || target.Channel == "" {
		return missing, err
	}
	if _, err = tx.Channel(t.Row, target.Channel); err != nil { // a team that is not there has none
		made := directory.Channel{Name: target.Channel, DisplayName: target.Channel}
		missing = append(missing, missingPlace{"channel", place(target.Team, target.Channel), made.Validate()})
	}
	return missing, unlessMissing(err)
}

// foresee says what a push does about places that are missing.
func foresee(missing []missingPlace, makes bool) string {
	var made []string
	for _, m := range missing {
		if !makes {
			return "passed over: there is no " + m.what + " " + m.name
		}
		if e, ok := errors.AsType[*directory.Error](m.refused); ok {
			return "passed over: " + e.Msg
		}
		made = append(made, "the "+m.what)
	}
	switch len(made) {
	case 0:
		return ""
	case 1:
		return made[0] + " is made"
	}
	return strings.Join(made, " and ") + " are made"
}

// unlessMissing is err unless that says that there is no such thing.
func unlessMissing(err error) error {
	if directory.Is(err, directory.NotFound) {
		return nil
	}
	return err
}
