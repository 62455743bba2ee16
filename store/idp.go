package store

import (
	"encoding/json"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

const idpColumns = `p.connection, p.entity_id, p.sign_in_url, p.sign_in_post, p.logout_url, p.answer_url, p.certificates, p.source,
	coalesce(p.valid_until, 0), p.updated, coalesce(p.fetched, 0), coalesce(p.tried, 0), p.problem`

type idpScan struct {
	p                                   directory.IdP
	certificates                        []byte
	validUntil, updated, fetched, tried int64
}

func (s *idpScan) dest() []any {
	p := &s.p
	return []any{
		(*int64)(&p.Connection), &p.EntityID, &p.SignInURL, &p.SignInPost, &p.LogoutURL, &p.AnswerURL, &s.certificates, &p.Source,
		&s.validUntil, &s.updated, &s.fetched, &s.tried, &p.Problem,
	}
}

func (s *idpScan) value() (directory.IdP, error) {
	s.p.ValidUntil, s.p.Updated, s.p.Fetched, s.p.Tried = at(s.validUntil), at(s.updated), at(s.fetched), at(s.tried)
	return s.p, json.Unmarshal(s.certificates, &s.p.Certificates)
}

// IdP returns what the identity provider of a connection says of itself. Errors: NotFound.
func (tx *Tx) IdP(connection directory.Row) (directory.IdP, error) {
	var s idpScan
	ok, err := tx.get(`select `+idpColumns+` from idp p where p.connection = $1`, []any{int64(connection)}, s.dest()...)
	if err != nil || !ok {
		return s.p, notFound("metadata of the identity provider", "", err)
	}
	return s.value()
}

// ConnectionWithIdP returns the connection of that name and its identity provider. Errors: NotFound, also where it has none.
func (tx *Tx) ConnectionWithIdP(name string) (directory.Connection, directory.IdP, error) {
	var (
		c connectionScan
		p idpScan
	)
	ok, err := tx.get(`select `+connectionColumns+`, `+idpColumns+` from connection c join idp p on p.connection = c.row_id where c.name = $1`,
		[]any{name}, append(c.dest(), p.dest()...)...)
	if err != nil || !ok {
		return c.c, p.p, notFound("connection with single sign-on", "", err)
	}
	conn, err := c.value()
	if err != nil {
		return conn, p.p, err
	}
	idp, err := p.value()
	return conn, idp, err
}

// SignOnConnections returns the names of the enabled connections that have an identity provider.
func (tx *Tx) SignOnConnections() ([]string, error) {
	return tx.textsOf(`select c.name from connection c join idp p on p.connection = c.row_id where c.enabled order by c.name`)
}

// IdPs returns the identity providers of all connections that have one, by the connections' rows.
func (tx *Tx) IdPs() (map[directory.Row]directory.IdP, error) {
	all := map[directory.Row]directory.IdP{}
	err := tx.each(`select `+idpColumns+` from idp p`, nil, func(scan func(...any) error) error {
		var s idpScan
		if err := scan(s.dest()...); err != nil {
			return err
		}
		p, err := s.value()
		all[p.Connection] = p
		return err
	})
	return all, err
}

// PutIdP stores what the identity provider of a connection says of itself, but not Tried.
func (tx *Tx) PutIdP(p *directory.IdP) error {
	certificates, _ := json.Marshal(p.Certificates) // strings always marshal
	_, err := tx.exec(`insert into idp (connection, entity_id, sign_in_url, sign_in_post, logout_url, answer_url, certificates, source,
		valid_until, updated, fetched, problem) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		on conflict (connection) do update set entity_id = excluded.entity_id, sign_in_url = excluded.sign_in_url,
		sign_in_post = excluded.sign_in_post, logout_url = excluded.logout_url, answer_url = excluded.answer_url,
		certificates = excluded.certificates, source = excluded.source, valid_until = excluded.valid_until, updated = excluded.updated,
		fetched = excluded.fetched, problem = excluded.problem`,
		int64(p.Connection), p.EntityID, p.SignInURL, p.SignInPost, p.LogoutURL, p.AnswerURL, string(certificates), p.Source,
		null(ms(p.ValidUntil)), ms(p.Updated), null(ms(p.Fetched)), p.Problem)
	return err
}

// TryIdP notes that the source of a connection's identity provider is asked now. first is false when somebody did so since last,
// which is when it was asked before.
func (tx *Tx) TryIdP(connection directory.Row, last time.Time) (first bool, err error) {
	n, err := tx.exec(`update idp set tried = $2 where connection = $1 and coalesce(tried, 0) = $3`, int64(connection), tx.now, ms(last))
	return n > 0, err
}

// WarnCertificate notes that a warning about a certificate came, days before its end, and reports whether it was due: it is not
// when one as near to the end, or nearer, came less than pause ago.
func (tx *Tx) WarnCertificate(connection directory.Row, sha256 string, days int, pause time.Duration) (told bool, err error) {
	n, err := tx.exec(`insert into certificate_warning (connection, sha256, warned, told) values ($1, $2, $3, $4)
		on conflict (connection, sha256) do update set warned = excluded.warned, told = excluded.told
		where certificate_warning.warned > excluded.warned or certificate_warning.told <= excluded.told - $5`,
		int64(connection), sha256, days, tx.now, pause.Milliseconds())
	return n > 0, err
}

// SAMLKeys returns our keys for SAML, oldest first.
func (tx *Tx) SAMLKeys() (all []directory.SAMLKey, err error) {
	err = tx.each(`select row_id, id, private, certificate, created from saml_key order by row_id`, nil, func(scan func(...any) error) error {
		var (
			k       directory.SAMLKey
			created int64
		)
		err := scan((*int64)(&k.Row), (*string)(&k.ID), &k.Private, &k.Certificate, &created)
		k.Created = at(created)
		all = append(all, k)
		return err
	})
	return all, err
}

// AddSAMLKey stores a new key that follows the one in that row, zero for none, and sets its row. added is false when that one has a
// successor already.
func (tx *Tx) AddSAMLKey(k *directory.SAMLKey, follows directory.Row) (added bool, err error) {
	return tx.add(&k.Row, `insert into saml_key (follows, id, private, certificate, created) values ($1, $2, $3, $4, $5)
		on conflict do nothing returning_row`, int64(follows), string(k.ID), k.Private, k.Certificate, ms(k.Created))
}

// RemoveSAMLKeys removes the keys in these rows.
func (tx *Tx) RemoveSAMLKeys(rows []directory.Row) error {
	_, err := tx.exec(`delete from saml_key where row_id in rows($1)`, list(rows))
	return err
}
