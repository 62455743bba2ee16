package store

import (
	"encoding/json"
	"slices"

	"github.com/rollcall-id/rollcall/directory"
)

const groupColumns = `g.row_id, g.id, g.connection, g.version, g.created, g.modified, g.display_name, coalesce(g.external_id, '')`

type groupScan struct {
	g                 directory.Group
	created, modified int64
}

func (s *groupScan) dest() []any {
	g := &s.g
	return []any{
		(*int64)(&g.Row), (*string)(&g.ID), (*int64)(&g.Connection), &g.Version, &s.created, &s.modified, &g.DisplayName, &g.ExternalID,
	}
}

func (s *groupScan) value() directory.Group {
	s.g.Created, s.g.Modified = at(s.created), at(s.modified)
	return s.g
}

func (tx *Tx) group(query string, args ...any) (directory.Group, error) {
	var s groupScan
	if ok, err := tx.get(query, args, s.dest()...); err != nil || !ok {
		return s.g, notFound("Group", "", err) // see noUser
	}
	return s.value(), nil
}

func (tx *Tx) groups(query string, args ...any) (all []directory.Group, err error) {
	err = tx.each(query, args, func(scan func(...any) error) error {
		var s groupScan
		if err := scan(s.dest()...); err != nil {
			return err
		}
		all = append(all, s.value())
		return nil
	})
	return all, err
}

// Group returns a group of the connection. Errors: NotFound.
func (tx *Tx) Group(connection directory.Row, id directory.GroupID) (directory.Group, error) {
	return tx.group(`select `+groupColumns+` from grp g where g.id = $1 and g.connection = $2`, string(id), int64(connection))
}

// HoldGroup is Group, and keeps others from changing the group or its members until the end.
func (tx *Tx) HoldGroup(connection directory.Row, id directory.GroupID) (directory.Group, error) {
	return tx.group(`select `+groupColumns+` from grp g where g.id = $1 and g.connection = $2 for_update`, string(id), int64(connection))
}

// GroupNamed returns the group of that name. Errors: NotFound.
func (tx *Tx) GroupNamed(connection directory.Row, name string) (directory.Group, error) {
	return tx.group(`select `+groupColumns+` from grp g where g.connection = $1 and g.name_key = $2`, int64(connection), directory.Key(name))
}

// FindGroups returns the groups of that id or name, of one connection or of all when it is zero.
func (tx *Tx) FindGroups(connection directory.Row, name string) ([]directory.Group, error) {
	return tx.groups(`select `+groupColumns+` from grp g where (g.id = $1 or g.name_key = $2) and ($3 = 0 or g.connection = $3) order by g.row_id`,
		name, directory.Key(name), int64(connection))
}

// GroupsIn returns up to limit groups of a connection (of all when it is zero) behind the row after.
func (tx *Tx) GroupsIn(connection, after directory.Row, limit int) ([]directory.Group, error) {
	return tx.groups(`select `+groupColumns+` from grp g where ($1 = 0 or g.connection = $1) and g.row_id > $2 order by g.row_id limit $3`,
		int64(connection), int64(after), int64(limit))
}

// AddGroup stores a new group and sets its row. Errors: Conflict when displayName or externalId is taken.
func (tx *Tx) AddGroup(g *directory.Group) error {
	ok, err := tx.add(&g.Row, `insert into grp (id, connection, version, created, modified, display_name, name_key, external_id)
		values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing returning_row`,
		string(g.ID), int64(g.Connection), g.Version, ms(g.Created), ms(g.Modified), g.DisplayName, directory.Key(g.DisplayName), null(g.ExternalID))
	if err != nil || ok {
		return err
	}
	return tx.groupTaken(g)
}

// groupTaken is the Conflict of a group with one that has its name or its externalId, and nil when none has.
func (tx *Tx) groupTaken(g *directory.Group) error {
	var named bool
	found, err := tx.get(`select name_key = $3 from grp where connection = $1 and row_id <> $2 and (name_key = $3 or external_id = $4)
		order by 1 desc limit 1`, []any{int64(g.Connection), int64(g.Row), directory.Key(g.DisplayName), null(g.ExternalID)}, &named)
	if err != nil || !found {
		return err
	}
	field := "externalId"
	if named {
		field = "displayName"
	}
	return directory.Errorf(directory.Conflict, field, "another Group has it")
}

