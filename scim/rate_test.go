package scim_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim"
	"github.com/rollcall-id/rollcall/store"
)

func TestDoor_never_refuses_a_deactivation_for_its_rate(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		id := d.must(201, "POST", "/Users", `{"userName":"ann@x.test"}`)["id"].(string)
		d.serve(&scim.Door{DB: d.db, Provision: d.s, Log: slog.New(slog.DiscardHandler), Rate: 1, Burst: 1})
		client := d.from(d.token, "")
		var last *http.Response
		for range 3 {
			res, body, err := client("GET", "/Users/"+id, "")
			if err != nil {
				t.Fatal(err)
			}
			if last = res; res.StatusCode == 429 {
				limited(t, res, body)
			}
		}
		if last.StatusCode != 429 {
			t.Errorf("the third GET: status %d", last.StatusCode)
		}
		d.must(200, "PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
		d.must(200, "PUT", "/Users/"+id, `{"userName":"ann@x.test","active":false}`)
		d.must(204, "DELETE", "/Users/"+id, "")
	})
}

func TestDoor_hears_of_a_connection_by_what_succeeds(t *testing.T) {
	each(t, func(t *testing.T, d *door) {
		heard := func() bool {
			var conn directory.Connection
			if err := d.db.View(t.Context(), func(tx *store.Tx) (err error) { conn, err = tx.Connection("okta"); return err }); err != nil {
				t.Fatal(err)
			}
			return !d.s.LastHeard(conn.Row, time.Time{}).IsZero()
		}
		d.must(404, "GET", "/Users/x", "")
		d.must(400, "GET", "/Users?filter=x", "")
		if _, _, err := d.from("rct_wrong", "")("GET", "/Users", ""); err != nil || heard() {
			t.Error("it is heard of by what fails", err)
		}
		d.must(200, "GET", "/Users", "")
		if !heard() {
			t.Error("it is not heard of")
		}
	})
}
