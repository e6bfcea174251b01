package dishonest

import (
	"consilium/paillier"
	"consilium/protocol/spdz"
	"consilium/sharing/wide"
)

// shape is that of a product: rows×inner times inner×cols.
type shape struct{ rows, inner, cols int }

// triple is a, b and c = a·b, random matrices by rows that nobody knows (Beaver
// 1991; the shape of SPDZ's matrix triples).
type triple struct {
	shape
	a, b, c spdz.Shares
	used    bool
}

// layout is where a triple's numbers lie: a and a second one with the same b, by
// columns, each column of 2·rows numbers in ciphertexts of its own, so that one
// multiplier serves all lanes; b and c without gaps.
type layout struct {
	shape
	groups      int // ciphertexts of a column
	firstColumn int // number of the ciphertext
	firstB      int // number of the lane
	firstC      int // number of the answer
}

// answers is how many there are.
func (l layout) answers() int { return l.groups * l.cols }

func (p *party) layouts(shapes []shape) (list []layout, columns, answers, factors int) {
	for _, s := range shapes {
		l := layout{shape: s, groups: (2*s.rows + p.lanes.Count - 1) / p.lanes.Count, firstColumn: columns, firstB: factors, firstC: answers}
		columns += l.groups * s.inner
		answers += l.answers()
		factors += s.inner * s.cols
		list = append(list, l)
	}
	return list, columns, answers, factors
}

// makeTriples makes triples of these shapes: at most paillier.MaxLaneProof answers
// and ciphertexts of b together (see blocks).
//
// Each party draws its parts of a, of a second â, and of b, encrypts and
// authenticates them. Each pair multiplies a_i·b_j and â_i·b_j: one multiplier for
// a column of a. Then every party has its part of c = a·b and of ĉ = â·b,
// authenticates it, and one triple is sacrificed to check the other: with a
// challenge r, ρ = r·a − â opens, and r·c − ĉ − ρ·b must be zero. A party
// that authenticates another c than it has adds numbers that it knows, and
// passes for one r only.
func (p *party) makeTriples(shapes []shape) ([]*triple, error) {
	list, columns, _, factors := p.layouts(shapes)
	b := make([]wide.Element, factors)
	p.expander.Fill(b)
	dealtAB, err := p.dealAll("triples a and b", append(p.columns(list, columns), p.packed(b)...))
	if err != nil {
		return nil, err
	}
	ownedAB, err := p.tag("triples a and b", dealtAB)
	if err != nil {
		return nil, err
	}
	dealtB, err := p.slice(dealtAB, columns)
	if err != nil {
		return nil, err
	}
	products, err := p.products(list, dealtAB, dealtB)
	if err != nil {
		return nil, err
	}
	dealtC, err := p.dealAll("triples c", p.packed(products))
	if err != nil {
		return nil, err
	}
	ownedC, err := p.tag("triples c", dealtC)
	if err != nil {
		return nil, err
	}
	first := columns * p.lanes.Count
	return p.sacrifice(list, p.sum(ownedAB, 0, first), p.sum(ownedAB, first, first+factors), p.sum(ownedC, 0, len(products)))
}

// dealAll is deal where all have as many rows.
func (p *party) dealAll(purpose string, rows [][]wide.Element) (*dealt, error) {
	counts := make([]int, p.n+1)
	for j := range counts {
		counts[j] = len(rows)
	}
	return p.deal(purpose, rows, counts)
}

// columns draws this party's parts of a and â.
func (p *party) columns(list []layout, count int) [][]wide.Element {
	rows := make([][]wide.Element, 0, count)
	for _, l := range list {
		for range l.inner {
			column := make([]wide.Element, 2*l.rows)
			p.expander.Fill(column)
			rows = append(rows, p.packed(column)...)
		}
	}
	return rows
}

