package scim

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-id/rollcall/web"
)

// flushSize is how many bytes of a stream are gathered before they leave.
const flushSize = 64 << 10

// answer is what a handler found to say: a body, or a stream that writes one.
type answer struct {
	status   int
	version  int64 // of the resource; zero for none
	location string
	body     []byte
	stream   func(*writer) error
}

// write sends an answer.
func (d *Door) write(r *request, a *answer) {
	h := r.w.Header()
	if a.version > 0 {
		h["Etag"] = []string{tag(a.version)}
	}
	if a.location != "" {
		h["Location"] = []string{a.location}
	}
	if a.stream == nil {
		writeBody(r.w, r.Request, a.status, a.body)
		return
	}
	w := &writer{w: r.w, r: r.Request, status: a.status}
	if err := a.stream(w); err != nil {
		if w.begun { // too late for an error: the client must not take it for a whole answer
			web.RecordOf(r.Context()).Cause = err
			panic(http.ErrAbortHandler)
		}
		h.Del("Etag")
		h.Del("Location")
		d.writeError(r.w, r.Request, err)
		return
	}
	w.end()
}

// writeBody sends an answer whose body is known, nil for none.
func writeBody(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	if body != nil {
		h["Content-Type"] = []string{mediaType(r)}
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	if body != nil {
		_, _ = w.Write(body) // the client may have gone
	}
}

// mediaType is SCIM's own, unless the client wants plain JSON and nothing else.
func mediaType(r *http.Request) string {
	accept := r.Header.Get("Accept")
	if strings.Contains(accept, plainJSON) && !strings.Contains(accept, scimJSON) && !strings.Contains(accept, "*/*") {
		return plainJSON
	}
	return scimJSON
}

// writer gathers an answer in b and sends it in pieces. While hold is set nothing leaves.
type writer struct {
	b      []byte
	hold   bool
	large  bool // it has a place of what is large already
	w      http.ResponseWriter
	r      *http.Request
	status int
	begun  bool
}

// flush sends what was gathered if it is worth it.
func (w *writer) flush() error {
	if w.hold || len(w.b) < flushSize {
		return nil
	}
	if !w.begun {
		w.begun = true
		w.w.Header()["Content-Type"] = []string{mediaType(w.r)}
		w.w.WriteHeader(w.status)
	}
	_, err := w.w.Write(w.b)
	w.b = w.b[:0]
	return err
}

// end sends the rest.
func (w *writer) end() {
	if !w.begun {
		writeBody(w.w, w.r, w.status, w.b)
		return
	}
	_, _ = w.w.Write(w.b) // the client may have gone
}

func tag(version int64) string { return `W/"` + strconv.FormatInt(version, 10) + `"` }

// appendMeta appends the attribute meta.
//
// RFC 7643, section 3.1.
func (d *Door) appendMeta(b []byte, r *request, kind, path, id string, created, modified time.Time, version int64) []byte {
	const format = "2006-01-02T15:04:05.000Z"
	b = append(b, `"meta":{"resourceType":"`...)
	b = append(b, kind...)
	b = append(b, `","created":"`...)
	b = created.UTC().AppendFormat(b, format)
	b = append(b, `","lastModified":"`...)
	b = modified.UTC().AppendFormat(b, format)
	b = append(b, `","location":`...)
	b = appendString(b, r.location(path, id))
	b = append(b, `,"version":"W/\"`...)
	b = strconv.AppendInt(b, version, 10)
	return append(b, `\""}`...)
}
