package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/cursor"
	"github.com/rollcall-id/rollcall/scim/schema"
	"github.com/rollcall-id/rollcall/store"
)

const (
	defaultCount = 100
	maxCount     = 200
	// maxPage is how many bytes of documents a page has in memory without waiting for its turn.
	maxPage = 1 << 20
)

// listing is a list that is asked for, and what it found: all resources of the first type, then those of the next.
type listing struct {
	parts []*part
	count int
	start int           // startIndex; 0 in a walk by cursor
	from  cursor.Cursor // of a walk
	total int64         // -1 where it is not known
	next  *cursor.Cursor

	bytes int  // of documents that may be read; 0: any
	large bool // it has a place of what is large
}

// part is what a list asks of one type of resource, and what it found.
type part struct {
	r      *request // with the projection of the type
	query  directory.Query
	ofUser bool
	users  []directory.Identity
	has    derived
	groups []directory.Group
}

// listAll answers a query over all types of resource, Users first.
//
// RFC 7644, section 3.4.2.1.
func (d *Door) listAll(r *request) (*answer, error) { return d.list(r, r.user, r.group) }

// list answers a query over types of resource.
//
// RFC 7644, section 3.4.2. RFC 9865, section 2.
func (d *Door) list(r *request, types ...*schema.Resource) (*answer, error) {
	l, err := d.newListing(r, types)
	if err != nil {
		return nil, err
	}
	release, err := d.readInTurn(r, l)
	if err != nil {
		return nil, err
	}
	next := ""
	if l.next != nil {
		seal, err := d.sealer(r.Context())
		if err != nil {
			release()
			return nil, err
		}
		next = seal.Seal(*l.next, d.DB.Now(), r.asked(types))
	}
	return &answer{status: http.StatusOK, stream: func(w *writer) error {
		defer release()
		w.large = l.large
		return d.writeListing(w, l, next)
	}}, nil
}

// readInTurn reads a page at once if its documents are small, else when there is room in memory, which it has until release.
func (d *Door) readInTurn(r *request, l *listing) (release func(), err error) {
	l.bytes = maxPage
	if err = d.read(r, l); !errors.Is(err, store.ErrBytes) {
		return func() {}, err
	}
	l.bytes = 0
	if release, err = d.enterLarge(r); err != nil {
		return nil, err
	}
	l.large = true
	kept := false
	defer func() {
		if !kept {
			release()
		}
	}()
	err = d.read(r, l)
	kept = err == nil
	return release, err
}

