package directory_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-id/rollcall/directory"
)

func TestRule_matches_names(t *testing.T) {
	for name, c := range map[string]struct {
		pattern, team, channel string
		group                  string
		want                   directory.Target
		no                     bool
	}{
		"the last takes the rest":            {"chat-{team}-{channel}", "{team}", "{channel}", "chat-eng-back-end", directory.Target{Team: "eng", Channel: "back-end"}, false},
		"the first takes the shortest":       {"{team}-{a}-{channel}", "{team}", "{channel}", "a-b-c-d", directory.Target{Team: "a", Channel: "c-d"}, false},
		"a placeholder is not empty":         {"chat-{team}-{channel}", "{team}", "{channel}", "chat--backend", directory.Target{}, true},
		"nor is the last":                    {"chat-{team}-{channel}", "{team}", "{channel}", "chat-eng-", directory.Target{}, true},
		"a name that misses the pattern":     {"chat-{team}-{channel}", "{team}", "{channel}", "Engineering", directory.Target{}, true},
		"the pattern in the middle only":     {"chat-{team}", "{team}", "", "my chat-eng", directory.Target{}, true},
		"case does not count":                {"Chat-{team}", "{team}", "", "CHAT-ENG", directory.Target{Team: "eng"}, false},
		"nor does the form of letters":       {"chat-{team}", "{team}", "", "ｃｈａｔ-ｅｎｇ", directory.Target{Team: "eng"}, false},
		"characters of expressions are text": {"a.b+({team})", "{team}", "", "a.b+(eng)", directory.Target{Team: "eng"}, false},
		"and match only themselves":          {"a.b-{team}", "{team}", "", "axb-eng", directory.Target{}, true},
		"a line feed in the name":            {"chat-{team}", "{team}", "", "chat-a\nb", directory.Target{Team: "a-b"}, false},
		"text behind the last":               {"{team} users", "{team}", "", "Eng Ops users", directory.Target{Team: "eng-ops"}, false},
		"no placeholder":                     {"Everyone", "all-hands", "", "everyone", directory.Target{Team: "all-hands"}, false},
		"templates with text of their own":   {"g-{x}", "corp", "proj-{x}", "g-Alpha 1", directory.Target{Team: "corp", Channel: "proj-alpha-1"}, false},
		"one placeholder used twice":         {"g-{x}", "{x}", "{x}-talk", "g-eng", directory.Target{Team: "eng", Channel: "eng-talk"}, false},
		"a name that leaves no team":         {"g-{x}", "{x}", "", "g-王", directory.Target{}, true},
		"a name that leaves no channel":      {"g-{x}", "eng", "{x}", "g-!!", directory.Target{}, true},
		"braces in the group's name":         {"g-{x}", "{x}", "", "g-{x}", directory.Target{Team: "x"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := directory.Rule{Pattern: c.pattern, Team: c.team, Channel: c.channel, Role: directory.RoleMember}
			if err := r.Validate(); err != nil {
				t.Fatal(err)
			}
			got, ok := r.Match(c.group)
			if ok == c.no || ok && got != c.want {
				t.Errorf("got %+v, %v", got, ok)
			}
		})
	}
}

func TestRule_gives_names_of_at_most_64_characters(t *testing.T) {
	r := directory.Rule{Pattern: "{a}-{b}", Team: "{a}", Channel: "{b}"}
	rapid.Check(t, func(t *rapid.T) {
		name := text().Draw(t, "name") + "-" + text().Draw(t, "rest") + strings.Repeat("x", rapid.IntRange(0, 80).Draw(t, "n"))
		target, ok := r.Match(name)
		if !ok {
			return
		}
		for _, s := range []string{target.Team, target.Channel} {
			if s == "" || len(s) > 64 || s != strings.Trim(s, "-") {
				t.Fatalf("%+q gives %q", name, s)
			}
		}
	})
}

func TestRule_that_could_not_work_is_refused(t *testing.T) {
	for name, c := range map[string]struct {
		rule directory.Rule
		want string
	}{
		"no pattern":                       {directory.Rule{Team: "eng"}, "pattern: must have 1 to 256 characters"},
		"a long pattern":                   {directory.Rule{Pattern: strings.Repeat("a", 257), Team: "eng"}, "pattern: must have 1 to 256 characters"},
		"no team":                          {directory.Rule{Pattern: "{team}"}, "team: is missing: name a team or a placeholder such as {team}"},
		"a placeholder that nothing binds": {directory.Rule{Pattern: "{team}", Team: "{team}", Channel: "{channel}"}, `pattern: {channel} is used, but the pattern "{team}" does not contain it`},
		"a placeholder twice":              {directory.Rule{Pattern: "{a}-{a}", Team: "{a}"}, "pattern: {a} stands in it twice"},
		"a brace left open":                {directory.Rule{Pattern: "chat-{team", Team: "eng"}, `pattern: "chat-{team" has a brace that is no placeholder such as {team}`},
		"a placeholder in capitals":        {directory.Rule{Pattern: "{Team}", Team: "eng"}, `pattern: "{Team}" has a brace that is no placeholder such as {team}`},
		"a brace in a template":            {directory.Rule{Pattern: "{a}", Team: "{a}", Channel: "{"}, `pattern: "{" has a brace that is no placeholder such as {team}`},
		"a rule that would make admins":    {directory.Rule{Pattern: "{a}", Team: "{a}", Role: directory.RoleAdmin}, "role: a rule never grants admin: create a link for the group"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.rule.Validate(); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestTeam_and_channel_names_are_those_that_a_chat_accepts(t *testing.T) {
	for name, want := range map[string]bool{
		"eng": true, "a1": true, "a-b": true, strings.Repeat("a", 64): true,
		"a": false, "-eng": false, "eng-": false, "Eng": false, "a_b": false, "api": false, "admins": false, "post-office": false, "": false,
		strings.Repeat("a", 65): false,
	} {
		team := directory.Team{Name: name, DisplayName: "Engineering"}
		if err := team.Validate(); (err == nil) != want {
			t.Errorf("team %q: %v", name, err)
		}
	}
	for name, want := range map[string]bool{
		"backend": true, "a": true, "a_b": true, strings.Repeat("a", 64): true,
		"": false, "Back": false, "back end": false, strings.Repeat("a", 65): false,
		strings.Repeat("a", 26) + "__" + strings.Repeat("b", 26): false,
	} {
		channel := directory.Channel{Name: name, DisplayName: "Backend"}
		if err := channel.Validate(); (err == nil) != want {
			t.Errorf("channel %q: %v", name, err)
		}
	}
	for display, want := range map[string]bool{"Käse": true, strings.Repeat("ä", 64): true, "": false, strings.Repeat("ä", 65): false, "a\x00": false} {
		if err := (&directory.Team{Name: "eng", DisplayName: display}).Validate(); (err == nil) != want {
			t.Errorf("display name %q: %v", display, err)
		}
	}
}

func TestParseRole(t *testing.T) {
	for s, want := range map[string]directory.Role{"": directory.RoleMember, "member": directory.RoleMember, "admin": directory.RoleAdmin, "owner": 0} {
		got, err := directory.ParseRole(s)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("ParseRole(%q) = %v, %v", s, got, err)
		}
	}
}
