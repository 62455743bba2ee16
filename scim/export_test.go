package scim

import (
	"net/http"

	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/netguard"
	"github.com/rollcall-id/rollcall/web"
)

// Alone is Handler for a door that is a test's only one and shares nothing with others.
func (d *Door) Alone() http.Handler {
	d.Login = &login.Service{DB: d.DB, Outbound: netguard.New(nil, nil), Log: d.Log, Resource: Base}
	d.Failures = web.NewFailureLimiter()
	return d.Handler()
}
