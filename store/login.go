package store

import (
	"encoding/json"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

// AddLoginRequest stores a login that was begun.
func (tx *Tx) AddLoginRequest(r *directory.LoginRequest) error {
	_, err := tx.exec(`insert into login_request (id, connection, browser, relay, return_to, test, session, expires)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		r.ID, int64(r.Connection), r.Browser, r.Relay, r.ReturnTo, r.Test, string(r.Session), ms(r.Expires))
	return err
}

// LoginRequest returns a login that was begun and not used, also one whose time is over. Errors: NotFound.
func (tx *Tx) LoginRequest(id string) (r directory.LoginRequest, err error) {
	var expires int64
	ok, err := tx.get(`select id, connection, browser, relay, return_to, test, session, expires from login_request where id = $1`, []any{id},
		&r.ID, (*int64)(&r.Connection), &r.Browser, &r.Relay, &r.ReturnTo, &r.Test, (*string)(&r.Session), &expires)
	r.Expires = at(expires)
	if err != nil || !ok {
		return r, notFound("login", "", err)
	}
	return r, nil
}

// TakeLoginRequest removes a login that was begun and reports whether it was there. Of several at once one finds it.
func (tx *Tx) TakeLoginRequest(id string) (bool, error) {
	n, err := tx.exec(`delete from login_request where id = $1`, id)
	return n > 0, err
}

// EndLogins removes the logins that were begun at a connection, and the newcomers who came by it.
func (tx *Tx) EndLogins(connection directory.Row) error {
	if _, err := tx.exec(`delete from login_request where connection = $1`, int64(connection)); err != nil {
		return err
	}
	_, err := tx.exec(`delete from newcomer where connection = $1`, int64(connection))
	return err
}

// See notes a message of a connection's identity provider until it expires, and reports whether it was not seen before.
func (tx *Tx) See(connection directory.Row, id string, expires time.Time) (isNew bool, err error) {
	n, err := tx.exec(`insert into seen (connection, id, expires) values ($1, $2, $3) on conflict do nothing`, int64(connection), id, ms(expires))
	return n > 0, err
}

// AddNewcomer stores somebody who chooses a first team.
func (tx *Tx) AddNewcomer(n *directory.Newcomer) error {
	asserted, err := json.Marshal(&n.Asserted)
	if err != nil {
		return err
	}
	_, err = tx.exec(`insert into newcomer (hash, connection, asserted, return_to, expires) values ($1, $2, $3, $4, $5)`,
		n.Hash, int64(n.Connection), string(asserted), n.ReturnTo, ms(n.Expires))
	return err
}

// Newcomer returns somebody who chooses a first team, by the hash, with the connection. Errors: NotFound, also when their time is over.
func (tx *Tx) Newcomer(hash string) (n directory.Newcomer, conn directory.Connection, err error) {
	var (
		c        connectionScan
		asserted []byte
		expires  int64
	)
	ok, err := tx.get(`select n.hash, n.connection, n.asserted, n.return_to, n.expires, `+connectionColumns+`
		from newcomer n join connection c on c.row_id = n.connection where n.hash = $1 and n.expires > $2`, []any{hash, tx.now},
		append([]any{&n.Hash, (*int64)(&n.Connection), &asserted, &n.ReturnTo, &expires}, c.dest()...)...)
	if err != nil || !ok {
		return n, conn, notFound("first login", "", err)
	}
	n.Expires = at(expires)
	if err := json.Unmarshal(asserted, &n.Asserted); err != nil {
		return n, conn, err
	}
	conn, err = c.value()
	return n, conn, err
}

// TakeNewcomer removes somebody who chooses a first team and reports whether they were there.
func (tx *Tx) TakeNewcomer(hash string) (bool, error) {
	n, err := tx.exec(`delete from newcomer where hash = $1`, hash)
	return n > 0, err
}

// swept are what ends by its age, each with the key of its table.
var swept = []struct{ table, key string }{
	{"login_request", "id"}, {"newcomer", "hash"}, {"session", "row_id"}, {"seen", "id"},
}

// Sweep removes up to limit of each kind of what has expired and reports whether there may be more.
func (tx *Tx) Sweep(limit int) (more bool, err error) {
	for _, s := range swept {
		n, err := tx.exec(`delete from `+s.table+` where expires < $1 and `+s.key+` in
			(select `+s.key+` from `+s.table+` where expires < $1 order by expires limit $2)`, tx.now, int64(limit))
		if err != nil {
			return false, err
		}
		more = more || n >= int64(limit)
	}
	return more, nil
}

// HoldAdministrators keeps others from changing who is an administrator until the end. It comes before every other hold.
func (tx *Tx) HoldAdministrators() error {
	_, err := tx.textsOf(`select name from lock where name = 'administrators' for_update`)
	return err
}

// BreakGlass counts the active system administrators who sign in by a password and whom no connection manages.
func (tx *Tx) BreakGlass() (n int64, err error) {
	_, err = tx.get(`select count(*) from account a join password p on p.account = a.row_id
		where a.admin and a.active and not exists (select 1 from identity i where i.account = a.row_id and i.manages)`, nil, &n)
	return n, err
}

// Password returns the hash of an account's password, empty where it has none.
func (tx *Tx) Password(account directory.Row) (hash string, err error) {
	_, err = tx.get(`select hash from password where account = $1`, []any{int64(account)}, &hash)
	return hash, err
}

// PutPassword stores the hash of an account's password; an empty one removes it.
func (tx *Tx) PutPassword(account directory.Row, hash string) error {
	if hash == "" {
		_, err := tx.exec(`delete from password where account = $1`, int64(account))
		return err
	}
	_, err := tx.exec(`insert into password (account, hash, changed) values ($1, $2, $3)
		on conflict (account) do update set hash = excluded.hash, changed = excluded.changed`, int64(account), hash, tx.now)
	return err
}

// LocalAccount returns the account of that username or e-mail with the hash of its password, empty where it has none, and whether
// a connection manages it. Errors: NotFound.
func (tx *Tx) LocalAccount(name string) (a directory.Account, hash string, managed bool, err error) {
	var s accountScan
	ok, err := tx.get(`select `+accountColumns+`, coalesce(p.hash, ''), exists (select 1 from identity i where i.account = a.row_id and i.manages)
		from account a left join password p on p.account = a.row_id where a.username_key = $1 or a.email_key = $1
		order by case when a.username_key = $1 then 0 else 1 end limit 1`, []any{directory.Key(name)}, append(s.dest(), &hash, &managed)...)
	if err != nil || !ok {
		return s.a, "", false, notFound("account", "", err)
	}
	return s.value(), hash, managed, nil
}
