package kubernetes

import (
	"strings"
	"time"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// backedOff stands before the reason and message of an attempt while kubelet waits
// to make the next one: Back-off pulling image "nginx:1": ErrImagePull: rpc error: …
// (image_manager.go:345 and 375 @v1.37.2). Older kubelets tell the image alone.
const backedOff = "Back-off pulling image "

// failuresOf are the states of the containers of a pod whose last pull has failed.
func failuresOf(p *Pod) map[string]waiting {
	var failures map[string]waiting
	for c, s := range p.containers() {
		if !pullFailed(s) {
			continue
		}
		if failures == nil {
			failures = map[string]waiting{}
		}
		failures[c.Name] = *s.State.Waiting
	}
	return failures
}

// attempts are the pulls that have failed between two states of a pod.
//
// Kubelet tells a failure (ErrImagePull, or RegistryUnavailable and
// SignatureValidationFailed of runtimes that say so), then the back-off after it,
// in which the same message is wrapped, then the next failure. Two that follow on
// each other without a change of reason or message are one state of the API, and
// are told as one attempt. So is an attempt whose failure was passed over, since
// the watch merges changes, if its message is that of the one before.
func attempts(p *Pod, deleted time.Time, before, after map[string]waiting, now time.Time) []pull.Attempt {
	var failed []pull.Attempt
	for c := range p.containers() {
		is, ok := after[c.Name]
		was, ok2 := before[c.Name]
		if !ok || ok2 && !another(was, is) {
			continue
		}
		reason, message := is.attempt()
		w, ok := p.culprit(c, message)
		if !ok {
			continue
		}
		w.Deleted = deleted
		failed = append(failed, pull.Attempt{Waiter: w, Time: now, Err: errorType(reason, message), Message: message})
	}
	return failed
}

// another tells whether a state is of another attempt than the one before.
func another(was, is waiting) bool {
	if was == is {
		return false
	}
	_, old := was.attempt()
	_, message := is.attempt()
	if is.Reason != reasonBackOff {
		return true // a failure with another message, or after a back-off
	}
	// The back-off that follows a failure: its own, unless the message is another.
	return message != "" && message != old
}

// attempt is the reason and the message of the failed pull behind a state. Of a
// back-off they are wrapped in its message, or not told.
func (w waiting) attempt() (reason, message string) {
	if w.Reason != reasonBackOff {
		return w.Reason, w.Message
	}
	rest, ok := strings.CutPrefix(w.Message, backedOff)
	if !ok {
		return w.Reason, ""
	}
	// The image is quoted, and has neither blanks nor quotes.
	_, rest, _ = strings.Cut(rest, `": `)
	reason, message, _ = strings.Cut(rest, ": ")
	return reason, message
}

// culprit is what the failed pull was for: the container, or an image volume that
// it mounts, since kubelet shows that failure at the container, too
// (kuberuntime_manager.go:1831 @v1.37.2). The runtime names the image first.
func (p *Pod) culprit(c *container, message string) (pull.Waiter, bool) {
	w, image := pull.Waiter{Container: c.Name}, c.Image
	first := mention(message, c.Image)
	for _, v := range p.Spec.Volumes {
		if v.Image == nil || !c.mounts(v.Name) {
			continue
		}
		if at := mention(message, v.Image.Reference); at >= 0 && (first < 0 || at <= first) {
			w, image, first = pull.Waiter{Volume: v.Name}, v.Image.Reference, at
		}
	}
	ref, ok := referenceOf(image)
	w.Pod, w.Image = podOf(p), ref
	return w, ok
}

// mention is where a message names an image in quotes, as it is written in the
// pod or as containerd writes it; negative if it does not.
func mention(message, image string) int {
	at := -1
	ref, ok := referenceOf(image)
	if !ok {
		return at
	}
	full := ref.Name
	if ref.Tag != "" {
		full += ":" + ref.Tag
	}
	if ref.Digest != "" {
		full += "@" + ref.Digest.String()
	}
	for _, form := range []string{image, image + ":" + ref.Tag, full, ref.Name + "@" + ref.Digest.String()} {
		if i := strings.Index(message, `"`+form+`"`); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	return at
}
