package page_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/web/page"
)

const hostile = `"><script>alert(1)</script>{{.}}`

// pages is each kind of page, with hostile data.
func pages() map[string]func(http.ResponseWriter) {
	own := page.Parse(`<p title="{{.}}">{{.}}</p>`)
	return map[string]func(http.ResponseWriter){
		"own":   func(w http.ResponseWriter) { own.Write(w, 200, hostile, hostile) },
		"error": func(w http.ResponseWriter) { page.Error(w, 403, hostile, hostile, hostile) },
		"post":  func(w http.ResponseWriter) { page.Post(w, "https://idp.example.com/sso", [2]string{hostile, hostile}) },
		"go":    func(w http.ResponseWriter) { page.Go(w, hostile, "https://idp.example.com/slo?x="+hostile) },
	}
}

// between returns the text between two others, of which there is one each.
func between(t *testing.T, s, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(s, from)
	inside, _, ended := strings.Cut(rest, to)
	if !ok || !ended {
		t.Fatalf("no %s…%s in %s", from, to, s)
	}
	return inside
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func TestPage_headers(t *testing.T) {
	for name, write := range pages() {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			write(w)
			for key, want := range map[string]string{
				"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
			} {
				if got := w.Header().Get(key); got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
			csp := w.Header().Get("Content-Security-Policy")
			want := []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "style-src " + hash(between(t, w.Body.String(), "<style>", "</style>"))}
			if name == "post" {
				want = append(want, "script-src "+hash(between(t, w.Body.String(), "<script>", "</script>")), "form-action 'self' https: http:")
			} else {
				want = append(want, "form-action 'self'")
			}
			if got := strings.Split(csp, "; "); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("policy %q, want %q", got, want)
			}
		})
	}
}

func TestPage_data_is_inert(t *testing.T) {
	for name, write := range pages() {
		w := httptest.NewRecorder()
		write(w)
		text := w.Body.String()
		if strings.Contains(text, "<script>alert") || strings.Contains(text, `=""><`) {
			t.Errorf("%s: %s", name, text)
		}
		scripts := 0
		if name == "post" {
			scripts = 1
		}
		if got := strings.Count(text, "<script"); got != scripts {
			t.Errorf("%s has %d scripts, want %d", name, got, scripts)
		}
	}
}

func TestError_says_what_to_do(t *testing.T) {
	w := httptest.NewRecorder()
	page.Error(w, 403, "Sign-in failed", "the account is deactivated", "06request")
	if w.Code != 403 {
		t.Errorf("status %d", w.Code)
	}
	for _, want := range []string{"<h1>Sign-in failed</h1>", "<p>The account is deactivated.</p>", "<code>06request</code>", `href="/login"`, `<html lang="en">`, `name="viewport"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	}
	w = httptest.NewRecorder()
	page.Error(w, 404, "Not found", "x", "")
	if strings.Contains(w.Body.String(), "number") {
		t.Error("it speaks of a number that there is not")
	}
}

func TestPost_sends_the_fields_to_the_action(t *testing.T) {
	w := httptest.NewRecorder()
	page.Post(w, "https://idp.example.com/sso?a=1&b=2", [2]string{"SAMLRequest", "PD94+/="}, [2]string{"RelayState", "r"})
	for _, want := range []string{
		`<form method="post" action="https://idp.example.com/sso?a=1&amp;b=2">`, `name="SAMLRequest" value="PD94&#43;/="`, `name="RelayState" value="r"`,
		"<button>Continue</button>", "document.forms[0].submit()",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	}
	w = httptest.NewRecorder()
	page.Post(w, "javascript:alert(1)")
	if strings.Contains(w.Body.String(), "javascript:") {
		t.Errorf("the action is a script: %s", w.Body)
	}
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"there is no such page":  "There is no such page.",
		"Please try again.":      "Please try again.",
		"Two. And a second one.": "Two. And a second one.",
		"été":                    "Été.",
	} {
		if got := page.Sentence(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
