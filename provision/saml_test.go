package provision_test

import (
	"fmt"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

func TestForgetSubjects_in_pieces(t *testing.T) {
	each(t, "okta", func(h *house) {
		const people = 1001 // one more than go at once
		_, err := h.s.ForgetSubjects(h.ctx(), h.admin, "nobody")
		h.fails(err, directory.NotFound, "")
		forget := func(want int64) {
			h.t.Helper()
			if n, err := h.s.ForgetSubjects(h.ctx(), h.admin, "okta"); err != nil || n != want {
				h.t.Errorf("%d are forgotten, %v, want %d", n, err, want)
			}
		}
		forget(0)
		for n := range people {
			made := h.create(person{userName: fmt.Sprintf("u%d@x.test", n), externalID: fmt.Sprint(n)})
			h.must(h.db.Update(h.ctx(), func(tx *store.Tx) error {
				made.Subject = made.ExternalID
				return tx.PutIdentity(&made)
			}))
		}
		forget(people)
		forget(0)
		_, err = h.s.ConfigureConnection(h.ctx(), h.admin, "okta", map[string]string{directory.SAMLSubject: "another"})
		h.must(err)
		told := 0
		for _, e := range h.events() {
			if e.Action == "saml.forget_subjects" {
				told++
			}
		}
		if told != 1 {
			h.t.Errorf("%d events", told)
		}
	})
}
