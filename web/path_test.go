package web_test

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/web"
)

func TestCheckPath(t *testing.T) {
	for name, tt := range map[string]struct{ path, says string }{
		"the root":                                {"/", ""},
		"a collection":                            {"/scim/v2/Users", ""},
		"a URN":                                   {"/scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", ""},
		"an escaped space":                        {"/users/a%20b", ""},
		"an escaped letter is the letter":         {"/%75sers", ""},
		"dots within a segment":                   {"/users/a..b/.c/d.", ""},
		"a percent sign that escapes nothing":     {"/users/100%25/50%25x", ""},
		"letters beyond ASCII":                    {"/users/%C3%A9", ""},
		"a collection that may have its slash":    {"/scim/v2/Users/", ""},
		"a slash after a collection that may not": {"/scim/v2/Schemas/", "ends in a slash"},
		"two slashes after the collection":        {"/scim/v2/Users//", "doubled slash"},
		"a slash after a resource":                {"/scim/v2/Users/1/", "ends in a slash"},
		"a base URL pasted with its slash":        {"/scim/v2//Users", "remove the trailing slash from the base URL"},
		"a doubled slash in front":                {"//scim/v2/Users", "doubled slash"},
		"an encoded slash":                        {"/scim%2Fv2/Users", "encoded slash"},
		"an encoded slash in small letters":       {"/scim/v2/Users%2f", "encoded slash"},
		"a backslash":                             {`/scim\v2`, "no such path"},
		"an encoded backslash":                    {"/scim%5Cv2", "no such path"},
		"a dot segment":                           {"/scim/./v2", "dot segment"},
		"a dot segment at the end":                {"/scim/v2/Users/..", "dot segment"},
		"an encoded dot segment":                  {"/scim/%2e%2E/v2", "dot segment"},
		"a half encoded dot segment":              {"/scim/.%2e/v2", "dot segment"},
		"a dot segment encoded twice":             {"/scim/%252e%252e/v2", "encoded twice"},
		"a slash encoded twice":                   {"/scim%252Fv2", "encoded twice"},
		"a slash encoded three times":             {"/scim%25252Fv2", "encoded twice"},
		"NUL":                                     {"/scim/v2/Users/%00", "no such path"},
		"a line end":                              {"/scim/v2/Users/a%0D%0A", "no such path"},
		"DEL":                                     {"/scim/v2/Users/%7F", "no such path"},
		"a control character beyond ASCII":        {"/scim/v2/Users/%C2%85", "no such path"},
		"invalid UTF-8":                           {"/scim/v2/Users/%FF", "no such path"},
		"an overlong slash":                       {"/scim%C0%AFv2", "no such path"},
		"no path":                                 {"", "no such path"},
		"a star":                                  {"*", "no such path"},
	} {
		t.Run(name, func(t *testing.T) {
			u := &url.URL{}
			if tt.path != "" && tt.path != "*" {
				var err error
				if u, err = url.ParseRequestURI(tt.path); err != nil {
					t.Fatal(err)
				}
			} else {
				u.Path = tt.path
			}
			err := web.CheckPath(u, "/scim/v2/Users/", "/scim/v2/Groups/")
			var refused *web.Error
			switch {
			case tt.says == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.says != "" && (!errors.As(err, &refused) || refused.Status != 404 || !strings.Contains(refused.Msg, tt.says)):
				t.Errorf("error %v, want a 404 that says %q", err, tt.says)
			}
		})
	}
}

func FuzzCheckPath(f *testing.F) {
	for _, target := range []string{"/scim/v2/Users/1", "/a%2e%2e/%252F//b", "/100%25"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || web.CheckPath(u) != nil {
			return
		}
		twice, err := url.PathUnescape(u.Path)
		if err == nil && twice != u.Path {
			t.Errorf("%q is accepted and decodes again to %q", target, twice)
		}
		if clean := path.Clean(u.Path); clean != u.Path {
			t.Errorf("%q is accepted and is %q when cleaned", target, clean)
		}
		if strings.Count(u.Path, "/") != strings.Count(u.EscapedPath(), "/") {
			t.Errorf("%q is accepted and hides a slash", target)
		}
	})
}
