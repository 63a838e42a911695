package datasets

import (
	"fmt"
	"strings"
	"unicode"
)

// Condition is a where clause: comparisons of one column with a constant or
// another column, joined by and, or, not and parentheses.
//
//	project = 30
//	age >= 18 and not (site = "North" or site = "South")
//	discharged >= admitted
//
// A comparison with a missing cell is false, whichever way it is written; use
// "column is missing" and "column is not missing" to ask for them.
type Condition struct {
	text string
	root node
}

// String returns the condition as it was written.
func (c *Condition) String() string { return c.text }

// Columns returns the columns the condition reads, each once, in order.
func (c *Condition) Columns() []string {
	var out []string
	seen := map[string]bool{}
	c.root.columns(func(name string) {
		if !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	})
	return out
}

// cell is one value a condition compares: a number or a text, or missing.
type cell struct {
	missing bool
	numeric bool
	num     float64
	text    string
	label   string // of a coded column's level, accepted in place of its value
}

type node interface {
	eval(get func(column string) cell) bool
	columns(add func(string))
}

type (
	andNode struct{ a, b node }
	orNode  struct{ a, b node }
	notNode struct{ a node }
	missing struct {
		column string
		not    bool
	}
	compare struct {
		op          string
		left, right operand
	}
	operand struct {
		column string
		value  cell
	}
)

func (n andNode) eval(g func(string) cell) bool { return n.a.eval(g) && n.b.eval(g) }
func (n orNode) eval(g func(string) cell) bool  { return n.a.eval(g) || n.b.eval(g) }
func (n notNode) eval(g func(string) cell) bool { return !n.a.eval(g) }
func (n missing) eval(g func(string) cell) bool { return g(n.column).missing != n.not }
func (n andNode) columns(f func(string))        { n.a.columns(f); n.b.columns(f) }
func (n orNode) columns(f func(string))         { n.a.columns(f); n.b.columns(f) }
func (n notNode) columns(f func(string))        { n.a.columns(f) }
func (n missing) columns(f func(string))        { f(n.column) }

func (n compare) columns(f func(string)) {
	for _, o := range []operand{n.left, n.right} {
		if o.column != "" {
			f(o.column)
		}
	}
}

func (o operand) get(g func(string) cell) cell {
	if o.column != "" {
		return g(o.column)
	}
	return o.value
}

func (n compare) eval(g func(string) cell) bool {
	a, b := n.left.get(g), n.right.get(g)
	if a.missing || b.missing {
		return false
	}
	c := 0
	if a.numeric && b.numeric {
		switch {
		case a.num < b.num:
			c = -1
		case a.num > b.num:
			c = 1
		}
	} else if c = strings.Compare(a.text, b.text); a.label != "" && a.label == b.text {
		c = 0
	}
	switch n.op {
	case "=":
		return c == 0
	case "!=":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	default:
		return c >= 0
	}
}

// ParseCondition reads a where clause.
func ParseCondition(text string) (*Condition, error) {
	toks, err := scanCondition(text)
	if err != nil {
		return nil, err
	}
	p := &conditionParser{toks: toks}
	root, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.pos < len(p.toks) {
		return nil, fmt.Errorf("expected and, or, or the end of the condition at word %d", p.pos+1)
	}
	return &Condition{text: strings.TrimSpace(text), root: root}, nil
}

type token struct {
	text   string
	quoted bool
}

func scanCondition(s string) ([]token, error) {
	var out []token
	rs := []rune(s)
	for i := 0; i < len(rs); {
		c := rs[i]
		switch {
		case unicode.IsSpace(c):
			i++
		case c == '"' || c == '\'':
			j := i + 1
			for j < len(rs) && rs[j] != c {
				j++
			}
			if j == len(rs) {
				return nil, fmt.Errorf("expected a closing %c in the condition", c)
			}
			out = append(out, token{string(rs[i+1 : j]), true})
			i = j + 1
		case strings.ContainsRune("=<>!()", c):
			op := string(c)
			if i+1 < len(rs) && rs[i+1] == '=' && c != '(' && c != ')' {
				op += "="
			}
			i += len(op)
			if op == "==" {
				op = "="
			}
			out = append(out, token{op, false})
		default:
			j := i
			for j < len(rs) && !unicode.IsSpace(rs[j]) && !strings.ContainsRune("=<>!()\"'", rs[j]) {
				j++
			}
			out = append(out, token{string(rs[i:j]), false})
			i = j
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("expected a condition such as: project = 30")
	}
	return out, nil
}

type conditionParser struct {
	toks []token
	pos  int
}

func (p *conditionParser) take(words ...string) bool {
	if p.pos >= len(p.toks) || p.toks[p.pos].quoted {
		return false
	}
	for _, w := range words {
		if strings.EqualFold(p.toks[p.pos].text, w) {
			p.pos++
			return true
		}
	}
	return false
}

// maxDepth bounds the nesting of parentheses and not, so that a hostile
// condition cannot exhaust the stack.
const maxDepth = 100

func (p *conditionParser) or(depth int) (node, error) {
	a, err := p.and(depth)
	for err == nil && p.take("or") {
		var b node
		b, err = p.and(depth)
		a = orNode{a, b}
	}
	return a, err
}

func (p *conditionParser) and(depth int) (node, error) {
	a, err := p.unary(depth)
	for err == nil && p.take("and") {
		var b node
		b, err = p.unary(depth)
		a = andNode{a, b}
	}
	return a, err
}

func (p *conditionParser) unary(depth int) (node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("expected at most %d nested parentheses", maxDepth)
	}
	if p.take("not") {
		a, err := p.unary(depth + 1)
		return notNode{a}, err
	}
	if p.take("(") {
		a, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if !p.take(")") {
			return nil, fmt.Errorf("expected a closing parenthesis")
		}
		return a, nil
	}
	return p.comparison()
}

func (p *conditionParser) comparison() (node, error) {
	if p.pos >= len(p.toks) || p.toks[p.pos].quoted {
		return nil, fmt.Errorf("expected a column name at word %d of the condition", p.pos+1)
	}
	column := p.toks[p.pos].text
	p.pos++
	if p.take("is") {
		not := p.take("not")
		if !p.take("missing") {
			return nil, fmt.Errorf("expected missing after is")
		}
		return missing{column, not}, nil
	}
	var op string
	for _, o := range []string{"=", "!=", "<=", ">=", "<", ">"} {
		if p.take(o) {
			op = o
			break
		}
	}
	if op == "" || p.pos >= len(p.toks) {
		return nil, fmt.Errorf("expected a comparison (= != < <= > >=) and a value after the column %q", column)
	}
	t := p.toks[p.pos]
	p.pos++
	right := operand{value: cell{text: t.text}}
	if v, err := parseNumber(t.text, ".", ""); err == nil {
		right.value.numeric, right.value.num = true, v
	} else if !t.quoted && op != "=" && op != "!=" {
		// An unquoted word after < or > is another column of the same row:
		// discharged >= admitted.
		right = operand{column: t.text}
	}
	return compare{op: op, left: operand{column: column}, right: right}, nil
}
