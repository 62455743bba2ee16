// Package saml attacks the single sign-on of the real program: black-box suites with identity providers of our own making,
// which know how a good message looks and can spoil any part of it, before or after it is signed. It owns the attacks and the
// cases of binding that docs/security.md lists, and leaves what a message proves, in every detail, to the tests of the
// verifier. It imports nothing of ours but the harness, so that it can only do what an attacker can do and see what an
// administrator sees. `go test ./conformance/saml` is the only caller.
package saml

import (
	"os"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
