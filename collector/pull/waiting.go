package pull

import (
	"cmp"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

// Waiting is what the orchestrator, Kubernetes, shows of the pods of this node: who
// waits for an image at one moment, and which attempts to pull one have failed
// since the Waiting before.
type Waiting struct {
	Time    time.Time
	Up      bool // the orchestrator answers; if not, Waiters are those that were last seen
	Waiters []Waiter
	Failed  []Attempt
}

// Waiter is a container of a pod, or an image volume, that waits for its image.
type Waiter struct {
	Pod       Pod
	Container string // empty for an image volume
	Volume    string // empty for a container
	Image     Reference

	// Ready is when its pull could begin: the pod's sandbox was there, and the
	// container before it had started. Kubernetes tells whole seconds. Zero where
	// it is not known.
	Ready time.Time

	// Deleted is when somebody asked for the end of the pod; zero while nobody has.
	// A Waiter of a pod that is gone altogether is told once more.
	Deleted time.Time
}

// String names a waiter as namespace/pod/container, or as namespace/pod/volume.
func (w Waiter) String() string {
	return w.Pod.Namespace + "/" + w.Pod.Name + "/" + cmp.Or(w.Container, w.Volume)
}

// Pod is the identity of a pod.
type Pod struct{ Namespace, Name, UID string }

// Reference is an image as a pod asks for it, normalised.
type Reference struct {
	Name   string        // registry and repository without tag and digest: docker.io/library/nginx
	Tag    string        // empty where it is by digest alone
	Digest digest.Digest // empty where it is by tag alone
}

// String is the reference as it is written: name:tag or name@digest.
func (r Reference) String() string {
	if r.Digest != "" {
		return r.Name + "@" + r.Digest.String()
	}
	return r.Name + ":" + r.Tag
}

// Registry is the host of the registry, without its port.
func (r Reference) Registry() string {
	domain, _, _ := strings.Cut(r.Name, "/")
	return strings.Trim(withoutPort(domain), "[]") // an IPv6 address
}

// withoutPort is a host, or an IPv6 address in brackets, without its port.
func withoutPort(domain string) string {
	if colon := strings.LastIndexByte(domain, ':'); colon > strings.LastIndexByte(domain, ']') {
		return domain[:colon]
	}
	return domain
}

// Attempt is one call for an image that failed, as the orchestrator tells it.
type Attempt struct {
	Waiter  Waiter
	Time    time.Time // when it was seen to have failed
	Err     ErrorType
	Message string // of the runtime, unshortened
}

// ErrorType says why a pull failed, in one of few words.
type ErrorType string

// The reasons. The runtime tells none of them to those who look on: all but
// ErrOther come from the orchestrator.
const (
	ErrNotFound     ErrorType = "not_found"
	ErrUnauthorized ErrorType = "unauthorized"
	ErrRateLimited  ErrorType = "rate_limited"
	ErrTimeout      ErrorType = "timeout"
	ErrConnection   ErrorType = "connection"
	ErrDNS          ErrorType = "dns"
	ErrTLS          ErrorType = "tls"
	ErrNoSpace      ErrorType = "no_space"
	ErrChecksum     ErrorType = "checksum"
	ErrRejected     ErrorType = "rejected" // by an image verifier or a policy
	ErrUnpack       ErrorType = "unpack"
	ErrOther        ErrorType = "_OTHER"

	// ErrAbandoned is said of a pull that nobody drives any more. It has not failed: how it
	// would have ended is not known.
	ErrAbandoned ErrorType = "abandoned"
)
