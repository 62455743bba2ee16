package store

import (
	"context"
	"slices"
	"strings"
)

// Plans tells of every statement that has run on SQLite how it finds its rows, one line for each step: what is true with a few rows
// is true with many. On PostgreSQL, which decides by the number of rows, there is nothing to tell.
func (db *DB) Plans(ctx context.Context) (plans map[string][]string, err error) {
	s, ok := db.engine.(*sqlite)
	if !ok {
		return nil, nil
	}
	plans = map[string][]string{}
	s.d.mu.RLock()
	for query := range s.d.seen {
		plans[query] = nil
	}
	s.d.mu.RUnlock()
	for query := range plans {
		if word, _, _ := strings.Cut(strings.TrimSpace(query), " "); !slices.Contains([]string{"select", "insert", "update", "delete", "with"}, word) {
			continue
		}
		err := db.View(ctx, func(tx *Tx) error {
			return tx.each("explain query plan "+query, nil, func(scan func(...any) error) error {
				var id, parent, unused any
				var line string
				err := scan(&id, &parent, &unused, &line)
				plans[query] = append(plans[query], line)
				return err
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return plans, nil
}
