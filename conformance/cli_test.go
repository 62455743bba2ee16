package conformance

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// sayings asserts how a command that goes wrong says so: nothing on stdout, one line on stderr, and the exit code.
func sayings(t *testing.T, r harness.Result, code int, line ...string) {
	t.Helper()
	name := "rollcall " + strings.Join(line, " ")
	if r.Code != code {
		t.Errorf("%s: exit %d, want %d", name, r.Code, code)
	}
	if r.Stdout != "" {
		t.Errorf("%s prints %q", name, r.Stdout)
	}
	if !regexp.MustCompile(`^rollcall: [^\n]+\n$`).MatchString(r.Stderr) {
		t.Errorf("%s says %q, want one line that begins with rollcall:", name, r.Stderr)
	}
	if code == 2 && !strings.Contains(r.Stderr, "; ") {
		t.Errorf("%s says %q, want what is wrong; what to type", name, r.Stderr)
	}
}

// running runs a suite of commands with the server running and again with it stopped.
func running(t *testing.T, suite func(t *testing.T, s *server)) {
	t.Helper()
	each(t, func(t *testing.T, s *server) {
		t.Run("over the socket", func(t *testing.T) { suite(t, s) })
	})
	for _, kind := range harness.Databases(t) {
		t.Run(kind+" without a server", func(t *testing.T) {
			s := prepare(t, kind)
			s.CLI(t, "db", "migrate")
			suite(t, s)
		})
	}
}

func TestCLI_usage_errors(t *testing.T) {
	s := prepare(t, "sqlite")
	s.CLI(t, "db", "migrate")
	for _, line := range []string{
		"nonsense", "--nonsense", "connection nonsense", "connection create", "connection create a b",
		"connection create okta --preset nonsense", "connection set okta", "connection set okta novalue", "connection show",
		"token create", "token create --connection", "token create --connection okta --expires soon", "token revoke",
		"team create", "team create --name eng --nonsense", "channel create --name backend",
		"link create --connection okta", "link create --connection okta --group G --team eng --role owner", "link delete",
		"rule create --connection okta", "rule test", "user show", "user show a b", "user deactivate", "user delete pat",
		"group show", "adopt", "adopt --connection okta --match nickname", "serve extra", "serve --listen",
	} {
		args := strings.Fields(line)
		sayings(t, s.Try(args...), 2, args...)
	}
}

func TestCLI_failures(t *testing.T) {
	running(t, func(t *testing.T, s *server) {
		s.CLI(t, "connection", "create", "okta", "--preset", "okta")
		s.CLI(t, "team", "create", "--name", "eng", "--display-name", "Engineering")
		for _, line := range []string{
			"connection create okta", "connection show nobody", "connection disable nobody", "connection delete nobody",
			"token create --connection nobody", "token revoke nothing", "team create --name eng --display-name Again",
			"channel create --team nowhere --name x --display-name X", "channel list --team nowhere",
			"link create --connection nobody --group G --team eng", "link create --connection okta --group G --team nowhere",
			"link create --connection okta --group G --team eng --channel nowhere", "link delete nothing", "rule delete nothing",
			"user show nobody", "user deactivate nobody", "user activate nobody", "user delete nobody --confirm",
			"group show nothing", "conflict resolve nothing --dismiss", "adopt --connection nobody --match email --dry-run",
		} {
			args := strings.Fields(line)
			sayings(t, s.Try(args...), 1, args...)
		}
	})
}

