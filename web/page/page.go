// Package page is the look of every HTML page, and the headers that make a browser harmless to it: one layout, one style sheet, one
// Content-Security-Policy. What stands on a page, and who may see it, is the doors'. They call it; it imports nothing of ours.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The texts that stand in every page. They have no comments, because html/template would remove them and the hashes would be wrong.
var (
	//go:embed layout.html
	layout string
	//go:embed style.css
	style string
)

// submit sends the only form of a page.
const submit = `document.forms[0].submit()`

// policy is what a page may do: show itself with our style, and send forms to us.
//
// Content Security Policy Level 3, section 6.
var policy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src " + hash(style)

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Template is a page without its data.
type Template struct {
	html *template.Template
	csp  string
}

// Parse reads the part of a page that stands below its title, as html/template does. It panics when that is no template: it is called
// while the program starts.
func Parse(body string) *Template {
	return parse(body, policy+"; form-action 'self'")
}

func parse(body, csp string) *Template {
	t := template.Must(template.New("layout").Parse(layout))
	template.Must(t.New("body").Parse(body))
	return &Template{t, csp}
}

// Write answers with the page. It is kept by nobody, shown in no frame, and runs nothing.
func (t *Template) Write(w http.ResponseWriter, status int, title string, data any) {
	var b bytes.Buffer
	if err := t.html.Execute(&b, map[string]any{"Title": title, "Style": template.CSS(style), "Data": data}); err != nil {
		panic(err) // the data is not what the template is for; nothing was sent yet
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", t.csp)
	h.Set("X-Content-Type-Options", "nosniff")
	// With no-referrer a browser would hide from us that our own forms come from us.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a client that is gone
}

var errorPage = Parse(`<p>{{.Text}}</p>
{{with .ID}}<p>If you need help, give your administrator this number: <code>{{.}}</code></p>{{end}}
<p><a href="/login">Back to sign-in</a></p>`)

// Error answers with a page that says what went wrong. id is the number by which an administrator finds out more; empty for none.
func Error(w http.ResponseWriter, status int, title, text, id string) {
	errorPage.Write(w, status, title, struct{ Text, ID string }{Sentence(text), id})
}

// Sentence writes the text of an error for people.
func Sentence(text string) string {
	first, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[n:], ".") + "."
}

// Browsers hold the target of a form, and wherever that leads to, against form-action; only the other side knows the latter.
var postPage = parse(`<p>This takes a moment.</p>
<form method="post" action="{{.Action}}">
{{range .Fields}}<input type="hidden" name="{{index . 0}}" value="{{index . 1}}">
{{end}}<button>Continue</button>
</form>
<script>{{.Script}}</script>`, policy+"; script-src "+hash(submit)+"; form-action 'self' https: http:")

// Post answers with a page that sends fields, each a name and a value, to action, by itself or, in a browser without scripts, by a
// button.
func Post(w http.ResponseWriter, action string, fields ...[2]string) {
	postPage.Write(w, http.StatusOK, "One moment", map[string]any{"Action": action, "Fields": fields, "Script": template.JS(submit)})
}

var goPage = Parse(`<meta http-equiv="refresh" content="0; url={{.}}">
<p><a href="{{.}}">Continue</a></p>`)

// Go answers a form with a page that leads to a URL of somebody else, where a redirect would be held against form-action.
func Go(w http.ResponseWriter, title, url string) {
	goPage.Write(w, http.StatusOK, title, url)
}
