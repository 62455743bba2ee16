package assertion

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

func TestParse_refused(t *testing.T) {
	message := string(forge{}.make(t))
	in := func(old, new string) string { return replace(t, message, []string{old, new}) }
	root := `<samlp:Response `
	for name, tt := range map[string]struct{ message, want string }{
		"a document type":               {in(root, `<!DOCTYPE samlp:Response>`+root), "document type"},
		"entities":                      {in(root, `<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]>`+root), "document type"},
		"a document type inside":        {in(`<samlp:Status>`, `<!DOCTYPE x><samlp:Status>`), "document type"},
		"an unknown entity":             {in(`u-0001`, `&e;`), "a reference"},
		"an entity of HTML":             {in(`u-0001`, `u&nbsp;1`), "a reference"},
		"a stylesheet":                  {in(root, `<?xml-stylesheet href="x"?>`+root), "processing instructions"},
		"a processing instruction":      {in(`u-0001`, `u-<?x?>0001`), "processing instructions"},
		"one behind the declaration":    {in(root, `<?xml version="1.0"?><?x?>`+root), "processing instructions"},
		"a comment":                     {in(`u-0001`, `u-<!-- -->0001`), "comments"},
		"a comment before all":          {`<!-- -->` + message, "comments"},
		"a comment behind all":          {message + `<!-- -->`, "stands more"},
		"a second root":                 {message + message, "stands more"},
		"text behind the root":          {message + `x`, "stands more"},
		"text before the root":          {`x` + message, "must stand an element"},
		"a byte order mark":             {"\uFEFF" + message, "byte order mark"},
		"UTF-16 by name":                {`<?xml version="1.0" encoding="UTF-16"?>` + message, "UTF-8"},
		"Latin-1 by name":               {`<?xml version="1.0" encoding="ISO-8859-1"?>` + message, "UTF-8"},
		"UTF-7 by name":                 {`<?xml version="1.0" encoding="UTF-7"?>` + message, "UTF-8"},
		"XML 1.1":                       {`<?xml version="1.1"?>` + message, "XML 1.0"},
		"a declaration without version": {`<?xml encoding="UTF-8"?>` + message, "XML 1.0"},
		"a declaration behind a blank":  {" <?xml version=\"1.0\"?>" + message, "processing instructions"},
		"UTF-16":                        {"\xFE\xFF\x00<", "not UTF-8"},
		"invalid UTF-8":                 {in(`u-0001`, "u-\xC0\x80"), "not UTF-8"},
		"a surrogate":                   {in(`u-0001`, "u-\xED\xA0\x80"), "not UTF-8"},
		"NUL":                           {in(`u-0001`, "u-\x00"), "control"},
		"NUL by number":                 {in(`u-0001`, `u-&#0;`), "a reference"},
		"a control character by number": {in(`u-0001`, `u-&#x1F;`), "a reference"},
		"a surrogate by number":         {in(`u-0001`, `u-&#xD800;`), "a reference"},
		"no character by number":        {in(`u-0001`, `u-&#x110000;`), "a reference"},
		"a huge number":                 {in(`u-0001`, `u-&#99999999999999999999;`), "a reference"},
		"a signed number":               {in(`u-0001`, `u-&#+65;`), "a reference"},
		"a reference without end":       {in(`u-0001`, `u-&amp`), "a reference"},
		"U+FFFE":                        {in(`u-0001`, "u-\uFFFE"), "character"},
		"U+FFFF by number":              {in(`u-0001`, `&#xFFFF;`), "a reference"},
		"]]> in text":                   {in(`u-0001`, `u-]]>`), "]]>"},
		"two equal attributes":          {in(`Version="2.0"`, `Version="2.0" Version="2.0"`), "attribute stands twice"},
		"two IDs":                       {in(`ID="_a"`, `ID="_a" ID="_b"`), "attribute stands twice"},
		"equal by their namespace":      {in(`<saml:NameID `, `<saml:NameID xmlns:p="urn:x" xmlns:q="urn:x" p:a="1" q:a="1" `), "attribute stands twice"},
		"two equal declarations":        {in(`xmlns:samlp=`, `xmlns:samlp="urn:x" xmlns:samlp=`), "attribute stands twice"},
		"an ID on two elements":         {in(`<samlp:Status>`, `<samlp:Status ID="_a">`), "ID stands twice"},
		"the same as Id":                {in(`<samlp:Status>`, `<samlp:Status Id="_a">`), "ID stands twice"},
		"the same as id":                {in(`<samlp:Status>`, `<samlp:Status id="_a">`), "ID stands twice"},
		"the same as xml:id":            {in(`<samlp:Status>`, `<samlp:Status xml:id="_a">`), "ID stands twice"},
		"the same with a prefix":        {in(`<samlp:Status>`, `<samlp:Status samlp:ID="_a">`), "ID stands twice"},
		"an undeclared prefix":          {in(`<samlp:Status>`, `<x:y/><samlp:Status>`), "prefix is not declared"},
		"one at an attribute":           {in(`<samlp:Status>`, `<samlp:Status x:y="">`), "prefix is not declared"},
		"a relative namespace":          {in(`<samlp:Status>`, `<samlp:Status xmlns:x="1">`), "absolute"},
		"a namespace with a line end":   {in(`<samlp:Status>`, "<samlp:Status xmlns:x=\"http://a.\rb\">"), "absolute"},
		"a prefix for nothing":          {in(`<samlp:Status>`, `<samlp:Status xmlns:x="">`), "nothing"},
		"the prefix xml":                {in(`<samlp:Status>`, `<samlp:Status xmlns:xml="urn:x">`), "reserved"},
		"the prefix xmlns":              {in(`<samlp:Status>`, `<samlp:Status xmlns:xmlns="urn:x">`), "reserved"},
		"a declaration of no prefix":    {in(`<samlp:Status>`, `<samlp:Status xmlns:="urn:x">`), "name"},
		"the namespace of xml":          {in(`<samlp:Status>`, `<samlp:Status xmlns:x="http://www.w3.org/XML/1998/namespace">`), "reserved"},
		"an element xmlns":              {in(`<samlp:Status>`, `<xmlns:x/><samlp:Status>`), "prefix is not declared"},
		"a name of other letters":       {in(`<samlp:Status>`, `<é/><samlp:Status>`), "name"},
		"a name with two colons":        {in(`<samlp:Status>`, `<samlp:x:y/><samlp:Status>`), "name"},
		"a name of a number":            {in(`<samlp:Status>`, `<samlp:1/><samlp:Status>`), "name"},
		"a blank in a tag":              {in(`<samlp:Status>`, `< samlp:Status>`), "name"},
		"no blank between attributes":   {in(`Version="2.0" `, `Version="2.0"`), "blank"},
		"no quotes":                     {in(`Version="2.0"`, `Version=2.0`), "quotes"},
		"no value":                      {in(`Version="2.0"`, `Version`), "="},
		"< in an attribute":             {in(`Version="2.0"`, `Version="2<0"`), "<"},
		"another end tag":               {in(`</samlp:Status>`, `</saml:Status>`), "end tag"},
		"an end tag with attributes":    {in(`</samlp:Status>`, `</samlp:Status x="">`), "end tag"},
		"no end":                        {message[:len(message)-3], "end tag"},
		"no end of CDATA":               {in(`u-0001`, `<![CDATA[`), "early"},
		"nothing":                       {"", "must stand an element"},
		"blanks":                        {" \n", "must stand an element"},
		"a slash":                       {"</>", "name"},
		"101 levels":                    {strings.Repeat("<a>", 101) + strings.Repeat("</a>", 101), "nest deeper"},
		"65 attributes":                 {"<a" + many(65, ` a%d=""`) + "/>", "attributes"},
		"65 declarations":               {"<a" + many(65, ` xmlns:a%d="urn:x"`) + "/>", "attributes"},
		"65 declarations in force":      {"<a" + many(40, ` xmlns:a%d="urn:x"`) + "><a" + many(25, ` xmlns:b%d="urn:x"`) + "/></a>", "in force"},
		"more than 200,000 nodes":       {"<a>" + strings.Repeat("<a/>", 200_000) + "</a>", "nodes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(tt.message))
			if code(t, err) != CodeXML || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "u-") {
				t.Errorf("%v repeats the message", err)
			}
		})
	}
}

