package saml

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"
)

// bytesOf posts other bytes than the text of a message.
func bytesOf(change func(xml string) string) func(*message) {
	return func(m *message) {
		m.form = func(v url.Values) { v.Set("SAMLResponse", encode(change(m.finished))) }
	}
}

func TestAttack_19_documents_that_are_more_than_XML_elements(t *testing.T) {
	front := func(text string) func(*message) { return bytesOf(func(xml string) string { return text + xml }) }
	doctype := func(text string) func(*message) { return front("<!DOCTYPE samlp:Response " + text + ">") }
	wide := func(order func(unit uint16) []byte, mark []byte) func(string) string {
		return func(xml string) string {
			out := append([]byte{}, mark...)
			for _, unit := range utf16.Encode([]rune(xml)) {
				out = append(out, order(unit)...)
			}
			return string(out)
		}
	}
	big := func(u uint16) []byte { return []byte{byte(u >> 8), byte(u)} }
	little := func(u uint16) []byte { return []byte{byte(u), byte(u >> 8)} }
	attacked(t, func(t *testing.T, s *site) {
		s.accepted(t, map[string]func(*message){
			"a declaration":               front(`<?xml version="1.0" encoding="UTF-8"?>`),
			"a declaration in lower case": front(`<?xml version="1.0" encoding="utf-8"?>` + "\n"),
			"a line behind the root":      bytesOf(func(xml string) string { return xml + "\n" }),
		})
		s.variants(t, []variant{
			{name: "DOCTYPE", code: "xml", forge: doctype("")},
			{name: "DOCTYPE of the system", code: "xml", forge: doctype(`SYSTEM "http://127.0.0.1:9/evil.dtd"`)},
			{name: "an entity of a file", code: "xml", forge: both(doctype(`[<!ENTITY x SYSTEM "file:///etc/passwd">]`), func(m *message) { m.attributes += attribute("x", "&amp;x;") })},
			{name: "an entity that is used", code: "xml", forge: bytesOf(func(xml string) string {
				return `<!DOCTYPE x [<!ENTITY v "` + subjectOf(vic) + `">]>` + strings.ReplaceAll(xml, subjectOf(pat), "&v;")
			})},
			{name: "a billion laughs", code: "xml", forge: bytesOf(func(xml string) string {
				text := `<!DOCTYPE x [<!ENTITY a "ha">`
				for i := range 30 {
					text += fmt.Sprintf(`<!ENTITY %c "&%c;&%[2]c;&%[2]c;&%[2]c;">`, 'b'+i, 'a'+i)
				}
				return text + "]>" + strings.ReplaceAll(xml, subjectOf(pat), "&z;")
			})},
			{name: "an entity of a parameter", code: "xml", forge: doctype(`[<!ENTITY % x SYSTEM "http://127.0.0.1:9/"> %x;]`)},
			{name: "attributes by default", code: "xml", forge: doctype(`[<!ATTLIST saml:Assertion ID ID #FIXED "_evil">]`)},
			{name: "XInclude", code: "message", forge: after(swap("<samlp:Status>", `<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/><samlp:Status>`))},
			{name: "a stylesheet", code: "xml", forge: front(`<?xml-stylesheet href="http://127.0.0.1:9/evil.xsl"?>`)},
			{name: "a second declaration", code: "xml", forge: front(`<?xml version="1.0"?><?xml version="1.0"?>`)},
			{name: "a declaration of another encoding", code: "xml", forge: front(`<?xml version="1.0" encoding="UTF-16"?>`)},
			{name: "a declaration of UTF-7", code: "xml", forge: front(`<?xml version="1.0" encoding="UTF-7"?>`)},
			{name: "a declaration of ISO-8859-1", code: "xml", forge: front(`<?xml version="1.0" encoding="ISO-8859-1"?>`)},
			{name: "XML 1.1", code: "xml", forge: front(`<?xml version="1.1"?>`)},
			{name: "UTF-16, the big end first", code: "xml", forge: bytesOf(wide(big, []byte{0xfe, 0xff}))},
			{name: "UTF-16, the little end first", code: "xml", forge: bytesOf(wide(little, []byte{0xff, 0xfe}))},
			{name: "UTF-32", code: "xml", forge: bytesOf(wide(func(u uint16) []byte { return []byte{0, 0, byte(u >> 8), byte(u)} }, []byte{0, 0, 0xfe, 0xff}))},
			{name: "UTF-7", code: "xml", forge: bytesOf(func(xml string) string { return strings.ReplaceAll(xml, "<", "+ADw-") })},
			{name: "a mark of the byte order", code: "xml", forge: front("\ufeff")},
			{name: "NUL", code: "xml", forge: bytesOf(func(xml string) string { return strings.Replace(xml, "<samlp:Status>", "\x00<samlp:Status>", 1) })},
			{name: "NUL at the end", code: "xml", forge: bytesOf(func(xml string) string { return xml + "\x00" })},
			{name: "bytes that are no UTF-8", code: "xml", forge: bytesOf(func(xml string) string { return strings.Replace(xml, "<samlp:Status>", "\xc0\xbc<samlp:Status>", 1) })},
			{name: "a control character", code: "xml", forge: bytesOf(func(xml string) string { return strings.Replace(xml, "<samlp:Status>", "\x0b<samlp:Status>", 1) })},
			{name: "a second root", code: "xml", forge: bytesOf(func(xml string) string { return xml + xml })},
			{name: "text before the root", code: "xml", forge: front("x")},
			{name: "text behind the root", code: "xml", forge: bytesOf(func(xml string) string { return xml + "x" })},
			{name: "a comment behind the root", code: "xml", forge: bytesOf(func(xml string) string { return xml + "<!-- -->" })},
			{name: "an end without a beginning", code: "xml", forge: bytesOf(func(xml string) string { return xml + "</samlp:Response>" })},
			{name: "cut off", code: "xml", forge: bytesOf(func(xml string) string { return xml[:len(xml)-20] })},
			{name: "nothing but space", code: "xml", forge: bytesOf(func(string) string { return " \n" })},
		})
	})
}

