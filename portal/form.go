package portal

import (
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/rollcall-id/rollcall/web"
)

// maxForm is how many bytes a form has at most.
const maxForm = 64 << 10

// form is what a browser sent: each field once.
type form map[string]string

// fields are those that our forms have.
var fields = map[string]bool{
	"name": true, "password": true, "return": true, "username": true, "email": true, "team": true, "id": true, "all": true, "description": true,
}

// readForm reads the body of a POST. What two readers could read in two ways is refused: a field that comes twice, or in the query.
// Errors: *web.Error.
func (v *visit) readForm() error {
	kind, _, err := mime.ParseMediaType(v.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return &web.Error{Status: http.StatusUnsupportedMediaType, Msg: "only a form can be sent here"}
	}
	if v.URL.RawQuery != "" {
		return &web.Error{Status: http.StatusBadRequest, Msg: "the form has a query"}
	}
	if err := web.LimitBody(v.w, v.Request, maxForm); err != nil {
		return err
	}
	body, err := io.ReadAll(v.Body)
	if err != nil {
		return err
	}
	sent, err := url.ParseQuery(string(body))
	if err != nil {
		return &web.Error{Status: http.StatusBadRequest, Msg: "the form cannot be read"}
	}
	v.form = form{}
	for name, values := range sent {
		if !fields[name] || len(values) != 1 {
			return &web.Error{Status: http.StatusBadRequest, Msg: "the form has a field twice, or one that it should not have"}
		}
		v.form[name] = values[0]
	}
	return nil
}
