package main

import (
	"bufio"
	"context"
	"database/sql"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestClient_receive(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		status int
		body   string
		fails  bool
	}{
		"a body of a known length": {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nEtag: W/\"1\"\r\n\r\nhelloHTTP", 200, "hello", false},
		"no body":                  {"HTTP/1.1 204 No Content\r\nDate: today\r\n\r\n", 204, "", false},
		"a body without a length":  {"HTTP/1.1 200 OK\r\nDate: today\r\n\r\nhello", 200, "", true},
		"a body in chunks": {
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\nHTTP", 200, "hello", false,
		},
		"a chunk that ends early": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nhel", 200, "", true},
		"a body that ends early":  {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 200, "", true},
		"no HTTP":                 {"hello\r\n", 0, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			c := client{r: bufio.NewReader(strings.NewReader(tt.answer))}
			status, _, err := c.receive()
			if (err != nil) != tt.fails || status != tt.status || err == nil && string(c.body) != tt.body {
				t.Errorf("status %d, body %q, error %v", status, c.body, err)
			}
		})
	}
}

func TestRound_limit(t *testing.T) {
	read, write := round{bare: result{rate: 1000}}, round{bare: result{rate: 6000}, raw: 3000}
	if got := read.limit(); got != 1000 {
		t.Errorf("the limit of a read is %v, want that of the bare side", got)
	}
	if got := write.limit(); math.Abs(got-2000) > 1e-6 {
		t.Errorf("the limit of a write is %v, want both halves one after the other", got)
	}
}

func TestResult_quantile(t *testing.T) {
	r := result{}
	if got := r.quantile(0.99); got != 0 {
		t.Errorf("p99 of nothing is %v", got)
	}
	for n := range 100 {
		r.took = append(r.took, time.Duration(n+1))
	}
	if p50, p99, most := r.quantile(0.5), r.quantile(0.99), r.quantile(1); p50 != 51 || p99 != 100 || most != 100 {
		t.Errorf("p50 %v, p99 %v, most %v", p50, p99, most)
	}
}

// toy makes a store with a person who has a thing, as the file of a filled store.
func toy(t *testing.T, b *bench) *sql.DB {
	t.Helper()
	b.folder, b.users = t.TempDir(), 1
	if err := copyStore(b.folder, b.filled(b.users)); err != nil { // there is nothing to copy: an empty folder
		t.Fatal(err)
	}
	db, err := openFile(filepath.Join(b.filled(b.users), "rollcall.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	must(t, db, `create table person (row_id integer primary key, id text unique, name text, active boolean, born bigint)`)
	must(t, db, `create table a_thing (row_id integer primary key, owner bigint references person (row_id), what text)`)
	must(t, db, `create table untouched (k text primary key) without rowid`)
	must(t, db, `insert into person (id, name, active, born) values ('00000000000000000000000001', 'u0000001', true, 7)`)
	return db
}

func must(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func TestDifference_is_what_a_request_writes(t *testing.T) {
	b := &bench{seenID: "00000000000000000000000002"}
	db := toy(t, b)
	added, err := difference(db, func() error {
		must(t, db, `insert into person (id, name, active, born) values ('00000000000000000000000002', 'u0000002', true, 8)`)
		must(t, db, `insert into a_thing (owner, what) values (2, 'of u0000002')`)
		return nil
	})
	if err != nil || len(added) != 2 || added[0].table != "person" || !reflect.DeepEqual(added[1].refs, map[int]string{0: "person"}) {
		t.Fatalf("error %v, writes %+v; want a person and then the thing that refers to it", err, added)
	}
	changed, err := difference(db, func() error {
		must(t, db, `update person set name = 'u0000002', active = false, born = 9 where row_id = 2`)
		return nil
	})
	if err != nil || len(changed) != 1 || changed[0].row != 2 || !slices.Equal(changed[0].columns, []string{"active", "born"}) {
		t.Errorf("error %v, writes %+v; want the two columns that differ", err, changed)
	}
	if _, err := difference(db, func() error { must(t, db, `delete from a_thing`); return nil }); err == nil {
		t.Error("a request that removes rows is not refused")
	}
}

func TestRaw_writes_what_was_observed_for_other_users(t *testing.T) {
	b := &bench{seenID: "00000000000000000000000002"}
	db := toy(t, b)
	writes := []write{
		{table: "person", columns: []string{"id", "name", "active", "born"}, values: []any{b.seenID, "u0000002", true, int64(8)}, added: true, row: 2},
		{table: "a_thing", columns: []string{"owner", "what"}, values: []any{int64(2), "of u0000002"}, added: true, row: 1, refs: map[int]string{0: "person"}},
		{table: "person", columns: []string{"active"}, values: []any{false}, row: 2},
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := b.openRaw(t.Context(), writes, func(*sql.DB) (func(int) user, error) {
		return func(turn int) user { return user{number: 10 + turn, row: 1} }, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.commit(context.Background(), [][][]any{r.values(), r.values()}); err != nil {
		t.Fatal(err)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	if db, err = openFile(filepath.Join(b.folder, "raw", "rollcall.db")); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // it was read from
	rows, err := query(db, `select p.name, p.active, coalesce(a.what, '') from person p left join a_thing a on a.owner = p.row_id order by 1`)
	want := []record{{"u0000001", false, ""}, {"u0000010", true, "of u0000010"}, {"u0000011", true, "of u0000011"}}
	if err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("error %v, rows %v, want %v", err, rows, want)
	}
}
