package cursor_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/cursor"
	"github.com/rollcall-id/rollcall/scim/schema"
)

func sealer(t *testing.T, first byte) *cursor.Sealer {
	t.Helper()
	s, err := cursor.New(append([]byte{first}, make([]byte, 31)...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCursor_is_read_as_it_was_written(t *testing.T) {
	s, now := sealer(t, 1), time.Unix(1_700_000_000, 0)
	for name, c := range map[string]cursor.Cursor{
		"the beginning":                     {},
		"the beginning of the second list":  {Part: 1},
		"behind a row":                      {After: &directory.After{Row: 7}},
		"behind a text":                     {Part: 1, After: &directory.After{Row: 7, Key: "ann"}},
		"behind an empty text":              {After: &directory.After{Row: 7, Key: ""}},
		"behind the beginning of a text":    {After: &directory.After{Row: 7, Key: "ann", Cut: 1 << 63}},
		"behind a number":                   {After: &directory.After{Row: 1 << 60, Key: -1.5}},
		"behind what has no key in an hour": {After: &directory.After{Row: 8}},
	} {
		got, err := s.Open(s.Seal(c, now, []byte("asked")), now.Add(cursor.Life), []byte("asked"))
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c)
		}
	}
	if got, err := s.Open("", now, nil); err != nil || got != (cursor.Cursor{}) {
		t.Errorf("an empty text: %+v, %v", got, err)
	}
}

func TestCursor_is_refused(t *testing.T) {
	s, now := sealer(t, 1), time.Unix(1_700_000_000, 0)
	text := s.Seal(cursor.Cursor{After: &directory.After{Row: 7, Key: "ann"}}, now, []byte("asked"))
	changed := []byte(text)
	changed[20] ^= 1
	for name, c := range map[string]struct {
		s     *cursor.Sealer
		text  string
		later time.Duration
		asked string
		want  schema.ScimType
	}{
		"of another query":       {s, text, 0, "other", schema.InvalidCursor},
		"under another key":      {sealer(t, 2), text, 0, "asked", schema.InvalidCursor},
		"changed":                {s, string(changed), 0, "asked", schema.InvalidCursor},
		"cut off":                {s, text[:len(text)-4], 0, "asked", schema.InvalidCursor},
		"with a line break":      {s, text + "\n", 0, "asked", schema.InvalidCursor},
		"no base64":              {s, "?", 0, "asked", schema.InvalidCursor},
		"older than it is good":  {s, text, cursor.Life + time.Second, "asked", schema.ExpiredCursor},
		"old and of another one": {s, text, cursor.Life + time.Second, "other", schema.InvalidCursor},
	} {
		_, err := c.s.Open(c.text, now.Add(c.later), []byte(c.asked))
		if e, ok := errors.AsType[*schema.Error](err); !ok || e.Type != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
