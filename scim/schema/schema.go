// Package schema knows the attributes of SCIM resources: their names, their characteristics, and what a value of one looks
// like as it is received, stored, compared and returned. The definitions come from github.com/elimity-com/scim/schema; here
// they are corrected where our directory is stricter, indexed, and never changed again.
//
// Package scim calls it for every request and scim/patch for every operation; filters (scim/filter), HTTP and the meaning of
// the attributes to an account are theirs.
package schema

import (
	"strings"

	scim "github.com/elimity-com/scim/schema"
)

// URNs of the schemas that every connection has.
const (
	UserURN       = scim.UserSchema
	GroupURN      = scim.GroupSchema
	EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// The data types of attributes.
//
// RFC 7643, section 2.3.
const (
	String    = "string"
	Boolean   = "boolean"
	Decimal   = "decimal"
	Integer   = "integer"
	DateTime  = "dateTime"
	Binary    = "binary"
	Reference = "reference"
	Complex   = "complex"
)

// Who may write an attribute.
//
// RFC 7643, section 7.
const (
	ReadWrite = "readWrite"
	ReadOnly  = "readOnly"
	Immutable = "immutable"
	WriteOnly = "writeOnly"
)

// When an attribute is returned.
//
// RFC 7643, section 7.
const (
	Always    = "always"
	Never     = "never"
	Default   = "default"
	OnRequest = "request"
)

// MaxValues is the largest number of values of a multi-valued attribute. The members of a group have no such limit here.
const MaxValues = 1000

// Attribute is an attribute or sub-attribute and its characteristics. An extension, and the resource as a whole, are complex
// attributes too, so that a document has one shape all through. It is shared and must not be changed.
type Attribute struct {
	Name            string // canonical; an extension's is its URN, the resource's is empty
	Type            string
	MultiValued     bool
	Required        bool
	CaseExact       bool
	Mutability      string
	Returned        string
	Uniqueness      string
	Description     string
	CanonicalValues []string
	ReferenceTypes  []string
	Sub             []*Attribute

	Schema string     // URN of the schema that defines it; empty for a common attribute
	Parent *Attribute // the complex attribute or extension that it is in; the resource for attributes at the top
	Path   []string   // names from the top of a document to it, its own included

	index     map[string]*Attribute // Sub by canonical and by lower-case name
	multiline bool                  // may contain line breaks and tabs
	unbounded bool                  // MaxValues does not apply
}

// Find returns the sub-attribute called name in any case, or nil.
func (a *Attribute) Find(name string) *Attribute { return lookup(a.index, name) }

// String returns the attribute's full path, e.g. name.givenName.
func (a *Attribute) String() string {
	switch {
	case a.Parent == nil || a.Parent.Parent == nil:
		return a.Name
	case a.Parent.IsExtension():
		return a.Schema + ":" + a.Name
	}
	return a.Parent.String() + "." + a.Name
}

// IsResource reports whether a stands for a whole resource.
func (a *Attribute) IsResource() bool { return a.Parent == nil }

// IsExtension reports whether a stands for all attributes of an extension schema.
func (a *Attribute) IsExtension() bool { return a.Parent != nil && a.Name == a.Schema }

// Schema is a core schema or an extension.
type Schema struct {
	URN         string
	Name        string
	Description string
	Attributes  []*Attribute
}

// Resource is a resource type: its schemas and their attributes, found by any name that a client may use. It never changes.
type Resource struct {
	Name       string // User
	Endpoint   string // /Users
	Core       *Schema
	Extensions []*Schema
	Root       *Attribute // the resource as one complex attribute: common and core attributes, then the extensions

	index map[string]*Attribute // every spelling of every path, canonical and in lower case
}

// newResource builds a resource type. Extensions come after the core schema in every respect: a name that both have is the
// core's when written without URN, and a name that two extensions have needs its URN.
func newResource(name, endpoint string, core scim.Schema, extensions ...scim.Schema) *Resource {
	r := &Resource{Name: name, Endpoint: endpoint, index: map[string]*Attribute{}}
	r.Root = &Attribute{Type: Complex, Mutability: ReadWrite, Returned: Default, Uniqueness: "none", Schema: core.ID}
	common := convertAll(r.Root, "", scim.CommonAttributes())
	r.Core = &Schema{URN: core.ID, Name: core.Name.Value(), Description: core.Description.Value()}
	r.Core.Attributes = convertAll(r.Root, core.ID, core.Attributes)
	r.Root.Sub = append(common, r.Core.Attributes...)
	for _, e := range extensions {
		a := &Attribute{
			Name: e.ID, Type: Complex, Mutability: ReadWrite, Returned: Default, Uniqueness: "none",
			Schema: e.ID, Parent: r.Root, Path: []string{e.ID},
		}
		a.Sub = convertAll(a, e.ID, e.Attributes)
		r.Extensions = append(r.Extensions, &Schema{URN: e.ID, Name: e.Name.Value(), Description: e.Description.Value(), Attributes: a.Sub})
		r.Root.Sub = append(r.Root.Sub, a)
	}
	r.build()
	return r
}

func convertAll(parent *Attribute, urn string, from scim.Attributes) []*Attribute {
	all := make([]*Attribute, len(from))
	for i, f := range from {
		a := &Attribute{
			Name: f.Name(), Type: f.AttributeType(), MultiValued: f.MultiValued(), Required: f.Required(), CaseExact: f.CaseExact(),
			Mutability: f.Mutability(), Returned: f.Returned(), Uniqueness: f.Uniqueness(), Description: f.Description(),
			CanonicalValues: f.CanonicalValues(), Schema: urn, Parent: parent,
		}
		for _, t := range f.ReferenceTypes() {
			a.ReferenceTypes = append(a.ReferenceTypes, string(t))
		}
		a.Path = append(append(a.Path, parent.Path...), a.Name)
		a.multiline = a.Type == Binary
		a.Sub = convertAll(a, urn, f.SubAttributes())
		all[i] = a
	}
	return all
}

// build fills the indexes.
func (r *Resource) build() {
	enter(r.index, r.Core.URN, r.Root)
	for _, a := range r.Root.Sub {
		if a.IsExtension() {
			enter(r.index, a.Name, a)
			continue
		}
		r.spell("", a)
		r.spell(r.Core.URN+":", a)
	}
	short := map[string]*Attribute{} // names of extension attributes without URN; nil for one that several extensions have
	for _, e := range r.Root.Sub {
		if !e.IsExtension() {
			continue
		}
		for _, a := range e.Sub {
			r.spell(e.Name+":", a)
			name := strings.ToLower(a.Name)
			if _, taken := short[name]; taken {
				a = nil
			}
			short[name] = a
		}
	}
	for name, a := range short {
		if a != nil && r.index[name] == nil {
			r.spell("", a)
		}
	}
	r.Root.buildIndex()
}

func (r *Resource) spell(prefix string, a *Attribute) {
	enter(r.index, prefix+a.Name, a)
	for _, s := range a.Sub {
		enter(r.index, prefix+a.Name+"."+s.Name, s)
	}
}

func (a *Attribute) buildIndex() {
	a.index = make(map[string]*Attribute, 2*len(a.Sub))
	for _, s := range a.Sub {
		enter(a.index, s.Name, s)
		s.buildIndex()
	}
}

func enter(index map[string]*Attribute, name string, a *Attribute) {
	index[name] = a
	index[strings.ToLower(name)] = a
}

func lookup(index map[string]*Attribute, name string) *Attribute {
	if a, ok := index[name]; ok {
		return a
	}
	return index[strings.ToLower(name)]
}

// Lookup returns the attribute that path names, or nil: attr, attr.sub, both also with the URN of the schema and a colon before,
// the URN of an extension alone, or the core URN alone for the resource. Case does not matter. An attribute of an extension is
// found without URN when no other schema has one of its name.
//
// RFC 7644, section 3.10.
func (r *Resource) Lookup(path string) *Attribute { return lookup(r.index, path) }

// Find is Lookup for a path in its parts. urn and sub may be empty.
func (r *Resource) Find(urn, attr, sub string) *Attribute {
	if urn != "" {
		attr = urn + ":" + attr
	}
	a := r.Lookup(attr)
	if sub == "" || a == nil {
		return a
	}
	return a.Find(sub)
}
