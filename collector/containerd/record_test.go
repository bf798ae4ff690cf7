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
		want    digest.Digest
	}{
		"none":                              {},
		"after the lease was asked":         {records: []record{{"k8s.io", root, at(120)}}, want: root},
		"twice":                             {records: []record{{"k8s.io", root, at(120)}, {"k8s.io", root, at(121)}}, want: root},
		"before the lease was asked":        {records: []record{{"k8s.io", root, at(90)}}},
		"after the lease went":              {records: []record{{"k8s.io", root, at(131)}}},
		"of another namespace":              {records: []record{{"default", root, at(120)}}},
		"of another pull":                   {records: []record{{"k8s.io", root, at(120)}}, claimed: root},
		"of one image and of another":       {records: []record{{"k8s.io", root, at(120)}, {"k8s.io", other, at(121)}}},
		"of an image and of another pull's": {records: []record{{"k8s.io", root, at(120)}, {"k8s.io", other, at(121)}}, claimed: other, want: root},
	} {
		gone := &lease{id: "gone", created: at(0), askedAt: at(100), gone: true, goneAt: at(130)}
		s := &Source{records: test.records, leases: map[leaseKey]*lease{
			{"k8s.io", "gone"}:  gone,
			{"k8s.io", "other"}: {id: "other", root: test.claimed},
		}}
		if got := s.unclaimedRoot("k8s.io", gone); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
