package assertion

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// checkCharacters refuses what is no character of XML 1.0, and a byte order mark, which some readers skip and some do not.
func checkCharacters(s string) error {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' && c != '\t' && c != '\n' && c != '\r':
			return errors.New("it holds a control character")
		case c == 0xEF && i+2 < len(s) && (s[i+1] == 0xBF && s[i+2] >= 0xBE || s[i+1] == 0xBB && s[i+2] == 0xBF && i == 0):
			return errors.New("it holds a byte order mark or a character that XML has not")
		}
	}
	return nil
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == ':' || c == '_' || c == '-' || c == '.' || c >= utf8.RuneSelf
}

// isName tells whether s begins with a letter, or with _ where others has it, and goes on with letters, digits and others, all in ASCII.
func isName(s, others string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
		case c == '_' && strings.IndexByte(others, c) >= 0:
		case i > 0 && ('0' <= c && c <= '9' || strings.IndexByte(others, c) >= 0):
		default:
			return false
		}
	}
	return s != ""
}

// lineEnds makes every line end one \n. XML 1.0, section 2.11.
func lineEnds(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// resolve replaces the references in a text or in the value of an attribute, in which whitespace that is written as itself becomes
// spaces. XML 1.0, sections 3.3.3. and 4.1.
func resolve(raw string, attribute bool) (string, error) {
	raw = lineEnds(raw)
	if attribute && strings.ContainsAny(raw, "\t\n") {
		raw = strings.NewReplacer("\t", " ", "\n", " ").Replace(raw)
	}
	next := strings.IndexByte(raw, '&')
	if next < 0 {
		return raw, nil
	}
	var b strings.Builder
	for ; next >= 0; next = strings.IndexByte(raw, '&') {
		b.WriteString(raw[:next])
		name, rest, ok := strings.Cut(raw[next+1:], ";")
		if !ok {
			return "", errors.New("a reference has no end")
		}
		c, ok := reference(name)
		if !ok {
			return "", errors.New("a reference is none of lt, gt, amp, apos, quot and the numbers of characters")
		}
		b.WriteRune(c)
		raw = rest
	}
	b.WriteString(raw)
	return b.String(), nil
}

// reference returns the character that stands between & and ; by name or number.
func reference(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "apos":
		return '\'', true
	case "quot":
		return '"', true
	}
	digits, base := strings.TrimPrefix(name, "#"), 10
	if digits == name {
		return 0, false
	}
	if hex := strings.TrimPrefix(digits, "x"); hex != digits {
		digits, base = hex, 16
	}
	if digits == "" || digits[0] == '+' || digits[0] == '-' || strings.Contains(digits, "_") {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, base, 32)
	c := rune(n)
	return c, err == nil && n <= utf8.MaxRune && (c == '\t' || c == '\n' || c == '\r' || c >= ' ') &&
		utf8.ValidRune(c) && c != 0xFFFE && c != 0xFFFF
}
