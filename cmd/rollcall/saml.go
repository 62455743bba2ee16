package main

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/netguard"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/saml/metadata"
	"github.com/rollcall-id/rollcall/scim"
	"github.com/rollcall-id/rollcall/store"
)

func (a *app) samlCommand() *cobra.Command {
	return noun("saml", "Single sign-on: what identity providers say of themselves, and what to tell them", a.samlImport(), a.samlShow(), a.samlTest(), a.samlForget(),
		a.samlKeyCommand())
}

// samlImportFlags are those of `saml import`.
type samlImportFlags struct {
	connection string
	file       string
	refresh    bool
	immutable  bool
	outbound   []string
	from       provision.Import
}

func (a *app) samlImport() *cobra.Command {
	var flags samlImportFlags
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Read the metadata of a connection's identity provider",
		Long: `Read the metadata of a connection's identity provider, say what changed, and what to enter at the identity provider. What comes from
a URL is fetched again every day: new certificates count from then on, and what is refused leaves in force what was there. Metadata
of another identity provider than before is refused without --force.

The URL must be https, or http in a network that --outbound-allow names. A server that is running fetches it itself, and goes by its
own --outbound-allow.`,
		Example: `  rollcall saml import --connection okta --file idp.xml --dry-run
  rollcall saml import --connection okta --file idp.xml
  rollcall saml import --connection okta --url https://acme.okta.com/app/exk1/sso/saml/metadata
  rollcall saml import --connection okta --refresh`,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := a.checkImport(cmd, &flags); err != nil {
			return err
		}
		return a.do(func(c *call) error { return c.importIdP(&flags) })(cmd, args)
	}
	f := cmd.Flags()
	f.StringVar(&flags.connection, "connection", "", "the connection")
	f.StringVar(&flags.file, "file", "", "the file with the metadata; - is the standard input")
	f.StringVar(&flags.from.URL, "url", "", "where the identity provider publishes it")
	f.BoolVar(&flags.refresh, "refresh", false, "fetch it from its URL now")
	f.StringVar(&flags.from.Entity, "entity", "", "the entityID, where the metadata is that of several identity providers")
	f.BoolVar(&flags.from.Force, "force", false, "let it be another identity provider than before")
	f.BoolVar(&flags.from.DryRun, "dry-run", false, "only say what would change")
	f.BoolVar(&flags.immutable, "subject-is-immutable", false, "set "+directory.SAMLSubjectImmutable+": what is asserted names the same person for ever, whatever it looks like")
	f.StringSliceVar(&flags.outbound, "outbound-allow", nil, "networks of the inside to fetch from, where no server runs the command")
	require(cmd, "connection")
	return a.jsonFlag(cmd)
}

// checkImport refuses flags that do not go together, and reads the file.
func (a *app) checkImport(cmd *cobra.Command, flags *samlImportFlags) (err error) {
	given := 0
	for _, is := range []bool{flags.file != "", flags.from.URL != "", flags.refresh} {
		if is {
			given++
		}
	}
	if given != 1 {
		return misused(cmd, "give one of --file, --url and --refresh")
	}
	if flags.refresh && (flags.from.Entity != "" || flags.from.Force || flags.from.DryRun) {
		return misused(cmd, "--refresh goes with neither --entity, --force nor --dry-run")
	}
	if !a.serving {
		if _, err := netguard.ParseNetworks(flags.outbound); err != nil {
			return misused(cmd, "--outbound-allow: %v", err)
		}
	}
	if flags.file != "" {
		a.input, err = a.readFile(cmd, flags.file, metadata.MaxDocument)
	}
	return err
}

