package containerd

import (
	"testing"

	apievents "github.com/containerd/containerd/api/events"
	"github.com/containerd/containerd/v2/core/events"
	"google.golang.org/protobuf/types/known/anypb"
)

const encoded = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// What comes from outside may say anything.
func FuzzEvent(f *testing.F) {
	commit, err := anypb.New(&apievents.SnapshotCommit{Key: "extract-1 x", Name: "sha256:" + encoded})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("containerd.events.SnapshotCommit", commit.GetValue())
	f.Add("containerd.events.ContentCreate", []byte("\x0a\x01x"))
	f.Add("no.such.Event", []byte{})
	f.Fuzz(func(t *testing.T, kind string, payload []byte) {
		e, image, ok := parseEvent(&events.Envelope{Event: &anypb.Any{TypeUrl: kind, Value: payload}})
		if image != "" {
			return
		}
		if ok && e.Digest.Validate() != nil {
			t.Errorf("an event of %q", e.Digest)
		}
	})
}
