package store

import (
	"slices"

	"github.com/rollcall-id/rollcall/directory"
)

// desired is what the links want for the accounts in $1: from their groups upward to every ancestor, and from there to the
// links. A link to a channel wants its team too, as a member. SQLite takes the tables of a cross join in their order; else it
// would read every link there is.
const desired = `with recursive up (account, grp) as (
		select i.account, m.grp from identity i join member m on m.identity = i.row_id where i.account in rows($1)
		union
		select up.account, n.parent from up join nesting n on n.child = up.grp),
	want (account, team, channel, link, role) as (
		select up.account, l.team, l.channel, l.row_id, l.role from up cross join link l where l.grp = up.grp
		union
		select up.account, l.team, 0, l.row_id, 1 from up cross join link l where l.grp = up.grp and l.channel <> 0)
	`

// Settle gives the accounts the reasons that they should have, no more and no fewer, and returns how many reasons began and
// ended. The accounts must be held.
func (tx *Tx) Settle(accounts []directory.Row) (began, ended int64, err error) {
	if len(accounts) == 0 {
		return 0, 0, nil
	}
	in := list(accounts)
	for _, step := range []struct {
		count *int64
		query string
		args  []any
	}{
		{&ended, desired + `delete from reason where kind = 1 and account in rows($1) and not exists (
			select 1 from want w where w.account = reason.account and w.team = reason.team and w.channel = reason.channel and w.link = reason.link)`, []any{in}},
		{&began, desired + `insert into reason (account, team, channel, kind, link, role, since)
			select account, team, channel, 1, link, role, cast($2 as bigint) from want where true
			on conflict (account, team, channel, kind, link) do update set role = excluded.role where reason.role <> excluded.role`, []any{in, tx.now}},
		{&ended, `delete from reason where kind = 2 and account in rows($1) and (
			not exists (select 1 from reason t where t.account = reason.account and t.team = reason.team and t.channel = 0)
			or not exists (select 1 from channel c where c.row_id = reason.channel and c.is_default))`, []any{in}},
		{&began, `insert into reason (account, team, channel, kind, link, role, since)
			select distinct r.account, r.team, c.row_id, 2, 0, 1, cast($2 as bigint) from reason r join channel c on c.team = r.team and c.is_default
			where r.account in rows($1) and r.channel = 0 on conflict do nothing`, []any{in, tx.now}},
	} {
		n, err := tx.exec(step.query, step.args...)
		if err != nil {
			return 0, 0, err
		}
		*step.count += n
	}
	return began, ended, nil
}

// Reasons returns why an account is in which teams and channels, by the names of these; the team itself comes first.
func (tx *Tx) Reasons(account directory.Row) (all []directory.Reason, err error) {
	err = tx.each(`select x.account, x.team, x.channel, x.kind, x.link, x.role, t.name, coalesce(ch.name, ''), coalesce(c.name, ''),
			coalesce(l.name, ''), l.rule is not null
		from reason x join team t on t.row_id = x.team left join channel ch on ch.row_id = x.channel
		left join link l on l.row_id = x.link left join connection c on c.row_id = l.connection
		where x.account = $1 order by t.name, coalesce(ch.name, ''), x.kind, x.link`, []any{int64(account)}, func(scan func(...any) error) error {
		var (
			r          directory.Reason
			kind, role int64
		)
		err := scan((*int64)(&r.Account), (*int64)(&r.Team), (*int64)(&r.Channel), &kind, (*int64)(&r.Link), &role,
			&r.TeamName, &r.ChannelName, &r.Connection, &r.Group, &r.Rule)
		r.Kind, r.Role = directory.ReasonKind(kind), directory.Role(role)
		all = append(all, r)
		return err
	})
	return all, err
}

