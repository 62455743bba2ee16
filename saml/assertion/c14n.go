package assertion

import (
	"cmp"
	"slices"
	"strings"
)

// canonical writes the element n in its exclusive canonical form, without the child skip and without comments, of which a tree has
// none. Prefixes are those of an InclusiveNamespaces PrefixList, with an empty one for #default.
//
// What is written is all that a signature covers, and it is written from the same nodes that are read afterwards: their expanded
// names, attributes and texts, and nothing else of the document.
//
// Exclusive XML Canonicalization 1.0, section 3. Canonical XML 1.0, section 2.3.
func canonical(n, skip *node, prefixes []string) []byte {
	w := canonicalWriter{skip: skip, prefixes: prefixes, out: make([]byte, 0, 8192)}
	if len(prefixes) > 0 {
		w.scope = n.parent.scope()
	}
	w.element(n)
	return w.out
}

type canonicalWriter struct {
	out      []byte
	skip     *node
	prefixes []string
	scope    []decl // in force in the document; kept only where prefixes need it
	rendered []decl // in force in what was written
	fresh    []decl // of the element that is being written
	sorted   []attr
}

func (w *canonicalWriter) element(n *node) {
	rendered, scope := len(w.rendered), len(w.scope)
	w.out = append(w.out, '<')
	w.name(n.prefix, n.local)
	w.declarations(n)
	w.attributes(n)
	w.out = append(w.out, '>')
	for c := n.first; c != nil; c = c.next {
		switch {
		case c == w.skip:
		case c.local == "":
			w.out = appendEscaped(w.out, c.text, false)
		default:
			w.element(c)
		}
	}
	w.out = append(w.out, '<', '/')
	w.name(n.prefix, n.local)
	w.out = append(w.out, '>')
	w.rendered, w.scope = w.rendered[:rendered], w.scope[:scope]
}

func (w *canonicalWriter) name(prefix, local string) {
	if prefix != "" {
		w.out = append(w.out, prefix...)
		w.out = append(w.out, ':')
	}
	w.out = append(w.out, local...)
}

// declarations writes those of the prefixes that the element and its attributes use, and those that are listed, unless they are in
// force already.
func (w *canonicalWriter) declarations(n *node) {
	w.fresh = w.fresh[:0]
	w.render(n.prefix, n.space)
	for i := range n.attrs {
		if n.attrs[i].prefix != "" {
			w.render(n.attrs[i].prefix, n.attrs[i].space)
		}
	}
	if len(w.prefixes) > 0 {
		w.scope = append(w.scope, n.decls...)
		for _, prefix := range w.prefixes {
			if uri, ok := lookup(w.scope, prefix); ok {
				w.render(prefix, uri)
			}
		}
	}
	slices.SortFunc(w.fresh, func(a, b decl) int { return strings.Compare(a.prefix, b.prefix) })
	for _, d := range w.fresh {
		w.out = append(w.out, " xmlns"...)
		if d.prefix != "" {
			w.out = append(w.out, ':')
			w.out = append(w.out, d.prefix...)
		}
		w.value(d.uri)
	}
}

func (w *canonicalWriter) render(prefix, uri string) {
	if had, _ := lookup(w.rendered, prefix); had == uri || prefix == "xml" {
		return
	}
	w.rendered = append(w.rendered, decl{prefix, uri})
	w.fresh = append(w.fresh, decl{prefix, uri})
}

func (w *canonicalWriter) attributes(n *node) {
	w.sorted = append(w.sorted[:0], n.attrs...)
	slices.SortFunc(w.sorted, func(a, b attr) int {
		return cmp.Or(strings.Compare(a.space, b.space), strings.Compare(a.local, b.local))
	})
	for i := range w.sorted {
		w.out = append(w.out, ' ')
		w.name(w.sorted[i].prefix, w.sorted[i].local)
		w.value(w.sorted[i].value)
	}
}

func (w *canonicalWriter) value(s string) {
	w.out = append(w.out, '=', '"')
	w.out = appendEscaped(w.out, s, true)
	w.out = append(w.out, '"')
}

func appendEscaped(out []byte, s string, attribute bool) []byte {
	special := "&<>\r"
	if attribute {
		special = "&<\"\t\n\r"
	}
	for {
		i := strings.IndexAny(s, special)
		if i < 0 {
			return append(out, s...)
		}
		out = append(out, s[:i]...)
		switch s[i] {
		case '&':
			out = append(out, "&amp;"...)
		case '<':
			out = append(out, "&lt;"...)
		case '>':
			out = append(out, "&gt;"...)
		case '"':
			out = append(out, "&quot;"...)
		case '\t':
			out = append(out, "&#x9;"...)
		case '\n':
			out = append(out, "&#xA;"...)
		case '\r':
			out = append(out, "&#xD;"...)
		}
		s = s[i+1:]
	}
}