func TestAttack_20_floods(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		s.accepted(t, map[string]func(*message){"two hundred groups": func(m *message) {
			values := make([]string, 200)
			for i := range values {
				values[i] = fmt.Sprintf("group %d of the company", i)
			}
			m.attributes += attribute("groups", values...)
		}})
		nest := func(n int) string { return strings.Repeat("<saml:x>", n) + strings.Repeat("</saml:x>", n) }
		repeated := func(n int, format string) string {
			var b strings.Builder
			for i := range n {
				_, _ = fmt.Fprintf(&b, format, i)
			}
			return b.String()
		}
		inStatus := func(text string) func(string) string {
			return func(xml string) string { return strings.Replace(xml, "<samlp:Status>", text+"<samlp:Status>", 1) }
		}
		for name, change := range map[string]func(string) string{
			"elements 101 deep":                     inStatus(nest(101)),
			"elements 100,000 deep":                 inStatus(nest(100_000)),
			"65 attributes":                         inStatus("<saml:x" + repeated(65, ` a%d=""`) + "/>"),
			"100,000 attributes":                    inStatus("<saml:x" + repeated(100_000, ` a%d=""`) + "/>"),
			"100,000 namespaces":                    inStatus("<saml:x" + repeated(100_000, ` xmlns:a%d="urn:x"`) + "/>"),
			"a namespace on each of 1,000 elements": inStatus(repeated(1000, `<saml:x xmlns:a%d="urn:x">`) + strings.Repeat("</saml:x>", 1000)),
			"200,000 elements":                      inStatus(strings.Repeat("<saml:x/>", 200_000)),
			"10,000 assertions":                     func(xml string) string { return within(xml, strings.Repeat(assertionOf(xml)[:200]+"/>", 10_000)) },
			"10,000 good assertions":                func(xml string) string { return within(xml, strings.Repeat(assertionOf(xml), 10_000)) },
			"one text of 11 MB":                     inStatus("<saml:x>" + strings.Repeat("a", 11<<20) + "</saml:x>"),
			"one name of 1 MB":                      inStatus("<saml:" + strings.Repeat("a", 1<<20) + "/>"),
		} {
			t.Run(name, func(t *testing.T) {
				s.signIn(t).enters(pat)
				b := s.browser(t)
				m := s.message(b, "okta")
				s.endures(b, b.request(http.MethodPost, "/saml/okta/acs", form(change(m.xml(t)), m.relay)))
			})
		}
		t.Run("11 MB that are no base64", func(t *testing.T) {
			b := s.browser(t)
			s.endures(b, b.request(http.MethodPost, "/saml/okta/acs", url.Values{"SAMLResponse": {strings.Repeat("!", 11<<20)}}))
		})
		t.Run("a form of 300 KB that does not say its length", func(t *testing.T) {
			b := s.browser(t)
			flood := typed(b, "application/x-www-form-urlencoded", "SAMLResponse="+strings.Repeat("A", 300_000))
			flood.ContentLength = -1
			s.endures(b, flood)
		})
		t.Run("100,000 fields", func(t *testing.T) {
			b := s.browser(t)
			s.endures(b, typed(b, "application/x-www-form-urlencoded", repeated(100_000, "a%d=&")))
		})
		t.Run("a message that swells when a logout inflates it", func(t *testing.T) {
			b := s.browser(t)
			query := "SAMLRequest=" + url.QueryEscape(deflate(t, "<samlp:LogoutRequest>"+strings.Repeat(" ", 9<<20)))
			s.endures(b, b.request(http.MethodGet, "/saml/okta/logout?"+signedQuery(query, keys().good), nil))
		})
		t.Run("bodies that drip hold nobody up", func(t *testing.T) {
			stop := s.drip(t, 64)
			defer stop()
			begin := time.Now()
			s.signIn(t).enters(pat)
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("a login takes %v meanwhile", took)
			}
		})
		if most := s.memory(t); most > 512<<20 {
			t.Errorf("the server took up to %d MiB", most>>20)
		}
	})
}

