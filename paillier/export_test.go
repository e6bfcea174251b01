package paillier

// What the benchmarks, which use the test keys and so live outside the package,
// need to know.

const ArithmeticName = arithmeticName

// PartialExponentBits is the length of the exponent of a partial decryption.
func (k *ThresholdKey) PartialExponentBits() int { return k.exponentBits() + 1 }
