package filter

import (
	"strings"
	"unicode/utf8"
)

// Parse reads a filter. A failure is an *Error.
func Parse(s string) (Expr, error) {
	p := parser{s: s}
	if err := p.check(); err != nil {
		return nil, err
	}
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.blanks(); p.i < len(s) {
		return nil, p.stray()
	}
	return x, nil
}

// ParsePath reads the path of a PATCH operation. A failure is an *Error.
func ParsePath(s string) (Target, error) {
	p := parser{s: s}
	if err := p.check(); err != nil {
		return Target{}, err
	}
	var t Target
	var err error
	p.blanks()
	if t.Path, err = p.path(p.word()); err != nil {
		return Target{}, err
	}
	if p.blanks(); p.at('[') {
		if t.Where, err = p.elementFilter(t.Path); err != nil {
			return Target{}, err
		}
		if t.Sub, err = p.behind(); err != nil {
			return Target{}, err
		}
	}
	if p.blanks(); p.i < len(s) {
		return Target{}, p.fail(p.i, errEnd)
	}
	return t, nil
}

// parser reads s from left to right. Its depth is that of the brackets around i, and so of its own recursion.
type parser struct {
	s       string
	i       int
	depth   int
	terms   int
	element bool // inside the brackets of a value path
}

func (p *parser) fail(pos int, msg string) error { return &Error{Pos: pos, Msg: msg} }

func (p *parser) check() error {
	if len(p.s) > MaxBytes {
		return p.fail(MaxBytes, errLength)
	}
	if utf8.ValidString(p.s) {
		return nil
	}
	for i, r := range p.s {
		if r == utf8.RuneError && !strings.HasPrefix(p.s[i:], "\uFFFD") {
			return p.fail(i, errUTF8)
		}
	}
	return nil
}

// stray is the error about what stands where an expression is complete.
func (p *parser) stray() error {
	if p.at(')') || p.at(']') {
		return p.fail(p.i, errClose)
	}
	return p.fail(p.i, errLogic)
}

func (p *parser) or() (Expr, error) {
	x, err := p.and()
	if err != nil || !p.keyword("or") {
		return x, err
	}
	all := appendOr(nil, x)
	for {
		if x, err = p.and(); err != nil {
			return nil, err
		}
		all = appendOr(all, x)
		if !p.keyword("or") {
			return all, nil
		}
	}
}

func (p *parser) and() (Expr, error) {
	x, err := p.operand()
	if err != nil || !p.keyword("and") {
		return x, err
	}
	all := appendAnd(nil, x)
	for {
		if x, err = p.operand(); err != nil {
			return nil, err
		}
		all = appendAnd(all, x)
		if !p.keyword("and") {
			return all, nil
		}
	}
}

func appendOr(all Or, x Expr) Or {
	if more, ok := x.(Or); ok {
		return append(all, more...)
	}
	return append(all, x)
}

func appendAnd(all And, x Expr) And {
	if more, ok := x.(And); ok {
		return append(all, more...)
	}
	return append(all, x)
}

// operand reads what stands between and and or.
func (p *parser) operand() (Expr, error) {
	p.blanks()
	if p.at('(') {
		return p.group(')')
	}
	start := p.i
	word := p.word()
	switch {
	case fold(word, "not"):
		if p.blanks(); !p.at('(') {
			return nil, p.fail(p.i, errNot)
		}
		x, err := p.group(')')
		if err != nil {
			return nil, err
		}
		return Not{x}, nil
	case fold(word, "and"), fold(word, "or"):
		return nil, p.fail(start, errName)
	}
	path, err := p.path(word)
	if err != nil {
		return nil, err
	}
	if p.blanks(); p.at('[') {
		return p.valuePath(path)
	}
	return p.term(path)
}

// group reads an expression with the brackets around it, the first of which stands at i.
func (p *parser) group(closing byte) (Expr, error) {
	open := p.i
	if p.depth == MaxDepth {
		return nil, p.fail(open, errDepth)
	}
	p.i++
	p.depth++
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	p.depth--
	switch p.blanks(); {
	case p.at(closing):
		p.i++
		return x, nil
	case p.i == len(p.s):
		return nil, p.fail(open, errOpen)
	}
	return nil, p.stray()
}

