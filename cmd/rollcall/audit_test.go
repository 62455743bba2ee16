package main

import (
	"testing"

	"github.com/rollcall-id/rollcall/directory"
)

func TestAudit_changes_in_words(t *testing.T) {
	for want, changes := range map[string]directory.Changes{
		"active: true → false; userName: none → ada":       {"active": []any{true, false}, "userName": []any{nil, "ada"}},
		"asserted: none → {email: a@b.c; first_name: Ada}": {"asserted": []any{map[string]any{}, map[string]any{"email": "a@b.c", "first_name": "Ada"}}},
		"description: none; sessions: [a b c]":             {"sessions": []any{"a", "b", "c"}, "description": ""},
	} {
		if got := inWords(changes); got != want {
			t.Errorf("%v in words is %q, want %q", changes, got, want)
		}
	}
}
