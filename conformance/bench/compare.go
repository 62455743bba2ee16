package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// comparison is a benchmark of one of our packages that runs both sides: ours, and another.
type comparison struct {
	metric    string
	folder    string
	benchmark string
	other     string
	bar       bar
}

func measureParse(ctx context.Context, b *bench) error {
	return b.compare(ctx, comparison{
		`parse userName eq "x@y.z", limit: scim2/filter-parser`, "scim/filter", "BenchmarkParse_userName", "scim2", bar{},
	})
}

func measureVerify(ctx context.Context, b *bench) error {
	return b.compare(ctx, comparison{
		"verify a response of Entra's size, limit: RSA and one canonical form by goxmldsig", "saml/assertion", "BenchmarkVerify", "bare",
		atMost(1.5),
	})
}

func measureSession(ctx context.Context, b *bench) error {
	return b.compare(ctx, comparison{
		"whose a session is, limit: its prepared query alone", "login", "BenchmarkPerson", "bare", atMost(1.5),
	})
}

// sides is what one call takes on either side.
type sides struct{ ours, other float64 }

func (s *sides) ratio() float64 { return s.ours / s.other }

// compare runs a comparison by turns and adds the row of the round with the median ratio.
func (b *bench) compare(ctx context.Context, c comparison) error {
	binary := filepath.Join(b.folder, c.benchmark+".test")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "./"+c.folder).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	var all []sides
	for range b.rounds {
		cmd := exec.CommandContext(ctx, binary, "-test.run=^$", "-test.bench=^"+c.benchmark+"$")
		cmd.Dir = c.folder
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		one, err := readSides(out, c.other)
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b sides) int { return cmp.Compare(a.ratio(), b.ratio()) })
	m := all[len(all)/2]
	note := fmt.Sprintf("ratios %.2f to %.2f", all[0].ratio(), all[len(all)-1].ratio())
	if m.ratio() < 0.1 {
		note = fmt.Sprintf("%.0f times faster", 1/m.ratio())
	}
	b.add(row{metric: c.metric, unit: nanoseconds, ours: m.ours, limit: m.other, bar: c.bar, note: note})
	return nil
}

// A benchmark prints both sides, each as a benchmark of its own or as a metric of the one.
var (
	perSide   = regexp.MustCompile(`/(\w+)\S*\s+\d+\s+([0-9.]+) ns/op`)
	perMetric = regexp.MustCompile(`\s([0-9.]+) (\w+)-ns`)
)

// readSides reads what a benchmark prints.
func readSides(out []byte, other string) (sides, error) {
	took := map[string]float64{}
	for _, m := range perSide.FindAllSubmatch(out, -1) {
		took[string(m[1])], _ = strconv.ParseFloat(string(m[2]), 64) // zero is not there
	}
	for _, m := range perMetric.FindAllSubmatch(out, -1) {
		took[string(m[2])], _ = strconv.ParseFloat(string(m[1]), 64)
	}
	s := sides{took["ours"], took[other]}
	if s.ours == 0 || s.other == 0 {
		return s, fmt.Errorf("the benchmark does not print both sides: %s", out)
	}
	return s, nil
}
