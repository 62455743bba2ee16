package peers

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rollcall-id/rollcall/conformance/harness"
)

// where Debian puts the pages of SimpleSAMLphp.
const simplesamlphpPages = "/usr/share/simplesamlphp/www"

// simplesamlphp is a running identity provider. Its configuration is in testdata/simplesamlphp, and reads facts at each
// request. It has an address of its own, because to a browser another port is the same site: what comes from another site
// brings no cookie that is SameSite=Lax.
type simplesamlphp struct {
	t      *testing.T
	folder string
	facts  facts
}

const simplesamlphpHost = "127.0.0.2"

// facts are what tests decide.
type facts struct {
	URL       string                    `json:"url"`
	Entity    string                    `json:"entity"`
	Salt      string                    `json:"salt"`
	Key       string                    `json:"key"`       // what it signs with
	Next      string                    `json:"next"`      // what it will sign with, published before; "" for none
	Encrypted bool                      `json:"encrypted"` // whether assertions are
	Posted    bool                      `json:"posted"`    // whether it takes requests by HTTP-POST alone
	People    map[string]map[string]any `json:"people"`    // attributes, by NAME:PASSWORD
}

// person gives the attributes of somebody; uid is what SimpleSAMLphp makes the NameID of.
func person(uid, name, first, last string) map[string]any {
	return map[string]any{
		"uid": uid, "userName": name, "email": name + "@example.com", "firstName": first, "lastName": last,
		"groups": []string{"Engineering", "Staff"},
	}
}

// startSimpleSAMLphp starts one that knows alice and bob, whose password is secret.
func startSimpleSAMLphp(t *testing.T) *simplesamlphp {
	t.Helper()
	_, err := os.Stat(simplesamlphpPages)
	need(t, "SimpleSAMLphp", err == nil)
	need(t, "PHP", found("php") != "")
	p := &simplesamlphp{t: t, folder: t.TempDir()}
	port := freePort(t, simplesamlphpHost)
	root := filepath.Join(p.folder, "root")
	for _, folder := range []string{root, filepath.Join(p.folder, "tmp")} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(simplesamlphpPages, filepath.Join(root, "simplesaml")); err != nil {
		t.Fatal(err)
	}
	newKey(t, p.folder, "first")
	p.change(func(f *facts) {
		url := "http://" + net.JoinHostPort(simplesamlphpHost, port)
		*f = facts{URL: url, Entity: url + "/idp", Salt: "pepper", Key: "first", People: map[string]map[string]any{
			"alice:secret": person("u-0001", "alice", "Alice", "Archer"),
			"bob:secret":   person("u-0002", "bob", "Bob", "Baker"),
		}}
	})
	p.serve(port, root)
	return p
}

func (p *simplesamlphp) serve(port, root string) {
	t := p.t
	t.Helper()
	config, err := filepath.Abs("testdata/simplesamlphp/config")
	if err != nil {
		t.Fatal(err)
	}
	log := new(harness.Buffer)
	// Without revalidate_freq PHP would go on for two seconds with what a file of the configuration said before.
	php := exec.Command(found("php"), "-d", "opcache.revalidate_freq=0", "-d", "display_errors=stderr",
		"-S", net.JoinHostPort(simplesamlphpHost, port), "-t", root)
	php.Env = append(os.Environ(), "PEER_FOLDER="+p.folder, "SIMPLESAMLPHP_CONFIG_DIR="+config)
	php.Stdout, php.Stderr = log, log
	php.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := php.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = php.Process.Kill()
		_ = php.Wait()
		if t.Failed() {
			t.Logf("the log of SimpleSAMLphp:\n%s", log)
		}
	})
	answers(t, net.JoinHostPort(simplesamlphpHost, port))
}

// change decides other facts, from the next request on.
func (p *simplesamlphp) change(edit func(*facts)) {
	p.t.Helper()
	edit(&p.facts)
	text, err := json.Marshal(p.facts)
	if err != nil {
		p.t.Fatal(err)
	}
	file := filepath.Join(p.folder, "peer.json")
	write(p.t, file+".new", text)
	if err := os.Rename(file+".new", file); err != nil {
		p.t.Fatal(err)
	}
}

// metadata is where it publishes what it is.
func (p *simplesamlphp) metadata() string { return p.page("saml2/idp/metadata.php") }

func (p *simplesamlphp) page(path string) string { return p.facts.URL + "/simplesaml/" + path }

// meet tells it of a service provider, by the metadata of that.
func (p *simplesamlphp) meet(metadata []byte) {
	p.t.Helper()
	write(p.t, filepath.Join(p.folder, "sp.xml"), metadata)
}

// signIn types a name and a password into its form, which is what the browser must show, and sends them.
func (p *simplesamlphp) signIn(b *browser, name, password string) {
	b.t.Helper()
	b.arrives(p.page("module.php/core/loginuserpass.php"))
	b.fill("#username", name)
	b.fill("#password", password)
	b.click("#submit_button")
}
