package wire

import "strings"

// pieces is what the small values of one result are cut from, so that a list is allocated by the piece and not by the value.
// Who keeps one of them keeps its piece in memory, so no piece is large; and no two results share one.
type pieces struct {
	texts strings.Builder
	size  int                         // of the last piece of texts
	used  int                         // bytes of texts that this result has
	cuts  []interface{ nextResult() } // of all other kinds
}

// How large pieces are: at least, and at most. The first piece of a result is about as large as the last result was, each
// further one twice as large as the one before.
const (
	leastText, mostText     = 256, 4096 // bytes
	leastValues, mostValues = 4, 64
	longText                = 512 // bytes: what is not shorter is not cut from a piece
)

// nextResult drops what is left of every piece.
func (p *pieces) nextResult() {
	p.texts, p.size, p.used = strings.Builder{}, firstSize(p.used, mostText), 0
	for _, c := range p.cuts {
		c.nextResult()
	}
}

// firstSize is what stands for the size of the piece before the first one, after a result that used so much.
func firstSize(used, most int) int { return (min(used, most) + 1) / 2 }

// text is a copy of b.
func (p *pieces) text(b []byte) string {
	if len(b) >= longText {
		return string(b)
	}
	if p.texts.Cap()-p.texts.Len() < len(b) {
		p.size = max(leastText, min(mostText, 2*p.size), len(b))
		p.texts = strings.Builder{} // who has a text of the last piece keeps it
		p.texts.Grow(p.size)
	}
	from := p.texts.Len()
	p.texts.Write(b)
	p.used += len(b)
	return p.texts.String()[from:]
}

// cut gives out values of larger and larger pieces.
type cut[T any] struct {
	rest []T
	size int // of the last piece
	used int
}

// cutFrom is a new cut of p.
func cutFrom[T any](p *pieces) *cut[T] {
	c := &cut[T]{}
	p.cuts = append(p.cuts, c)
	return c
}

func (c *cut[T]) nextResult() { *c = cut[T]{size: firstSize(c.used, mostValues)} }

func (c *cut[T]) some(n int) []T {
	if len(c.rest) < n {
		c.size = max(leastValues, min(mostValues, 2*c.size), n)
		c.rest = make([]T, c.size)
	}
	some := c.rest[:n:n]
	c.rest, c.used = c.rest[n:], c.used+n
	return some
}
