package filter

import (
	"testing"

	scim2 "github.com/scim2/filter-parser/v2"
)

func BenchmarkParse_userName(b *testing.B) {
	compare(b, `userName eq "x@y.z"`)
}

func BenchmarkParse_valuePath(b *testing.B) {
	compare(b, `emails[type eq "work" and value co "@example.com"]`)
}

func BenchmarkParse_precedence(b *testing.B) {
	compare(b, `userType eq "Employee" and (emails co "example.com" or not (name.familyName sw "O")) or title pr`)
}

// BenchmarkParse_behindBrackets has no other side: the grammar of scim2 does not know the form, which Entra sends.
func BenchmarkParse_behindBrackets(b *testing.B) {
	benchmark(b, func() error { _, err := Parse(`emails[type eq "work"].value eq "x@y.z"`); return err })
}

func BenchmarkParsePath(b *testing.B) {
	benchmark(b, func() error { _, err := ParsePath(`emails[type eq "work"].value`); return err })
}

// compare measures both parsers on s; the metric x/ours says how many times as long scim2 takes.
func compare(b *testing.B, s string) {
	var ours float64
	b.Run("ours", func(b *testing.B) {
		ours = benchmark(b, func() error { _, err := Parse(s); return err })
	})
	b.Run("scim2", func(b *testing.B) {
		theirs := benchmark(b, func() error { _, err := scim2.ParseFilter([]byte(s)); return err })
		if ours > 0 {
			b.ReportMetric(theirs/ours, "x/ours")
		}
	})
}

// benchmark returns the nanoseconds that one call of parse takes.
func benchmark(b *testing.B, parse func() error) float64 {
	b.ReportAllocs()
	for b.Loop() {
		if err := parse(); err != nil {
			b.Fatal(err)
		}
	}
	return float64(b.Elapsed().Nanoseconds()) / float64(b.N)
}
