package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rollcall-id/rollcall/directory"
)

// command builds all commands. They are built anew for each run, because their flags keep what was typed.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "rollcall",
		Short: "A SCIM endpoint for team chat",
		Long: `Rollcall turns the Users and Groups that an identity provider pushes over SCIM into accounts, teams and channels, and lets
their people sign in by SAML, or with a password.

Every flag may stand before or after the command's words. It may also come from the environment (--base-url from
ROLLCALL_BASE_URL), and those of serve from a YAML file named by --config. A flag counts before the environment, and the
environment before the file; a --data that is typed counts before any --database of theirs.`,
		Example: `  rollcall serve --data ./data --listen 127.0.0.1:8080
  rollcall connection create okta --preset okta
  rollcall token create --connection okta
  rollcall user show alice`,
		Version:       version(),
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.configure(cmd) },
		RunE:              choose,
	}
	root.SetVersionTemplate("rollcall {{.Version}}\n")
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(misusedFlag)
	f := root.PersistentFlags()
	f.StringVar(&a.data, "data", "./data", "folder of the database and of the server's socket")
	f.StringVar(&a.database, "database", "", "postgres://… to use PostgreSQL instead of the folder")
	f.String("config", "", "YAML file with the values of flags")
	root.AddCommand(
		a.serveCommand(), a.connectionCommand(), a.tokenCommand(), a.clientCommand(), a.keyCommand(), a.samlCommand(), a.teamCommand(), a.channelCommand(), a.linkCommand(), a.ruleCommand(),
		a.schemaCommand(), a.userCommand(), a.sessionCommand(), a.groupCommand(), a.adoptCommand(), a.identityCommand(), a.conflictCommand(), a.auditCommand(), a.dbCommand(),
		a.versionCommand())
	root.SetHelpCommand(helpCommand())
	root.InitDefaultHelpCmd()
	checkArguments(root)
	return root
}

// noun groups the commands about one thing.
func noun(name, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, RunE: choose}
	var examples []string
	for _, c := range commands {
		first, _, _ := strings.Cut(c.Example, "\n")
		examples = append(examples, first)
	}
	cmd.Example = strings.Join(examples, "\n")
	cmd.AddCommand(commands...)
	return cmd
}

const help = "help"

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     help + " COMMAND…",
		Short:   "Explain a command",
		Example: "  rollcall help link create",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return misused(cmd.Root(), "there is no command %q", strings.Join(args, " "))
			}
			return about.Help()
		},
	}
}

// astray reports whether the first word after those that name a group of commands names none of them.
func astray(cmd *cobra.Command, rest []string) bool {
	return cmd.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-")
}

// choose is run where a command's words end too early or go astray.
func choose(cmd *cobra.Command, args []string) error {
	if len(args) == 0 && !cmd.HasParent() {
		return pflag.ErrHelp
	}
	if len(args) == 0 {
		var names []string
		for _, c := range cmd.Commands() {
			names = append(names, c.Name())
		}
		return misused(cmd, "%s what? there is %s", cmd.Name(), strings.Join(names, ", "))
	}
	c := misused(cmd, "there is no command %q", strings.TrimPrefix(cmd.CommandPath()+" "+args[0], "rollcall "))
	if cmd.SuggestionsMinimumDistance = 2; len(cmd.SuggestionsFor(args[0])) > 0 {
		c.do = "try " + cmd.CommandPath() + " " + cmd.SuggestionsFor(args[0])[0]
	}
	return c
}

// checkArguments makes every command take the arguments that its Use line names, of which the last one may be repeated if it
// ends in "…" and left out if it stands in brackets, and no others.
func checkArguments(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		checkArguments(c)
	}
	if cmd.HasSubCommands() || cmd.Name() == help {
		cmd.Args = cobra.ArbitraryArgs
		return
	}
	words := strings.Fields(cmd.Use)[1:]
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) < len(words) && !strings.HasPrefix(words[len(args)], "[") {
			return misused(cmd, "%s is missing", strings.TrimSuffix(words[len(args)], "…"))
		}
		if repeated := len(words) > 0 && strings.HasSuffix(words[len(words)-1], "…"); len(args) > len(words) && !repeated {
			return misused(cmd, "%q is one word too many", args[len(words)])
		}
		return nil
	}
}

