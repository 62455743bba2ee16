package store

import "github.com/rollcall-id/rollcall/directory"

const clientColumns = `l.row_id, l.id, l.connection, l.hash, l.created, coalesce(l.revoked, 0)`

type clientScan struct {
	l                directory.Client
	created, revoked int64
}

func (s *clientScan) dest() []any {
	return []any{(*int64)(&s.l.Row), (*string)(&s.l.ID), (*int64)(&s.l.Connection), &s.l.Hash, &s.created, &s.revoked}
}

func (s *clientScan) value() directory.Client {
	s.l.Created, s.l.Revoked = at(s.created), at(s.revoked)
	return s.l
}

// Client returns a client and its connection. Errors: NotFound.
func (tx *Tx) Client(id directory.TokenID) (directory.Client, directory.Connection, error) {
	var (
		l clientScan
		c connectionScan
	)
	ok, err := tx.get(`select `+clientColumns+`, `+connectionColumns+`
		from client l join connection c on c.row_id = l.connection where l.id = $1`, []any{string(id)}, append(l.dest(), c.dest()...)...)
	if err != nil || !ok {
		return l.l, c.c, notFound("client", id, err)
	}
	conn, err := c.value()
	l.l.ConnName = conn.Name
	return l.value(), conn, err
}

// Clients returns the clients of all connections, oldest first.
func (tx *Tx) Clients() (all []directory.Client, err error) {
	err = tx.each(`select `+clientColumns+`, c.name from client l join connection c on c.row_id = l.connection order by l.row_id`, nil,
		func(scan func(...any) error) error {
			var s clientScan
			if err := scan(append(s.dest(), &s.l.ConnName)...); err != nil {
				return err
			}
			all = append(all, s.value())
			return nil
		})
	return all, err
}

// AddClient stores a new client and sets its row.
func (tx *Tx) AddClient(l *directory.Client) error {
	_, err := tx.add(&l.Row, `insert into client (id, connection, hash, created) values ($1, $2, $3, $4) returning_row`,
		string(l.ID), int64(l.Connection), l.Hash, ms(l.Created))
	return err
}

// RevokeClient ends a client now. Errors: NotFound, also when it was revoked before.
func (tx *Tx) RevokeClient(id directory.TokenID) error {
	n, err := tx.exec(`update client set revoked = $2 where id = $1 and revoked is null`, string(id), tx.now)
	if err != nil || n == 0 {
		return notFound("client", id, err)
	}
	return nil
}

// SigningKeys returns the keys that sign access tokens, newest first.
func (tx *Tx) SigningKeys() (all []directory.SigningKey, err error) {
	err = tx.each(`select row_id, id, private, created from signing_key order by row_id desc`, nil, func(scan func(...any) error) error {
		var (
			k       directory.SigningKey
			created int64
		)
		err := scan((*int64)(&k.Row), (*string)(&k.ID), &k.Private, &created)
		k.Created = at(created)
		all = append(all, k)
		return err
	})
	return all, err
}

// AddSigningKey stores a new key that follows the one in that row, zero for none, and sets its row. added is false when that one
// has a successor already.
func (tx *Tx) AddSigningKey(k *directory.SigningKey, follows directory.Row) (added bool, err error) {
	return tx.add(&k.Row, `insert into signing_key (follows, id, private, created) values ($1, $2, $3, $4) on conflict do nothing returning_row`,
		int64(follows), string(k.ID), k.Private, ms(k.Created))
}

// RemoveSigningKeys removes the keys in these rows.
func (tx *Tx) RemoveSigningKeys(rows []directory.Row) error {
	_, err := tx.exec(`delete from signing_key where row_id in rows($1)`, list(rows))
	return err
}
