package directory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Identity is what one connection knows of one person.
type Identity struct {
	Row        Row
	ID         IdentityID // the id of the SCIM User
	Connection Row
	Account    Row  // the binding; zero for an identity that has none
	Manages    bool // the identity's profile and activity are the account's

	Version  int64 // grows by one with every stored change
	Created  time.Time
	Modified time.Time

	UserName   string
	ExternalID string // exact; empty for none
	Subject    string // set once, at the first login; empty for none
	Active     bool
	// InactiveSince is zero while Active.
	InactiveSince time.Time

	Profile  Profile // of the document
	Asserted Profile // what the last login said
	ByLogin  bool    // logins alone have written the document
	Document []byte  // JSON: the attributes as sent, under their canonical names
	Search   []byte  // JSON: Document as filters compare it
}

// InForce is the profile that counts: field by field what the document says, else what the last login said.
func (i *Identity) InForce() Profile { return i.Profile.Or(i.Asserted) }

// SameResource reports whether the User of SCIM is the same in both.
func (i *Identity) SameResource(before *Identity) bool {
	return i.UserName == before.UserName && i.ExternalID == before.ExternalID && i.Active == before.Active &&
		i.Profile == before.Profile && bytes.Equal(i.Document, before.Document)
}

// SameContent reports whether storing i over before would change nothing that an IdP or an administrator could see.
func (i *Identity) SameContent(before *Identity) bool {
	return i.SameResource(before) && i.Subject == before.Subject && i.Asserted == before.Asserted &&
		i.ByLogin == before.ByLogin && i.Account == before.Account && i.Manages == before.Manages
}

// Diff tells, by the names of the attributes as sent, what differs between two documents.
func Diff(before, after []byte) (Changes, error) {
	var from, to map[string]any
	if err := json.Unmarshal(before, &from); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(after, &to); err != nil {
		return nil, err
	}
	changes := Changes{}
	changes.compare("", from, to)
	return changes, nil
}

func (c Changes) compare(prefix string, from, to map[string]any) {
	for name, was := range from {
		is := to[name]
		inner, ok := was.(map[string]any)
		if now, also := is.(map[string]any); ok && also {
			c.compare(prefix+name+".", inner, now)
		} else if !reflect.DeepEqual(was, is) {
			c[prefix+name] = [2]any{brief(was), brief(is)}
		}
	}
	for name, is := range to {
		if _, was := from[name]; !was {
			c[prefix+name] = [2]any{nil, brief(is)}
		}
	}
}

// brief keeps an event short, whatever was sent: 20 values of a list, 256 bytes of a text.
func brief(v any) any {
	switch v := v.(type) {
	case string:
		if len(v) > 256 {
			return strings.ToValidUTF8(v[:256], "") + "…"
		}
	case []any:
		short := make([]any, 0, min(len(v), 21))
		for i, element := range v {
			if i == 20 {
				return append(short, fmt.Sprintf("… and %d more", len(v)-i))
			}
			short = append(short, brief(element))
		}
		return short
	case map[string]any:
		short := make(map[string]any, len(v))
		for name, part := range v {
			short[name] = brief(part)
		}
		return short
	}
	return v
}

// Validate refuses names that cannot be kept. Errors: Invalid.
func (i *Identity) Validate() error {
	if err := CheckName("userName", i.UserName); err != nil {
		return err
	}
	if i.ExternalID != "" {
		return CheckName("externalId", i.ExternalID)
	}
	return nil
}