// arrange puts the words that name the command in front of everything else, so that a flag may stand anywhere.
func arrange(root *cobra.Command, args []string) []string {
	switches := map[string]bool{"-h": true} // the flags that take no value
	visit(root, func(f *pflag.Flag) {
		if f.NoOptDefVal != "" {
			switches["--"+f.Name] = true
		}
	})
	var words, rest []string
	at := root
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--" || !at.HasSubCommands():
			return slices.Concat(words, rest, args[i:])
		case !strings.HasPrefix(arg, "-"):
			words = append(words, arg)
			next := slices.IndexFunc(at.Commands(), func(c *cobra.Command) bool { return c.Name() == arg })
			if next < 0 {
				return slices.Concat(words, rest, args[i+1:])
			}
			at = at.Commands()[next]
		default:
			rest = append(rest, arg)
			if !strings.Contains(arg, "=") && !switches[arg] && i+1 < len(args) {
				i++
				rest = append(rest, args[i])
			}
		}
	}
	return slices.Concat(words, rest)
}

func visit(cmd *cobra.Command, fn func(*pflag.Flag)) {
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	cmd.PersistentFlags().VisitAll(fn)
	cmd.LocalFlags().VisitAll(fn)
	for _, c := range cmd.Commands() {
		visit(c, fn)
	}
}

func misusedFlag(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := "--" + e.GetSpecifiedName()
		if short := e.GetSpecifiedShortnames(); short != "" {
			name = "-" + short
		}
		return misused(cmd, "there is no flag %s", name)
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return misused(cmd, "--%s needs a value", e.GetFlag().Name)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return misusedValue(cmd, "--"+e.GetFlag().Name, e.GetFlag(), e.GetValue(), e.Unwrap())
	}
	return misused(cmd, "%v", err)
}

// misusedValue complains of a value that came from there.
func misusedValue(cmd *cobra.Command, from string, f *pflag.Flag, value string, err error) error {
	switch f.Value.Type() {
	case "int":
		return misused(cmd, "%s: %q is not a number", from, value)
	case "bool":
		return misused(cmd, "%s: %q is neither true nor false", from, value)
	}
	return misused(cmd, "%s: %q is not possible: %v", from, value, err)
}

// choice is the value of a flag that is one of a few words, in any case.
type choice struct {
	value string
	words []string
}

func (c *choice) Set(text string) error {
	i := slices.IndexFunc(c.words, func(word string) bool { return strings.EqualFold(word, text) })
	if i < 0 {
		last := len(c.words) - 1
		return directory.Errorf(directory.Invalid, "", "use %s or %s", strings.Join(c.words[:last], ", "), c.words[last])
	}
	c.value = c.words[i]
	return nil
}

func (c *choice) String() string { return c.value }

func (c *choice) Type() string { return "string" }

// require says which flags must be given.
func require(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
}

// checkRequired complains of the first flag that must be given and is not, or is empty.
func checkRequired(cmd *cobra.Command) (err error) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Annotations[cobra.BashCompOneRequiredFlag] != nil && f.Value.String() == "" && err == nil {
			err = misused(cmd, "--%s is missing", f.Name)
		}
	})
	return err
}

// call is one command under way, with the database open.
type call struct {
	*app
	ctx   context.Context
	args  []string
	actor directory.Actor
}

// settle makes the function of a command that may leave work behind, and gives the command the flag not to wait for it.
func (a *app) settle(cmd *cobra.Command, fn func(*call) error) {
	cmd.Flags().BoolVar(&a.noWait, "no-wait", false, "leave large consequences to the server instead of waiting for them")
	cmd.RunE = a.do(func(c *call) error {
		if err := fn(c); err != nil {
			return err
		}
		return c.finish()
	})
}
