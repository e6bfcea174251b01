package kernel

import "fmt"

// Mul sets dst[i] = a[i]·b[i]. The batches have the same count; dst may be a or b.
func (m *Modulus) Mul(dst, a, b *Batch) {
	dst.mustMatch(a, b)
	scratch := m.borrow()
	defer m.giveBack(scratch)
	for g := range dst.groups() {
		m.core.mul(dst.group(g), a.group(g), b.group(g), *scratch)
	}
}

// Square sets dst[i] = a[i]². The batches have the same count; dst may be a.
func (m *Modulus) Square(dst, a *Batch) {
	dst.mustMatch(a)
	scratch := m.borrow()
	defer m.giveBack(scratch)
	for g := range dst.groups() {
		m.core.square(dst.group(g), a.group(g), *scratch)
	}
}

// SetOne sets every number of dst to 1.
func (m *Modulus) SetOne(dst *Batch) {
	for g := range dst.groups() {
		copy(dst.group(g), m.one)
	}
}

// OnePlusN sets dst[i] = (1 + N)^mᵢ = 1 + mᵢ·N, where the messages mᵢ are
// HalfBytes long each, big-endian, below N. In dual form this number is the
// pair (1, mᵢ). Its time does not depend on the messages unless one is too
// large.
func (m *Modulus) OnePlusN(dst *Batch, messages []byte) error {
	lanes, size := m.core.lanes(), m.HalfBytes()
	if len(messages) != dst.count*size {
		return fmt.Errorf("encode messages: %d bytes for %d messages of %d", len(messages), dst.count, size)
	}
	for i := range dst.count {
		if !less(messages[i*size:(i+1)*size], m.limitHalf) {
			return fmt.Errorf("encode messages: message %d is not below N", i)
		}
	}
	scratch := m.borrow()
	defer m.giveBack(scratch)
	high := m.core.digits() * lanes
	for g := range dst.groups() {
		group := dst.group(g)
		clear(group)
		for lane := range min(lanes, dst.count-g*lanes) {
			i := g*lanes + lane
			group[lane] = 1
			digitsOf(group[high+lane:], lanes, messages[i*size:(i+1)*size], m.core.radix())
		}
		m.core.mul(group, group, m.enterHalf, *scratch)
	}
	return nil
}
