package judge

import (
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/limits"
	"github.com/pulltrace/pulltrace/collector/pull"
)

// Record is an image record that was written, as an event reported.
type Record struct {
	Image pull.Image // its root is the record's target
	Time  time.Time
}

// ParseRecord parses an image record that was written at a time. It is not ok for the
// records that the CRI writes under the digest of the config, and where the digest is none.
func ParseRecord(name, target string, at time.Time) (r Record, ok bool) {
	root, ok := ParseDigest(target)
	if !ok || IsImageID(name) {
		return r, false
	}
	r = Record{Image: ImageName(name), Time: at}
	r.Image.Root = root
	return r, true
}

// Event is the record as the tracker wants it.
func (r Record) Event(namespace string) pull.Event {
	return pull.Event{Time: r.Time, Namespace: namespace, Kind: pull.ImageStored, Digest: r.Image.Root, Image: r.Image}
}

// Record takes note of an image record. It is looked at by the next look.
func (n *Namespace) Record(r Record) {
	n.records = appendRecord(n.records, r)
	n.unread = appendRecord(n.unread, r)
}

// appendRecord forgets the oldest one where there are too many.
func appendRecord(records []Record, r Record) []Record {
	if len(records) == limits.SeenRecords {
		records = slices.Delete(records, 0, 1)
	}
	return append(records, r)
}

// Recorded tells whether an event reported a record of a root since a time, and until another
// one if that is not zero.
func (n *Namespace) Recorded(root digest.Digest, since, until time.Time) bool {
	return slices.ContainsFunc(n.records, func(r Record) bool {
		return r.Image.Root == root && !r.Time.Before(since) && (until.IsZero() || !r.Time.After(until))
	})
}

// recordsOf are the image records of a root that were written since a time, where no
// event reported one. To list them costs more the more images there are, so it is left
// for pulls that failed, or whose events were lost.
func (k *Look) recordsOf(l *lease, root digest.Digest, since time.Time) []pull.Event {
	if k.namespace.Recorded(root, since, l.goneAt) {
		return nil
	}
	var events []pull.Event
	for _, r := range k.stored(l, root, since) {
		events = append(events, r.Event(k.namespace.name))
	}
	return events
}

// isRecorded is when an image record of a root was first written since a time; zero if none
// was.
func (k *Look) isRecorded(l *lease, root digest.Digest, since time.Time) (at time.Time) {
	for _, r := range k.namespace.records {
		if r.Image.Root == root && !r.Time.Before(since) {
			return r.Time
		}
	}
	for _, e := range k.stored(l, root, since) {
		if !e.Time.Before(since) && (at.IsZero() || e.Time.Before(at)) {
			at = e.Time
		}
	}
	return at
}

// recordTime is how long a lease that went without a root waits for the image
// event that may tell it: events and polls come over two connections.
const recordTime = 250 * time.Millisecond

// unclaimedRoot is the root of a lease that was seen, but went before it listed
// anything: that of the only image record that was written after the lease was last
// asked for its resources, is not of another lease, and visited its root. Such is a pull of
// an image that was there. A record that is older is not the lease's, for it would have
// listed its root by then: a tag, beside a pull that the registry refused.
func (k *Look) unclaimedRoot(gone *lease) digest.Digest {
	claimed := make(map[digest.Digest]bool)
	rootless := 0
	for _, l := range k.namespace.leases {
		if l.closed {
			continue
		}
		roots := k.rootsOf(l)
		for _, r := range roots {
			claimed[r.digest] = true
		}
		if len(roots) == 0 && l.gone() {
			rootless++
		}
	}
	var found Record
	for _, r := range k.namespace.records {
		switch {
		case claimed[r.Image.Root], r.Time.Before(gone.askedAt), r.Time.After(gone.goneAt):
		case found.Image.Root != "" && found.Image.Root != r.Image.Root:
			return ""
		case found.Image.Root == "":
			found = r
		}
	}
	root := found.Image.Root
	if root == "" || rootless > 1 {
		return ""
	}
	info := k.freshInfo(gone, root)
	if info.UpdatedAt.Before(gone.created) || !isOf(found.Image, info.Labels) {
		return ""
	}
	return root
}
