package login

import "github.com/rollcall-id/rollcall/directory"

// Sentence is what a person is told whom single sign-on did not let in. code is a directory.DenialCode, or says why a message was not
// taken; only what an attacker could not use is told, and for all else the same.
func Sentence(code string) string {
	if s, ok := sentences[directory.DenialCode(code)]; ok {
		return s + " Please ask your administrator."
	}
	return "Your identity provider and this server did not agree. Please try again."
}

var sentences = map[directory.DenialCode]string{
	directory.Deactivated:    "Your account is deactivated.",
	directory.NotProvisioned: "You have no account here yet: you were not provisioned.",
	directory.Removed:        "Your account was removed.",
	directory.AddressTaken:   "Your e-mail address or name is already used by another account.",
	directory.NoTeam:         "There is no team yet that you could join.",
	directory.Disabled:       "Single sign-on is switched off here.",
}
