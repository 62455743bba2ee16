package provision_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

var idpKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// certificate makes one in base64 that ends after so long.
func (h *house) certificate(name string, life time.Duration) string {
	h.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: h.db.Now().Add(-day), NotAfter: h.db.Now().Add(life),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, idpKey().Public(), idpKey())
	h.must(err)
	return base64.StdEncoding.EncodeToString(der)
}

// believe stores what the identity provider of okta says of itself.
func (h *house) believe(edit func(*directory.IdP), certificates ...string) {
	h.t.Helper()
	idp := directory.IdP{
		Connection: h.okta.Connection, EntityID: "https://idp.example.com/entity", SignInURL: "https://idp.example.com/sso",
		Certificates: certificates, Updated: h.db.Now(),
	}
	if edit != nil {
		edit(&idp)
	}
	h.must(h.db.Update(h.ctx(), func(tx *store.Tx) error { return tx.PutIdP(&idp) }))
}

// told are the warnings of certificates so far, each as its action, use and days since the house was opened.
func (h *house) told(opened time.Time) (all []string) {
	h.t.Helper()
	for _, e := range h.events() {
		if action, ok := strings.CutPrefix(e.Action, "certificate."); ok {
			all = append(all, fmt.Sprintf("%s %s %v", action, e.Changes["use"], e.Time.Sub(opened).Hours()/24))
		}
	}
	return all
}

func TestCertificate_that_ends_is_told_of_60_30_7_and_1_days_before_and_daily_after(t *testing.T) {
	for name, tt := range map[string]struct {
		setting string
		want    []string
	}{
		"while it is trusted": {"true", []string{
			"expiring signing 10", "expiring signing 40", "expiring signing 63", "expiring signing 69",
			"expired signing 70", "expired signing 71", "expired signing 72",
		}},
		"once when it is not": {"false", []string{
			"expiring signing 10", "expiring signing 40", "expiring signing 63", "expiring signing 69", "expired signing 70",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, "okta", func(h *house) {
				h.set("silent_after=off", "saml_expired_certificates="+tt.setting)
				opened := h.db.Now()
				h.believe(nil, h.certificate("ends", 70*day), h.certificate("lives", 1000*day))
				for range 73 * 4 {
					h.must(h.s.Look(h.ctx()))
					h.must(h.s.Look(h.ctx()))
					h.pass(6 * time.Hour)
				}
				if got := h.told(opened); !slices.Equal(got, tt.want) {
					t.Errorf("told %v, want %v", got, tt.want)
				}
				for _, e := range h.events(string(h.connection("okta").ID)) {
					if strings.HasPrefix(e.Action, "certificate.") && (e.Connection != "okta" || e.Actor != "rollcall" || len(e.Changes["sha256"].(string)) != 64) {
						t.Errorf("the event %+v", e)
					}
				}
			})
		})
	}
}

func TestCertificate_of_a_disabled_connection_is_not_told_of(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.believe(nil, h.certificate("ends", day/2))
		_, err := h.s.EnableConnection(h.ctx(), h.admin, "okta", false)
		h.must(err)
		h.must(h.s.Look(h.ctx()))
		if got := h.told(h.db.Now()); len(got) > 0 {
			t.Errorf("told %v", got)
		}
	})
}

func TestCertificate_that_cannot_be_read_does_not_end_the_watch(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.believe(nil, "AAAA")
		h.pass(25 * time.Hour)
		h.look("silent")
	})
}

func TestMetadata_that_is_past_is_told_of_daily(t *testing.T) {
	each(t, "okta", func(h *house) {
		opened := h.db.Now()
		h.believe(func(p *directory.IdP) { p.ValidUntil = opened.Add(2 * day) }, h.certificate("lives", 1000*day))
		for range 4 * 4 {
			h.must(h.s.Look(h.ctx()))
			h.pass(6 * time.Hour)
		}
		if got, want := h.told(opened), []string{"expired metadata 2", "expired metadata 3"}; !slices.Equal(got, want) {
			t.Errorf("told %v, want %v", got, want)
		}
	})
}

func TestCertificate_nodes_warn_once(t *testing.T) {
	each(t, "okta", func(h *house) {
		var certs []string
		for i := range 10 {
			certs = append(certs, h.certificate(fmt.Sprint(i), day/2))
		}
		h.believe(nil, certs...)
		var all sync.WaitGroup
		for range 8 {
			node := provision.New(h.db, slog.New(slog.DiscardHandler))
			all.Go(func() { h.must(node.Look(h.ctx())) })
		}
		all.Wait()
		if got := h.told(h.db.Now()); len(got) != len(certs) {
			t.Errorf("told %d times of %d certificates", len(got), len(certs))
		}
	})
}
