package store

import (
	"encoding/json"
	"fmt"

	"github.com/rollcall-id/rollcall/directory"
)

// AddEvent stores an event.
func (tx *Tx) AddEvent(e *directory.Event) error {
	changes, err := json.Marshal(e.Changes)
	if err != nil {
		return err
	}
	_, err = tx.exec(`insert into event (time, action, actor, connection, token, request, object, changes) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		ms(e.Time), e.Action, e.Actor, e.Connection, string(e.Token), e.Request, e.Object, string(changes))
	return err
}

// Events returns up to limit of the newest events about any of the objects (about all when there are none), oldest first.
func (tx *Tx) Events(objects []string, limit int) ([]directory.Event, error) {
	if len(objects) == 0 {
		return tx.events(``, int64(limit))
	}
	return tx.events(`where object in texts($2) `, int64(limit), texts(objects))
}

// EventsOfRequest returns up to limit of the newest events of a request, oldest first. It reads every event, so it is for a Search.
func (tx *Tx) EventsOfRequest(request string, limit int) ([]directory.Event, error) {
	return tx.events(`where request = $2 `, int64(limit), request)
}

func (tx *Tx) events(where string, args ...any) (all []directory.Event, err error) {
	query := `select * from (select row_id, time, action, actor, connection, token, request, object, changes from event ` +
		where + `order by row_id desc limit $1) e order by row_id`
	err = tx.each(query, args, func(scan func(...any) error) error {
		var (
			e       directory.Event
			time    int64
			changes []byte
		)
		if err := scan((*int64)(&e.Row), &time, &e.Action, &e.Actor, &e.Connection, (*string)(&e.Token), &e.Request, &e.Object, &changes); err != nil {
			return err
		}
		e.Time = at(time)
		all = append(all, e)
		return json.Unmarshal(changes, &all[len(all)-1].Changes)
	})
	return all, err
}

// Removed returns the ids of what was removed and had that name then, as the event of its removal tells. It reads every event, so
// it is for a Search.
func (tx *Tx) Removed(name string) (ids []string, err error) {
	key := directory.Key(name)
	err = tx.each(`select object, changes from event where action in ('account.remove', 'identity.remove', 'group.remove', 'connection.remove')`,
		nil, func(scan func(...any) error) error {
			var id string
			var changes []byte
			if err := scan(&id, &changes); err != nil {
				return err
			}
			var c directory.Changes
			if err := json.Unmarshal(changes, &c); err != nil {
				return err
			}
			for _, field := range []string{"username", "userName", "externalId", "display_name", "name"} {
				if was, ok := c[field].([]any); ok && len(was) == 2 && directory.Key(fmt.Sprint(was[0])) == key {
					ids = append(ids, id)
					break
				}
			}
			return nil
		})
	return ids, err
}

// AddConflict stores a conflict and sets its row; added is false when it was known.
func (tx *Tx) AddConflict(c *directory.OpenConflict) (added bool, err error) {
	return tx.add(&c.Row, `insert into conflict (id, connection, field, value, value_key, external_id, identity, account, detail, created)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing returning_row`, string(c.ID), int64(c.Connection), c.Field, c.Value,
		directory.Key(c.Value), c.ExternalID, string(c.Identity), null(int64(c.Account)), c.Detail, ms(c.Created))
}

// Conflicts returns the conflicts, oldest first.
func (tx *Tx) Conflicts() ([]directory.OpenConflict, error) { return tx.conflicts(`order by k.row_id`) }

// Conflict returns a conflict. Errors: NotFound.
func (tx *Tx) Conflict(id directory.ConflictID) (directory.OpenConflict, error) {
	all, err := tx.conflicts(`where k.id = $1`, string(id))
	if err != nil || len(all) == 0 {
		return directory.OpenConflict{}, notFound("conflict", id, err)
	}
	return all[0], nil
}

func (tx *Tx) conflicts(where string, args ...any) (all []directory.OpenConflict, err error) {
	err = tx.each(`select k.row_id, k.id, k.connection, c.name, k.field, k.value, k.external_id, k.identity, coalesce(k.account, 0),
		coalesce(a.id, ''), k.detail, k.created
		from conflict k join connection c on c.row_id = k.connection left join account a on a.row_id = k.account `+where, args,
		func(scan func(...any) error) error {
			var (
				k       directory.OpenConflict
				created int64
			)
			err := scan((*int64)(&k.Row), (*string)(&k.ID), (*int64)(&k.Connection), &k.ConnName, &k.Field, &k.Value, &k.ExternalID, (*string)(&k.Identity),
				(*int64)(&k.Account), (*string)(&k.AccountID), &k.Detail, &created)
			k.Created = at(created)
			all = append(all, k)
			return err
		})
	return all, err
}

// RemoveConflict removes a conflict.
func (tx *Tx) RemoveConflict(row directory.Row) error {
	_, err := tx.exec(`delete from conflict where row_id = $1`, int64(row))
	return err
}

// Names returns what the objects of these ids are called now: accounts by username, identities by userName, channels as
// team/channel, links by their group, rules by their pattern. An object that is gone, or has no name, is not in it.
func (tx *Tx) Names(ids []string) (names map[string]string, err error) {
	names = map[string]string{}
	err = tx.each(`select id, username from account where id in texts($1)
		union all select id, user_name from identity where id in texts($1)
		union all select id, display_name from grp where id in texts($1)
		union all select id, name from connection where id in texts($1)
		union all select id, name from team where id in texts($1)
		union all select c.id, t.name || '/' || c.name from channel c join team t on t.row_id = c.team where c.id in texts($1)
		union all select id, name from link where id in texts($1)
		union all select id, pattern from rule where id in texts($1)`, []any{texts(ids)}, func(scan func(...any) error) error {
		var id, name string
		if err := scan(&id, &name); err != nil {
			return err
		}
		names[id] = name
		return nil
	})
	return names, err
}
