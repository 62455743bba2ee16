package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
)

func measureParse(ctx context.Context, b *bench) error {
	ours, theirs, err := compare(ctx, "./scim/filter", "BenchmarkParse_userName", "scim2")
	if err != nil {
		return err
	}
	b.add(row{
		metric: `parse userName eq "x@y.z", limit: scim2/filter-parser`, unit: nanoseconds, ours: ours, limit: theirs,
		note: fmt.Sprintf("%.0f times faster", theirs/ours),
	})
	return nil
}

// measureVerify compares the verification of a response with what any verification of it does.
func measureVerify(ctx context.Context, b *bench) error {
	return b.compareMost(ctx, "verify a response of Entra's size, limit: RSA and one canonical form by goxmldsig", "./saml/assertion", "BenchmarkVerify", "bare")
}

// measureSession compares the question whose a session is with the query that it has to ask.
func measureSession(ctx context.Context, b *bench) error {
	return b.compareMost(ctx, "whose a session is, limit: its prepared query", "./login", "BenchmarkPerson", "bare")
}

// compareMost adds the row of a benchmark that may take 1.5 times as long as the other side: of the round with the median ratio.
func (b *bench) compareMost(ctx context.Context, metric, folder, benchmark, other string) error {
	var all [][2]float64
	for range b.rounds {
		ours, theirs, err := compare(ctx, folder, benchmark, other)
		if err != nil {
			return err
		}
		all = append(all, [2]float64{ours, theirs})
	}
	slices.SortFunc(all, func(a, b [2]float64) int { return cmp.Compare(a[0]/a[1], b[0]/b[1]) })
	least, m, most := all[0], all[len(all)/2], all[len(all)-1]
	b.add(row{
		metric: metric, unit: microseconds, ours: m[0] / 1000, limit: m[1] / 1000, bar: atMost(1.5),
		note: fmt.Sprintf("ratios %.2f to %.2f", least[0]/least[1], most[0]/most[1]),
	})
	return nil
}

var nanos = regexp.MustCompile(`/(\w+)\S*\s+\d+\s+([0-9.]+) ns/op`)

// compare runs a benchmark of a package, which runs both sides, and returns the nanoseconds of each.
func compare(ctx context.Context, folder, benchmark, other string) (ours, theirs float64, err error) {
	pattern := fmt.Sprintf("-bench=^%s$/^(ours|%s)$", benchmark, other)
	out, err := exec.CommandContext(ctx, "go", "test", "-run=^$", pattern, folder).CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %s", err, out)
	}
	took := map[string]float64{}
	for _, m := range nanos.FindAllStringSubmatch(string(out), -1) {
		if took[m[1]], err = strconv.ParseFloat(m[2], 64); err != nil {
			return 0, 0, err
		}
	}
	ours, theirs = took["ours"], took[other]
	if ours == 0 || theirs == 0 {
		return 0, 0, fmt.Errorf("the benchmark does not print both sides: %s", out)
	}
	return ours, theirs, nil
}
