package provision

import (
	"context"
	"strings"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/saml/metadata"
	"github.com/rollcall-id/rollcall/store"
)

const (
	// refreshEvery is the time between two fetches of the metadata of one connection, by whichever process.
	refreshEvery = 24 * time.Hour
	// retryEvery is the same after one that failed.
	retryEvery = time.Hour
	// unreachable begins a problem that says nothing of the metadata.
	unreachable = "cannot be fetched: "
)

// Import is where the metadata of an identity provider comes from: a document, or a URL.
type Import struct {
	Document []byte
	URL      string // fetched now, and daily from then on
	Entity   string // which identity provider of the document; empty: it holds one
	Force    bool   // it may be another one than before
	DryRun   bool   // only say what would change
}

// Imported is what an import did, or would do.
type Imported struct {
	IdP      directory.IdP
	Changes  directory.Changes // empty: nothing
	Warnings []string
	Another  bool // it calls itself otherwise than the one before
}

// ImportIdP reads the metadata of a connection's identity provider.
//
// Errors: NotFound for the connection; Invalid for metadata that is refused or cannot be fetched; Conflict when it is that of another
// identity provider than before and Force is not set.
func (s *Service) ImportIdP(ctx context.Context, actor directory.Actor, connection string, from Import) (Imported, error) {
	var before directory.IdP
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		conn, err := tx.Connection(connection)
		if err != nil {
			return err
		}
		before, err = tx.IdP(conn.Row)
		return absent(err)
	})
	if err != nil {
		return Imported{}, err
	}
	document := from.Document
	if from.URL != "" {
		if document, err = s.fetch(ctx, from.URL); err != nil {
			return Imported{}, err
		}
	}
	var done Imported
	if done.IdP, done.Warnings, err = metadata.Parse(document, from.Entity, s.DB.Now()); err != nil {
		return done, err
	}
	if done.IdP.Source = from.URL; from.URL != "" {
		done.IdP.Fetched = s.DB.Now()
	}
	done.Changes = metadata.Changes(&before, &done.IdP)
	done.Another = before.EntityID != "" && before.EntityID != done.IdP.EntityID
	if from.DryRun {
		return done, nil
	}
	if _, err = s.SetIdP(ctx, actor, connection, done.IdP, done.Changes, from.Force); err == nil {
		_, err = s.SAMLKeys(ctx, actor) // or the first login would wait for them
	}
	return done, err
}

// fetch returns the document at a URL. Errors: Invalid, whatever the reason.
func (s *Service) fetch(ctx context.Context, url string) ([]byte, error) {
	if !directory.IsURL(url) {
		return nil, directory.Errorf(directory.Invalid, "url", "%q is not possible: use an https URL, or http with an address of the inside such as 10.0.0.5", url)
	}
	document, err := s.Outbound.Get(ctx, url)
	if err != nil {
		return nil, directory.Errorf(directory.Invalid, "metadata", "%s%v", unreachable, err)
	}
	return document, nil
}

// RefreshIdP fetches the metadata of a connection's identity provider anew. What it says counts from then on, new keys included,
// unless it is refused or of another identity provider: then that of before stays in force, and the problem is noted.
//
// Errors: NotFound for the connection, or where it has no metadata; Invalid as of ImportIdP, and where the metadata came from a file.
func (s *Service) RefreshIdP(ctx context.Context, actor directory.Actor, connection string) (Imported, error) {
	var (
		conn   directory.Connection
		before directory.IdP
	)
	err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
		if conn, err = tx.Connection(connection); err != nil {
			return err
		}
		before, err = tx.IdP(conn.Row)
		return absent(err)
	})
	if err == nil && before.EntityID == "" {
		err = directory.Errorf(directory.NotFound, "", "%s has no metadata yet", connection)
	} else if err == nil && before.Source == "" {
		err = directory.Errorf(directory.Invalid, "", "the metadata of %s came from a file: import it with --file, or name its --url", connection)
	}
	if err != nil {
		return Imported{}, err
	}
	return s.refresh(ctx, actor, &conn, &before)
}

