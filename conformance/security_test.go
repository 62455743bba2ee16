package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var securityRow = regexp.MustCompile("^\\| (B?)([0-9]+) \\| .+ \\| .+ \\| `(Test\\w+)` \\|$")

// securityFaults holds docs/security.md against the tests of conformance/saml: each attack and each case of binding has its row, in
// order, with a test of its own that exists, and each such test has its row.
func securityFaults(page string, tests []string) (faults []string) {
	var rows []string
	for line := range strings.Lines(page) {
		m := securityRow.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		kind := map[string]string{"": "Attack", "B": "Binding"}[m[1]]
		rows = append(rows, m[1]+m[2])
		prefix := fmt.Sprintf("Test%s_%s%02s_", kind, m[1], m[2])
		if !strings.HasPrefix(m[3], prefix) {
			faults = append(faults, fmt.Sprintf("row %s%s names %s", m[1], m[2], m[3]))
		}
	}
	var want []string
	for n := range 35 {
		want = append(want, fmt.Sprint(n+1))
	}
	for n := range 25 {
		want = append(want, fmt.Sprint("B", n+1))
	}
	if !slices.Equal(rows, want) {
		faults = append(faults, fmt.Sprintf("the rows are %s, want 1 to 35 and B1 to B25", strings.Join(rows, " ")))
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(page, -1)
	for _, m := range named {
		if !slices.Contains(tests, m[1]) {
			faults = append(faults, "there is no "+m[1])
		}
	}
	for _, test := range tests {
		attacks := strings.HasPrefix(test, "TestAttack_") || strings.HasPrefix(test, "TestBinding_") || strings.HasPrefix(test, "TestRace_")
		if attacks && !strings.Contains(page, "`"+test+"`") {
			faults = append(faults, "no row names "+test)
		}
	}
	return faults
}

func TestSecurity(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests, err := testsIn("conformance/saml")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range securityFaults(string(page), tests) {
		t.Error("docs/security.md: ", fault)
	}
}

func TestSecurity_checker(t *testing.T) {
	var page string
	var tests []string
	add := func(kind, letter string, n int) {
		test := fmt.Sprintf("Test%s_%s%02d_x", kind, letter, n)
		page += fmt.Sprintf("| %s%d | a | b | `%s` |\n", letter, n, test)
		tests = append(tests, test)
	}
	for n := range 35 {
		add("Attack", "", n+1)
	}
	for n := range 25 {
		add("Binding", "B", n+1)
	}
	for name, tt := range map[string]struct {
		page  string
		tests []string
		want  string
	}{
		"all is there":               {page, tests, ""},
		"a row is missing":           {strings.Replace(page, "| 7 |", "7", 1), tests, "want 1 to 35"},
		"a row without a test":       {strings.Replace(page, "`TestAttack_07_x`", "", 1), tests, "want 1 to 35"},
		"a test that does not exist": {page, tests[1:], "there is no TestAttack_01_x"},
		"a test of another row":      {strings.Replace(page, "TestBinding_B07_x", "TestBinding_B08_x", 1), tests, "row B7 names TestBinding_B08_x"},
		"a test without a row":       {page, append(slices.Clone(tests), "TestAttack_36_x"), "no row names TestAttack_36_x"},
		"another test needs none":    {page, append(slices.Clone(tests), "TestBrowser_x"), ""},
		"a race needs to be told of": {page, append(slices.Clone(tests), "TestRace_x"), "no row names TestRace_x"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(securityFaults(tt.page, tt.tests), "; "); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("faults %q, want %q", got, tt.want)
			}
		})
	}
}
