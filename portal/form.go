package portal

import (
	"net/http"

	"github.com/rollcall-id/rollcall/web"
)

// maxForm is how many bytes a form has at most.
const maxForm = 64 << 10

// readForm reads the body of a POST. Errors: *web.Error.
func (v *visit) readForm() (err error) {
	if v.URL.RawQuery != "" {
		return &web.Error{Status: http.StatusBadRequest, Msg: "the form has a query"}
	}
	v.form, err = web.ReadForm(v.w, v.Request, maxForm, "name", "password", "return", "username", "email", "team", "id", "all", "description")
	return err
}
