package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

var nanos = regexp.MustCompile(`/(ours|scim2)\S*\s+\d+\s+([0-9.]+) ns/op`)

// measureParse runs the benchmark of the filter parser, which runs both sides.
func measureParse(ctx context.Context, b *bench) error {
	out, err := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench=^BenchmarkParse_userName$", "./scim/filter").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	took := map[string]float64{}
	for _, m := range nanos.FindAllStringSubmatch(string(out), -1) {
		if took[m[1]], err = strconv.ParseFloat(m[2], 64); err != nil {
			return err
		}
	}
	ours, theirs := took["ours"], took["scim2"]
	if ours == 0 || theirs == 0 {
		return fmt.Errorf("the benchmark prints neither side: %s", out)
	}
	b.add(row{
		metric: `parse userName eq "x@y.z", limit: scim2/filter-parser`, unit: nanoseconds, ours: ours, limit: theirs,
		note: fmt.Sprintf("%.0f times faster", theirs/ours),
	})
	return nil
}
