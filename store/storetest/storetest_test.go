package storetest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

func TestEach_gives_a_migrated_database(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if have, want, err := db.SchemaVersion(t.Context()); err != nil || have != want || have == 0 {
			t.Errorf("the schema has version %d of %d, %v", have, want, err)
		}
	})
}

func TestEach_without_a_server_skips_except_in_CI(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		ci, result string
	}{
		"by hand": {"", "--- SKIP: TestEach_gives_a_migrated_database/postgres"},
		"in CI":   {"true", "--- FAIL: TestEach_gives_a_migrated_database/postgres"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), program, "-test.v", "-test.run=TestEach_gives_a_migrated_database")
			cmd.Env = append(os.Environ(), "CI="+want.ci, "ROLLCALL_TEST_POSTGRES=")
			out, err := cmd.CombinedOutput()
			if (err != nil) != (want.ci == "true") || !strings.Contains(string(out), want.result) {
				t.Errorf("%v\n%s", err, out)
			}
			if !strings.Contains(string(out), "there is no PostgreSQL") {
				t.Errorf("it does not say why:\n%s", out)
			}
		})
	}
}
