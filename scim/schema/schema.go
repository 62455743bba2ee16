// Package schema knows the attributes of SCIM resources: their names, their characteristics, and what a value of one looks
// like as it is received, stored, compared and returned. The definitions come from github.com/elimity-com/scim/schema, and
// from administrators, whose definitions are checked here; they are corrected where our directory is stricter, indexed, and never
// changed again.
//
// Package scim calls it for every request, scim/patch for every operation and provision for every definition; filters
// (scim/filter), HTTP and the meaning of the attributes to an account are theirs.
package schema

import (
	"bytes"
	"slices"
	"strings"

	scim "github.com/elimity-com/scim/schema"
)

// URNs of the schemas that every connection has.
const (
	UserURN       = scim.UserSchema
	GroupURN      = scim.GroupSchema
	EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	ChatURN       = "urn:rollcall:params:scim:schemas:extension:chat:2.0:User"
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
	dropped   bool                  // Dropped, because of its own characteristics or of those that it is in
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

// Dropped reports whether values of a are checked and not kept. Nothing of ours reads what a client may never see, and the audit
// log would tell it.
func (a *Attribute) Dropped() bool { return a.dropped }

// IsExtension reports whether a stands for all attributes of an extension schema.
func (a *Attribute) IsExtension() bool { return a.Parent != nil && a.Name == a.Schema }

// Schema is a core schema or an extension.
type Schema struct {
	URN         string
	Name        string
	Description string
	Attributes  []*Attribute // of a resource's schema; of one that no resource has yet they lack Schema, Parent and Path
	Removed     bool         // an extension that is no more: values that documents have of it are not shown
	Derived     bool         // an extension whose values are made when they are asked for: nobody writes them
}

// Resource is a resource type: its schemas and their attributes, found by any name that a client may use. It never changes.
type Resource struct {
	Name       string // User
	Endpoint   string // /Users
	Core       *Schema
	Extensions []*Schema
	Root       *Attribute // the resource as one complex attribute: common and core attributes, then the extensions

	index   map[string]*Attribute // every spelling of every path, canonical and in lower case
	marks   []mark                // of the extensions that documents have
	removed map[string]*Attribute // the extensions that are no more, by URN
	hides   bool                  // a document may have what is not returned by default
	guarded bool                  // Guard has something to look after
}

// mark tells by the text of a document whether it has values of an extension.
type mark struct{ key, item []byte }

// newResource builds a resource type. A name without URN is that of the first schema that has it, the core's before those of the
// extensions in their order, so that one more extension never changes what a name means.
func newResource(name, endpoint string, core *Schema, extensions ...*Schema) *Resource {
	r := &Resource{Name: name, Endpoint: endpoint, index: map[string]*Attribute{}, removed: map[string]*Attribute{}}
	r.Root = &Attribute{Type: Complex, Mutability: ReadWrite, Returned: Default, Uniqueness: "none", Schema: core.URN}
	common := placeAll(r.Root, "", convertAll(scim.CommonAttributes()))
	r.Core = &Schema{URN: core.URN, Name: core.Name, Description: core.Description}
	r.Core.Attributes = placeAll(r.Root, core.URN, core.Attributes)
	r.Root.Sub = append(common, r.Core.Attributes...)
	for _, e := range extensions {
		a := &Attribute{
			Name: e.URN, Type: Complex, Mutability: ReadWrite, Returned: Default, Uniqueness: "none",
			Schema: e.URN, Parent: r.Root, Path: []string{e.URN},
		}
		a.Sub = placeAll(a, e.URN, e.Attributes)
		if e.Removed {
			r.removed[e.URN], r.hides = a, true
			a.buildIndex()
			continue
		}
		if e.Derived {
			a.Mutability, a.Returned = ReadOnly, OnRequest
		} else {
			r.inspect(a.Sub)
			// A quote inside a value is escaped, so the key stands nowhere else.
			r.marks = append(r.marks, mark{[]byte(`"` + e.URN + `":{`), []byte(`,"` + e.URN + `"`)})
		}
		r.Extensions = append(r.Extensions, &Schema{URN: e.URN, Name: e.Name, Description: e.Description, Attributes: a.Sub, Derived: e.Derived})
		r.Root.Sub = append(r.Root.Sub, a)
	}
	r.build()
	return r
}

// inspect notes what is special about attributes of an extension.
func (r *Resource) inspect(attributes []*Attribute) {
	for _, a := range attributes {
		r.hides = r.hides || a.Returned == OnRequest || a.Returned == Never
		r.guarded = r.guarded || a.Required || a.Mutability == Immutable
		r.inspect(a.Sub)
	}
}

// convert takes over a definition of the library's.
func convert(from scim.Schema) *Schema {
	return &Schema{URN: from.ID, Name: from.Name.Value(), Description: from.Description.Value(), Attributes: convertAll(from.Attributes)}
}

func convertAll(from scim.Attributes) []*Attribute {
	all := make([]*Attribute, len(from))
	for i, f := range from {
		a := &Attribute{
			Name: f.Name(), Type: f.AttributeType(), MultiValued: f.MultiValued(), Required: f.Required(), CaseExact: f.CaseExact(),
			Mutability: f.Mutability(), Returned: f.Returned(), Uniqueness: f.Uniqueness(), Description: f.Description(),
			CanonicalValues: f.CanonicalValues(), Sub: convertAll(f.SubAttributes()),
		}
		for _, t := range f.ReferenceTypes() {
			a.ReferenceTypes = append(a.ReferenceTypes, string(t))
		}
		all[i] = a
	}
	return all
}

// placeAll returns copies of attributes with the place that they have in a resource.
func placeAll(parent *Attribute, urn string, from []*Attribute) []*Attribute {
	all := make([]*Attribute, len(from))
	for i, f := range from {
		a := *f
		a.Schema, a.Parent, a.Path = urn, parent, append(slices.Clone(parent.Path), f.Name)
		a.multiline = a.Type == Binary
		a.dropped = parent.dropped || f.Mutability == WriteOnly || f.Returned == Never
		a.Sub = placeAll(&a, urn, f.Sub)
		all[i] = &a
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
	for _, e := range r.Root.Sub {
		if !e.IsExtension() {
			continue
		}
		for _, a := range e.Sub {
			r.spell(e.Name+":", a)
			// What identity providers send under a name like one of ours is not meant for us.
			if e.Mutability != ReadOnly && r.index[strings.ToLower(a.Name)] == nil {
				r.spell("", a)
			}
		}
	}
	r.Root.buildIndex()
}

// AppendSchemas appends to b the URNs of the schemas that a stored document has values of, as the inside of a JSON list.
//
// RFC 7643, section 3.
func (r *Resource) AppendSchemas(b, document []byte) []byte {
	b = append(b, '"')
	b = append(b, r.Core.URN...)
	b = append(b, '"')
	for _, m := range r.marks {
		if bytes.Contains(document, m.key) {
			b = append(b, m.item...)
		}
	}
	return b
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
// found without URN when no schema before its own has one of its name, unless the extension is derived.
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
