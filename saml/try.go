package saml

import (
	"errors"
	"net/http"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/saml/assertion"
	"github.com/rollcall-id/rollcall/web"
	"github.com/rollcall-id/rollcall/web/page"
)

// verdict is what the page of a test login shows.
type verdict struct {
	Connection string
	Checks     []assertion.Check
	Facts      *assertion.Facts
	Asserted   *directory.Asserted
	OK         bool
	Result     string
	RequestID  string
}

var testPage = page.Parse(`<p>This was a test of <strong>{{.Connection}}</strong>. Nobody was signed in, and nothing was made or changed.</p>
<p class="{{if .OK}}good{{else}}bad{{end}}"><strong>{{if .OK}}✓{{else}}✗{{end}} {{.Result}}</strong></p>
<h2>Checks</h2>
<table><tbody>{{range .Checks}}
<tr><td>{{if .OK}}✓{{else}}✗{{end}}</td><td>{{.Name}}</td><td>{{.Detail}}</td></tr>{{end}}
</tbody></table>
{{with .Asserted}}<h2>What counts</h2>
<table><tbody>
<tr><td>subject</td><td><code>{{.Subject}}</code></td></tr>
<tr><td>userName</td><td>{{.UserName}}</td></tr>
<tr><td>e-mail</td><td>{{.Profile.Email}}</td></tr>
<tr><td>name</td><td>{{.Profile.FirstName}} {{.Profile.LastName}}</td></tr>
</tbody></table>{{end}}
{{with .Facts}}<h2>What the identity provider says</h2>
<table><tbody>
<tr><td>NameID</td><td><code>{{.NameID.Value}}</code></td></tr>
<tr><td>its format</td><td>{{.NameID.Format}}</td></tr>
{{with .NameID.NameQualifier}}<tr><td>NameQualifier</td><td>{{.}}</td></tr>{{end}}
{{with .NameID.SPNameQualifier}}<tr><td>SPNameQualifier</td><td>{{.}}</td></tr>{{end}}
<tr><td>authentication</td><td>{{.Context}}</td></tr>
{{range .Attributes}}<tr><td>{{.Name}}{{with .FriendlyName}} ({{.}}){{end}}</td><td>{{range .Values}}{{.}}<br>{{end}}</td></tr>{{end}}
</tbody></table>{{end}}
<p>Number of this test in the log: <code>{{.RequestID}}</code></p>`)

// showTest tells an administrator what a response holds and what would come of it.
func (d *Door) showTest(x *exchange, a *arrival, err error) error {
	v := verdict{Connection: x.conn.Name, RequestID: web.RequestID(x.Context())}
	if a != nil {
		v.Facts, v.Checks = a.facts, a.facts.Checks
	}
	if r, ok := errors.AsType[*assertion.Refusal](err); ok {
		v.Checks = r.Checks
	}
	if err == nil {
		var asserted directory.Asserted
		if asserted, err = d.asserted(x, a.facts); err == nil {
			v.Asserted = &asserted
			v.Result, err = d.tryOut(x, asserted)
		}
	}
	if err == nil {
		v.OK = true
	} else if e := because(err); e != nil {
		v.Result = "This person is refused because " + e.detail + " (" + e.code + ")"
	} else {
		return err
	}
	testPage.Write(x.w, http.StatusOK, "Test login", v)
	return nil
}

// tryOut tells what a login would do, without doing it.
func (d *Door) tryOut(x *exchange, a directory.Asserted) (string, error) {
	in, err := d.Provision.TrySignIn(x.Context(), x.actor(), a)
	switch {
	case err != nil:
		return "", err
	case in.Created:
		return "This person would get a new account, " + in.Account.Username + ", after choosing a team", nil
	case in.Bound:
		return "This person would sign in as " + in.Account.Username + ", whose User has the subject as its " + x.conn.Setting(directory.SAMLMeets) + ", for the first time", nil
	}
	return "This person would sign in as " + in.Account.Username, nil
}
