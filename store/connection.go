package store

import (
	"encoding/json"
	"slices"

	"github.com/rollcall-id/rollcall/directory"
)

const connectionColumns = `c.row_id, c.id, c.name, c.preset, c.enabled, c.settings, c.created, c.extensions`

type connectionScan struct {
	c        directory.Connection
	settings string
	created  int64
}

func (s *connectionScan) dest() []any {
	return []any{(*int64)(&s.c.Row), (*string)(&s.c.ID), &s.c.Name, &s.c.Preset, &s.c.Enabled, &s.settings, &s.created, &s.c.Extensions}
}

func (s *connectionScan) value() (directory.Connection, error) {
	s.c.Created = at(s.created)
	return s.c, json.Unmarshal([]byte(s.settings), &s.c.Set)
}

// Connection returns the connection of that name. Errors: NotFound.
func (tx *Tx) Connection(name string) (directory.Connection, error) {
	return tx.connection(`select `+connectionColumns+` from connection c where c.name = $1`, name)
}

// ConnectionAt returns the connection in that row. Errors: NotFound.
func (tx *Tx) ConnectionAt(row directory.Row) (directory.Connection, error) {
	return tx.connection(`select `+connectionColumns+` from connection c where c.row_id = $1`, int64(row))
}

// HoldConnection is ConnectionAt, and keeps others until the end from changing the connection, the names of its groups, which of
// them is in which, and its links and rules. It comes before every other hold.
func (tx *Tx) HoldConnection(row directory.Row) (directory.Connection, error) {
	return tx.connection(`select `+connectionColumns+` from connection c where c.row_id = $1 for_update`, int64(row))
}

func (tx *Tx) connection(query string, arg any) (directory.Connection, error) {
	var s connectionScan
	if ok, err := tx.get(query, []any{arg}, s.dest()...); err != nil || !ok {
		return s.c, notFound("connection", arg, err)
	}
	return s.value()
}

// Connections returns every connection, by name.
func (tx *Tx) Connections() (all []directory.Connection, err error) {
	err = tx.each(`select `+connectionColumns+` from connection c order by c.name`, nil, func(scan func(...any) error) error {
		var s connectionScan
		if err := scan(s.dest()...); err != nil {
			return err
		}
		c, err := s.value()
		all = append(all, c)
		return err
	})
	return all, err
}

// AddConnection stores a new connection and sets its row. Errors: Conflict when the name is taken.
func (tx *Tx) AddConnection(c *directory.Connection) error {
	ok, err := tx.add(&c.Row, `insert into connection (id, name, preset, enabled, settings, created)
		values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning_row`,
		string(c.ID), c.Name, c.Preset, c.Enabled, settingsJSON(c.Set), ms(c.Created))
	return taken("connection", c.Name, ok, err)
}

// PutConnection stores a connection that is there.
func (tx *Tx) PutConnection(c *directory.Connection) error {
	tx.forget = true
	_, err := tx.exec(`update connection set preset = $2, enabled = $3, settings = $4 where row_id = $1`,
		int64(c.Row), c.Preset, c.Enabled, settingsJSON(c.Set))
	return err
}

// RemoveConnection removes a connection with its groups, links, rules, tokens and conflicts. Its identities must be gone.
func (tx *Tx) RemoveConnection(row directory.Row) error {
	tx.forget = true
	for _, query := range []string{
		`delete from link where connection = $1`,
		`delete from grp where connection = $1`,
		`delete from connection where row_id = $1`,
	} {
		if _, err := tx.exec(query, int64(row)); err != nil {
			return err
		}
	}
	return nil
}

func settingsJSON(set map[string]string) string {
	if len(set) == 0 {
		return "{}"
	}
	b, _ := json.Marshal(set) // a map of strings always marshals
	return string(b)
}

const tokenColumns = `t.row_id, t.id, t.connection, t.hash, t.created, coalesce(t.expires, 0), coalesce(t.revoked, 0)`

type tokenScan struct {
	t                         directory.Token
	created, expires, revoked int64
}

func (s *tokenScan) dest() []any {
	return []any{(*int64)(&s.t.Row), (*string)(&s.t.ID), (*int64)(&s.t.Connection), &s.t.Hash, &s.created, &s.expires, &s.revoked}
}

