package metadata

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

const (
	// MaxDocument is the most bytes of a document.
	MaxDocument = 1 << 20

	maxDepth      = 100
	maxNodes      = 20_000
	maxAttributes = 64 // of an element
)

// guard reads the tokens of a document and refuses what no metadata needs and parsers disagree on.
type guard struct {
	raw   *xml.Decoder
	depth int
	nodes int
	roots int
}

// Token is xml.TokenReader's: raw tokens, whose namespaces the reader resolves.
func (g *guard) Token() (xml.Token, error) {
	t, err := g.raw.RawToken()
	if err != nil {
		return nil, err
	}
	if g.nodes++; g.nodes > maxNodes {
		return nil, invalid("has more than %d nodes: use a document of this identity provider alone", maxNodes)
	}
	switch t := t.(type) {
	case xml.Directive:
		if strings.HasPrefix(strings.ToLower(string(t)), "doctype html") {
			return nil, invalid("is a web page: use the address or the file of the SAML 2.0 metadata, which begins with EntityDescriptor")
		}
		return nil, invalid("has a DOCTYPE: use a document without")
	case xml.ProcInst:
		if t.Target != "xml" || g.nodes > 1 {
			return nil, invalid("has a processing instruction %q: use a document without", t.Target)
		}
	case xml.StartElement:
		if g.depth == 0 {
			g.roots++
		}
		if g.depth++; g.roots > 1 || g.depth > maxDepth || len(t.Attr) > maxAttributes {
			return nil, invalid("has a second root, more than %d elements in one another, or more than %d attributes at one", maxDepth, maxAttributes)
		}
		if a, b := duplicate(t.Attr); a != b {
			return nil, invalid("has the attribute %s twice at one element", t.Attr[a].Name.Local)
		}
	case xml.EndElement:
		g.depth--
	case xml.CharData:
		if g.depth <= 0 && len(bytes.TrimSpace(t)) > 0 {
			return nil, invalid("has text outside of its root: use the SAML 2.0 metadata, which is XML and begins with EntityDescriptor")
		}
	}
	return t, nil
}

// duplicate returns the indexes of two attributes of one name, and equal numbers if there are none.
func duplicate(attrs []xml.Attr) (first, second int) {
	for i, a := range attrs {
		if j := slices.IndexFunc(attrs, func(b xml.Attr) bool { return a.Name == b.Name }); j != i {
			return j, i
		}
	}
	return 0, 0
}

// decode returns the identity providers of a document.
func decode(document []byte) ([]candidate, error) {
	if len(document) > MaxDocument {
		return nil, invalid("has more than %d bytes: use a document of this identity provider alone", MaxDocument)
	}
	if len(bytes.TrimSpace(document)) == 0 {
		return nil, invalid("is empty: use the SAML 2.0 metadata, which begins with EntityDescriptor")
	}
	document = bytes.TrimPrefix(document, []byte("\ufeff")) // Entra ID begins with it
	d := xml.NewTokenDecoder(&guard{raw: xml.NewDecoder(bytes.NewReader(document))})
	var all entitiesDescriptor
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, unreadable(err)
		}
		root, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		switch root.Name {
		case xml.Name{Space: nsMetadata, Local: "EntityDescriptor"}:
			all.Entities = make([]entityDescriptor, 1)
			err = d.DecodeElement(&all.Entities[0], &root)
		case xml.Name{Space: nsMetadata, Local: "EntitiesDescriptor"}:
			err = d.DecodeElement(&all, &root)
		default:
			err = invalid("begins with %s: use the SAML 2.0 metadata, which begins with EntityDescriptor", root.Name.Local)
		}
		if err != nil {
			return nil, unreadable(err)
		}
	}
	return all.providers(time.Time{})
}

// unreadable makes an error of the parser one for the administrator.
func unreadable(err error) error {
	if directory.Is(err, directory.Invalid) {
		return err
	}
	return invalid("is not XML in UTF-8: %v", err)
}

// providers returns the entities that have an IDPSSODescriptor.
func (d *entitiesDescriptor) providers(until time.Time) (all []candidate, err error) {
	own, err := validUntil(d.Attrs)
	if err != nil {
		return nil, err
	}
	until = earlier(until, own)
	for _, e := range d.Entities {
		if len(e.Roles) > 0 {
			all = append(all, candidate{e, until})
		}
	}
	for i := range d.Nested {
		nested, err := d.Nested[i].providers(until)
		if err != nil {
			return nil, err
		}
		all = append(all, nested...)
	}
	return all, nil
}
