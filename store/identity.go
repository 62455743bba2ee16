package store

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/rollcall-id/rollcall/directory"
)

const identityColumns = `i.row_id, i.id, i.connection, coalesce(i.account, 0), i.manages, i.version, i.created, i.modified, i.active,
	coalesce(i.inactive_since, 0), i.user_name, coalesce(i.external_id, ''), coalesce(i.subject, ''), i.profile,
	i.document, i.asserted, i.by_login`

// What answers show of an identity. Neither its profile nor its search document is among it.
const shownColumns = `i.row_id, i.id, coalesce(i.account, 0), i.version, i.created, i.modified, i.document`

type identityScan struct {
	i                           directory.Identity
	created, modified, inactive int64
	profile, asserted           []byte
}

func (s *identityScan) dest() []any {
	i := &s.i
	return []any{
		(*int64)(&i.Row), (*string)(&i.ID), (*int64)(&i.Connection), (*int64)(&i.Account), &i.Manages, &i.Version, &s.created, &s.modified, &i.Active,
		&s.inactive, &i.UserName, &i.ExternalID, &i.Subject, &s.profile,
		&i.Document, &s.asserted, &i.ByLogin,
	}
}

func (s *identityScan) shown() []any {
	i := &s.i
	return []any{(*int64)(&i.Row), (*string)(&i.ID), (*int64)(&i.Account), &i.Version, &s.created, &s.modified, &i.Document}
}

func (s *identityScan) times() {
	s.i.Created, s.i.Modified, s.i.InactiveSince = at(s.created), at(s.modified), at(s.inactive)
}

func (s *identityScan) value() (directory.Identity, error) {
	s.times()
	if len(s.asserted) > 0 {
		if err := json.Unmarshal(s.asserted, &s.i.Asserted); err != nil {
			return s.i, err
		}
	}
	return s.i, json.Unmarshal(s.profile, &s.i.Profile)
}

func (tx *Tx) identity(query string, args ...any) (directory.Identity, error) {
	var s identityScan
	if ok, err := tx.get(query, args, s.dest()...); err != nil || !ok {
		return s.i, noUser(err)
	}
	return s.value()
}

// noUser does not name what was looked for: a User of another connection and one that does not exist get the same answer, byte
// for byte.
func noUser(err error) error { return notFound("User", "", err) }

func (tx *Tx) identities(query string, args ...any) (all []directory.Identity, err error) {
	err = tx.each(query, args, func(scan func(...any) error) error {
		var s identityScan
		if err := scan(s.dest()...); err != nil {
			return err
		}
		i, err := s.value()
		all = append(all, i)
		return err
	})
	return all, err
}

// identitiesShown is identities for shownColumns. It stops where their documents have more than most bytes, unless that is zero.
// Errors: ErrBytes.
func (tx *Tx) identitiesShown(most int, query string, args ...any) (all []directory.Identity, err error) {
	size := 0
	err = tx.each(query, args, func(scan func(...any) error) error {
		var s identityScan
		if err := scan(s.shown()...); err != nil {
			return err
		}
		if size += len(s.i.Document); most > 0 && size > most {
			return ErrBytes
		}
		s.times()
		all = append(all, s.i)
		return nil
	})
	return all, err
}

// Identity returns an identity of the connection. Errors: NotFound.
func (tx *Tx) Identity(connection directory.Row, id directory.IdentityID) (directory.Identity, error) {
	return tx.identity(`select `+identityColumns+` from identity i where i.id = $1 and i.connection = $2`, string(id), int64(connection))
}

// IdentityShown returns what answers show of an identity of the connection: Row, ID, Account, Version, Created, Modified and Document,
// and the groups that it is directly in, by name. nested says that one of these is in a group itself: then GroupsOf knows more.
// It is one statement. Errors: NotFound.
func (tx *Tx) IdentityShown(connection directory.Row, id directory.IdentityID) (i directory.Identity, groups []directory.Containment, nested bool, err error) {
	return tx.identityShown(`where i.id = $1 and i.connection = $2`, string(id), int64(connection))
}

// IdentityFound is IdentityShown for a query that leads to one at most, by which identity providers look for a person before they
// do anything; see directory.Query.Unique. Errors: NotFound.
func (tx *Tx) IdentityFound(q directory.Query) (i directory.Identity, groups []directory.Containment, nested bool, err error) {
	c := compiler{d: tx.d, t: identityTable}
	where := "where i.connection = " + c.arg(int64(q.Connection)) + " and "
	cond, err := c.cond(q.Where, "i.search", false)
	if err != nil {
		return i, nil, false, err
	}
	return tx.identityShown(where+cond, c.args...)
}

