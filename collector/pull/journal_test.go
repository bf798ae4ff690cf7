package pull

import (
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/limits"
)

func TestJournal(t *testing.T) {
	a, b := digest.FromString("a"), digest.FromString("b")
	commit := func(d digest.Digest, seconds float64) Event {
		return Event{Time: at(seconds), Namespace: "ns", Kind: BlobCommitted, Digest: d}
	}
	var j journal
	for _, e := range []Event{commit(a, 3), commit(b, 2), commit(a, 1), commit(a, 3)} { // out of order, one repeated
		j.add(e)
	}
	m := mark{"ns", BlobCommitted, a}
	if got := j.first(m, at(0), at(9)); !got.Equal(at(1)) {
		t.Errorf("first %v, want 1 s", got)
	}
	if got := j.last(m, at(0), at(9)); !got.Equal(at(3)) {
		t.Errorf("last %v, want 3 s", got)
	}
	if got := len(j.between(m, at(0), at(9))); got != 2 {
		t.Errorf("%d events, want 2: a repeated one is the same", got)
	}
	if got := j.first(m, at(1.5), at(2.5)); !got.IsZero() {
		t.Errorf("first %v, want none", got)
	}
	j.forget(func(_ mark, happened time.Time) bool { return !happened.Before(at(2.5)) })
	if got := j.first(m, at(0), at(9)); !got.Equal(at(3)) {
		t.Errorf("first %v after forgetting, want 3 s", got)
	}
	if got := j.first(mark{"ns", BlobCommitted, b}, at(0), at(9)); !got.IsZero() {
		t.Errorf("first of b %v after forgetting, want none", got)
	}
}

func TestJournalIsBounded(t *testing.T) {
	var j journal
	for i := range limits.Events + 100 {
		j.add(Event{Time: at(float64(i)), Kind: BlobCommitted, Digest: digest.FromString("x")})
	}
	if got := len(j.events[mark{kind: BlobCommitted, digest: digest.FromString("x")}]); got != limits.Events {
		t.Errorf("%d events kept, want %d", got, limits.Events)
	}
}
