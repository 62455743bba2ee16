package assertion

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of one document, and of what was encrypted in it. They let a claim of 20,000 groups pass, as Okta writes it: an element, a
// text, an attribute and two declarations for each.
const (
	// MaxBytes is the size of a decoded SAMLResponse.
	MaxBytes = 6 << 20
	// MaxNodes counts elements, texts, attributes and namespace declarations.
	MaxNodes = 200_000
	// MaxDepth is how deep elements may nest. Nothing here recurses deeper.
	MaxDepth = 100
	// MaxAttributes is that of one element, namespace declarations included.
	MaxAttributes = 64
	// MaxScope is the number of namespace declarations that are in force at one place.
	MaxScope = 64
)

// reader reads the part of XML 1.0 with namespaces that a SAML message needs. Text is the whole input, and names and values are pieces
// of it wherever nothing had to be resolved.
type reader struct {
	text  string
	pos   int
	nodes int
	depth int
	scope []decl // in force at pos
	tree  *tree

	spareNodes []node
	spareAttrs []attr
}

var errEnd = errors.New("it ends too early")

// readTree reads one document. Its scope is what is declared around it, for what was cut out of another document. Errors say what is
// wrong in words and repeat nothing of the input.
func readTree(input []byte, scope []decl) (*tree, error) {
	if !utf8.Valid(input) {
		return nil, errors.New("it is not UTF-8")
	}
	r := reader{text: string(input), scope: scope, tree: &tree{}}
	if err := checkCharacters(r.text); err != nil {
		return nil, err
	}
	if err := r.document(); err != nil {
		return nil, errors.New("at byte " + strconv.Itoa(r.pos) + ": " + err.Error())
	}
	return r.tree, nil
}

func (r *reader) document() error {
	if err := r.declaration(); err != nil {
		return err
	}
	r.blanks()
	open, err := r.startTag(nil)
	if err != nil {
		return err
	}
	r.tree.root = open
	if open.end == 0 {
		if err := r.inside(open); err != nil {
			return err
		}
	}
	r.blanks()
	if r.pos != len(r.text) {
		return errors.New("behind the element stands more")
	}
	return nil
}

// xmlDeclaration is the only one that is accepted. XML 1.0, section 2.8.
var xmlDeclaration = regexp.MustCompile(`^<\?xml\s+version\s*=\s*["']1\.0["'](\s+encoding\s*=\s*["'](?i:UTF-8)["'])?` +
	`(\s+standalone\s*=\s*["'](yes|no)["'])?\s*\?>`)

// declaration skips the XML declaration, which may be absent.
func (r *reader) declaration() error {
	if !strings.HasPrefix(r.text, "<?") {
		return nil
	}
	r.pos = len(xmlDeclaration.FindString(r.text[:min(len(r.text), 256)]))
	if r.pos == 0 {
		return errors.New("processing instructions are not accepted, nor any declaration but XML 1.0 in UTF-8")
	}
	return nil
}

// inside reads what stands in the element open, up to and with its end tag.
func (r *reader) inside(open *node) error {
	for root := open; ; {
		if err := r.characters(open); err != nil {
			return err
		}
		rest := r.text[r.pos:]
		switch {
		case strings.HasPrefix(rest, "</"):
			if err := r.endTag(open); err != nil {
				return err
			}
			if open == root {
				return nil
			}
			open = open.parent
		case strings.HasPrefix(rest, "<![CDATA["):
			if err := r.section(open); err != nil {
				return err
			}
		default:
			child, err := r.startTag(open)
			if err != nil {
				return err
			}
			if child.end == 0 {
				open = child
			}
		}
	}
}

// characters reads text up to the next <.
func (r *reader) characters(parent *node) error {
	n := strings.IndexByte(r.text[r.pos:], '<')
	if n < 0 {
		return errEnd
	}
	if n == 0 {
		return nil
	}
	raw := r.text[r.pos : r.pos+n]
	if strings.Contains(raw, "]]>") {
		return errors.New("]]> stands in a text")
	}
	value, err := resolve(raw, false)
	if err != nil {
		return err
	}
	r.pos += n
	return r.addText(parent, value)
}

