// Package peers meets programs that others made: SimpleSAMLphp and pysaml2 as identity providers, and Chromium as the browser
// of a person. It owns what only those can tell, namely whether their signatures, their encryption and their metadata are
// understood, and whether a browser lets the pages do what they must; it leaves forged input to conformance/saml. It imports
// nothing of ours but the harness. `go test ./conformance/peers` is the only caller.
//
// `make deps` installs the programs. Where one is missing its tests are skipped, which is an error when CI=true.
//
// Where ROLLCALL_ARTIFACTS names a folder, each step that a person sees is kept there as a picture, STEP.png in a folder
// named as its test.
package peers

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

func TestMain(m *testing.M) {
	code := harness.Main(m)
	closeChromium()
	os.Exit(code)
}

// need tells that a program is missing unless it is there.
func need(t *testing.T, program string, there bool) {
	t.Helper()
	if there {
		return
	}
	text := "there is no " + program + ": run `make deps`"
	if os.Getenv("CI") == "true" {
		t.Fatal(text)
	}
	t.Skip(text)
}

// found returns the path of the first of the programs that there is, or "".
func found(programs ...string) string {
	for _, program := range programs {
		if path, err := exec.LookPath(program); err == nil {
			return path
		}
	}
	return ""
}

// freePort is a port of the host that nobody listens on, as far as one can know.
func freePort(t *testing.T, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// answers waits until somebody accepts connections at the address.
func answers(t *testing.T, address string) {
	t.Helper()
	eventually(t, address+" answers", func() bool {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after 15 s it is not so that %s", what)
		}
	}
}

// newKey makes an RSA key and a certificate for it, NAME.key and NAME.crt in the folder.
func newKey(t *testing.T, folder, name string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	write(t, filepath.Join(folder, name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
