package pull

import "time"

// downloads counts the blobs that are downloaded at once. If they are more than the
// runtime is said to have slots for, the configuration is wrong: it has as many.
type downloads struct {
	most int       // that were seen
	seen int       // more than there are slots, by one step of each
	at   time.Time // then

	moving []*blob // kept for its space
}

// slots is how many slots there are, of which so many are configured. 0 means that
// there are none.
func (d *downloads) slots(configured int) int {
	if configured == 0 {
		return 0
	}
	return max(configured, d.most)
}

// recently is how long a download that has ended is counted.
const recently = time.Minute

// count counts the orchestrator's downloads: other clients may download by themselves,
// with slots of their own. A blob that has moved before and after some time was downloaded
// at that time, unless its connection was cut, and another one had its slot meanwhile. So
// that they are more than the slots must be seen twice, by other steps. It tells whether
// that has just been.
func (d *downloads) count(pulls map[ID]*history, slots int, now time.Time) bool {
	clear(d.moving)
	d.moving = d.moving[:0]
	for _, h := range pulls {
		if !h.orchestrated || !h.gone.IsZero() {
			continue
		}
		for _, b := range h.blobs {
			if b.ours && !b.since.IsZero() && (b.open || now.Sub(b.lastStep()) < recently) {
				d.moving = append(d.moving, b)
			}
		}
	}
	n, at := atOnce(d.moving, time.Time{})
	if slots == 0 || n <= slots {
		d.seen = 0
		return false
	}
	if d.seen == 0 {
		d.at = at
	}
	d.seen = max(d.seen, n)
	if again, _ := atOnce(d.moving, d.at); d.most == 0 && again <= slots {
		return false
	}
	d.most, d.seen = d.seen, 0
	return true
}

// atOnce is how many blobs were downloaded at once, and when, by steps that began after
// some time.
func atOnce(blobs []*blob, after time.Time) (most int, at time.Time) {
	for _, b := range blobs {
		n := 0
		for _, other := range blobs {
			if other.since.After(after) && !other.since.After(b.since) && other.lastStep().After(b.since) {
				n++
			}
		}
		if n > most || (n == most && b.since.Before(at)) {
			most, at = n, b.since
		}
	}
	return most, at
}
