// Package image builds the project's image as its Dockerfile says, without a network
// but for Debian's packages and Go's modules:
//
//	archive, err := image.Build(ctx, t.TempDir(), "linux/amd64")
//
// What the Dockerfile begins with, golang, cannot be pulled everywhere. In its place
// stands a base made of Debian's packages, of this machine's Go, and of the modules
// that go.mod names.
package image
