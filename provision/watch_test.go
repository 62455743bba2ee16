package provision_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

// look lets the service look once and checks which events of the connection okta, apart from those of its settings, there are.
func (h *house) look(want ...string) {
	h.t.Helper()
	h.must(h.s.Look(h.ctx()))
	h.silence(want...)
}

func (h *house) silence(want ...string) {
	h.t.Helper()
	conn := h.connection("okta")
	var got []string
	for _, action := range h.actions(string(conn.ID)) {
		if action == "connection.silent" || action == "connection.heard" {
			got = append(got, strings.TrimPrefix(action, "connection."))
		}
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("the events are %v, want %v", got, want)
	}
}

func (h *house) hear() {
	h.s.Heard(h.okta.Connection, h.db.Now())
}

func (h *house) contact() (c directory.Contact) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		all, err := tx.Contacts()
		c = all[h.okta.Connection]
		return err
	})
	return c
}

func TestWatch_tells_once_of_silence_and_once_of_its_end(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.hear()
		h.look()
		if got := h.contact(); !got.Last.Equal(h.db.Now()) || got.Silent {
			t.Errorf("the contact is %+v", got)
		}
		h.pass(24 * time.Hour)
		h.look()
		h.pass(time.Minute)
		h.look("silent")
		h.look("silent")
		if !h.contact().Silent {
			t.Error("the contact does not say so")
		}
		h.hear()
		h.look("silent", "heard")
		h.look("silent", "heard")
		h.pass(25 * time.Hour)
		h.look("silent", "heard", "silent")
		for _, e := range h.events() {
			if e.Action == "connection.silent" && (e.Actor != "rollcall" || e.Connection != "okta" || e.Changes["silent_after"] != "24h") {
				t.Errorf("the event %+v", e)
			}
		}
	})
}

func TestWatch_a_connection_that_was_never_heard_of_is_silent_too(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.pass(23 * time.Hour)
		h.look()
		h.pass(2 * time.Hour)
		h.look("silent")
		h.hear()
		h.look("silent", "heard")
	})
}

func TestWatch_follows_the_settings(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.set("silent_after=12h")
		h.hear()
		h.pass(13 * time.Hour)
		h.look("silent")
		h.set("silent_after=3d") // not silent any more, although nothing was heard
		h.look("silent")
		if h.contact().Silent {
			t.Error("the contact is silent still")
		}
		h.set("silent_after=off")
		h.pass(1000 * time.Hour)
		h.look("silent")
		h.set("silent_after=")
		h.look("silent", "silent")
		_, err := h.s.EnableConnection(h.ctx(), h.admin, "okta", false)
		h.must(err)
		h.look("silent", "silent")
		h.pass(1000 * time.Hour)
		h.look("silent", "silent")
		_, err = h.s.EnableConnection(h.ctx(), h.admin, "okta", true)
		h.must(err)
		h.look("silent", "silent", "silent")
		for _, bad := range []string{"1m", "0h", "366d", "soon", "-1d", "24"} {
			_, err := h.s.ConfigureConnection(h.ctx(), h.admin, "okta", map[string]string{"silent_after": bad})
			h.fails(err, directory.Invalid, "5m to 365d")
		}
	})
}

func TestWatch_nodes_share_what_they_hear_and_one_tells(t *testing.T) {
	each(t, "okta", func(h *house) {
		logs := make([]bytes.Buffer, 8)
		var nodes []*provision.Service
		for i := range logs {
			nodes = append(nodes, provision.New(h.db, slog.New(slog.NewTextHandler(&logs[i], nil))))
		}
		together := func() {
			var all sync.WaitGroup
			for _, node := range nodes {
				all.Go(func() { h.must(node.Look(h.ctx())) })
			}
			all.Wait()
		}
		_, _, err := h.s.CreateToken(h.ctx(), h.admin, "okta", 40*day)
		h.must(err)
		h.pass(11 * day)
		nodes[3].Heard(h.okta.Connection, h.db.Now())
		h.must(nodes[3].Look(h.ctx()))
		together()
		h.silence()
		h.pass(25 * time.Hour)
		together()
		h.silence("silent")
		nodes[5].Heard(h.okta.Connection, h.db.Now())
		together()
		h.silence("silent", "heard")
		var text strings.Builder
		for i := range logs {
			text.WriteString(logs[i].String())
		}
		for _, action := range []string{"connection.silent", "connection.heard", "token.expiring"} {
			if n := strings.Count(text.String(), "level=WARN msg="+action+" connection=okta"); n != 1 {
				t.Errorf("%s was logged %d times:\n%s", action, n, text.String())
			}
		}
	})
}

