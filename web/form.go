package web

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ReadForm reads a body of at most limit bytes as a form, in which each of fields stands once or not at all, and nothing else: what two
// readers could read in two ways is refused. The query is the caller's. Errors: *Error with status 400, 413 or 415, and those of Door.
func ReadForm(w http.ResponseWriter, r *http.Request, limit int64, fields ...string) (map[string]string, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, &Error{Status: http.StatusUnsupportedMediaType, Msg: "only a form can be sent here"}
	}
	if err := LimitBody(w, r, limit); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form := map[string]string{}
	for pair := range strings.SplitSeq(string(body), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, &Error{Status: http.StatusBadRequest, Msg: "the form is not well encoded"}
		}
		if _, twice := form[name]; twice || !slices.Contains(fields, name) {
			return nil, &Error{Status: http.StatusBadRequest, Msg: "the form has a field twice, or one that it should not have"}
		}
		form[name] = value
	}
	return form, nil
}