// PutGroup stores a group that is there. Errors: Conflict when displayName or externalId is taken by another.
func (tx *Tx) PutGroup(g *directory.Group) error {
	if err := tx.groupTaken(g); err != nil {
		return err
	}
	_, err := tx.exec(`update grp set version = $2, modified = $3, display_name = $4, name_key = $5, external_id = $6 where row_id = $1`,
		int64(g.Row), g.Version, ms(g.Modified), g.DisplayName, directory.Key(g.DisplayName), null(g.ExternalID))
	return err
}

// TouchGroup is PutGroup for a group whose name and externalId are as they were.
func (tx *Tx) TouchGroup(g *directory.Group) error {
	_, err := tx.exec(`update grp set version = $2, modified = $3 where row_id = $1`, int64(g.Row), g.Version, ms(g.Modified))
	return err
}

// RemoveGroup removes a group and its members; links to it fall asleep.
func (tx *Tx) RemoveGroup(g *directory.Group) error {
	_, err := tx.exec(`delete from grp where row_id = $1`, int64(g.Row))
	return err
}

// Members returns up to limit members of a group behind the member after: identities first, then groups, each in the order
// in which they were made.
func (tx *Tx) Members(group directory.Row, after directory.Member, limit int) (all []directory.Member, err error) {
	collect := func(group bool) func(func(...any) error) error {
		return func(scan func(...any) error) error {
			m := directory.Member{Group: group}
			if err := scan((*int64)(&m.Row), &m.ID, &m.Display); err != nil {
				return err
			}
			all = append(all, m)
			return nil
		}
	}
	if !after.Group {
		if err := tx.each(`select m.identity, i.id, i.user_name from member m join identity i on i.row_id = m.identity
			where m.grp = $1 and m.identity > $2 order by m.identity limit $3`,
			[]any{int64(group), int64(after.Row), int64(limit)}, collect(false)); err != nil {
			return nil, err
		}
		after = directory.Member{Group: true}
	}
	if len(all) == limit {
		return all, nil
	}
	return all, tx.each(`select n.child, g.id, g.display_name from nesting n join grp g on g.row_id = n.child
		where n.parent = $1 and n.child > $2 order by n.child limit $3`, []any{int64(group), int64(after.Row), int64(limit - len(all))}, collect(true))
}

// MoreMembers reports whether a group has more than n members.
func (tx *Tx) MoreMembers(group directory.Row, n int) (bool, error) {
	var one int64
	return tx.get(`select 1 from member where grp = $1 union all select 1 from nesting where parent = $1 limit 1 offset $2`,
		[]any{int64(group), int64(n)}, &one)
}

// CountMembers returns how many members a group has, nested groups counted as one each.
func (tx *Tx) CountMembers(group directory.Row) (n int64, err error) {
	_, err = tx.get(`select (select count(*) from member where grp = $1) + (select count(*) from nesting where parent = $1)`, []any{int64(group)}, &n)
	return n, err
}

// Strays returns up to limit of the values of a group that named nobody.
func (tx *Tx) Strays(group directory.Row, limit int) ([]string, error) {
	return tx.textsOf(`select value from stray where grp = $1 order by value limit $2`, int64(group), int64(limit))
}

// Resolved is what the values in an edit of members turned out to name.
type Resolved struct {
	Identities []directory.Row
	Groups     []directory.Row
	Strays     []string
}

// Resolve finds the identities and groups of the connection that values name.
func (tx *Tx) Resolve(connection directory.Row, values []string) (r Resolved, err error) {
	if len(values) == 0 {
		return r, nil
	}
	found := make(map[string]bool, len(values))
	find := func(to *[]directory.Row, query, ids string) error {
		return tx.each(query, []any{int64(connection), ids}, func(scan func(...any) error) error {
			var (
				row int64
				id  string
			)
			if err := scan(&row, &id); err != nil {
				return err
			}
			found[id] = true
			*to = append(*to, directory.Row(row))
			return nil
		})
	}
	// The plus keeps SQLite from taking the index on connection, which leads to everybody.
	if err := find(&r.Identities, `select row_id, id from identity where id in texts($2) and +connection = $1`, texts(values)); err != nil {
		return r, err
	}
	rest := unfound(values, found)
	if len(rest) == 0 {
		return r, nil
	}
	if err := find(&r.Groups, `select row_id, id from grp where id in texts($2) and +connection = $1`, texts(rest)); err != nil {
		return r, err
	}
	r.Strays = unfound(rest, found)
	return r, nil
}