// section reads a CDATA section, which is text.
func (r *reader) section(parent *node) error {
	raw, _, ok := strings.Cut(r.text[r.pos+len("<![CDATA["):], "]]>")
	if !ok {
		return errEnd
	}
	r.pos += len("<![CDATA[") + len(raw) + len("]]>")
	return r.addText(parent, lineEnds(raw))
}

func (r *reader) addText(parent *node, text string) error {
	if err := r.count(1); err != nil || text == "" {
		return err
	}
	r.add(parent).text = text
	return nil
}

func (r *reader) count(n int) error {
	if r.nodes += n; r.nodes > MaxNodes {
		return errors.New("it has more than " + strconv.Itoa(MaxNodes) + " nodes")
	}
	return nil
}

// add appends a new child to parent.
func (r *reader) add(parent *node) *node {
	if len(r.spareNodes) == 0 {
		r.spareNodes = make([]node, min(64+r.nodes, 4096))
	}
	n := &r.spareNodes[0]
	r.spareNodes = r.spareNodes[1:]
	n.parent = parent
	switch {
	case parent == nil:
	case parent.first == nil:
		parent.first, parent.last = n, n
	default:
		parent.last.next, parent.last = n, n
	}
	return n
}

// startTag reads a start tag, or the tag of an empty element, whose end is then set.
func (r *reader) startTag(parent *node) (*node, error) {
	switch rest := r.text[r.pos:]; {
	case strings.HasPrefix(rest, "<!--"):
		return nil, errors.New("comments are not accepted")
	case strings.HasPrefix(rest, "<!"):
		return nil, errors.New("a document type is not accepted")
	case strings.HasPrefix(rest, "<?"):
		return nil, errors.New("processing instructions are not accepted")
	case !strings.HasPrefix(rest, "<"):
		return nil, errors.New("here must stand an element")
	}
	r.pos++
	prefix, local, err := r.name()
	if err != nil {
		return nil, err
	}
	if r.depth++; r.depth > MaxDepth {
		return nil, errors.New("elements nest deeper than " + strconv.Itoa(MaxDepth))
	}
	n := r.add(parent)
	n.prefix, n.local = prefix, local
	empty, err := r.attributes(n)
	if err != nil {
		return nil, err
	}
	if err := r.count(1 + len(n.attrs) + len(n.decls)); err != nil {
		return nil, err
	}
	if err := r.names(n); err != nil {
		return nil, err
	}
	if empty {
		r.close(n)
	}
	return n, nil
}

// attributes reads up to the > of a start tag, and tells whether the element is empty.
func (r *reader) attributes(n *node) (empty bool, err error) {
	from := len(r.spareAttrs)
	for {
		blanks := r.blanks()
		switch rest := r.text[r.pos:]; {
		case strings.HasPrefix(rest, ">"):
			r.pos++
			n.attrs = r.spareAttrs[from:len(r.spareAttrs):len(r.spareAttrs)]
			return false, nil
		case strings.HasPrefix(rest, "/>"):
			r.pos += 2
			n.attrs = r.spareAttrs[from:len(r.spareAttrs):len(r.spareAttrs)]
			return true, nil
		case !blanks:
			return false, errors.New("here must stand a blank or the end of the tag")
		}
		if len(r.spareAttrs)-from+len(n.decls) == MaxAttributes {
			return false, errors.New("an element has more than " + strconv.Itoa(MaxAttributes) + " attributes")
		}
		prefix, local, err := r.name()
		if err != nil {
			return false, err
		}
		value, err := r.value()
		if err != nil {
			return false, err
		}
		switch {
		case prefix == "xmlns":
			err = r.declare(n, local, value)
		case prefix == "" && local == "xmlns":
			err = r.declare(n, "", value)
		default:
			r.spareAttrs = append(r.spareAttrs, attr{prefix: prefix, local: local, value: value})
		}
		if err != nil {
			return false, err
		}
	}
}

// declare puts a namespace declaration in force.
//
// Namespaces in XML 1.0, section 3. Canonical XML 1.0, section 4.2. (relative names of namespaces)
func (r *reader) declare(n *node, prefix, uri string) error {
	scheme, _, absolute := strings.Cut(uri, ":")
	switch {
	case prefix == "xml" || prefix == "xmlns" || uri == nsXML || uri == nsXMLNS:
		return errors.New("a reserved namespace is declared")
	case uri == "" && prefix != "":
		return errors.New("a prefix is declared to stand for nothing")
	case uri != "" && (!absolute || !isName(scheme, "+.-") || strings.ContainsAny(uri, " \t\r\n")):
		return errors.New("the name of a namespace is not an absolute URI")
	case len(r.scope) == MaxScope:
		return errors.New("more than " + strconv.Itoa(MaxScope) + " namespace declarations are in force")
	}
	if _, twice := lookup(n.decls, prefix); twice {
		return errors.New("an attribute stands twice")
	}
	n.decls = append(n.decls, decl{prefix, uri})
	r.scope = append(r.scope, decl{prefix, uri})
	return nil
}

