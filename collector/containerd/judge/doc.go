// Package judge makes readings of what containerd lists: it decides which leases are
// pulls, which blob of a lease is the root of its image, and which image record belongs to
// a lease that nobody saw. It is pure: no call, no clock.
//
// A [Look] takes one listing of a namespace. It says what else it wants to know of
// containerd ([Look.Wants]), takes the answers ([Look.Take]), and when it wants nothing
// more it has the readings ([Look.Readings]). Answers are facts and stay known if the look
// is given up; what is forgotten is forgotten when the look is done ([Look.Done]). So a
// look that fails half-way loses nothing.
//
// What is seen, and what is reported:
//
//	lease  content or ingest    image record      reported
//	yes    a root, visited      or not            a pull from the lease's creation on
//	yes    several, visited     or not            a pull for each; the first from the lease's creation
//	                                              on, the others from when their root came
//	yes    a root, not visited  or not            nothing: somebody keeps an image (docker save)
//	yes    made on the node     or not            nothing: an import, a build, a commit, a conversion
//	yes    none                 of a visited      a pull of what was there, if the record was written
//	                            root              between the last listing and the end
//	yes    none                 not seen          nothing: refused, or not a pull yet
//	a builder's, whatever it holds                nothing: it resolves, and drops what it has found
//	no     root come or         of the name in    a pull from when its root came, its start estimated,
//	       visited lately       its labels        if it fetched or unpacked anything
//	no     or not               of another name   nothing: a tag, a conversion
//
// Visited means that something wrote the root or its labels since the lease was created:
// every client that pulls does so, also for what is there already
// (core/remotes/docker/handler.go:34, core/metadata/content.go:94 @v2.4.2, alike from 1.7).
package judge
