package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func postgresDialect() *dialect {
	return &dialect{
		name: "postgres",
		mark: "$",
		// PostgreSQL sees how long an array is before it plans. Of a function it believes that it returns a hundred rows, after
		// which a recursion reads whole tables; to look for what is not among them it is hashed.
		inRows:    "= any(cast($ as bigint[]))",
		notInRows: "not in (select unnest(cast($ as bigint[])))",
		texts:     "(select jsonb_array_elements_text(cast($ as jsonb)))",
		textTable: "jsonb_array_elements_text(cast($ as jsonb)) with ordinality as texts_table (value, key)",
		forUpdate: " for no key update",
		presence:  " for key share",
		returning: " returning row_id",
		hasTable:  "select count(*) from pg_catalog.pg_tables where schemaname = current_schema() and tablename = $1",
		collate:   ` collate "C"`,

		lockSchema: `set local statement_timeout = 0; set local lock_timeout = 0; set local idle_in_transaction_session_timeout = 0;
			select pg_advisory_xact_lock(1919904876)`, // the number means nothing
		script: func(ctx context.Context, conn runner, text string) error {
			_, err := conn.(postgresTx).on.ExecContext(ctx, text, pgx.QueryExecModeSimpleProtocol)
			return err
		},

		jsonPath: func(path []string) string {
			return `{"` + strings.Join(path, `","`) + `"}`
		},
		jsonFirst: func(path, rest []string) string {
			return `{"` + strings.Join(append(append(path[:len(path):len(path)], "0"), rest...), `","`) + `"}`
		},
		document: "cast(i.document as jsonb)",
		jsonText: func(doc, path string) string { return "(" + doc + " #>> cast(" + path + " as text[]))" },
		array:    func(value string) string { return "coalesce(cast(json_agg(" + value + ") as text), '[]')" },
		jsonEach: func(doc, path, alias string) string {
			at := doc + " #> cast(" + path + " as text[])"
			return "jsonb_array_elements(case jsonb_typeof(" + at + ") when 'array' then " + at + " else '[]' end) " + alias + " (value)"
		},
		jsonScalar: func(value string) string { return "(" + value + " #>> '{}')" },
		number: func(value string) string {
			text := "cast(" + value + " as text)"
			return "case when " + text + " ~ '^-?[0-9]+([.][0-9]+)?$' then cast(" + text + " as numeric) end"
		},
		instr:    func(text, part string) string { return "strpos(" + text + ", " + part + ")" },
		diagnose: diagnosePostgres,
	}
}

// diagnosePostgres goes by the codes of PostgreSQL, appendix A. Which connection errors allow another run is decided where
// the connection is known.
func diagnosePostgres(err error) *failure {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrTxDone) { // out of patience
			return &failure{outOfReach, err}
		}
		return &failure{mistake, err}
	}
	switch {
	case e.Code == "40001", e.Code == "40P01", e.Code == "23503": // the last: what a row names was removed meanwhile
		return &failure{lostRace, err}
	case e.Code == "23505":
		return &failure{valueTaken, err}
	case e.Code == "53100":
		return &failure{diskFull, err}
	case e.Code == "58030", strings.HasPrefix(e.Code, "XX"): // an I/O error or damage on the server: its own affair
		return &failure{outOfReach, err}
	case e.Code == "55P03", e.Code == "25006", strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "57"),
		strings.HasPrefix(e.Code, "08"):
		return &failure{outOfReach, err}
	case strings.HasPrefix(e.Code, "22"): // its message quotes the value
		return &failure{mistake, fmt.Errorf("data exception %s in %s", e.Code, e.Routine)}
	}
	return &failure{mistake, err}
}
