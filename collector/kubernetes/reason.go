package kubernetes

import (
	"strings"

	"github.com/pulltrace/pulltrace/collector/limits"
	"github.com/pulltrace/pulltrace/collector/pull"
)

// errorType is why a pull failed, by kubelet's reason and the runtime's message.
//
// A message is a chain of causes, from the outermost to the innermost: the words
// of the runtime come first, and what a registry, an image or a verifier may have
// written comes last. So the part that stands first decides, and what follows it
// decides nothing.
func errorType(reason, message string) pull.ErrorType {
	if reason == reasonSignature {
		return pull.ErrRejected
	}
	message = message[:min(len(message), limits.Message)]
	code, message := cutCode(message)
	if code == "Unavailable" {
		return pull.ErrOther // it is the runtime that does not answer
	}
	if t, ok := firstPart(message); ok {
		return t
	}
	switch {
	case code == "NotFound" && strings.HasSuffix(message, ": not found"):
		return pull.ErrNotFound
	case code == "DeadlineExceeded":
		return pull.ErrTimeout
	case reason == reasonUnavailable:
		return pull.ErrConnection
	default:
		return pull.ErrOther
	}
}

// cutCode takes off the code of a gRPC error.
func cutCode(message string) (code, rest string) {
	if after, ok := strings.CutPrefix(message, "rpc error: code = "); ok {
		if code, rest, ok = strings.Cut(after, " desc = "); ok {
			return code, rest
		}
	}
	return "", message
}

// part is a fixed part of a message.
type part struct {
	text string
	says func(rest string) pull.ErrorType // of what follows it, up to the end
}

// parts are looked for together, and the one that stands first in a message
// counts. Most are containerd's and Go's; testdata/messages.json has each in a
// message as it was got.
var parts = []part{
	{"unexpected status", statusCode}, // from HEAD request to URL: 403 Forbidden; up to 2.0 also: code URL: 403 Forbidden
	{"pull access denied", is(pull.ErrUnauthorized)},
	{"no basic auth credentials", is(pull.ErrUnauthorized)},
	{" blocked pull of ", is(pull.ErrRejected)}, // image verifier NAME blocked pull of …
	{"could not fetch content descriptor ", is(pull.ErrNotFound)},

	{": lookup ", is(pull.ErrDNS)}, // dial tcp: lookup HOST on SERVER: no such host
	{": tls: ", is(pull.ErrTLS)},
	{": remote error: tls: ", is(pull.ErrTLS)},
	{": x509: ", is(pull.ErrTLS)},
	{": http: server gave HTTP response to HTTPS client", is(pull.ErrTLS)},
	{": i/o timeout", is(pull.ErrTimeout)},
	{": net/http: TLS handshake timeout", is(pull.ErrTimeout)},
	{": net/http: timeout awaiting response headers", is(pull.ErrTimeout)},
	{": connect: connection timed out", is(pull.ErrTimeout)},
	{"context deadline exceeded", is(pull.ErrTimeout)},
	{": context canceled", is(pull.ErrTimeout)}, // by containerd, after image_pull_progress_timeout
	{": connect: ", is(pull.ErrConnection)},     // connection refused, no route to host, …
	{": connection reset by peer", is(pull.ErrConnection)},
	{": broken pipe", is(pull.ErrConnection)},
	{": unexpected EOF", is(pull.ErrConnection)},
	{": EOF", is(pull.ErrConnection)},
	{": http2: ", is(pull.ErrConnection)},

	{"unexpected media type ", is(pull.ErrOther)}, // no manifest, but like a page to log in
	{"unexpected commit digest ", is(pull.ErrChecksum)},
	{"wrong diff id ", is(pull.ErrChecksum)},
	{"failed to extract layer ", unpack},
	{"failed to unpack image on snapshotter ", unpack},
	{": no space left on device", is(pull.ErrNoSpace)},
	{": disk quota exceeded", is(pull.ErrNoSpace)},

	// Of CRI-O, which tells the registry's own words.
	{": toomanyrequests: ", is(pull.ErrRateLimited)},
	{": manifest unknown", is(pull.ErrNotFound)},
	{"denied: requested access to the resource is denied", is(pull.ErrUnauthorized)},
	{": unauthorized: ", is(pull.ErrUnauthorized)},
}

func is(t pull.ErrorType) func(string) pull.ErrorType {
	return func(string) pull.ErrorType { return t }
}

func firstPart(message string) (pull.ErrorType, bool) {
	first := -1
	var says func(string) pull.ErrorType
	var rest string
	for _, p := range parts {
		if at := strings.Index(message, p.text); at >= 0 && (first < 0 || at < first) {
			first, says, rest = at, p.says, message[at+len(p.text):]
		}
	}
	if first < 0 {
		return "", false
	}
	return says(rest), true
}

// statusCode reads the HTTP status that follows a URL, in which there is no blank.
func statusCode(rest string) pull.ErrorType {
	_, after, _ := strings.Cut(rest, ": ")
	code, _, _ := strings.Cut(after, " ")
	switch code {
	case "401", "403":
		return pull.ErrUnauthorized
	case "404", "410":
		return pull.ErrNotFound
	case "429":
		return pull.ErrRateLimited
	case "408", "504":
		return pull.ErrTimeout
	default:
		return pull.ErrOther
	}
}

// unpack tells a full disk from a layer that is broken. A name in the layer may
// stand before the end of the message.
func unpack(rest string) pull.ErrorType {
	rest = strings.TrimSuffix(rest, ": unknown") // up to 1.7
	if strings.HasSuffix(rest, ": no space left on device") || strings.HasSuffix(rest, ": disk quota exceeded") {
		return pull.ErrNoSpace
	}
	return pull.ErrUnpack
}
