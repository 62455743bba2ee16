package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// requirements is docs/requirements.tsv held against the tests and docs/divergences.md. Its columns are those of header; what
// comes from no RFC has a lower-case word in the first one, such as okta, and that one's own number in the second.
type requirements struct {
	table       string
	divergences string
	tests       func(folder string) ([]string, error) // names of the test functions in a folder of the repository
}

const header = "rfc\tsection\tlevel\ttext\tstatus\ttest"

var (
	levels     = []string{"MUST", "MUST NOT", "SHALL", "SHALL NOT", "SHOULD", "SHOULD NOT", "MAY", "REQUIRED", "RECOMMENDED", "OPTIONAL"}
	statuses   = []string{"done", "divergence", "planned", "n/a"}
	source     = regexp.MustCompile(`^([0-9]+|[a-z]+)$`)
	proof      = regexp.MustCompile(`^([a-z0-9/]+)\.((?:Test|Fuzz)\w+)(?:/.+)?$`)
	rfcHeading = regexp.MustCompile(`^## RFC ([0-9]+)\s*$`)
	divergence = regexp.MustCompile(`^- \*\*Sections? (.+?)\*\*`)
	sectionNo  = regexp.MustCompile(`\b[0-9A-Z]+(?:\.[0-9]+)*\b`)
)

// faults returns what is wrong with the table, one sentence each.
func (q requirements) faults() []string {
	lines := strings.Split(strings.TrimSuffix(q.table, "\n"), "\n")
	if lines[0] != header {
		return []string{fmt.Sprintf("line 1: the header must be %q", header)}
	}
	explained := explainedSections(q.divergences)
	var faults []string
	for i, line := range lines[1:] {
		for _, fault := range q.rowFaults(strings.Split(line, "\t"), explained) {
			faults = append(faults, fmt.Sprintf("line %d: %s", i+2, fault))
		}
	}
	return faults
}

func (q requirements) rowFaults(row []string, explained map[string]bool) (faults []string) {
	if len(row) != strings.Count(header, "\t")+1 {
		return []string{fmt.Sprintf("it has %d columns", len(row))}
	}
	rfc, section, level, text, status, tests := row[0], row[1], row[2], row[3], row[4], row[5]
	if !source.MatchString(rfc) || section == "" || strings.TrimSpace(text) == "" {
		faults = append(faults, "the rfc is a number or a lower-case word, and section and text are not empty")
	}
	if !slices.Contains(levels, level) {
		faults = append(faults, fmt.Sprintf("level %q is none of %s", level, strings.Join(levels, ", ")))
	}
	if !slices.Contains(statuses, status) {
		faults = append(faults, fmt.Sprintf("status %q is none of %s", status, strings.Join(statuses, ", ")))
	}
	if status == "done" && tests == "" {
		faults = append(faults, "it is done, and no test says so")
	}
	if status == "divergence" && !explained[rfc+" "+section] {
		faults = append(faults, fmt.Sprintf("docs/divergences.md tells nothing of RFC %s, section %s", rfc, section))
	}
	for test := range strings.SplitSeq(tests, ",") {
		if fault := q.proofFault(strings.TrimSpace(test)); tests != "" && fault != "" {
			faults = append(faults, fault)
		}
	}
	return faults
}

// proofFault returns what is wrong with the name of a test, empty for nothing. Of a subtest only the function is looked for.
func (q requirements) proofFault(test string) string {
	m := proof.FindStringSubmatch(test)
	if m == nil {
		return fmt.Sprintf("%q is not of the form path/to/package.TestName or path/to/package.TestName/subtest", test)
	}
	names, err := q.tests(m[1])
	if err != nil {
		return err.Error()
	}
	if !slices.Contains(names, m[2]) {
		return fmt.Sprintf("there is no %s in %s", m[2], m[1])
	}
	return ""
}

// explainedSections returns the sections that docs/divergences.md has an entry for, as "7644 3.5.2": under the heading of an
// RFC, an entry begins with "- **Section" and may name several.
func explainedSections(page string) map[string]bool {
	explained, rfc := map[string]bool{}, ""
	for line := range strings.SplitSeq(page, "\n") {
		if m := rfcHeading.FindStringSubmatch(line); m != nil {
			rfc = m[1]
		}
		if m := divergence.FindStringSubmatch(line); m != nil {
			for _, section := range sectionNo.FindAllString(m[1], -1) {
				explained[rfc+" "+section] = true
			}
		}
	}
	return explained
}

