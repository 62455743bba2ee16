package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

func (a *app) connectionCommand() *cobra.Command {
	return noun("connection", "Connections: one identity provider each, as the server knows it",
		a.connectionCreate(), a.connectionList(), a.connectionShow(), a.connectionSet(), a.connectionEnable(), a.connectionDisable(),
		a.connectionDelete(), a.connectionMigrate())
}

func (a *app) connectionCreate() *cobra.Command {
	var preset string
	cmd := &cobra.Command{
		Use:     "create NAME",
		Short:   "Make a connection",
		Long:    "Make a connection. A preset gives it the settings that fit an identity provider; there is " + strings.Join(directory.Presets(), ", ") + ".",
		Example: "  rollcall connection create okta --preset okta",
		RunE: a.do(func(c *call) error {
			conn, err := c.service.CreateConnection(c.ctx, c.actor, c.args[0], preset, nil)
			if err != nil {
				return advise(err, directory.Conflict, "try rollcall connection show "+c.args[0])
			}
			return c.say("made the connection %s; next: rollcall token create --connection %s%s", conn.Name, conn.Name, c.place)
		}),
	}
	cmd.Flags().StringVar(&preset, "preset", "", "name of a preset")
	return cmd
}

func (a *app) connectionList() *cobra.Command {
	type row struct {
		ID      directory.ConnectionID `json:"id"`
		Name    string                 `json:"name"`
		Preset  string                 `json:"preset"`
		Enabled bool                   `json:"enabled"`
		contactShown
	}
	return a.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the connections",
		Example: "  rollcall connection list --json",
		RunE: a.do(func(c *call) error {
			rows := all(c, func(tx *store.Tx) (rows []row, err error) {
				conns, err := tx.Connections()
				if err != nil {
					return nil, err
				}
				contacts, err := tx.Contacts()
				for _, conn := range conns {
					rows = append(rows, row{conn.ID, conn.Name, conn.Preset, conn.Enabled, c.contact(&conn, contacts[conn.Row])})
				}
				return rows, err
			})
			return list(c, "NAME|PRESET|ENABLED|ID|LAST CONTACT|SILENT", rows, func(r row) []string {
				return []string{r.Name, r.Preset, yes(r.Enabled), string(r.ID), r.when(), yes(r.Silent)}
			})
		}),
	})
}

// contactShown is what the commands tell of a connection's last contact.
type contactShown struct {
	LastContact *string `json:"last_contact"` // null before the first
	Silent      bool    `json:"silent"`
}

func (c *call) contact(conn *directory.Connection, kept directory.Contact) contactShown {
	last := c.service.LastHeard(conn.Row, kept.Last)
	return contactShown{moment(last), conn.Alarms(last, c.db.Now())}
}

func (s contactShown) when() string {
	if s.LastContact == nil {
		return "never"
	}
	return *s.LastContact
}

// connectionShown is what `connection show --json` tells.
type connectionShown struct {
	ID      directory.ConnectionID `json:"id"`
	Name    string                 `json:"name"`
	Preset  string                 `json:"preset"`
	Enabled bool                   `json:"enabled"`
	contactShown
	Settings []directory.Setting `json:"settings"`
}

func (a *app) connectionShow() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:     "show NAME",
		Short:   "Show a connection: when it was last heard of, each setting, and where that comes from",
		Example: "  rollcall connection show okta",
		RunE: a.do(func(c *call) error {
			var conn directory.Connection
			if err := c.db.View(c.ctx, func(tx *store.Tx) (err error) {
				conn, err = tx.Connection(c.args[0])
				return err
			}); err != nil {
				return err
			}
			return c.showConnection(&conn)
		}),
	})
}

