// Package registry is an OCI distribution registry that runs inside a test or
// a demo, on a loopback port of its own, and tells the truth about what it did.
//
//	reg, err := registry.Start()
//	defer reg.Close()
//
//	layers, err := registry.NewLayers(8<<20, 8<<20) // sizes of the compressed blobs, to the byte
//	img, err := reg.Push("team/app:1", layers)      // index, manifest, config and layers
//
//	// … something pulls img.Ref …
//
//	reg.Served(img.Blobs()...) // body bytes of config and layers that went out
//	reg.Requests()             // who asked for what, from when to when
//
// A layer is a gzipped tar with one file of random content, made anew each
// time it is read: an image of many gigabytes takes no memory and no disk.
// Pushing the same *Layer into two images makes them share it. NewLayerOf makes
// one of another media type, and the options of Push other forms of images. PushArchive
// holds an image that was built elsewhere. A client may push as well: Has tells of that.
//
// Bandwidth is shaped for the whole registry, for one repository or for one
// digest. All limits that apply to a body apply together, and each may change
// while it is being served:
//
//	reg.SetRate(3_000_000)
//	reg.SetRepositoryRate("team/app", 1_000_000)
//	reg.SetDigestRate(img.Layers[0].Digest, 100_000)
//
// Faults are set on a digest, be it a manifest's or a blob's, and hold until
// they are replaced:
//
//	reg.SetFaults(img.Root.Digest, registry.Delay(2*time.Second))
//	reg.SetFaults(img.Root.Digest, registry.Hold(), registry.On(http.MethodHead)) // until they are replaced
//	reg.SetFaults(img.Layers[0].Digest, registry.CutAt(1<<20))
//	reg.SetFaults(img.Layers[1].Digest, registry.StallAt(1<<20))
//	reg.SetFaults(img.Layers[2].Digest, registry.Status(503))
//	reg.SetFaults(img.Layers[2].Digest, registry.Status(429), registry.RetryAfter(time.Second), registry.Times(2))
//	reg.SetFaults(img.Layers[2].Digest, registry.Corrupt())
//	reg.SetFaults(img.Layers[2].Digest, registry.IgnoreRange())
//	reg.SetFaults(img.Layers[1].Digest) // well again: the stalled body goes on
package registry
