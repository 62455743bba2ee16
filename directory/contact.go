package directory

import "time"

// Contact is when a connection was last heard of.
type Contact struct {
	Last   time.Time // of the last request that succeeded, to the minute; zero before the first
	Silent bool      // an event told of its silence
}

// Silence is how long a connection has not been heard of. One that never was counts from when it was made.
func (c *Connection) Silence(last, now time.Time) time.Duration {
	if last.Before(c.Created) {
		last = c.Created
	}
	return now.Sub(last)
}

// Alarms reports whether the connection has been silent for longer than it may. A disabled one may for ever.
func (c *Connection) Alarms(last, now time.Time) bool {
	after, _ := silentAfter(c.Setting(SilentAfter))
	return c.Enabled && after > 0 && c.Silence(last, now) > after
}

const (
	// minSilentAfter is far above the minute to which contacts are kept.
	minSilentAfter = 5 * time.Minute
	maxSilentAfter = 365 * 24 * time.Hour
)

// silentAfter returns 0 for off.
func silentAfter(s string) (time.Duration, bool) {
	if s == "off" {
		return 0, true
	}
	after, ok := ParseSpan(s)
	return after, ok && minSilentAfter <= after && after <= maxSilentAfter
}

// Ending is a token that ends, and what was told of it.
type Ending struct {
	Token
	Warned int // days before its end of which the last warning told; 0: it told of the end; Unwarned before the first
}

// Unwarned is an Ending's Warned before the first warning.
const Unwarned = 1 << 20

// warnings are the days before the end of a token at which a warning is due; 0 tells of the end itself.
var warnings = []int{0, 1, 7, 30}

// FirstWarning is how long before its end the first warning of a token comes.
const FirstWarning = 30 * 24 * time.Hour

// Warning returns the warning that is due at now, in days before the end; due is false if there is none. Of several that were
// missed the nearest counts, and none is due that would tell a token's maker what was just typed.
func (e *Ending) Warning(now time.Time) (days int, due bool) {
	days, due = nearest(warnings, e.Expires, now)
	return days, due && days < e.Warned && e.Expires.Sub(e.Created) > time.Duration(days)*24*time.Hour
}

// nearest returns the nearest of warnings, in days before until, that is due at now.
func nearest(warnings []int, until, now time.Time) (days int, due bool) {
	for _, days := range warnings {
		if until.Sub(now) <= time.Duration(days)*24*time.Hour {
			return days, true
		}
	}
	return 0, false
}