// endures asserts that a flood is refused, and soon.
func (s *site) endures(b *browser, flood *http.Request) {
	t := b.t
	t.Helper()
	before := s.state(t)
	begin := time.Now()
	p := b.do(flood, cross)
	took := time.Since(begin)
	r := b.ended(p)
	t.Logf("refused with %d after %v", r.status, took.Round(time.Millisecond))
	if took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	if r.status/100 != 4 || r.who != "" {
		t.Errorf("the answer is %d, signed in as %q\n%s", r.status, r.who, r.text())
	}
	if after := s.state(t); after != before {
		t.Errorf("it changed\n%+v to\n%+v", before, after)
	}
}

// drip begins n posts to the ACS that go on for ever, and returns what ends them.
func (s *site) drip(t *testing.T, n int) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range n {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer func() { _ = conn.Close() }()
			w := bufio.NewWriter(conn)
			_, _ = w.WriteString("POST /saml/okta/acs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 200000\r\n\r\nSAMLResponse=")
			for {
				_ = w.WriteByte('a')
				if w.Flush() != nil {
					return
				}
				select {
				case <-done:
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		})
	}
	return func() { close(done); wg.Wait() }
}

// memory is the most memory that the server has had, in bytes; zero where the system does not tell.
func (s *site) memory(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			t.Logf("the server took up to %d MiB", n>>10)
			return n << 10
		}
	}
	return 0
}

