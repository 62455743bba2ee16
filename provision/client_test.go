package provision_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

func TestClient_is_shown_once_and_kept_as_a_hash(t *testing.T) {
	each(t, "okta", func(h *house) {
		client, secret, err := h.s.CreateClient(h.ctx(), h.admin, "okta")
		h.must(err)
		if !strings.HasPrefix(secret, "rcs_") || len(secret) != 4+43 {
			t.Errorf("the secret is %q", secret)
		}
		h.view(func(tx *store.Tx) error {
			found, conn, err := tx.Client(client.ID)
			if found != client || conn.Name != "okta" || found.Hash != provision.HashToken(secret) || found.ConnName != "okta" {
				t.Errorf("found %+v of %s, want %+v", found, conn.Name, client)
			}
			return err
		})
		if log := fmt.Sprint(h.events()); strings.Contains(log, secret[4:]) || strings.Contains(log, client.Hash) {
			t.Error("an event holds the secret or its hash")
		}
		h.pass(time.Minute)
		h.must(h.s.RevokeClient(h.ctx(), h.admin, client.ID))
		h.fails(h.s.RevokeClient(h.ctx(), h.admin, client.ID), directory.NotFound, "there is no client "+string(client.ID))
		h.view(func(tx *store.Tx) error {
			clients, err := tx.Clients()
			if len(clients) != 1 || !clients[0].Revoked.Equal(h.db.Now()) || !clients[0].Created.Equal(client.Created) || clients[0].ConnName != "okta" {
				t.Errorf("clients: %+v", clients)
			}
			return err
		})
		if got := h.actions(string(client.ID)); !slices.Equal(got, []string{"client.create", "client.revoke"}) {
			t.Errorf("events: %v", got)
		}
		_, _, err = h.s.CreateClient(h.ctx(), h.admin, "none")
		h.fails(err, directory.NotFound, "there is no connection none")
	})
}

func TestClient_goes_with_its_connection(t *testing.T) {
	each(t, "", func(h *house) {
		client, _, err := h.s.CreateClient(h.ctx(), h.admin, "okta")
		h.must(err)
		h.must(h.s.RemoveConnection(h.ctx(), h.admin, "okta"))
		h.view(func(tx *store.Tx) error {
			if _, _, err := tx.Client(client.ID); kindOf(err) != directory.NotFound {
				t.Errorf("the client: %v", err)
			}
			return nil
		})
	})
}

func (h *house) signingKey() directory.SigningKey {
	h.t.Helper()
	k, err := h.s.SigningKey(h.ctx(), h.admin)
	h.must(err)
	return k
}

func (h *house) rotate(dropOld bool) directory.SigningKey {
	h.t.Helper()
	k, err := h.s.RotateSigningKey(h.ctx(), h.admin, dropOld)
	h.must(err)
	return k
}

// keys asserts which keys are stored, newest first, and how many of them count now.
func (h *house) keys(live int, want ...directory.SigningKey) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		keys, err := tx.SigningKeys()
		if !slices.Equal(keys, want) || len(directory.LiveKeys(keys, h.db.Now())) != live {
			h.t.Errorf("there are %d keys, %d of them live; want %d and %d", len(keys), len(directory.LiveKeys(keys, h.db.Now())), len(want), live)
		}
		return err
	})
}

func TestSigningKey_is_made_when_it_is_needed_and_gets_a_successor_at_90_days(t *testing.T) {
	each(t, "", func(h *house) {
		h.keys(0)
		one := h.signingKey()
		h.pass(90*day - time.Millisecond)
		if h.signingKey() != one {
			t.Error("it had a successor before its time")
		}
		h.keys(1, one)
		h.pass(time.Millisecond)
		two := h.signingKey()
		if two == one || two.Private == one.Private {
			t.Error("it has no successor")
		}
		h.keys(2, two, one)
		h.pass(65*time.Minute - time.Millisecond)
		h.keys(2, two, one)
		h.pass(time.Millisecond)
		h.keys(1, two, one)
		three := h.rotate(false)
		h.keys(2, three, two) // what is dead goes with the next rotation
		if got := h.actions(string(two.ID)); !slices.Equal(got, []string{"key.rotate"}) {
			t.Errorf("events: %v", got)
		}
		if log := fmt.Sprint(h.events()); strings.Contains(log, two.Private[8:]) || !strings.Contains(log, string(one.ID)) {
			t.Error("the events hold a key, or do not say which was removed")
		}
	})
}

func TestSigningKey_old_ones_can_be_dropped_at_once(t *testing.T) {
	each(t, "", func(h *house) {
		h.signingKey()
		h.rotate(false)
		three := h.rotate(true)
		h.keys(1, three)
		four := h.rotate(false)
		h.keys(2, four, three)
	})
}

func TestSigningKey_is_made_once_by_many_who_need_it_at_the_same_time(t *testing.T) {
	each(t, "", func(h *house) {
		for range 3 { // the first key, and two successors
			var wg sync.WaitGroup
			got := make([]directory.SigningKey, 8)
			for i := range got {
				wg.Go(func() {
					k, err := h.s.SigningKey(h.ctx(), h.admin)
					if err != nil {
						t.Error(err)
					}
					got[i] = k
				})
			}
			wg.Wait()
			if n := len(slices.Compact(got)); n != 1 || got[0].Private == "" {
				t.Errorf("%d different keys", n)
			}
			if told := h.actions(string(got[0].ID)); !slices.Equal(told, []string{"key.rotate"}) {
				t.Errorf("events: %v", told)
			}
			h.pass(90 * day)
		}
	})
}