func TestCLI_settings(t *testing.T) {
	running(t, func(t *testing.T, s *server) {
		s.CLI(t, "connection", "create", "okta", "--preset", "okta")
		type shown struct {
			ID, Name, Preset string
			Enabled          bool
			Settings         []struct {
				Key, Origin string
				Value       any
			}
		}
		look := func(connection string) map[string]string {
			var c shown
			s.Show(t, &c, "connection", "show", connection)
			if c.Name != connection || c.ID == "" || !c.Enabled {
				t.Errorf("the connection is %+v", c)
			}
			settings := map[string]string{}
			for _, x := range c.Settings {
				value, _ := json.Marshal(x.Value)
				settings[x.Key] = strings.Trim(string(value), `"`) + " " + x.Origin
			}
			return settings
		}
		want := func(settings map[string]string, key, value string) {
			t.Helper()
			if settings[key] != value {
				t.Errorf("%s is %q, want %q", key, settings[key], value)
			}
		}
		settings := look("okta")
		want(settings, "external_id_immutable", "true preset")
		want(settings, "restore_memberships", "30d preset")
		want(settings, "bare_token", "true preset")
		if !strings.HasSuffix(settings["username_template"], " default") {
			t.Errorf("username_template is %q, want a default", settings["username_template"])
		}
		s.CLI(t, "connection", "set", "okta", "restore_memberships=never", "bare_token=false")
		settings = look("okta")
		want(settings, "restore_memberships", "never set")
		want(settings, "bare_token", "false set")
		want(settings, "external_id_immutable", "true preset")
		for _, wrong := range []string{"restore_memberships=sometimes", "bare_token=maybe", "nonsense=1", "restore_memberships=-3d"} {
			if r := s.Try("connection", "set", "okta", wrong); r.Code != 2 && r.Code != 1 {
				t.Errorf("connection set %s: %+v, want it refused", wrong, r)
			}
		}
		s.CLI(t, "connection", "create", "entra", "--preset", "entra")
		want(look("entra"), "restore_memberships", "always preset")
		want(look("entra"), "external_id_immutable", "false default")
		s.CLI(t, "connection", "create", "entra2", "--preset", "entra-objectid")
		want(look("entra2"), "external_id_immutable", "true preset")
		s.CLI(t, "connection", "create", "none")
		want(look("none"), "bare_token", "false default")
	})
}

func TestCLI_every_command(t *testing.T) {
	running(t, func(t *testing.T, s *server) {
		for _, line := range []string{
			"connection create okta --preset okta", "connection create second", "connection list", "connection show okta",
			"connection disable second", "connection enable second", "connection set second restore_memberships=never",
			"team create --name eng --display-name Engineering", "team create --name ops --display-name Ops --private", "team list",
			"channel create --team eng --name backend --display-name Backend",
			"channel create --team eng --name secret --display-name Secret --private", "channel list --team eng",
			"link create --connection okta --group Engineering --team eng",
			"link create --connection okta --group Backend --team eng --channel backend --role admin", "link list",
			"rule create --connection okta --pattern chat-{team}-{channel} --team {team} --channel {channel} --create", "rule list",
			"rule test chat-eng-back-end", "user list", "group list", "identity list", "conflict list", "audit list", "token list",
			"adopt --connection okta --match email --dry-run", "adopt --connection okta --match username --dry-run",
			"db check", "db migrate", "connection delete second --confirm",
		} {
			s.CLI(t, strings.Fields(line)...)
		}
		for _, line := range []string{
			"connection list", "team list", "channel list --team eng", "link list", "rule list", "user list", "group list",
			"identity list", "conflict list", "audit list", "token list",
		} {
			var list []map[string]any
			s.Show(t, &list, strings.Fields(line)...)
			if list == nil {
				t.Errorf("%s --json prints null, want a list", line)
			}
		}
		var teams, channels []struct{ Name, Type, Team string }
		s.Show(t, &teams, "team", "list")
		s.Show(t, &channels, "channel", "list", "--team", "eng")
		types := map[string]string{}
		for _, x := range append(teams, channels...) {
			types[x.Name] = x.Type
		}
		for name, want := range map[string]string{
			"eng": "O", "ops": "I", "backend": "O", "secret": "P", "town-square": "O", "off-topic": "O",
		} {
			if types[name] != want {
				t.Errorf("%s has the type %q, want %q", name, types[name], want)
			}
		}
	})
}