// CompareMembers returns what a group's direct members lack and have too much beside values, each of which stands there once:
// fresh are the values that are no member, gone the members, and the values that named nobody, that are not among values.
func (tx *Tx) CompareMembers(group directory.Row, values []string) (fresh, gone []string, err error) {
	if fresh, gone, err = tx.compareIdentities(group, values); err != nil {
		return nil, nil, err
	}
	others, err := tx.textsOf(`select g.id from nesting n join grp g on g.row_id = n.child where n.parent = $1
		union all select s.value from stray s where s.grp = $1`, int64(group))
	if err != nil || len(others) == 0 {
		return fresh, gone, err
	}
	named := make(map[string]bool, len(others)) // whether each of others is among the values
	for _, v := range others {
		named[v] = false
	}
	fresh = slices.DeleteFunc(fresh, func(v string) bool {
		_, there := named[v]
		if there {
			named[v] = true
		}
		return there
	})
	return fresh, append(gone, slices.DeleteFunc(others, func(v string) bool { return named[v] })...), nil
}

// compareIdentities is CompareMembers for the members that are identities.
func (tx *Tx) compareIdentities(group directory.Row, values []string) (fresh, gone []string, err error) {
	// Whole lists in one row each: a row for each of 100,000 costs as much as all the rest.
	named, err := tx.listOf(`select `+tx.d.array("identity")+` from (
		select (select i.row_id from identity i where i.id = value) as identity from texts_table($1) order by key) named`, texts(values))
	if err != nil {
		return nil, nil, err
	}
	members, err := tx.listOf(`select `+tx.d.array("identity")+` from member where grp = $1`, int64(group))
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(members)
	stays := make([]bool, len(members))
	for n, row := range named {
		at, is := slices.BinarySearch(members, row)
		if is {
			stays[at] = true
		} else {
			fresh = append(fresh, values[n])
		}
	}
	var leave []directory.Row
	for n, row := range members {
		if !stays[n] {
			leave = append(leave, row)
		}
	}
	if leave != nil {
		if gone, err = tx.textsOf(`select id from identity where row_id in rows($1)`, list(leave)); err != nil {
			return nil, nil, err
		}
	}
	return fresh, gone, nil
}

func unfound(values []string, found map[string]bool) (rest []string) {
	for _, v := range values {
		if !found[v] {
			rest = append(rest, v)
		}
	}
	return rest
}

func texts(values []string) string {
	if len(values) == 0 {
		return "[]" // nil would be null, which is no list
	}
	b := make([]byte, 0, len(values)*32)
	for i, v := range values {
		b = append(b, ',')
		if i == 0 {
			b[0] = '['
		}
		if directory.IsID(v) {
			b = append(append(append(b, '"'), v...), '"')
			continue
		}
		quoted, _ := json.Marshal(v) // a string always marshals
		b = append(b, quoted...)
	}
	return string(append(b, ']'))
}

// AddMembers puts identities into a group and returns those that were not in it. An identity that is removed meanwhile is
// passed over.
func (tx *Tx) AddMembers(group directory.Row, identities []directory.Row) ([]directory.Row, error) {
	return tx.rowsOf(`insert into member (grp, identity) select cast($1 as bigint), row_id from identity where row_id in rows($2) for_presence
		on conflict do nothing returning identity`, int64(group), list(identities))
}

// DropMembers takes identities out of a group and returns those that were in it.
func (tx *Tx) DropMembers(group directory.Row, identities []directory.Row) ([]directory.Row, error) {
	return tx.rowsOf(`delete from member where grp = $1 and identity in rows($2) returning identity`, int64(group), list(identities))
}