func (s *tokenScan) value() directory.Token {
	s.t.Created, s.t.Expires, s.t.Revoked = at(s.created), at(s.expires), at(s.revoked)
	return s.t
}

// tokenByHash is DB.Token as the transaction sees it.
func (tx *Tx) tokenByHash(hash string) (directory.Token, directory.Connection, error) {
	var (
		t tokenScan
		c connectionScan
	)
	ok, err := tx.get(`select `+tokenColumns+`, `+connectionColumns+`
		from token t join connection c on c.row_id = t.connection where t.hash = $1`, []any{hash}, append(t.dest(), c.dest()...)...)
	if err != nil || !ok {
		return t.t, c.c, notFound("token", "", err)
	}
	conn, err := c.value()
	t.t.ConnName = conn.Name
	return t.value(), conn, err
}

// Admits reports whether a credential still opens its connection: a token or a client, or what a foreign issuer calls a client that
// the connection takes. Errors: Unauthenticated; Forbidden while the connection is disabled.
func (tx *Tx) Admits(connection directory.Row, credential directory.TokenID) error {
	var (
		enabled          bool
		settings         string
		expires, revoked int64
		known            bool
	)
	found, err := tx.get(`select c.enabled, c.settings, coalesce(t.expires, 0), coalesce(t.revoked, l.revoked, 0), t.id is not null or l.id is not null
		from connection c left join token t on t.id = $2 and t.connection = c.row_id left join client l on l.id = $2 and l.connection = c.row_id
		where c.row_id = $1`, []any{int64(connection), string(credential)}, &enabled, &settings, &expires, &revoked, &known)
	if err != nil {
		return err
	}
	c := directory.Connection{Enabled: enabled}
	if found && !known {
		if err := json.Unmarshal([]byte(settings), &c.Set); err != nil {
			return err
		}
		issuer, _ := c.Issuer()
		known = slices.Contains(issuer.Subjects, string(credential))
	}
	switch {
	case !found || !known || revoked != 0 || expires != 0 && expires <= tx.now:
		return errNotAdmitted
	case !enabled:
		return errDisabled
	}
	return nil
}

var (
	errNotAdmitted = directory.Errorf(directory.Unauthenticated, "", "the credential is not valid any more")
	errDisabled    = directory.Errorf(directory.Forbidden, "", "the connection is disabled")
)

// Tokens returns the tokens of a connection, or of all when connection is zero, oldest first.
func (tx *Tx) Tokens(connection directory.Row) (all []directory.Token, err error) {
	err = tx.each(`select `+tokenColumns+`, c.name from token t join connection c on c.row_id = t.connection
		where $1 = 0 or t.connection = $1 order by t.row_id`, []any{int64(connection)}, func(scan func(...any) error) error {
		var s tokenScan
		if err := scan(append(s.dest(), &s.t.ConnName)...); err != nil {
			return err
		}
		all = append(all, s.value())
		return nil
	})
	return all, err
}

// AddToken stores a new token and sets its row.
func (tx *Tx) AddToken(t *directory.Token) error {
	_, err := tx.add(&t.Row, `insert into token (id, connection, hash, created, expires) values ($1, $2, $3, $4, $5) returning_row`,
		string(t.ID), int64(t.Connection), t.Hash, ms(t.Created), null(ms(t.Expires)))
	return err
}

// RevokeToken ends a token now. Errors: NotFound, also when it was revoked before.
func (tx *Tx) RevokeToken(id directory.TokenID) (directory.Token, error) {
	tx.forget = true
	var s tokenScan
	ok, err := tx.get(`update token set revoked = $2 where id = $1 and revoked is null
		returning row_id, id, connection, hash, created, coalesce(expires, 0), coalesce(revoked, 0)`, []any{string(id), tx.now}, s.dest()...)
	if err != nil || !ok {
		return s.t, notFound("token", id, err)
	}
	return s.value(), nil
}

// notFound is err, or a NotFound that names what was looked for.
func notFound(what string, name any, err error) error {
	if err != nil {
		return err
	}
	if name == "" {
		return directory.Errorf(directory.NotFound, "", "no such %s", what)
	}
	return directory.Errorf(directory.NotFound, "", "there is no %s %v", what, name)
}

