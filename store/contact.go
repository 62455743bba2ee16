package store

import (
	"maps"
	"slices"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

// Contacts returns when each connection was last heard of. One of which nothing was ever kept is not in it.
func (tx *Tx) Contacts() (map[directory.Row]directory.Contact, error) {
	all := map[directory.Row]directory.Contact{}
	err := tx.each(`select connection, last, silent from contact`, nil, func(scan func(...any) error) error {
		var (
			connection, last int64
			c                directory.Contact
		)
		if err := scan(&connection, &last, &c.Silent); err != nil {
			return err
		}
		c.Last = at(last)
		all[directory.Row(connection)] = c
		return nil
	})
	return all, err
}

// HoldContact returns when a connection was last heard of, held until the end.
func (tx *Tx) HoldContact(connection directory.Row) (c directory.Contact, err error) {
	// The row must be there to be held, or two nodes would both find none.
	if _, err := tx.exec(`insert into contact (connection, last, silent) values ($1, 0, false) on conflict do nothing`, int64(connection)); err != nil {
		return c, err
	}
	var last int64
	_, err = tx.get(`select last, silent from contact where connection = $1 for_update`, []any{int64(connection)}, &last, &c.Silent)
	c.Last = at(last)
	return c, err
}

// PutContact stores when a connection was last heard of.
func (tx *Tx) PutContact(connection directory.Row, c directory.Contact) error {
	_, err := tx.exec(`update contact set last = $2, silent = $3 where connection = $1`, int64(connection), ms(c.Last), c.Silent)
	return err
}

// Endings returns the tokens of enabled connections that end before a time, were not revoked, and whose end was not told of.
func (tx *Tx) Endings(before time.Time) (all []directory.Ending, err error) {
	err = tx.each(`select `+tokenColumns+`, c.name, coalesce(t.warned, $2) from token t join connection c on c.row_id = t.connection
		where t.expires < $1 and t.revoked is null and coalesce(t.warned, 1) > 0 and c.enabled order by t.row_id`,
		[]any{ms(before), directory.Unwarned}, func(scan func(...any) error) error {
			var (
				s      tokenScan
				warned int
			)
			if err := scan(append(s.dest(), &s.t.ConnName, &warned)...); err != nil {
				return err
			}
			all = append(all, directory.Ending{Token: s.value(), Warned: warned})
			return nil
		})
	return all, err
}

// WarnToken notes that the warning of so many days before a token's end was given. told is false when it was before, or when the
// token has been revoked.
func (tx *Tx) WarnToken(row directory.Row, days int) (told bool, err error) {
	n, err := tx.exec(`update token set warned = $2 where row_id = $1 and revoked is null and (warned is null or warned > $2)`, int64(row), days)
	return n == 1, err
}

// countable are the tables by noun.
var countable = map[string]string{
	"users": "identity", "groups": "grp", "members": "member", "accounts": "account", "events": "event",
}

// Nouns are what Count counts.
func Nouns() []string { return slices.Sorted(maps.Keys(countable)) }

// Count returns how many there are of one of Nouns. It reads an index whole, so it is for a Search.
func (tx *Tx) Count(noun string) (n int64, err error) {
	_, err = tx.get(`select count(*) from `+countable[noun], nil, &n)
	return n, err
}
