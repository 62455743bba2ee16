package schema

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Limits of an extension schema.
const (
	MaxDefinition = 64 << 10 // bytes
	MaxAttributes = 100      // sub-attributes are counted too
	maxURN        = 256      // bytes
	maxName       = 64       // bytes of the name of an attribute
)

// The values of characteristics, as an extension may have them. Names of types are compared without case.
var (
	types        = []string{String, Boolean, Decimal, Integer, DateTime, Binary, Reference, Complex}
	mutabilities = []string{ReadWrite, ReadOnly, Immutable, WriteOnly}
	returneds    = []string{Default, Always, OnRequest, Never}
)

var (
	urnForm  = regexp.MustCompile(`^(?i:urn):[A-Za-z0-9][A-Za-z0-9-]{0,30}:[A-Za-z0-9._:-]*[A-Za-z0-9]$`)
	nameForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9$_-]*$`)
)

// What the IETF registers, and where identity providers tell their users to put schemas of their own all the same.
//
// RFC 7643, section 10.
const (
	registry      = "urn:ietf:params:scim:"
	forExtensions = registry + "schemas:extension:"
)

// reserved are the URNs that begin what is not a connection's to define.
var reserved = []string{
	registry + "schemas:core:", forExtensions + "enterprise:", registry + "api:", registry, "urn:rollcall:",
}

// ParseExtension reads the definition of an extension schema: an id, which is its URN, and attributes with their characteristics.
// A characteristic that is missing has its default. Definition writes it down again.
//
// Errors: *Error, InvalidSyntax for what is not one JSON object, InvalidValue for a definition that is not possible here, with
// the attribute's name.
//
// RFC 7643, sections 2.1, 2.2 and 7.
func ParseExtension(text []byte) (*Schema, error) {
	if len(text) > MaxDefinition {
		return nil, Errorf(InvalidValue, "the schema has more than %d KiB", MaxDefinition>>10)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, Errorf(InvalidSyntax, "the schema is not one JSON object: %s", syntax(err))
	}
	d := &definition{members: members, where: "the schema"}
	s := &Schema{URN: d.text("id", ""), Name: d.text("name", ""), Description: d.text("description", "")}
	list := d.list("attributes")
	d.known("schemas", "meta")
	if d.err == nil {
		d.err = checkURN(s.URN)
	}
	if d.err != nil {
		return nil, d.err
	}
	if s.Name == "" {
		s.Name = s.URN
	}
	left := MaxAttributes
	var err error
	if s.Attributes, err = readAttributes(s.URN+":", list, nil, &left); err != nil {
		return nil, err
	}
	if len(s.Attributes) == 0 {
		return nil, Errorf(InvalidValue, "attributes: there must be one at least")
	}
	return s, nil
}

func syntax(err error) string {
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok && e.Err != nil {
		return e.Err.Error()
	}
	return "it must begin with { and end with }"
}

func checkURN(urn string) *Error {
	switch {
	case urn == "":
		return Errorf(InvalidValue, "id: is missing: it is the URN of the schema")
	case len(urn) > maxURN:
		return Errorf(InvalidValue, "id: has more than %d bytes", maxURN)
	case !urnForm.MatchString(urn):
		return Errorf(InvalidValue, "id: %q is no URN: use a form such as urn:example:params:scim:schemas:extension:costs:1.0:User", urn)
	}
	begin := strings.ToLower(urn) + ":"
	for _, prefix := range reserved {
		if strings.HasPrefix(begin, prefix) && (prefix != registry || !strings.HasPrefix(begin, forExtensions)) {
			return Errorf(InvalidValue, "id: %s… is not yours to define: use a URN of your own", prefix)
		}
	}
	for _, known := range []string{UserURN, GroupURN, EnterpriseURN, ChatURN} {
		if strings.HasPrefix(strings.ToLower(known), begin) { // a path would be ambiguous
			return Errorf(InvalidValue, "id: %s begins with it: use a URN of your own", known)
		}
	}
	return nil
}

// readAttributes reads a list of attributes, or the sub-attributes of parent.
func readAttributes(prefix string, list []any, parent *Attribute, left *int) ([]*Attribute, error) {
	var all []*Attribute
	for _, v := range list {
		members, ok := v.(map[string]any)
		if !ok {
			return nil, Errorf(InvalidValue, "%s: an attribute must be an object", strings.TrimRight(prefix, ":."))
		}
		if *left--; *left < 0 {
			return nil, Errorf(InvalidValue, "attributes: there are more than %d, with sub-attributes", MaxAttributes)
		}
		a, err := readAttribute(prefix, members, parent, left)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(b *Attribute) bool { return strings.EqualFold(a.Name, b.Name) }) {
			return nil, Errorf(InvalidValue, "%s%s: is defined twice; case does not matter", prefix, a.Name)
		}
		all = append(all, a)
	}
	return all, nil
}

func readAttribute(prefix string, members map[string]any, parent *Attribute, left *int) (*Attribute, error) {
	d := &definition{members: members, where: strings.TrimRight(prefix, ":.")}
	a := &Attribute{Name: d.text("name", "")}
	if err := checkName(d.where, a.Name, parent); d.err == nil && err != nil {
		return nil, err
	}
	d.where = prefix + a.Name
	a.Type = d.word("type", types)
	exact := a.Type == Binary || a.Type == Reference // RFC 7643, sections 2.3.6 and 2.3.7.
	a.CaseExact = d.flag("caseExact", exact) || exact
	a.MultiValued, a.Required = d.flag("multiValued", false), d.flag("required", false)
	a.Mutability, a.Description = d.word("mutability", mutabilities), d.text("description", "")
	missing := returneds
	if a.Mutability == WriteOnly {
		missing = []string{Never}
	}
	a.Returned = d.word("returned", missing)
	a.Uniqueness = d.text("uniqueness", "none")
	a.CanonicalValues, a.ReferenceTypes = d.texts("canonicalValues"), d.texts("referenceTypes")
	if a.Type == Reference && len(a.ReferenceTypes) == 0 {
		a.ReferenceTypes = []string{"external"}
	}
	sub := d.list("subAttributes")
	d.known()
	if d.err != nil {
		return nil, d.err
	}
	if err := a.possible(d.where, parent, len(sub)); err != nil {
		return nil, err
	}
	var err error
	a.Sub, err = readAttributes(d.where+".", sub, a, left)
	return a, err
}

func checkName(where, name string, parent *Attribute) *Error {
	switch {
	case name == "":
		return Errorf(InvalidValue, "%s: an attribute has no name", where)
	case parent != nil && name == "$ref":
	case !nameForm.MatchString(name) || len(name) > maxName:
		return Errorf(InvalidValue, "%s: %q is no name of an attribute: use up to %d letters, digits, $, - and _, a letter first", where, name, maxName)
	case parent == nil && slices.Contains([]string{"schemas", "id", "externalid", "meta"}, strings.ToLower(name)):
		return Errorf(InvalidValue, "%s: %s is the name of a common attribute: use another", where, name)
	}
	return nil
}

// possible refuses what contradicts itself and what would be promised and not kept.
func (a *Attribute) possible(where string, parent *Attribute, subAttributes int) error {
	switch {
	case a.Uniqueness != "none":
		return Errorf(InvalidValue, "%s: uniqueness %q is not possible: "+
			"nothing but userName, externalId and the displayName of a Group is kept unique; use none", where, a.Uniqueness)
	case a.Type == Complex && parent != nil:
		return Errorf(InvalidValue, "%s: a sub-attribute cannot be complex", where)
	case a.Type == Complex && subAttributes == 0:
		return Errorf(InvalidValue, "%s: a complex attribute needs subAttributes", where)
	case a.Type != Complex && subAttributes > 0:
		return Errorf(InvalidValue, "%s: only a complex attribute has subAttributes", where)
	case a.Required && a.Mutability == ReadOnly:
		return Errorf(InvalidValue, "%s: nobody could write it, so it cannot be required", where)
	case a.Mutability == WriteOnly && a.Returned != Never:
		return Errorf(InvalidValue, "%s: what is writeOnly is returned never", where)
	case a.Returned == Never && (a.Required || a.Mutability == Immutable):
		return Errorf(InvalidValue, "%s: what is never returned is not kept, so it cannot be required or immutable", where)
	}
	return nil
}

// Definition writes an extension as ParseExtension reads it, every characteristic said.
func (s *Schema) Definition() []byte {
	d := s.Describe("")
	delete(d, "schemas")
	delete(d, "meta")
	b, _ := json.Marshal(d, json.Deterministic(true)) // maps and lists of texts and truth values always marshal
	return b
}

// definition reads the members of a schema or attribute. After the first error, which is kept, it reads nothing.
type definition struct {
	members map[string]any
	where   string
	seen    []string
	err     *Error
}

// member returns the member called name in any case, nil for none.
func (d *definition) member(name string) any {
	d.seen = append(d.seen, name)
	for key, v := range d.members {
		if strings.EqualFold(key, name) {
			return v
		}
	}
	return nil
}

func (d *definition) fail(name, want string) {
	if d.err == nil {
		d.err = Errorf(InvalidValue, "%s: %s must be %s", d.where, name, want)
	}
}

func (d *definition) text(name, missing string) string {
	switch v := d.member(name).(type) {
	case nil:
		return missing
	case string:
		return v
	}
	d.fail(name, "a string")
	return missing
}

func (d *definition) flag(name string, missing bool) bool {
	switch v := d.member(name).(type) {
	case nil:
		return missing
	case bool:
		return v
	}
	d.fail(name, "true or false")
	return missing
}

// word reads one of the words, of which the first is the default.
func (d *definition) word(name string, words []string) string {
	text := d.text(name, words[0])
	for _, w := range words {
		if strings.EqualFold(w, text) {
			return w
		}
	}
	d.fail(name, "one of "+strings.Join(words, ", "))
	return words[0]
}

func (d *definition) list(name string) []any {
	switch v := d.member(name).(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	d.fail(name, "a list")
	return nil
}

func (d *definition) texts(name string) (all []string) {
	for _, v := range d.list(name) {
		s, ok := v.(string)
		if !ok {
			d.fail(name, "a list of strings")
		}
		all = append(all, s)
	}
	return all
}

// known refuses members that nobody asked for: a slip of the pen would else be a default. In two spellings a name says two things.
func (d *definition) known(others ...string) {
	seen := append(d.seen, others...)
	folded := map[string]bool{}
	for key := range d.members {
		if name := strings.ToLower(key); d.err == nil && folded[name] {
			d.err = Errorf(InvalidSyntax, "%s: %s is given twice; case does not matter", d.where, name)
		} else {
			folded[name] = true
		}
		if d.err == nil && !slices.ContainsFunc(seen, func(name string) bool { return strings.EqualFold(name, key) }) {
			d.err = Errorf(InvalidValue, "%s: there is no %q: use %s", d.where, key, strings.Join(d.seen, ", "))
		}
	}
}

// Widens reports whether s has all that before has, compared in the same way, so that values kept under before are values of s.
// If not, the error names the attribute.
func (s *Schema) Widens(before *Schema) error {
	return widens(s.URN+":", s.Attributes, before.Attributes)
}

func widens(prefix string, now, before []*Attribute) error {
	for _, b := range before {
		i := slices.IndexFunc(now, func(a *Attribute) bool { return a.Name == b.Name })
		if i < 0 {
			return Errorf(InvalidValue, "%s%s: Users may have values of it, so it cannot be left out", prefix, b.Name)
		}
		a := now[i]
		if a.Type != b.Type || a.MultiValued != b.MultiValued || a.CaseExact != b.CaseExact {
			return Errorf(InvalidValue, "%s%s: Users may have values of it, so type, multiValued and caseExact cannot change", prefix, b.Name)
		}
		if err := widens(prefix+b.Name+".", a.Sub, b.Sub); err != nil {
			return err
		}
	}
	return nil
}
