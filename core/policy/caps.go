package policy

import "fmt"

// checkCaps measures the sources before the parser sees them and returns those
// that it may see. Cedar's parser, its folding and its evaluation recurse over
// nesting, and Go cannot recover from an exhausted stack: so this is the only
// place where a hostile source can be stopped.
func checkCaps(sources []Source, caps Caps, fs *findings) []Source {
	var fit []Source
	total, policies := 0, 0
	seen := map[string]bool{}
	for _, src := range sources {
		total += len(src.Text)
		at := Position{File: src.Name}
		switch {
		case !validText(src.Name, maxResourceBytes) || seen[src.Name]:
			fs.add(Finding{Code: "source.name", Position: at, Message: "the source's name is empty, unprintable or used twice", Mend: "give every source a name of its own"})
		case len(src.Text) > caps.FileBytes:
			fs.add(Finding{Code: "caps.file", Position: at, Message: fmt.Sprintf("%d bytes, and at most %d are allowed", len(src.Text), caps.FileBytes), Mend: "split the file"})
		default:
			m := &measure{src: src.Text, at: Position{File: src.Name, Line: 1, Column: 1}, caps: caps}
			m.run()
			policies += m.policies
			if m.wrong == nil {
				fit = append(fit, src)
			} else {
				fs.add(*m.wrong)
			}
		}
		seen[src.Name] = true
	}
	if total > caps.SourceBytes {
		fs.registry("caps.sources", "drop policies", "the sources have %d bytes together, and at most %d are allowed", total, caps.SourceBytes)
		return nil
	}
	if policies > caps.Policies {
		fs.registry("caps.policies", "drop policies", "the sources have %d policies together, and at most %d are allowed", policies, caps.Policies)
		return nil
	}
	return fit
}

// measure walks one source token by token and stops at the first excess.
type measure struct {
	src  string
	pos  int
	at   Position
	caps Caps

	policies int
	tokens   int // of this policy
	brackets int // open now
	ifs      int // in this policy: an upper bound of how deep they nest
	prefixes int // run of ! and - up to here
	last     [2]string
	wrong    *Finding
}

func (m *measure) run() {
	for m.wrong == nil {
		m.skipBlank()
		if m.wrong != nil || m.pos >= len(m.src) {
			return
		}
		at := m.at
		token := m.token()
		if m.wrong == nil {
			m.count(token, at)
		}
		m.last = [2]string{m.last[1], token}
	}
}

func (m *measure) stop(at Position, code, mend, format string, args ...any) {
	m.wrong = &Finding{Code: code, Position: at, Message: fmt.Sprintf(format, args...), Mend: mend}
}

// count updates the sums for one token.
func (m *measure) count(token string, at Position) {
	m.tokens++
	prefix := token == "!" || token == "-"
	if !prefix {
		m.prefixes = 0
	}
	switch {
	case prefix:
		m.prefixes++
	case token == "(" || token == "[" || token == "{":
		m.brackets++
	case token == ")" || token == "]" || token == "}":
		m.brackets = max(0, m.brackets-1)
	case token == "if":
		m.ifs++
	case token == "." && m.last[0] == "has":
		// The parser repeats the left side once for each dot, so nested
		// dotted has grows exponentially.
		m.stop(at, "caps.has", "write `a has b && a.b has c`, or `a.b has c` when b is always there", "dotted has is not accepted")
	case token == ";":
		m.policies++
		m.tokens, m.brackets, m.ifs = 0, 0, 0
	}
	if m.tokens > m.caps.PolicyTokens {
		m.stop(at, "caps.tokens", "split the policy", "the policy has more than %d words and signs", m.caps.PolicyTokens)
	}
	if m.brackets+m.ifs+m.prefixes > m.caps.Nesting {
		m.stop(at, "caps.nesting", "simplify the condition or split the policy", "brackets, ifs and runs of ! or - nest deeper than %d", m.caps.Nesting)
	}
}

// skipBlank passes white space and line comments.
func (m *measure) skipBlank() {
	for m.pos < len(m.src) {
		switch c := m.src[m.pos]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			m.advance(1)
		case c == '/' && m.follows("//"):
			for m.pos < len(m.src) && m.src[m.pos] != '\n' {
				m.advance(1)
			}
		case c == '/' && m.follows("/*"):
			m.stop(m.at, "syntax", "use // comments", "Cedar has no block comments")
			return
		default:
			return
		}
	}
}

func (m *measure) follows(s string) bool {
	return len(m.src)-m.pos >= len(s) && m.src[m.pos:m.pos+len(s)] == s
}

// advance moves over n bytes and keeps the position.
func (m *measure) advance(n int) {
	for range n {
		c := m.src[m.pos]
		m.pos++
		switch {
		case c == '\n':
			m.at.Line++
			m.at.Column = 1
		case c < 0x80 || c >= 0xc0: // not the tail of a character
			m.at.Column++
		}
	}
}

// token consumes one token: a string, a word, or a single sign. Signs of two
// characters count twice, which only makes the caps stricter.
func (m *measure) token() string {
	start := m.pos
	c := m.src[m.pos]
	if c == '"' {
		return m.text()
	}
	m.advance(1)
	if wordByte(c) {
		for m.pos < len(m.src) && wordByte(m.src[m.pos]) {
			m.advance(1)
		}
	}
	return m.src[start:m.pos]
}

func wordByte(c byte) bool {
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
}

// text consumes a string literal.
func (m *measure) text() string {
	at, start := m.at, m.pos
	m.advance(1)
	for m.pos < len(m.src) {
		switch m.src[m.pos] {
		case '"':
			m.advance(1)
			if m.pos-start-2 > m.caps.TextBytes {
				m.stop(at, "caps.text", "shorten it", "a string of %d bytes, and at most %d are allowed", m.pos-start-2, m.caps.TextBytes)
			}
			return `"`
		case '\n':
			m.stop(at, "syntax", "close the string on its line", "the string is not closed")
			return ""
		case '\\':
			m.advance(min(2, len(m.src)-m.pos))
		default:
			m.advance(1)
		}
	}
	m.stop(at, "syntax", "close the string", "the string is not closed")
	return ""
}