func (tx *Tx) identityShown(where string, args ...any) (i directory.Identity, groups []directory.Containment, nested bool, err error) {
	var s identityScan
	err = tx.each(`select `+shownColumns+`, coalesce(g.id, ''), coalesce(g.display_name, ''), exists (select 1 from nesting n where n.child = g.row_id)
		from identity i left join member m on m.identity = i.row_id left join grp g on g.row_id = m.grp `+where, args, func(scan func(...any) error) error {
		var inGroup bool
		c := directory.Containment{Direct: true}
		if err := scan(append(s.shown(), (*string)(&c.ID), &c.DisplayName, &inGroup)...); err != nil {
			return err
		}
		if c.ID != "" {
			groups, nested = append(groups, c), nested || inGroup
		}
		return nil
	})
	if err != nil || s.i.Row == 0 {
		return s.i, nil, false, noUser(err)
	}
	s.times()
	slices.SortFunc(groups, func(a, b directory.Containment) int {
		return cmp.Compare(directory.Key(a.DisplayName), directory.Key(b.DisplayName))
	})
	return s.i, groups, nested, nil
}

// IdentityByID returns an identity of any connection. Errors: NotFound.
func (tx *Tx) IdentityByID(id directory.IdentityID) (directory.Identity, error) {
	return tx.identity(`select `+identityColumns+` from identity i where i.id = $1`, string(id))
}

// IdentityAt returns the identity in that row. Errors: NotFound.
func (tx *Tx) IdentityAt(row directory.Row) (directory.Identity, error) {
	return tx.identity(`select `+identityColumns+` from identity i where i.row_id = $1`, int64(row))
}

// HoldIdentity keeps others from changing the identity until the end and returns its version. Errors: NotFound.
func (tx *Tx) HoldIdentity(connection directory.Row, id directory.IdentityID) (version int64, err error) {
	ok, err := tx.get(`select version from identity where id = $1 and connection = $2 for_update`, []any{string(id), int64(connection)}, &version)
	if err != nil || !ok {
		return 0, noUser(err)
	}
	return version, nil
}

// HoldIdentities keeps others from changing, binding or removing the identities until the end.
func (tx *Tx) HoldIdentities(rows []directory.Row) error {
	_, err := tx.rowsOf(`select row_id from identity where row_id in rows($1) order by row_id for_update`, list(rows))
	return err
}

// Claimants returns the identities of the connection that have the externalId (unless it is empty) or the userName.
func (tx *Tx) Claimants(connection directory.Row, externalID, userName string) ([]directory.Identity, error) {
	// Two look-ups and not one with `or`, which would not use both indexes.
	return tx.identities(`select `+identityColumns+` from identity i where i.connection = $1 and i.user_name_key = $2
		union all select `+identityColumns+` from identity i where i.connection = $1 and i.external_id = $3 and i.user_name_key <> $2`,
		int64(connection), directory.Key(userName), null(externalID))
}

// IdentitiesOf returns the identities that are bound to an account, the one that manages it first.
func (tx *Tx) IdentitiesOf(account directory.Row) ([]directory.Identity, error) {
	return tx.identities(`select `+identityColumns+` from identity i where i.account = $1 order by i.manages desc, i.row_id`, int64(account))
}

// IdentitiesIn returns up to limit identities of a connection (of all when it is zero) behind the row after.
func (tx *Tx) IdentitiesIn(connection, after directory.Row, limit int) ([]directory.Identity, error) {
	if connection == 0 {
		return tx.identities(`select `+identityColumns+` from identity i where i.row_id > $1 order by i.row_id limit $2`, int64(after), int64(limit))
	}
	return tx.identities(`select `+identityColumns+` from identity i where i.connection = $1 and i.row_id > $2 order by i.row_id limit $3`,
		int64(connection), int64(after), int64(limit))
}

// AddIdentity stores a new identity and sets its row. UserName and externalId must have been found free in this transaction.
func (tx *Tx) AddIdentity(i *directory.Identity) error {
	profile, _ := json.Marshal(i.Profile) // strings always marshal
	_, err := tx.add(&i.Row, `insert into identity (id, connection, account, manages, version, created, modified, active, inactive_since,
		user_name, user_name_key, external_id, subject, profile, search, document, asserted, by_login)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) returning_row`,
		string(i.ID), int64(i.Connection), null(int64(i.Account)), i.Manages, i.Version, ms(i.Created), ms(i.Modified), i.Active,
		null(ms(i.InactiveSince)), i.UserName, directory.Key(i.UserName), null(i.ExternalID), null(i.Subject), string(profile),
		string(i.Search), string(i.Document), asserted(i), i.ByLogin)
	return err
}