func TestAttack_21_encryption(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		to := s.recipient(t)
		with := func(e encryption) func(*message) {
			if e.to == nil {
				e.to = to
			}
			return func(m *message) {
				own := e
				m.encrypted = &own
			}
		}
		good := with(encryption{})
		s.accepted(t, map[string]func(*message){
			"AES-256-GCM": good, "AES-128-GCM": with(encryption{data: gcm128}), "AES-256-GCM in a signed response": both(good, bothSigned),
			"unsigned in a signed response": both(good, onlyWhole), "AES-128-CBC in a signed response": both(with(encryption{data: cbc128}), bothSigned),
			"AES-256-CBC in a signed response": both(with(encryption{data: cbc256}), bothSigned),
		})
		flipped := func(i int) func([]byte) []byte {
			return func(b []byte) []byte { b[(i+len(b))%len(b)] ^= 1; return b }
		}
		short := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
		sealed := func(data string, change func([]byte) []byte) func(*message) {
			return with(encryption{data: data, sealed: change})
		}
		edit := func(change func(string) string) func(*message) { return with(encryption{edit: change}) }
		inside := func(m *message) { m.inside = func(*testing.T, string) string { return "" } }
		list := []variant{
			{name: "unsigned inside and outside", code: "unsigned", forge: both(says(vic), nothingSigned)},
			{name: "unsigned inside, with CBC", code: "encrypted", forge: both(nothingSigned, with(encryption{data: cbc256}))},
			{name: "CBC without a signature outside", code: "encrypted", forge: with(encryption{data: cbc128})},
			{name: "RSA 1.5", code: "encrypted", forge: with(encryption{key: rsa15})},
			{name: "RSA 1.5 in a signed response", code: "encrypted", twin: bothSigned, forge: with(encryption{key: rsa15})},
			{name: "3DES in a signed response", code: "encrypted", twin: bothSigned, forge: with(encryption{data: tripleDES})},
			{name: "for somebody else", code: "encrypted", forge: with(encryption{to: keys().evil.public()})},
			{name: "a key of another length", code: "encrypted", forge: with(encryption{secret: short(16)})},
			{name: "a key of no length", code: "encrypted", forge: with(encryption{secret: short(0)})},
			{name: "a flipped bit", code: "encrypted", forge: sealed(gcm256, flipped(20))},
			{name: "a flipped bit of the nonce", code: "encrypted", forge: sealed(gcm256, flipped(0))},
			{name: "a flipped bit of the tag", code: "encrypted", forge: sealed(gcm256, flipped(-1))},
			{name: "nothing", code: "encrypted", forge: sealed(gcm256, short(0))},
			{name: "shorter than a nonce", code: "encrypted", forge: sealed(gcm256, short(11))},
			{name: "a nonce alone", code: "encrypted", forge: sealed(gcm256, short(12))},
			{name: "shorter than a tag", code: "encrypted", forge: sealed(gcm256, short(20))},
			{name: "an empty text", code: "encrypted", forge: both(good, inside)},
			{name: "a text that is no XML", code: "encrypted", forge: both(good, func(m *message) { m.inside = func(*testing.T, string) string { return "<<<" } })},
			{name: "two assertions inside", code: "encrypted", forge: both(good, func(m *message) {
				m.inside = func(_ *testing.T, xml string) string { return xml + evil(xml) }
			})},
			{name: "another element inside", code: "encrypted", forge: both(good, func(m *message) {
				m.inside = func(_ *testing.T, xml string) string { return "<x>" + xml + "</x>" }
			})},
			{name: "an encrypted one inside", code: "encrypted", forge: both(good, func(m *message) {
				m.inside = func(t *testing.T, xml string) string { return (&encryption{to: to}).element(t, xml) }
			})},
			{name: "a DOCTYPE inside", code: "encrypted", forge: both(good, func(m *message) {
				m.inside = func(_ *testing.T, xml string) string { return "<!DOCTYPE x>" + xml }
			})},
			{name: "bytes elsewhere", code: "encrypted", forge: edit(func(xml string) string {
				return reform(`<xenc:CipherData><xenc:CipherValue>[^<]*</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>`,
					`<xenc:CipherData><xenc:CipherReference URI="http://127.0.0.1:9/"/></xenc:CipherData></xenc:EncryptedData>`).on(t, xml)
			})},
			{name: "no key", code: "encrypted", forge: edit(func(xml string) string { return cut(`<ds:KeyInfo.*</ds:KeyInfo>`).on(t, xml) })},
			{name: "no algorithm", code: "encrypted", forge: edit(func(xml string) string { return cut(`<xenc:EncryptionMethod[^>]*/>`).on(t, xml) })},
			{name: "two of EncryptedData", code: "encrypted", forge: edit(func(xml string) string {
				return reform(`(<xenc:EncryptedData.*</xenc:EncryptedData>)`, `$1$1`).on(t, xml)
			})},
			{name: "EncryptedData without EncryptedAssertion", code: "message", forge: edit(func(xml string) string {
				return cut(`</saml:EncryptedAssertion>`).on(t, cut(`<saml:EncryptedAssertion[^>]*>`).on(t, xml))
			})},
			{name: "beside an open one", code: "assertion_count", forge: func(m *message) {
				m.encrypted.edit = func(xml string) string { return xml + assertionOf(m.unsigned()) }
			}},
		}
		for i := range list {
			list[i].twin = both(good, list[i].twin)
		}
		for name, change := range map[string]func([]byte) []byte{
			"odd": short(33), "empty": short(0), "of one block": short(16), "of two blocks": short(32), "with a flipped bit at the end": flipped(-1),
			"with a flipped bit at the end of the block before": flipped(-17), "with a flipped bit of the vector": flipped(0),
		} {
			list = append(list,
				variant{code: "encrypted", name: "CBC without a signature outside, " + name, twin: good, forge: sealed(cbc128, change)},
				variant{code: "encrypted", name: "CBC in a signed response, " + name, twin: both(good, bothSigned), forge: sealed(cbc128, change)},
				variant{code: "signature", name: "CBC changed after the response was signed, " + name, twin: both(with(encryption{data: cbc128}), bothSigned), forge: func(m *message) {
					m.after = func(t *testing.T, xml string) string {
						value := (&encryption{to: to, data: cbc128, sealed: change}).element(t, "x"+strings.Repeat(" ", 100))
						return reform(`<saml:EncryptedAssertion.*</saml:EncryptedAssertion>`, value).on(t, xml)
					}
				}})
		}
		s.oracle(t, list)
		t.Run("where only encrypted ones are taken", func(t *testing.T) {
			s.settings(t, "saml_encrypted=true")
			s.signIn(t, good).enters(pat)
			s.refuses(t, refusal{code: "not_encrypted"}, func() result { return s.signIn(t) })
		})
	})
}

