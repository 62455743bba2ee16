package schema

import scim "github.com/elimity-com/scim/schema"

// User is the User resource with the enterprise extension and whatever extensions a connection adds.
//
// RFC 7643, sections 4.1 and 4.3.
func User(extensions ...scim.Schema) *Resource {
	r := newResource("User", "/Users", scim.CoreUserSchema(), append([]scim.Schema{scim.ExtensionEnterpriseUser()}, extensions...)...)
	r.correct()
	// An identifier of ours has one spelling, and a User is never a group.
	r.Lookup("groups.value").CaseExact = true
	r.Lookup("groups.$ref").ReferenceTypes = []string{"Group"}
	r.Lookup("addresses.formatted").multiline = true
	r.Lookup("addresses.streetAddress").multiline = true
	return r
}

// Group is the Group resource with whatever extensions a connection adds.
//
// RFC 7643, section 4.2.
func Group(extensions ...scim.Schema) *Resource {
	r := newResource("Group", "/Groups", scim.CoreGroupSchema(), extensions...)
	r.correct()
	r.Lookup("displayName").Uniqueness = "server"
	r.Lookup("members").unbounded = true
	r.Lookup("members.value").CaseExact = true
	r.Lookup("members.display").Mutability = ReadOnly // derived from the member as it is now
	return r
}

// correct adjusts the common attributes.
func (r *Resource) correct() {
	// What a resource uses decides its schemas; nobody writes them.
	r.Lookup("schemas").Mutability = ReadOnly
	r.Lookup("schemas").Returned = Always
	r.Lookup("schemas").CaseExact = true
}
