package store

import (
	"context"
	"encoding/json"

	"github.com/rollcall-id/rollcall/directory"
)

const sessionColumns = `s.row_id, s.id, s.hash, s.account, coalesce(s.identity, 0), coalesce(s.name_id, ''), s.detail, s.agent, s.created, s.used, s.expires`

type sessionScan struct {
	s                      directory.Session
	detail                 []byte
	created, used, expires int64
}

func (s *sessionScan) dest() []any {
	return []any{
		(*int64)(&s.s.Row), (*string)(&s.s.ID), &s.s.Hash, (*int64)(&s.s.Account), (*int64)(&s.s.Identity), &s.s.Name.Value, &s.detail, &s.s.Agent,
		&s.created, &s.used, &s.expires,
	}
}

func (s *sessionScan) value() (directory.Session, error) {
	s.s.Created, s.s.Used, s.s.Expires = at(s.created), at(s.used), at(s.expires)
	if len(s.detail) == 0 {
		return s.s, nil
	}
	return s.s, json.Unmarshal(s.detail, &s.s.Name)
}

// checkScan is room for a session and its account, used again and again: every request of a person needs it.
type checkScan struct {
	s                      directory.Session
	account                accountScan
	created, used, expires int64
	dest                   []any
}

func newCheckScan() *checkScan {
	c := &checkScan{}
	c.dest = append([]any{
		(*int64)(&c.s.Row), (*string)(&c.s.ID), (*int64)(&c.s.Account), (*int64)(&c.s.Identity), &c.created, &c.used, &c.expires,
	}, c.account.dest()...)
	return c
}

// Session returns a session by its hash, without its names at the identity provider and its browser, and its account, whatever
// their state. It is one statement, and every request of a person asks it. Errors: NotFound; Unavailable.
func (db *DB) Session(ctx context.Context, hash string) (s directory.Session, a directory.Account, err error) {
	r, ok := db.checks.Get().(*checkScan)
	if !ok {
		r = newCheckScan()
	}
	defer db.checks.Put(r)
	err = db.ViewOne(ctx, func(tx *Tx) error {
		ok, err := tx.get(`select s.row_id, s.id, s.account, coalesce(s.identity, 0), s.created, s.used, s.expires, `+accountColumns+`
			from session s join account a on a.row_id = s.account where s.hash = $1`, []any{hash}, r.dest...)
		if err != nil || !ok {
			return notFound("session", "", err)
		}
		return nil
	})
	if err != nil {
		return s, a, err
	}
	s, a = r.s, r.account.value()
	s.Created, s.Used, s.Expires = at(r.created), at(r.used), at(r.expires)
	return s, a, nil
}

// AddSession stores a new session and sets its row. The account must be held, and active.
func (tx *Tx) AddSession(s *directory.Session) error {
	detail := ""
	if rest := s.Name; rest.Value != "" {
		rest.Value = ""             // which is a column of its own
		b, _ := json.Marshal(&rest) // strings always marshal
		detail = string(b)
	}
	_, err := tx.add(&s.Row, `insert into session (id, hash, account, identity, name_id, detail, agent, created, used, expires)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning_row`,
		string(s.ID), s.Hash, int64(s.Account), null(int64(s.Identity)), null(s.Name.Value), detail, s.Agent, ms(s.Created), ms(s.Used), ms(s.Expires))
	return err
}

// TouchSession notes that a session is used now.
func (tx *Tx) TouchSession(row directory.Row) error {
	_, err := tx.exec(`update session set used = $2 where row_id = $1`, int64(row), tx.now)
	return err
}

// Sessions returns up to limit sessions behind the row after, of an account or, when that is zero, of all, with the names of their connections.
func (tx *Tx) Sessions(account, after directory.Row, limit int) (all []directory.Session, err error) {
	query := `select ` + sessionColumns + `, coalesce(c.name, '') from session s left join identity i on i.row_id = s.identity
		left join connection c on c.row_id = i.connection where s.row_id > $1 `
	args := []any{int64(after), int64(limit)}
	if account != 0 {
		query += `and s.account = $3 `
		args = append(args, int64(account))
	}
	err = tx.each(query+`order by s.row_id limit $2`, args, func(scan func(...any) error) error {
		var s sessionScan
		if err := scan(append(s.dest(), &s.s.Connected)...); err != nil {
			return err
		}
		one, err := s.value()
		all = append(all, one)
		return err
	})
	return all, err
}

