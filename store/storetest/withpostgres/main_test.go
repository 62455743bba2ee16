package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun_passes_the_code_on_and_leaves_nothing(t *testing.T) {
	if _, err := binaries(); err != nil {
		t.Skip(err)
	}
	folder, err := os.MkdirTemp("", "withpostgres-") // t.TempDir is closed to the user postgres
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	}()
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", folder)
	seen := filepath.Join(folder, "seen")
	code, err := run(false, []string{"sh", "-c", `echo "$ROLLCALL_TEST_POSTGRES" > ` + seen + `; exit 7`})
	if code != 7 || err != nil {
		t.Errorf("the code is %d, %v", code, err)
	}
	if text, err := os.ReadFile(seen); err != nil || !strings.HasPrefix(string(text), "postgres://postgres@127.0.0.1:") {
		t.Errorf("the command saw %q, %v", text, err)
	}
	if left, err := filepath.Glob(filepath.Join(folder, "rollcall-*")); err != nil || len(left) > 0 {
		t.Errorf("it left %q, %v", left, err)
	}
}

func TestRun_says_what_is_wrong(t *testing.T) {
	if _, err := run(true, nil); err == nil || !strings.Contains(err.Error(), "usage") {
		t.Errorf("without a command: %v", err)
	}
}
