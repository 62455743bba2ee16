package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/rollcall-id/rollcall"

// house is the plan that every package has its place in. A package imports only lower floors.
var house = plan{
	floors: [][]string{
		0: {"directory", "scim/schema", "scim/filter", "saml/assertion", "netguard"},
		1: {"saml/metadata", "scim/bulk", "scim/cursor", "scim/patch", "store"},
		2: {"provision", "outbox"},
		3: {"login", "web", "web/page"},
		4: {"scim", "scim/oauth", "saml", "portal", "connector/ldap", "connector/bulk", "connector/mattermost", "connector/webhook"},
		5: {"api4", "console"},
		6: {"cmd/rollcall"},
	},
	rooms:   map[string]string{},
	helpers: map[string]int{"store/storetest": 2, "store/storetest/withpostgres": 2},
	beside:  []string{"conformance", "conformance/bench", "conformance/harness", "conformance/peers", "conformance/saml"},
}

// plan says where packages stand. Names are paths below the module.
type plan struct {
	floors  [][]string
	rooms   map[string]string // a package that is a private part of another one: its parent, which alone imports it
	helpers map[string]int    // what only tests and other helpers import: its floor
	beside  []string          // what imports nothing of the house and is not imported by it
}

// node is a package of the module and what it imports of the module.
type node struct {
	name    string
	imports []string
	tests   []string // imports of its tests
}

// floor returns the floor below which a package imports, and false for a package that has no place.
func (p plan) floor(name string) (int, bool) {
	if parent, ok := p.rooms[name]; ok {
		name = parent
	}
	for n, names := range p.floors {
		if slices.Contains(names, name) {
			return n, true
		}
	}
	n, ok := p.helpers[name]
	return n, ok || slices.Contains(p.beside, name)
}

// faults returns what is wrong with the packages, one sentence each.
func (p plan) faults(nodes []node) []string {
	var faults []string
	for _, n := range nodes {
		if _, ok := p.floor(n.name); !ok {
			faults = append(faults, n.name+" has no floor")
			continue
		}
		_, helper := p.helpers[n.name]
		for _, to := range n.imports {
			if why := p.arrow(n.name, to, helper); why != "" {
				faults = append(faults, fmt.Sprintf("%s imports %s: %s", n.name, to, why))
			}
		}
		for _, to := range n.tests {
			if why := p.arrow(n.name, to, true); why != "" && to != n.name {
				faults = append(faults, fmt.Sprintf("a test of %s imports %s: %s", n.name, to, why))
			}
		}
	}
	return faults
}

// arrow returns what is wrong with an import, empty for nothing.
func (p plan) arrow(from, to string, helped bool) string {
	if slices.Contains(p.beside, from) {
		if slices.Contains(p.beside, to) {
			return ""
		}
		return "it stands beside the house and imports nothing of it"
	}
	if _, ok := p.helpers[to]; ok {
		if helped {
			return ""
		}
		return "it is for tests only"
	}
	if parent, ok := p.rooms[to]; ok {
		if parent == from {
			return ""
		}
		return "it is a room of " + parent
	}
	below, _ := p.floor(from)
	switch on, ok := p.floor(to); {
	case !ok:
		return "" // told of already
	case slices.Contains(p.beside, to):
		return "it stands beside the house"
	case on == below:
		return fmt.Sprintf("both stand on floor %d", on)
	case on > below:
		return fmt.Sprintf("floor %d stands above floor %d", on, below)
	}
	return ""
}

func TestFloors(t *testing.T) {
	for _, fault := range house.faults(packages(t)) {
		t.Error(fault)
	}
}

// packages reads the import graph of the module, of this platform's files.
func packages(t *testing.T) []node {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", module+"/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var nodes []node
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var listed struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := decoder.Decode(&listed); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, node{
			name:    ours(listed.ImportPath)[0],
			imports: ours(listed.Imports...),
			tests:   ours(slices.Concat(listed.TestImports, listed.XTestImports)...),
		})
	}
	if len(nodes) == 0 {
		t.Fatal("no packages found")
	}
	return nodes
}

