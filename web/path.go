package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckPath refuses every second spelling of a resource's path: an encoded slash, a backslash, a doubled or trailing slash, a
// dot segment plain or encoded, a control character, invalid UTF-8, and whatever would need decoding twice. A path that
// stands in slashed, each ending in a slash, is allowed that slash. Errors: *Error with status 404.
func CheckPath(u *url.URL, slashed ...string) error {
	escaped := u.EscapedPath()
	if slices.Contains(slashed, escaped) {
		escaped = strings.TrimSuffix(escaped, "/")
	}
	path, err := url.PathUnescape(escaped)
	switch {
	case err != nil, !strings.HasPrefix(path, "/"), !utf8.ValidString(path), strings.ContainsFunc(path, refused):
		return noPath("no such path")
	case strings.Count(path, "/") != strings.Count(escaped, "/"):
		return noPath("no such path: it holds an encoded slash")
	case twiceEncoded(path):
		return noPath("no such path: it is encoded twice")
	case strings.Contains(path, "//"):
		return noPath("no such path: it holds a doubled slash; remove the trailing slash from the base URL")
	case len(path) > 1 && strings.HasSuffix(path, "/"):
		return noPath("no such path: it ends in a slash; remove it")
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return noPath("no such path: it holds a dot segment")
		}
	}
	return nil
}

func noPath(msg string) *Error { return &Error{Status: http.StatusNotFound, Msg: msg} }

func refused(r rune) bool { return r == '\\' || unicode.IsControl(r) }

// twiceEncoded reports whether an escape is left in a path that was decoded once.
func twiceEncoded(path string) bool {
	for {
		_, rest, found := strings.Cut(path, "%")
		if !found {
			return false
		}
		if len(rest) >= 2 && isHex(rest[0]) && isHex(rest[1]) {
			return true
		}
		path = rest
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// maxLocal is how long a path may be to which a person is sent back.
const maxLocal = 1000

// LocalPath returns s if it leads to a page of ours, as a browser sees it, and "/" otherwise.
func LocalPath(s string) string {
	if !strings.HasPrefix(s, "/") || len(s) > maxLocal || !utf8.ValidString(s) || strings.ContainsFunc(s, refused) {
		return "/"
	}
	if u, err := url.Parse(s); err != nil || u.Host != "" || u.Scheme != "" || strings.HasPrefix(s, "//") {
		return "/"
	}
	return s
}
