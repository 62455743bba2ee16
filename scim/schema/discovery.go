package schema

const (
	schemaURN       = "urn:ietf:params:scim:schemas:core:2.0:Schema"
	resourceTypeURN = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
)

// Describe returns the schema as /Schemas returns it. base is the URL of the SCIM service, without a slash at its end.
//
// RFC 7643, section 7.
func (s *Schema) Describe(base string) map[string]any {
	return map[string]any{
		"schemas":     []any{schemaURN},
		"id":          s.URN,
		"name":        s.Name,
		"description": s.Description,
		"attributes":  describeAll(s.Attributes),
		"meta":        map[string]any{"resourceType": "Schema", "location": base + "/Schemas/" + s.URN},
	}
}

func describeAll(attributes []*Attribute) []any {
	all := make([]any, len(attributes))
	for i, a := range attributes {
		d := map[string]any{
			"name":        a.Name,
			"type":        a.Type,
			"multiValued": a.MultiValued,
			"description": a.Description,
			"required":    a.Required,
			"caseExact":   a.CaseExact,
			"mutability":  a.Mutability,
			"returned":    a.Returned,
			"uniqueness":  a.Uniqueness,
		}
		if len(a.CanonicalValues) > 0 {
			d["canonicalValues"] = stringList(a.CanonicalValues)
		}
		if len(a.ReferenceTypes) > 0 {
			d["referenceTypes"] = stringList(a.ReferenceTypes)
		}
		if len(a.Sub) > 0 {
			d["subAttributes"] = describeAll(a.Sub)
		}
		all[i] = d
	}
	return all
}

func stringList(s []string) []any {
	all := make([]any, len(s))
	for i := range s {
		all[i] = s[i]
	}
	return all
}

// Describe returns the resource type as /ResourceTypes returns it. base is the URL of the SCIM service, without a slash at its
// end.
//
// RFC 7643, section 6.
func (r *Resource) Describe(base string) map[string]any {
	d := map[string]any{
		"schemas":     []any{resourceTypeURN},
		"id":          r.Name,
		"name":        r.Name,
		"endpoint":    r.Endpoint,
		"description": r.Core.Description,
		"schema":      r.Core.URN,
		"meta":        map[string]any{"resourceType": "ResourceType", "location": base + "/ResourceTypes/" + r.Name},
	}
	var extensions []any
	for _, e := range r.Extensions {
		extensions = append(extensions, map[string]any{"schema": e.URN, "required": false})
	}
	if extensions != nil {
		d["schemaExtensions"] = extensions
	}
	return d
}
