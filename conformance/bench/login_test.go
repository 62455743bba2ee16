package main

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestIdP_answers_the_question_with_a_signature(t *testing.T) {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(`<AuthnRequest Version="2.0" ID="_1+/">`)) // to memory
	_ = w.Close()
	query := url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString(packed.Bytes())}, "RelayState": {"r"}}
	q, err := readQuestion(issuer + "?" + query.Encode())
	if err != nil || q != (question{"_1+/", "r"}) {
		t.Fatalf("%+v, error %v", q, err)
	}
	provider, err := newIdP()
	if err != nil {
		t.Fatal(err)
	}
	response, err := provider.response(q, 7)
	if err != nil {
		t.Fatal(err)
	}
	between := func(from, to string) string {
		_, rest, _ := strings.Cut(response, from)
		text, _, ok := strings.Cut(rest, to)
		if !ok {
			t.Fatalf("nothing between %s and %s", from, to)
		}
		return text
	}
	signature := `<ds:Signature ` + between(`<ds:Signature `, `</ds:Signature>`) + `</ds:Signature>`
	signed := strings.Replace(`<saml2:Assertion`+between(`<saml2:Assertion`, `</saml2p:Response>`), signature, "", 1)
	digest := sha256.Sum256([]byte(signed))
	if got := between(`<ds:DigestValue>`, `<`); got != base64.StdEncoding.EncodeToString(digest[:]) {
		t.Errorf("the digest is %s", got)
	}
	info := sha256.Sum256([]byte(`<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">` + between(`<ds:SignedInfo>`, `</ds:SignedInfo>`) + `</ds:SignedInfo>`))
	value, err := base64.StdEncoding.DecodeString(between(`<ds:SignatureValue>`, `<`))
	if err == nil {
		err = rsa.VerifyPKCS1v15(&provider.key.PublicKey, crypto.SHA256, info[:], value)
	}
	if err != nil {
		t.Errorf("the signature: %v", err)
	}
	for _, want := range []string{"00u0000007<", `InResponseTo="_1+/" NotOnOrAfter="2`} {
		if !strings.Contains(signed, want) {
			t.Errorf("no %s in %s", want, signed)
		}
	}
	if posted, err := url.ParseQuery(form(response, q.relay)); err != nil || posted.Get("RelayState") != "r" ||
		posted.Get("SAMLResponse") != base64.StdEncoding.EncodeToString([]byte(response)) {
		t.Errorf("posted is %v, error %v", posted, err)
	}
}

func TestHeader(t *testing.T) {
	head := []byte("HTTP/1.1 303 See Other\r\nLocation: /a?b=c\r\nSet-Cookie: x=y; Path=/\r\n\r\n")
	for begin, want := range map[string]string{"Location: ": "/a?b=c", "Set-Cookie: x=": "y; Path=/", "Set-Cookie: z=": ""} {
		if got, err := header(head, begin); got != want || (err == nil) != (want != "") {
			t.Errorf("behind %s stands %q, error %v", begin, got, err)
		}
	}
}

func TestUntilRefused(t *testing.T) {
	for status, refused := range map[int]bool{http.StatusRequestEntityTooLarge: true, http.StatusBadRequest: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		request := "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		took, err := untilRefused(t.Context(), server.Listener.Addr().String(), request, []byte(inPieces(strings.Repeat("a", 1<<20))))
		if (err == nil) != refused || took <= 0 {
			t.Errorf("status %d: error %v after %v", status, err, took)
		}
		server.Close()
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	if _, err := untilRefused(t.Context(), closed.Addr().String(), "", nil); err == nil {
		t.Error("nobody refuses, and there is no error")
	}
}

func TestReadSides(t *testing.T) {
	for name, tt := range map[string]struct {
		out  string
		want sides
	}{
		"benchmarks": {"BenchmarkX/ours-2 \t 100 \t 150.5 ns/op\t 8 B/op\nBenchmarkX/bare-2 \t 90 \t 100 ns/op\t 1.5 x/ours\n", sides{150.5, 100}},
		"metrics":    {"BenchmarkX-2 \t 100 \t 900 ns/op\t 100 bare-ns\t 150.5 ours-ns\n", sides{150.5, 100}},
		"one side":   {"BenchmarkX/ours-2 \t 100 \t 150 ns/op\n", sides{150, 0}},
	} {
		got, err := readSides([]byte(tt.out), "bare")
		if got != tt.want || (err == nil) != (tt.want.other != 0) {
			t.Errorf("%s: %+v, error %v", name, got, err)
		}
	}
}
