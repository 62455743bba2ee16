package schema

import scim "github.com/elimity-com/scim/schema"

// User is the User resource with the enterprise extension, ours, and whatever extensions a connection adds.
//
// RFC 7643, sections 4.1 and 4.3.
func User(extensions ...*Schema) *Resource {
	r := newResource("User", "/Users", convert(scim.CoreUserSchema()), append([]*Schema{convert(scim.ExtensionEnterpriseUser()), chat()}, extensions...)...)
	r.correct()
	// An identifier of ours has one spelling, and a User is never a group.
	r.Lookup("groups.value").CaseExact = true
	r.Lookup("groups.$ref").ReferenceTypes = []string{"Group"}
	r.Lookup("addresses.formatted").multiline = true
	r.Lookup("addresses.streetAddress").multiline = true
	return r
}

// chat is our own extension of a User: the account that the person has in the chat, and where it is. A User without account has
// none of it.
func chat() *Schema {
	attribute := func(name, kind, returned, description string, sub ...*Attribute) *Attribute {
		return &Attribute{
			Name: name, Type: kind, MultiValued: len(sub) > 0, CaseExact: kind == String, Mutability: ReadOnly, Returned: returned,
			Uniqueness: "none", Description: description, Sub: sub,
		}
	}
	role := func() *Attribute {
		return attribute("role", String, Default, "What the person is there: member or admin; of several reasons the highest.")
	}
	s := &Schema{
		URN: ChatURN, Name: "Chat User", Description: "The account of the User in the chat. It is returned when it is asked for.", Derived: true,
		Attributes: []*Attribute{
			attribute("accountId", String, OnRequest, "The id of the account; it never changes."),
			attribute("username", String, OnRequest, "The name of the account, unique in the chat, in lower case."),
			attribute("teams", Complex, OnRequest, "The teams that the account is in.",
				attribute("value", String, Default, "The name of the team."), role()),
			attribute("channels", Complex, OnRequest, "The channels that the account is in.",
				attribute("value", String, Default, "The names of the team and the channel, with a slash between."), role()),
		},
	}
	s.Attributes[0].Uniqueness, s.Attributes[1].Uniqueness = "server", "server"
	return s
}

// Group is the Group resource.
//
// RFC 7643, section 4.2.
func Group() *Resource {
	r := newResource("Group", "/Groups", convert(scim.CoreGroupSchema()))
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