func TestCLI_flags_before_and_after(t *testing.T) {
	running(t, func(t *testing.T, s *server) {
		where := s.Where()
		for _, args := range [][]string{
			append([]string{"team", "create", "--name", "one", "--display-name", "A"}, where...),
			append(append([]string{}, where...), "team", "create", "--name", "two", "--display-name", "B"),
			append(append([]string{"team"}, where...), "create", "--name", "three", "--display-name", "C"),
			append([]string{"connection", "create", "--preset", "okta", "one"}, where...),
			append([]string{"connection", "create", "two", "--preset=okta"}, where...),
		} {
			if r := harness.Command(harness.Environment(), args...); r.Code != 0 {
				t.Errorf("rollcall %s: %+v", strings.Join(args, " "), r)
			}
		}
		if r := harness.Command(harness.Environment(), append(append([]string{"--json"}, where...), "team", "list")...); r.Code != 0 ||
			!json.Valid([]byte(r.Stdout)) {
			t.Errorf("--json before the command: %+v", r)
		}
		for _, name := range []string{"one", "two", "three"} {
			if out := s.CLI(t, "team", "list"); !strings.Contains(out, name) {
				t.Errorf("team list says %q, want %s in it", out, name)
			}
		}
	})
}

func TestCLI_environment_and_configuration(t *testing.T) {
	running(t, func(t *testing.T, s *server) {
		env := harness.Environment("ROLLCALL_DATA="+s.Dir, "ROLLCALL_DATABASE="+s.Database)
		if r := harness.Command(env, "team", "create", "--name", "env", "--display-name", "E"); r.Code != 0 {
			t.Fatalf("with ROLLCALL_DATA: %+v", r)
		}
		if out := s.CLI(t, "team", "list"); !strings.Contains(out, "env") {
			t.Errorf("team list says %q", out)
		}
		if r := harness.Command(harness.Environment("ROLLCALL_JSON=true"), append([]string{"team", "list"}, s.Where()...)...); !json.Valid([]byte(r.Stdout)) {
			t.Errorf("with ROLLCALL_JSON: %+v", r)
		}
		file := filepath.Join(t.TempDir(), "rollcall.yaml")
		text := "data: " + s.Dir + "\n"
		if s.Database != "" {
			text += "database: " + s.Database + "\n"
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := harness.Command(harness.Environment(), "--config", file, "team", "create", "--name", "conf", "--display-name", "C"); r.Code != 0 {
			t.Fatalf("with --config: %+v", r)
		}
		elsewhere := t.TempDir()
		r := harness.Command(harness.Environment("ROLLCALL_DATA="+elsewhere), append([]string{"team", "list"}, s.Where()...)...)
		if r.Code != 0 || !strings.Contains(r.Stdout, "conf") {
			t.Errorf("a flag goes before the environment: %+v", r)
		}
		if r := harness.Command(harness.Environment(), "--config", file+".missing", "team", "list"); r.Code == 0 {
			t.Errorf("a configuration file that is missing: %+v", r)
		}
	})
}

func TestCLI_tokens(t *testing.T) {
	running(t, func(t *testing.T, s *server) {
		s.CLI(t, "connection", "create", "okta")
		token := s.newToken(t, "okta")
		other := s.CLI(t, "token", "create", "--connection", "okta", "--expires", "90d")
		if token == other {
			t.Error("two tokens are the same")
		}
		var list []map[string]any
		s.Show(t, &list, "token", "list")
		text := s.CLI(t, "token", "list") + s.CLI(t, "token", "list", "--json") + s.CLI(t, "audit", "list", "--json")
		if len(list) != 2 || strings.Contains(text, token) || strings.Contains(text, other) {
			t.Errorf("token list shows %s, want two tokens and not themselves", text)
		}
		sayings(t, s.Try("token", "create", "--connection", "okta", "--expires", "-1d"), 2, "token create --expires -1d")
	})
}

func TestCLI_people_and_groups(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := s.idp(t, "okta", "okta")
		s.world(t, "okta")
		c.names["pat"] = c.send("POST /Users", oktaPat).code(201).id()
		c.send("POST /Groups", `{"displayName":"Engineering","externalId":"g1","members":[{"value":"{pat}"},{"value":"nobody"}]}`).code(201)
		look := func(t *testing.T) {
			t.Helper()
			byName := s.account(t, "pat")
			for _, name := range []string{"pat@x.test", byName.ID, "PAT"} {
				if a := s.account(t, name); a.ID != byName.ID {
					t.Errorf("user show %s shows %s", name, a.ID)
				}
			}
			var users []account
			s.Show(t, &users, "user", "list")
			if len(users) != 1 || users[0].Username != "pat" || !users[0].Active {
				t.Errorf("user list is %+v", users)
			}
			var groups []struct {
				ID, Connection string
				DisplayName    string `json:"display_name"`
				ExternalID     string `json:"external_id"`
				Members        int
			}
			s.Show(t, &groups, "group", "list")
			if len(groups) != 1 || groups[0].DisplayName != "Engineering" || groups[0].ExternalID != "g1" || groups[0].Members != 1 {
				t.Errorf("group list is %+v", groups)
			}
			g := c.on(t).pushed("Engineering")
			if len(g.Members) != 1 || g.Members[0].Value != c.names["pat"] || g.Members[0].Type != "User" ||
				len(g.UnknownMembers) != 1 || g.UnknownMembers[0] != "nobody" || len(g.Links) != 1 {
				t.Errorf("group show is %+v", g)
			}
			var identities []struct {
				Connection, ID, Account string
				UserName                string `json:"user_name"`
				ExternalID              string `json:"external_id"`
				Active, Manages         bool
			}
			s.Show(t, &identities, "identity", "list")
			if len(identities) != 1 || identities[0].ID != c.names["pat"] || !identities[0].Manages || !identities[0].Active {
				t.Errorf("identity list is %+v", identities)
			}
			out := s.CLI(t, "user", "show", "pat")
			for _, word := range []string{"pat@x.test", "eng", "town-square", `okta "Engineering"`} {
				if !strings.Contains(out, word) {
					t.Errorf("user show says %q, want %s in it", out, word)
				}
			}
		}
		look(t)
		s.Stop(t)
		look(t)
	})
}

