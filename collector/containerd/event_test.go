package containerd

import (
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// The record of an image that was there is written just before the lease goes.
func TestUnclaimedRoot(t *testing.T) {
	root, other := digest.FromString("root"), digest.FromString("other")
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	for name, test := range map[string]struct {
		records []record
		claimed digest.Digest // by another lease
		unasked bool
		want    digest.Digest
	}{
		"none":                              {},
		"after the lease was asked":         {records: []record{{"k8s.io", root, at(20)}}, want: root},
		"twice":                             {records: []record{{"k8s.io", root, at(20)}, {"k8s.io", root, at(21)}}, want: root},
		"before the lease was asked":        {records: []record{{"k8s.io", root, at(5)}}},
		"and the lease never asked":         {records: []record{{"k8s.io", root, at(20)}}, unasked: true},
		"after the lease went":              {records: []record{{"k8s.io", root, at(31)}}},
		"of another namespace":              {records: []record{{"default", root, at(20)}}},
		"of another pull":                   {records: []record{{"k8s.io", root, at(20)}}, claimed: root},
		"of one image and of another":       {records: []record{{"k8s.io", root, at(20)}, {"k8s.io", other, at(21)}}},
		"of an image and of another pull's": {records: []record{{"k8s.io", root, at(20)}, {"k8s.io", other, at(21)}}, claimed: other, want: root},
	} {
		gone := &lease{id: "gone", created: at(0), askedAt: at(10), gone: true, goneAt: at(30)}
		if test.unasked {
			gone.askedAt = time.Time{}
		}
		s := &Source{records: test.records, leases: map[leaseKey]*lease{
			{"k8s.io", "gone"}:  gone,
			{"k8s.io", "other"}: {id: "other", root: test.claimed},
		}}
		if got := s.unclaimedRoot("k8s.io", gone); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