func (c *call) importIdP(flags *samlImportFlags) error {
	if !c.serving {
		allowed, err := netguard.ParseNetworks(flags.outbound)
		if err != nil {
			return err
		}
		c.service.Outbound = netguard.New(allowed, nil)
	}
	var done provision.Imported
	var err error
	if flags.refresh {
		done, err = c.service.RefreshIdP(c.ctx, c.actor, flags.connection)
	} else {
		from := flags.from
		from.Document = c.input
		done, err = c.service.ImportIdP(c.ctx, c.actor, flags.connection, from)
	}
	if err != nil {
		return c.adviseImport(err, flags)
	}
	conn, err := c.connectionCalled(flags.connection)
	if err == nil && flags.immutable && !flags.from.DryRun {
		conn, err = c.service.ConfigureConnection(c.ctx, c.actor, conn.Name, map[string]string{directory.SAMLSubjectImmutable: "true"})
	}
	if err != nil {
		return err
	}
	return c.showImported(&conn, &done, &flags.from)
}

// adviseImport says what to type after an import that was refused.
func (c *call) adviseImport(err error, flags *samlImportFlags) error {
	err = advise(err, directory.Conflict, "see what would change with --dry-run, then type it again with --force")
	switch {
	case c.serving && strings.Contains(err.Error(), "--outbound-allow"):
		return advise(err, directory.Invalid, "the server that runs fetches it: give --outbound-allow to rollcall serve")
	case flags.refresh:
		return advise(err, directory.Invalid, "if the identity provider is another one now, import its --url with --force")
	}
	return err
}

func (c *call) connectionCalled(name string) (conn directory.Connection, err error) {
	err = c.db.View(c.ctx, func(tx *store.Tx) (err error) {
		conn, err = tx.Connection(name)
		return err
	})
	return conn, err
}

// ourURLs are what to enter at an identity provider, null where the command does not know what clients call the server.
type ourURLs struct {
	EntityID *string `json:"entity_id"` // and where our metadata is
	ACS      *string `json:"acs_url"`
	Logout   *string `json:"logout_url"`
}

func (c *call) ourURLs(connection string) ourURLs {
	base, ok := strings.CutSuffix(c.scimURL, scim.Base)
	if !ok || base == "" {
		return ourURLs{}
	}
	at := metadata.At(base, connection)
	return ourURLs{&at.EntityID, &at.ACS, &at.Logout}
}

// facts are the rows that show them.
func (u ourURLs) facts(connection string) [][2]string {
	at := metadata.At("BASE-URL", connection) // as `serve --base-url` has it
	return [][2]string{
		{"our entity ID", *cmp.Or(u.EntityID, &at.EntityID)},
		{"our metadata", *cmp.Or(u.EntityID, &at.EntityID)},
		{"our ACS URL", *cmp.Or(u.ACS, &at.ACS)},
		{"our logout URL", *cmp.Or(u.Logout, &at.Logout)},
	}
}

// test is where an administrator tries a login.
func (u ourURLs) test(connection string) string {
	at := metadata.At("BASE-URL", connection)
	return strings.TrimSuffix(*cmp.Or(u.EntityID, &at.EntityID), "/metadata") + "/test"
}

// samlImported is what `saml import --json` tells.
type samlImported struct {
	Connection string            `json:"connection"`
	EntityID   string            `json:"entity_id"`
	DryRun     bool              `json:"dry_run"`
	Another    bool              `json:"another"` // identity provider than before
	Changes    directory.Changes `json:"changes"` // empty for none
	Warnings   []string          `json:"warnings"`
	Ours       ourURLs           `json:"ours"`
	Map        []string          `json:"map"`
}