func TestCLI_serve_refuses_a_folder_in_use(t *testing.T) {
	s := prepare(t, "sqlite")
	s.Serve(t)
	r := harness.Command(harness.Environment(), "serve", "--listen", "127.0.0.1:0", "--data", s.Dir)
	sayings(t, r, 1, "serve on a folder that another server holds")
	if r := harness.Command(harness.Environment(), "serve", "--listen", "nonsense", "--data", t.TempDir()); r.Code == 0 {
		t.Errorf("serve --listen nonsense: %+v", r)
	}
}

// The three lines that serve --dev prints push a user, a group and a deactivation, and show the effect.
func TestCLI_dev(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("the printed lines need curl")
	}
	each(t, func(t *testing.T, s *server) {
		s.Stop(t)
		s.Serve(t, "--dev")
		var lines []string
		for i := 0; i < 100 && len(lines) < 3; i++ {
			time.Sleep(50 * time.Millisecond)
			lines = regexp.MustCompile(`(?m)^curl .*$`).FindAllString(s.Log.String(), -1)
		}
		for _, word := range []string{s.URL + "/scim/v2", "rct_"} {
			if !strings.Contains(s.Log.String(), word) {
				t.Errorf("serve --dev prints %q, want %s in it", s.Log, word)
			}
		}
		if len(lines) != 3 {
			t.Fatalf("serve --dev prints the curl lines %q, want three", lines)
		}
		var users []account
		for i, line := range lines {
			out, err := exec.Command("sh", "-c", line).CombinedOutput()
			if err != nil {
				t.Fatalf("line %d: %v\n%s\n%s", i+1, err, line, out)
			}
			if s.Show(t, &users, "user", "list"); len(users) != 1 {
				t.Fatalf("after line %d the users are %+v, want one", i+1, users)
			}
			a := s.account(t, users[0].ID)
			switch {
			case i == 0 && (!a.Active || len(a.Teams) != 0), i == 1 && (!a.Active || len(a.Teams) == 0), i == 2 && a.Active:
				t.Errorf("after line %d the account is %+v", i+1, a)
			}
			if !strings.Contains(string(out), a.Username) {
				t.Errorf("line %d shows %s, want the account", i+1, out)
			}
		}
	})
}
