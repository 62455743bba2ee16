package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/rollcall-id/rollcall/directory"
)

func (a *app) socket() string { return filepath.Join(a.data, "rollcall.sock") }

// file is the database in the folder, as the store calls it.
func (a *app) file() string { return filepath.Join(a.data, "rollcall.db") }

// where is what --data or --database names, in words.
func (a *app) where() string {
	if a.database != "" {
		return "PostgreSQL"
	}
	return absolute(a.data)
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// checkPlace refuses a place where no database can be and, unless begin is set, a folder where none is.
func (a *app) checkPlace(begin bool) error {
	switch info, err := os.Stat(a.data); {
	case a.database != "":
		return checkAddress(a.database)
	case a.data == "":
		return &complaint{misuse, "--data is empty", "name a folder"}
	case err == nil && !info.IsDir():
		return &complaint{misuse, "--data: " + a.data + " is a file", "name a folder"}
	}
	if _, err := os.Stat(a.file()); !begin && errors.Is(err, fs.ErrNotExist) {
		return a.noDatabase()
	}
	return nil
}

// checkAddress refuses what is neither a URL of PostgreSQL nor of its form key=value. It quotes nothing: there may be a
// password in it.
func checkAddress(address string) error {
	scheme, _, isURL := strings.Cut(address, "://")
	if isURL && (scheme == "postgres" || scheme == "postgresql") || !isURL && strings.Contains(address, "=") {
		return nil
	}
	return &complaint{misuse, "--database: this is no address of PostgreSQL", "use a form such as postgres://user@host/db"}
}

func (a *app) noDatabase() error {
	where := a.data
	if a.database != "" {
		where = a.where()
	}
	return &complaint{failed, "no rollcall database in " + where, "name another place by --data or --database, or begin with rollcall serve or rollcall db migrate"}
}

// unopened says why the database does not open, in words for whoever named the place.
func (a *app) unopened(err error) error {
	denied := func(err error) bool { return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) }
	e, ok := errors.AsType[*directory.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case a.database != "" && ok && e.Kind == directory.Unavailable:
		return &complaint{failed, "PostgreSQL is out of reach: " + reason(err), "check that it runs, and --database"}
	case a.database != "":
		return err
	case denied(err), denied(syscall.Access(a.data, writable)):
		return &complaint{failed, "cannot write " + absolute(a.data) + " as user " + me(), "run the command as the user the server runs as"}
	case strings.Contains(err.Error(), "not a database"), strings.Contains(err.Error(), "malformed"):
		return &complaint{failed, absolute(a.file()) + ": " + err.Error(), "restore a backup or name another folder by --data"}
	}
	return err
}

const writable = 2 // W_OK of access(2)

// me is the user that this process runs as.
func me() string { return userNamed(strconv.Itoa(os.Geteuid())) }

// userNamed is the name of the user with that number, or the number.
func userNamed(uid string) string {
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return uid
}

// reason is the part of an error of the PostgreSQL driver that says why: what the server answered, else why it could not be
// asked, once.
func reason(err error) string {
	type answer interface {
		error
		SQLState() string
	}
	if e, ok := errors.AsType[answer](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e.Error()
	}
	text := err.Error()
	return strings.TrimSpace(text[strings.LastIndex(text, "\n")+1:])
}
