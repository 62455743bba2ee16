package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
)

func TestCommand_every_one_explains_itself(t *testing.T) {
	a := &app{stdout: new(bytes.Buffer), stderr: new(bytes.Buffer)}
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			look(c)
		}
		if cmd.Short == "" || !strings.HasPrefix(cmd.Example, "  rollcall") {
			t.Errorf("%s has no description or no example", cmd.CommandPath())
		}
		if shows := cmd.Name() == "list" || cmd.Name() == "show"; shows && cmd.Flags().Lookup("json") == nil {
			t.Errorf("%s has no --json", cmd.CommandPath())
		}
	}
	look(a.command())
}

func TestCommand_of_settings_explains_each(t *testing.T) {
	long := (&app{}).connectionSet().Long
	for _, s := range new(directory.Connection).Settings() {
		if !regexp.MustCompile(`\b` + s.Key + `\b`).MatchString(long) {
			t.Errorf("connection set --help has no word about %s", s.Key)
		}
	}
}

func TestArrange_puts_the_command_first(t *testing.T) {
	root := (&app{}).command()
	for typed, want := range map[string]string{
		"user show alice --json":                 "user show alice --json",
		"--json user show alice":                 "user show --json alice",
		"--data d user --json show alice":        "user show --data d --json alice",
		"--data=d -h user list":                  "user list --data=d -h",
		"--role admin link create --group a":     "link create --role admin --group a",
		"user show -- --json":                    "user show -- --json",
		"user frob --json x":                     "user frob --json x",
		"frob user list":                         "frob user list",
		"--data":                                 "--data",
		"help user show":                         "help user show",
		"connection set okta a=b --data d c=d e": "connection set okta a=b --data d c=d e",
	} {
		if got := arrange(root, strings.Fields(typed)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q becomes %q, want %q", typed, got, want)
		}
	}
}

func TestWords_are_what_is_in_force(t *testing.T) {
	a := &app{env: []string{"ROLLCALL_ROLE=admin", "ROLLCALL_DATA=elsewhere"}, stdout: new(bytes.Buffer), stderr: new(bytes.Buffer)}
	var got []string
	root := a.command()
	create, _, err := root.Find([]string{"link", "create"})
	if err != nil {
		t.Fatal(err)
	}
	create.RunE = func(cmd *cobra.Command, args []string) error {
		got = words(cmd, args)
		return nil
	}
	root.SetArgs([]string{"link", "create", "--connection", "okta", "--group=A b", "--team", "eng", "--config", ""})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	want := []string{"link", "create", "--connection=okta", "--group=A b", "--role=admin", "--team=eng", "--"}
	if !slices.Equal(got, want) {
		t.Errorf("the words are %q, want %q", got, want)
	}
}

func TestSpan(t *testing.T) {
	for text, want := range map[string]string{
		"90d": "7776000s", "12w": "7257600s", "24h": "86400s", "5m": "300s", "1s": "1s", "36500d": "3153600000s",
		"": "", "d": "", "0d": "", "-1d": "", "1": "", "1.5d": "", "1y": "", "1 d": "", "99999999999d": "", "36501d": "",
	} {
		var s span
		err := s.Set(text)
		if (err == nil) != (want != "") || s.String() != want {
			t.Errorf("%q gives %q and %v, want %q", text, s.String(), err, want)
		}
		var again span
		if want != "" && (again.Set(s.String()) != nil || again != s) {
			t.Errorf("%q is not read back", s.String())
		}
	}
}

func TestNest_gives_the_highest_role_and_every_reason_once(t *testing.T) {
	link := func(team, channel directory.Row, role directory.Role, group string) directory.Reason {
		return directory.Reason{Team: team, Channel: channel, Kind: directory.ByLink, Role: role, Connection: "okta", Group: group}
	}
	teams := nest([]directory.Reason{
		link(1, 0, directory.RoleMember, "A"), link(1, 0, directory.RoleAdmin, "B"), link(1, 0, directory.RoleMember, "B"),
		{Team: 1, Channel: 2, Kind: directory.ByDefault, Role: directory.RoleMember},
		link(3, 0, directory.RoleMember, "C"),
		link(3, 4, directory.RoleMember, "C"),
	})
	if len(teams) != 2 || len(teams[0].Channels) != 1 || len(teams[1].Channels) != 1 {
		t.Fatalf("the teams are %+v", teams)
	}
	eng := teams[0]
	if eng.Role != "admin" || !slices.Equal(eng.Reasons, []string{`link: okta "A"`, `link: okta "B"`}) {
		t.Errorf("the first team is %+v", eng)
	}
	if ch := eng.Channels[0]; ch.Role != "member" || !slices.Equal(ch.Reasons, []string{"default channel"}) {
		t.Errorf("its channel is %+v", ch)
	}
	if other := teams[1]; other.Role != "member" || other.Channels[0].Role != "member" {
		t.Errorf("the second team is %+v", other)
	}
}

func TestClean_leaves_nothing_that_moves_a_cursor(t *testing.T) {
	for text, want := range map[string]string{
		"plain ünïcode": "plain ünïcode", "a\tb": `a\tb`, "a\nb": `a\nb`, "\x1b[2J": `\x1b[2J`, "\u009b": `\u009b`, "'\r'": `'\r'`,
	} {
		if got := clean(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestQuote_is_one_word_of_a_shell(t *testing.T) {
	for text, want := range map[string]string{
		"./data": "./data", "bin/rollcall": "bin/rollcall", "a b": "'a b'", "it's": `'it'\''s'`, "": "''", "$HOME": "'$HOME'",
	} {
		if got := quote(text); got != want {
			t.Errorf("%q becomes %s, want %s", text, got, want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 12000: "12,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d becomes %s, want %s", n, got, want)
		}
	}
}

func TestUnopened_says_what_to_do(t *testing.T) {
	folder := t.TempDir()
	refused := "cannot write " + folder + " as user "
	for err, want := range map[error]string{
		&fs.PathError{Op: "open", Path: "lock", Err: syscall.EACCES}: refused,
		&fs.PathError{Op: "mkdir", Path: "x", Err: syscall.EROFS}:    refused,
		errors.New("database disk image is malformed"):               folder + "/rollcall.db: database disk image is malformed; restore",
		errors.New("too many open files"):                            "too many open files",
		fmt.Errorf("reading: %w", context.Canceled):                  "interrupted",
	} {
		if got := explain((&app{data: folder}).unopened(err)).Error(); !strings.HasPrefix(got, "rollcall: "+want) {
			t.Errorf("%v becomes %q, want %q", err, got, want)
		}
	}
}

func TestForesee_says_what_a_push_does(t *testing.T) {
	team, channel := missingPlace{"team", "sales", nil}, missingPlace{"channel", "sales/x", nil}
	bad := missingPlace{"channel", "sales/ä", directory.Errorf(directory.Invalid, "name", "it is wrong")}
	for _, c := range []struct {
		missing []missingPlace
		makes   bool
		want    string
	}{
		{nil, true, ""},
		{[]missingPlace{channel}, true, "the channel is made"},
		{[]missingPlace{team, channel}, true, "the team and the channel are made"},
		{[]missingPlace{team, bad}, true, "passed over: it is wrong"},
		{[]missingPlace{channel}, false, "passed over: there is no channel sales/x"},
		{[]missingPlace{bad}, false, "passed over: there is no channel sales/ä"},
	} {
		if got := foresee(c.missing, c.makes); got != c.want {
			t.Errorf("%v becomes %q, want %q", c.missing, got, c.want)
		}
	}
}
