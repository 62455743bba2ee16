package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const prefix = "ROLLCALL_"

// typed are the flags that neither the environment nor the file can set.
var typed = []string{"config", "confirm", "force", "help", "version"}

// shown is the value of a flag as it may be printed: the address of a database without its password.
func shown(value string) string {
	if !strings.Contains(value, "://") {
		return value
	}
	u, err := url.Parse(value)
	if err != nil {
		return "postgres://…"
	}
	return u.Redacted()
}

// configure gives the flags of cmd that were not typed what the environment says, else what the file says, and checks that
// none is missing. A typed --data is the place, whatever they say of a database. In the server the client has done so.
func (a *app) configure(cmd *cobra.Command) error {
	if a.serving {
		return nil
	}
	for _, name := range []string{"data", "database", "config"} {
		if f := cmd.Flags().Lookup(name); f.Changed {
			a.place += " --" + name + " " + quote(shown(f.Value.String()))
		}
	}
	folder := cmd.Flags().Changed("data")
	if folder && a.database != "" {
		return &complaint{misuse, "--data and --database name two places", "type --data for SQLite in a folder, or --database for PostgreSQL"}
	}
	fromEnv := koanf.New(".")
	// A provider of the environment returns no error.
	_ = fromEnv.Load(env.Provider("", env.Opt{
		Prefix: prefix, EnvironFunc: func() []string { return a.env }, TransformFunc: func(name, value string) (string, any) {
			if value == "" {
				return "", nil
			}
			return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, prefix), "_", "-")), value
		},
	}), nil)
	path := fromEnv.String("config")
	if f := cmd.Flags().Lookup("config"); f.Changed {
		path = f.Value.String()
	}
	fromFile, err := readConfig(cmd, path)
	if err != nil {
		return err
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if err != nil || f.Changed || slices.Contains(typed, f.Name) {
			return
		}
		if folder && f.Name == "database" { // whoever types a folder means it
			return
		}
		if fromEnv.Exists(f.Name) {
			err = set(cmd, f, variable(f.Name), fromEnv.Get(f.Name))
		} else if fromFile.Exists(f.Name) {
			err = set(cmd, f, path+": "+f.Name, fromFile.Get(f.Name))
		}
	})
	if err != nil {
		return err
	}
	return checkRequired(cmd)
}

// variable is the name in the environment of a flag.
func variable(flag string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// strays are the variables of the environment that look like flags and are none of any command.
func (a *app) strays(root *cobra.Command) (names []string) {
	known := map[string]bool{variable("config"): true}
	visit(root, func(f *pflag.Flag) {
		if !slices.Contains(typed, f.Name) {
			known[variable(f.Name)] = true
		}
	})
	for _, v := range a.env {
		name, value, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, prefix) && !strings.HasPrefix(name, prefix+"TEST_") && value != "" && !known[name] {
			names = append(names, name)
		}
	}
	return names
}

// readConfig reads the file, in which may stand what serve has flags for.
func readConfig(cmd *cobra.Command, path string) (*koanf.Koanf, error) {
	k := koanf.New(".")
	if path == "" {
		return k, nil
	}
	if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		return nil, misused(cmd, "%s, the file of --config: %v", path, err)
	}
	serve, _, err := cmd.Root().Find([]string{"serve"})
	if err != nil {
		return nil, err
	}
	var known []string
	serve.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	cmd.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	known = slices.DeleteFunc(known, func(name string) bool { return slices.Contains(typed, name) })
	slices.Sort(known)
	for _, key := range k.Keys() {
		if slices.Contains(known, key) {
			continue
		}
		c := misused(cmd, "%s: there is no key %q: use %s", path, key, strings.Join(slices.Compact(known), ", "))
		if meant := strings.ToLower(strings.ReplaceAll(key, "_", "-")); slices.Contains(known, meant) {
			c.do = "did you mean " + meant + "?"
		}
		return nil, c
	}
	return k, nil
}

// set gives a flag a value that came from there; nil is no value.
func set(cmd *cobra.Command, f *pflag.Flag, from string, value any) error {
	text := fmt.Sprint(value)
	switch value := value.(type) {
	case nil:
		return nil
	case []any:
		var parts []string
		for _, v := range value {
			parts = append(parts, fmt.Sprint(v))
		}
		text = strings.Join(parts, ",")
	}
	err := cmd.Flags().Set(f.Name, text)
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return misusedValue(cmd, from, f, text, e.Unwrap())
	}
	return err
}
