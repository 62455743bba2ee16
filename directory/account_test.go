package directory_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-id/rollcall/directory"
)

func TestNewID_has_26_characters_of_a_z_and_digits(t *testing.T) {
	form := regexp.MustCompile(`^[a-z0-9]{26}$`)
	seen := map[directory.AccountID]bool{}
	for range 1000 {
		id := directory.NewID[directory.AccountID](time.Now())
		if !form.MatchString(string(id)) || seen[id] {
			t.Fatalf("%q is malformed or was made before", id)
		}
		seen[id] = true
	}
}

func TestNewID_made_later_sorts_later(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, 1<<47)
		a, b := ms.Draw(t, "a"), ms.Draw(t, "b")
		if a == b {
			b++
		}
		first := directory.NewID[directory.GroupID](time.UnixMilli(min(a, b)))
		later := directory.NewID[directory.GroupID](time.UnixMilli(max(a, b)))
		if first >= later {
			t.Fatalf("%s is not before %s", first, later)
		}
	})
}

func TestUsername_is_what_a_chat_accepts(t *testing.T) {
	for name, c := range map[string]struct{ from, want string }{
		"lower case":                        {"Jo.Smith", "jo.smith"},
		"other characters become hyphens":   {"jo smith+test", "jo-smith-test"},
		"an accent becomes a hyphen":        {"josé.lee", "jos-.lee"},
		"full-width letters are letters":    {"ＪＯ", "jo"},
		"sharp s becomes ss":                {"strauß", "strauss"},
		"no hyphens at the ends":            {"(jo)", "jo"},
		"at most 64 characters":             {strings.Repeat("ab", 40), strings.Repeat("ab", 32)},
		"at most 64 after folding":          {strings.Repeat("ß", 60), strings.Repeat("s", 64)},
		"a reserved word":                   {"All", "user"},
		"another reserved word":             {"channel", "user"},
		"nothing":                           {"", "user"},
		"nothing that is left":              {"王小明", "user"},
		"dots alone, which are a path":      {"..", "user"},
		"underscores and hyphens alone":     {"_-_", "user"},
		"digits alone":                      {"007", "007"},
		"the Turkish dotless i is a hyphen": {"ışık", "k"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := directory.Username(c.from); got != c.want {
				t.Errorf("Username(%+q) = %q, want %q", c.from, got, c.want)
			}
		})
	}
}

func TestUsername_is_valid_whatever_it_is_made_of(t *testing.T) {
	form := regexp.MustCompile(`^[a-z0-9._-]{1,64}$`)
	rapid.Check(t, func(t *rapid.T) {
		s := text().Draw(t, "s")
		if name := directory.Username(s); !form.MatchString(name) {
			t.Fatalf("Username(%+q) = %q", s, name)
		}
	})
}

func TestIsEmail(t *testing.T) {
	for s, want := range map[string]bool{
		"jo@x.test": true, "jo+a@x": true, "JO@X.TEST": true, "josé@x.test": true,
		"": false, "jo": false, "@x.test": false, "jo@": false, "jo@a@b": false, "jo smith@x.test": false, "jo@x.test\r\nBcc: a@b": false,
		"Jo <jo@x.test>": false, "jo@x.test,a@x.test": false, "jo\x00@x.test": false, "jo\u0085@x.test": false, "\u200B@x.test": false, "jo@\u00AD": false,
		strings.Repeat("a", 121) + "@x.test": true, strings.Repeat("a", 122) + "@x.test": false,
	} {
		if got := directory.IsEmail(s); got != want {
			t.Errorf("IsEmail(%+q) = %v", s, got)
		}
	}
}

func TestAccount_is_active_when_its_manager_is_and_nobody_suspended_it(t *testing.T) {
	closed := time.UnixMilli(1)
	for name, c := range map[string]struct {
		account directory.Account
		manager *directory.Identity
		want    bool
	}{
		"nobody manages it":                              {directory.Account{}, nil, true},
		"nobody manages it, and it was closed":           {directory.Account{Closed: closed}, nil, false},
		"nobody manages it, and it is suspended":         {directory.Account{Suspended: true}, nil, false},
		"its manager is active":                          {directory.Account{}, &directory.Identity{Active: true}, true},
		"its manager is inactive":                        {directory.Account{}, &directory.Identity{}, false},
		"its manager is active, and it is suspended":     {directory.Account{Suspended: true}, &directory.Identity{Active: true}, false},
		"its manager is inactive, and it is suspended":   {directory.Account{Suspended: true}, &directory.Identity{}, false},
		"it was active before, and its manager is not":   {directory.Account{Active: true}, &directory.Identity{}, false},
		"it was inactive before, and its manager is not": {directory.Account{}, &directory.Identity{Active: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.account.Settle(c.manager); c.account.Active != c.want {
				t.Errorf("active is %v", c.account.Active)
			}
		})
	}
}

func TestProfile_never_writes_what_a_chat_decides_itself(t *testing.T) {
	a := directory.Account{Username: "jo", Email: "jo@x.test", Suspended: true}
	p := directory.Profile{Email: "new@x.test", FirstName: "Jo", LastName: "Lee", Nickname: "J", Position: "Cook", Locale: "en"}
	if !p.Project(&a) {
		t.Error("says that nothing changed")
	}
	want := directory.Account{
		Username: "jo", Email: "jo@x.test", Suspended: true, FirstName: "Jo", LastName: "Lee", Nickname: "J", Position: "Cook", Locale: "en",
	}
	if a != want {
		t.Errorf("got %+v", a)
	}
	if p.Project(&a) {
		t.Error("says that something changed the second time")
	}
}
