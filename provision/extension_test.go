package provision_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func definition(urn, attributes string) []byte {
	return []byte(`{"id":"` + urn + `","attributes":[` + attributes + `]}`)
}

func (h *house) extensions(connection directory.Row) (all []directory.Extension) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) { all, err = tx.Extensions(connection); return err })
	return all
}

func (h *house) extend(connection, urn, attributes string) directory.Extension {
	h.t.Helper()
	e, err := h.s.AddExtension(h.ctx(), h.admin, connection, definition(urn, attributes))
	h.must(err)
	return e
}

func TestExtension_comes_goes_and_comes_back(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.connect("entra", "")
		if c := h.connection("okta"); c.Extensions != 0 {
			t.Errorf("a connection without extensions has revision %d", c.Extensions)
		}
		revisions := []int64{0}
		changed := func(want bool) {
			t.Helper()
			now := h.connection("okta").Extensions
			if (now > revisions[len(revisions)-1]) != want {
				t.Errorf("revision %d after %d", now, revisions[len(revisions)-1])
			}
			revisions = append(revisions, now)
		}
		h.extend("okta", "urn:x:a", `{"name":"a"}`)
		changed(true)
		h.extend("okta", "urn:x:a", `{"name":"a","type":"string"}`)
		changed(false)
		h.extend("okta", "urn:x:a", `{"name":"a"},{"name":"b"}`)
		changed(true)
		_, err := h.s.AddExtension(h.ctx(), h.admin, "okta", definition("urn:x:a", `{"name":"a"}`))
		h.fails(err, directory.Conflict, "urn:x:a:b: Users may have values of it")
		_, err = h.s.AddExtension(h.ctx(), h.admin, "okta", definition("URN:x:A", `{"name":"a"},{"name":"b"}`))
		h.fails(err, directory.Conflict, "is written urn:x:a")
		h.pass(time.Second)
		e, err := h.s.RemoveExtension(h.ctx(), h.admin, "okta", "URN:X:A")
		h.must(err)
		changed(true)
		if e.Removed.IsZero() {
			t.Error("what was removed says nothing of it")
		}
		_, err = h.s.RemoveExtension(h.ctx(), h.admin, "okta", "urn:x:a")
		h.fails(err, directory.NotFound, "there is no schema urn:x:a of okta")
		_, err = h.s.AddExtension(h.ctx(), h.admin, "okta", definition("urn:x:a", `{"name":"a"}`))
		h.fails(err, directory.Conflict, "cannot be left out")
		h.extend("okta", "urn:x:a", `{"name":"a"},{"name":"b"}`)
		changed(true)
		if all := h.extensions(h.connection("okta").Row); len(all) != 1 || !all[0].Removed.IsZero() {
			t.Errorf("okta has %v", all)
		}
		if all := h.extensions(h.connection("entra").Row); len(all) != 0 || h.connection("entra").Extensions != 0 {
			t.Errorf("entra has %v", all)
		}
		if got := fmt.Sprint(h.actions("urn:x:a")); got != "[schema.add schema.add schema.remove schema.add]" {
			t.Errorf("events %s", got)
		}
	})
}

func TestExtension_is_refused(t *testing.T) {
	each(t, "okta", func(h *house) {
		try := func(connection, urn, attributes string, kind directory.Kind, text string) {
			t.Helper()
			_, err := h.s.AddExtension(h.ctx(), h.admin, connection, definition(urn, attributes))
			h.fails(err, kind, text)
		}
		h.extend("okta", "urn:x:a", `{"name":"a"}`)
		try("none", "urn:x:b", `{"name":"a"}`, directory.NotFound, "none")
		try("okta", "urn:x:b", `{"name":"a","uniqueness":"server"}`, directory.Invalid, "urn:x:b:a: uniqueness")
		try("okta", "urn:X:A:b", `{"name":"a"}`, directory.Conflict, "begin alike")
		_, err := h.s.RemoveExtension(h.ctx(), h.admin, "none", "urn:x:a")
		h.fails(err, directory.NotFound, "none")
		for i := range directory.MaxExtensions - 1 {
			h.extend("okta", fmt.Sprintf("urn:x:n%d", i), `{"name":"a"}`)
		}
		try("okta", "urn:x:b", `{"name":"a"}`, directory.Limit, "at most 20 schemas")
		h.extend("okta", "urn:x:a", `{"name":"a"},{"name":"b"}`) // one that is there
		for i := len(h.extensions(0)); i < directory.MaxExtensionsEver; i++ {
			urn := fmt.Sprintf("urn:x:n%d", i-1)
			_, err := h.s.RemoveExtension(h.ctx(), h.admin, "okta", fmt.Sprintf("urn:x:n%d", i-2))
			h.must(err)
			h.extend("okta", urn, `{"name":"a"}`)
		}
		_, err = h.s.RemoveExtension(h.ctx(), h.admin, "okta", "urn:x:a")
		h.must(err)
		try("okta", "urn:x:b", `{"name":"a"}`, directory.Limit, "had 100 schemas")
		h.extend("okta", "urn:x:a", `{"name":"a"},{"name":"b"}`)
	})
}

func TestExtension_goes_with_its_connection(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.extend("okta", "urn:x:a", `{"name":"a"}`)
		before := h.connection("okta").Extensions
		h.must(h.s.RemoveConnection(h.ctx(), h.admin, "okta"))
		if all := h.extensions(0); len(all) != 0 {
			t.Errorf("left %v", all)
		}
		h.pass(time.Millisecond)
		h.connect("okta", "")
		h.extend("okta", "urn:x:a", `{"name":"b"}`)
		if now := h.connection("okta").Extensions; now == before {
			t.Error("a new connection has the revision of an old one, whose row it may have")
		}
	})
}