// products is this party's part of all c and ĉ: of a triple first c, then ĉ, by
// rows.
func (p *party) products(list []layout, a, b *dealt) ([]wide.Element, error) {
	var terms [][]paillier.AffineTerm
	for _, l := range list {
		for g := range l.groups {
			for col := range l.cols {
				var sum []paillier.AffineTerm
				for k := range l.inner {
					sum = append(sum, paillier.AffineTerm{Ciphertext: l.firstColumn + k*l.groups + g, Multiplier: l.firstB + k*l.cols + col})
				}
				terms = append(terms, sum)
			}
		}
	}
	same := make([][][]paillier.AffineTerm, p.n+1)
	for j := range same {
		same[j] = terms
	}
	got, masks, err := p.pairwise.answers(p, "triples", a, b, same)
	if err != nil {
		return nil, err
	}
	lanes := make([]wide.Element, len(terms)*p.lanes.Count)
	for j := 1; j <= p.n; j++ {
		if j != p.self {
			wide.AddTo(lanes, got[j])
			wide.SubTo(lanes, masks[j])
		}
	}
	var out []wide.Element
	for _, l := range list {
		own := make([]wide.Element, 2*l.rows*l.cols)
		wide.MatMul(own, l.gathered(a.own, p.lanes.Count), b.own[l.firstB:], 2*l.rows, l.inner, l.cols)
		for row := range 2 * l.rows {
			for col := range l.cols {
				answer := l.firstC + row/p.lanes.Count*l.cols + col
				own[row*l.cols+col] = wide.Add(own[row*l.cols+col], lanes[answer*p.lanes.Count+row%p.lanes.Count])
			}
		}
		out = append(out, own...)
	}
	return out, nil
}

// gathered are a and â by rows, out of lanes.
func (l layout) gathered(lanes []wide.Element, count int) []wide.Element {
	out := make([]wide.Element, 2*l.rows*l.inner)
	for row := range 2 * l.rows {
		for k := range l.inner {
			ciphertext := l.firstColumn + k*l.groups + row/count
			out[row*l.inner+k] = lanes[ciphertext*count+row%count]
		}
	}
	return out
}

// sacrifice checks each triple with its second.
func (p *party) sacrifice(list []layout, lanes, b, c spdz.Shares) ([]*triple, error) {
	coins := p.coins("sacrifice")
	challenges := make([]wide.Element, len(list))
	out := make([]*triple, len(list))
	rho := spdz.Shares{}
	firstC := 0
	seconds := make([]spdz.Shares, len(list)) // ĉ − r·c, to be −ρ·b
	for i, l := range list {
		challenges[i] = p.coefficient(coins)
		both := spdz.Shares{Value: l.gathered(lanes.Value, p.lanes.Count), MAC: l.gathered(lanes.MAC, p.lanes.Count)}
		sizeA, sizeC := l.rows*l.inner, l.rows*l.cols
		out[i] = &triple{shape: l.shape, a: part(both, 0, sizeA), b: part(b, l.firstB, l.firstB+l.inner*l.cols), c: part(c, firstC, firstC+sizeC)}
		opened, second := p.shares(sizeA), p.shares(sizeC)
		accumulate(opened, challenges[i], out[i].a)
		subFrom(opened, part(both, sizeA, 2*sizeA))
		accumulate(second, challenges[i], out[i].c)
		subFrom(second, part(c, firstC+sizeC, firstC+2*sizeC))
		rho = spdz.Shares{Value: append(rho.Value, opened.Value...), MAC: append(rho.MAC, opened.MAC...)}
		seconds[i] = second
		firstC += 2 * sizeC
	}
	opened, err := p.reveal(rho)
	if err != nil {
		return nil, err
	}
	for i, t := range out {
		product := p.shares(t.rows * t.cols)
		wide.MatMul(product.Value, opened, t.b.Value, t.rows, t.inner, t.cols)
		wide.MatMul(product.MAC, opened, t.b.MAC, t.rows, t.inner, t.cols)
		subFrom(seconds[i], product)
		p.claimZero(seconds[i])
		opened = opened[t.rows*t.inner:]
	}
	return out, p.check()
}

func subFrom(a, b spdz.Shares) {
	wide.SubTo(a.Value, b.Value)
	wide.SubTo(a.MAC, b.MAC)
}
