// Package conformance plays the identity providers: black-box suites over HTTP and the command line against the real
// server binary. It owns the sequences that Okta, Entra ID and the others send, and what must be true after each step; it
// leaves the parts' own tests to the parts, and imports nothing of ours but the harness, so that it can only see what a
// customer sees. `go test ./conformance` is the only caller.
package conformance

import (
	"os"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// server is one data folder and what the suites of SCIM do with it.
type server struct{ *harness.Server }

// each runs a suite against a fresh server on every database.
func each(t *testing.T, suite func(t *testing.T, s *server)) {
	t.Helper()
	harness.Each(t, func(t *testing.T, s *harness.Server) { suite(t, &server{s}) })
}

// proxied is each where every request comes from another address.
func proxied(t *testing.T, suite func(t *testing.T, s *server)) {
	t.Helper()
	harness.Proxied(t, func(t *testing.T, s *harness.Server) { suite(t, &server{s}) })
}

// prepare makes an empty database and no server.
func prepare(t *testing.T, kind string) *server {
	t.Helper()
	return &server{harness.Prepare(t, kind)}
}

// world makes what most suites need: the teams eng and ops, the channel eng/backend, and a link to each from the groups
// Engineering, Ops and Backend of the connection.
func (s *server) world(t *testing.T, connection string) {
	t.Helper()
	for _, line := range []string{
		"team create --name eng --display-name Engineering",
		"team create --name ops --display-name Ops",
		"channel create --team eng --name backend --display-name Backend",
		"link create --group Engineering --team eng --connection " + connection,
		"link create --group Ops --team ops --connection " + connection,
		"link create --group Backend --team eng --channel backend --connection " + connection,
	} {
		s.CLI(t, strings.Fields(line)...)
	}
}
