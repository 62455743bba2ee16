package store

import (
	"context"
	"errors"
	"strings"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

func sqliteDialect() *dialect {
	return &dialect{
		name: "sqlite",
		// ?1 is bound by its number; the driver binds $1 by the order of appearance. The plus keeps SQLite from planning a
		// statement anew whenever a value is bound that it compares with a column.
		mark:      "+?",
		inRows:    "in (select value from json_each($))",
		notInRows: "not in (select value from json_each($))",
		texts:     "(select value from json_each($))",
		textTable: "json_each($)",
		hasTable:  "select count(*) from sqlite_schema where type = 'table' and name = $1",

		script: func(_ context.Context, conn runner, text string) error { return conn.(*sqliteConn).script(text) },

		jsonPath: func(path []string) string {
			return `$."` + strings.Join(path, `"."`) + `"`
		},
		jsonFirst: func(path, rest []string) string {
			at := `$."` + strings.Join(path, `"."`) + `"[0]`
			if len(rest) > 0 {
				at += `."` + strings.Join(rest, `"."`) + `"`
			}
			return at
		},
		document:   "i.document",
		jsonText:   func(doc, path string) string { return "json_extract(" + doc + ", " + path + ")" },
		array:      func(value string) string { return "json_group_array(" + value + ")" },
		jsonEach:   func(doc, path, alias string) string { return "json_each(" + doc + ", " + path + ") " + alias },
		jsonScalar: func(value string) string { return value },
		number: func(value string) string {
			return "case when typeof(" + value + ") in ('integer', 'real') then " + value + " end"
		},
		instr:    func(text, part string) string { return "instr(" + text + ", " + part + ")" },
		diagnose: diagnoseSQLite,
	}
}

// diagnoseSQLite tells a full disk from one that does not keep what it is given. A failed fsync is always the latter, even
// for want of space: what was not written then is gone from memory too.
func diagnoseSQLite(err error) *failure {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return &failure{mistake, err}
	}
	noSpace := e.SystemErrno == syscall.ENOSPC || e.SystemErrno == syscall.EDQUOT
	synced := e.ExtendedCode != sqlite3.ErrIoErrFsync && e.ExtendedCode != sqlite3.ErrIoErrDirFsync
	switch e.Code {
	case sqlite3.ErrFull:
		return &failure{diskFull, err}
	case sqlite3.ErrIoErr:
		switch {
		case noSpace && synced:
			return &failure{diskFull, err}
		case e.ExtendedCode == sqlite3.ErrIoErrNoMem:
			return &failure{outOfReach, err}
		}
		return &failure{diskBroken, err}
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return &failure{diskBroken, err}
	case sqlite3.ErrReadonly:
		if e.ExtendedCode != 0 && e.ExtendedCode != sqlite3.ErrNoExtended(sqlite3.ErrReadonly) {
			return &failure{diskBroken, err} // the file system, not our own query_only
		}
	case sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrNomem, sqlite3.ErrCantOpen, sqlite3.ErrProtocol:
		return &failure{outOfReach, err}
	case sqlite3.ErrConstraint:
		switch e.ExtendedCode {
		case sqlite3.ErrConstraintUnique, sqlite3.ErrConstraintPrimaryKey, sqlite3.ErrConstraintRowID:
			return &failure{valueTaken, err}
		}
	}
	return &failure{mistake, err}
}
