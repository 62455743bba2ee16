package main

import (
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
	"github.com/rollcall-id/rollcall/store"
)

func (a *app) schemaCommand() *cobra.Command {
	return noun("schema", "Schemas, which give the Users of a connection more attributes", a.schemaAdd(), a.schemaList(), a.schemaShow(), a.schemaRemove())
}

func (a *app) schemaAdd() *cobra.Command {
	var connection, file string
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Add an extension schema to a connection, or replace it by one that has more",
		Long: `Add an extension schema to a connection. Its Users then have the attributes, under the schema's URN; other connections do not. The
file holds the schema as /Schemas shows schemas (RFC 7643, section 7): id, which is the URN, name, description and attributes with
their characteristics, of which those that are missing have their defaults.

A schema that is there, or was, is replaced. As Users may have values of its attributes, these must stay, with their type,
multiValued and caseExact; attributes may come, and other characteristics change.

An attribute that is required must be there where a User has other values of the schema: a push without it is refused.
Attributes that are never returned, or writeOnly, are checked and not kept. uniqueness must be none.`,
		Example: `  rollcall schema add --connection okta --file costs.json
  echo '{"id":"urn:example:costs:1.0:User","attributes":[{"name":"costCenter"}]}' | rollcall schema add --connection okta --file -`,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if a.input, err = a.readFile(cmd, file, schema.MaxDefinition); err != nil {
			return err
		}
		return a.do(func(c *call) error {
			e, err := c.service.AddExtension(c.ctx, c.actor, connection, c.input)
			if err != nil {
				return err
			}
			return c.say("the Users of %s have the schema %s", connection, e.URN)
		})(cmd, args)
	}
	f := cmd.Flags()
	f.StringVar(&connection, "connection", "", "the connection")
	f.StringVar(&file, "file", "", "the file with the schema; - is the standard input")
	require(cmd, "connection", "file")
	return cmd
}

// readFile reads the file that --file names, before a server is asked, which may have another working directory. Of one with more
// than limit bytes it gives one byte more.
func (a *app) readFile(cmd *cobra.Command, name string, limit int64) ([]byte, error) {
	if a.serving {
		return a.input, nil
	}
	in := a.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, misused(cmd, "--file: %v", err)
		}
		defer func() { _ = file.Close() }() // of a file that was read, its error says nothing
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, misused(cmd, "--file: %v", err)
	}
	return text, nil
}

// schemaListed is an extension as the commands show it.
type schemaListed struct {
	Connection string          `json:"connection"`
	URN        string          `json:"urn"`
	Created    string          `json:"created"`
	Schema     json.RawMessage `json:"schema"`
}

// schemas returns the extensions in force of a connection, or of all, that have the URN, unless it is empty.
func schemas(tx *store.Tx, connection, urn string) (rows []schemaListed, err error) {
	var conn directory.Connection
	if connection != "" {
		if conn, err = tx.Connection(connection); err != nil {
			return nil, err
		}
	}
	extensions, err := tx.Extensions(conn.Row)
	for _, e := range extensions {
		if e.Removed.IsZero() && (urn == "" || directory.Key(e.URN) == directory.Key(urn)) {
			rows = append(rows, schemaListed{e.ConnName, e.URN, stamp(e.Created), e.Definition})
		}
	}
	return rows, err
}

func (a *app) schemaList() *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the schemas that connections have of their own",
		Example: "  rollcall schema list --connection okta",
		RunE: a.do(func(c *call) error {
			rows := all(c, func(tx *store.Tx) ([]schemaListed, error) { return schemas(tx, connection, "") })
			return list(c, "CONNECTION|URN|ATTRIBUTES", rows, func(r schemaListed) []string {
				return []string{r.Connection, r.URN, attributeNames(r.Schema)}
			})
		}),
	}
	cmd.Flags().StringVar(&connection, "connection", "", "only those of this connection")
	return a.jsonFlag(cmd)
}

// attributeNames lists the attributes of a definition.
func attributeNames(definition []byte) string {
	s, err := schema.ParseExtension(definition)
	if err != nil {
		return ""
	}
	var names []string
	for _, at := range s.Attributes {
		names = append(names, at.Name)
	}
	return strings.Join(names, " ")
}

func (a *app) schemaShow() *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use:     "show URN",
		Short:   "Show the attributes of a schema; with --json, the schema",
		Example: "  rollcall schema show urn:example:costs:1.0:User --json",
	}
	cmd.RunE = a.do(func(c *call) error {
		var found []schemaListed
		if err := c.db.View(c.ctx, func(tx *store.Tx) (err error) {
			found, err = schemas(tx, connection, c.args[0])
			return err
		}); err != nil {
			return err
		}
		if len(found) == 0 {
			return directory.Errorf(directory.NotFound, "", "there is no schema %s", c.args[0])
		}
		if slices.ContainsFunc(found, func(s schemaListed) bool { return string(s.Schema) != string(found[0].Schema) }) {
			return misused(cmd, "%s and %s have different schemas of that URN: name one by --connection", found[0].Connection, found[len(found)-1].Connection)
		}
		return c.showSchema(found[0].Schema)
	})
	cmd.Flags().StringVar(&connection, "connection", "", "the connection, where several have different schemas of one URN")
	return a.jsonFlag(cmd)
}

func (c *call) showSchema(definition json.RawMessage) error {
	if c.json {
		return c.show(definition)
	}
	s, err := schema.ParseExtension(definition)
	if err != nil {
		return err
	}
	if err := c.facts([2]string{"urn", s.URN}, [2]string{"name", s.Name}, [2]string{"description", s.Description}); err != nil {
		return err
	}
	if err := c.say(""); err != nil {
		return err
	}
	return list(c, "ATTRIBUTE|TYPE|REQUIRED|CASE EXACT|MUTABILITY|RETURNED", each(flatten("", s.Attributes)), func(r attributeRow) []string {
		kind := r.at.Type
		if r.at.MultiValued {
			kind += "[]"
		}
		return []string{r.name, kind, yes(r.at.Required), yes(r.at.CaseExact), r.at.Mutability, r.at.Returned}
	})
}

// attributeRow is an attribute or sub-attribute with its path.
type attributeRow struct {
	name string
	at   *schema.Attribute
}

func flatten(prefix string, attributes []*schema.Attribute) (rows []attributeRow) {
	for _, at := range attributes {
		rows = append(rows, attributeRow{prefix + at.Name, at})
		rows = append(rows, flatten(prefix+at.Name+".", at.Sub)...)
	}
	return rows
}

func (a *app) schemaRemove() *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use:   "remove URN",
		Short: "Take a schema away from a connection",
		Long: `Take a schema away from a connection. Its attributes are ignored from then on. The values that Users have of them are kept and not
shown: they come back when the schema is added again, and go when the identity provider replaces or deletes the User.`,
		Example: "  rollcall schema remove urn:example:costs:1.0:User --connection okta",
		RunE: a.do(func(c *call) error {
			e, err := c.service.RemoveExtension(c.ctx, c.actor, connection, c.args[0])
			if err != nil {
				return err
			}
			return c.say("the Users of %s have the schema %s no more; values that are there are kept and not shown", connection, e.URN)
		}),
	}
	cmd.Flags().StringVar(&connection, "connection", "", "the connection")
	require(cmd, "connection")
	return cmd
}