// PlacesOf returns, by account, who the accounts are and where they are, by the names of teams and channels. Zero among the
// accounts is nobody.
func (tx *Tx) PlacesOf(accounts ...directory.Row) (map[directory.Row]directory.Places, error) {
	all := make(map[directory.Row]directory.Places, len(accounts))
	err := tx.each(`select row_id, id, username from account where row_id in rows($1)`, []any{list(accounts)}, func(scan func(...any) error) error {
		var (
			row directory.Row
			p   directory.Places
		)
		err := scan((*int64)(&row), (*string)(&p.Account), &p.Username)
		all[row] = p
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, tx.each(`select x.account, t.name, coalesce(ch.name, ''), max(x.role)
		from reason x join team t on t.row_id = x.team left join channel ch on ch.row_id = x.channel
		where x.account in rows($1) group by x.account, t.name, ch.name order by t.name, ch.name`, []any{list(accounts)}, func(scan func(...any) error) error {
		var (
			row           directory.Row
			team, channel string
			role          int64
		)
		err := scan((*int64)(&row), &team, &channel, &role)
		p := all[row]
		if channel == "" {
			p.Teams = append(p.Teams, directory.Place{Name: team, Role: directory.Role(role)})
		} else {
			p.Channels = append(p.Channels, directory.Place{Name: team + "/" + channel, Role: directory.Role(role)})
		}
		all[row] = p
		return err
	})
}

// AccountsThrough returns up to limit accounts behind the account after that have the link as a reason.
func (tx *Tx) AccountsThrough(link, after directory.Row, limit int) ([]directory.Row, error) {
	return tx.rowsOf(`select distinct account from reason where link = $1 and link <> 0 and account > $2 order by account limit $3`,
		int64(link), int64(after), int64(limit))
}

// AccountsOf returns the accounts of identities and keeps others from binding these elsewhere until the end.
func (tx *Tx) AccountsOf(identities []directory.Row) ([]directory.Row, error) {
	all, err := tx.rowsOf(`select coalesce(account, 0) from identity where row_id in rows($1) order by row_id for_update`, list(identities))
	return slices.DeleteFunc(all, func(r directory.Row) bool { return r == 0 }), err
}

// MembersIn returns up to limit identities that are directly in groups, one as often as it is in them.
func (tx *Tx) MembersIn(groups []directory.Row, limit int) ([]directory.Row, error) {
	return tx.rowsOf(`select identity from member where grp in rows($1) limit $2`, list(groups), int64(limit))
}

// MembersFrom returns up to limit direct members of a group behind the identity after, and their accounts; the account is zero
// where there is none.
func (tx *Tx) MembersFrom(group, after directory.Row, limit int) (identities, accounts []directory.Row, err error) {
	err = tx.each(`select m.identity, coalesce(i.account, 0) from member m join identity i on i.row_id = m.identity
		where m.grp = $1 and m.identity > $2 order by m.identity limit $3`, []any{int64(group), int64(after), int64(limit)},
		func(scan func(...any) error) error {
			var identity, account directory.Row
			if err := scan((*int64)(&identity), (*int64)(&account)); err != nil {
				return err
			}
			identities = append(identities, identity)
			if account != 0 {
				accounts = append(accounts, account)
			}
			return nil
		})
	return identities, accounts, err
}

// GroupsUnderLink returns the groups that a link concerns, the one that it names and all that are nested in it, in ascending
// order; none while it sleeps.
func (tx *Tx) GroupsUnderLink(link directory.Row) ([]directory.Row, error) {
	return tx.rowsOf(downward(`select grp from link where row_id = $1 and grp is not null`)+`select grp from down order by grp`, int64(link))
}

// AddByHand puts an account into a team because somebody said so, with a role. Memberships that follow are Settle's.
func (tx *Tx) AddByHand(account, team directory.Row, role directory.Role) error {
	_, err := tx.exec(`insert into reason (account, team, channel, kind, link, role, since) values ($1, $2, 0, 3, 0, $3, $4)
		on conflict (account, team, channel, kind, link) do update set role = excluded.role`, int64(account), int64(team), int64(role), tx.now)
	return err
}
