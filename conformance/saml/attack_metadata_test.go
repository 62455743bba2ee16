package saml

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

func TestAttack_32_metadata(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		okta := s.idps["okta"]
		shown := s.CLI(t, "saml", "show", "okta", "--json")
		// keeps asserts that metadata are refused, and that those of before count.
		keeps := func(t *testing.T, r harness.Result) {
			t.Helper()
			if r.Code == 0 || r.Stderr == "" || strings.Contains(r.Stderr, "goroutine") {
				t.Errorf("the import ends with %+v, want an error", r)
			}
			if now := s.CLI(t, "saml", "show", "okta", "--json"); now != shown {
				t.Errorf("the metadata are now\n%s\nand were\n%s", now, shown)
			}
			s.signIn(t).enters(pat)
		}
		key := keyDescriptor("signing", okta.pair)
		evil := provider{entity: "https://evil.example.test", pair: keys().evil}
		for name, change := range map[string]surgery{
			"another provider":                      swap(okta.entity, evil.entity),
			"no signing key":                        swap(key, ""),
			"a key for encryption alone":            swap(key, keyDescriptor("encryption", okta.pair)),
			"a key of 1024 bits alone":              swap(key, keyDescriptor("signing", keys().small)),
			"a key of an elliptic curve alone":      swap(key, keyDescriptor("signing", keys().curve)),
			"a certificate that is none":            reform(`<ds:X509Certificate>[^<]*`, "<ds:X509Certificate>AAAA"),
			"over since yesterday":                  swap("entityID=", `validUntil="`+stamp(time.Now().Add(-24*time.Hour))+`" entityID=`),
			"over since a time that is none":        swap("entityID=", `validUntil="yesterday" entityID=`),
			"the parts are over since yesterday":    swap("<md:IDPSSODescriptor ", `<md:IDPSSODescriptor validUntil="`+stamp(time.Now().Add(-24*time.Hour))+`" `),
			"a script as the address":               reform(`(<md:SingleSignOnService [^>]*Location=")[^"]*`, `${1}javascript:alert(1)`),
			"data as the address":                   reform(`(<md:SingleSignOnService [^>]*Location=")[^"]*`, `${1}data:text/html,x`),
			"a file as the address":                 reform(`(<md:SingleSignOnService [^>]*Location=")[^"]*`, `${1}file:///etc/passwd`),
			"http as the address":                   reform(`(<md:SingleSignOnService [^>]*Location=")[^"]*`, `${1}http://idp.example.test/sso`),
			"a relative address":                    reform(`(<md:SingleSignOnService [^>]*Location=")[^"]*`, `${1}/sso`),
			"an address with a password":            reform(`(<md:SingleSignOnService [^>]*Location=")[^"]*`, `${1}https://user:secret@idp.example.test/sso`),
			"a script as the address of the logout": reform(`(<md:SingleLogoutService [^>]*Location=")[^"]*`, `${1}javascript:alert(1)`),
			"no address":                            cut(`<md:SingleSignOnService [^>]*/>`),
			"an address by SOAP alone":              reform(`(<md:SingleSignOnService Binding=")[^"]*`, `${1}urn:oasis:names:tc:SAML:2.0:bindings:SOAP`),
			"no provider":                           cut(`<md:IDPSSODescriptor .*</md:IDPSSODescriptor>`),
			"two of a provider":                     reform(`(<md:IDPSSODescriptor .*</md:IDPSSODescriptor>)`, `$1$1`),
			"of SAML 1.1 alone":                     swap(`protocolSupportEnumeration="`+protocolNS+`"`, `protocolSupportEnumeration="urn:oasis:names:tc:SAML:1.1:protocol"`),
			"a DOCTYPE":                             swap("<md:EntityDescriptor", "<!DOCTYPE x><md:EntityDescriptor"),
			"an entity of a file":                   swap("<md:EntityDescriptor", `<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]><md:EntityDescriptor`),
			"two roots":                             func(_ *testing.T, xml string) string { return xml + xml },
			"no name":                               reform(`entityID="[^"]*"`, `entityID=""`),
			"a name of 2,000 characters":            reform(`entityID="[^"]*"`, `entityID="https://idp.example.test/`+strings.Repeat("a", 2000)+`"`),
			"metadata of a service provider":        func(t *testing.T, _ string) string { return s.ours(t, "okta") },
			"a page":                                func(*testing.T, string) string { return "<!doctype html><title>404</title>" },
			"nothing":                               func(*testing.T, string) string { return "" },
			"50 MB":                                 func(_ *testing.T, xml string) string { return within(xml, strings.Repeat(" ", 50<<20)) },
		} {
			t.Run(name, func(t *testing.T) {
				keeps(t, s.Try(s.importing(t, "okta", change.on(t, okta.metadata()))...))
			})
		}
		for name, url := range map[string]string{
			"this machine": "https://127.0.0.1:9/metadata", "this machine by name": "https://localhost:9/metadata", "this machine in IPv6": "https://[::1]:9/metadata",
			"this machine in one number": "https://2130706433/metadata", "this machine in IPv6 of IPv4": "https://[::ffff:127.0.0.1]/metadata",
			"the metadata of a cloud": "http://169.254.169.254/latest/meta-data/", "an inner network": "https://10.0.0.1/metadata", "no network": "https://0.0.0.0/metadata",
			"a file": "file:///etc/passwd", "gopher": "gopher://127.0.0.1:9/", "http": "http://idp.example.test/metadata", "no host": "https:///metadata",
			"a password": "https://user:secret@idp.example.test/metadata",
		} {
			t.Run("from "+name, func(t *testing.T) {
				keeps(t, s.Try("saml", "import", "--connection", "okta", "--url", url))
			})
		}
		t.Run("without TLS a name is taken only of the network that is named", func(t *testing.T) { s.fetches(t, okta) })
	})
}

// fetches asserts what the server takes from a network of the inside that it was allowed.
func (s *site) fetches(t *testing.T, okta provider) {
	t.Helper()
	s.Stop(t)
	s.ServeProxied(t, "--base-url", s.base, "--outbound-allow", "127.0.0.0/8")
	mux := http.NewServeMux()
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, okta.metadata()) })
	mux.HandleFunc("/evil", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, provider{entity: "https://evil.example.test", pair: keys().evil}.metadata())
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
	})
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "file:///etc/passwd")
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	mux.HandleFunc("/error", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, okta.metadata())
	})
	mux.HandleFunc("/huge", func(w http.ResponseWriter, _ *http.Request) {
		for range 50 {
			if _, err := fmt.Fprint(w, strings.Repeat(" ", 1<<20)); err != nil {
				return
			}
		}
	})
	from := httptest.NewServer(mux)
	defer from.Close()
	// With PostgreSQL the command fetches itself, and goes by its own flag.
	fetch := func(path string) []string {
		return []string{"saml", "import", "--connection", "okta", "--outbound-allow", "127.0.0.0/8", "--url", from.URL + path}
	}
	s.CLI(t, fetch("/good")...)
	shown := s.CLI(t, "saml", "show", "okta", "--json")
	for _, path := range []string{"/evil", "/moved", "/file", "/round", "/error", "/huge", "/missing"} {
		r := s.Try(fetch(path)...)
		if r.Code == 0 {
			t.Errorf("%s was imported", path)
		}
		if now := s.CLI(t, "saml", "show", "okta", "--json"); now != shown {
			t.Errorf("after %s the metadata are\n%s\nand were\n%s", path, now, shown)
		}
	}
	s.signIn(t).enters(pat)
}
