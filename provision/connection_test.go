package provision_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

func (h *house) connection(name string) (c directory.Connection) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) { c, err = tx.Connection(name); return err })
	return c
}

func TestConnection_name_is_taken_once(t *testing.T) {
	each(t, "okta", func(h *house) {
		_, err := h.s.CreateConnection(h.ctx(), h.admin, "okta", "", nil)
		h.fails(err, directory.Conflict, "")
		_, err = h.s.CreateConnection(h.ctx(), h.admin, "Okta!", "", nil)
		h.fails(err, directory.Invalid, "name")
	})
}

func TestConnection_settings_are_set_and_given_back(t *testing.T) {
	each(t, "okta", func(h *house) {
		origin := func(key string) string {
			for _, s := range h.connectionSettings() {
				if s.Key == key {
					return s.Value + " " + s.Origin
				}
			}
			return ""
		}
		h.set("restore_memberships=never", "external_id_immutable=true")
		if got := origin("restore_memberships"); got != "never set" {
			t.Error(got)
		}
		if got := origin("external_id_immutable"); got != "true set" { // what the preset says too, written down
			t.Error(got)
		}
		h.set("restore_memberships=")
		if got := origin("restore_memberships"); got != "30d preset" {
			t.Error(got)
		}
		for _, bad := range []map[string]string{{"restore_memberships": "soon"}, {"unknown": "1"}, {"unknown": ""}} {
			_, err := h.s.ConfigureConnection(h.ctx(), h.admin, "okta", bad)
			h.fails(err, directory.Invalid, "")
		}
		events := len(h.events())
		h.set("external_id_immutable=true")
		if now := len(h.events()); now != events {
			t.Error("a setting that was so before wrote an event")
		}
		_, err := h.s.ConfigureConnection(h.ctx(), h.admin, "none", nil)
		h.fails(err, directory.NotFound, "")
	})
}

func (h *house) connectionSettings() []directory.Setting {
	c := h.connection("okta")
	return c.Settings()
}

func TestConnection_that_is_disabled_leaves_accounts_as_they_are(t *testing.T) {
	each(t, "okta", func(h *house) {
		i := h.user("jo")
		conn, err := h.s.EnableConnection(h.ctx(), h.admin, "okta", false)
		h.must(err)
		if conn.Enabled || !h.accountOf(i).Active {
			t.Errorf("got %+v", conn)
		}
		_, err = h.s.EnableConnection(h.ctx(), h.admin, "okta", true)
		h.must(err)
		if !h.connection("okta").Enabled {
			t.Error("it stays disabled")
		}
	})
}

func TestConnection_that_manages_active_accounts_is_not_removed(t *testing.T) {
	each(t, "okta", func(h *house) {
		i, other := h.user("jo"), h.user("kim")
		nested := h.group("Inner", string(other.ID))
		h.group("G", string(i.ID), string(nested.ID))
		h.link("G", h.engineering(), "")
		h.rule("chat-{team}", "{team}", "", true)
		_, secret, err := h.s.CreateToken(h.ctx(), h.admin, "okta", 0)
		h.must(err)
		err = h.s.RemoveConnection(h.ctx(), h.admin, "okta")
		h.fails(err, directory.Conflict, "still manages")
		h.activate(i.ID, false)
		h.activate(other.ID, false)
		h.must(h.s.RemoveConnection(h.ctx(), h.admin, "okta"))
		h.finish()
		if a := h.accountOf(i); a.Active || a.Closed.IsZero() {
			t.Errorf("the account is %+v", a)
		}
		h.wantPlaces(i)
		h.wantPlaces(other)
		if _, _, err := h.db.Token(h.ctx(), provision.HashToken(secret)); kindOf(err) != directory.NotFound {
			t.Errorf("the token: %v", err)
		}
		h.view(func(tx *store.Tx) error {
			links, err := tx.Links()
			if len(links) != 0 {
				t.Errorf("links: %v", links)
			}
			return err
		})
		h.connect("okta", "okta")
		h.consistent()
	})
}

func TestToken_is_shown_once_and_kept_as_a_hash(t *testing.T) {
	each(t, "okta", func(h *house) {
		token, secret, err := h.s.CreateToken(h.ctx(), h.admin, "okta", 90*day)
		h.must(err)
		if !strings.HasPrefix(secret, "rct_") || len(secret) != 4+43 || !token.Expires.Equal(h.db.Now().Add(90*day)) {
			t.Errorf("%q, %+v", secret, token)
		}
		found, conn, err := h.db.Token(h.ctx(), provision.HashToken(secret))
		if h.must(err); found.ID != token.ID || conn.Name != "okta" || found.Hash == secret || !found.Valid(h.db.Now()) {
			t.Errorf("found %+v of %s", found, conn.Name)
		}
		for _, e := range h.events() {
			for _, v := range e.Changes {
				if s, ok := v.(string); ok && strings.Contains(s, secret[4:]) {
					t.Errorf("the event %s holds the secret", e.Action)
				}
			}
		}
		h.must(h.s.RevokeToken(h.ctx(), h.admin, token.ID))
		h.fails(h.s.RevokeToken(h.ctx(), h.admin, token.ID), directory.NotFound, "")
		_, _, err = h.s.CreateToken(h.ctx(), h.admin, "none", time.Hour)
		h.fails(err, directory.NotFound, "")
		if got := h.actions(string(token.ID)); !slices.Equal(got, []string{"token.create", "token.revoke"}) {
			t.Errorf("events: %v", got)
		}
	})
}

// A token is remembered while nothing changes; who looks while it changes must not remember what was.
func TestToken_is_what_it_is_at_the_moment_of_use(t *testing.T) {
	each(t, "okta", func(h *house) {
		for range 50 {
			token, secret, err := h.s.CreateToken(h.ctx(), h.admin, "okta", 0)
			h.must(err)
			hash := provision.HashToken(secret)
			var looking sync.WaitGroup
			stop := make(chan struct{})
			for range 4 {
				looking.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						if _, _, err := h.db.Token(h.ctx(), hash); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			h.must(h.s.RevokeToken(h.ctx(), h.admin, token.ID))
			if found, _, err := h.db.Token(h.ctx(), hash); err != nil || found.Valid(h.db.Now()) {
				t.Errorf("after its revocation was answered the token is %+v, %v", found, err)
			}
			close(stop)
			looking.Wait()
			if found, _, err := h.db.Token(h.ctx(), hash); err != nil || found.Valid(h.db.Now()) {
				t.Errorf("a look before the revocation is remembered: %+v, %v", found, err)
			}
		}
		_, secret, err := h.s.CreateToken(h.ctx(), h.admin, "okta", 0)
		h.must(err)
		enabled := func() bool {
			_, conn, err := h.db.Token(h.ctx(), provision.HashToken(secret))
			h.must(err)
			return conn.Enabled
		}
		before := enabled()
		_, err = h.s.EnableConnection(h.ctx(), h.admin, "okta", false)
		h.must(err)
		if !before || enabled() {
			t.Error("the connection is remembered as it was before it was disabled")
		}
	})
}
