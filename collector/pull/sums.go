package pull

import "math"

// size is that of config and layers, also of those in sums. It is not known where no number can hold the sum, or
// one of them is below zero: what a manifest says is the registry's to write.
func (m *Manifest) size() (sum int64, known bool) {
	for _, d := range m.blobs() {
		if d.Size < 0 || d.Size > math.MaxInt64-sum {
			return 0, false
		}
		sum += d.Size
	}
	if m.Rest.Size > math.MaxInt64-sum {
		return 0, false
	}
	return sum + m.Rest.Size, true
}

// plus is the sum of two numbers of bytes, or the largest that there is.
func plus(a, b int64) int64 {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}
