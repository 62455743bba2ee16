package metadata

import (
	"encoding/base64"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func TestOurs_is_what_identity_providers_read(t *testing.T) {
	const golden = "testdata/ours.xml"
	sp := At("https://chat.example.com", "okta")
	sp.Certificates = [][]byte{[]byte("current"), []byte("next")}
	got, err := Ours(sp)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(got) != string(want) {
		t.Errorf("got\n%s\nwant\n%s\n%v", got, want, err)
	}
	current := strings.Index(string(got), base64.StdEncoding.EncodeToString([]byte("current")))
	if next := strings.Index(string(got), base64.StdEncoding.EncodeToString([]byte("next"))); current < 0 || next < current {
		t.Error("the key in force is not the first")
	}
}

func TestOurs_escapes_what_it_is_given(t *testing.T) {
	got, err := Ours(SP{EntityID: `https://a.example.com/"><evil a="&`, ACS: "<", Logout: "<"})
	if err != nil || strings.Contains(string(got), "<evil") {
		t.Errorf("%s\n%v", got, err)
	}
}