// ours returns the paths that belong to the module, without its name. The module's own folder is ".".
func ours(paths ...string) []string {
	var names []string
	for _, path := range paths {
		if path == module {
			names = append(names, ".")
		} else if name, ok := strings.CutPrefix(path, module+"/"); ok {
			names = append(names, name)
		}
	}
	return names
}

func TestFloors_checker(t *testing.T) {
	p := plan{
		floors:  [][]string{{"cellar", "well"}, {"hall"}, {"attic"}},
		rooms:   map[string]string{"hall/closet": "hall"},
		helpers: map[string]int{"cellar/lamp": 1, "cellar/lamp/match": 1},
		beside:  []string{"garden", "fence"},
	}
	for name, tt := range map[string]struct {
		node node
		want string
	}{
		"nothing imported":              {node{name: "cellar"}, ""},
		"one floor down":                {node{name: "hall", imports: []string{"cellar"}}, ""},
		"two floors down":               {node{name: "attic", imports: []string{"cellar", "hall"}}, ""},
		"up":                            {node{name: "cellar", imports: []string{"hall"}}, "cellar imports hall: floor 1 stands above floor 0"},
		"the same floor":                {node{name: "cellar", imports: []string{"well"}}, "cellar imports well: both stand on floor 0"},
		"no floor":                      {node{name: "shed", imports: []string{"cellar"}}, "shed has no floor"},
		"no floor below a known one":    {node{name: "hall/chest"}, "hall/chest has no floor"},
		"the module's own folder":       {node{name: "."}, ". has no floor"},
		"a test up":                     {node{name: "cellar", tests: []string{"attic"}}, "a test of cellar imports attic: floor 2 stands above floor 0"},
		"a test of the same floor":      {node{name: "cellar", tests: []string{"well"}}, "a test of cellar imports well: both stand on floor 0"},
		"a test of itself":              {node{name: "hall", tests: []string{"hall", "cellar"}}, ""},
		"a test with a helper":          {node{name: "cellar", tests: []string{"cellar", "cellar/lamp"}}, ""},
		"a helper outside of a test":    {node{name: "hall", imports: []string{"cellar/lamp"}}, "hall imports cellar/lamp: it is for tests only"},
		"a helper of a helper":          {node{name: "cellar/lamp/match", imports: []string{"cellar/lamp"}}, ""},
		"a helper, down":                {node{name: "cellar/lamp", imports: []string{"cellar"}}, ""},
		"a helper, up":                  {node{name: "cellar/lamp", imports: []string{"attic"}}, "cellar/lamp imports attic: floor 2 stands above floor 1"},
		"a room by its parent":          {node{name: "hall", imports: []string{"hall/closet"}}, ""},
		"a room by another":             {node{name: "attic", imports: []string{"hall/closet"}}, "attic imports hall/closet: it is a room of hall"},
		"a room, down":                  {node{name: "hall/closet", imports: []string{"cellar"}}, ""},
		"a room, into its parent":       {node{name: "hall/closet", imports: []string{"hall"}}, "hall/closet imports hall: both stand on floor 1"},
		"beside the house, alone":       {node{name: "garden"}, ""},
		"beside the house, into it":     {node{name: "garden", tests: []string{"cellar"}}, "a test of garden imports cellar: it stands beside the house and imports nothing of it"},
		"beside the house, a neighbour": {node{name: "garden", tests: []string{"fence"}}, ""},
		"into what stands beside":       {node{name: "attic", imports: []string{"garden"}}, "attic imports garden: it stands beside the house"},
		"into what has no floor":        {node{name: "attic", imports: []string{"shed"}}, ""},
		"two faults in one package":     {node{name: "cellar", imports: []string{"well", "hall"}}, "cellar imports well: both stand on floor 0; cellar imports hall: floor 1 stands above floor 0"},
		"a test room's helper is fine":  {node{name: "hall/closet", tests: []string{"cellar/lamp"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(p.faults([]node{tt.node}), "; "); got != tt.want {
				t.Errorf("faults %q, want %q", got, tt.want)
			}
		})
	}
}