func (s *Service) refresh(ctx context.Context, actor directory.Actor, conn *directory.Connection, before *directory.IdP) (done Imported, err error) {
	document, err := s.fetch(ctx, before.Source)
	if err == nil {
		done.IdP, done.Warnings, err = metadata.Parse(document, before.EntityID, s.DB.Now())
	}
	if err != nil {
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		s.Log.Warn("saml.refresh_failed", "connection", conn.Name, "problem", err)
		if noted := s.noteIdP(ctx, actor, conn.Row, err.Error()); noted != nil {
			return done, noted
		}
		return done, err
	}
	done.IdP.Source, done.IdP.Fetched = before.Source, s.DB.Now()
	done.Changes = metadata.Changes(before, &done.IdP)
	changed, err := s.setIdP(ctx, actor, conn.Name, "saml.refresh", done.IdP, done.Changes, func(now *directory.IdP) error {
		if !now.Updated.Equal(before.Updated) {
			return directory.Errorf(directory.Stale, "metadata", "other metadata was imported meanwhile: it stays")
		}
		return nil
	})
	if changed {
		s.Log.Info("saml.refresh", "connection", conn.Name)
	}
	return done, err
}

// noteIdP notes that the metadata of a connection could not be renewed, and why. It is an event, unless one told of the like before.
//
// Errors: NotFound.
func (s *Service) noteIdP(ctx context.Context, actor directory.Actor, connection directory.Row, problem string) error {
	return s.update(ctx, actor, func(c *change) error {
		conn, err := c.HoldConnection(connection)
		if err != nil {
			return err
		}
		idp, err := c.IdP(connection)
		if err != nil || idp.Problem == problem {
			return err
		}
		was := idp.Problem
		idp.Problem = problem
		if err := c.PutIdP(&idp); err != nil || was != "" && isUnreachable(was) == isUnreachable(problem) {
			return err
		}
		return c.event("saml.refresh_failed", string(conn.ID), directory.Changes{"problem": problem})
	})
}

func isUnreachable(problem string) bool { return strings.Contains(problem, unreachable) }

// Refresh renews the metadata of connections, each once a day, until ctx ends. It is run once in each process that serves.
func (s *Service) Refresh(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.RefreshDue(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("refresh", "error", err)
		}
	}
}

// RefreshDue renews the metadata of enabled connections that came from a URL and was fetched a day ago, or tried in vain an hour ago.
// Of several processes one fetches. That some of it cannot be renewed is no error here: it is noted.
func (s *Service) RefreshDue(ctx context.Context) error {
	var (
		conns []directory.Connection
		idps  map[directory.Row]directory.IdP
	)
	err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
		if conns, err = tx.Connections(); err != nil {
			return err
		}
		idps, err = tx.IdPs()
		return err
	})
	if err != nil {
		return err
	}
	for _, conn := range conns {
		idp, ok := idps[conn.Row]
		if !ok || !conn.Enabled || !due(&idp, s.DB.Now()) {
			continue
		}
		var mine bool
		err := s.DB.Update(ctx, func(tx *store.Tx) (err error) {
			mine, err = tx.TryIdP(conn.Row, idp.Tried)
			return err
		})
		if err != nil {
			return err
		}
		if !mine {
			continue
		}
		_, err = s.refresh(ctx, directory.Actor{Name: "rollcall", ConnName: conn.Name}, &conn, &idp)
		if err != nil && !directory.Is(err, directory.Invalid) && !directory.Is(err, directory.Stale) && !directory.Is(err, directory.NotFound) {
			return err
		}
	}
	return nil
}

// due reports whether the metadata of an identity provider is to be fetched at now.
func due(idp *directory.IdP, now time.Time) bool {
	last, every := idp.Fetched, refreshEvery
	if idp.Tried.After(last) {
		last = idp.Tried
	}
	if idp.Problem != "" {
		every = retryEvery
	}
	return idp.Source != "" && now.Sub(last) >= every
}
