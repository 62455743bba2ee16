package directory_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/rollcall-id/rollcall/directory"
)

func TestKey_takes_two_spellings_of_one_name_for_the_same(t *testing.T) {
	for name, pair := range map[string][2]string{
		"upper and lower case":                   {"Jo.Smith@X.Test", "jo.smith@x.test"},
		"the Kelvin sign and k":                  {"\u212Aim", "kim"},
		"the Angstrom sign and å":                {"\u212B", "å"},
		"full-width letters":                     {"ＪＯ＠ｘ．ｔｅｓｔ", "jo@x.test"},
		"composed and decomposed":                {"Jos\u00E9", "Jose\u0301"},
		"marks in another order":                 {"a\u0323\u0302", "a\u0302\u0323"},
		"a zero width space in it":               {"jo\u200Bsmith", "josmith"},
		"a zero width joiner in it":              {"jo\u200Dsmith", "josmith"},
		"a byte order mark before it":            {"\uFEFFjo", "jo"},
		"a soft hyphen in it":                    {"co\u00ADop", "coop"},
		"a combining grapheme joiner in it":      {"a\u034F\u0301", "á"},
		"a right-to-left mark behind it":         {"jo\u200F", "jo"},
		"a variation selector behind an emoji":   {"❤\uFE0F", "❤"},
		"a tag character in it":                  {"jo\U000E0041", "jo"},
		"a Hangul filler in it":                  {"jo\u3164", "jo"},
		"sharp s and ss":                         {"STRASSE", "straße"},
		"capital sharp s and ss":                 {"STRA\u1E9EE", "strasse"},
		"final and other sigma":                  {"ΟΔΟΣ", "οδος"},
		"a ligature and its letters":             {"\uFB01nn", "FINN"},
		"dotted capital I and i with a dot":      {"\u0130", "i\u0307"},
		"the iota below and beside a vowel":      {"\u1FB3", "αι"},
		"an emoji that is joined and one beside": {"👩\u200D🚀", "👩🚀"},
	} {
		t.Run(name, func(t *testing.T) {
			if a, b := directory.Key(pair[0]), directory.Key(pair[1]); a != b {
				t.Errorf("Key(%+q) = %+q, Key(%+q) = %+q", pair[0], a, pair[1], b)
			}
		})
	}
}

func TestKey_keeps_different_names_apart(t *testing.T) {
	for name, pair := range map[string][2]string{
		"dotless and dotted i":             {"\u0131", "i"},
		"capital I with a dot and i":       {"\u0130", "i"},
		"with and without accent":          {"José", "Jose"},
		"Latin and Cyrillic a":             {"a", "\u0430"},
		"two emoji":                        {"😀", "😃"},
		"a space in it and none":           {"jo smith", "josmith"},
		"a hyphen in it and none":          {"co-op", "coop"},
		"a vowel sign of Hindi and none":   {"कि", "क"},
		"a skin tone and none":             {"👍🏽", "👍"},
		"Arabic number sign and no letter": {"\u06001", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			if a, b := directory.Key(pair[0]), directory.Key(pair[1]); a == b {
				t.Errorf("Key(%+q) = Key(%+q) = %+q", pair[0], pair[1], a)
			}
		})
	}
}

func TestKey_of_a_key_is_that_key(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := text().Draw(t, "s")
		once := directory.Key(s)
		if again := directory.Key(once); again != once {
			t.Fatalf("Key(%+q) = %+q, and its key is %+q", s, once, again)
		}
	})
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cf) || unicode.In(r, unicode.Han, unicode.Hangul, unicode.Tangut) {
			continue
		}
		once := directory.Key("a" + string(r) + "\u0301")
		if again := directory.Key(once); again != once {
			t.Errorf("Key of %U: %+q, and its key is %+q", r, once, again)
		}
	}
}

func TestKey_is_the_same_for_all_forms_and_cases_of_a_text(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := text().Draw(t, "s")
		want := directory.Key(s)
		for _, form := range []norm.Form{norm.NFC, norm.NFD, norm.NFKC, norm.NFKD} {
			if got := directory.Key(form.String(s)); got != want {
				t.Fatalf("Key(%+q) = %+q, and in form %d %+q", s, want, form, got)
			}
		}
	})
}

// text draws texts in which letters, marks, ignorable characters and anything else stand side by side.
func text() *rapid.Generator[string] {
	return rapid.StringOf(rapid.OneOf(
		rapid.RuneFrom([]rune("aAkKıİßſσςÅé")),
		rapid.RuneFrom(nil, unicode.Letter),
		rapid.RuneFrom(nil, unicode.Mn),
		rapid.RuneFrom(nil, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point),
		rapid.Rune(),
	))
}

func TestCheckName_refuses_what_cannot_be_a_name(t *testing.T) {
	for name, c := range map[string]struct{ value, want string }{
		"nothing":                              {"", "userName: must not be empty"},
		"spaces":                               {"  ", "userName: must not be empty"},
		"characters that nobody sees":          {"\u200B\u00AD", "userName: must not be empty"},
		"NUL":                                  {"a\x00b", "userName: contains the control character U+0000"},
		"a line feed":                          {"a\nb", "userName: contains the control character U+000A"},
		"an escape":                            {"\x1b[2J", "userName: contains the control character U+001B"},
		"a control character of the upper set": {"a\u0085", "userName: contains the control character U+0085"},
		"invalid UTF-8":                        {"a\xffb", "userName: is not valid UTF-8"},
		"a surrogate in UTF-8":                 {"a\xed\xa0\x80", "userName: is not valid UTF-8"},
		"more than 1,024 bytes":                {strings.Repeat("a", 1025), "userName: has more than 1024 bytes"},
		"a key of more than 1,024 bytes":       {strings.Repeat("\uFDFA", 100), "userName: has more than 1024 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			err := directory.CheckName("userName", c.value)
			if err == nil || err.Error() != c.want {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if e, ok := errors.AsType[*directory.Error](err); !ok || e.Kind != directory.Invalid {
				t.Errorf("kind of %v is not invalid", err)
			}
		})
	}
}

func TestCheckName_accepts_names_of_all_the_world(t *testing.T) {
	for _, name := range []string{
		"jo", "Jo Smith", "José", "Ｊｏ", "हिन्दी", "王小明", "عبد الله", "O'Neil; drop table", "%_*()", "😀", "co\u00ADop", "\u0131",
		strings.Repeat("a", 1024),
	} {
		if err := directory.CheckName("userName", name); err != nil {
			t.Errorf("%+q: %v", name, err)
		}
	}
}
