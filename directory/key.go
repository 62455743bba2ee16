package directory

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// KeyVersion is the version of Key's rules. It stands in the database; a program with other rules refuses to open it.
const KeyVersion = "1"

// Key returns what a name is compared by: NFKC, full case folding, default-ignorable characters removed. Two names are the
// same name if and only if their keys are equal. Neither database is ever asked to compare names without case.
func Key(s string) string {
	if k, ok := asciiKey(s); ok {
		return k
	}
	s = strings.Map(func(r rune) rune {
		if ignorable(r) {
			return -1
		}
		return r
	}, norm.NFKC.String(s))
	// Folding can undo the normal form and normalising can uncover upper case, so both run once more.
	for range 2 {
		s = norm.NFKC.String(cases.Fold().String(s))
	}
	return s
}

func asciiKey(s string) (string, bool) {
	upper := false
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return "", false
		}
		upper = upper || 'A' <= c && c <= 'Z'
	}
	if upper {
		s = strings.ToLower(s)
	}
	return s, true
}

// ignorable reports whether r has the Unicode property Default_Ignorable_Code_Point.
func ignorable(r rune) bool {
	switch {
	case r < 0xAD:
		return false
	case unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return true
	case unicode.Is(unicode.Cf, r):
		return !unicode.Is(unicode.Prepended_Concatenation_Mark, r) && (r < 0xFFF9 || r > 0xFFFB) && (r < 0x13430 || r > 0x1345F)
	}
	return false
}

// MaxName is the most bytes that a name and its key may have: an index of PostgreSQL takes two of them.
const MaxName = 1024

// CheckName refuses what cannot be a name of any kind: invalid UTF-8, control characters, nothing that Key would keep, or more
// than MaxName bytes. Errors: Invalid.
func CheckName(field, s string) error {
	if !utf8.ValidString(s) {
		return Errorf(Invalid, field, "is not valid UTF-8")
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return Errorf(Invalid, field, "contains the control character U+%04X", r)
		}
	}
	if len(s) > MaxName {
		return Errorf(Invalid, field, "has more than %d bytes", MaxName)
	}
	key := Key(s)
	if strings.TrimSpace(key) == "" {
		return Errorf(Invalid, field, "must not be empty")
	}
	if len(key) > MaxName {
		return Errorf(Invalid, field, "has more than %d bytes", MaxName)
	}
	return nil
}
