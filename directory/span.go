package directory

import (
	"strconv"
	"time"
)

// maxSpan keeps far from the end of time.Duration.
const maxSpan = 100 * 365 * 24 * time.Hour

var spanUnits = map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}

// ParseSpan reads a number of seconds, minutes, hours, days or weeks such as 90d, above zero and up to 100 years.
func ParseSpan(text string) (time.Duration, bool) {
	if len(text) < 2 {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 32)
	unit := spanUnits[text[len(text)-1]]
	if err != nil || unit == 0 || n == 0 || time.Duration(n) > maxSpan/unit {
		return 0, false
	}
	return time.Duration(n) * unit, true
}
