package main

import (
	"cmp"
	"crypto/x509"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/saml/metadata"
	"github.com/rollcall-id/rollcall/store"
)

// certificateShown is a certificate as the commands tell of it.
type certificateShown struct {
	SHA256  string `json:"sha256"`
	Subject string `json:"subject"`
	Ends    string `json:"ends"`
	Days    int    `json:"days_left"` // negative: it has ended
}

func showCertificate(cert *x509.Certificate, now time.Time) certificateShown {
	const day = 24 * time.Hour
	left := cert.NotAfter.Sub(now)
	days := int(left / day)
	if left < 0 {
		days = -int((-left + day - 1) / day) // one that ended an hour ago has no day left
	}
	return certificateShown{metadata.Fingerprint(cert), cert.Subject.String(), stamp(cert.NotAfter), days}
}

// samlShown is what `saml show --json` tells.
type samlShown struct {
	Connection string              `json:"connection"`
	IdP        *idpShown           `json:"identity_provider"` // null before an import
	Ours       ourURLs             `json:"ours"`
	Settings   []directory.Setting `json:"settings"`
	Map        []string            `json:"map"`
}

type idpShown struct {
	EntityID     string             `json:"entity_id"`
	SignInURL    string             `json:"sign_in_url"`
	SignInPost   bool               `json:"sign_in_post"`
	LogoutURL    string             `json:"logout_url"`
	AnswerURL    string             `json:"answer_url"`
	Source       string             `json:"source"`
	ValidUntil   *string            `json:"valid_until"`
	Updated      string             `json:"updated"`
	Fetched      *string            `json:"fetched"`
	Problem      string             `json:"problem"`
	Certificates []certificateShown `json:"certificates"`
}

func (a *app) samlShow() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:     "show CONNECTION",
		Short:   "Show the single sign-on of a connection: its identity provider, what to enter there, and the settings",
		Example: "  rollcall saml show okta",
		RunE: a.do(func(c *call) error {
			conn, err := c.connectionCalled(c.args[0])
			if err != nil {
				return err
			}
			shown := samlShown{Connection: conn.Name, Ours: c.ourURLs(conn.Name), Map: mapping(&conn)}
			if shown.IdP, err = c.idpShown(conn.Row); err != nil {
				return err
			}
			shown.Settings = slices.DeleteFunc(conn.Settings(), func(s directory.Setting) bool {
				return !strings.HasPrefix(s.Key, "saml_") && s.Key != directory.FirstLogin
			})
			if c.json {
				return c.show(shown)
			}
			return c.showSAML(&conn, &shown)
		}),
	})
}

// idpShown returns nil where there is no metadata.
func (c *call) idpShown(connection directory.Row) (*idpShown, error) {
	var idp directory.IdP
	err := c.db.View(c.ctx, func(tx *store.Tx) (err error) {
		idp, err = tx.IdP(connection)
		return err
	})
	if directory.Is(err, directory.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	certs, err := metadata.ParseCertificates(&idp)
	shown := idpShown{
		idp.EntityID, idp.SignInURL, idp.SignInPost, idp.LogoutURL, idp.AnswerURL, idp.Source, moment(idp.ValidUntil), stamp(idp.Updated),
		moment(idp.Fetched), idp.Problem, nil,
	}
	for _, cert := range certs {
		shown.Certificates = append(shown.Certificates, showCertificate(cert, c.db.Now()))
	}
	return &shown, err
}

func (c *call) showSAML(conn *directory.Connection, shown *samlShown) error {
	if idp := shown.IdP; idp == nil {
		if err := c.say("%s has no metadata yet; next: rollcall saml import --connection %s --file idp.xml%s", conn.Name, conn.Name, c.place); err != nil {
			return err
		}
	} else if err := c.showIdP(idp); err != nil {
		return err
	}
	if err := c.tellIdP(conn); err != nil {
		return err
	}
	if err := c.say(""); err != nil {
		return err
	}
	return list(c, "SETTING|VALUE|ORIGIN", each(shown.Settings), func(s directory.Setting) []string {
		return []string{s.Key, s.Value, s.Origin}
	})
}

func (c *call) showIdP(idp *idpShown) error {
	var until, fetched string
	if idp.ValidUntil != nil {
		until = *idp.ValidUntil
	}
	if idp.Fetched != nil {
		fetched = *idp.Fetched
	}
	binding := " (HTTP-Redirect)"
	if idp.SignInPost {
		binding = " (HTTP-POST)"
	}
	err := c.facts([][2]string{
		{"entity ID", idp.EntityID},
		{"sign-in", idp.SignInURL + binding},
		{"logout", idp.LogoutURL},
		{"logout answers", idp.AnswerURL},
		{"source", cmp.Or(idp.Source, "a file")},
		{"valid until", until},
		{"changed", idp.Updated},
		{"fetched", fetched},
		{"problem", idp.Problem},
	}...)
	if err != nil {
		return err
	}
	if err := c.say(""); err != nil {
		return err
	}
	return list(c, "CERTIFICATE (SHA-256)|SUBJECT|ENDS|DAYS LEFT", each(idp.Certificates), func(s certificateShown) []string {
		return []string{s.SHA256, s.Subject, s.Ends, strconv.Itoa(s.Days)}
	})
}