// oracle is variants, and asserts that the log does not tell one failure of decryption from another.
func (s *site) oracle(t *testing.T, list []variant) {
	t.Helper()
	s.variants(t, list)
	if strings.Contains(s.Log.String(), "crypto/rsa") || strings.Contains(s.Log.String(), "cipher:") {
		t.Error("the log tells what decryption found wrong")
	}
}

// signedQuery is a query with the signature of the redirect binding over it.
func signedQuery(query string, by pair) string {
	query += "&SigAlg=" + url.QueryEscape(rsaSHA256)
	return query + "&Signature=" + url.QueryEscape(encode(string(sealed(by, hashOf(rsaSHA256), []byte(query)))))
}

func logoutRequest(idp provider, destination, nameID, index string, now time.Time) string {
	return fmt.Sprintf(`<samlp:LogoutRequest xmlns:samlp="%s" xmlns:saml="%s" ID="%s" Version="2.0" IssueInstant="%s" Destination="%s" NotOnOrAfter="%s">`+
		`<saml:Issuer>%s</saml:Issuer><saml:NameID Format="%s">%s</saml:NameID><samlp:SessionIndex>%s</samlp:SessionIndex></samlp:LogoutRequest>`,
		protocolNS, assertionNS, newID(), stamp(now), destination, stamp(now.Add(5*time.Minute)), idp.entity, persistent, nameID, index)
}

