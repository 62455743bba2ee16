package store_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// people makes a connection with an identity for each search document, whose userNames are a, b, c, …, and a group for each.
func people(t *testing.T, db *store.DB, documents ...string) (connection directory.Row) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error {
		now := tx.Now()
		c := directory.Connection{ID: directory.NewID[directory.ConnectionID](now), Name: "c", Preset: "okta", Created: now}
		if err := tx.AddConnection(&c); err != nil {
			return err
		}
		connection = c.Row
		for n, doc := range documents {
			name := fmt.Sprintf("%c", 'a'+n)
			if n > 25 {
				name = fmt.Sprintf("z%d", n)
			}
			i := directory.Identity{
				ID: directory.NewID[directory.IdentityID](now), Connection: c.Row, Version: 1, Created: now, Modified: now, UserName: name,
				Search: []byte(doc), Document: []byte(name),
			}
			g := directory.Group{
				ID: directory.NewID[directory.GroupID](now), Connection: c.Row, Version: 1, Created: now, Modified: now, DisplayName: name,
			}
			if err := tx.AddIdentity(&i); err != nil {
				return err
			}
			if err := tx.AddGroup(&g); err != nil {
				return err
			}
		}
		return nil
	})
	return connection
}

// walk reads all identities of q, n at a time.
func walk(t *testing.T, db *store.DB, q directory.Query, n int) string {
	t.Helper()
	var names []string
	q.Walk, q.Limit = true, n
	for {
		err := db.View(t.Context(), func(tx *store.Tx) error {
			page, err := tx.Identities(q)
			for _, i := range page.Items {
				names = append(names, string(i.Document))
			}
			q.After = page.Next
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if q.After == nil {
			return strings.Join(names, " ")
		}
	}
}

func TestIdentities_are_sorted_by_every_kind_of_value(t *testing.T) {
	at := func(s string) int64 {
		when, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return when.UnixMilli()
	}
	each(t, func(t *testing.T, db *store.DB) {
		connection := people(t, db,
			fmt.Sprintf(`{"n":10,"d":-1.5,"when":%d,"tags":["m","a"],"x":{"s":"é"},"l":[{"value":2},{"value":9,"primary":"true"}]}`, at("2020-01-01T00:00:00Z")),
			fmt.Sprintf(`{"n":9,"d":1e9,"when":%d,"tags":["b","z"],"x":{"s":"z"},"l":[{"value":10},{"value":1,"primary":"false"}]}`, at("1969-01-01T00:00:00Z")),
			`{"n":-3,"d":0.25,"tags":[],"x":{"s":"Z"},"l":[]}`,
			`{"n":"text","x":{},"l":[{"type":"work"}]}`,
			`{"n":10,"tags":["ba"],"x":{"s":"10"}}`,
		)
		for _, c := range []struct {
			name         string
			sort         directory.Sort
			up, downward string
		}{
			{"integers", directory.Sort{Field: directory.Field{Path: []string{"n"}}, Number: true}, "c b a e d", "d a e b c"},
			{"decimals", directory.Sort{Field: directory.Field{Path: []string{"d"}}, Number: true}, "a c b d e", "d e b c a"},
			{"times", directory.Sort{Field: directory.Field{Path: []string{"when"}}, Number: true}, "b a c d e", "c d e a b"},
			{"texts, by bytes", directory.Sort{Field: directory.Field{Path: []string{"x", "s"}}}, "e c b a d", "d a b c e"},
			{"lists, by the first", directory.Sort{Field: directory.Field{Path: []string{"tags"}}, List: true}, "b e a c d", "c d a e b"},
			{
				"lists, by the primary or the first",
				directory.Sort{Field: directory.Field{Path: []string{"l"}}, List: true, Element: []string{"value"}, Number: true},
				"a b c d e", "c d e b a",
			},
			{"what nobody has", directory.Sort{Field: directory.Field{Path: []string{"none"}}}, "a b c d e", "a b c d e"},
			{"a column", directory.Sort{Field: directory.Field{Column: directory.UserName}}, "a b c d e", "e d c b a"},
		} {
			for n := 1; n <= 3; n++ {
				c.sort.Descending = false
				if got := walk(t, db, directory.Query{Connection: connection, Sort: &c.sort}, n); got != c.up {
					t.Errorf("%s, %d at a time: %s, want %s", c.name, n, got, c.up)
				}
				c.sort.Descending = true
				if got := walk(t, db, directory.Query{Connection: connection, Sort: &c.sort}, n); got != c.downward {
					t.Errorf("%s descending, %d at a time: %s, want %s", c.name, n, got, c.downward)
				}
			}
		}
	})
}

// A page costs the same at any depth only if an index leads to its first row and gives the order of the rest.
func TestIdentities_pages_of_a_walk_begin_at_an_index(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		documents := make([]string, 2000)
		for n := range documents {
			documents[n] = "{}"
		}
		connection := people(t, db, documents...)
		if db.OnPostgres() {
			update(t, db, func(tx *store.Tx) error { _, err := tx.Exec("analyze"); return err })
		}
		named := func(c directory.Column, descending bool) *directory.Sort {
			return &directory.Sort{Field: directory.Field{Column: c}, Descending: descending}
		}
		for _, c := range []struct {
			name   string
			sort   *directory.Sort
			groups bool
			index  string // of SQLite
		}{
			{"users as they were made", nil, false, "identity_connection (connection=? AND row_id>?)"},
			{"groups as they were made", nil, true, "grp_connection (connection=? AND row_id>?)"},
			{"users by name", named(directory.UserName, false), false, "identity_user_name (connection=? AND user_name_key>?)"},
			{"users by name, descending", named(directory.UserName, true), false, "identity_user_name (connection=? AND user_name_key<?)"},
			{"groups by name", named(directory.DisplayName, false), true, "grp_name (connection=? AND name_key>?)"},
		} {
			q := directory.Query{Connection: connection, Sort: c.sort, Walk: true, Limit: 100, After: &directory.After{Row: 1000}}
			if c.sort != nil {
				q.After.Key = "z1500"
			}
			if !q.Indexed() {
				t.Errorf("%s: it is not a View", c.name)
			}
			err := db.View(t.Context(), func(tx *store.Tx) error {
				plan, err := tx.Plan(q, c.groups)
				if db.OnPostgres() {
					if !strings.Contains(plan, "Index Cond") || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, " Sort") && !strings.Contains(plan, "Incremental Sort") {
						t.Errorf("%s:\n%s", c.name, plan)
					}
				} else if !strings.Contains(plan, c.index) || strings.Contains(plan, "B-TREE FOR ORDER BY") {
					t.Errorf("%s:\n%s", c.name, plan)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

func TestSecret_is_made_once(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		made := make([][]byte, 8)
		done := make(chan error)
		for n := range made {
			go func() {
				var err error
				made[n], err = db.Secret(t.Context(), "s")
				done <- err
			}()
		}
		for range made {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		other, err := db.Secret(t.Context(), "other")
		if err != nil || len(other) != 32 || bytes.Equal(other, made[0]) {
			t.Errorf("another secret: %x, %v", other, err)
		}
		for _, s := range made {
			if len(s) != 32 || !bytes.Equal(s, made[0]) {
				t.Errorf("secrets %x and %x", s, made[0])
			}
		}
	})
}

// A position whose key was cut must leave nobody out when its row has another long key by the next page, or is gone.
func TestWalk_goes_on_behind_a_long_key_that_changed(t *testing.T) {
	const last = "\U0010FFFF"
	for _, test := range []struct {
		name       string
		begin      string
		descending bool
		remove     bool
	}{
		{"to a later one", strings.Repeat("k", 80), false, false},
		{"to a later one, descending", strings.Repeat("k", 80), true, false},
		{"and its row is gone", strings.Repeat("k", 80), false, true},
		{"and its row is gone, descending", strings.Repeat("k", 80), true, true},
		{"and nothing is greater, descending", strings.Repeat(last, 20), true, true},
		{"and greater is what a text cannot hold, descending", "kk" + strings.Repeat("\ud7ff", 26), true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, db *store.DB) {
				doc := func(end string) string { return `{"title":"` + test.begin + end + `"}` }
				ends := []string{"a", "b", "c", last + last + "d", last + last + "e"}
				if test.descending {
					slices.Reverse(ends)
				}
				var docs []string
				for _, end := range ends {
					docs = append(docs, doc(end))
				}
				c := people(t, db, docs...)
				q := directory.Query{
					Connection: c, Walk: true, Limit: 2, Sort: &directory.Sort{Field: directory.Field{Path: []string{"title"}}, Descending: test.descending},
				}
				var first, rest directory.Page[directory.Identity]
				view := func(into *directory.Page[directory.Identity]) {
					if err := db.View(t.Context(), func(tx *store.Tx) (err error) { *into, err = tx.Identities(q); return err }); err != nil {
						t.Fatal(err)
					}
				}
				view(&first)
				update(t, db, func(tx *store.Tx) error {
					i, err := tx.Identity(c, first.Items[1].ID)
					if err != nil {
						return err
					}
					if test.remove {
						return tx.RemoveIdentity(&i)
					}
					i.Search = []byte(doc(map[bool]string{false: last + "z", true: "0"}[test.descending]))
					return tx.PutIdentity(&i)
				})
				q.After, q.Limit = first.Next, 10
				view(&rest)
				met := map[string]bool{}
				for _, i := range rest.Items {
					met[string(i.Document)] = true
				}
				if !met["c"] || !met["d"] || !met["e"] {
					t.Errorf("of c, d and e are met: %v", met)
				}
			})
		})
	}
}
