package directory_test

import (
	"testing"
	"time"

	"github.com/rollcall-id/rollcall/directory"
)

func TestLiveKeys(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ago := func(ages ...time.Duration) (keys []directory.SigningKey) {
		for _, age := range ages {
			keys = append(keys, directory.SigningKey{Created: now.Add(-age)})
		}
		return keys
	}
	const h = time.Hour
	for name, tt := range map[string]struct {
		keys []directory.SigningKey
		want int
	}{
		"none":                               {nil, 0},
		"the newest, however old":            {ago(9999 * h), 1},
		"one whose successor is young":       {ago(h, 99*h), 2},
		"one whose successor is old":         {ago(2*h, 99*h), 1},
		"to the minute":                      {ago(65*time.Minute, 99*h), 1},
		"many in an hour":                    {ago(0, h/2, h, 99*h), 4},
		"what comes after one that is dead":  {ago(0, 2*h, 99*h, 999*h), 2},
		"a successor from a clock in future": {ago(-h, 0), 2},
	} {
		if got := len(directory.LiveKeys(tt.keys, now)); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}
