package web_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollcall-id/rollcall/web"
)

func TestReadForm(t *testing.T) {
	const kind = "application/x-www-form-urlencoded"
	for name, tt := range map[string]struct {
		kind, body string
		status     int // 0: it is read
		want       map[string]string
	}{
		"two fields":                     {kind, "a=1&b=x+y%26", 0, map[string]string{"a": "1", "b": "x y&"}},
		"one field, with a charset":      {kind + "; charset=UTF-8", "b=", 0, map[string]string{"b": ""}},
		"nothing":                        {kind, "", 0, nil},
		"an empty pair":                  {kind, "&a=1&", 0, map[string]string{"a": "1"}},
		"a name that is escaped":         {kind, "%61=1", 0, map[string]string{"a": "1"}},
		"a field twice":                  {kind, "a=1&a=1", http.StatusBadRequest, nil},
		"a field twice, escaped":         {kind, "a=1&%61=1", http.StatusBadRequest, nil},
		"a field of nobody":              {kind, "a=1&c=1", http.StatusBadRequest, nil},
		"no name":                        {kind, "=1", http.StatusBadRequest, nil},
		"an escape that is none":         {kind, "a=%zz", http.StatusBadRequest, nil},
		"an escape that is none, a name": {kind, "%zz=1", http.StatusBadRequest, nil},
		"as much as fits":                {kind, "a=" + strings.Repeat("x", 62), 0, map[string]string{"a": strings.Repeat("x", 62)}},
		"a byte more":                    {kind, "a=" + strings.Repeat("x", 63), http.StatusRequestEntityTooLarge, nil},
		"no type":                        {"", "a=1", http.StatusUnsupportedMediaType, nil},
		"another type":                   {"text/plain", "a=1", http.StatusUnsupportedMediaType, nil},
	} {
		for _, length := range []string{"of a length that is told", "of one that is not"} {
			t.Run(name+", "+length, func(t *testing.T) {
				r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tt.body))
				r.Header.Set("Content-Type", tt.kind)
				if length == "of one that is not" {
					r.ContentLength = -1
				}
				form, err := web.ReadForm(httptest.NewRecorder(), r, 64, "a", "b")
				status := 0
				if e, ok := errors.AsType[*web.Error](err); ok {
					status = e.Status
				}
				if status != tt.status || (err == nil) != (tt.status == 0) || !maps.Equal(form, tt.want) {
					t.Errorf("got %v, %v", form, err)
				}
			})
		}
	}
}
