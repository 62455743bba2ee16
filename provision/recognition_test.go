package provision_test

import (
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
)

func TestRecognition_counts_whom_a_login_can_meet(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.user("ada")
		h.user("bea")
		h.create(person{userName: "cleo@x.test"})
		if _, err := h.signIn(says("ext-ada", "ada@x.test")); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]store.Recognition{
			"externalId": {Users: 3, Meeting: 2, Subject: 1, Same: 1},
			"email":      {Users: 3, Meeting: 3, Subject: 1, Same: 0},
			"nickName":   {Users: 3, Meeting: 0, Subject: 1, Same: 0},
		} {
			var got store.Recognition
			h.must(h.db.Search(h.ctx(), func(tx *store.Tx) (err error) {
				got, err = tx.Recognition(h.okta.Connection, directory.AttributePath(path))
				return err
			}))
			if got != want {
				t.Errorf("%s: %+v, want %+v", path, got, want)
			}
		}
	})
}

func TestRefuseLogin_is_about_the_person_where_the_subject_is_known(t *testing.T) {
	each(t, "okta", func(h *house) {
		h.user("ada")
		in, err := h.signIn(says("ext-ada", "ada@x.test"))
		h.must(err)
		for subject, want := range map[string]string{"ext-ada": string(in.Account.ID), "ext-nobody": "", "": ""} {
			h.must(h.s.RefuseLogin(h.ctx(), h.samlOf(h.okta), provision.LoginRefusal{Subject: subject, Code: "test", Detail: "of " + subject}))
			h.view(func(tx *store.Tx) error {
				conn, err := tx.ConnectionAt(h.okta.Connection)
				if want == "" {
					want = string(conn.ID)
				}
				if err != nil {
					return err
				}
				all, err := tx.Events(nil, 1)
				if len(all) != 1 || all[0].Action != "login.refused" || all[0].Object != want {
					t.Errorf("%q: %+v, want one about %s", subject, all, want)
				}
				return err
			})
		}
	})
}
