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
//	lease   content or ingest      image record   reported
//	yes     root, visited          any            a pull from the lease's creation on
//	yes     several roots,         any            a pull for each root; the first from the lease's
//	        each visited                          creation on, the others from when their root came
//	yes     root, not visited      any            nothing: somebody keeps an image (docker save)
//	yes     root of no registry,   any            nothing: an import, a build, a commit
//	        or refs without digest
//	yes     none listed            of a visited   a pull of what was there, if the record was
//	                               root           written between the last listing and the end
//	yes     none listed            none           nothing: refused, or not yet a pull
//	yes,    any                    any            nothing: a builder's, which resolves and drops
//	labelled buildkit/lease.temporary
//	no      root, come or visited  of its own     a pull from when its root came, its start estimated,
//	        within minutes         repository     if it fetched or unpacked anything
//	no      any                    of another     nothing: a tag, a conversion
//	                               name
//
// Visited means that something wrote the root or its labels since the lease was created:
// every client that pulls does so, also for what is there already
// (core/remotes/docker/handler.go:34, core/metadata/content.go:94 @v2.4.2, alike from 1.7).
package judge