func TestWatch_nodes_warn_once_of_each_token(t *testing.T) {
	each(t, "okta", func(h *house) {
		for range 30 {
			_, _, err := h.s.CreateToken(h.ctx(), h.admin, "okta", 8*day)
			h.must(err)
		}
		h.hear()
		h.pass(day)
		h.look()
		begin := make(chan struct{})
		var all sync.WaitGroup
		for range 8 {
			node := provision.New(h.db, slog.New(slog.DiscardHandler))
			all.Go(func() {
				<-begin
				h.must(node.Look(h.ctx()))
			})
		}
		h.pass(6 * day)
		h.set("silent_after=off")
		close(begin)
		all.Wait()
		warned := 0
		for _, action := range h.actions() {
			if action == "token.expiring" {
				warned++
			}
		}
		if warned != 60 { // at 7 days and at 1
			t.Errorf("%d warnings of 30 tokens, want 60", warned)
		}
	})
}

func TestWatch_keeps_what_was_heard_at_the_end(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.hear()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		h.s.Watch(ctx)
		h.pass(time.Hour)
		if !h.contact().Last.Equal(h.db.Now().Add(-time.Hour)) {
			t.Error("it was not kept")
		}
		h.must(h.s.RemoveConnection(h.ctx(), h.admin, "okta"))
		h.hear()
		h.must(h.s.Look(h.ctx()))
	})
}

func TestToken_that_ends_is_told_of_30_7_and_1_days_before_and_at_its_end(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.set("silent_after=off")
		made := func(expires time.Duration) string {
			token, _, err := h.s.CreateToken(h.ctx(), h.admin, "okta", expires)
			h.must(err)
			return string(token.ID)
		}
		long, short, forever, revoked, missed := made(40*day), made(5*day), made(0), made(40*day), made(9*day)
		h.must(h.s.RevokeToken(h.ctx(), h.admin, directory.TokenID(revoked)))
		seen := map[string][]int{}
		counts := map[string]int{}
		for hour := 0; hour <= 45*24; hour++ {
			if hour < 6*24 || hour > 10*24 { // nobody looks while the second warning of one is due, and its third
				h.must(h.s.Look(h.ctx()))
			}
			for _, id := range []string{long, short, forever, revoked, missed} {
				n := 0
				for _, action := range h.actions(id) {
					if strings.HasPrefix(action, "token.exp") {
						n++
					}
				}
				if n > counts[id] {
					seen[id] = append(seen[id], hour)
					counts[id] = n
				}
			}
			h.pass(time.Hour)
		}
		for name, tt := range map[string]struct {
			id      string
			hours   []int
			actions []string
		}{
			"40 days":             {long, []int{241, 33 * 24, 39 * 24, 40 * 24}, []string{"token.expiring", "token.expiring", "token.expiring", "token.expired"}},
			"5 days":              {short, []int{4 * 24, 5 * 24}, []string{"token.expiring", "token.expired"}},
			"for ever":            {forever, nil, nil},
			"revoked":             {revoked, nil, nil},
			"9 days, some missed": {missed, []int{2 * 24, 241}, []string{"token.expiring", "token.expired"}},
		} {
			actions := slices.DeleteFunc(h.actions(tt.id), func(a string) bool { return !strings.HasPrefix(a, "token.exp") })
			if !slices.Equal(seen[tt.id], tt.hours) || !slices.Equal(actions, tt.actions) {
				t.Errorf("%s: told %v after %v hours, want %v after %v", name, actions, seen[tt.id], tt.actions, tt.hours)
			}
		}
	})
}