// KeepMembers takes all identities out of a group but these and returns those that were in it.
func (tx *Tx) KeepMembers(group directory.Row, identities []directory.Row) ([]directory.Row, error) {
	return tx.rowsOf(`delete from member where grp = $1 and identity not in rows($2) returning identity`, int64(group), list(identities))
}

// DropMemberEverywhere takes an identity out of every group and returns the groups; their versions have grown.
func (tx *Tx) DropMemberEverywhere(identity directory.Row) ([]directory.Row, error) {
	groups, err := tx.rowsOf(`delete from member where identity = $1 returning grp`, int64(identity))
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	return groups, tx.TouchGroups(groups)
}

// TouchGroups lets the versions of groups grow, whose members changed.
func (tx *Tx) TouchGroups(groups []directory.Row) error {
	_, err := tx.exec(`update grp set version = version + 1, modified = $2 where row_id in rows($1)`, list(groups), tx.now)
	return err
}

// GroupsWith returns the rows of the groups that an identity is directly in.
func (tx *Tx) GroupsWith(identity directory.Row) ([]directory.Row, error) {
	return tx.rowsOf(`select grp from member where identity = $1 order by grp`, int64(identity))
}

// ParentsOf returns the rows of the groups that a group is directly in.
func (tx *Tx) ParentsOf(group directory.Row) ([]directory.Row, error) {
	return tx.rowsOf(`select parent from nesting where child = $1 order by parent`, int64(group))
}

// AddChildren nests groups in a group and returns those that were not in it.
func (tx *Tx) AddChildren(group directory.Row, groups []directory.Row) ([]directory.Row, error) {
	return tx.rowsOf(`insert into nesting (parent, child) select cast($1 as bigint), row_id from grp where row_id in rows($2)
		on conflict do nothing returning child`, int64(group), list(groups))
}

// DropChildren takes groups out of a group and returns those that were in it.
func (tx *Tx) DropChildren(group directory.Row, groups []directory.Row) ([]directory.Row, error) {
	return tx.rowsOf(`delete from nesting where parent = $1 and child in rows($2) returning child`, int64(group), list(groups))
}

// KeepChildren takes all groups out of a group but these and returns those that were in it.
func (tx *Tx) KeepChildren(group directory.Row, groups []directory.Row) ([]directory.Row, error) {
	return tx.rowsOf(`delete from nesting where parent = $1 and child not in rows($2) returning child`, int64(group), list(groups))
}

// AddStrays notes values that name nobody and returns how many are new.
func (tx *Tx) AddStrays(group directory.Row, values []string) (int64, error) {
	return tx.exec(`insert into stray (grp, value) select cast($1 as bigint), value from texts_table($2) where true on conflict do nothing`,
		int64(group), texts(values))
}

// DropStrays forgets values that name nobody.
func (tx *Tx) DropStrays(group directory.Row, values []string) error {
	_, err := tx.exec(`delete from stray where grp = $1 and value in texts($2)`, int64(group), texts(values))
	return err
}

// KeepStrays forgets all values that name nobody but these.
func (tx *Tx) KeepStrays(group directory.Row, values []string) error {
	_, err := tx.exec(`delete from stray where grp = $1 and value not in texts($2)`, int64(group), texts(values))
	return err
}

// Below returns the groups and every group nested in them, at any depth.
func (tx *Tx) Below(groups []directory.Row) ([]directory.Row, error) {
	return tx.rowsOf(downward(`select row_id from grp where row_id in rows($1)`)+`select grp from down order by grp`, list(groups))
}

// upward begins a statement with the table up: the groups whose rows a statement selects, and all that they are nested in.
func upward(from string) string {
	return `with recursive up (grp) as (` + from + ` union select n.parent from up join nesting n on n.child = up.grp) `
}

// downward begins a statement with the table down: the groups whose rows a statement selects, and all that are nested in them.
func downward(from string) string {
	return `with recursive down (grp) as (` + from + ` union select n.child from down join nesting n on n.parent = down.grp) `
}

// HoldGroups keeps others from changing the groups or their members until the end.
func (tx *Tx) HoldGroups(groups []directory.Row) error {
	_, err := tx.rowsOf(`select row_id from grp where row_id in rows($1) order by row_id for_update`, list(groups))
	return err
}