// elementFilter reads [filter] behind path.
func (p *parser) elementFilter(path Path) (Expr, error) {
	if p.element {
		return nil, p.fail(p.i, errPlain)
	}
	if path.Sub != "" {
		return nil, p.fail(p.i, errSubPath)
	}
	p.element = true
	x, err := p.group(']')
	p.element = false
	return x, err
}

func (p *parser) valuePath(path Path) (Expr, error) {
	x, err := p.elementFilter(path)
	if err != nil {
		return nil, err
	}
	sub, err := p.behind()
	if err != nil {
		return nil, err
	}
	if sub != "" {
		term, err := p.term(Path{Attr: sub})
		if err != nil {
			return nil, err
		}
		x = appendAnd(appendAnd(nil, x), term)
	}
	return Any{Path: path, X: x}, nil
}

// behind reads .sub behind a closing bracket, if it is there.
func (p *parser) behind() (string, error) {
	if !p.at('.') {
		return "", nil
	}
	p.i++
	start := p.i
	sub := p.word()
	if !isName(sub) {
		return "", p.fail(start, errSub)
	}
	return sub, nil
}

// term reads the operator and the value behind path.
func (p *parser) term(path Path) (Expr, error) {
	p.blanks()
	start := p.i
	word := p.word()
	p.terms++
	if p.terms > MaxTerms {
		return nil, p.fail(start, errTerms)
	}
	if fold(word, "pr") {
		return Present{path}, nil
	}
	for op := Eq; op <= Le; op++ {
		if fold(word, opNames[op]) {
			value, bare, err := p.value()
			if err != nil {
				return nil, err
			}
			return Compare{Path: path, Op: op, Value: value, Bare: bare}, nil
		}
	}
	return nil, p.fail(start, errOp)
}

// path splits word, which was just read. The name begins behind the last colon, for the version in a URN holds dots.
func (p *parser) path(word string) (Path, error) {
	var path Path
	start, name := p.i-len(word), word
	if colon := strings.LastIndexByte(word, ':'); colon >= 0 {
		path.URN, name = word[:colon], word[colon+1:]
		if !isURN(path.URN) {
			return path, p.fail(start, errURN)
		}
		start += colon + 1
	}
	dotted := false
	path.Attr, path.Sub, dotted = strings.Cut(name, ".")
	valid := isName
	if path.URN != "" {
		valid = isNameOrVersion // urn:example:schema:1.0
	}
	if !valid(path.Attr) || dotted && !valid(path.Sub) {
		return path, p.fail(start, errName)
	}
	if p.element && (path.URN != "" || dotted) {
		return path, p.fail(start, errPlain)
	}
	return path, nil
}

// isName tells whether s is an ATTRNAME. RFC 7643, section 2.1. has the dollar, which $ref begins with.
func isName(s string) bool {
	return isNameOrVersion(s) && (letter(s[0]) || s[0] == '$')
}

func isNameOrVersion(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !letter(c) && !digit(c) && c != '-' && c != '_' && c != '$' {
			return false
		}
	}
	return s != ""
}

func isURN(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != "" && letter(s[0])
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func digit(c byte) bool { return '0' <= c && c <= '9' }

// fold compares word with lower-case letters. Unlike strings.EqualFold it takes no ſ for an s.
func fold(word, lower string) bool {
	if len(word) != len(lower) {
		return false
	}
	for i := range len(word) {
		if word[i]|0x20 != lower[i] {
			return false
		}
	}
	return true
}

func (p *parser) at(c byte) bool { return p.i < len(p.s) && p.s[p.i] == c }

func (p *parser) blanks() {
	for p.at(' ') {
		p.i++
	}
}

// word reads up to the next blank, bracket or quote.
func (p *parser) word() string {
	start := p.i
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '"', '(', ')', '[', ']':
			return p.s[start:p.i]
		}
		p.i++
	}
	return p.s[start:]
}

// keyword reads lower if that is the next word.
func (p *parser) keyword(lower string) bool {
	p.blanks()
	start := p.i
	if fold(p.word(), lower) {
		return true
	}
	p.i = start
	return false
}
