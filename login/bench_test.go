package login_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/provision"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

// BenchmarkPerson asks whose the session of a request is, on SQLite, by turns among many. The other side is the prepared query alone,
// through the same driver, with every column read. They take turns every 50 questions, and the median of each is reported: a
// machine that others share disturbs both alike.
func BenchmarkPerson(b *testing.B) {
	config := store.Config{Data: b.TempDir()}
	db := storetest.Open(b, config)
	cookies := login.Cookies{Secure: true}
	quiet := slog.New(slog.DiscardHandler)
	s := &login.Service{DB: db, Provision: provision.New(db, quiet), Log: quiet}
	secrets := sessions(b, s.Provision, 500)
	bare := prepare(b, filepath.Join(config.Data, "rollcall.db"))
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "/", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // as the server has it
	sides := []func(secret string) error{
		func(secret string) error {
			request.Header["Cookie"] = []string{"__Host-rollcall=" + secret}
			p, err := s.Person(request, cookies)
			if err == nil && !p.Account.Active {
				err = errors.New("the account is not active")
			}
			return err
		},
		func(secret string) error { return bare(provision.HashToken(secret)) },
	}
	const turn = 50
	took := make([][]time.Duration, len(sides))
	for n := 0; b.Loop(); n += turn {
		for i, side := range sides {
			began := time.Now()
			for k := range turn {
				if err := side(secrets[(n+k)*7919%len(secrets)]); err != nil {
					b.Fatal(err)
				}
			}
			took[i] = append(took[i], time.Since(began))
		}
	}
	for i, name := range []string{"ours", "bare"} {
		slices.Sort(took[i])
		b.ReportMetric(float64(took[i][len(took[i])/2].Nanoseconds())/turn, name+"-ns")
	}
}

// sessions has people sign in by the identity provider of a connection, and returns the secrets of their sessions.
func sessions(b *testing.B, s *provision.Service, n int) (secrets []string) {
	b.Helper()
	conn, err := s.CreateConnection(b.Context(), admin, "okta", "okta", nil)
	if err != nil {
		b.Fatal(err)
	}
	actor := directory.Actor{Name: "test", Connection: conn.Row, ConnName: conn.Name}
	for i := range n {
		subject := fmt.Sprintf("00u%07d", i)
		mail := subject + "@example.com"
		profile := directory.Profile{Email: mail, FirstName: "Given-" + subject, LastName: "Family-" + subject}
		if _, err := s.CreateIdentity(b.Context(), actor, func(i *directory.Identity) error {
			i.UserName, i.ExternalID, i.Active, i.Profile, i.Document, i.Search = mail, subject, true, profile, []byte("{}"), []byte("{}")
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		in, err := s.SignIn(b.Context(), actor, directory.Asserted{
			Subject: subject, UserName: mail, Profile: profile,
			Name: directory.LogoutName{Value: mail, Format: "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress", Index: "_id1234567890"},
		}, provision.Browser{Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"})
		if err != nil {
			b.Fatal(err)
		}
		secrets = append(secrets, in.Secret)
	}
	return secrets
}

// prepare returns the query for a session and its account, by the hash of the secret.
func prepare(b *testing.B, file string) func(hash string) error {
	b.Helper()
	conn, err := (&sqlite3.SQLiteDriver{}).Open("file:" + file + "?_mutex=no&_cache_size=-8192&_query_only=1")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() }) // it was read from
	stmt, err := conn.Prepare(`select s.row_id, s.id, s.account, s.identity, s.created, s.used, s.expires, a.row_id, a.id, a.username,
		a.email, a.first_name, a.last_name, a.nickname, a.position, a.locale, a.admin, a.suspended,
		a.active, a.created, a.modified, a.closed from session s join account a on a.row_id = s.account where s.hash = +?`)
	if err != nil {
		b.Fatal(err)
	}
	row := make([]driver.Value, 22)
	return func(hash string) error {
		// A context that can end would cost as much again.
		rows, err := stmt.(driver.StmtQueryContext).QueryContext(context.Background(), []driver.NamedValue{{Ordinal: 1, Value: hash}})
		if err != nil {
			return err
		}
		return errors.Join(rows.Next(row), end(rows.Next(row)), rows.Close())
	}
}

// end is nil for the error that says that no more rows come.
func end(err error) error {
	if err == io.EOF {
		return nil
	}
	return errors.Join(errors.New("a second row"), err)
}
