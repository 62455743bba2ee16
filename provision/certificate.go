package provision

import (
	"context"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/saml/metadata"
)

const (
	// once is between two warnings of which the second tells nothing new.
	once = 100 * 365 * 24 * time.Hour
	// daily is between two warnings of what has ended and counts still.
	daily = 24 * time.Hour
)

// certificateEnd is a certificate that an identity provider signs with, or its metadata, and when it ends.
type certificateEnd struct {
	use    string // "signing" or "metadata"
	sha256 string // empty for metadata
	until  time.Time
	every  time.Duration // once, or daily after the end
}

// lookAtCertificates tells, by an event and in the log, of certificates of an enabled connection's identity provider 60, 30, 7 and 1
// days before their end and at their end, and then every day while they are trusted; and every day of metadata that is past.
func (s *Service) lookAtCertificates(ctx context.Context, conn *directory.Connection, idp *directory.IdP) error {
	if !conn.Enabled {
		return nil
	}
	certs, err := metadata.ParseCertificates(idp)
	if err != nil { // the watch goes on for others
		s.Log.Error("certificates", "connection", conn.Name, "error", err)
		return nil
	}
	every := once
	if conn.Is(directory.SAMLExpiredCertificates) {
		every = daily
	}
	var ends []certificateEnd
	for _, cert := range certs {
		ends = append(ends, certificateEnd{"signing", metadata.Fingerprint(cert), cert.NotAfter, every})
	}
	now := s.DB.Now()
	if !idp.ValidUntil.IsZero() && !now.Before(idp.ValidUntil) { // many are valid for days, and renewed long before
		ends = append(ends, certificateEnd{"metadata", "", idp.ValidUntil, daily})
	}
	for i := range ends {
		if err := s.warnCertificate(ctx, conn, &ends[i]); err != nil {
			return err
		}
	}
	return nil
}

// absent is err, but for one that says that something is not there.
func absent(err error) error {
	if directory.Is(err, directory.NotFound) {
		return nil
	}
	return err
}

func (s *Service) warnCertificate(ctx context.Context, conn *directory.Connection, e *certificateEnd) error {
	days, due := directory.CertificateWarning(e.until, s.DB.Now())
	if !due {
		return nil
	}
	action, every := "certificate.expiring", once
	if days == 0 {
		action, every = "certificate.expired", e.every
	}
	var told bool
	err := s.update(ctx, directory.Actor{Name: "rollcall", ConnName: conn.Name}, func(c *change) (err error) {
		told = false
		if _, err := c.ConnectionAt(conn.Row); err != nil { // it was removed meanwhile
			return absent(err)
		}
		if told, err = c.WarnCertificate(conn.Row, e.sha256, days, every); err != nil || !told {
			return err
		}
		changes := directory.Changes{"use": e.use, "expires": e.until.UTC(), directory.SAMLExpiredCertificates: conn.Is(directory.SAMLExpiredCertificates)}
		if e.sha256 != "" {
			changes["sha256"] = e.sha256
		}
		return c.event(action, string(conn.ID), changes)
	})
	if err != nil || !told {
		return err
	}
	s.Log.Warn(action, "connection", conn.Name, "use", e.use, "sha256", e.sha256, "expires", e.until.UTC())
	return nil
}