// taken is err, or a Conflict when nothing was added.
func taken(what, name string, added bool, err error) error {
	if err == nil && !added {
		return directory.Errorf(directory.Conflict, what, "%q is taken", name)
	}
	return err
}

// AddAdoption allows the connection's next identity whose field ("email", "username", "userName" or "externalId") has the key
// to be bound to the account. added is false when that was allowed before.
func (tx *Tx) AddAdoption(connection, account directory.Row, field, key string) (added bool, err error) {
	var row directory.Row
	return tx.add(&row, `insert into adoption (connection, account, field, key, created) values ($1, $2, $3, $4, $5)
		on conflict do nothing returning_row`, int64(connection), int64(account), field, key, tx.now)
}

// Adoption returns the account that an identity of the connection may adopt, and zero when there is none.
func (tx *Tx) Adoption(connection directory.Row, email, username, userName, externalID string) (directory.Row, error) {
	var row int64
	// Four look-ups and not one with `or`, which would read every adoption of the connection.
	_, err := tx.get(`select account from adoption where connection = $1 and field = 'externalId' and key = $5
		union all select account from adoption where connection = $1 and field = 'email' and key = $2
		union all select account from adoption where connection = $1 and field = 'userName' and key = $4
		union all select account from adoption where connection = $1 and field = 'username' and key = $3 limit 1`,
		[]any{int64(connection), directory.Key(email), directory.Key(username), directory.Key(userName), externalID}, &row)
	return directory.Row(row), err
}

// Adoptable is one permission to adopt an account: that of the connection's next identity whose field has the key.
type Adoptable struct{ Connection, Field, Key string }

// AdoptionsOf returns the permissions that wait for somebody to use them, the oldest first.
func (tx *Tx) AdoptionsOf(account directory.Row) (all []Adoptable, err error) {
	err = tx.each(`select c.name, d.field, d.key from adoption d join connection c on c.row_id = d.connection where d.account = $1 order by d.row_id`,
		[]any{int64(account)}, func(scan func(...any) error) error {
			var d Adoptable
			err := scan(&d.Connection, &d.Field, &d.Key)
			all = append(all, d)
			return err
		})
	return all, err
}

// RemoveAdoptions forgets what was allowed for an account.
func (tx *Tx) RemoveAdoptions(account directory.Row) error {
	_, err := tx.exec(`delete from adoption where account = $1`, int64(account))
	return err
}

// CountManagedActive returns how many active accounts the identities of a connection manage.
func (tx *Tx) CountManagedActive(connection directory.Row) (n int64, err error) {
	_, err = tx.get(`select count(*) from identity i join account a on a.row_id = i.account
		where i.connection = $1 and i.manages and a.active`, []any{int64(connection)}, &n)
	return n, err
}

// Extent is what a connection has, counted.
type Extent struct {
	Identities, Groups, Links, Rules, Tokens, Clients int64
	Memberships                                       int64 // of active accounts, for no other reason than links of the connection; default channels are not counted
}

// Extent counts what would go with a connection. It reads all that the connection has.
func (tx *Tx) Extent(connection directory.Row) (e Extent, err error) {
	_, err = tx.get(`select (select count(*) from identity where connection = $1), (select count(*) from grp where connection = $1),
			(select count(*) from link where connection = $1), (select count(*) from rule where connection = $1),
			(select count(*) from token where connection = $1 and revoked is null),
			(select count(*) from client where connection = $1 and revoked is null),
			(select count(*) from (select distinct r.account, r.team, r.channel from link l join reason r on r.link = l.row_id and r.link <> 0
				join account a on a.row_id = r.account and a.active where l.connection = $1
				and not exists (select 1 from reason o left join link ol on ol.row_id = o.link where o.account = r.account and o.team = r.team
					and o.channel = r.channel and o.kind <> 2 and (ol.row_id is null or ol.connection <> $1))) gone)`, []any{int64(connection)},
		&e.Identities, &e.Groups, &e.Links, &e.Rules, &e.Tokens, &e.Clients, &e.Memberships)
	return e, err
}
