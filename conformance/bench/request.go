package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
)

// fixture is what a filled store has and what a run must know of it.
type fixture struct {
	Users  int      `json:"users"`
	Schema string   `json:"schema"` // of the database that was filled
	Rate   float64  `json:"rate"`   // users a second while it was filled
	Tokens []string `json:"tokens"`
	IDs    []string `json:"ids"` // of the users u0000001, u0000002, …
}

// name is what stands in every name of the n-th user, and nowhere else.
func name(n int) string { return fmt.Sprintf("u%07d", n) }

// appendRequest appends a request as an identity provider sends it. Requests take turns with the tokens, of which each is held
// to a rate.
func (f *fixture) appendRequest(b []byte, turn int, method, target, body string) []byte {
	b = append(b, method...)
	b = append(b, " /scim/v2"...)
	b = append(b, target...)
	b = append(b, " HTTP/1.1\r\nHost: scim.example.com\r\nUser-Agent: bench\r\nAccept: application/scim+json\r\nAuthorization: Bearer "...)
	b = append(b, f.Tokens[turn%len(f.Tokens)]...)
	if body != "" {
		b = append(b, "\r\nContent-Type: application/scim+json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
	}
	b = append(b, "\r\n\r\n"...)
	return append(b, body...)
}

// newUser is the body of a POST, as Okta forms it.
func newUser(n int) string {
	u := name(n)
	return `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"` + u + `@example.com","externalId":"00` + u +
		`","name":{"givenName":"Given-` + u + `","familyName":"Family-` + u + `"},"displayName":"Given-` + u + ` Family-` + u +
		`","emails":[{"primary":true,"value":"` + u + `@example.com","type":"work"}],"locale":"en-US","groups":[],"active":true}`
}

// groupBody is the body of a POST or PUT of a group.
func groupBody(name string, members []string) string {
	return `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"` + name + `","members":` + references(members) + `}`
}

// addition is the body of a PATCH that adds members to a group.
func addition(members ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":` +
		references(members) + `}]}`
}

func references(ids []string) string {
	var list strings.Builder
	list.WriteByte('[')
	for i, id := range ids {
		if i > 0 {
			list.WriteByte(',')
		}
		list.WriteString(`{"value":"` + id + `"}`)
	}
	list.WriteByte(']')
	return list.String()
}

const (
	deactivation = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`
	activation   = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":true}}]}`
)

// order is the order in which a run asks for the n users: any, but always the same.
func order(n int) []int { return rand.New(rand.NewPCG(1, 2)).Perm(n) }

func (f *fixture) gets() source {
	var count atomic.Int64
	order := order(f.Users)
	return func(b []byte) []byte {
		n := int(count.Add(1))
		return f.appendRequest(b, n, "GET", "/Users/"+f.IDs[order[n%f.Users]], "")
	}
}

func (f *fixture) filters() source {
	var count atomic.Int64
	order := order(f.Users)
	return func(b []byte) []byte {
		n := int(count.Add(1))
		return f.appendRequest(b, n, "GET", "/Users?filter=userName%20eq%20%22"+name(order[n%f.Users]+1)+"%40example.com%22", "")
	}
}

// posts makes users behind the first n.
func (f *fixture) posts(n int) source {
	var count atomic.Int64
	count.Store(int64(n))
	return func(b []byte) []byte {
		n := int(count.Add(1))
		return f.appendRequest(b, n, "POST", "/Users", newUser(n))
	}
}

// patches deactivates every user, and when all are, activates them again.
func (f *fixture) patches() source {
	var count atomic.Int64
	order := order(f.Users)
	return func(b []byte) []byte {
		n := int(count.Add(1)) - 1
		body := deactivation
		if n/f.Users%2 == 1 {
			body = activation
		}
		return f.appendRequest(b, n, "PATCH", "/Users/"+f.IDs[order[n%f.Users]], body)
	}
}

// toggles deactivates users and activates each again some thousand requests later, so that both run at once in equal shares,
// whatever the number of users: every request changes something.
func (f *fixture) toggles() source {
	var count atomic.Int64
	order, lag := order(f.Users), min(f.Users/2, 10_000)
	return func(b []byte) []byte {
		n := int(count.Add(1)) - 1
		turn, body := n, deactivation
		if n >= lag {
			if turn = (n - lag) / 2; (n-lag)%2 == 0 {
				turn += lag
			} else {
				body = activation
			}
		}
		return f.appendRequest(b, n, "PATCH", "/Users/"+f.IDs[order[turn%f.Users]], body)
	}
}
