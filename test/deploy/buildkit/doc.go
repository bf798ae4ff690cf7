// Package buildkit builds Dockerfiles as docker buildx does, without a Docker engine:
// with BuildKit's own daemon, which is started for one build and ended after it.
//
// It is pinned by the module in v0.34, with the runc it runs steps with; both are
// built once and kept in the user's cache folder, and so is what it has built. It
// needs Linux and root.
package buildkit
