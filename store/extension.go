package store

import "github.com/rollcall-id/rollcall/directory"

// Extensions returns the extensions of a connection, or of all when connection is zero, those that were removed too, in the order
// in which they were made.
func (tx *Tx) Extensions(connection directory.Row) (all []directory.Extension, err error) {
	err = tx.each(`select e.row_id, e.connection, c.name, e.urn, e.definition, e.created, coalesce(e.removed, 0)
		from extension e join connection c on c.row_id = e.connection where $1 = 0 or e.connection = $1 order by c.name, e.row_id`,
		[]any{int64(connection)}, func(scan func(...any) error) error {
			var (
				e                directory.Extension
				created, removed int64
			)
			err := scan((*int64)(&e.Row), (*int64)(&e.Connection), &e.ConnName, &e.URN, &e.Definition, &created, &removed)
			e.Created, e.Removed = at(created), at(removed)
			all = append(all, e)
			return err
		})
	return all, err
}

// AddExtension stores a new extension and sets its row. Its URN must have been found free in this transaction, which holds the
// connection.
func (tx *Tx) AddExtension(e *directory.Extension) error {
	if _, err := tx.add(&e.Row, `insert into extension (connection, urn, urn_key, definition, created) values ($1, $2, $3, $4, $5)
		returning_row`, int64(e.Connection), e.URN, directory.Key(e.URN), string(e.Definition), ms(e.Created)); err != nil {
		return err
	}
	return tx.changedExtensions(e.Connection)
}

// PutExtension stores an extension that is there: its definition, and whether it was removed.
func (tx *Tx) PutExtension(e *directory.Extension) error {
	if _, err := tx.exec(`update extension set definition = $2, removed = $3 where row_id = $1`,
		int64(e.Row), string(e.Definition), null(ms(e.Removed))); err != nil {
		return err
	}
	return tx.changedExtensions(e.Connection)
}

// changedExtensions gives the connection a new revision. It begins with the time, because SQLite may give the row of a connection
// that is gone to a new one, which shall not be taken for it.
func (tx *Tx) changedExtensions(connection directory.Row) error {
	tx.forget = true
	_, err := tx.exec(`update connection set extensions = case when extensions < $2 then $2 else extensions + 1 end where row_id = $1`,
		int64(connection), tx.now)
	return err
}
