package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/provision"
)

// passwordFlag is the flag by which a password comes: never as a word of the command, which other processes see.
const passwordFlag = "password-stdin"

// maxTyped is how much of the standard input is read for a password and the end of its line.
const maxTyped = login.MaxPassword + 2

// hashTyped reads a password from the standard input, without the end of its line, and keeps its hash as the command's input. So a
// server that runs the command gets the hash alone.
func (a *app) hashTyped(cmd *cobra.Command) error {
	if a.serving {
		if !login.IsPasswordHash(string(a.input)) {
			return misused(cmd, "--%s: what came is no hash of a password", passwordFlag)
		}
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(a.stdin, maxTyped+1))
	if err != nil {
		return misused(cmd, "--%s: %v", passwordFlag, err)
	}
	hash, err := login.HashPassword(strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"))
	if err != nil {
		return misused(cmd, "--%s: %v", passwordFlag, err)
	}
	a.input = []byte(hash)
	return nil
}

func (a *app) userCreate() *cobra.Command {
	var u provision.LocalUser
	var typed bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an account that no identity provider manages",
		Long: `Make an account that no identity provider manages. Its person signs in with a password, which is read from the standard input: it
has 10 characters or more. One administrator at least should be such an account, to come in when the identity provider fails.`,
		Example: `  rollcall user create --email ada@example.com --username ada --system-admin --password-stdin < password.txt
  rollcall user create --email bot@example.com --username bot --json`,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if typed {
			if err := a.hashTyped(cmd); err != nil {
				return err
			}
		}
		return a.do(func(c *call) error {
			u.Hash = string(c.input)
			account, err := c.service.CreateUser(c.ctx, c.actor, u)
			if err != nil {
				return advise(err, directory.Conflict, "try rollcall user list")
			}
			if c.json {
				return c.show(rowOfUser(&account))
			}
			if err := c.say("made the account %s", account.Username); err != nil || typed {
				return err
			}
			c.note("it has no password yet: type rollcall user password %s --%s", account.Username, passwordFlag)
			return nil
		})(cmd, args)
	}
	f := cmd.Flags()
	f.StringVar(&u.Email, "email", "", "the e-mail address")
	f.StringVar(&u.Username, "username", "", "up to 64 characters of a-z, 0-9, . _ and -")
	f.BoolVar(&u.Admin, "system-admin", false, "a system administrator")
	f.BoolVar(&typed, passwordFlag, false, "read a password from the standard input")
	require(cmd, "email", "username")
	return a.jsonFlag(cmd)
}

func (a *app) userPassword() *cobra.Command {
	var typed, remove bool
	cmd := &cobra.Command{
		Use:   "password NAME|EMAIL|ID",
		Short: "Give an account a password, or take it away",
		Long: `Give an account a password, which is read from the standard input, or take it away. Whoever is signed in to the account is
signed out, and its personal tokens end. An account that a connection manages has no use for a password.`,
		Example: `  rollcall user password ada --password-stdin < password.txt
  rollcall user password ada --remove`,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if typed == remove {
			return misused(cmd, "either --%s or --remove is needed", passwordFlag)
		}
		if typed {
			if err := a.hashTyped(cmd); err != nil {
				return err
			}
		}
		return a.do(func(c *call) error {
			account, err := c.service.SetPassword(c.ctx, c.actor, c.args[0], string(c.input))
			if err != nil {
				return err
			}
			if remove {
				return c.say("%s has no password", account.Username)
			}
			return c.say("%s has a new password, and is signed out", account.Username)
		})(cmd, args)
	}
	cmd.Flags().BoolVar(&typed, passwordFlag, false, "read the password from the standard input")
	cmd.Flags().BoolVar(&remove, "remove", false, "take the password away")
	return cmd
}

func (a *app) userAdmin() *cobra.Command {
	var revoke bool
	cmd := &cobra.Command{
		Use:   "admin NAME|EMAIL|ID",
		Short: "Make an account a system administrator, or take that away",
		Example: `  rollcall user admin ada
  rollcall user admin ada --revoke`,
		RunE: a.do(func(c *call) error {
			account, err := c.service.SetAdmin(c.ctx, c.actor, c.args[0], !revoke)
			if err != nil {
				return err
			}
			if revoke {
				return c.say("%s is no system administrator", account.Username)
			}
			return c.say("%s is a system administrator", account.Username)
		}),
	}
	cmd.Flags().BoolVar(&revoke, "revoke", false, "take it away")
	return cmd
}
