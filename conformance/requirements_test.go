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
	"strconv"
	"strings"
	"testing"
)

// requirements is docs/requirements.tsv held against the tests and docs/divergences.md. Its columns are those of header; what
// comes from no RFC has a lower-case word in the first one, such as okta, and that one's own number in the second. Of the RFCs of
// SCIM every section stands in its order, and each difference stands on both pages.
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
	sectionNo  = regexp.MustCompile(`\b[0-9]+(?:\.[0-9]+)*\b`)
	ofSCIM     = []string{"7643", "7644", "9865"}
)

// faults returns what is wrong with the table, one sentence each.
func (q requirements) faults() []string {
	lines := strings.Split(strings.TrimSuffix(q.table, "\n"), "\n")
	if lines[0] != header {
		return []string{fmt.Sprintf("line 1: the header must be %q", header)}
	}
	explained := map[string]bool{}
	for _, section := range explainedSections(q.divergences) {
		explained[section] = true
	}
	var faults []string
	before := rowsBefore{lines: map[string]int{}, section: map[string]string{}}
	for i, line := range lines[1:] {
		row := strings.Split(line, "\t")
		for _, fault := range append(q.rowFaults(row, explained), before.faults(i+2, row)...) {
			faults = append(faults, fmt.Sprintf("line %d: %s", i+2, fault))
		}
	}
	return faults
}

// rowsBefore finds what a row does not show by itself.
type rowsBefore struct {
	lines   map[string]int    // by what they say
	section map[string]string // of the last one, by RFC
}

func (b *rowsBefore) faults(line int, row []string) (faults []string) {
	if len(row) != strings.Count(header, "\t")+1 {
		return nil
	}
	rfc, section, text, status := row[0], row[1], row[3], row[4]
	key := strings.Join([]string{rfc, section, text}, "\t")
	if same := b.lines[key]; same > 0 {
		faults = append(faults, fmt.Sprintf("line %d says the same", same))
	}
	b.lines[key] = line
	if !slices.Contains(ofSCIM, rfc) {
		return faults
	}
	if last := b.section[rfc]; compareSections(last, section) > 0 {
		faults = append(faults, fmt.Sprintf("section %s comes behind %s", section, last))
	}
	b.section[rfc] = section
	if status == "planned" && !strings.Contains(text, ": comes with ") {
		faults = append(faults, "it is planned, and the text does not say what it comes with")
	}
	return faults
}

// pageFaults returns what is wrong with docs/divergences.md, one sentence each.
func (q requirements) pageFaults() (faults []string) {
	differs := map[string]bool{}
	for line := range strings.Lines(q.table) {
		if row := strings.Split(line, "\t"); len(row) > 4 && row[4] == "divergence" {
			differs[row[0]+" "+row[1]] = true
		}
	}
	for _, section := range explainedSections(q.divergences) {
		if rfc, _, _ := strings.Cut(section, " "); slices.Contains(ofSCIM, rfc) && !differs[section] {
			faults = append(faults, "no row says that we differ from "+section)
		}
	}
	last, rfc := "", ""
	for line := range strings.SplitSeq(q.divergences, "\n") {
		if m := rfcHeading.FindStringSubmatch(line); m != nil {
			last, rfc = "", m[1]
		}
		if m := divergence.FindStringSubmatch(line); m != nil && slices.Contains(ofSCIM, rfc) {
			section := sectionNo.FindString(m[1])
			if compareSections(last, section) > 0 {
				faults = append(faults, fmt.Sprintf("%s %s comes behind %s", rfc, section, last))
			}
			last = section
		}
	}
	return faults
}

// compareSections compares sections such as 3.4.2 and 3.10 by their numbers.
func compareSections(x, y string) int {
	numbers := func(section string) (all []int) {
		for part := range strings.SplitSeq(section, ".") {
			n, _ := strconv.Atoi(part)
			all = append(all, n)
		}
		return all
	}
	return slices.Compare(numbers(x), numbers(y))
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
func explainedSections(page string) (explained []string) {
	rfc := ""
	for line := range strings.SplitSeq(page, "\n") {
		if m := rfcHeading.FindStringSubmatch(line); m != nil {
			rfc = m[1]
		}
		if m := divergence.FindStringSubmatch(line); m != nil {
			for _, section := range sectionNo.FindAllString(m[1], -1) {
				explained = append(explained, rfc+" "+section)
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
	for _, fault := range q.pageFaults() {
		t.Error("docs/divergences.md, ", fault)
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
		"planned":                     {row("7644", "3.7", "MAY", "x: comes with y", "planned", ""), ""},
		"planned for no part":         {row("7644", "3.7", "MAY", "x", "planned", ""), "does not say what it comes with"},
		"said twice":                  {row("7644", "3.7", "MAY", "x", "n/a", "") + "7644\t3.7\tMUST\tx\tn/a\t\n", "line 3: line 2 says the same"},
		"said of another section":     {row("7644", "3.7", "MAY", "x", "n/a", "") + "7644\t3.10\tMAY\tx\tn/a\t\n", ""},
		"out of its order":            {row("7644", "3.10", "MAY", "x", "n/a", "") + "7644\t3.7.4\tMAY\tx\tn/a\t\n", "line 3: section 3.7.4 comes behind 3.10"},
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

func TestRequirements_checker_of_the_page(t *testing.T) {
	table := header + "\n7644\t3.7\tMAY\tx\tdivergence\t\n7644\t3.10\tMAY\tx\tdivergence\t\n7644\t4\tMAY\tx\tdone\tscim.TestX\n"
	for page, want := range map[string]string{
		"## RFC 7644\n- **Section 3.7, Bulk by POST.** x\n- **Section 3.10, notation.** x\n": "",
		"## RFC 7644\n- **Sections 3.7, Bulk, and 4, discovery.** x\n":                       "no row says that we differ from 7644 4",
		"## RFC 7643\n- **Section 3.7, Bulk.** x\n":                                          "no row says that we differ from 7643 3.7",
		"## RFC 7517\n- **Section 3.7, keys.** x\n":                                          "",
		"## RFC 7644\n- **Section 3.10, notation.** x\n- **Section 3.7, Bulk.** x\n":         "7644 3.7 comes behind 3.10",
	} {
		if got := strings.Join((requirements{table: table, divergences: page}).pageFaults(), "; "); got != want {
			t.Errorf("%q: faults %q, want %q", page, got, want)
		}
	}
}

func TestRequirements_tests_are_found(t *testing.T) {
	if names, err := testsIn("conformance"); err != nil || !slices.Contains(names, t.Name()) {
		t.Errorf("%v, %v", names, err)
	}
}
