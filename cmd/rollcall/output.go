package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
)

// pageSize is how many rows a list reads at once.
const pageSize = 500

// jsonFlag gives a command the flag --json.
func (a *app) jsonFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&a.json, "json", false, "write JSON")
	return cmd
}

// say writes one line of a command's answer.
func (a *app) say(format string, args ...any) error {
	_, err := fmt.Fprintln(a.stdout, clean(fmt.Sprintf(format, args...)))
	return err
}

// note writes one line beside the answer.
func (a *app) note(format string, args ...any) {
	_, _ = fmt.Fprintln(a.stderr, clean(fmt.Sprintf(format, args...)))
}

// pages reads page by page and gives row by row, so that no transaction is open while rows are written. next returns a page and
// the row of its last object; a page without objects is the end.
func pages[T any](c *call, next func(tx *store.Tx, after directory.Row) (page []T, last directory.Row, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last directory.Row
		for {
			var page []T
			after := last
			err := c.db.View(c.ctx, func(tx *store.Tx) (err error) {
				page, last, err = next(tx, after)
				return err
			})
			if err == nil {
				err = c.ctx.Err()
			}
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, row := range page {
				if !yield(row, nil) {
					return
				}
			}
			if last == after {
				return
			}
		}
	}
}

// all is pages for what is read at once.
func all[T any](c *call, read func(tx *store.Tx) ([]T, error)) iter.Seq2[T, error] {
	return pages(c, func(tx *store.Tx, after directory.Row) ([]T, directory.Row, error) {
		page, err := read(tx)
		return page, after, err
	})
}

// each is what all and pages give, for what is read already.
func each[T any](rows []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// list writes rows as a JSON array, one to a line, or as a table with that header.
func list[T any](c *call, header string, rows iter.Seq2[T, error], cells func(T) []string) error {
	out := bufio.NewWriter(c.stdout)
	write := tabulate[T]
	if c.json {
		write = func(out io.Writer, _ string, rows iter.Seq2[T, error], _ func(T) []string) error {
			return array(out, rows)
		}
	}
	return errors.Join(write(out, header, rows, cells), out.Flush())
}

func array[T any](out io.Writer, rows iter.Seq2[T, error]) error {
	between := "["
	for row, err := range rows {
		if err != nil {
			return err
		}
		b, err := marshal(row, "")
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s\n%s", between, b); err != nil {
			return err
		}
		between = ","
	}
	end := "\n]\n"
	if between == "[" {
		end = "[]\n"
	}
	_, err := io.WriteString(out, end)
	return err
}

func tabulate[T any](out io.Writer, header string, rows iter.Seq2[T, error], cells func(T) []string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(w, strings.ReplaceAll(header, "|", "\t")); err != nil {
		return err
	}
	n := 0
	for row, err := range rows {
		if err != nil {
			return err
		}
		line := cells(row)
		for i := range line {
			line[i] = clean(line[i])
		}
		if _, err := fmt.Fprintln(w, strings.Join(line, "\t")); err != nil {
			return err
		}
		if n++; n%pageSize == 0 { // or the whole list would be held
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}

// show writes one object as JSON.
func (c *call) show(v any) error {
	b, err := marshal(v, "  ")
	if err == nil {
		_, err = fmt.Fprintf(c.stdout, "%s\n", b)
	}
	return err
}

// facts writes names and values, and leaves out those without a value.
func (c *call) facts(pairs ...[2]string) error {
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	for _, p := range pairs {
		if p[1] == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\n", p[0], clean(p[1])); err != nil {
			return err
		}
	}
	return w.Flush()
}

func marshal(v any, indent string) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(v)
	return []byte(strings.TrimSuffix(b.String(), "\n")), err
}

// clean makes text that others sent fit for one line of a terminal.
func clean(s string) string {
	if !strings.ContainsFunc(s, unicode.IsControl) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// stamp is a time in the form of RFC 3339, in UTC; empty for no time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// moment is a time in JSON, null for no time.
func moment(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(stamp(t))
}

// thousands writes n as 12,000.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes how many there are of something: 1 group, 2 groups.
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