// newListing reads the parameters of a list.
func (d *Door) newListing(r *request, types []*schema.Resource) (l *listing, err error) {
	l = &listing{}
	from, walk := r.params["cursor"]
	if walk {
		err = r.walkParams(l)
	} else {
		err = r.pageParams(l)
	}
	if err != nil {
		return nil, err
	}
	for _, t := range types {
		p := &part{ofUser: t == r.user}
		p.query = directory.Query{Connection: r.actor.Connection, Walk: walk}
		if p.query.Where, err = parseFilter(r.params["filter"], t, types...); err != nil {
			return nil, err
		}
		if p.query.Sort, err = parseSort(r.params["sortby"], r.params["sortorder"], t, types...); err != nil {
			return nil, err
		}
		asking := *r
		asking.projection = t.Projection(r.params["attributes"], r.params["excludedattributes"])
		p.r = &asking
		l.parts = append(l.parts, p)
	}
	if walk {
		seal, err := d.sealer(r.Context())
		if err != nil {
			return nil, err
		}
		if l.from, err = seal.Open(from, d.DB.Now(), r.asked(types)); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// sealer returns what seals cursors, with the key that all nodes share.
func (d *Door) sealer(ctx context.Context) (*cursor.Sealer, error) {
	if seal := d.cursors.Load(); seal != nil {
		return seal, nil
	}
	key, err := d.DB.Secret(ctx, "cursor")
	if err != nil {
		return nil, err
	}
	seal, err := cursor.New(key)
	if err != nil {
		return nil, err
	}
	d.cursors.Store(seal)
	return seal, nil
}

// asked is what a cursor is bound to. Its first number is the version of cursors.
func (r *request) asked(types []*schema.Resource) []byte {
	b := fmt.Appendf(nil, "2 %d %d %q %q %q", r.actor.Connection, r.actor.Extensions, r.params["filter"], r.params["sortby"], r.params["sortorder"])
	for _, t := range types {
		b = append(append(b, ' '), t.Name...)
	}
	return b
}

// pageParams reads startIndex and count.
//
// RFC 7644, section 3.4.2.4.
func (r *request) pageParams(l *listing) (err error) {
	if l.start, err = r.number("startindex", 1); err != nil {
		return err
	}
	if l.count, err = r.number("count", defaultCount); err != nil {
		return err
	}
	l.start, l.count = max(l.start, 1), min(max(l.count, 0), maxCount)
	return nil
}

// walkParams reads count, which has no use for zero here.
//
// RFC 9865, sections 2 and 2.1.
func (r *request) walkParams(l *listing) (err error) {
	if r.params["startindex"] != "" {
		return schema.Errorf(schema.InvalidCursor, "cursor and startIndex are two ways to read a list: send one of them")
	}
	if l.count, err = r.number("count", defaultCount); err != nil || l.count < 1 {
		return schema.Errorf(schema.InvalidCount, "count: must be an integer from 1 to %d", maxCount)
	}
	l.count = min(l.count, maxCount)
	return nil
}

// read asks the store: what an index leads to like every read, the rest where it is in nobody's way, and in turn with the searches
// of other connections.
func (d *Door) read(r *request, l *listing) error {
	fn := l.page
	if l.start == 0 {
		fn = l.walk
	}
	if len(l.parts) == 1 && l.parts[0].ofUser && l.parts[0].query.Unique() && l.start == 1 && l.count > 0 {
		if done, err := d.findOne(r, l); done || err != nil {
			return err
		}
	}
	indexed := true
	for _, p := range l.parts {
		indexed = indexed && p.query.Indexed()
	}
	if indexed {
		return d.DB.View(r.Context(), fn)
	}
	if err := d.searches.Enter(r.Context(), r.actor.Connection, false); err != nil {
		return err
	}
	defer d.searches.Leave(r.actor.Connection)
	err := d.DB.Search(r.Context(), fn)
	if directory.Is(err, directory.Limit) {
		return errTooMany
	}
	return err
}

// findOne finds the one User that a filter names, and its groups, in one statement. It is not done where an answer needs more or less
// than that.
func (d *Door) findOne(r *request, l *listing) (done bool, err error) {
	p := l.parts[0]
	if p.r.projection.Wants(schema.ChatURN) || !p.r.projection.Wants("groups") {
		return false, nil
	}
	var (
		i      directory.Identity
		groups []directory.Containment
		nested bool
	)
	err = d.DB.ViewOne(r.Context(), func(tx *store.Tx) (err error) {
		i, groups, nested, err = tx.IdentityFound(p.query)
		return err
	})
	if directory.Is(err, directory.NotFound) {
		return true, nil
	}
	if err != nil || nested {
		return false, err
	}
	l.total, p.users = 1, []directory.Identity{i}
	if groups != nil {
		p.has.groups = map[directory.Row][]directory.Containment{i.Row: groups}
	}
	return true, nil
}

// page finds the resources from startIndex on, counted over all types.
func (l *listing) page(tx *store.Tx) error {
	left, offset := l.count, int64(l.start-1)
	l.total = 0
	for _, p := range l.parts {
		p.query.Limit, p.query.Offset = left, int(offset)
		total, _, err := p.find(tx, l.bytes)
		if err != nil {
			return err
		}
		l.total += total
		left -= p.size()
		offset = max(offset-total, 0)
	}
	return nil
}

// walk finds the resources behind the cursor. How many there are in all is known when the first page holds them all.
func (l *listing) walk(tx *store.Tx) error {
	left := l.count
	l.total, l.next = 0, nil
	for n := l.from.Part; n < len(l.parts) && l.next == nil; n++ {
		p := l.parts[n]
		p.query.Limit, p.query.After = max(left, 1), nil // when the page is full, one tells whether anything follows
		if n == l.from.Part {
			p.query.After = l.from.After
		}
		total, next, err := p.find(tx, l.bytes)
		if err != nil {
			return err
		}
		l.total += total
		switch {
		case left == 0 && p.size() > 0:
			p.users, p.groups = nil, nil
			l.next = &cursor.Cursor{Part: n}
		case next != nil:
			l.next = &cursor.Cursor{Part: n, After: next}
		}
		left -= p.size()
	}
	if l.next != nil || l.from != (cursor.Cursor{}) {
		l.total = -1
	}
	return nil
}

func (p *part) size() int { return len(p.users) + len(p.groups) }

func (p *part) find(tx *store.Tx, bytes int) (total int64, next *directory.After, err error) {
	if !p.ofUser {
		page, err := tx.Groups(p.query)
		p.groups = page.Items
		return page.Total, page.Next, err
	}
	p.query.Bytes = bytes
	page, err := tx.Identities(p.query)
	p.users = page.Items
	if err == nil && len(p.users) > 0 {
		p.has, err = derive(tx, p.r, p.users...)
	}
	return page.Total, page.Next, err
}

func (d *Door) writeListing(w *writer, l *listing, next string) error {
	n := 0
	for _, p := range l.parts {
		n += p.size()
	}
	w.b = appendListHead(w.b, l.total, l.start, n, next)
	first := true
	separate := func() {
		if !first {
			w.b = append(w.b, ',')
		}
		first = false
	}
	for _, p := range l.parts {
		for i := range p.users {
			separate()
			b, err := d.appendUser(w.b, p.r, &p.users[i], p.has)
			if err != nil {
				return err
			}
			w.b = b
			if err := w.flush(); err != nil {
				return err
			}
		}
		for i := range p.groups {
			separate()
			if err := d.writeGroup(w, p.r, &p.groups[i]); err != nil {
				return err
			}
		}
	}
	w.b = append(w.b, "]}"...)
	return nil
}

// appendListHead begins a ListResponse, up to the bracket of its resources.
//
// RFC 7644, section 3.4.2. RFC 9865, section 2.
func appendListHead(b []byte, total int64, startIndex, n int, next string) []byte {
	b = append(b, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],`...)
	if total >= 0 {
		b = strconv.AppendInt(append(b, `"totalResults":`...), total, 10)
		b = append(b, ',')
	}
	if startIndex > 0 {
		b = strconv.AppendInt(append(b, `"startIndex":`...), int64(startIndex), 10)
		b = append(b, ',')
	}
	b = strconv.AppendInt(append(b, `"itemsPerPage":`...), int64(n), 10)
	if next != "" {
		b = append(append(append(b, `,"nextCursor":"`...), next...), '"')
	}
	return append(b, `,"Resources":[`...)
}
