package login

import (
	"net/http"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
)

// Cookie is the name of a cookie of ours, without its prefix.
type Cookie string

const (
	// SessionCookie holds the secret of a session.
	SessionCookie Cookie = "rollcall"
	// LoginCookie tells which browser began a login. The answer to it comes from elsewhere, by POST.
	LoginCookie Cookie = "rollcall-login"
	// NewcomerCookie holds the secret of somebody who chooses a first team.
	NewcomerCookie Cookie = "rollcall-welcome"
	// AgainCookie tells that the browser was sent to a login because of a response that nobody asked for.
	AgainCookie Cookie = "rollcall-again"
)

// Cookies reads and writes our cookies. Without TLS, which is for trying things out on one machine, they have no prefix and are not
// Secure, and what must survive a POST from elsewhere is Lax, because browsers take SameSite=None from nobody without TLS.
type Cookies struct {
	Secure bool // clients reach us by https
}

// CookiesFor returns the Cookies of a server that clients reach at a URL.
func CookiesFor(baseURL string) Cookies {
	return Cookies{Secure: strings.HasPrefix(baseURL, "https://")}
}

func (c Cookies) name(k Cookie) string {
	if c.Secure {
		return "__Host-" + string(k) // no other host, and nothing without TLS, can have set it
	}
	return string(k)
}

// Get returns the value of a cookie, empty where there is none, or more than one.
func (c Cookies) Get(r *http.Request, k Cookie) string {
	if all := r.CookiesNamed(c.name(k)); len(all) == 1 {
		return all[0].Value
	}
	return ""
}

// Set gives the browser a cookie; an empty value takes it away.
func (c Cookies) Set(w http.ResponseWriter, k Cookie, value string) {
	cookie := http.Cookie{Name: c.name(k), Value: value, Path: "/", HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode}
	if c.Secure && (k == LoginCookie || k == AgainCookie) {
		cookie.SameSite = http.SameSiteNoneMode
	}
	switch {
	case value == "":
		cookie.MaxAge = -1
	case k == SessionCookie:
		cookie.MaxAge = int(directory.SessionLife.Seconds())
	default:
		cookie.MaxAge = int(directory.LoginLife.Seconds())
	}
	http.SetCookie(w, &cookie)
}
