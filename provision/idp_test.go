package provision_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/netguard"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

const idpEntity = "https://idp.example.com/entity"

// idpDocument is the metadata of an identity provider.
func idpDocument(entity string, certificates ...string) string {
	var keys strings.Builder
	for _, c := range certificates {
		fmt.Fprintf(&keys, `<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>%s</X509Certificate></X509Data></KeyInfo></KeyDescriptor>`, c)
	}
	return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + entity + `">
		<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + keys.String() + `
		<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso"/>
		</IDPSSODescriptor></EntityDescriptor>`
}

// publisher serves a document that the test may change, and counts how often it was asked for.
type publisher struct {
	url      string
	document atomic.Pointer[string]
	asked    atomic.Int64
}

func (p *publisher) say(document string) { p.document.Store(&document) }

// publish starts a publisher that the service may reach. Without a document it answers 503.
func (h *house) publish(t *testing.T) *publisher {
	var p publisher
	p.say("")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.asked.Add(1)
		document := *p.document.Load()
		if document == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, document)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL + "/metadata"
	h.s.Outbound = netguard.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, nil)
	return &p
}

func (h *house) idp() (idp directory.IdP) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) { idp, err = tx.IdP(h.okta.Connection); return err })
	return idp
}

// importing imports from a document or a URL, as From says.
func (h *house) importing(from provision.Import) provision.Imported {
	h.t.Helper()
	done, err := h.s.ImportIdP(h.ctx(), h.admin, "okta", from)
	h.must(err)
	return done
}

// samlActions are the events of metadata so far.
func (h *house) samlActions() []string {
	h.t.Helper()
	return slices.DeleteFunc(h.actions(string(h.connection("okta").ID)), func(a string) bool { return !strings.HasPrefix(a, "saml.") })
}

func (h *house) samlEvents(want ...string) {
	h.t.Helper()
	for i := range want {
		want[i] = "saml." + want[i]
	}
	if got := h.samlActions(); !slices.Equal(got, want) {
		h.t.Errorf("the events are %v, want %v", got, want)
	}
}

func TestImport_previews_and_then_does(t *testing.T) {
	each(t, "okta", func(h *house) {
		first, second := h.certificate("first", 500*day), h.certificate("second", 500*day)
		document := []byte(idpDocument(idpEntity, first))
		preview := h.importing(provision.Import{Document: document, DryRun: true})
		h.samlEvents()
		done := h.importing(provision.Import{Document: document})
		h.samlEvents("import")
		if fmt.Sprint(preview.Changes) != fmt.Sprint(done.Changes) || done.Changes["entity_id"] != [2]any{"", idpEntity} {
			t.Errorf("foresaw %v, did %v", preview.Changes, done.Changes)
		}
		if idp := h.idp(); idp.EntityID != idpEntity || !idp.Fetched.IsZero() || !idp.Updated.Equal(h.db.Now()) || len(idp.Certificates) != 1 {
			t.Errorf("stored %+v", idp)
		}
		h.pass(time.Hour)
		h.importing(provision.Import{Document: document})
		h.samlEvents("import")
		done = h.importing(provision.Import{Document: []byte(idpDocument(idpEntity, second))})
		h.samlEvents("import", "import")
		if len(done.Changes) != 2 || len(done.Changes["certificates_added"].([]string)) != 1 || len(done.Changes["certificates_removed"].([]string)) != 1 {
			t.Errorf("the changes are %v", done.Changes)
		}
	})
}

func TestImport_of_another_identity_provider_is_forced(t *testing.T) {
	each(t, "okta", func(h *house) {
		cert := h.certificate("first", 500*day)
		h.importing(provision.Import{Document: []byte(idpDocument(idpEntity, cert))})
		other := provision.Import{Document: []byte(idpDocument("https://other.example.com", cert))}
		_, err := h.s.ImportIdP(h.ctx(), h.admin, "okta", other)
		h.fails(err, directory.Conflict, "--force")
		if idp := h.idp(); idp.EntityID != idpEntity {
			t.Errorf("stored %+v", idp)
		}
		other.DryRun = true
		if done := h.importing(other); !done.Another {
			t.Error("the preview does not tell")
		}
		other.DryRun, other.Force = false, true
		h.importing(other)
		if idp := h.idp(); idp.EntityID != "https://other.example.com" {
			t.Errorf("stored %+v", idp)
		}
		_, err = h.s.ImportIdP(h.ctx(), h.admin, "nope", other)
		h.fails(err, directory.NotFound, "connection")
		_, err = h.s.ImportIdP(h.ctx(), h.admin, "okta", provision.Import{Document: []byte("<html/>")})
		h.fails(err, directory.Invalid, "html")
	})
}

func TestImport_refuses_urls_that_lead_elsewhere(t *testing.T) {
	each(t, "okta", func(h *house) {
		p := h.publish(t)
		p.say(idpDocument(idpEntity, h.certificate("first", 500*day)))
		redirect := httptest.NewServer(http.RedirectHandler(p.url, http.StatusFound))
		t.Cleanup(redirect.Close)
		for name, tt := range map[string]struct{ url, want string }{
			"a file":                       {"file:///etc/passwd", "https URL"},
			"no URL":                       {"metadata.xml", "https URL"},
			"http to the Internet":         {"http://idp.example.com/metadata", "https URL"},
			"a redirect":                   {redirect.URL, "redirects are not followed"},
			"the service next to machines": {"http://169.254.169.254/latest", "https URL"},
			"an inside that is closed":     {"http://10.1.2.3/metadata", "--outbound-allow"},
		} {
			_, err := h.s.ImportIdP(h.ctx(), h.admin, "okta", provision.Import{URL: tt.url})
			if !directory.Is(err, directory.Invalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %q", name, err, tt.want)
			}
		}
		h.s.Outbound = netguard.New(nil, nil)
		_, err := h.s.ImportIdP(h.ctx(), h.admin, "okta", provision.Import{URL: p.url})
		h.fails(err, directory.Invalid, "--outbound-allow")
		if n := p.asked.Load(); n != 0 {
			t.Errorf("it was asked %d times", n)
		}
		h.samlEvents()
	})
}

func TestRefresh_takes_new_keys_daily(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.set("silent_after=off")
		first, second := h.certificate("first", 500*day), h.certificate("second", 500*day)
		p := h.publish(t)
		p.say(idpDocument(idpEntity, first))
		h.importing(provision.Import{URL: p.url})
		due := func(want int64) {
			t.Helper()
			h.must(h.s.RefreshDue(h.ctx()))
			if got := p.asked.Load(); got != want {
				t.Errorf("it was asked %d times, want %d", got, want)
			}
		}
		due(1)
		h.pass(day - time.Millisecond)
		due(1)
		h.pass(time.Millisecond)
		due(2)
		due(2)
		h.samlEvents("import")
		if idp := h.idp(); !idp.Fetched.Equal(h.db.Now()) || !idp.Updated.Equal(h.db.Now().Add(-day)) {
			t.Errorf("stored %+v", idp)
		}
		p.say(idpDocument(idpEntity, first, second))
		h.pass(day)
		due(3)
		h.samlEvents("import", "refresh")
		if idp := h.idp(); !slices.Equal(idp.Certificates, []string{first, second}) || !idp.Updated.Equal(h.db.Now()) {
			t.Errorf("stored %+v", idp)
		}
		for _, e := range h.events() {
			if e.Action == "saml.refresh" && (e.Actor != "rollcall" || e.Connection != "okta" || len(e.Changes) != 1 || e.Changes["certificates_added"] == nil) {
				t.Errorf("the event %+v", e)
			}
		}
		_, err := h.s.EnableConnection(h.ctx(), h.admin, "okta", false)
		h.must(err)
		h.pass(day)
		due(3)
		_, err = h.s.RefreshIdP(h.ctx(), h.admin, "okta")
		h.must(err)
		due(4)
	})
}

func TestRefresh_keeps_what_was_good(t *testing.T) {
	each(t, "okta", func(h *house) {
		good := h.certificate("first", 500*day)
		p := h.publish(t)
		p.say(idpDocument(idpEntity, good))
		h.importing(provision.Import{URL: p.url})
		before := h.idp()
		fetched := before.Fetched
		kept := func(problem string) {
			t.Helper()
			idp := h.idp()
			if !strings.Contains(idp.Problem, problem) || (idp.Problem == "") != (problem == "") {
				t.Errorf("the problem is %q, want %q", idp.Problem, problem)
			}
			if !slices.Equal(idp.Certificates, before.Certificates) || idp.EntityID != before.EntityID || !idp.Updated.Equal(before.Updated) || !idp.Fetched.Equal(fetched) {
				t.Errorf("stored %+v", idp)
			}
		}
		p.say("")
		h.pass(day)
		h.must(h.s.RefreshDue(h.ctx()))
		kept("503")
		h.samlEvents("import", "refresh_failed")
		h.must(h.s.RefreshDue(h.ctx())) // not before an hour
		p.say(idpDocument("https://evil.example.com", h.certificate("evil", 500*day)))
		h.must(h.s.RefreshDue(h.ctx()))
		kept("503")
		h.pass(time.Hour)
		h.must(h.s.RefreshDue(h.ctx()))
		kept("https://evil.example.com")
		h.samlEvents("import", "refresh_failed", "refresh_failed")
		h.pass(time.Hour)
		p.say("<html/>")
		h.must(h.s.RefreshDue(h.ctx()))
		kept("html")
		h.samlEvents("import", "refresh_failed", "refresh_failed")
		_, err := h.s.RefreshIdP(h.ctx(), h.admin, "okta")
		h.fails(err, directory.Invalid, "html")
		h.pass(time.Hour)
		p.say(idpDocument(idpEntity, good))
		h.must(h.s.RefreshDue(h.ctx()))
		fetched = h.db.Now()
		kept("")
		h.samlEvents("import", "refresh_failed", "refresh_failed")
	})
}

func TestRefresh_of_what_came_from_a_file_is_refused(t *testing.T) {
	each(t, "okta", func(h *house) {
		_, err := h.s.RefreshIdP(h.ctx(), h.admin, "okta")
		h.fails(err, directory.NotFound, "metadata")
		h.believe(nil, h.certificate("first", 500*day))
		_, err = h.s.RefreshIdP(h.ctx(), h.admin, "okta")
		h.fails(err, directory.Invalid, "--url")
		h.pass(2 * day)
		h.must(h.s.RefreshDue(h.ctx()))
		h.samlEvents()
	})
}

func TestRefresh_yields_to_an_import_meanwhile(t *testing.T) {
	each(t, "okta", func(h *house) {
		old, chosen := h.certificate("old", 500*day), h.certificate("chosen", 500*day)
		var meanwhile func()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			meanwhile()
			_, _ = io.WriteString(w, idpDocument(idpEntity, old))
		}))
		t.Cleanup(server.Close)
		h.publish(t)
		meanwhile = func() {}
		h.importing(provision.Import{URL: server.URL})
		meanwhile = func() {
			h.pass(time.Second)
			h.importing(provision.Import{Document: []byte(idpDocument(idpEntity, chosen))})
		}
		h.pass(day)
		h.must(h.s.RefreshDue(h.ctx()))
		if idp := h.idp(); !slices.Equal(idp.Certificates, []string{chosen}) || idp.Source != "" || idp.Problem != "" {
			t.Errorf("stored %+v", idp)
		}
	})
}

func TestRefresh_nodes_ask_once(t *testing.T) {
	each(t, "okta", func(h *house) {
		p := h.publish(t)
		p.say(idpDocument(idpEntity, h.certificate("first", 500*day)))
		h.importing(provision.Import{URL: p.url})
		h.pass(day)
		var all sync.WaitGroup
		for range 8 {
			node := provision.New(h.db, slog.New(slog.DiscardHandler))
			node.Outbound = h.s.Outbound
			all.Go(func() { h.must(node.RefreshDue(h.ctx())) })
		}
		all.Wait()
		if got := p.asked.Load(); got != 2 {
			t.Errorf("it was asked %d times, want 2", got)
		}
	})
}

func TestRefresh_ends_with_its_context(t *testing.T) {
	each(t, "okta", func(h *house) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		h.s.Refresh(ctx)
	})
}
