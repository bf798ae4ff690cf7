package pull

import "time"

// meet takes note of which daemon answers. What is known of another one says nothing of this
// one, though both use the same names for their namespaces and, for the same images, the same
// digests. The pulls of the other one are over. What came since it was seen last is taken to
// be of the new one.
func (t *Tracker) meet(o *Observation) {
	before := t.daemon
	t.daemon = o.Daemon
	if before == "" || before == o.Daemon {
		return
	}
	for _, h := range t.pulls {
		if h.gone.IsZero() {
			h.gone, h.lost = t.observed, true
		}
		if record, found := t.record(h, t.records(h), true); found && h.record == nil && !record.Time.After(t.observed) {
			h.record = &record
		}
	}
	t.journal.forget(func(_ mark, at time.Time) bool { return at.After(t.observed) })
	t.past = nil
	clear(t.claims)
	clear(t.used)
	clear(t.abandoned)
	clear(t.doubted)
	t.downloads = downloads{}
	t.commits = commitEvents{since: o.Asked}
}
