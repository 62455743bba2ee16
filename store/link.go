package store

import "github.com/rollcall-id/rollcall/directory"

const linkQuery = `select l.row_id, l.id, l.connection, l.name, coalesce(l.grp, 0), l.team, l.channel, l.role, coalesce(l.rule, 0), l.created,
		c.name, t.name, coalesce(ch.name, ''), coalesce(r.id, '')
	from link l join connection c on c.row_id = l.connection join team t on t.row_id = l.team
	left join channel ch on ch.row_id = l.channel left join rule r on r.row_id = l.rule `

func (tx *Tx) links(where string, args ...any) (all []directory.Link, err error) {
	err = tx.each(linkQuery+where, args, func(scan func(...any) error) error {
		var (
			l       directory.Link
			role    int64
			created int64
		)
		err := scan((*int64)(&l.Row), (*string)(&l.ID), (*int64)(&l.Connection), &l.Name, (*int64)(&l.Group), (*int64)(&l.Team), (*int64)(&l.Channel),
			&role, (*int64)(&l.Rule), &created, &l.ConnName, &l.TeamName, &l.ChannelName, (*string)(&l.RuleID))
		l.Role, l.Created = directory.Role(role), at(created)
		all = append(all, l)
		return err
	})
	return all, err
}

// Links returns every link, in the order in which they were made.
func (tx *Tx) Links() ([]directory.Link, error) { return tx.links(`order by l.row_id`) }

// LinksOf returns the links that are awake for a group.
func (tx *Tx) LinksOf(group directory.Row) ([]directory.Link, error) {
	return tx.links(`where l.grp = $1 order by l.row_id`, int64(group))
}

// LinksNamed returns the links of a connection, awake or asleep, for groups of that name.
func (tx *Tx) LinksNamed(connection directory.Row, name string) ([]directory.Link, error) {
	return tx.links(`where l.connection = $1 and l.name_key = $2 order by l.row_id`, int64(connection), directory.Key(name))
}

// LinksAbove returns the rows of the links that members of the groups are concerned by: of the groups themselves and of every
// group that they are nested in.
func (tx *Tx) LinksAbove(groups []directory.Row) ([]directory.Row, error) {
	// A cross join, as in desired, or SQLite would read every link there is.
	return tx.rowsOf(upward(`select row_id from grp where row_id in rows($1)`)+
		`select l.row_id from up cross join link l where l.grp = up.grp order by 1`, list(groups))
}

// Link returns a link. Errors: NotFound.
func (tx *Tx) Link(id directory.LinkID) (directory.Link, error) {
	all, err := tx.links(`where l.id = $1`, string(id))
	if err != nil || len(all) == 0 {
		return directory.Link{}, notFound("link", id, err)
	}
	return all[0], nil
}

// AddLink stores a new link and sets its row.
func (tx *Tx) AddLink(l *directory.Link) error {
	_, err := tx.add(&l.Row, `insert into link (id, connection, name, name_key, grp, team, channel, role, rule, created)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning_row`, string(l.ID), int64(l.Connection), l.Name, directory.Key(l.Name),
		null(int64(l.Group)), int64(l.Team), int64(l.Channel), int64(l.Role), null(int64(l.Rule)), ms(l.Created))
	return err
}

// WakeLinks binds the sleeping links for groups of that name to the group and returns their rows.
func (tx *Tx) WakeLinks(g *directory.Group) ([]directory.Row, error) {
	return tx.rowsOf(`update link set grp = $1 where connection = $2 and name_key = $3 and grp is null returning row_id`,
		int64(g.Row), int64(g.Connection), directory.Key(g.DisplayName))
}

// RenameLinks gives the links of a group the name that it has now.
func (tx *Tx) RenameLinks(g *directory.Group) error {
	_, err := tx.exec(`update link set name = $2, name_key = $3 where grp = $1`, int64(g.Row), g.DisplayName, directory.Key(g.DisplayName))
	return err
}

// RemoveLink removes a link. The reasons that it was stay until the accounts are settled.
func (tx *Tx) RemoveLink(row directory.Row) error {
	_, err := tx.exec(`delete from link where row_id = $1`, int64(row))
	return err
}

const ruleQuery = `select r.row_id, r.id, r.connection, c.name, r.pattern, r.team, r.channel, r.role, r.make, r.created
	from rule r join connection c on c.row_id = r.connection `

func (tx *Tx) rules(where string, args ...any) (all []directory.Rule, err error) {
	err = tx.each(ruleQuery+where, args, func(scan func(...any) error) error {
		var (
			r             directory.Rule
			role, created int64
		)
		err := scan((*int64)(&r.Row), (*string)(&r.ID), (*int64)(&r.Connection), &r.ConnName, &r.Pattern, &r.Team, &r.Channel, &role, &r.Make, &created)
		r.Role, r.Created = directory.Role(role), at(created)
		all = append(all, r)
		return err
	})
	return all, err
}

// Rules returns the rules of a connection, or of all when it is zero, in the order in which they were made.
func (tx *Tx) Rules(connection directory.Row) ([]directory.Rule, error) {
	return tx.rules(`where $1 = 0 or r.connection = $1 order by r.row_id`, int64(connection))
}

// RuleAt returns the rule in that row. Errors: NotFound.
func (tx *Tx) RuleAt(row directory.Row) (directory.Rule, error) {
	all, err := tx.rules(`where r.row_id = $1`, int64(row))
	if err != nil || len(all) == 0 {
		return directory.Rule{}, notFound("rule", "", err)
	}
	return all[0], nil
}

// Rule returns a rule. Errors: NotFound.
func (tx *Tx) Rule(id directory.RuleID) (directory.Rule, error) {
	all, err := tx.rules(`where r.id = $1`, string(id))
	if err != nil || len(all) == 0 {
		return directory.Rule{}, notFound("rule", id, err)
	}
	return all[0], nil
}

// AddRule stores a new rule and sets its row.
func (tx *Tx) AddRule(r *directory.Rule) error {
	_, err := tx.add(&r.Row, `insert into rule (id, connection, pattern, team, channel, role, make, created)
		values ($1, $2, $3, $4, $5, $6, $7, $8) returning_row`, string(r.ID), int64(r.Connection), r.Pattern, r.Team, r.Channel,
		int64(r.Role), r.Make, ms(r.Created))
	return err
}

// RemoveRule removes a rule with its links, whose rows it returns.
func (tx *Tx) RemoveRule(row directory.Row) ([]directory.Row, error) {
	links, err := tx.rowsOf(`delete from link where rule = $1 returning row_id`, int64(row))
	if err != nil {
		return nil, err
	}
	_, err = tx.exec(`delete from rule where row_id = $1`, int64(row))
	return links, err
}

// LinkID returns the id of a link, empty when it is gone.
func (tx *Tx) LinkID(row directory.Row) (id directory.LinkID, err error) {
	_, err = tx.get(`select id from link where row_id = $1`, []any{int64(row)}, (*string)(&id))
	return id, err
}

// LinksBy returns the rows of the links that a rule made.
func (tx *Tx) LinksBy(rule directory.Row) ([]directory.Row, error) {
	return tx.rowsOf(`select row_id from link where rule = $1 order by row_id`, int64(rule))
}

// LinksIn returns the rows of the links of a connection.
func (tx *Tx) LinksIn(connection directory.Row) ([]directory.Row, error) {
	return tx.rowsOf(`select row_id from link where connection = $1 order by row_id`, int64(connection))
}