func (c *call) showConnection(conn *directory.Connection) error {
	var contacts map[directory.Row]directory.Contact
	if err := c.db.View(c.ctx, func(tx *store.Tx) (err error) { contacts, err = tx.Contacts(); return err }); err != nil {
		return err
	}
	shown := connectionShown{conn.ID, conn.Name, conn.Preset, conn.Enabled, c.contact(conn, contacts[conn.Row]), conn.Settings()}
	if c.json {
		return c.show(shown)
	}
	facts := [][2]string{
		{"name", conn.Name},
		{"id", string(conn.ID)},
		{"preset", conn.Preset},
		{"enabled", yes(conn.Enabled)},
		{"last contact", shown.when()},
		{"silent", yes(shown.Silent)},
	}
	if err := c.facts(facts...); err != nil {
		return err
	}
	if err := c.say(""); err != nil {
		return err
	}
	return list(c, "SETTING|VALUE|ORIGIN", each(shown.Settings), func(s directory.Setting) []string {
		return []string{s.Key, s.Value, s.Origin}
	})
}

// settingsHelp says what the settings of a connection mean.
const settingsHelp = `Write settings of a connection. An empty value lets the preset, or the default, count again.

  external_id_immutable  true or false: an externalId names the same person for ever, so that a User that was deleted and comes
                         back returns to its account. This is what the preset entra-objectid has beyond entra
  restore_memberships    always, never, or a number of days such as 30d: whether a person who was deactivated gets the groups back,
                         or only after an absence that was no longer
  username_template      what the username of an account is made of, such as {first_name}.{last_name}. There is {user_name},
                         {user_name_local} (the part before the @), {external_id}, {email_local}, {first_name}, {last_name}
  bare_token             true or false: a token is accepted without the word Bearer
  silent_after           off, or a time such as 12h or 3d: when nothing is heard of the connection for so long, that is an alarm

JWTs that the identity provider, or another issuer, made are accepted when these four are set, in one command:

  jwt_issuer             the claim iss, such as https://sts.windows.net/TENANT/
  jwt_audience           what the claim aud must hold
  jwt_jwks_url           where the issuer publishes its keys, an https URL
  jwt_subjects           the client ids that may come, a comma between them: the claim sub, or azp or appid of a token without scp

Single sign-on (rollcall saml show NAME has all of it for a connection):

  first_login            off or create: whether somebody whom SCIM did not push gets an account at the first login
  saml_subject           who somebody is: nameid, for a NameID of the format persistent, or the exact Name of an attribute
  saml_subject_immutable true or false: the subject is never handed on to another person, although it looks like an e-mail address or
                         is the userName, or the NameID has another format
  saml_meets             what of a User is compared with the subject at the first login, to the letter: externalId, or an attribute such
                         as urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber
  saml_idp_initiated     true or false: what an identity provider sends without being asked signs people in. Without it, a click on its
                         tile leads to a login of ours
  saml_force_authn       true or false: people prove anew who they are, though the identity provider knows them
  saml_authn_contexts    the ways to prove it that count, a comma between them; empty: any
  saml_encrypted         true or false: an assertion that is not encrypted is refused
  saml_expired_certificates
                         true or false: a certificate of the identity provider counts after its end, with a warning

The Names of the attributes from which a profile is made, for what SCIM did not say; empty for none: saml_email, saml_user_name,
saml_first_name, saml_last_name, saml_nickname, saml_position, saml_locale`

func (a *app) connectionSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set NAME key=value…",
		Short: "Write settings of a connection",
		Long:  settingsHelp,
		Example: `  rollcall connection set okta restore_memberships=always
  rollcall connection set okta username_template={first_name}.{last_name}
  rollcall connection set okta silent_after=12h
  rollcall connection set okta first_login=create
  rollcall connection set okta jwt_issuer=https://acme.okta.com/oauth2/default jwt_audience=api://rollcall \
    jwt_jwks_url=https://acme.okta.com/oauth2/default/v1/keys jwt_subjects=0oa1b2c3d4e5f6g7h8i9`,
		RunE: func(cmd *cobra.Command, args []string) error {
			set := map[string]string{}
			for _, arg := range args[1:] {
				key, value, ok := strings.Cut(arg, "=")
				if !ok || key == "" {
					return misused(cmd, "%q is not of the form key=value", arg)
				}
				set[key] = value
			}
			return a.do(func(c *call) error {
				conn, err := c.service.ConfigureConnection(c.ctx, c.actor, args[0], set)
				if err != nil {
					return err
				}
				return c.showConnection(&conn)
			})(cmd, args)
		},
	}
}

