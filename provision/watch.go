package provision

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// watchEvery is the time between two looks at who is silent and what ends, and how long a contact is only in memory.
const watchEvery = time.Minute

// lookTime is how long a look may wait for the database.
const lookTime = 5 * time.Second

// heard is when this process last heard of each connection, in milliseconds since 1970.
type heard struct {
	mu   sync.RWMutex
	last map[directory.Row]*atomic.Int64
}

func (h *heard) of(connection directory.Row) *atomic.Int64 {
	h.mu.RLock()
	last := h.last[connection]
	h.mu.RUnlock()
	if last != nil {
		return last
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last[connection] == nil {
		h.last[connection] = new(atomic.Int64)
	}
	return h.last[connection]
}

// Heard notes that a request of the connection succeeded now. It costs next to nothing; Watch keeps it.
func (s *Service) Heard(connection directory.Row, now time.Time) {
	s.heard.of(connection).Store(now.UnixMilli())
}

// LastHeard is when the connection was last heard of: last, as it is kept, or later if this process knows better.
func (s *Service) LastHeard(connection directory.Row, last time.Time) time.Time {
	if ms := s.heard.of(connection).Load(); ms > 0 && ms > last.UnixMilli() {
		return time.UnixMilli(ms).UTC()
	}
	return last
}

// Watch looks after connections and tokens until ctx ends, and then once more, to keep what was heard; see Look. It is run once
// in each process that serves.
func (s *Service) Watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		look, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
		if err := s.Look(look); err != nil {
			s.Log.Error("watch", "error", err)
		}
		cancel()
	}
}

// Look keeps when connections were heard of, and tells, by an event and in the log, once and from whichever process is first:
// of an enabled connection that is silent for longer than its setting says, of one that is heard again, and of a token 30, 7 and 1
// days before its end and at its end; and of certificates, see lookAtCertificates. It removes sessions and logins whose time is over.
func (s *Service) Look(ctx context.Context) error {
	var (
		conns    []directory.Connection
		contacts map[directory.Row]directory.Contact
		endings  []directory.Ending
		idps     map[directory.Row]directory.IdP
	)
	err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
		if conns, err = tx.Connections(); err != nil {
			return err
		}
		if contacts, err = tx.Contacts(); err != nil {
			return err
		}
		if endings, err = tx.Endings(tx.Now().Add(directory.FirstWarning)); err != nil {
			return err
		}
		idps, err = tx.IdPs()
		return err
	})
	if err != nil {
		return err
	}
	for _, conn := range conns {
		if err := s.lookAt(ctx, &conn, contacts[conn.Row]); err != nil {
			return err
		}
		if idp, ok := idps[conn.Row]; ok {
			if err := s.lookAtCertificates(ctx, &conn, &idp); err != nil {
				return err
			}
		}
	}
	for _, e := range endings {
		if err := s.warn(ctx, &e); err != nil {
			return err
		}
	}
	return s.sweep(ctx)
}

// lookAt keeps what is new of a connection whose contact was read as seen.
func (s *Service) lookAt(ctx context.Context, listed *directory.Connection, seen directory.Contact) error {
	if s.contact(listed, seen) == seen {
		return nil
	}
	var (
		told string
		conn directory.Connection
		have directory.Contact
	)
	err := s.update(ctx, directory.Actor{Name: "rollcall", ConnName: listed.Name}, func(c *change) (err error) {
		told = ""
		conn, err = c.ConnectionAt(listed.Row)
		if directory.Is(err, directory.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if have, err = c.HoldContact(conn.Row); err != nil {
			return err
		}
		now := s.contact(&conn, have)
		if now == have {
			return nil
		}
		if err := c.PutContact(conn.Row, now); err != nil {
			return err
		}
		switch {
		case now.Silent && !have.Silent:
			told = "connection.silent"
		case have.Silent && !now.Silent && now.Last.After(have.Last): // and not because a setting says so
			told = "connection.heard"
		default:
			return nil
		}
		changes := directory.Changes{"silent": [2]any{have.Silent, now.Silent}, "silent_after": conn.Setting(directory.SilentAfter)}
		if !have.Last.IsZero() {
			changes["last"] = have.Last
		}
		return c.event(told, string(conn.ID), changes)
	})
	if err != nil || told == "" {
		return err
	}
	s.Log.Warn(told, "connection", conn.Name, "silence", conn.Silence(have.Last, s.DB.Now()).Round(time.Second).String())
	return nil
}

// contact is what have should be now.
func (s *Service) contact(conn *directory.Connection, have directory.Contact) directory.Contact {
	last := s.LastHeard(conn.Row, have.Last)
	return directory.Contact{Last: last, Silent: conn.Alarms(last, s.DB.Now())}
}

// warn tells of the end of a token if that is due.
func (s *Service) warn(ctx context.Context, e *directory.Ending) error {
	days, due := e.Warning(s.DB.Now())
	if !due {
		return nil
	}
	action := "token.expiring"
	if days == 0 {
		action = "token.expired"
	}
	var told bool
	err := s.update(ctx, directory.Actor{Name: "rollcall", ConnName: e.ConnName}, func(c *change) (err error) {
		if told, err = c.WarnToken(e.Row, days); err != nil || !told {
			return err
		}
		return c.event(action, string(e.ID), directory.Changes{"connection": e.ConnName, "expires": e.Expires})
	})
	if err != nil || !told {
		return err
	}
	s.Log.Warn(action, "connection", e.ConnName, "token_id", string(e.ID), "expires", e.Expires)
	return nil
}