// PutIdentity stores an identity that is there; its search document only if it is set, since none is read. UserName and externalId
// must have been found free in this transaction.
func (tx *Tx) PutIdentity(i *directory.Identity) error {
	profile, _ := json.Marshal(i.Profile)
	args := []any{
		int64(i.Row), i.Version, ms(i.Modified), i.Active, null(ms(i.InactiveSince)), string(profile), null(string(i.Search)), string(i.Document),
		asserted(i), i.ByLogin, i.UserName, null(i.ExternalID), null(i.Subject), null(int64(i.Account)), i.Manages,
	}
	// Columns that have an index are left alone unless they change: SQLite would write every index entry again.
	n, err := tx.exec(`update identity set version = $2, modified = $3, active = $4, inactive_since = $5, profile = $6,
		search = coalesce($7, search), document = $8, asserted = $9, by_login = $10
		where row_id = $1 and user_name = $11 and external_id is not distinct from $12 and subject is not distinct from $13
		and account is not distinct from $14 and manages = $15`, args...)
	if err != nil || n == 1 {
		return err
	}
	_, err = tx.exec(`update identity set version = $2, modified = $3, active = $4, inactive_since = $5, profile = $6,
		search = coalesce($7, search), document = $8, asserted = $9, by_login = $10,
		user_name = $11, external_id = $12, subject = $13, account = $14, manages = $15, user_name_key = $16 where row_id = $1`,
		append(args, directory.Key(i.UserName))...)
	return err
}

// RemoveIdentity removes an identity and its places in groups. What remains is a tombstone, where it was bound to an account.
func (tx *Tx) RemoveIdentity(i *directory.Identity) error {
	if i.Account != 0 {
		if _, err := tx.exec(`insert into tombstone (identity, connection, external_id, account, created, subject) values ($1, $2, $3, $4, $5, $6)`,
			string(i.ID), int64(i.Connection), null(i.ExternalID), int64(i.Account), tx.now, null(i.Subject)); err != nil {
			return err
		}
	}
	_, err := tx.exec(`delete from identity where row_id = $1`, int64(i.Row))
	return err
}

// Tombstone returns the closed account to which the last removed identity of that externalId was bound, and zero when there
// is none or another identity manages it.
func (tx *Tx) Tombstone(connection directory.Row, externalID string) (directory.Row, error) {
	var row int64
	_, err := tx.get(`select t.account from tombstone t join account a on a.row_id = t.account
		where t.connection = $1 and t.external_id = $2 and a.closed is not null
		and not exists (select 1 from identity i where i.account = t.account and i.manages)
		order by t.created desc limit 1`, []any{int64(connection), externalID}, &row)
	return directory.Row(row), err
}

// IdentityBySubject returns the identity of the connection that has the subject. Errors: NotFound.
func (tx *Tx) IdentityBySubject(connection directory.Row, subject string) (directory.Identity, error) {
	return tx.identity(`select `+identityColumns+` from identity i where i.connection = $1 and i.subject = $2`, int64(connection), subject)
}

// IdentityByExternalID returns the identity of the connection that has the externalId. Errors: NotFound.
func (tx *Tx) IdentityByExternalID(connection directory.Row, externalID string) (directory.Identity, error) {
	return tx.identity(`select `+identityColumns+` from identity i where i.connection = $1 and i.external_id = $2`, int64(connection), externalID)
}

// IdentitiesMeeting returns up to two identities of the connection whose document has the text at a path, byte for byte, oldest first.
// No index leads to them, so it is for a Search.
func (tx *Tx) IdentitiesMeeting(connection directory.Row, path []string, text string) ([]directory.Identity, error) {
	return tx.identities(`select `+identityColumns+` from identity i where i.connection = $1 and `+tx.d.jsonText(tx.d.document, "$3")+
		` = $2 order by i.row_id limit 2`, int64(connection), text, tx.d.jsonPath(path))
}