func (a *app) connectionEnable() *cobra.Command {
	return &cobra.Command{
		Use:     "enable NAME",
		Short:   "Let the requests of a connection through",
		Example: "  rollcall connection enable okta",
		RunE:    a.enable(true, "%s is enabled"),
	}
}

func (a *app) connectionDisable() *cobra.Command {
	return &cobra.Command{
		Use:   "disable NAME",
		Short: "Refuse the requests of a connection, and leave its accounts as they are",
		Long: `Refuse the requests of a connection, and leave its accounts as they are. Whoever leaves the company meanwhile keeps access: that the
identity provider deactivates them is refused too, until the connection is enabled again and the identity provider sends it again.`,
		Example: "  rollcall connection disable okta",
		RunE: a.enable(false, "%s is disabled: its requests are refused, its accounts stay as they are; "+
			"who leaves meanwhile keeps access until it is enabled again"),
	}
}

func (a *app) enable(enabled bool, done string) func(*cobra.Command, []string) error {
	return a.do(func(c *call) error {
		conn, err := c.service.EnableConnection(c.ctx, c.actor, c.args[0], enabled)
		if err != nil {
			return err
		}
		return c.say(done, conn.Name)
	})
}

func (a *app) connectionDelete() *cobra.Command {
	var confirm bool
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a connection that manages no active account",
		Long: `Delete a connection with its identities, groups, links, rules and tokens; the memberships end that come of its links alone. Without
--confirm it only says what would end. It is refused while the connection manages active accounts: migrate them to another connection
or deactivate them first.`,
		Example: "  rollcall connection delete okta --confirm",
	}
	a.settle(cmd, func(c *call) error {
		if !confirm {
			ends, err := c.whatEnds(c.args[0])
			if err != nil {
				return err
			}
			return &complaint{misuse, "this deletes the connection " + c.args[0] + " for ever, and with it " + ends, "type it again with --confirm"}
		}
		if err := c.service.RemoveConnection(c.ctx, c.actor, c.args[0]); err != nil {
			return advise(err, directory.Conflict, "try rollcall connection migrate --help")
		}
		return c.say("deleted the connection %s", c.args[0])
	})
	cmd.Flags().BoolVar(&confirm, "confirm", false, "yes, delete it")
	return cmd
}

// whatEnds tells what goes with a connection.
func (c *call) whatEnds(name string) (string, error) {
	var e store.Extent
	if err := c.db.View(c.ctx, func(tx *store.Tx) error {
		conn, err := tx.Connection(name)
		if err != nil {
			return err
		}
		e, err = tx.Extent(conn.Row)
		return err
	}); err != nil {
		return "", err
	}
	return strings.Join([]string{
		count(e.Identities, "identity", "identities"), count(e.Groups, "group", "groups"), count(e.Links, "link", "links"),
		count(e.Rules, "rule", "rules"), count(e.Tokens, "token", "tokens"), count(e.Clients, "client", "clients"),
		count(e.Memberships, "membership", "memberships") + " of active accounts with their default channels",
	}, ", "), nil
}

func (a *app) connectionMigrate() *cobra.Command {
	var from, to string
	match := choice{words: []string{string(provision.MatchExternalID), string(provision.MatchUserName), string(provision.MatchEmail)}}
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Let one connection take over the accounts that another manages",
		Long: `Let one connection take over the accounts that another manages. Each account passes when the new connection pushes the person
that matches; until then the old connection manages it.`,
		Example: "  rollcall connection migrate --from okta --to entra --match userName --dry-run",
		RunE: func(cmd *cobra.Command, args []string) error {
			if from == to {
				return misused(cmd, "--from and --to name the same connection")
			}
			return a.do(func(c *call) error {
				plan, err := c.service.MigrateConnection(c.ctx, c.actor, from, to, provision.Match(match.value), dryRun)
				if err != nil {
					return err
				}
				return c.showPlan(plan, match.value, dryRun, from+" manages no account")
			})(cmd, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "the connection that manages the accounts")
	f.StringVar(&to, "to", "", "the connection that shall manage them")
	f.Var(&match, "match", "by what a person is recognised: externalId, userName or email")
	f.BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	require(cmd, "from", "to", "match")
	return a.jsonFlag(cmd)
}
