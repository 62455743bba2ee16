package assertion

import "strings"

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
