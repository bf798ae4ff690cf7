package pull

import "time"

// restSeen is what was seen of the layers that a manifest has beyond limits.Layers. It is in
// sums, and all of it is estimated.
type restSeen struct {
	there int64     // By that the lease lists
	moved time.Time // when that grew last
}

func (r *restSeen) learn(there int64, now time.Time) {
	if there > r.there {
		r.there, r.moved = there, now
	}
}

// restBytes are the bytes of the layers in sums that were fetched, or were there. Whether a
// blob was there before nobody has asked: they are taken to be what the root is.
func (h *history) restBytes() (fetched, cached int64) {
	if h.manifest == nil {
		return 0, 0
	}
	there := min(h.rest.there, h.manifest.Rest.Size)
	if h.root.cached(h.created) {
		return 0, there
	}
	return there, 0
}

// omitOf takes note of what is left out of a pull, when that is seen at first.
func (t *Tracker) omitOf(h *history, r *Reading) {
	if m := h.manifest; m != nil && m.Rest.Layers > h.omittedLayers {
		t.omit(OmittedLayers, m.Rest.Layers-h.omittedLayers)
		h.omittedLayers = m.Rest.Layers
	}
	if r.Omitted > h.omittedBlobs {
		t.omit(OmittedBlobs, r.Omitted-h.omittedBlobs)
		h.omittedBlobs = r.Omitted
	}
}

// isPartial tells that not all bytes of the pull are counted one by one.
func (h *history) isPartial() bool { return h.omittedLayers+h.omittedBlobs > 0 }
