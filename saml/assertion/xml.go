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
	MaxBytes = 8 << 20
	// MaxNodes counts elements, texts, attributes and namespace declarations.
	MaxNodes = 200_000
	// MaxDepth is how deep elements may nest. Nothing here recurses deeper.
	MaxDepth = 100
	// MaxAttributes is that of one element, namespace declarations included.
	MaxAttributes = 64
	// MaxScope is the number of namespace declarations that are in force at one place.
	MaxScope = 64
)

// Namespaces.
const (
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"
	nsEncrypt   = "http://www.w3.org/2001/04/xmlenc#"
	nsEncrypt11 = "http://www.w3.org/2009/xmlenc11#"
	nsExclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
	nsXML       = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS     = "http://www.w3.org/2000/xmlns/"
)

// node is an element, or a text if local is empty. Nothing changes it once it was read.
type node struct {
	prefix, local string
	space         string // the namespace that the prefix stands for
	text          string // of a text: references resolved, line ends as \n
	attrs         []attr // in the order of the document, declarations not among them
	decls         []decl
	parent        *node
	first, last   *node // children
	next          *node // sibling
	end           int   // offset behind the end tag
}

type attr struct{ prefix, local, space, value string }

// decl is a namespace declaration; prefix is empty for the default namespace.
type decl struct{ prefix, uri string }

// tree is a document that was read.
type tree struct {
	root       *node
	ids        map[string]bool // values of all attributes named id, in any case and any namespace
	assertions []*node         // Assertion and EncryptedAssertion, wherever they stand
	signatures []*node         // wherever they stand
}

// is tells whether n is the element of that expanded name.
func (n *node) is(space, local string) bool { return n.local == local && n.space == space }

// attr returns the attribute of that name without namespace, and whether there is one.
func (n *node) attr(local string) (string, bool) {
	for i := range n.attrs {
		if a := &n.attrs[i]; a.local == local && a.space == "" {
			return a.value, true
		}
	}
	return "", false
}

// elements returns the child elements.
func (n *node) elements() (all []*node) {
	for c := n.first; c != nil; c = c.next {
		if c.local != "" {
			all = append(all, c)
		}
	}
	return all
}

// children returns the child elements of that expanded name.
func (n *node) children(space, local string) (all []*node) {
	for c := n.first; c != nil; c = c.next {
		if c.is(space, local) {
			all = append(all, c)
		}
	}
	return all
}

// only returns the child element of that expanded name, nil unless there is exactly one.
func (n *node) only(space, local string) *node {
	if all := n.children(space, local); len(all) == 1 {
		return all[0]
	}
	return nil
}

// content returns the whole text of an element, and false if there are elements in it.
func (n *node) content() (string, bool) {
	if n.first == nil {
		return "", true
	}
	if n.first == n.last && n.first.local == "" {
		return n.first.text, true
	}
	var b strings.Builder
	for c := n.first; c != nil; c = c.next {
		if c.local != "" {
			return "", false
		}
		b.WriteString(c.text)
	}
	return b.String(), true
}

// blank tells whether there is nothing but whitespace between the child elements.
func (n *node) blank() bool {
	for c := n.first; c != nil; c = c.next {
		if c.local == "" && strings.Trim(c.text, " \t\r\n") != "" {
			return false
		}
	}
	return true
}

// scope returns the declarations in force for the children of n, outermost first.
func (n *node) scope() (all []decl) {
	if n == nil {
		return nil
	}
	return append(n.parent.scope(), n.decls...)
}

// lookup returns the namespace that prefix stands for among declarations of which the last counts.
func lookup(scope []decl, prefix string) (string, bool) {
	for i := len(scope) - 1; i >= 0; i-- {
		if scope[i].prefix == prefix {
			return scope[i].uri, true
		}
	}
	return "", false
}

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
	switch {
	case len(input) > MaxBytes:
		return nil, errors.New("it is larger than " + strconv.Itoa(MaxBytes) + " bytes")
	case !utf8.Valid(input):
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

// checkCharacters refuses what is no character of XML 1.0, and a byte order mark, which some readers skip and some do not.
func checkCharacters(s string) error {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' && c != '\t' && c != '\n' && c != '\r':
			return errors.New("it holds a control character")
		case c == 0xEF && i+2 < len(s) && (s[i+1] == 0xBF && s[i+2] >= 0xBE || s[i+1] == 0xBB && s[i+2] == 0xBF && i == 0):
			return errors.New("it holds a byte order mark or a character that XML has not")
		}
	}
	return nil
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
	case uri != "" && (!absolute || !isName(scheme, "+.-")):
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

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

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

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == ':' || c == '_' || c == '-' || c == '.' || c >= utf8.RuneSelf
}

// isName tells whether s begins with a letter, or with _ where others has it, and goes on with letters, digits and others, all in ASCII.
func isName(s, others string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
		case c == '_' && strings.IndexByte(others, c) >= 0:
		case i > 0 && ('0' <= c && c <= '9' || strings.IndexByte(others, c) >= 0):
		default:
			return false
		}
	}
	return s != ""
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

// lineEnds makes every line end one \n. XML 1.0, section 2.11.
func lineEnds(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// resolve replaces the references in a text or in the value of an attribute, in which whitespace that is written as itself becomes
// spaces. XML 1.0, sections 3.3.3. and 4.1.
func resolve(raw string, attribute bool) (string, error) {
	raw = lineEnds(raw)
	if attribute && strings.ContainsAny(raw, "\t\n") {
		raw = strings.NewReplacer("\t", " ", "\n", " ").Replace(raw)
	}
	next := strings.IndexByte(raw, '&')
	if next < 0 {
		return raw, nil
	}
	var b strings.Builder
	for ; next >= 0; next = strings.IndexByte(raw, '&') {
		b.WriteString(raw[:next])
		name, rest, ok := strings.Cut(raw[next+1:], ";")
		if !ok {
			return "", errors.New("a reference has no end")
		}
		c, ok := reference(name)
		if !ok {
			return "", errors.New("a reference is none of lt, gt, amp, apos, quot and the numbers of characters")
		}
		b.WriteRune(c)
		raw = rest
	}
	b.WriteString(raw)
	return b.String(), nil
}

// reference returns the character that stands between & and ; by name or number.
func reference(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "apos":
		return '\'', true
	case "quot":
		return '"', true
	}
	digits, base := strings.TrimPrefix(name, "#"), 10
	if digits == name {
		return 0, false
	}
	if hex := strings.TrimPrefix(digits, "x"); hex != digits {
		digits, base = hex, 16
	}
	if digits == "" || digits[0] == '+' || digits[0] == '-' || strings.Contains(digits, "_") {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, base, 32)
	c := rune(n)
	return c, err == nil && n <= utf8.MaxRune && (c == '\t' || c == '\n' || c == '\r' || c >= ' ') &&
		utf8.ValidRune(c) && c != 0xFFFE && c != 0xFFFF
}
