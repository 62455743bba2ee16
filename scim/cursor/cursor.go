// Package cursor writes where a walk through a list goes on, so that nobody but the server can read or change it, and reads it again.
//
// It leaves to package scim, which calls it, what a cursor is bound to and where the key is kept. It is pure.
//
// RFC 9865.
package cursor

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"math"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// Life is how long a cursor is good for.
const Life = time.Hour

var (
	errCursor  = schema.Errorf(schema.InvalidCursor, "the cursor does not belong to this query: begin with an empty cursor")
	errExpired = schema.Errorf(schema.ExpiredCursor, "the cursor is older than %s: begin with an empty cursor", Life)
)

// Cursor says where a walk goes on: in which of the lists that are read one after the other, and behind what; behind nothing where
// that list begins. The zero Cursor is the beginning.
type Cursor struct {
	Part  int
	After *directory.After
}

// What follows the numbers of a cursor.
const (
	atBegin byte = iota
	atRow
	atText
	atCutText
	atNumber
)

// Sealer seals cursors under one key. It may be used by several goroutines at once.
type Sealer struct{ aead cipher.AEAD }

// New returns a Sealer for a key of 32 bytes.
func New(key []byte) (*Sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &Sealer{aead}, err
}

// Seal writes c, made now, for a query that is asked as before.
//
// RFC 9865, section 2.
func (s *Sealer) Seal(c Cursor, now time.Time, asked []byte) string {
	kind, row, key := atBegin, directory.Row(0), []byte(nil)
	if c.After != nil {
		kind, row = atRow, c.After.Row
		switch k := c.After.Key.(type) {
		case string:
			if kind, key = atText, []byte(k); c.After.Cut != 0 {
				kind, key = atCutText, append(binary.BigEndian.AppendUint64(nil, c.After.Cut), k...)
			}
		case float64:
			kind, key = atNumber, binary.BigEndian.AppendUint64(nil, math.Float64bits(k))
		}
	}
	b := binary.AppendVarint(nil, now.Unix())
	b = binary.AppendVarint(b, int64(c.Part))
	b = binary.AppendVarint(b, int64(row))
	b = append(append(b, kind), key...)
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, b, asked))
}

// Open reads a cursor that Seal wrote for what is asked now. An empty text is the beginning. Errors: *schema.Error, InvalidCursor for
// one that was changed or is of another query, ExpiredCursor for one that is older than Life.
func (s *Sealer) Open(text string, now time.Time, asked []byte) (c Cursor, err error) {
	if text == "" {
		return c, nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || base64.RawURLEncoding.EncodeToString(sealed) != text {
		return c, errCursor
	}
	b, err := s.aead.Open(nil, nil, sealed, asked)
	if err != nil {
		return c, errCursor
	}
	var numbers [3]int64
	for i := range numbers {
		n, size := binary.Varint(b)
		if size <= 0 {
			return c, errCursor
		}
		numbers[i], b = n, b[size:]
	}
	if now.Unix()-numbers[0] > int64(Life/time.Second) {
		return c, errExpired
	}
	c.Part = int(numbers[1])
	if len(b) == 0 || b[0] == atBegin {
		return c, nil
	}
	c.After = &directory.After{Row: directory.Row(numbers[2])}
	switch kind, key := b[0], b[1:]; kind {
	case atText:
		c.After.Key = string(key)
	case atCutText:
		c.After.Cut, c.After.Key = binary.BigEndian.Uint64(key), string(key[8:])
	case atNumber:
		c.After.Key = math.Float64frombits(binary.BigEndian.Uint64(key))
	}
	return c, nil
}
