package store_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

// benchmarks runs f on both databases.
func benchmarks(b *testing.B, f func(b *testing.B, db *store.DB)) {
	b.Run("sqlite", func(b *testing.B) { f(b, storetest.Open(b, store.Config{Data: b.TempDir()})) })
	b.Run("postgres", func(b *testing.B) { f(b, storetest.Open(b, store.Config{URL: storetest.Postgres(b)})) })
}

const document = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"%s","name":{"givenName":"Ada","familyName":"Byron"}}`

func benchTables(b *testing.B, db *store.DB, rows int) {
	b.Helper()
	scratch(b, db)
	update(b, db, func(tx *store.Tx) error {
		_, err := tx.Exec(`create table scratch_user (name text not null primary key, active boolean not null, mail text not null unique,
			version bigint not null, document text not null)`)
		return err
	})
	for i := 0; i < rows; i += 1000 {
		update(b, db, func(tx *store.Tx) error {
			for n := range 1000 {
				if err := insertUser(tx, fmt.Sprint("user", i+n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func insertUser(tx *store.Tx, name string) error {
	_, err := tx.Exec("insert into scratch_user (name, active, mail, version, document) values ($1, $2, $3, $4, $5)",
		name, true, name+"@example.com", int64(1), fmt.Sprintf(document, name)+strings.Repeat(" ", 700))
	return err
}

// BenchmarkUpdate has 32 callers, each of whose functions looks three times and writes five rows, about as a POST does.
func BenchmarkUpdate(b *testing.B) {
	benchmarks(b, func(b *testing.B, db *store.DB) {
		benchTables(b, db, 20_000)
		var next atomic.Int64
		commits, updates := db.Batches()
		b.SetParallelism(16) // times GOMAXPROCS
		b.ReportAllocs()
		b.ResetTimer()
		var mu sync.Mutex
		var took []time.Duration
		b.RunParallel(func(pb *testing.PB) {
			var mine []time.Duration
			for pb.Next() {
				begin := time.Now()
				name := fmt.Sprint("new", next.Add(1))
				err := db.Update(b.Context(), func(tx *store.Tx) error {
					for _, query := range []string{
						"select version from scratch_user where name = $1",
						"select version from scratch_user where mail = $1",
						"select 1 from scratch_list where name = $1",
					} {
						var n int64
						if _, err := tx.Get(query, []any{name}, &n); err != nil {
							return err
						}
					}
					for i := range 4 {
						if err := add(fmt.Sprint(name, "-", i))(tx); err != nil {
							return err
						}
					}
					return insertUser(tx, name)
				})
				if err != nil {
					b.Error(err)
				}
				mine = append(mine, time.Since(begin))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-µs")
		c, u := db.Batches()
		b.ReportMetric(float64(u-updates)/float64(c-commits), "updates/commit")
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
	})
}

// BenchmarkView is one read of one row by its key.
func BenchmarkView(b *testing.B) {
	benchmarks(b, func(b *testing.B, db *store.DB) {
		const rows = 100_000
		benchTables(b, db, rows)
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			err := db.View(b.Context(), func(tx *store.Tx) error {
				var active bool
				var document string
				_, err := tx.Get("select active, document from scratch_user where name = $1", []any{fmt.Sprint("user", i*7919%rows)}, &active, &document)
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
