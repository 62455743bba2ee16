package conformance

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// want checks the body line by line. A line is a path and what stands there: JSON, several JSON values with " | " between
// them where each would do, `absent`, `present`, or `#3` for a list of three (an absent list counts as empty).
//
// A path is names with "/" between them; in a list `0` is an element, `type=work` the first element that has it, and `*`
// collects from all elements, in order of their text. {name} stands for a saved id or a URN.
func (a *answer) want(lines string) *answer {
	a.c.t.Helper()
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		path, want, _ := strings.Cut(a.c.expand(line), " ")
		v, ok := lookup(a.body, strings.Split(path, "/"))
		if problem := differs(v, ok, strings.TrimSpace(want)); problem != "" {
			a.errorf("%s %s", path, problem)
		}
	}
	return a
}

// differs says what is wrong with a value, or "".
func differs(v any, ok bool, want string) string {
	switch {
	case want == "absent":
		if ok {
			return "is there, want it absent"
		}
	case want == "present":
		if !ok {
			return "is absent"
		}
	case strings.HasPrefix(want, "#"):
		list, _ := v.([]any)
		if strconv.Itoa(len(list)) != want[1:] {
			return fmt.Sprintf("has %d elements, want %s", len(list), want[1:])
		}
	default:
		for alternative := range strings.SplitSeq(want, " | ") {
			if alternative == "absent" && !ok || alternative != "absent" && ok && reflect.DeepEqual(v, parse(alternative)) {
				return ""
			}
		}
		got, _ := json.Marshal(v)
		return fmt.Sprintf("is %s, want %s", got, want)
	}
	return ""
}

// parse reads JSON with numbers as they were written; it panics on a slip in a test.
func parse(text string) (v any) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(fmt.Sprintf("%v in the expectation %s", err, text))
	}
	return v
}

// lookup follows a path into decoded JSON.
func lookup(v any, path []string) (any, bool) {
	if len(path) == 0 {
		return v, true
	}
	switch node := v.(type) {
	case map[string]any:
		next, ok := node[path[0]]
		if !ok {
			return nil, false
		}
		return lookup(next, path[1:])
	case []any:
		return lookupList(node, path)
	}
	return nil, false
}

func lookupList(list []any, path []string) (any, bool) {
	if path[0] == "*" {
		return collect(list, path[1:]), true
	}
	if key, want, ok := strings.Cut(path[0], "="); ok {
		for _, e := range list {
			if got, ok := lookup(e, []string{key}); ok && fmt.Sprint(got) == want {
				return lookup(e, path[1:])
			}
		}
		return nil, false
	}
	i, err := strconv.Atoi(path[0])
	if err != nil || i < 0 || i >= len(list) {
		return nil, false
	}
	return lookup(list[i], path[1:])
}

// collect looks the path up in every element, and orders what it finds by its text.
func collect(list []any, path []string) []any {
	found := []any{}
	for _, e := range list {
		if v, ok := lookup(e, path); ok {
			found = append(found, v)
		}
	}
	sort.Slice(found, func(i, j int) bool { return fmt.Sprint(found[i]) < fmt.Sprint(found[j]) })
	return found
}

// holdsKey tells whether an object anywhere in v has a member of this name, in any case of letters.
func holdsKey(v any, name string) bool {
	switch node := v.(type) {
	case map[string]any:
		for k, e := range node {
			if strings.EqualFold(k, name) || holdsKey(e, name) {
				return true
			}
		}
	case []any:
		for _, e := range node {
			if holdsKey(e, name) {
				return true
			}
		}
	}
	return false
}

// compact is v as JSON on one line.
func compact(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// sorted is a word with its letters in order.
func sorted(word string) string {
	letters := strings.Split(word, "")
	sort.Strings(letters)
	return strings.Join(letters, "")
}
