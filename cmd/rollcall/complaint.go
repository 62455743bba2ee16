package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
)

const (
	failed = 1
	misuse = 2
)

// complaint is an error as the user sees it: what is wrong, and what to type.
type complaint struct {
	status int
	wrong  string
	do     string
}

func (c *complaint) Error() string { return "rollcall: " + clean(c.wrong) + "; " + clean(c.do) }

// misused complains of words that are not understood.
func misused(cmd *cobra.Command, format string, args ...any) *complaint {
	return &complaint{misuse, fmt.Sprintf(format, args...), "try " + cmd.CommandPath() + " --help"}
}

// kinds is the one table from the kinds of errors to exit statuses, and to what to type. Without the latter it is the command's
// help.
var kinds = map[directory.Kind]struct {
	status int
	do     string
}{
	directory.Invalid:     {misuse, ""},
	directory.NotFound:    {failed, ""},
	directory.Conflict:    {failed, ""},
	directory.Limit:       {failed, ""},
	directory.Full:        {failed, "make room and type it again"},
	directory.Unavailable: {failed, "type it again"},
}

// lists are the commands that show what there is, by the words with which the store says that something is missing.
var lists = map[string]string{
	"account": "user list", "identity": "identity list", "group": "group list", "connection": "connection list", "team": "team list",
	"channel": "channel list", "link": "link list", "rule": "rule list", "schema": "schema list", "token": "token list", "client": "client list", "conflict": "conflict list",
	"session": "session list",
}

// explain makes a complaint of any error that a command returned.
func explain(err error) *complaint {
	if c, ok := errors.AsType[*complaint](err); ok {
		return c
	}
	c := &complaint{status: failed, wrong: err.Error(), do: "try rollcall --help"}
	if f, ok := errors.AsType[*failure](err); ok {
		c.do = "try " + f.cmd.CommandPath() + " --help"
	}
	if errors.Is(err, context.Canceled) {
		c.wrong, c.do = "interrupted", "type it again"
	}
	e, ok := errors.AsType[*directory.Error](err)
	if !ok {
		return c
	}
	kind := kinds[e.Kind]
	c.status = max(kind.status, failed)
	if kind.do != "" {
		c.do = kind.do
	}
	if e.Kind == directory.NotFound {
		what, _, _ := strings.Cut(strings.TrimPrefix(e.Msg, "there is no "), " ")
		if list, ok := lists[what]; ok {
			c.do = "try rollcall " + list
		}
	}
	return c
}

// advise is err, with what to type if it is of that kind.
func advise(err error, kind directory.Kind, do string) error {
	if e, ok := errors.AsType[*directory.Error](err); ok && e.Kind == kind {
		return &complaint{max(kinds[kind].status, failed), e.Error(), do}
	}
	return err
}
