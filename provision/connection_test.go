package provision_test

import (
	"slices"
	"strings"
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
		h.view(func(tx *store.Tx) error {
			if _, _, err := tx.TokenByHash(provision.HashToken(secret)); kindOf(err) != directory.NotFound {
				t.Errorf("the token: %v", err)
			}
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
		h.view(func(tx *store.Tx) error {
			found, conn, err := tx.TokenByHash(provision.HashToken(secret))
			if found.ID != token.ID || conn.Name != "okta" || found.Hash == secret || !found.Valid(h.db.Now()) {
				t.Errorf("found %+v of %s", found, conn.Name)
			}
			return err
		})
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
