package model

// posterSplitSeed is the seed of the poster's split.
const posterSplitSeed = 42

// PosterSplit is how the poster divides the 442 rows of diabetes442: 50 test
// rows, and 130 training rows for each of three hospitals (two rows are left
// over), by number from 0. The authors permuted the rows, and chose the test
// rows by a second permutation, with numpy's legacy generator, seed 42; so the
// rows come out of the seed and need no file.
func PosterSplit() (test []int, hospitals [3][]int) {
	const rows, tests, each = 442, 50, 130
	random := newMersenne(posterSplitSeed)
	order, chosen := random.permutation(rows), random.permutation(rows)[:tests]
	isTest := make([]bool, rows)
	for _, place := range chosen {
		isTest[place] = true
		test = append(test, order[place])
	}
	var train []int
	for place, row := range order {
		if !isTest[place] {
			train = append(train, row)
		}
	}
	for i := range hospitals {
		hospitals[i] = train[i*each : (i+1)*each]
	}
	return test, hospitals
}

// mersenne is the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), as
// numpy.random.RandomState seeds and uses it. Whoever knows the seed knows all:
// it is here to repeat a published split.
type mersenne struct {
	state [624]uint32
	next  int
}

func newMersenne(seed uint32) *mersenne {
	m := &mersenne{next: 624}
	m.state[0] = seed
	for i := 1; i < len(m.state); i++ {
		previous := m.state[i-1]
		m.state[i] = 1812433253*(previous^previous>>30) + uint32(i)
	}
	return m
}

func (m *mersenne) uint32() uint32 {
	if m.next == len(m.state) {
		for i := range m.state {
			mixed := m.state[i]&0x80000000 | m.state[(i+1)%624]&0x7fffffff
			m.state[i] = m.state[(i+397)%624] ^ mixed>>1 ^ mixed&1*0x9908b0df
		}
		m.next = 0
	}
	y := m.state[m.next]
	m.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// permutation of 0…n−1, as RandomState.permutation gives it: Fisher and Yates
// from the end, numbers drawn under a mask until one is small enough.
func (m *mersenne) permutation(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	for i := n - 1; i > 0; i-- {
		mask := uint32(1)
		for mask < uint32(i) {
			mask = mask<<1 | 1
		}
		j := m.uint32() & mask
		for j > uint32(i) {
			j = m.uint32() & mask
		}
		list[i], list[j] = list[j], list[i]
	}
	return list
}
