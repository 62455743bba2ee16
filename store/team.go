package store

import "github.com/rollcall-id/rollcall/directory"

const (
	teamColumns    = `t.row_id, t.id, t.name, t.display_name, t.type, t.created`
	channelColumns = `c.row_id, c.id, c.team, c.name, c.display_name, c.type, c.is_default, c.created`
)

func scanTeam(scan func(...any) error) (t directory.Team, err error) {
	var created int64
	err = scan((*int64)(&t.Row), (*string)(&t.ID), &t.Name, &t.DisplayName, &t.Type, &created)
	t.Created = at(created)
	return t, err
}

func scanChannel(scan func(...any) error) (c directory.Channel, err error) {
	var created int64
	err = scan((*int64)(&c.Row), (*string)(&c.ID), (*int64)(&c.Team), &c.Name, &c.DisplayName, &c.Type, &c.Default, &created)
	c.Created = at(created)
	return c, err
}

// Team returns the team of that name. Errors: NotFound.
func (tx *Tx) Team(name string) (t directory.Team, err error) {
	err = tx.only("team", name, `select `+teamColumns+` from team t where t.name = $1`, []any{name}, func(scan func(...any) error) error {
		t, err = scanTeam(scan)
		return err
	})
	return t, err
}

// Teams returns every team, by name.
func (tx *Tx) Teams() (all []directory.Team, err error) {
	err = tx.each(`select `+teamColumns+` from team t order by t.name`, nil, func(scan func(...any) error) error {
		t, err := scanTeam(scan)
		all = append(all, t)
		return err
	})
	return all, err
}

// AddTeam stores a new team and sets its row. Errors: Conflict when the name is taken.
func (tx *Tx) AddTeam(t *directory.Team) error {
	ok, err := tx.add(&t.Row, `insert into team (id, name, display_name, type, created) values ($1, $2, $3, $4, $5)
		on conflict do nothing returning_row`, string(t.ID), t.Name, t.DisplayName, t.Type, ms(t.Created))
	return taken("team", t.Name, ok, err)
}

// Channel returns the channel of that name in the team. Errors: NotFound.
func (tx *Tx) Channel(team directory.Row, name string) (c directory.Channel, err error) {
	err = tx.only("channel", name, `select `+channelColumns+` from channel c where c.team = $1 and c.name = $2`, []any{int64(team), name},
		func(scan func(...any) error) error {
			c, err = scanChannel(scan)
			return err
		})
	return c, err
}

// Channels returns the channels of a team, by name.
func (tx *Tx) Channels(team directory.Row) (all []directory.Channel, err error) {
	err = tx.each(`select `+channelColumns+` from channel c where c.team = $1 order by c.name`, []any{int64(team)}, func(scan func(...any) error) error {
		c, err := scanChannel(scan)
		all = append(all, c)
		return err
	})
	return all, err
}

// AddChannel stores a new channel and sets its row. Errors: Conflict when the team has one of that name.
func (tx *Tx) AddChannel(c *directory.Channel) error {
	ok, err := tx.add(&c.Row, `insert into channel (id, team, name, display_name, type, is_default, created) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict do nothing returning_row`, string(c.ID), int64(c.Team), c.Name, c.DisplayName, c.Type, c.Default, ms(c.Created))
	return taken("channel", c.Name, ok, err)
}

// IsDefaultChannel reports whether channels of that name are default ones.
func (tx *Tx) IsDefaultChannel(name string) (bool, error) {
	return tx.get(`select name from default_channel where name = $1`, []any{name}, &name)
}

// SetDefaultChannels makes the channels of these names, in every team, the default ones and returns how many channels changed.
func (tx *Tx) SetDefaultChannels(names []string) (int64, error) {
	if _, err := tx.exec(`delete from default_channel where name not in texts($1)`, texts(names)); err != nil {
		return 0, err
	}
	if _, err := tx.exec(`insert into default_channel (name) select value from texts_table($1) where true on conflict do nothing`, texts(names)); err != nil {
		return 0, err
	}
	return tx.exec(`update channel set is_default = not is_default where is_default <> (name in texts($1))`, texts(names))
}

// only is each for a query that returns one row. Errors: NotFound.
func (tx *Tx) only(what, name, query string, args []any, row func(scan func(...any) error) error) error {
	found := false
	err := tx.each(query, args, func(scan func(...any) error) error {
		found = true
		return row(scan)
	})
	if err == nil && !found {
		return notFound(what, name, nil)
	}
	return err
}
