package scim

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/scim/schema"
)

// cursorLife is how long a cursor is good for.
const cursorLife = time.Hour

var (
	errCursor  = schema.Errorf(schema.InvalidCursor, "the cursor does not belong to this query: begin with an empty cursor")
	errExpired = schema.Errorf(schema.ExpiredCursor, "the cursor is older than %s: begin with an empty cursor", cursorLife)
)

// place is where a walk goes on: in which type of those that are asked, and behind what; behind nothing where the type begins.
type place struct {
	part  int
	after *directory.Position
}

// What a cursor says of the position.
const (
	atBegin byte = iota
	atRow
	atText
	atCutText
	atNumber
)

// sealCursor writes a place so that nobody but us can read or change it. asked is what the cursor is good for.
//
// RFC 9865, section 2.
func (d *Door) sealCursor(ctx context.Context, p place, asked []byte) (string, error) {
	seal, err := d.cursorSeal(ctx)
	if err != nil {
		return "", err
	}
	kind, row, key := atBegin, directory.Row(0), []byte(nil)
	if p.after != nil {
		kind, row = atRow, p.after.Row
		switch k := p.after.Key.(type) {
		case string:
			if kind, key = atText, []byte(k); p.after.Cut {
				kind = atCutText
			}
		case float64:
			kind, key = atNumber, binary.BigEndian.AppendUint64(nil, math.Float64bits(k))
		}
	}
	b := binary.AppendVarint(nil, d.DB.Now().Unix())
	b = binary.AppendVarint(b, int64(p.part))
	b = binary.AppendVarint(b, int64(row))
	b = append(append(b, kind), key...)
	return base64.RawURLEncoding.EncodeToString(seal.Seal(nil, nil, b, asked)), nil
}

// openCursor reads a cursor that was made for what is asked now. Errors: *schema.Error, InvalidCursor or ExpiredCursor.
func (d *Door) openCursor(ctx context.Context, cursor string, asked []byte) (p place, err error) {
	if cursor == "" {
		return p, nil
	}
	seal, err := d.cursorSeal(ctx)
	if err != nil {
		return p, err
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || base64.RawURLEncoding.EncodeToString(sealed) != cursor {
		return p, errCursor
	}
	b, err := seal.Open(nil, nil, sealed, asked)
	if err != nil {
		return p, errCursor
	}
	var numbers [3]int64
	for i := range numbers {
		n, size := binary.Varint(b)
		if size <= 0 {
			return p, errCursor
		}
		numbers[i], b = n, b[size:]
	}
	if d.DB.Now().Unix()-numbers[0] > int64(cursorLife/time.Second) {
		return p, errExpired
	}
	p.part = int(numbers[1])
	if len(b) == 0 || b[0] == atBegin {
		return p, nil
	}
	p.after = &directory.Position{Row: directory.Row(numbers[2]), Cut: b[0] == atCutText}
	switch kind, key := b[0], b[1:]; kind {
	case atText, atCutText:
		p.after.Key = string(key)
	case atNumber:
		p.after.Key = math.Float64frombits(binary.BigEndian.Uint64(key))
	}
	return p, nil
}

// cursorSeal returns what seals cursors, with the key that all nodes share.
func (d *Door) cursorSeal(ctx context.Context) (cipher.AEAD, error) {
	if seal := d.cursors.Load(); seal != nil {
		return *seal, nil
	}
	key, err := d.DB.Secret(ctx, "cursor")
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	d.cursors.Store(&seal)
	return seal, nil
}

// asked is what a cursor is bound to. Its first number is the version of cursors.
func (r *request) asked(types []*schema.Resource) []byte {
	b := fmt.Appendf(nil, "1 %d %q %q %q", r.actor.Connection, r.params["filter"], r.params["sortby"], r.params["sortorder"])
	for _, t := range types {
		b = append(append(b, ' '), t.Name...)
	}
	return b
}