func (c *call) showImported(conn *directory.Connection, done *provision.Imported, from *provision.Import) error {
	if c.json {
		return c.show(samlImported{
			conn.Name, done.IdP.EntityID, from.DryRun, done.Another, done.Changes, append([]string{}, done.Warnings...), c.ourURLs(conn.Name), mapping(conn),
		})
	}
	for _, w := range done.Warnings {
		c.note("warning: %s", w)
	}
	if !from.DryRun && done.Another {
		c.note("warning: people are recognised by the subjects that the former identity provider gave them: unless the new one gives the same people the same, run rollcall saml forget --connection %s --confirm", conn.Name)
	}
	if from.DryRun && done.Another && !from.Force {
		c.note("warning: this is another identity provider than before: it will be refused without --force")
	}
	said := "%s: the identity provider is %s"
	switch {
	case len(done.Changes) == 0:
		said = "%s: nothing changes; the identity provider is %s"
	case from.DryRun:
		said = "%s: the identity provider would be %s"
	}
	if err := c.say(said, conn.Name, done.IdP.EntityID); err != nil {
		return err
	}
	if len(done.Changes) > 0 {
		if err := list(c, "WHAT|BEFORE|NOW", each(differences(done.Changes)), func(row []string) []string { return row }); err != nil {
			return err
		}
	}
	if from.DryRun {
		return nil
	}
	if err := c.tellIdP(conn); err != nil {
		return err
	}
	if err := c.say(""); err != nil {
		return err
	}
	return c.say("next: rollcall saml test --connection %s%s", conn.Name, c.place)
}

// differences are the changes as rows: what, before, now.
func differences(changes directory.Changes) (rows [][]string) {
	for _, what := range slices.Sorted(maps.Keys(changes)) {
		switch v := changes[what].(type) {
		case [2]any:
			rows = append(rows, []string{what, valueInWords(v[0]), valueInWords(v[1])})
		case []string:
			for _, text := range v {
				if strings.HasSuffix(what, "_removed") {
					rows = append(rows, []string{what, text, ""})
				} else {
					rows = append(rows, []string{what, "", text})
				}
			}
		}
	}
	return rows
}

// tellIdP says what to enter at the identity provider.
func (c *call) tellIdP(conn *directory.Connection) error {
	ours := c.ourURLs(conn.Name)
	for _, line := range []string{"", "Enter at the identity provider:"} {
		if err := c.say("%s", line); err != nil {
			return err
		}
	}
	if err := c.facts(ours.facts(conn.Name)...); err != nil {
		return err
	}
	if ours.EntityID == nil {
		if err := c.say("BASE-URL is what serve --base-url says"); err != nil {
			return err
		}
	}
	for _, line := range mapping(conn) {
		if err := c.say("- %s", line); err != nil {
			return err
		}
	}
	return nil
}

// mapping says how the identity provider lets us recognise people, for the preset and the settings in force.
func mapping(conn *directory.Connection) []string {
	subject := conn.Setting(directory.SAMLSubject)
	lines := []string{"send the attribute " + subject + ", once, with a value that never changes and is never handed on: it says who somebody is"}
	if subject == directory.NameID {
		lines[0] = "send a NameID of the format persistent, with a value that never changes and is never handed on: it says who somebody is"
	}
	if meets := conn.Setting(directory.SAMLMeets); meets == directory.MeetsExternalID {
		lines = append(lines, "send the same value as externalId over SCIM, to the letter")
	} else {
		lines = append(lines, "send the same value as "+meets+" over SCIM, to the letter")
	}
	hint := hints[conn.Preset]
	if hint.subject == subject {
		lines = append(lines, hint.lines...)
	}
	return lines
}

// hints say, by preset, how to send what its subject is.
var hints = map[string]struct {
	subject string
	lines   []string
}{
	"okta": {"id", []string{"in Okta: add the attribute statement id with the value user.id; externalId has that value already"}},
	"entra": {"http://schemas.microsoft.com/identity/claims/objectidentifier", []string{
		"in Entra ID: the claim is sent already; map objectId to externalId in the attribute mappings of provisioning, since mailNickname, which is there, is handed on to other people",
	}},
	"entra-objectid": {"http://schemas.microsoft.com/identity/claims/objectidentifier", []string{"in Entra ID: the claim is sent already; externalId must be mapped from objectId"}},
	"google":         {directory.NameID, []string{"in Google: choose the name ID format PERSISTENT, and an attribute of the user that is no e-mail address"}},
	"adfs":           {directory.NameID, []string{"in AD FS: make a rule that sends objectGUID as Name ID with the format Persistent Identifier"}},
	"keycloak":       {directory.NameID, []string{"in Keycloak: set Name ID Format to persistent and turn Force Name ID Format on; over SCIM send that value as externalId"}},
}
