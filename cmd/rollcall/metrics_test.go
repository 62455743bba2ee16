package main

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

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
