package kubernetes

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pulltrace/pulltrace/collector/limits"
	"github.com/pulltrace/pulltrace/collector/pull"
)

// record is a message as a runtime gave it, without the "rpc error: code = Unknown
// desc = " that kubelet takes off (cri-client, remote_image.go:342 @v0.37.2).
// Those of containerd were got by PullImage calls, against registries that failed
// in the way that is told; those with a source are quoted there.
type record struct {
	Containerd []string       `json:"containerd"`
	Source     string         `json:"source"`
	How        string         `json:"how"`
	Want       pull.ErrorType `json:"want"`
	Message    string         `json:"message"`
}

func records(tb testing.TB) []record {
	tb.Helper()
	b, err := os.ReadFile("testdata/messages.json")
	if err != nil {
		tb.Fatal(err)
	}
	var rs []record
	if err := json.Unmarshal(b, &rs); err != nil {
		tb.Fatal(err)
	}
	return rs
}

func TestErrorTypeOfRealMessages(t *testing.T) {
	seen := map[pull.ErrorType]bool{}
	for _, r := range records(t) {
		if got := errorType(reasonFailed, r.Message); got != r.Want {
			t.Errorf("%v%s, %s: %s, want %s, of\n%s", r.Containerd, r.Source, r.How, got, r.Want, r.Message)
		}
		seen[r.Want] = true
	}
	for _, want := range []pull.ErrorType{
		pull.ErrNotFound, pull.ErrUnauthorized, pull.ErrRateLimited, pull.ErrTimeout, pull.ErrConnection, pull.ErrDNS,
		pull.ErrTLS, pull.ErrNoSpace, pull.ErrChecksum, pull.ErrRejected, pull.ErrUnpack, pull.ErrOther,
	} {
		if !seen[want] {
			t.Errorf("no message is of type %s", want)
		}
	}
}

func TestErrorTypeByReason(t *testing.T) {
	for _, test := range []struct {
		reason, message string
		want            pull.ErrorType
	}{
		{reasonSignature, "image pull failed for a/b:1 because the signature validation failed: toomanyrequests: x", pull.ErrRejected},
		{reasonUnavailable, "image pull failed for a/b:1 because the registry is unavailable", pull.ErrConnection},
		{reasonUnavailable, `image pull failed for a/b:1 because the registry is unavailable: Get "https://a/v2/": dial tcp: lookup a on 10.96.0.10:53: no such host`, pull.ErrDNS},
		{reasonFailed, "", pull.ErrOther},
		{reasonFailed, "rpc error: code = DeadlineExceeded desc = stream terminated by RST_STREAM", pull.ErrTimeout},
		{reasonFailed, "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused\"", pull.ErrOther},
		{reasonFailed, "failed to pull image: " + strings.Repeat("x", limits.Message) + ": no space left on device", pull.ErrOther},
	} {
		if got := errorType(test.reason, test.message); got != test.want {
			t.Errorf("%s %.120q: %s, want %s", test.reason, test.message, got, test.want)
		}
	}
}

// What a registry writes after containerd's own words must not change what they say.
func FuzzErrorType(f *testing.F) {
	var fixed []record
	for _, r := range records(f) {
		f.Add(r.Message)
		if strings.Contains(r.Message, "unexpected status") && r.Source == "" {
			fixed = append(fixed, r)
		}
	}
	if len(fixed) == 0 {
		f.Fatal("no message has a status")
	}
	known := []pull.ErrorType{
		pull.ErrNotFound, pull.ErrUnauthorized, pull.ErrRateLimited, pull.ErrTimeout, pull.ErrConnection, pull.ErrDNS,
		pull.ErrTLS, pull.ErrNoSpace, pull.ErrChecksum, pull.ErrRejected, pull.ErrUnpack, pull.ErrOther,
	}
	f.Fuzz(func(t *testing.T, message string) {
		for _, reason := range []string{reasonFailed, reasonBackOff, reasonUnavailable, reasonSignature} {
			if got := errorType(reason, message); !slices.Contains(known, got) {
				t.Errorf("%s %q is %q", reason, message, got)
			}
		}
		for _, r := range fixed {
			if got := errorType(reasonFailed, r.Message+"\n"+message); got != r.Want {
				t.Errorf("%q after %q is %s, want %s", message, r.Message, got, r.Want)
			}
		}
	})
}