// WasHere reports whether an identity of the connection that was removed had the subject, or met it by its externalId.
func (tx *Tx) WasHere(connection directory.Row, subject string) (found bool, err error) {
	var one int64 // two look-ups, as in Claimants
	return tx.get(`select 1 from tombstone where connection = $1 and subject = $2
		union all select 1 from tombstone where connection = $1 and external_id = $2 limit 1`, []any{int64(connection), subject}, &one)
}

// Recognition is how many identities of a connection a login can recognise.
type Recognition struct {
	Users   int64
	Meeting int64 // they have what a subject is compared with
	Subject int64 // they have a subject
	Same    int64 // and it is that
}

// Recognition counts them, by what stands at a path of the document; the path externalId is that column. It reads every identity of the
// connection, so it is for a Search.
func (tx *Tx) Recognition(connection directory.Row, path []string) (r Recognition, err error) {
	value, args := `external_id`, []any{int64(connection)}
	if len(path) != 1 || path[0] != directory.MeetsExternalID {
		value, args = tx.d.jsonText(tx.d.document, "$2"), append(args, tx.d.jsonPath(path))
	}
	_, err = tx.get(`select count(*), count(`+value+`), count(subject), count(case when subject = `+value+` then 1 end)
		from identity i where i.connection = $1`, args, &r.Users, &r.Meeting, &r.Subject, &r.Same)
	return r, err
}

// ForgetSubjects takes their subject from up to limit identities of a connection and returns from how many.
func (tx *Tx) ForgetSubjects(connection directory.Row, limit int) (int64, error) {
	return tx.exec(`update identity set subject = null where row_id in
		(select row_id from identity where connection = $1 and subject is not null limit $2)`, int64(connection), int64(limit))
}

// HasSubjects reports whether an identity of the connection has a subject.
func (tx *Tx) HasSubjects(connection directory.Row) (bool, error) {
	var one int64
	return tx.get(`select 1 from identity where connection = $1 and subject is not null limit 1`, []any{int64(connection)}, &one)
}

// asserted is what the column holds: empty for nothing.
func asserted(i *directory.Identity) string {
	if i.Asserted == (directory.Profile{}) {
		return ""
	}
	b, _ := json.Marshal(i.Asserted) // strings always marshal
	return string(b)
}

// TracesOf returns the ids under which events about an account stand: its own, and those of its identities, past ones too.
func (tx *Tx) TracesOf(a *directory.Account) (ids []string, err error) {
	ids, err = tx.textsOf(`select id from identity where account = $1 union select identity from tombstone where account = $1`, int64(a.Row))
	return append([]string{string(a.ID)}, ids...), err
}

// GroupsOf returns the groups that identities are in, by name.
func (tx *Tx) GroupsOf(identities ...directory.Row) (map[directory.Row][]directory.Containment, error) {
	// Most are in groups that are in no group; the recursion makes temporary tables even for somebody in none.
	all, nested, err := tx.containments(`select m.identity, g.id, g.display_name, 1, exists (select 1 from nesting n where n.child = g.row_id)
		from member m join grp g on g.row_id = m.grp where m.identity in rows($1) order by g.name_key`, identities)
	if err != nil || !nested {
		return all, err
	}
	all, _, err = tx.containments(`with recursive up (identity, grp, direct) as (
			select identity, grp, 1 from member where identity in rows($1)
			union
			select up.identity, n.parent, 0 from up join nesting n on n.child = up.grp)
		select up.identity, g.id, g.display_name, max(up.direct), true from up join grp g on g.row_id = up.grp
		group by up.identity, g.row_id, g.id, g.display_name, g.name_key order by g.name_key`, identities)
	return all, err
}

func (tx *Tx) containments(query string, identities []directory.Row) (all map[directory.Row][]directory.Containment, nested bool, err error) {
	all = make(map[directory.Row][]directory.Containment)
	err = tx.each(query, []any{list(identities)}, func(scan func(...any) error) error {
		var (
			identity directory.Row
			c        directory.Containment
			direct   int64
			inGroup  bool
		)
		if err := scan((*int64)(&identity), (*string)(&c.ID), &c.DisplayName, &direct, &inGroup); err != nil {
			return err
		}
		c.Direct = direct == 1
		nested = nested || inGroup
		all[identity] = append(all[identity], c)
		return nil
	})
	return all, nested, err
}

// UnboundIdentities returns the identities of a connection that are bound to no account; an administrator made each so.
func (tx *Tx) UnboundIdentities(connection directory.Row) ([]directory.Identity, error) {
	return tx.identities(`select `+identityColumns+` from identity i where i.connection = $1 and i.account is null order by i.row_id`, int64(connection))
}
