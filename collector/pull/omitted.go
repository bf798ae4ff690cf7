package pull

// Omitted names a kind of things of which some were left out, since there were more of them
// than package limits allows.
type Omitted string

// The kinds.
const (
	OmittedEvents   Omitted = "event"   // of the runtime: they came faster than they were handled
	OmittedRecords  Omitted = "record"  // image records whose events came faster than they may be asked for
	OmittedLeases   Omitted = "lease"   // of a namespace that has too many
	OmittedLayers   Omitted = "layer"   // of a manifest, which are reported in sums
	OmittedBlobs    Omitted = "blob"    // of a pull whose manifest cannot be read
	OmittedWaiters  Omitted = "waiter"  // containers and image volumes that wait for an image
	OmittedFailures Omitted = "failure" // failed calls for an image, of which it was not known yet which pull's they are
)

// AllOmitted lists every [Omitted].
var AllOmitted = []Omitted{
	OmittedEvents, OmittedRecords, OmittedLeases, OmittedLayers, OmittedBlobs, OmittedWaiters, OmittedFailures,
}

// omit takes note that so many were left out.
func (t *Tracker) omit(kind Omitted, n int) {
	if n > 0 {
		t.omitted[kind] += n
	}
}

// takeOmitted is what was left out since the last update.
func (t *Tracker) takeOmitted() map[Omitted]int {
	if len(t.omitted) == 0 {
		return nil
	}
	omitted := t.omitted
	t.omitted = make(map[Omitted]int)
	return omitted
}
