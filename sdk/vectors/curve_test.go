package vectors_test

import (
	"crypto/sha256"
	"math/big"
	"slices"
	"testing"
)

// The group of Ed25519 (RFC 8032, section 5.1) in affine coordinates: slow and
// plain, to craft signatures that no honest signer makes.
var (
	prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	order = func() *big.Int {
		c, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
		return c.Add(c, new(big.Int).Lsh(big.NewInt(1), 252))
	}()
	d = modulo(new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), prime)))
)

type point struct{ x, y *big.Int }

func modulo(n *big.Int) *big.Int { return n.Mod(n, prime) }

func product(factors ...*big.Int) *big.Int {
	n := big.NewInt(1)
	for _, f := range factors {
		n = modulo(n.Mul(n, f))
	}
	return n
}

func (p point) plus(q point) point {
	cross := product(d, p.x, q.x, p.y, q.y)
	x := modulo(new(big.Int).Add(product(p.x, q.y), product(p.y, q.x)))
	y := modulo(new(big.Int).Add(product(p.y, q.y), product(p.x, q.x)))
	return point{
		product(x, new(big.Int).ModInverse(modulo(new(big.Int).Add(big.NewInt(1), cross)), prime)),
		product(y, new(big.Int).ModInverse(modulo(new(big.Int).Sub(big.NewInt(1), cross)), prime)),
	}
}

func (p point) times(n *big.Int) point {
	sum := point{big.NewInt(0), big.NewInt(1)}
	for i := n.BitLen() - 1; i >= 0; i-- {
		sum = sum.plus(sum)
		if n.Bit(i) == 1 {
			sum = sum.plus(p)
		}
	}
	return sum
}

func (p point) bytes() []byte { return spelled(p.y, p.x.Bit(0)) }

// spelled writes y, reduced or not, and the sign of x.
func spelled(y *big.Int, sign uint) []byte {
	b := little(y)
	b[31] |= byte(sign) << 7
	return b
}

// at is the point with this y and an even x, if there is one.
func at(y *big.Int) (point, bool) {
	square := product(y, y)
	up := new(big.Int).Sub(square, big.NewInt(1))
	down := modulo(new(big.Int).Add(product(d, square), big.NewInt(1)))
	x := new(big.Int).ModSqrt(modulo(new(big.Int).Mul(up, new(big.Int).ModInverse(down, prime))), prime)
	if x == nil {
		return point{}, false
	}
	if x.Bit(0) == 1 {
		x.Sub(prime, x)
	}
	return point{x, y}, true
}

func generator() point {
	p, _ := at(product(big.NewInt(4), new(big.Int).ModInverse(big.NewInt(5), prime)))
	return p
}

// ofOrderEight is what is left of a point when the large group is taken out of it.
func ofOrderEight() point {
	for y := int64(2); ; y++ {
		p, ok := at(big.NewInt(y))
		if !ok {
			continue
		}
		if p = p.times(order); p.times(big.NewInt(4)).y.Cmp(big.NewInt(1)) != 0 {
			return p
		}
	}
}

func number(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func little(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

func bytesOf(name string) []byte {
	h := sha256.Sum256([]byte(name))
	return h[:]
}

// TestCurve: the plain arithmetic is that of the group.
func TestCurve(t *testing.T) {
	if p := generator().times(order); p.x.Sign() != 0 || p.y.Cmp(big.NewInt(1)) != 0 {
		t.Error("the generator has another order")
	}
	if p := ofOrderEight(); p.times(big.NewInt(8)).x.Sign() != 0 || p.times(big.NewInt(4)).x.Sign() == 0 && p.times(big.NewInt(4)).y.Cmp(big.NewInt(1)) == 0 {
		t.Error("the point has not order 8")
	}
}