func TestAttack_31_logout(t *testing.T) {
	attacked(t, func(t *testing.T, s *site) {
		other := s.connect(t, "other", "okta", keys().other)
		okta := s.idps["okta"]
		slo := s.base + "/saml/okta/logout"
		param := func(name, value string) string { return name + "=" + url.QueryEscape(value) }
		// query asks okta's session of pat to end; change spoils the request before it is signed.
		query := func(t *testing.T, m *message, change surgery) string {
			xml := change.on(t, logoutRequest(okta, slo, subjectOf(pat), "s"+m.id, time.Now()))
			return param("SAMLRequest", deflate(t, xml)) + "&" + param("RelayState", "state")
		}
		signedIn := func(t *testing.T) (*browser, *message) {
			b := s.browser(t)
			m := s.message(b, "okta")
			b.hand(m).enters(pat)
			return b, m
		}
		ends := func(t *testing.T, b *browser, raw string) page {
			t.Helper()
			p := b.do(b.request(http.MethodGet, "/saml/okta/logout?"+raw, nil), cross)
			if who := b.username(); who != "" {
				t.Fatalf("the logout ends with %d %s, signed in as %s\n%s\nevents %s", p.status, p.location(), who, p.text(), s.told(t, p.header.Get("X-Request-Id")))
			}
			return p
		}
		t.Run("a good one ends the session and is answered", func(t *testing.T) {
			b, m := signedIn(t)
			p := ends(t, b, signedQuery(query(t, m, nil), okta.pair))
			u, err := url.Parse(p.location())
			if err != nil || p.status != http.StatusSeeOther || !strings.HasPrefix(p.location(), okta.entity+"/logout?") || u.Query().Get("RelayState") != "state" ||
				u.Query().Get("Signature") == "" || !strings.Contains(inflate(t, u.Query().Get("SAMLResponse")), success) {
				t.Errorf("the answer is %d %s", p.status, p.location())
			}
		})
		for name, attack := range map[string]func(t *testing.T, m *message) string{
			"unsigned":       func(t *testing.T, m *message) string { return query(t, m, nil) },
			"by somebody":    func(t *testing.T, m *message) string { return signedQuery(query(t, m, nil), keys().evil) },
			"by another idp": func(t *testing.T, m *message) string { return signedQuery(query(t, m, nil), other.pair) },
			"empty signature": func(t *testing.T, m *message) string {
				return query(t, m, nil) + "&" + param("SigAlg", rsaSHA256) + "&Signature="
			},
			"of SHA-1": func(t *testing.T, m *message) string {
				q := query(t, m, nil) + "&" + param("SigAlg", rsaSHA1)
				return q + "&" + param("Signature", encode(string(sealed(okta.pair, hashOf(rsaSHA1), []byte(q)))))
			},
			"signed in the XML alone": func(t *testing.T, m *message) string {
				return query(t, m, func(t *testing.T, xml string) string { return sign(t, xml, signing{by: okta.pair}) })
			},
			"other order": func(t *testing.T, m *message) string { return swapped(signedQuery(query(t, m, nil), okta.pair)) },
			"a parameter twice": func(t *testing.T, m *message) string {
				return signedQuery(query(t, m, nil), okta.pair) + "&RelayState=evil"
			},
			"a request twice": func(t *testing.T, m *message) string {
				return "SAMLRequest=x&" + signedQuery(query(t, m, nil), okta.pair)
			},
			"a response too": func(t *testing.T, m *message) string {
				return signedQuery(query(t, m, nil), okta.pair) + "&SAMLResponse=x"
			},
			"RelayState changed": func(t *testing.T, m *message) string {
				return strings.Replace(signedQuery(query(t, m, nil), okta.pair), "=state", "=evil", 1)
			},
			"RelayState left out": func(t *testing.T, m *message) string {
				return strings.Replace(signedQuery(query(t, m, nil), okta.pair), "&RelayState=state", "", 1)
			},
			"escaped otherwise": func(t *testing.T, m *message) string {
				return strings.Replace(signedQuery(query(t, m, nil), okta.pair), "=state", "=%73tate", 1)
			},
			"other address": func(t *testing.T, m *message) string {
				return signedQuery(query(t, m, reform(`Destination="[^"]*"`, `Destination="https://other.example.test/"`)), okta.pair)
			},
			"no address": func(t *testing.T, m *message) string {
				return signedQuery(query(t, m, cut(` Destination="[^"]*"`)), okta.pair)
			},
			"other issuer": func(t *testing.T, m *message) string {
				return signedQuery(query(t, m, reform(`<saml:Issuer>[^<]*`, `<saml:Issuer>`+other.entity)), okta.pair)
			},
			"expired": func(t *testing.T, m *message) string {
				return signedQuery(query(t, m, reform(`NotOnOrAfter="[^"]*"`, `NotOnOrAfter="`+stamp(time.Now().Add(-4*time.Minute))+`"`)), okta.pair)
			},
			"of yesterday": func(t *testing.T, m *message) string {
				return signedQuery(query(t, m, each(reform(`IssueInstant="[^"]*"`, `IssueInstant="`+stamp(time.Now().Add(-24*time.Hour))+`"`), cut(` NotOnOrAfter="[^"]*"`))), okta.pair)
			},
			"another person": func(t *testing.T, m *message) string {
				return signedQuery(query(t, m, swap(subjectOf(pat), subjectOf(vic))), okta.pair)
			},
			"another session": func(t *testing.T, m *message) string {
				return signedQuery(query(t, m, reform(`<samlp:SessionIndex>[^<]*`, `<samlp:SessionIndex>other`)), okta.pair)
			},
			"no person": func(t *testing.T, m *message) string {
				return signedQuery(query(t, m, cut(`<saml:NameID.*</saml:NameID>`)), okta.pair)
			},
			"a DOCTYPE": func(t *testing.T, m *message) string {
				return signedQuery(query(t, m, swap("<samlp:LogoutRequest", "<!DOCTYPE x><samlp:LogoutRequest")), okta.pair)
			},
			"not a logout": func(t *testing.T, m *message) string {
				return signedQuery(param("SAMLRequest", deflate(t, m.unsigned())), okta.pair)
			},
			"an answer to nothing": func(t *testing.T, m *message) string {
				xml := strings.NewReplacer("<samlp:Response", "<samlp:LogoutResponse", "</samlp:Response", "</samlp:LogoutResponse", m.statement(), "", m.acs, slo).Replace(m.unsigned())
				return signedQuery(param("SAMLResponse", deflate(t, xml)), okta.pair)
			},
		} {
			t.Run(name, func(t *testing.T) {
				b, m := signedIn(t)
				p := b.do(b.request(http.MethodGet, "/saml/okta/logout?"+attack(t, m), nil), cross)
				if p.status >= 500 {
					t.Errorf("the answer is %d\n%s", p.status, p.text())
				}
				if who := b.username(); who != string(pat) {
					t.Errorf("the session has ended: %d %s", p.status, p.location())
				}
				ends(t, b, signedQuery(query(t, m, nil), okta.pair))
			})
		}
		t.Run("a replay ends no later session", func(t *testing.T) {
			b, m := signedIn(t)
			raw := signedQuery(query(t, m, nil), okta.pair)
			ends(t, b, raw)
			later := s.message(b, "okta")
			later.before = reform(`SessionIndex="[^"]*"`, `SessionIndex="s`+m.id+`"`)
			b.hand(later).enters(pat)
			p := b.do(b.request(http.MethodGet, "/saml/okta/logout?"+raw, nil), cross)
			if who := b.username(); who != string(pat) || p.status >= 500 {
				t.Errorf("the replay is answered with %d, and the person is %q", p.status, who)
			}
		})
		t.Run("by POST", func(t *testing.T) {
			b, m := signedIn(t)
			p := b.do(b.request(http.MethodPost, "/saml/okta/logout", url.Values{"SAMLRequest": {encode(logoutRequest(okta, slo, subjectOf(pat), "s"+m.id, time.Now()))}}), cross)
			if p.status < 400 || b.username() != string(pat) {
				t.Errorf("the answer is %d", p.status)
			}
		})
	})
}

// swapped has the first two parameters the other way round.
func swapped(query string) string {
	parts := strings.Split(query, "&")
	parts[0], parts[1] = parts[1], parts[0]
	return strings.Join(parts, "&")
}
