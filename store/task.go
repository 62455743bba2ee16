package store

import "github.com/rollcall-id/rollcall/directory"

// AddTask stores a task and sets its row.
func (tx *Tx) AddTask(t *directory.Task) error {
	_, err := tx.add(&t.Row, `insert into task (kind, subject, object, grp, cursor, done, began, ended, created)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning_row`,
		int64(t.Kind), int64(t.Subject), t.Object, int64(t.Group), int64(t.Cursor), t.Done, t.Began, t.Ended, ms(t.Created))
	return err
}

// HoldTask returns the oldest task, held until the end. Errors: NotFound when there is none.
func (tx *Tx) HoldTask() (t directory.Task, err error) {
	var kind, created int64
	get := func() (bool, error) {
		return tx.get(`select row_id, kind, subject, object, grp, cursor, done, began, ended, created from task order by row_id limit 1 for_update`, nil,
			(*int64)(&t.Row), &kind, (*int64)(&t.Subject), &t.Object, (*int64)(&t.Group), (*int64)(&t.Cursor),
			&t.Done, &t.Began, &t.Ended, &created)
	}
	ok, err := get()
	for waiting := int64(1); err == nil && !ok && waiting > 0; { // the oldest may be done since it was found
		if waiting, _, err = tx.Tasks(); err == nil && waiting > 0 {
			ok, err = get()
		}
	}
	if err != nil || !ok {
		return t, notFound("task", "", err)
	}
	t.Kind, t.Created = directory.TaskKind(kind), at(created)
	return t, nil
}

// PutTask stores how far a task is.
func (tx *Tx) PutTask(t *directory.Task) error {
	_, err := tx.exec(`update task set grp = $2, cursor = $3, done = $4, began = $5, ended = $6 where row_id = $1`,
		int64(t.Row), int64(t.Group), int64(t.Cursor), t.Done, t.Began, t.Ended)
	return err
}

// RemoveTask removes a task that is done.
func (tx *Tx) RemoveTask(row directory.Row) error {
	_, err := tx.exec(`delete from task where row_id = $1`, int64(row))
	return err
}

// Tasks returns how many tasks are waiting and how many accounts they have looked at.
func (tx *Tx) Tasks() (waiting, done int64, err error) {
	_, err = tx.get(`select count(*), coalesce(sum(done), 0) from task`, nil, &waiting, &done)
	return waiting, done, err
}
