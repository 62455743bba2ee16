package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"math/big"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

func TestCensus_tells_nothing_before_it_has_counted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := &census{db: db, service: provision.New(db, slog.New(slog.DiscardHandler)), rows: map[string]int64{}}
		registry := prometheus.NewRegistry()
		registry.MustRegister(c)
		names := func() (all []string) {
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				all = append(all, f.GetName())
			}
			return all
		}
		if got := names(); len(got) > 0 {
			t.Errorf("before the first count there is %v", got)
		}
		if err := c.count(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := names(); !slices.Contains(got, "rollcall_tasks_waiting") || !slices.Contains(got, "rollcall_rows") {
			t.Errorf("after a count there is %v", got)
		}
	})
}

func TestCensus_tells_when_certificates_end(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		service := provision.New(db, slog.New(slog.DiscardHandler))
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(2_000_000_000, 0)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		idp := directory.IdP{EntityID: "https://idp.example.com", Certificates: []string{base64.StdEncoding.EncodeToString(der)}}
		for _, name := range []string{"okta", "off"} {
			if _, err := service.CreateConnection(t.Context(), directory.Actor{Name: "test"}, name, "", nil); err != nil {
				t.Fatal(err)
			}
			if _, err := service.SetIdP(t.Context(), directory.Actor{Name: "test"}, name, idp, directory.Changes{}, false); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := service.EnableConnection(t.Context(), directory.Actor{Name: "test"}, "off", false); err != nil {
			t.Fatal(err)
		}
		c := &census{db: db, service: service, rows: map[string]int64{}}
		if err := c.count(t.Context()); err != nil {
			t.Fatal(err)
		}
		registry := prometheus.NewRegistry()
		registry.MustRegister(c)
		sum := sha256.Sum256(der)
		want := `rollcall_certificate_expiry_timestamp_seconds{connection="okta",sha256="` + hex.EncodeToString(sum[:]) + `",use="signing"} 2e+09`
		answer := httptest.NewRecorder()
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
		if text := answer.Body.String(); !strings.Contains(text, want) || strings.Contains(text, `connection="off"`) {
			t.Errorf("the metrics are\n%s\nwant %s", text, want)
		}
	})
}