// NamedSessions returns the sessions in which the identity provider of the connection calls the person so.
func (tx *Tx) NamedSessions(connection directory.Row, nameID string) (all []directory.Session, err error) {
	err = tx.each(`select `+sessionColumns+` from session s join identity i on i.row_id = s.identity where s.name_id = $2 and i.connection = $1 order by s.row_id`,
		[]any{int64(connection), nameID}, func(scan func(...any) error) error {
			var s sessionScan
			if err := scan(s.dest()...); err != nil {
				return err
			}
			one, err := s.value()
			all = append(all, one)
			return err
		})
	return all, err
}

// SessionByID returns a session. Errors: NotFound.
func (tx *Tx) SessionByID(id directory.SessionID) (directory.Session, error) {
	var s sessionScan
	ok, err := tx.get(`select `+sessionColumns+` from session s where s.id = $1`, []any{string(id)}, s.dest()...)
	if err != nil || !ok {
		return s.s, notFound("session", id, err)
	}
	return s.value()
}

// RemoveSessions removes sessions and returns how many there were.
func (tx *Tx) RemoveSessions(rows ...directory.Row) (int64, error) {
	return tx.exec(`delete from session where row_id in rows($1)`, list(rows))
}

// RemoveSessionsOf removes the sessions of an account, and returns how many there were.
func (tx *Tx) RemoveSessionsOf(account directory.Row) (int64, error) {
	return tx.exec(`delete from session where account = $1`, int64(account))
}

// RemoveSessionsBy removes the sessions into which an identity led, and returns how many there were.
func (tx *Tx) RemoveSessionsBy(identity directory.Row) (int64, error) {
	return tx.exec(`delete from session where identity = $1`, int64(identity))
}

// PersonalToken returns a personal token by its hash, and its account, whatever its state. It is one statement. Errors: NotFound; Unavailable.
func (db *DB) PersonalToken(ctx context.Context, hash string) (t directory.PersonalToken, a directory.Account, err error) {
	err = db.ViewOne(ctx, func(tx *Tx) error {
		var (
			account       accountScan
			created, used int64
		)
		ok, err := tx.get(`select `+personalColumns+`, `+accountColumns+` from personal_token t join account a on a.row_id = t.account where t.hash = $1`,
			[]any{hash}, append([]any{(*int64)(&t.Row), (*string)(&t.ID), &t.Hash, (*int64)(&t.Account), &t.Description, &created, &used}, account.dest()...)...)
		if err != nil || !ok {
			return notFound("token", "", err)
		}
		t.Created, t.Used, a = at(created), at(used), account.value()
		return nil
	})
	return t, a, err
}

const personalColumns = `t.row_id, t.id, t.hash, t.account, t.description, t.created, coalesce(t.used, 0)`

// PersonalTokens returns the personal tokens of an account, oldest first.
func (tx *Tx) PersonalTokens(account directory.Row) (all []directory.PersonalToken, err error) {
	err = tx.each(`select `+personalColumns+` from personal_token t where t.account = $1 order by t.row_id`, []any{int64(account)},
		func(scan func(...any) error) error {
			var (
				t             directory.PersonalToken
				created, used int64
			)
			err := scan((*int64)(&t.Row), (*string)(&t.ID), &t.Hash, (*int64)(&t.Account), &t.Description, &created, &used)
			t.Created, t.Used = at(created), at(used)
			all = append(all, t)
			return err
		})
	return all, err
}

// AddPersonalToken stores a new personal token and sets its row. The account must be held, and active.
func (tx *Tx) AddPersonalToken(t *directory.PersonalToken) error {
	_, err := tx.add(&t.Row, `insert into personal_token (id, hash, account, description, created) values ($1, $2, $3, $4, $5) returning_row`,
		string(t.ID), t.Hash, int64(t.Account), t.Description, ms(t.Created))
	return err
}

// TouchPersonalToken notes that a personal token is used now.
func (tx *Tx) TouchPersonalToken(row directory.Row) error {
	_, err := tx.exec(`update personal_token set used = $2 where row_id = $1`, int64(row), tx.now)
	return err
}

// RemovePersonalToken removes a personal token of an account. Errors: NotFound.
func (tx *Tx) RemovePersonalToken(account directory.Row, id directory.TokenID) error {
	n, err := tx.exec(`delete from personal_token where account = $1 and id = $2`, int64(account), string(id))
	if err != nil || n == 0 {
		return notFound("token", id, err)
	}
	return nil
}

// RemovePersonalTokensOf removes the personal tokens of an account, and returns how many there were.
func (tx *Tx) RemovePersonalTokensOf(account directory.Row) (int64, error) {
	return tx.exec(`delete from personal_token where account = $1`, int64(account))
}