// names resolves the prefixes of an element and of its attributes, and notes what must stand only once.
func (r *reader) names(n *node) error {
	var ok bool
	if n.space, ok = r.resolve(n.prefix); !ok {
		return errors.New("a prefix is not declared")
	}
	for i := range n.attrs {
		a := &n.attrs[i]
		if a.prefix != "" {
			if a.space, ok = r.resolve(a.prefix); !ok {
				return errors.New("a prefix is not declared")
			}
		}
		for _, b := range n.attrs[:i] {
			if a.local == b.local && a.space == b.space {
				return errors.New("an attribute stands twice")
			}
		}
		if len(a.local) == 2 && strings.EqualFold(a.local, "id") {
			if r.tree.ids[a.value] {
				return errors.New("an ID stands twice")
			}
			if r.tree.ids == nil {
				r.tree.ids = map[string]bool{}
			}
			r.tree.ids[a.value] = true
		}
	}
	switch {
	case n.is(nsSignature, "Signature"):
		r.tree.signatures = append(r.tree.signatures, n)
	case n.is(nsAssertion, "Assertion"), n.is(nsAssertion, "EncryptedAssertion"):
		r.tree.assertions = append(r.tree.assertions, n)
	}
	return nil
}

func (r *reader) resolve(prefix string) (string, bool) {
	if prefix == "xml" {
		return nsXML, true
	}
	uri, ok := lookup(r.scope, prefix)
	return uri, ok || prefix == ""
}

func (r *reader) endTag(open *node) error {
	r.pos += len("</")
	prefix, local, err := r.name()
	if err != nil {
		return err
	}
	r.blanks()
	switch {
	case prefix != open.prefix || local != open.local:
		return errors.New("the end tag is not that of the open element")
	case !strings.HasPrefix(r.text[r.pos:], ">"):
		return errors.New("the end tag is not closed")
	}
	r.pos++
	r.close(open)
	return nil
}

func (r *reader) close(n *node) {
	n.end = r.pos
	r.depth--
	r.scope = r.scope[:len(r.scope)-len(n.decls)]
}

// blanks skips whitespace, and tells whether there was some.
func (r *reader) blanks() bool {
	from := r.pos
	for r.pos < len(r.text) && isBlank(r.text[r.pos]) {
		r.pos++
	}
	return r.pos > from
}

// name reads a name with or without prefix. Names are ASCII: no message of SAML has others.
func (r *reader) name() (prefix, local string, err error) {
	from := r.pos
	for r.pos < len(r.text) && isNameByte(r.text[r.pos]) {
		r.pos++
	}
	local = r.text[from:r.pos]
	if before, after, ok := strings.Cut(local, ":"); ok {
		if prefix, local = before, after; !isName(prefix, ".-_") {
			return "", "", errors.New("here must stand a name")
		}
	}
	if !isName(local, ".-_") {
		return "", "", errors.New("here must stand a name")
	}
	return prefix, local, nil
}

// value reads = and a value in quotes.
func (r *reader) value() (string, error) {
	r.blanks()
	if !strings.HasPrefix(r.text[r.pos:], "=") {
		return "", errors.New("here must stand =")
	}
	r.pos++
	r.blanks()
	if r.pos == len(r.text) || r.text[r.pos] != '"' && r.text[r.pos] != '\'' {
		return "", errors.New("here must stand a value in quotes")
	}
	quote := r.text[r.pos]
	n := strings.IndexByte(r.text[r.pos+1:], quote)
	if n < 0 {
		return "", errEnd
	}
	raw := r.text[r.pos+1 : r.pos+1+n]
	if strings.IndexByte(raw, '<') >= 0 {
		return "", errors.New("< stands in the value of an attribute")
	}
	r.pos += n + 2
	return resolve(raw, true)
}
