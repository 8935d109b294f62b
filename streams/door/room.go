package door

// room is where reads go. It grows while they fill it and shrinks when they do
// not any more: many connections are idle, a few are busy.
type room struct {
	most  int // bytes of one read
	buf   []byte
	small int // reads in a row that needed less than a quarter
}

const (
	leastRoom = 1 << 10
	mostRoom  = 64 << 10
	patience  = 16 // small reads before it shrinks
)

func (r *room) next() []byte {
	if r.buf == nil {
		r.buf = make([]byte, min(leastRoom, r.most))
	}
	return r.buf
}

// used notes that the last read took n bytes.
func (r *room) used(n int) {
	switch size := len(r.buf); {
	case n == size && size < r.most:
		r.buf, r.small = make([]byte, min(2*size, r.most)), 0
	case n < size/4 && size > leastRoom:
		if r.small++; r.small >= patience {
			r.buf, r.small = make([]byte, max(size/2, leastRoom)), 0
		}
	default:
		r.small = 0
	}
}