func many(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestParse_message: only a Response of SAML 2.0 is read any further.
func TestParse_message(t *testing.T) {
	for _, message := range []string{
		`<Response/>`, `<Response xmlns="urn:x"/>`, `<Response xmlns="` + nsAssertion + `"/>`, `<LogoutResponse xmlns="` + nsProtocol + `"/>`,
		`<ArtifactResponse xmlns="` + nsProtocol + `"/>`, `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"/>`, clean(claim),
	} {
		if _, err := Parse([]byte(message)); code(t, err) != CodeMessage {
			t.Errorf("%s: %v", message, err)
		}
	}
}

// TestParse_limits: what is just within the limits is read.
func TestParse_limits(t *testing.T) {
	for name, message := range map[string]string{
		"100 levels":                strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100),
		"64 attributes":             "<a" + many(64, ` a%d=""`) + "/>",
		"64 declarations":           "<a" + many(64, ` xmlns:a%d="urn:x"`) + "/>",
		"declarations side by side": "<a>" + strings.Repeat(`<a xmlns:b="urn:x"/>`, 1000) + "</a>",
		"200,000 nodes":             "<a>" + strings.Repeat("<a/>", 199_999) + "</a>",
	} {
		if _, err := readTree([]byte(message), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestParse_size refuses 11 MB before it looks at them, and the worst that fits quickly.
func TestParse_size(t *testing.T) {
	large := []byte("<a>" + strings.Repeat("<a/>", 11<<20/4) + "</a>")
	start := time.Now()
	_, err := Parse(large)
	if took := time.Since(start); code(t, err) != CodeTooLarge || took > 10*time.Millisecond {
		t.Errorf("%v after %s", err, took)
	}
	field := base64.StdEncoding.EncodeToString(large)
	start = time.Now()
	_, err = DecodeForm(field, MaxBytes)
	if took := time.Since(start); code(t, err) != CodeTooLarge || took > 10*time.Millisecond {
		t.Errorf("%v after %s", err, took)
	}
	if testing.Short() {
		return
	}
	for name, message := range map[string]string{
		"elements":     "<a>" + strings.Repeat("<a/>", MaxBytes/4-2) + "</a>",
		"attributes":   "<a>" + strings.Repeat("<a"+many(64, ` a%d=""`)+"/>", MaxBytes/600) + "</a>",
		"declarations": "<a" + many(40, ` xmlns:a%d="urn:x"`) + ">" + strings.Repeat("<a"+many(20, ` a0:b%d=""`)+"/>", MaxBytes/250) + "</a>",
		"text":         "<a>" + strings.Repeat("&amp;", MaxBytes/5-2) + "</a>",
		"sections":     "<a>" + strings.Repeat("<![CDATA[]]>", MaxBytes/12-1) + "</a>",
		"IDs":          "<a>" + many(MaxBytes/20, `<a ID="i%d"/>`) + "</a>",
	} {
		start := time.Now()
		_, err := Parse([]byte(message))
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: %v after %s", name, err, took)
		} else {
			t.Logf("%s: %v after %s", name, err, took)
		}
	}
}

func TestDecodeForm_forms(t *testing.T) {
	text := strings.Repeat("0123456789", 30)
	whole := base64.StdEncoding.EncodeToString([]byte(text))
	lines := func(n int, end string) string {
		var b strings.Builder
		for s := whole; s != ""; s = s[min(n, len(s)):] {
			b.WriteString(s[:min(n, len(s))] + end)
		}
		return b.String()
	}
	for name, tt := range map[string]struct {
		value string
		most  int
		want  string
	}{
		"one line":                 {whole, 300, ""},
		"lines of 76":              {lines(76, "\r\n"), 300, ""},
		"lines of 64":              {lines(64, "\r\n"), 300, ""},
		"lines by LF":              {lines(76, "\n"), 300, ""},
		"too large by one":         {whole, 299, CodeTooLarge},
		"much too large":           {whole, 100, CodeTooLarge},
		"too large, and no base64": {strings.Repeat("*", 500), 300, CodeTooLarge},
		"a blank":                  {whole[:8] + " " + whole[8:], 300, CodeEncoding},
		"a plus that became blank": {"AA A", 300, CodeEncoding},
		"of URLs":                  {"A-_A", 300, CodeEncoding},
		"no padding":               {"QQ", 300, CodeEncoding},
		"bits that count nothing":  {"QR==", 300, CodeEncoding},
		"nothing":                  {"", 300, CodeEncoding},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := DecodeForm(tt.value, tt.most)
			if code(t, err) != tt.want || err == nil && string(got) != text {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestDocument_inResponseTo(t *testing.T) {
	d, err := Parse(forge{}.make(t))
	if err != nil || d.InResponseTo() != asks {
		t.Errorf("got %q, %v", d.InResponseTo(), err)
	}
	d, err = Parse(forge{before: unsolicited}.make(t))
	if err != nil || d.InResponseTo() != "" {
		t.Errorf("got %q, %v", d.InResponseTo(), err)
	}
}

// agree holds one document that our reader accepts against encoding/xml, etree and goxmldsig.
func agree(t *testing.T, input []byte) {
	t.Helper()
	doc, err := readTree(input, nil)
	if err != nil {
		return
	}
	names := tokens(t, input)
	if got := expanded(doc.root, nil); strings.Join(got, "\n") != strings.Join(names, "\n") {
		t.Fatalf("encoding/xml reads\n%s\nand we\n%s", strings.Join(names, "\n"), strings.Join(got, "\n"))
	}
	form := canonical(doc.root, nil, nil)
	again, err := readTree(form, nil)
	if err != nil {
		t.Fatalf("%v in our canonical form %q", err, form)
	}
	if second := canonical(again.root, nil, nil); string(second) != string(form) {
		t.Fatalf("the canonical form of the canonical form differs:\n%q\n%q", form, second)
	}
	theirs := etree.NewDocument()
	if err := theirs.ReadFromBytes(form); err != nil {
		t.Fatal(err)
	}
	if peculiar(again.root) {
		return
	}
	opinion, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(theirs.Root())
	if err != nil {
		t.Fatal(err)
	}
	if string(opinion) != string(form) {
		t.Fatalf("goxmldsig writes\n%q\nand we\n%q", opinion, form)
	}
}

// tokens returns the expanded names of all elements, as encoding/xml reads them, and all text.
func tokens(t *testing.T, input []byte) (names []string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(string(input)))
	for depth := 0; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatalf("encoding/xml refuses it: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			names = append(names, token.Name.Space+" "+token.Name.Local)
		case xml.EndElement:
			depth--
		case xml.CharData:
			if text := string(token); depth > 0 && text != "" {
				names = append(names, "= "+text)
			}
		}
	}
}

func expanded(n *node, names []string) []string {
	names = append(names, n.space+" "+n.local)
	for c := n.first; c != nil; c = c.next {
		if c.local == "" {
			names = append(names, "= "+c.text)
		} else {
			names = expanded(c, names)
		}
	}
	return names
}

// peculiar tells whether an element has attributes of two prefixes, which goxmldsig sorts by prefix and not by namespace.
func peculiar(n *node) bool {
	prefixes := map[string]bool{}
	for _, a := range n.attrs {
		if a.prefix != "" {
			prefixes[a.prefix] = true
		}
	}
	if len(prefixes) > 1 {
		return true
	}
	for _, c := range n.elements() {
		if peculiar(c) {
			return true
		}
	}
	return false
}

func TestReadTree_agrees(t *testing.T) {
	agree(t, forge{signs: "_a _r"}.make(t))
	agree(t, forge{encrypt: &lock{}}.make(t))
	for _, s := range seeds {
		agree(t, []byte(s))
	}
}

// seeds are documents in which readers and canonicalisers go wrong.
var seeds = []string{
	`<a xmlns="urn:a"><b xmlns=""><c xmlns="urn:a"/></b></a>`,
	`<p:a xmlns:p="urn:a" xmlns:q="urn:b"><q:b p:x="1" y=" &#9;&#10;&#13;&lt;&amp;&quot;'>"/></p:a>`,
	`<a b="1" a='"'>x&lt;&gt;&amp;&#13;<![CDATA[<&>]]>]]&gt;</a>`,
	`<?xml version='1.0'?><a xml:lang="en" xml:id="x"/> `,
	"<a\n>\r\n\r</a\t>",
	`<p:a xmlns:p="urn:a"><p:b xmlns:p="urn:b"><p:c xmlns:p="urn:a" p:d=""/></p:b></p:a>`,
	`<a xmlns:p="urn:a"><b xmlns:p="urn:b"><p:c/></b><p:c/></a>`,
	`<a>` + "\U0001F600é\u2028" + `</a>`,
}
