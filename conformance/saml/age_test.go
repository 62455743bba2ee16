package saml

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/mattn/go-sqlite3"
)

// age lets the time of a login that was begun be over. Nobody can wait that long, so it is the one thing here that is done to
// the database, while no server runs.
func (s *site) age(t *testing.T, request string) {
	t.Helper()
	driver, source := "sqlite3", filepath.Join(s.Dir, "rollcall.db")
	if s.Database != "" {
		driver, source = "pgx", s.Database
	}
	s.Stop(t)
	defer s.restart(t)
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	r, err := db.Exec("update login_request set expires = 0 where id = $1", request)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.RowsAffected(); n != 1 {
		t.Fatalf("%d logins have aged, %v", n, err)
	}
}

// restart starts the server again as it was.
func (s *site) restart(t *testing.T) {
	t.Helper()
	s.ServeProxied(t, "--base-url", s.base)
}
