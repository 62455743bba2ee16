package store

import "github.com/rollcall-id/rollcall/directory"

const accountColumns = `a.row_id, a.id, a.username, a.email, a.first_name, a.last_name, a.nickname, a.position, a.locale,
	a.admin, a.suspended, a.active, a.created, a.modified, coalesce(a.closed, 0)`

type accountScan struct {
	a                         directory.Account
	created, modified, closed int64
}

func (s *accountScan) dest() []any {
	a := &s.a
	return []any{
		(*int64)(&a.Row), (*string)(&a.ID), &a.Username, &a.Email, &a.FirstName, &a.LastName, &a.Nickname, &a.Position, &a.Locale,
		&a.Admin, &a.Suspended, &a.Active, &s.created, &s.modified, &s.closed,
	}
}

func (s *accountScan) value() directory.Account {
	s.a.Created, s.a.Modified, s.a.Closed = at(s.created), at(s.modified), at(s.closed)
	return s.a
}

func (tx *Tx) account(query string, arg any) (directory.Account, error) {
	var s accountScan
	if ok, err := tx.get(query, []any{arg}, s.dest()...); err != nil || !ok {
		return s.a, notFound("account", arg, err)
	}
	return s.value(), nil
}

// Account returns the account in that row. Errors: NotFound.
func (tx *Tx) Account(row directory.Row) (directory.Account, error) {
	return tx.account(`select `+accountColumns+` from account a where a.row_id = $1`, int64(row))
}

// HoldAccount is Account, and keeps others from changing the account until the end.
func (tx *Tx) HoldAccount(row directory.Row) (directory.Account, error) {
	return tx.account(`select `+accountColumns+` from account a where a.row_id = $1 for_update`, int64(row))
}

// HoldAccounts keeps others from changing the accounts until the end.
func (tx *Tx) HoldAccounts(rows []directory.Row) error {
	_, err := tx.rowsOf(`select row_id from account where row_id in rows($1) order by row_id for_update`, list(rows))
	return err
}

// FindAccount returns the account of that id, username or e-mail, in this order, else the one to which an identity is bound that
// has this id, userName or externalId. Errors: NotFound; Conflict when such identities are bound to several accounts.
func (tx *Tx) FindAccount(name string) (directory.Account, error) {
	key := directory.Key(name)
	var s accountScan
	ok, err := tx.get(`select `+accountColumns+` from account a where a.id = $1 or a.username_key = $2 or a.email_key = $2
		order by case when a.id = $1 then 0 when a.username_key = $2 then 1 else 2 end limit 1`, []any{name, key}, s.dest()...)
	if err != nil {
		return s.a, err
	}
	if ok {
		return s.value(), nil
	}
	// A cross join, or SQLite would read every identity.
	rows, err := tx.rowsOf(`select account from identity where id = $1 and account is not null
		union select i.account from connection c cross join identity i
			where i.connection = c.row_id and i.user_name_key = $2 and i.account is not null
		union select i.account from connection c cross join identity i
			where i.connection = c.row_id and i.external_id = $1 and i.account is not null
		order by 1 limit 2`, name, key)
	switch {
	case err != nil || len(rows) == 0:
		return s.a, notFound("account", name, err)
	case len(rows) > 1:
		return s.a, directory.Errorf(directory.Conflict, "", "%s is the userName or externalId of several accounts: name one by its username", name)
	}
	return tx.Account(rows[0])
}

// Accounts returns up to limit accounts behind the row after, in the order in which they were made.
func (tx *Tx) Accounts(after directory.Row, limit int) (all []directory.Account, err error) {
	err = tx.each(`select `+accountColumns+` from account a where a.row_id > $1 order by a.row_id limit $2`, []any{int64(after), int64(limit)},
		func(scan func(...any) error) error {
			var s accountScan
			if err := scan(s.dest()...); err != nil {
				return err
			}
			all = append(all, s.value())
			return nil
		})
	return all, err
}

// AddAccount stores a new account and sets its row. Errors: Conflict when username or e-mail is taken, also where that was
// done since they were found free; then whoever has them is there to be seen.
func (tx *Tx) AddAccount(a *directory.Account) error {
	ok, err := tx.add(&a.Row, `insert into account (id, username, username_key, email, email_key, first_name, last_name, nickname, position,
		locale, suspended, active, created, modified, closed, admin)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) on conflict do nothing returning_row`,
		string(a.ID), a.Username, directory.Key(a.Username), a.Email, null(directory.Key(a.Email)), a.FirstName, a.LastName, a.Nickname,
		a.Position, a.Locale, a.Suspended, a.Active, ms(a.Created), ms(a.Modified), null(ms(a.Closed)), a.Admin)
	return taken("username", a.Username, ok, err)
}

// PutAccount stores an account that is there.
func (tx *Tx) PutAccount(a *directory.Account) error {
	args := []any{
		int64(a.Row), a.FirstName, a.LastName, a.Nickname, a.Position, a.Locale, a.Suspended, a.Active, ms(a.Modified), null(ms(a.Closed)),
		a.Admin, a.Username, a.Email,
	}
	// See PutIdentity.
	n, err := tx.exec(`update account set first_name = $2, last_name = $3, nickname = $4, position = $5, locale = $6, suspended = $7,
		active = $8, modified = $9, closed = $10, admin = $11 where row_id = $1 and username = $12 and email = $13`, args...)
	if err != nil || n == 1 {
		return err
	}
	_, err = tx.exec(`update account set first_name = $2, last_name = $3, nickname = $4, position = $5, locale = $6, suspended = $7,
		active = $8, modified = $9, closed = $10, admin = $11, username = $12, email = $13, username_key = $14, email_key = $15 where row_id = $1`,
		append(args, directory.Key(a.Username), null(directory.Key(a.Email)))...)
	return err
}

// ReleaseUsername gives the username of an account closed before then to nobody, by putting the account's id behind it.
func (tx *Tx) ReleaseUsername(username string, before int64) error {
	_, err := tx.exec(`update account set username = substr(username, 1, 37) || '-' || id, username_key = substr(username_key, 1, 37) || '-' || id
		where username_key = $1 and closed < $2`, directory.Key(username), before)
	return err
}

// UsernameHolder returns the account that has the username, and zero when none has.
func (tx *Tx) UsernameHolder(username string) (directory.Row, error) {
	var row int64
	_, err := tx.get(`select row_id from account where username_key = $1`, []any{directory.Key(username)}, &row)
	return directory.Row(row), err
}

// EmailHolder returns the account that has the e-mail, and zero when none has.
func (tx *Tx) EmailHolder(email string) (directory.Row, error) {
	var row int64
	_, err := tx.get(`select row_id from account where email_key = $1`, []any{directory.Key(email)}, &row)
	return directory.Row(row), err
}

// RemoveAccount removes the account and all that is its own: memberships, tombstones, conflicts. No identity may be bound to it.
func (tx *Tx) RemoveAccount(row directory.Row) error {
	_, err := tx.exec(`delete from account where row_id = $1`, int64(row))
	return err
}
