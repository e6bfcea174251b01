package sharing

import "math/bits"

// Weigh sets dst to Σ weights[j]·rows[j], element by element. All rows are as
// long as dst, and none of them is dst. Up to six products are added up in 128
// bits before they are reduced, and only the last sum is made canonical.
func Weigh(dst []Element, weights []Element, rows [][]Element) {
	clear(dst)
	for len(rows) > 0 {
		used := 1
		switch w := weights; {
		case len(rows) >= 6:
			used = 6
			weighSix(dst, [6]Element(w), [6][]Element(rows))
		case len(rows) >= 3:
			used = 3
			weighThree(dst, [3]Element(w), [3][]Element(rows))
		case len(rows) == 2:
			used = 2
			weighTwo(dst, [2]Element(w), [2][]Element(rows))
		default:
			weighOne(dst, w[0], rows[0])
		}
		weights, rows = weights[used:], rows[used:]
	}
	for i, sum := range dst {
		dst[i] = reduceOnce(uint64(sum))
	}
}

func weighSix(dst []Element, w [6]Element, rows [6][]Element) {
	a, b, c := rows[0][:len(dst)], rows[1][:len(dst)], rows[2][:len(dst)]
	d, e, f := rows[3][:len(dst)], rows[4][:len(dst)], rows[5][:len(dst)]
	for i, sum := range dst {
		hi, lo := multiplyAdd(0, uint64(sum), w[0], a[i])
		hi, lo = multiplyAdd(hi, lo, w[1], b[i])
		hi, lo = multiplyAdd(hi, lo, w[2], c[i])
		hi, lo = multiplyAdd(hi, lo, w[3], d[i])
		hi, lo = multiplyAdd(hi, lo, w[4], e[i])
		hi, lo = multiplyAdd(hi, lo, w[5], f[i])
		dst[i] = fold(hi, lo)
	}
}

func weighThree(dst []Element, w [3]Element, rows [3][]Element) {
	a, b, c := rows[0][:len(dst)], rows[1][:len(dst)], rows[2][:len(dst)]
	for i, sum := range dst {
		hi, lo := multiplyAdd(0, uint64(sum), w[0], a[i])
		hi, lo = multiplyAdd(hi, lo, w[1], b[i])
		hi, lo = multiplyAdd(hi, lo, w[2], c[i])
		dst[i] = fold(hi, lo)
	}
}

func weighTwo(dst []Element, w [2]Element, rows [2][]Element) {
	a, b := rows[0][:len(dst)], rows[1][:len(dst)]
	for i, sum := range dst {
		hi, lo := multiplyAdd(0, uint64(sum), w[0], a[i])
		hi, lo = multiplyAdd(hi, lo, w[1], b[i])
		dst[i] = fold(hi, lo)
	}
}

func weighOne(dst []Element, w Element, a []Element) {
	a = a[:len(dst)]
	for i, sum := range dst {
		dst[i] = fold(multiplyAdd(0, uint64(sum), w, a[i]))
	}
}

func multiplyAdd(hi, lo uint64, a, b Element) (uint64, uint64) {
	h, l := bits.Mul64(uint64(a), uint64(b))
	lo, carry := bits.Add64(lo, l, 0)
	hi, _ = bits.Add64(hi, h, carry)
	return hi, lo
}

// fold returns hi·2⁶⁴ + lo mod p, or p more, for at most six products of numbers
// below 2⁶¹ and such a sum. hi is at most 6·2⁵⁸, and hi·2⁶⁴ = 8·hi·2⁶¹ = 8·hi.
func fold(hi, lo uint64) Element {
	x := hi<<3 | lo>>61                              // below 2⁶⁴
	return Element(foldOnce(foldOnce(x) + lo&Prime)) // below p+8, of which reduceOnce leaves less than p
}

// foldOnce takes x below 2⁶⁴ to the same mod p, below p+8.
func foldOnce(x uint64) uint64 { return x&Prime + x>>61 }
