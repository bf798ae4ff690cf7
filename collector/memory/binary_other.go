//go:build !linux

package memory

// unmapBinary does nothing: what it does is Linux's.
func unmapBinary() {}