// testsIn parses the tests of a folder of the repository.
func testsIn(folder string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				names = append(names, fn.Name.Name)
			}
		}
	}
	return names, nil
}

func TestRequirements(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join("..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	parsed := map[string][]string{}
	q := requirements{table: read("requirements.tsv"), divergences: read("divergences.md"), tests: func(folder string) (names []string, err error) {
		if _, ok := parsed[folder]; !ok {
			parsed[folder], err = testsIn(folder)
		}
		return parsed[folder], err
	}}
	for _, fault := range q.faults() {
		t.Error("docs/requirements.tsv, ", fault)
	}
}

func TestRequirements_checker(t *testing.T) {
	page := "# Divergences\n## RFC 7643\n- **Section 2.1, names.** Lenient.\n## RFC 7644\n- **Section 3.4.3, .search; 3.7, Bulk.** Not yet.\n"
	row := func(columns ...string) string { return header + "\n" + strings.Join(columns, "\t") + "\n" }
	for name, tt := range map[string]struct{ table, want string }{
		"only the header":             {header + "\n", ""},
		"no header":                   {"7644\t3\tMUST\tx\tplanned\t\n", "the header must be"},
		"a row that is proved":        {row("7644", "3.5.2", "MUST", "x", "done", "scim/filter.TestParse"), ""},
		"proved by a subtest":         {row("7644", "3.5.2", "MUST", "x", "done", "scim/filter.TestParse/a. dot and a/slash"), ""},
		"proved by two":               {row("7644", "3.5.2", "MUST", "x", "done", "scim/filter.TestParse, scim/filter.FuzzParse"), ""},
		"one of two does not exist":   {row("7644", "3.5.2", "MUST", "x", "done", "scim/filter.TestParse, scim/filter.TestNothing"), "line 2: there is no TestNothing in scim/filter"},
		"done without a test":         {row("7644", "3.5.2", "MUST", "x", "done", ""), "no test says so"},
		"a test that is a file":       {row("7644", "3.5.2", "MUST", "x", "done", "parse_test.go"), "is not of the form"},
		"planned":                     {row("7644", "3.7", "MAY", "x", "planned", ""), ""},
		"planned, with a wrong test":  {row("7644", "3.7", "MAY", "x", "planned", "scim.TestNothing"), "there is no TestNothing in scim"},
		"not applicable":              {row("7644", "3.7", "MAY", "x", "n/a", ""), ""},
		"a divergence that is told":   {row("7643", "2.1", "MUST", "x", "divergence", ""), ""},
		"told as the second of two":   {row("7644", "3.7", "MAY", "x", "divergence", ""), ""},
		"told of the other RFC":       {row("7643", "3.7", "MAY", "x", "divergence", ""), "tells nothing of RFC 7643, section 3.7"},
		"told of a section below":     {row("7644", "3.4", "MAY", "x", "divergence", ""), "tells nothing of RFC 7644, section 3.4"},
		"what an IdP needs":           {row("okta", "O5", "MUST", "x", "planned", ""), ""},
		"a source with capitals":      {row("RFC7644", "3.4", "MUST", "x", "planned", ""), "the rfc is"},
		"a level that there is not":   {row("7644", "3.4", "must", "x", "planned", ""), `level "must" is none of`},
		"a status that there is not":  {row("7644", "3.4", "MUST", "x", "maybe", ""), `status "maybe" is none of`},
		"a column too few":            {row("7644", "3.4", "MUST", "x", "planned"), "it has 5 columns"},
		"an empty line in the middle": {header + "\n\n" + "7644\t3\tMUST\tx\tplanned\t\n", "line 2: it has 1 columns"},
		"the line is the file's":      {header + "\n7644\t3\tMUST\tx\tplanned\t\n7644\t3\tMUST\tx\tdone\t\n", "line 3: it is done"},
		"text that says nothing":      {row("7644", "3.4", "MUST", " ", "planned", ""), "text are not empty"},
	} {
		t.Run(name, func(t *testing.T) {
			q := requirements{tt.table, page, func(folder string) ([]string, error) {
				if folder != "scim/filter" {
					return nil, nil
				}
				return []string{"TestParse", "FuzzParse"}, nil
			}}
			got := strings.Join(q.faults(), "; ")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("faults %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRequirements_tests_are_found(t *testing.T) {
	if names, err := testsIn("conformance"); err != nil || !slices.Contains(names, t.Name()) {
		t.Errorf("%v, %v", names, err)
	}
}
