package filter

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// value reads a literal and tells whether it is a string without quotes.
func (p *parser) value() (value any, bare bool, err error) {
	p.blanks()
	if p.at('"') {
		s, err := p.quoted()
		if err != nil {
			return nil, false, err
		}
		return s, false, nil
	}
	start := p.i
	word := p.word()
	switch {
	case fold(word, "true"):
		return true, false, nil
	case fold(word, "false"):
		return false, false, nil
	case fold(word, "null"):
		return nil, false, nil
	case word == "", fold(word, "and"), fold(word, "or"), fold(word, "not"):
		return nil, false, p.fail(start, errValue)
	case isNumber(word):
		return Number(word), false, nil
	}
	// Quotes that a word processor or a shell made are a slip, never part of a name.
	if first, _ := utf8.DecodeRuneInString(word); strings.ContainsRune("'`‘’‚“”„«»", first) {
		return nil, false, p.fail(start, errQuotes)
	}
	for i := range len(word) {
		if word[i] < ' ' || word[i] == 0x7f {
			return nil, false, p.fail(start+i, errControl)
		}
	}
	return word, true, nil
}

// isNumber tells whether s is a number. RFC 8259, section 6.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	n := digits(s)
	if n == 0 || n > 1 && s[0] == '0' {
		return false
	}
	s = s[n:]
	if fraction, ok := strings.CutPrefix(s, "."); ok {
		if n = digits(fraction); n == 0 {
			return false
		}
		s = fraction[n:]
	}
	if s == "" || s[0]|0x20 != 'e' {
		return s == ""
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	return s != "" && digits(s) == len(s)
}

// digits counts those that s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && digit(s[n]) {
		n++
	}
	return n
}

// quoted reads a string with its quotes, the first of which stands at i. RFC 8259, section 7.
func (p *parser) quoted() (string, error) {
	open := p.i
	p.i++
	start := p.i
	var decoded []byte // what stands before start; nil until the first escape
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			rest := p.s[start:p.i]
			p.i++
			if decoded == nil {
				return rest, nil
			}
			return string(append(decoded, rest...)), nil
		case c == '\\':
			decoded = append(decoded, p.s[start:p.i]...)
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			decoded = utf8.AppendRune(decoded, r)
			start = p.i
		case c < ' ':
			return "", p.fail(p.i, errControl)
		default:
			p.i++
		}
	}
	return "", p.fail(open, errUnquote)
}

// escape reads the escape that stands at i.
func (p *parser) escape() (rune, error) {
	rest := p.s[p.i+1:]
	if rest == "" {
		return 0, p.fail(p.i, errEscape)
	}
	if k := strings.IndexByte(`"\/bfnrt`, rest[0]); k >= 0 {
		p.i += 2
		return rune("\"\\/\b\f\n\r\t"[k]), nil
	}
	r, ok := unit(p.s[p.i:])
	switch {
	case !ok:
		return 0, p.fail(p.i, errEscape)
	case r == 0:
		return 0, p.fail(p.i, errNUL)
	case !utf16.IsSurrogate(r):
		p.i += 6
		return r, nil
	}
	low, _ := unit(p.s[p.i+6:])
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, p.fail(p.i, errHalf)
	}
	p.i += 12
	return r, nil
}

// unit reads the UTF-16 code unit that s begins with, in the form \u00e9.
func unit(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}
