package main

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// maxEvents is how many events a list may have.
const maxEvents = 100000

func (a *app) auditCommand() *cobra.Command {
	return noun("audit", "The audit log: every change, by whom, and from what to what", a.auditList())
}

type auditRow struct {
	Time       string            `json:"time"`
	Action     string            `json:"action"`
	Actor      string            `json:"actor"`
	Connection string            `json:"connection"`
	Token      directory.TokenID `json:"token"`
	RequestID  string            `json:"request_id"`
	Object     string            `json:"object"`
	ObjectName string            `json:"object_name"`
	Changes    directory.Changes `json:"changes"`
}

func (a *app) auditList() *cobra.Command {
	var object, request string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the newest events, oldest first",
		Example: `  rollcall audit list
  rollcall audit list --object alice
  rollcall audit list --object eng/backend --limit 20 --json
  rollcall audit list --request 06bq1s0v9g7p2k4m8n3r5t6w1x`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > maxEvents {
				return misused(cmd, "--limit: %d is not possible: use 1 to %d", limit, maxEvents)
			}
			if object != "" && request != "" {
				return misused(cmd, "either --object or --request is possible")
			}
			return a.do(func(c *call) error {
				ids, err := c.objects(object)
				if err != nil {
					return err
				}
				rows := all(c, func(tx *store.Tx) ([]auditRow, error) { return events(tx, object, ids, limit) })
				if request != "" {
					rows = c.eventsOf(request, limit)
				}
				return list(c, "TIME|ACTION|ACTOR|CONNECTION|OBJECT|CHANGES", rows, func(r auditRow) []string {
					name := r.ObjectName
					if name == "" {
						name = r.Object
					}
					return []string{r.Time, r.Action, r.Actor, r.Connection, name, inWords(r.Changes)}
				})
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&object, "object", "",
		"only what is about this: an id, or the name that a user, connection, team, channel or group has, or had when it was removed")
	cmd.Flags().StringVar(&request, "request", "", "only what came of this request: the number on an error page, or request_id in the log")
	cmd.Flags().IntVar(&limit, "limit", 1000, "at most so many")
	return a.jsonFlag(cmd)
}

// objects returns the ids under which events stand about what is called so or, if nothing is, was called so when it was removed;
// none for an empty name.
func (c *call) objects(name string) (ids []string, err error) {
	if name == "" {
		return nil, nil
	}
	if err := c.db.View(c.ctx, func(tx *store.Tx) (err error) { ids, err = idsOf(tx, name); return err }); err != nil {
		return nil, err
	}
	if len(ids) > 1 || directory.IsID(name) {
		return ids, nil
	}
	var removed []string
	err = c.db.Search(c.ctx, func(tx *store.Tx) (err error) { removed, err = tx.Removed(name); return err })
	if directory.Is(err, directory.Limit) {
		return nil, &complaint{
			failed, "nothing is called " + name + ", and there are too many events to look among what was removed",
			"name its id, which rollcall audit list shows with --json",
		}
	}
	return append(ids, removed...), err
}

// eventsOf returns the events of a request. No index leads to them.
func (c *call) eventsOf(request string, limit int) iter.Seq2[auditRow, error] {
	var rows []auditRow
	err := c.db.Search(c.ctx, func(tx *store.Tx) error {
		found, err := tx.EventsOfRequest(request, limit)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return &complaint{failed, "there is no event of the request " + request, "look for request_id=" + request + " in the log of the server: not everything that is refused is an event"}
		}
		rows, err = auditRows(tx, found)
		return err
	})
	if err != nil {
		return func(yield func(auditRow, error) bool) { yield(auditRow{}, err) }
	}
	return each(rows)
}

func events(tx *store.Tx, object string, ids []string, limit int) (rows []auditRow, err error) {
	found, err := tx.Events(ids, limit)
	if err != nil {
		return nil, err
	}
	if object != "" && len(found) == 0 {
		return nil, directory.Errorf(directory.NotFound, "", "there is no event about %s", object)
	}
	return auditRows(tx, found)
}

// auditRows gives events the names that their objects have now.
func auditRows(tx *store.Tx, found []directory.Event) (rows []auditRow, err error) {
	objects := map[string]bool{}
	for _, e := range found {
		objects[e.Object] = true
	}
	names, err := tx.Names(slices.Collect(maps.Keys(objects)))
	for _, e := range found {
		rows = append(rows, auditRow{
			stamp(e.Time), e.Action, e.Actor, e.Connection, e.Token, e.Request, e.Object, names[e.Object], e.Changes,
		})
	}
	return rows, err
}

// idsOf returns the ids under which events about an object stand that is called so.
func idsOf(tx *store.Tx, name string) ([]string, error) {
	ids := []string{name}
	account, err := tx.FindAccount(name)
	if err == nil {
		traces, err := tx.TracesOf(&account)
		if err != nil {
			return nil, err
		}
		ids = append(ids, traces...)
	} else if err := unlessMissing(err); err != nil {
		return nil, err
	}
	if conn, err := tx.Connection(name); err == nil {
		ids = append(ids, string(conn.ID))
	} else if err := unlessMissing(err); err != nil {
		return nil, err
	}
	groups, err := tx.FindGroups(0, name)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		ids = append(ids, string(g.ID))
	}
	places, err := placesOf(tx, name)
	return append(ids, places...), err
}

// placesOf returns the ids of the team, or of the channel written as team/channel, of that name.
func placesOf(tx *store.Tx, name string) ([]string, error) {
	name, channel, isChannel := strings.Cut(name, "/")
	t, err := tx.Team(name)
	if err != nil {
		return nil, unlessMissing(err)
	}
	if !isChannel {
		return []string{string(t.ID)}, nil
	}
	ch, err := tx.Channel(t.Row, channel)
	if err != nil {
		return nil, unlessMissing(err)
	}
	return []string{string(ch.ID)}, nil
}

// inWords writes changes as field: from → to.
func inWords(changes directory.Changes) string {
	var parts []string
	for _, field := range slices.Sorted(maps.Keys(changes)) {
		v := changes[field]
		if pair, ok := v.([]any); ok && len(pair) == 2 {
			parts = append(parts, fmt.Sprintf("%s: %s → %s", field, valueInWords(pair[0]), valueInWords(pair[1])))
		} else {
			parts = append(parts, fmt.Sprintf("%s: %s", field, valueInWords(v)))
		}
	}
	return strings.Join(parts, "; ")
}

func valueInWords(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case map[string]any:
		if len(v) == 0 {
			return "none"
		}
		return "{" + inWords(v) + "}"
	}
	if v == "" {
		return "none"
	}
	return fmt.Sprint(v)
}
